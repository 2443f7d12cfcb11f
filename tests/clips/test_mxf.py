"""MXF: the index from its tables is the one that reading every packet gives, and costs next to nothing."""

from __future__ import annotations

import io
import random
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from mediadask.clips import Clip
from mediadask.clips.mxf import read_index
from mediadask.clips.scan import scan
from mediadask.errors import UnreadableMedia
from mediadask.footage import read_number

if TYPE_CHECKING:
    from pathlib import Path

SIZE = (320, 180)
LONG_GOP = {"codec": "mpeg2video", "pixel_format": "yuv422p", "options": {"g": "12", "bf": "2", "b": "4000k"}}
DNXHR = {"codec": "dnxhd", "pixel_format": "yuv422p", "options": {"profile": "dnxhr_hq"}}
AVC_INTRA = {
    "codec": "libx264",
    "pixel_format": "yuv422p10le",
    "size": (1920, 1080),
    "frames": 4,
    "options": {"avcintra-class": "100", "profile": "high422"},
}
JPEG2000 = {"codec": "jpeg2000", "pixel_format": "yuv422p10le", "frames": 14}
OP_ATOM = {"muxer": "mxf_opatom", "sound": None}
CLIPS: dict[str, dict[str, Any]] = {
    "dnxhr": DNXHR,
    "xdcam long GOP": LONG_GOP,
    "xdcam long GOP, several index segments": {**LONG_GOP, "frames": 600, "size": (64, 36)},
    "xdcam 23.976": {**LONG_GOP, "rate": Fraction(24000, 1001)},
    "h264 long GOP": {
        "codec": "libx264",
        "frames": 40,
        "options": {"preset": "veryfast", "x264-params": "open-gop=1:keyint=12:bframes=2:scenecut=0"},
    },
    "avc-intra": AVC_INTRA,
    "jpeg 2000": JPEG2000,
    "prores": {"codec": "prores_ks", "pixel_format": "yuv422p10le", "frames": 12},
    "dnxhr op-atom": {**DNXHR, **OP_ATOM},
    "jpeg 2000 op-atom": {**JPEG2000, **OP_ATOM},
    "avc-intra op-atom": {**AVC_INTRA, **OP_ATOM},
}
BY_RANGES = {"dnxhr", "avc-intra", "dnxhr op-atom", "jpeg 2000 op-atom", "avc-intra op-atom"}


@pytest.fixture
def mxf(make_clip: Any) -> Any:
    def make(name: str) -> Path:
        how = {"frames": 30, "size": SIZE, "rate": 25, "sound": "pcm_s16le", "timecode": "01:00:00:00"}
        return make_clip(f"{name.replace(' ', '_')}.mxf", **{**how, **CLIPS[name]})

    return make


class _Counting(io.FileIO):
    """A file that counts the bytes it hands out."""

    read_bytes = 0

    def read(self, size: int | None = -1) -> Any:
        data = super().read(size)
        self.read_bytes += len(data or b"")
        return data


@pytest.mark.parametrize("name", [name for name in CLIPS if name != "h264 long GOP"])
def test_the_tables_say_what_a_packet_scan_finds(mxf: Any, name: str) -> None:
    path = mxf(name)
    with path.open("rb") as file:
        index = read_index(file, path.stat().st_size)
    with av.open(str(path)) as container:
        scanned, _ = scan(str(path), container, container.streams.video[0])
    assert index is not None
    assert index.time_base == scanned.time_base
    for table in ("pts", "dts", "keyframe", "shown"):
        np.testing.assert_array_equal(getattr(index, table), getattr(scanned, table), table)
    assert index.by_ranges == (name in BY_RANGES)


@pytest.mark.parametrize("name", sorted(BY_RANGES))
def test_ranges_are_the_packets_to_the_byte(mxf: Any, name: str) -> None:
    path = mxf(name)
    index = Clip.open(path).index
    assert index.by_ranges
    data = path.read_bytes()
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    assert [data[at : at + size] for at, size in zip(index.offset, index.size, strict=True)] == packets


# The one in segments has too small a picture to read a number from.
@pytest.mark.parametrize("name", [name for name in CLIPS if "segments" not in name])
def test_any_frame_is_the_one_asked_for(mxf: Any, name: str) -> None:
    clip = Clip.open(mxf(name))
    for number in random.Random(name).sample(range(len(clip)), 4):
        (frame,) = clip.frames(number, number + 1)
        assert read_number(frame.planes[0]) == number
    assert clip.header.timecode == "01:00:00:00"


def test_the_tables_are_read_and_not_the_pictures(mxf: Any) -> None:
    path = mxf("avc-intra")
    with _Counting(path, "rb") as file:
        assert read_index(file, path.stat().st_size)
        assert file.read_bytes < 100_000 < path.stat().st_size / 20  # 64 KiB of them in search of a run-in


@pytest.mark.parametrize("name", ["xdcam long GOP", "dnxhr", "prores", "dnxhr op-atom", "jpeg 2000 op-atom"])
def test_a_file_without_its_footer_is_scanned(mxf: Any, tmp_path: Path, name: str) -> None:
    """As from a card that was pulled while recording: what is there opens, and every picture is right."""
    whole = bytearray(mxf(name).read_bytes())
    cut = tmp_path / "cut.mxf"
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(UnreadableMedia, match=r"cut\.mxf: truncated: of its pictures only \d+ are there"):
        Clip.open(cut)  # a copy that was cut short: its header tells of a footer
    footer = 17 + (whole[16] & 0x7F) + 24
    whole[footer : footer + 8] = bytes(8)
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    with cut.open("rb") as file:
        assert read_index(file, cut.stat().st_size) is None
    clip = Clip.open(cut)
    assert clip.index.by_ranges == ("op-atom" not in name)
    assert len(clip) >= 8
    for start in (0, 3, 5):
        assert [read_number(frame.planes[0]) for frame in clip.frames(start, start + 3)] == [
            start,
            start + 1,
            start + 2,
        ]


def test_damaged_tables_are_not_believed(mxf: Any) -> None:
    """Whatever byte of the tables is wrong: the index is none, or as long as the pictures."""
    path = mxf("xdcam long GOP")
    whole = path.read_bytes()
    chance = random.Random(1)
    footer = whole.rfind(bytes.fromhex("060e2b34020501010d0102010104"))
    for _ in range(300):
        damaged = bytearray(whole)
        at = chance.choice([chance.randrange(8192), chance.randrange(footer, len(whole))])
        damaged[at] ^= 1 << chance.randrange(8)
        index = read_index(io.BytesIO(damaged), len(damaged))
        assert index is None or len(index) == 30


def test_what_is_not_mxf_has_no_tables() -> None:
    for data in (b"", b"\0" * 100_000, b"RIFF" * 30_000):
        assert read_index(io.BytesIO(data), len(data)) is None
