"""Image sequences: every file type's samples exact, every naming, and every way a sequence can be broken."""

from __future__ import annotations

import functools
import struct
import threading
from fractions import Fraction
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import fsspec
import numpy as np
import OpenEXR
import OpenImageIO as oiio
import pytest

from mediadask.clips import BadFrame, Clip, Frame
from mediadask.clips.pattern import group_names, pattern_of
from mediadask.errors import CorruptFrame, InvalidRequest, MissingMedia, UnreadableMedia
from mediadask.footage import read_number, write_sequence

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIZE = (160, 90)
KINDS = {  # suffix and sample type: pixel format, dtype, bits
    ("exr", "half"): ("gbrpf16le", "float16", 16),
    ("exr", "float"): ("gbrpf32le", "float32", 32),
    ("dpx", "uint10"): ("gbrp10le", "uint16", 10),
    ("dpx", "uint12"): ("gbrp12le", "uint16", 12),
    ("dpx", "uint16"): ("gbrp16le", "uint16", 16),
    ("tif", "uint8"): ("gbrp", "uint8", 8),
    ("tif", "uint16"): ("gbrp16le", "uint16", 16),
    ("tif", "float"): ("gbrpf32le", "float32", 32),
    ("png", "uint8"): ("gbrp", "uint8", 8),
    ("png", "uint16"): ("gbrp16le", "uint16", 16),
    ("jpg", "uint8"): ("gbrp", "uint8", 8),
}


def number_in(frame: Frame) -> int:
    return read_number(np.stack(frame.planes[:3], -1).astype(np.float64))


def bad(clip: Clip) -> dict[int, str]:
    """What the reader says of the frames it cannot give."""
    frames = clip.reader.frames(clip, 0, len(clip), threads=1)
    return {frame.number: frame.reason for frame in frames if isinstance(frame, BadFrame)}


@pytest.fixture
def plate(tmp_path: Path) -> Callable[..., list[Path]]:
    """`plate(frames=…)` writes plate.1001.exr and on, and gives their paths."""

    def write(name: str = "plate.%04d.exr", **how: Any) -> list[Path]:
        return write_sequence(tmp_path / name, **{"frames": 4, "size": SIZE, **how})

    return write


@pytest.mark.parametrize(("suffix", "dtype"), KINDS)
def test_every_file_type_gives_its_own_samples(plate: Any, tmp_path: Path, suffix: str, dtype: str) -> None:
    plate(f"plate.%04d.{suffix}", dtype=dtype, frames=3)
    clip = Clip.open(tmp_path / f"plate.%04d.{suffix}")
    name, samples, bits = KINDS[suffix, dtype]
    pixel_format = clip.header.pixel_format
    assert (pixel_format.name, pixel_format.dtype, pixel_format.bits) == (name, samples, bits)
    assert (clip.header.width, clip.header.height) == SIZE
    for frame in clip.frames():
        assert [plane.shape for plane in frame.planes] == [SIZE[::-1]] * 3
        assert frame.planes[0].dtype == samples
        assert not frame.planes[0].flags.writeable
        assert number_in(frame) == 1001 + frame.number
        if not pixel_format.is_float:
            assert frame.planes[0].max() < 1 << bits


def test_the_header_says_what_the_files_say(plate: Any, tmp_path: Path) -> None:
    ap0 = (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767)
    plate(
        timecode="01:02:03:04",
        reel="A001C002_260101_R1AB",
        rate=Fraction(24000, 1001),
        attributes={"chromaticities": ("float[8]", ap0), "PixelAspectRatio": 2.0, "owner": "a show"},
    )
    header = Clip.open(tmp_path / "plate.####.exr").header
    assert header.frame_rate == Fraction(24000, 1001)
    assert (header.timecode, header.reel) == ("01:02:03:04", "A001C002_260101_R1AB")
    assert (header.color.primaries, header.color.transfer, header.color.range) == ("ap0", "linear", "full")
    assert (header.container, header.codec, header.first_number, header.pixel_aspect) == (
        "exr",
        "exr",
        1001,
        2,
    )
    assert ("exr header", "Copyright", "a show") in [(tag.source, tag.name, tag.value) for tag in header.tags]


def test_dpx_keeps_timecode_rate_and_reel(plate: Any, tmp_path: Path) -> None:
    plate("plate.%04d.dpx", dtype="uint10", timecode="10:00:00;02", reel="A001", rate=Fraction(30000, 1001))
    header = Clip.open(tmp_path / "plate.%04d.dpx").header
    assert (header.timecode, header.frame_rate, header.reel) == ("10:00:00;02", Fraction(30000, 1001), "A001")


@pytest.mark.parametrize(
    ("rate", "label", "fields"),
    [
        (Fraction(25), "10:00:00:24", (10, 0, 0, 24, 0, 0)),
        (Fraction(30000, 1001), "10:01:00;02", (10, 1, 0, 2, 1, 0)),
        (Fraction(48), "10:00:00:40", (10, 0, 0, 20, 0, 0)),
        (Fraction(50), "10:00:00:31", (10, 0, 0, 15, 0, 1)),
        (Fraction(60000, 1001), "10:01:00;59", (10, 1, 0, 29, 1, 1)),
        (Fraction(50), "10:00:00:27", (10, 0, 0, 27, 0, 0)),  # written by who counts no pairs
    ],
)
def test_the_standard_attributes_of_openexr_give_rate_and_timecode(
    tmp_path: Path, rate: Fraction, label: str, fields: tuple[int, ...]
) -> None:
    """As OpenEXR's own library writes them; above 39 frames a second timecode counts in pairs (ST 12-1)."""
    hours, minutes, seconds, frame, drop, second = fields
    header = {
        "framesPerSecond": rate,
        "timeCode": OpenEXR.TimeCode(hours, minutes, seconds, frame, drop, 0, second, *[0] * 11),
        "compression": OpenEXR.ZIP_COMPRESSION,
        "type": OpenEXR.scanlineimage,
    }
    with OpenEXR.File(header, {"RGB": np.zeros((8, 8, 3), np.float16)}) as exr:
        exr.write(str(tmp_path / "a.exr"))
    read = Clip.open(tmp_path / "a.exr").header
    assert (read.frame_rate, read.timecode) == (rate, label)


@pytest.mark.parametrize("suffix", ["exr", "dpx"])
def test_timecode_at_60_frames_comes_back(plate: Any, tmp_path: Path, suffix: str) -> None:
    dtype = "half" if suffix == "exr" else "uint10"
    plate(f"plate.%04d.{suffix}", dtype=dtype, timecode="10:00:00:41", rate=Fraction(60))
    header = Clip.open(tmp_path / f"plate.%04d.{suffix}").header
    assert (header.frame_rate, header.timecode) == (60, "10:00:00:41")


def test_a_rate_nobody_wrote_is_marked_as_assumed(plate: Any, tmp_path: Path) -> None:
    plate("plate.%04d.png", dtype="uint8")
    header = Clip.open(tmp_path / "plate.%04d.png").header
    assert header.frame_rate == 24
    assert [tag.value for tag in header.tags if tag.source == "assumed"] == ["24"]


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_every_code_of_a_dpx_comes_back_exactly(tmp_path: Path, bits: int) -> None:
    """Against files written byte by byte after SMPTE 268M, not by the library that reads them."""
    codes = np.arange(1 << bits, dtype=np.uint32)
    width = 64
    samples = np.resize(codes, (-(-len(codes) // (width * 3)), width, 3))
    _write_dpx(tmp_path / "ramp.dpx", samples, bits)
    clip = Clip.open(tmp_path / "ramp.dpx")
    (frame,) = clip.frames()
    assert clip.header.pixel_format.bits == bits
    np.testing.assert_array_equal(np.stack(frame.planes, -1), samples)


def _write_dpx(path: Path, samples: Any, bits: int) -> None:
    rows, columns, _ = samples.shape
    header = bytearray(b"\xff" * 2048)
    header[:36] = struct.pack(">4sI8sIIIII", b"SDPX", 2048, b"V2.0", 2048, 1, 1664, 384, 0)[:36]
    packing = {10: 1, 12: 1, 16: 0}[bits]
    if bits == 10:
        words = samples[..., 0] << 22 | samples[..., 1] << 12 | samples[..., 2] << 2
        data = words.astype(">u4").tobytes()
    else:
        data = (samples << (16 - bits)).astype(">u2").tobytes()
    struct.pack_into(">I", header, 16, 2048 + len(data))
    struct.pack_into(">HHII", header, 768, 0, 1, columns, rows)
    struct.pack_into(
        ">IIfIfBBBBHHIII",
        header,
        780,
        0,
        0,
        0.0,
        (1 << bits) - 1,
        2.0,
        50,
        2,
        2,
        bits,
        packing,
        0,
        2048,
        0,
        0,
    )
    path.write_bytes(bytes(header) + data)


def _write_exr(
    path: Path, parts: list[tuple[str, dict[str, Any]]], data: tuple[int, int, int, int] | None = None
) -> None:
    """Parts by name, each a mapping of channel name to (rows, columns) values; `data` is the data window's
    (x, y, width, height) inside a display window of 8 x 6."""
    x, y, width, height = data or (0, 0, 8, 6)
    specs, pixels = [], []
    for title, channels in parts:
        spec = oiio.ImageSpec(width, height, len(channels), "half")
        spec.x, spec.y = x, y
        spec.full_width, spec.full_height = 8, 6
        spec.channelnames = tuple(channels)
        if title:
            spec.attribute("oiio:subimagename", title)
        specs.append(spec)
        flat = [
            np.broadcast_to(np.asarray(value, np.float32), (height, width)) for value in channels.values()
        ]
        pixels.append(np.ascontiguousarray(np.stack(flat, -1)))
    out = oiio.ImageOutput.create(str(path))
    assert out.open(str(path), specs), out.geterror()
    for row, (spec, picture) in enumerate(zip(specs, pixels, strict=True)):
        assert row == 0 or out.open(str(path), spec, "AppendSubimage")
        assert out.write_image(picture), out.geterror()
    assert out.close()


def _levels(url: Any) -> list[float]:
    (frame,) = Clip.open(url).frames()
    return [float(plane[0, 0]) for plane in frame.planes]


def test_the_main_layer_is_read_and_the_others_by_name(tmp_path: Path) -> None:
    file = tmp_path / "render.exr"
    main = {"B": 0.25, "G": 0.5, "R": 0.75, "A": 1.0, "Z": 9.0}
    _write_exr(file, [("", {**main, "diffuse.R": 1.5, "diffuse.G": 2.5, "diffuse.B": 3.5})])
    assert _levels(file) == [0.75, 0.5, 0.25, 1.0]
    assert Clip.open(file).header.pixel_format.name == "gbrapf16le"
    assert _levels(f"{file}?layer=diffuse") == [1.5, 2.5, 3.5]
    assert _levels(f"{file}?layer=Z") == [9.0]
    assert Clip.open(f"{file}?layer=Z").header.pixel_format.model == "gray"
    listed = {tag.name: tag.value for tag in Clip.open(file).header.tags}["layers"]
    assert listed.split(", ")[0] == "diffuse"
    with pytest.raises(InvalidRequest, match=r"no layer 'spec'.*one of diffuse"):
        Clip.open(f"{file}?layer=spec")


def test_parts_of_a_multi_part_file_are_layers(tmp_path: Path) -> None:
    file = tmp_path / "render.exr"
    beauty, matte = {"R": 0.75, "G": 0.5, "B": 0.25}, {"R": 1.0, "G": 0.0, "B": 2.0}
    _write_exr(file, [("beauty", beauty), ("matte", matte), ("depth", {"Z": 7.0})])
    assert _levels(file) == [0.75, 0.5, 0.25]
    assert _levels(f"{file}?layer=matte") == [1.0, 0.0, 2.0]
    assert _levels(f"{file}?layer=depth") == [7.0]


@pytest.mark.parametrize(
    ("window", "filled"),
    [
        ((2, 1, 4, 3), (slice(1, 4), slice(2, 6))),  # smaller
        ((-2, -1, 12, 9), (slice(0, 6), slice(0, 8))),  # overscan
        ((-3, 2, 6, 9), (slice(2, 6), slice(0, 3))),  # across a corner
        ((20, 20, 4, 4), (slice(0), slice(0))),  # outside altogether
    ],
)
def test_the_data_window_lands_in_the_display_window(tmp_path: Path, window: Any, filled: Any) -> None:
    file = tmp_path / "plate.exr"
    x, y, width, height = window
    rows, columns = np.mgrid[y : y + height, x : x + width]
    _write_exr(file, [("", {"R": rows + 100, "G": columns + 100, "B": 1.0})], window)
    clip = Clip.open(file)
    (frame,) = clip.frames()
    expected = np.zeros((3, 6, 8), np.float16)
    inside = np.mgrid[0:6, 0:8][(slice(None), *filled)] + 100
    expected[(slice(None), *filled)] = [*inside, np.ones_like(inside[0])]
    np.testing.assert_array_equal(np.stack(frame.planes), expected)
    tags = {tag.name: tag.value for tag in clip.header.tags}
    assert tags["displayWindow"] == "0 0 7 5"
    assert tags["dataWindow"] == f"{x} {y} {x + width - 1} {y + height - 1}"


def test_alpha_of_a_png_leaves_its_colors_as_stored(tmp_path: Path) -> None:
    file = tmp_path / "matte.png"
    spec = oiio.ImageSpec(4, 4, 4, "uint8")
    spec.attribute("oiio:UnassociatedAlpha", 1)
    out = oiio.ImageOutput.create(str(file))
    assert out.open(str(file), spec)
    assert out.write_image(np.full((4, 4, 4), (200, 100, 50, 10), np.uint8))
    assert out.close()
    assert _levels(file) == [200, 100, 50, 10]


@pytest.mark.parametrize(
    "url",
    ["plate.%04d.exr", "plate.####.exr", "plate.#.exr", "plate.*.exr", "plate.%d.exr", "plate.1001-1004#.exr",
     "plate.1001-1004####.exr", ""],
)  # fmt: skip
def test_a_sequence_has_many_names(plate: Any, tmp_path: Path, url: str) -> None:
    plate()
    clip = Clip.open(tmp_path / url)
    assert [number_in(frame) for frame in clip.frames()] == [1001, 1002, 1003, 1004]
    assert clip.header.first_number == 1001


def test_a_range_in_the_name_is_what_must_be_there(plate: Any, tmp_path: Path) -> None:
    plate()
    assert [number_in(frame) for frame in Clip.open(tmp_path / "plate.1002-1003#.exr").frames()] == [
        1002,
        1003,
    ]
    longer = Clip.open(tmp_path / "plate.1000-1006####.exr")
    assert bad(longer) == {at: f"file is missing: plate.{1000 + at}.exr" for at in (0, 5, 6)}
    assert np.diff(longer.index.frame_pts).tolist() == [1] * 6


def test_one_image_is_a_clip_of_one_frame(plate: Any) -> None:
    clip = Clip.open(plate()[2])
    assert (len(clip), clip.header.first_number) == (1, None)
    assert number_in(next(clip.frames())) == 1003


@pytest.mark.parametrize(
    ("name", "prefix", "digits", "numbers"),
    [
        ("plate.%04d.exr", "plate.", 4, None),
        ("plate.%d.exr", "plate.", 1, None),
        ("plate.#.exr", "plate.", 0, None),
        ("plate.*.exr", "plate.", 0, None),
        ("plate.@@@.exr", "plate.", 3, None),
        ("plate.$F4.exr", "plate.", 4, None),
        ("plate.<UDIM>.exr", "plate.", 4, None),
        ("plate.1-3,7#.exr", "plate.", 0, {1, 2, 3, 7}),
        ("plate.1-9x4####.exr", "plate.", 4, {1, 5, 9}),
        ("plate.-2-1#.exr", "plate.", 0, {-2, -1, 0, 1}),
        ("sh010-1-3####.exr", "sh010-", 4, {1, 2, 3}),
        ("sh010-####.exr", "sh010-", 4, None),
        ("x1_10-%04d.exr", "x1_10-", 4, None),
    ],
)
def test_spellings_of_a_pattern(name: str, prefix: str, digits: int, numbers: set[int] | None) -> None:
    pattern = pattern_of(f"/x/{name}")
    assert pattern is not None
    assert (pattern.prefix, pattern.digits, pattern.numbers) == (prefix, digits, numbers)


def test_frames_before_zero(plate: Any, tmp_path: Path) -> None:
    for number, path in zip((-2, -1, 0), plate()[:3], strict=True):
        path.rename(tmp_path / f"n.{number}.exr")
    clip = Clip.open(tmp_path / "n.#.exr")
    assert clip.header.first_number == -2
    assert [number_in(frame) for frame in clip.frames()] == [1001, 1002, 1003]


@pytest.mark.parametrize(
    ("names", "urls"),
    [
        (["shot-0001.exr", "shot-0002.exr"], ["shot-%04d.exr"]),
        (["a.998.exr", "a.999.exr", "a.1000.exr"], ["a.%03d.exr"]),
        (["a.1.exr", "a.10.exr"], ["a.%01d.exr"]),
        (["a.1.exr", "a.0002.exr", "a.0003.exr"], ["a.%04d.exr", "a.1.exr"]),
        (["v01.0001.exr", "v01.0002.exr", "v02.0001.exr"], ["v01.%04d.exr", "v02.0001.exr"]),
        (["a.0001.exr", "a.0001.jpg", "still.png"], ["a.0001.exr", "a.0001.jpg", "still.png"]),
        (["n.-2.png", "n.-1.png", "n.0.png", "n.1.png"], ["n.%01d.png"]),
        (["n_-001.png", "n_0000.png", "n_0001.png"], ["n_%04d.png"]),
        (["sh010-0001.png", "sh010-0002.png"], ["sh010-%04d.png"]),
        (["still_2024-05-01.png", "still_2024-05-02.png"], ["still_2024-05-%02d.png"]),
        (["v2,0001.png", "v2,0002.png"], ["v2,%04d.png"]),
        (["a#b.0001.png", "a#b.0002.png"], ["a#b.%04d.png"]),
    ],
)
def test_names_that_count_are_one_sequence(names: list[str], urls: list[str]) -> None:
    assert sorted(group_names(names)) == sorted(urls)
    for url in urls:
        pattern = pattern_of(f"/x/{url}")
        if pattern:
            numbers = [number for name in names if (number := pattern.number(name)) is not None]
            assert len(numbers) > 1
            assert {pattern.name(number) for number in numbers} <= set(names)


def test_holes_and_broken_files_are_frames_with_a_reason(plate: Any, tmp_path: Path) -> None:
    files = plate(frames=8)
    good = files[1].read_bytes()
    files[1].unlink()
    files[2].write_bytes(good[: len(good) // 2])
    files[3].write_bytes(b"")
    files[4].write_bytes(b"not an image" * 100)
    write_sequence(tmp_path / "plate.%04d.exr", first=1006, frames=1, size=(80, 90))
    write_sequence(tmp_path / "plate.%04d.exr", first=1007, frames=1, size=SIZE, dtype="float")
    clip = Clip.open(tmp_path / "plate.%04d.exr")
    assert len(clip) == 8
    reasons = bad(clip)
    assert sorted(reasons) == [1, 2, 3, 4, 5, 6]
    assert reasons[1] == "file is missing: plate.1002.exr"
    assert reasons[2].startswith("plate.1003.exr does not decode (")
    assert reasons[3] == "plate.1004.exr is empty"
    assert reasons[4] == "plate.1005.exr is no EXR image"
    assert reasons[5] == "plate.1006.exr is 80x90 where the sequence is 160x90"
    assert reasons[6] == "plate.1007.exr holds gbrpf32le where the sequence holds gbrpf16le"
    with pytest.raises(CorruptFrame, match=r"frame 1: file is missing: plate\.1002\.exr"):
        list(clip.frames())
    held = [(frame.valid, number_in(frame)) for frame in clip.frames(on_corrupt="hold")]
    assert held == [(True, 1001), *[(False, 1001)] * 6, (True, 1008)]


@pytest.mark.parametrize(
    ("suffix", "dtype"), [("dpx", "uint10"), ("tif", "uint16"), ("png", "uint16"), ("jpg", "uint8")]
)
def test_a_file_cut_short_is_never_a_picture(plate: Any, tmp_path: Path, suffix: str, dtype: str) -> None:
    files = plate(f"plate.%04d.{suffix}", dtype=dtype)
    whole = files[2].read_bytes()
    for kept in (0.3, 0.6, 0.97):
        files[2].write_bytes(whole[: int(len(whole) * kept)])
        assert list(bad(Clip.open(tmp_path / f"plate.%04d.{suffix}"))) == [2]


def test_a_broken_first_file_does_not_keep_the_rest_from_opening(plate: Any, tmp_path: Path) -> None:
    files = plate(timecode="01:00:00:00")
    files[0].write_bytes(b"not an image")
    clip = Clip.open(tmp_path / "plate.%04d.exr")
    assert clip.header.timecode == "01:00:00:00"
    assert list(bad(clip)) == [0]


def test_what_cannot_be_opened_says_why(plate: Any, tmp_path: Path) -> None:
    with pytest.raises(MissingMedia, match="no file has a name like this"):
        Clip.open(tmp_path / "other.%04d.exr")
    with pytest.raises(MissingMedia, match="no such file"):
        Clip.open(tmp_path / "nowhere" / "plate.%04d.exr")
    with pytest.raises(UnreadableMedia, match="folder without an image sequence"):
        Clip.open(tmp_path)
    (tmp_path / "empty.exr").touch()
    with pytest.raises(UnreadableMedia, match="is empty"):
        Clip.open(tmp_path / "empty.exr")
    (tmp_path / "empty.exr").unlink()
    plate()
    plate("other.%04d.dpx", dtype="uint10")
    with pytest.raises(
        UnreadableMedia, match=r"2 image sequences; name one: other\.%04d\.dpx, plate\.%04d\.exr"
    ):
        Clip.open(tmp_path)
    (tmp_path / "plate.001002.exr").write_bytes(b"x")
    with pytest.raises(UnreadableMedia, match="have the same number"):
        Clip.open(tmp_path / "plate.#.exr")


def test_opening_reads_one_header(plate: Any, tmp_path: Path) -> None:
    """All files but the first are garbage: opening does not notice, reading does."""
    for file in plate(frames=20)[1:]:
        file.write_bytes(b"garbage")
    clip = Clip.open(tmp_path / "plate.%04d.exr")
    assert (len(clip), len(bad(clip))) == (20, 19)


def test_a_layer_and_its_sequence_are_not_taken_for_one_another(tmp_path: Path) -> None:
    """They are the same files: what is cached for one must not open as the other."""
    _write_exr(tmp_path / "r.1001.exr", [("", {"R": 1, "G": 1, "B": 1, "Z": 5})])
    url = f"{tmp_path}/r.%04d.exr"
    assert [_levels(name)[0] for name in (url, f"{url}?layer=Z", url)] == [1, 5, 1]


@pytest.mark.parametrize(("suffix", "dtype"), [("exr", "half"), ("dpx", "uint10")])
def test_remote_sequences_are_like_local_ones(plate: Any, tmp_path: Path, suffix: str, dtype: str) -> None:
    files = plate(f"plate.%04d.{suffix}", dtype=dtype, timecode="01:00:00:00")
    memory = fsspec.filesystem("memory")
    folder = f"/{tmp_path.name}"
    for file in files[:2] + files[3:]:
        memory.pipe_file(f"{folder}/{file.name}", file.read_bytes())
    clip = Clip.open(f"memory:/{folder}/plate.%04d.{suffix}")
    local = Clip.open(tmp_path / f"plate.%04d.{suffix}")
    assert bad(clip) == {2: f"file is missing: plate.1003.{suffix}"}
    assert clip.header == local.header
    for there, here in zip(clip.frames(stop=2), local.frames(stop=2), strict=True):
        np.testing.assert_array_equal(np.stack(there.planes), np.stack(here.planes))
    assert len(Clip.open(f"memory:/{folder}/")) == 4


def test_a_web_server_that_lists_its_files_will_do(plate: Any, tmp_path: Path) -> None:
    """Its listing tells no sizes: each file is asked for its own."""
    plate(frames=3)
    handler = functools.partial(_Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            clip = Clip.open(f"http://127.0.0.1:{server.server_port}/plate.%04d.exr")
            assert [number_in(frame) for frame in clip.frames()] == [1001, 1002, 1003]
            local = Clip.open(tmp_path / "plate.%04d.exr")
            assert [file.size_bytes for file in clip.files] == [file.size_bytes for file in local.files]
        finally:
            server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass
