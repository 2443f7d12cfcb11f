"""What cameras record for each frame, from every source that has it."""

from __future__ import annotations

import shutil
import struct
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import OpenImageIO as oiio
import pytest

import mediadask as md
from mediadask import footage
from mediadask.metadata import gpmf
from tests.metadata.test_side_files import ARRI, ARRI_ROW, DJI, put

if TYPE_CHECKING:
    from tests.conftest import MakeClip


@pytest.fixture
def clip(make_clip: MakeClip, tmp_path: Path) -> Path:
    made = make_clip("tc.mov", codec="libx264", size=(128, 72), frames=4, rate=24, timecode="13:36:49:07")
    return Path(shutil.copy(made, tmp_path / "C0001.MOV"))


def test_a_table_with_a_row_for_each_frame_is_read_by_timecode(clip: Path) -> None:
    rows = [ARRI_ROW.format(index=at, frame=6 + at, focus=f"{2 + at}.5") for at in range(4)]
    put(clip, "C0001.MOV.csv", "\n".join([ARRI, *rows]) + "\n")
    values = md.frame_metadata(clip)
    assert values.focus_m.chunks is not None  # lazy
    assert values.focus_m.values.tolist()[:3] == [3.5, 4.5, 5.5]  # the first row is a frame before the clip
    assert np.isnan(values.focus_m.values[3])
    assert values.focus_m.attrs == {"source": "C0001.MOV.csv", "units": "m"}
    assert set(values.iso.values[:3]) == {400}
    assert values.time.values == pytest.approx(np.arange(4) / 24)


def test_subtitles_hold_until_the_next(clip: Path) -> None:
    put(clip, "C0001.SRT", DJI)
    values = md.frame_metadata(clip)
    assert values.iso.values.tolist() == [100, 200, 200, 200]
    assert values.to_dataframe().shape[0] == 4


def test_a_clip_without_any_has_an_empty_table(clip: Path) -> None:
    put(clip, "C0001.SRT", "1\n00:00:00,000 --> 00:00:01,000\nHello.\n")
    values = md.frame_metadata(clip)
    assert (list(values.data_vars), values.sizes["frame"]) == ([], 4)


def test_headers_of_a_sequence(tmp_path: Path) -> None:
    files = footage.write_sequence(tmp_path / "plate.%04d.exr", frames=4, size=(64, 36))
    for number, file in enumerate(files):
        image = oiio.ImageBuf(str(file))
        image.specmod().attribute("focus", 1.5 + number)
        image.write(str(file))
    files[2].unlink()
    focus = md.frame_metadata(tmp_path / "plate.%04d.exr").focus_m.values
    assert focus[[0, 1, 3]].tolist() == [1.5, 2.5, 4.5]
    assert np.isnan(focus[2])


def key(name: str, kind: str, size: int, data: bytes, repeat: int | None = None) -> bytes:
    repeat = len(data) // size if repeat is None else repeat
    return struct.pack(">4scBH", name.encode(), kind.encode(), size, repeat) + data.ljust(
        -(-len(data) // 4) * 4, b"\0"
    )


def nest(name: str, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return struct.pack(">4sBBH", name.encode(), 0, 1, len(data)) + data


def payload(iso: list[int], gyro: list[tuple[int, int, int]]) -> bytes:
    return nest(
        "DEVC",
        key("DVNM", "c", 1, b"Hero9 Black"),
        nest("STRM", key("STNM", "c", 1, b"ISO"), key("ISOE", "S", 2, struct.pack(f">{len(iso)}H", *iso))),
        nest(
            "STRM",
            key("SCAL", "s", 2, struct.pack(">h", 10)),
            key("GYRO", "s", 6, b"".join(struct.pack(">3h", *each) for each in gyro)),
        ),
        nest(
            "STRM",
            key("SCAL", "l", 4, struct.pack(">5i", 10_000_000, 10_000_000, 1000, 1000, 100)),
            key("GPS5", "l", 20, struct.pack(">5i", 373_318_000, -1_220_312_000, 10_500, 0, 0)),
        ),
    )


@pytest.fixture
def gopro(make_clip: MakeClip, tmp_path: Path) -> Path:
    """A MOV with a track of metadata and user data, as GoPro lays them out."""
    source = make_clip("plain.mov", codec="libx264", size=(128, 72), frames=4, rate=4)
    path = tmp_path / "GX010001.MP4"
    with av.open(str(source)) as read, av.open(str(path), "w", format="mp4") as made:
        video = made.add_stream_from_template(read.streams.video[0])
        data = made.add_data_stream("bin_data")
        data.time_base = Fraction(1, 1000)
        data.metadata["handler_name"] = "GoPro MET"
        video.metadata["handler_name"] = "GoPro AVC"
        for packet in read.demux(read.streams.video[0]):
            if packet.size:
                packet.stream = video
                made.mux(packet)
        packet = av.Packet(payload([100, 100, 400, 400], [(10, 0, 20), (30, 0, 20), (50, 0, 0), (70, 0, 0)]))
        packet.stream, packet.pts, packet.dts, packet.duration = data, 0, 0, 1000
        packet.time_base = Fraction(1, 1000)
        made.mux(packet)
    body = path.read_bytes()
    told = nest("DEVC", key("MINF", "c", 1, b"HERO9 Black"), key("CASN", "c", 1, b"C3441325"))
    udta = box(b"udta", box(b"FIRM", b"HD9.01.01.60.00\0") + box(b"GPMF", told))
    at = body.index(b"moov") - 4
    size = int.from_bytes(body[at : at + 4], "big")
    assert at + size == len(body)
    path.write_bytes(body[:at] + struct.pack(">I", size + len(udta)) + body[at + 4 :] + udta)
    return path


def box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", 8 + len(data)) + kind + data


def test_gopro(gopro: Path) -> None:
    found = md.inspect(gopro)
    assert (found.camera_make, found.camera_model, found.camera_serial) == (
        "GoPro",
        "HERO9 Black",
        "C3441325",
    )
    assert found.camera_firmware == "HD9.01.01.60.00"
    values = md.frame_metadata(gopro)
    assert values.iso.values.tolist() == [100, 100, 400, 400]
    assert values.gyro_rad_s.dims == ("frame", "axis")
    assert values.gyro_rad_s.values[:, 0].tolist() == [1, 3, 5, 7]
    assert values.gps_latitude_deg.values[0] == pytest.approx(37.3318)
    assert values.gyro_rad_s.attrs["units"] == "rad/s"


def test_damaged_gpmf_ends_where_it_is_damaged() -> None:
    whole = payload([100], [(1, 2, 3)])
    for cut in range(len(whole)):
        list(gpmf.streams(whole[:cut]))
    deep = b""
    for _ in range(50):
        deep = nest("DEVC", deep)
    assert list(gpmf.streams(deep)) == []
