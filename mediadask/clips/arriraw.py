"""Classic ARRIRAW files, uncompressed, one frame each (SMPTE RDD 30).

Read here are the fields of the header that RDD 30, dcraw and dnglab agree on. Codes are the camera's own, 12
bits: the camera's curve, color and white balance are not undone, since what they are is ARRI's to say.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from mediadask.clips.debayer import PICTURE, camera_rgb, debayer_method
from mediadask.clips.frame import ColorTags, PixelFormat
from mediadask.clips.header import Tag
from mediadask.clips.image_facts import ImageFacts
from mediadask.clips.image_file import check_area
from mediadask.clips.storage import open_file, storage_errors
from mediadask.errors import UnreadableMedia, UnsupportedMedia

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import IO

    import numpy.typing as npt

__all__ = ["read_header", "read_planes", "unpack"]

MOSAIC = PixelFormat("bayer_grbg16le", "bayer", 12, "uint16")
_HEAD_BYTES = 4096
_BYTE_ORDER = 0x12345678
_WORD_BYTES, _GROUP_BYTES, _GROUP_CODES = 4, 12, 8
_BLOCK_GROUPS = 8192  # what fits a core's cache, with what becomes of it


@dataclass(frozen=True)
class _Header:
    width: int
    height: int
    offset: int
    """The first byte of the picture."""

    camera: str
    tags: tuple[Tag, ...]

    @property
    def size(self) -> int:
        """Bytes of the picture: two codes in three bytes."""
        return self.width * self.height * 3 // 2


def read_header(url: str, choices: Mapping[str, str]) -> ImageFacts:
    """The facts, without the pixels. ``debayer=none`` among the choices asks for the mosaic.

    Raises
    ------
    UnreadableMedia
        If the file is no ARRIRAW, or is damaged.
    UnsupportedMedia
        If it is compressed (HDE).
    """
    method = debayer_method(choices, url)
    with storage_errors(url), open_file(url) as file:
        header = _read(file, url)
    return ImageFacts(
        width=header.width,
        height=header.height,
        pixel_format=PICTURE if method else MOSAIC,
        file_type="arriraw",
        color=ColorTags(range="full"),
        frame_rate=None,
        timecode=None,
        reel=None,
        pixel_aspect=Fraction(1),
        tags=(*header.tags, Tag("arriraw header", "camera", header.camera)),
    )


def read_planes(
    url: str, choices: Mapping[str, str], size: tuple[int, int], camera: str | None
) -> tuple[npt.NDArray[Any], ...]:
    """The read-only (height, width) planes: R, G, B of the camera's own, or the mosaic in 12 bits.

    Raises
    ------
    UnreadableMedia
        If the file is damaged, of another size, or of another camera than the sequence's.
    """
    with storage_errors(url), open_file(url) as file:
        header = _read(file, url)
        if (header.width, header.height) != size:
            what = f"is {header.width}x{header.height} where the sequence is {size[0]}x{size[1]}"
            raise UnreadableMedia(what, where=url)
        if camera is not None and header.camera != camera:
            what = f"is of another camera: {header.camera!r} where the sequence is of {camera!r}"
            raise UnreadableMedia(what, where=url)
        file.seek(header.offset)
        data = file.read(header.size)
    if len(data) < header.size:
        raise UnreadableMedia("is cut short", where=url, do="copy it again from the source")
    mosaic = unpack(data).reshape(header.height, header.width)
    method = debayer_method(choices, url)
    picture = camera_rgb(mosaic, b"\1\0\2\1", MOSAIC.bits, method, url) if method else mosaic
    picture.flags.writeable = False
    return tuple(picture[..., channel] for channel in range(3)) if method else (picture,)


def unpack(data: bytes | memoryview) -> npt.NDArray[np.uint16]:
    """(codes,) of 12 bits from words of 32 bits, low byte first, high bits first in each; the codes of a pair
    change places."""
    words = np.frombuffer(data, "<u4").reshape(-1, _GROUP_BYTES // _WORD_BYTES)
    codes = np.empty((len(words), _GROUP_CODES), np.uint16)
    for start in range(0, len(words), _BLOCK_GROUPS):
        block = slice(start, start + _BLOCK_GROUPS)
        first, second, third = words[block].T
        out = codes[block].T
        out[1] = first >> 20
        out[0] = first >> 8 & 0xFFF
        out[3] = (first & 0xFF) << 4 | second >> 28
        out[2] = second >> 16 & 0xFFF
        out[5] = second >> 4 & 0xFFF
        out[4] = (second & 0xF) << 8 | third >> 24
        out[7] = third >> 12 & 0xFFF
        out[6] = third & 0xFFF
    return codes.reshape(-1)


def _read(file: IO[bytes], url: str) -> _Header:
    head = file.read(_HEAD_BYTES)
    if len(head) < _HEAD_BYTES or head[:4] != b"ARRI":
        raise UnreadableMedia("is no ARRIRAW file", where=url, do="copy it again from the source")
    order, offset = struct.unpack_from("<II", head, 4)
    width, height = struct.unpack_from("<II", head, 20)
    if order != _BYTE_ORDER or not _HEAD_BYTES <= offset <= 1 << 24:
        raise UnreadableMedia("has a damaged header", where=url, do="copy it again from the source")
    check_area(width, height, url)
    if width % 2 or width * height % _GROUP_CODES:
        raise UnreadableMedia(f"says that it has {width}x{height} pixels", where=url, do="copy it again")
    header = _Header(width, height, offset, f"ARRI {_text(head, 668, 64)}".strip(), _tags(head))
    file.seek(0, io.SEEK_END)
    there = file.tell() - offset
    if 0 < there < header.size and _is_compressed(head, there):
        raise UnsupportedMedia(
            "is compressed ARRIRAW (HDE), which nothing here decodes",
            where=url,
            do="decode it with Codex Device Manager or ARRI's tools, or install a reader built on ARRI's SDK",
        )
    return header


def _is_compressed(head: bytes, there: int) -> bool:
    """Whether the header tells a size of the picture that is all there, and less than 12 bits a pixel."""
    return int.from_bytes(head[72:76], "little") == there


def _tags(head: bytes) -> tuple[Tag, ...]:
    red, green, blue = struct.unpack_from("<3f", head, 100)
    exposure_index, exposure_us, focal = (
        int.from_bytes(head[at : at + 4], "little") for at in (0x74, 0x18C, 0x37C)
    )
    told = {
        "Make": "ARRI",
        "Model": _text(head, 668, 64),
        "ISOSpeedRatings": str(exposure_index) if 0 < exposure_index < 1 << 20 else "",
        "ExposureTime": f"{exposure_us / 1e6:g}" if 0 < exposure_us < 1 << 30 else "",
        "FocalLength": f"{focal / 1000:g}" if 0 < focal < 1 << 24 else "",
        "LensModel": _text(head, 0x398, 32),
        "white balance": f"{red:g} {green:g} {blue:g}" if 0 < min(red, green, blue) <= 16 else "",
    }
    return tuple(Tag("arriraw header", name, value) for name, value in told.items() if value)


def _text(head: bytes, at: int, size: int) -> str:
    raw = head[at : at + size].partition(b"\0")[0]
    return "".join(letter for letter in raw.decode("latin-1") if letter.isprintable()).strip()
