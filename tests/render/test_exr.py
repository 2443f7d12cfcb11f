"""OpenEXR files as others read them: OpenEXR's own library and OpenImageIO."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any, get_args

import numpy as np
import OpenEXR
import OpenImageIO as oiio
import pytest

import mediadask as md
from mediadask.choices import Compression
from mediadask.render.exr import Attribute, exr_bytes, read_text
from mediadask.timecode import Timecode

AP0 = (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767)
HEADER: dict[str, Attribute] = {
    "timeCode": Timecode.parse("10:59:59;28", Fraction(30000, 1001)),
    "framesPerSecond": Fraction(30000, 1001),
    "reelName": "A001_C003_Ünder",
    "isoSpeed": 800.0,
    "sourceFrame": 4711,
    "chromaticities": AP0,
    "adoptedNeutral": (0.32168, 0.33767),
    "pixelAspectRatio": 2.0,
    "a name longer than thirty-one characters": "long",
}
EXACT = [name for name in get_args(Compression) if name != "dwaa"]


def picture(channels: int = 3, dtype: Any = np.float32) -> Any:
    """Noise over the whole range of halves, in an odd size: the last chunk is not full."""
    random = np.random.default_rng(7)
    values = random.normal(0, 1, (channels, 53, 37)) * 2.0 ** random.integers(-26, 17, (channels, 53, 37))
    with np.errstate(over="ignore"):
        return values.astype(dtype).transpose(1, 2, 0)


def opened(data: bytes, path: Path) -> Any:
    path.write_bytes(data)
    return OpenEXR.File(str(path))


@pytest.mark.parametrize("compression", EXACT)
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_halves_come_back_bit_for_bit(tmp_path: Path, compression: Compression, dtype: Any) -> None:
    with np.errstate(over="ignore"):
        given, expected = picture(dtype=dtype), picture(dtype=dtype).astype(np.float16)
    pixels = opened(exr_bytes(given, {}, compression), tmp_path / "a.exr").channels()["RGB"].pixels
    assert pixels.dtype == np.float16
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("compression", EXACT)
def test_floats_come_back_bit_for_bit(tmp_path: Path, compression: Compression) -> None:
    file = opened(exr_bytes(picture(), {}, compression, "float"), tmp_path / "a.exr")
    np.testing.assert_array_equal(file.channels()["RGB"].pixels, picture())


@pytest.mark.parametrize(("channels", "name"), [(1, "Y"), (4, "RGBA")])
def test_other_channels(tmp_path: Path, channels: int, name: str) -> None:
    given = picture(channels, np.float16)
    pixels = opened(exr_bytes(given, {}), tmp_path / "a.exr").channels()[name].pixels
    np.testing.assert_array_equal(pixels.reshape(given.shape), given)


def test_dwaa_is_near(tmp_path: Path) -> None:
    ramp = np.repeat(np.linspace(0.01, 1, 64, dtype=np.float32)[None, :, None], 64, 0).repeat(3, 2)
    pixels = opened(exr_bytes(ramp, {}, "dwaa"), tmp_path / "a.exr").channels()["RGB"].pixels
    assert np.abs(pixels.astype(np.float32) - ramp).max() < 0.02


@pytest.mark.parametrize("compression", get_args(Compression))
def test_headers_are_read_by_openexr_and_openimageio(tmp_path: Path, compression: Compression) -> None:
    path = tmp_path / "a.exr"
    header = opened(exr_bytes(picture(), HEADER, compression), path).header()
    code = header["timeCode"]
    assert (code.hours, code.minutes, code.seconds, code.frame, bool(code.dropFrame)) == (
        10,
        59,
        59,
        28,
        True,
    )
    assert header["framesPerSecond"] == Fraction(30000, 1001)
    assert (header["reelName"], header["isoSpeed"], header["sourceFrame"]) == ("A001_C003_Ünder", 800.0, 4711)
    assert header["chromaticities"] == pytest.approx(AP0)
    assert header["adoptedNeutral"] == pytest.approx([0.32168, 0.33767])
    assert header["pixelAspectRatio"] == 2.0
    for window in ("dataWindow", "displayWindow"):
        assert [list(corner) for corner in header[window]] == [[0, 0], [36, 52]]
    spec = oiio.ImageInput.open(str(path)).spec()
    assert spec.get_string_attribute("smpte:TimeCode").replace(";", ":") == "10:59:59:28"
    assert spec.get_string_attribute("compression") == {"htj2k": "htj2k256"}.get(compression, compression)


@pytest.mark.parametrize(
    ("label", "rate", "frame", "second"),
    [
        ("01:00:00:00", 60, 0, 0),
        ("01:00:00:59", 60, 29, 1),
        ("01:00:00:95", 96, 23, 1),
        ("01:00:00:97", 100, 24, 0),
        ("01:00:00:119", 120, 29, 1),
    ],
)
@pytest.mark.parametrize("compression", ["zip", "piz"])
def test_high_rates_count_in_pairs_and_fours(
    tmp_path: Path, label: str, rate: int, frame: int, second: int, compression: Compression
) -> None:
    data = exr_bytes(picture(), {"timeCode": Timecode.parse(label, rate)}, compression)
    code = opened(data, tmp_path / "a.exr").header()["timeCode"]
    assert (code.frame, int(code.fieldPhase), bool(code.dropFrame)) == (frame, second, False)


def test_what_does_not_shrink_is_stored_as_it_is(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 0x7C00, (16, 64, 3)).astype(np.uint16).view(np.float16)
    data = exr_bytes(noise, {})
    np.testing.assert_array_equal(opened(data, tmp_path / "a.exr").channels()["RGB"].pixels, noise)


@pytest.mark.parametrize("compression", get_args(Compression))
def test_equal_pictures_are_equal_files(compression: Compression) -> None:
    assert exr_bytes(picture(), HEADER, compression) == exr_bytes(picture().copy(), HEADER, compression)


def test_equal_pictures_are_equal_files_in_every_thread() -> None:
    """ISA-L finds the repeated half of each row, or not, by where its thread's stack is."""
    tile = np.random.default_rng(3).integers(0, 0x7C00, (256, 64, 1)).astype(np.uint16).view(np.float16)
    rows = np.concatenate([tile, tile], axis=1)
    together = threading.Barrier(32)

    def write(_: int) -> bytes:
        together.wait()  # each on a stack of its own
        return exr_bytes(rows, {}, "zips")

    with ThreadPoolExecutor(together.parties) as threads:
        assert len(set(threads.map(write, range(together.parties)))) == 1


def test_a_text_attribute_is_found_without_a_library() -> None:
    data = exr_bytes(picture(), {"mediadask": "mark", **HEADER}, "zip")
    assert read_text(io.BytesIO(data), "mediadask") == "mark"
    assert read_text(io.BytesIO(data), "isoSpeed") is None
    for other in (b"", b"GIF89a", data[:30], data[:200], bytes(1000)):
        assert read_text(io.BytesIO(other), "nothing") is None


def test_what_cannot_be_written_is_refused() -> None:
    with pytest.raises(md.InvalidRequest, match="'lzw'"):
        exr_bytes(picture(), {}, "lzw")  # type: ignore[arg-type]
    with pytest.raises(md.InvalidRequest, match="2 channels"):
        exr_bytes(picture(2), {})
