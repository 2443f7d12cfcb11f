"""Image sequences: every file type's samples exact, every naming, and every way a sequence can be broken."""

from __future__ import annotations

import os
import struct
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import fsspec
import numpy as np
import OpenEXR
import OpenImageIO as oiio
import pytest

from mediadask.clips import BadFrame, Clip, Frame
from mediadask.clips.image import read_header
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
