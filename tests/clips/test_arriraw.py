"""ARRIRAW: codes as dcraw has them. Files are made here, for tests alone, after the layout of RDD 30."""

from __future__ import annotations

import shutil
import struct
import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pytest

import mediadask as md
from mediadask.clips import Clip
from mediadask.clips.conformance import ReaderConformance
from mediadask.errors import CorruptFrame, UnreadableMedia, UnsupportedMedia
from tests.clips.dng_files import scene

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

SIZE = 64, 36


def packed(codes: npt.NDArray[np.uint16]) -> bytes:
    """Bit by bit: pairs change places, 12 bits each, the bytes of every 32 bits turned round."""
    swapped = codes.ravel().reshape(-1, 2)[:, ::-1].ravel()
    bits = (swapped[:, None] >> np.arange(11, -1, -1)) & 1
    return np.packbits(bits.astype(np.uint8).ravel()).reshape(-1, 4)[:, ::-1].tobytes()


def write_ari(path: Path, codes: npt.NDArray[np.uint16], *, model: str = "ALEXA Plus") -> Path:
    height, width = codes.shape
    head = bytearray(4096)
    struct.pack_into("<4sIII", head, 0, b"ARRI", 0x12345678, 4096, 3)
    struct.pack_into("<III", head, 16, 60, width, height)
    data = packed(codes)
    struct.pack_into("<II", head, 68, 4096, len(data))
    struct.pack_into("<3f", head, 100, 1.3667, 1.0, 1.645)
    struct.pack_into("<I", head, 0x74, 800)
    head[668 : 668 + len(model)] = model.encode()
    head[0x398:0x3A2] = b"Prime 32mm"
    path.write_bytes(bytes(head) + data)
    return path


def sequence(folder: Path, frames: int = 9) -> str:
    for number in range(frames):
        write_ari(folder / f"A001C001.{number:07}.ari", scene(*SIZE, number))
    return str(folder / "A001C001.%07d.ari")


class TestAri(ReaderConformance):
    reader = "sequence"

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return sequence(tmp_path)

    @pytest.fixture
    def damaged(self, url: str, tmp_path: Path) -> tuple[str, set[int]]:
        """A hole, a file cut short, and one of another camera."""
        names = [tmp_path / f"A001C001.{number:07}.ari" for number in range(9)]
        names[2].unlink()
        names[4].write_bytes(names[4].read_bytes()[:-900])
        write_ari(names[6], scene(*SIZE), model="ALEXA 65")
        return url, {2, 4, 6}


def test_the_mosaic_is_what_was_recorded(tmp_path: Path) -> None:
    codes = np.random.default_rng(0).integers(0, 4096, SIZE[::-1], np.uint16)
    path = write_ari(tmp_path / "a.ari", codes)
    (frame,) = Clip.open(f"{path}?debayer=none").frames()
    np.testing.assert_array_equal(frame.planes[0], codes)
    assert (frame.format.name, frame.format.bits) == ("bayer_grbg16le", 12)


@pytest.mark.skipif(not shutil.which("dcraw"), reason="dcraw is not installed")
def test_dcraw_agrees_bit_for_bit(tmp_path: Path) -> None:
    path = write_ari(tmp_path / "a.ari", np.random.default_rng(0).integers(0, 4096, SIZE[::-1], np.uint16))
    pgm = subprocess.run(["dcraw", "-E", "-4", "-c", path], capture_output=True, check=True).stdout
    there = np.frombuffer(pgm[-SIZE[0] * SIZE[1] * 2 :], ">u2").reshape(SIZE[::-1])
    (frame,) = Clip.open(f"{path}?debayer=none").frames()
    np.testing.assert_array_equal(frame.planes[0], there)


@pytest.mark.parametrize("method", ["linear", "ahd", "dht"])
def test_debayered_flat_colors_are_their_codes(method: str, tmp_path: Path) -> None:
    """By hand: green in the first place, red beside it; the highest code is 65535. Nothing is balanced."""
    codes = np.empty(SIZE[::-1], np.uint16)
    codes[0::2, 0::2] = codes[1::2, 1::2] = 2000
    codes[0::2, 1::2], codes[1::2, 0::2] = 1000, 3000
    (frame,) = Clip.open(f"{write_ari(tmp_path / 'a.ari', codes)}?debayer={method}").frames()
    for plane, code in zip(frame.planes, (1000, 2000, 3000), strict=True):
        np.testing.assert_allclose(plane[6:-6, 6:-6], code / 4095 * 65535, atol=24)


def test_what_the_camera_noted(tmp_path: Path) -> None:
    facts = md.inspect(write_ari(tmp_path / "a.ari", scene(*SIZE)))
    assert (facts.codec, facts.camera_make, facts.camera_model) == ("arriraw", "ARRI", "ALEXA Plus")
    assert facts.frame_rate is None
    header = Clip.open(tmp_path / "a.ari").header
    told = {tag.name: tag.value for tag in header.tags if tag.source == "arriraw header"}
    assert (told["ISOSpeedRatings"], told["LensModel"]) == ("800", "Prime 32mm")
    assert told["white balance"] == "1.3667 1 1.645"
    assert (header.color.primaries, header.color.transfer) == (None, None)


def test_another_camera_is_named(tmp_path: Path) -> None:
    url = sequence(tmp_path, 3)
    write_ari(tmp_path / "A001C001.0000001.ari", scene(*SIZE), model="ALEXA 65")
    with pytest.raises(CorruptFrame, match="another camera: 'ARRI ALEXA 65'"):
        list(Clip.open(url).frames())


def test_what_is_none_or_compressed_is_told(tmp_path: Path) -> None:
    path = write_ari(tmp_path / "a.ari", scene(*SIZE))
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, 72, 2000)
    path.write_bytes(data[: 4096 + 2000])
    with pytest.raises(UnsupportedMedia, match="HDE"):
        Clip.open(path)
    struct.pack_into("<II", data, 20, 1 << 20, 1 << 20)
    path.write_bytes(data)
    with pytest.raises(UnsupportedMedia, match="million at most"):
        Clip.open(path)
    struct.pack_into("<I", data, 4, 0)
    path.write_bytes(data)
    with pytest.raises(UnreadableMedia, match="damaged header"):
        Clip.open(path)
