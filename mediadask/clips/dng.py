"""Adobe DNG and CinemaDNG files: pictures through LibRaw, and the header's tags through tifffile.

Tags are those of TIFF 6.0, Exif 2.3 and the DNG specification 1.7; CinemaDNG 1.1 adds timecode, rate and
reel.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from mediadask.clips.debayer import COLOR, PICTURE, debayer_method, developed, mosaic_of, opened_raw
from mediadask.clips.frame import ColorTags, PixelFormat
from mediadask.clips.header import Tag
from mediadask.clips.image_entries import rate_said, shown
from mediadask.clips.image_facts import ImageFacts
from mediadask.clips.image_file import check_area, on_disk
from mediadask.clips.orientation import of_exif
from mediadask.clips.storage import open_file, storage_errors
from mediadask.errors import InvalidRequest, UnreadableMedia, UnsupportedMedia
from mediadask.timecode import Timecode

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

__all__ = ["read_header", "read_planes"]

_SHOWN = (
    *("Make", "Model", "UniqueCameraModel", "CameraSerialNumber", "CameraLabel", "ReelName", "Software"),
    *("DateTime", "DateTimeOriginal", "ExposureTime", "FNumber", "TStop", "ISOSpeedRatings", "FocalLength"),
    *("LensMake", "LensModel", "LensInfo", "LensSerialNumber", "BlackLevel", "WhiteLevel", "AsShotNeutral"),
    *("ColorMatrix1", "ColorMatrix2", "CalibrationIlluminant1", "CalibrationIlluminant2", "BitsPerSample"),
    *(
        "ActiveArea",
        "DefaultCropOrigin",
        "DefaultCropSize",
        "DefaultScale",
        "BaselineExposure",
        "Compression",
    ),
)
_NAMES = {  # of tags that tifffile has no name for, or another one
    51043: "TimeCodes", 51044: "FrameRate", 51058: "TStop", 51081: "ReelName", 51105: "CameraLabel",
}  # fmt: skip
_COLORS = "rgb"  # of a CFAPattern's numbers
_LOSSY, _JPEG_XL = 34892, 52546
_OPCODES = {
    1: "WarpRectilinear", 2: "WarpFisheye", 3: "FixVignetteRadial", 4: "FixBadPixelsConstant",
    5: "FixBadPixelsList", 6: "TrimBounds", 7: "MapTable", 8: "MapPolynomial", 9: "GainMap",
    10: "DeltaPerRow", 11: "DeltaPerColumn", 12: "ScalePerRow", 13: "ScalePerColumn", 14: "WarpRectilinear2",
}  # fmt: skip
_MOST_SHOWN = 12  # numbers of a tag that are shown
_UNSUNG = ("BlackLevelDeltaH", "BlackLevelDeltaV")


@dataclass(frozen=True)
class _Dng:
    """A file's tags by name: those of the first directory, of Exif, and of the directory with the picture."""

    tags: Mapping[str, Any]

    @property
    def camera(self) -> str:
        """What tells one camera body from another."""
        names = (self.text("UniqueCameraModel") or f"{self.text('Make') or ''} {self.text('Model') or ''}",)
        return " ".join(filter(None, (*names, self.text("CameraSerialNumber")))).strip()

    def text(self, name: str) -> str | None:
        """A tag's text, None where it has none."""
        value = self.tags.get(name)
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        return value.strip("\0 ") or None if isinstance(value, str) else None


def read_header(url: str, choices: Mapping[str, str]) -> ImageFacts:
    """The facts, without the pixels. ``debayer=none`` among the choices asks for the mosaic.

    Raises
    ------
    UnreadableMedia
        If the file is no DNG, or is damaged.
    UnsupportedMedia
        If LibRaw does not read its kind.
    """
    dng = _read_tags(url)
    method = debayer_method(choices, url)
    with on_disk(url) as path, opened_raw(path, url) as raw:
        width, height = int(raw.sizes.width), int(raw.sizes.height)
    check_area(width, height, url)
    rate = rate_said({"framesPerSecond": _pair(dng.tags.get("FrameRate"))})
    return ImageFacts(
        width=width,
        height=height,
        pixel_format=PICTURE if method else _mosaic_format(dng, url),
        file_type="dng",
        color=COLOR if method else ColorTags(range="full"),
        frame_rate=rate,
        timecode=_timecode(dng.tags.get("TimeCodes"), rate or Fraction(24)),
        reel=dng.text("ReelName"),
        pixel_aspect=Fraction(1),
        tags=(*_shown_tags(dng), *_not_applied(dng)),
        orientation=of_exif(dng.tags.get("Orientation")),
    )


def read_planes(
    url: str, choices: Mapping[str, str], size: tuple[int, int], camera: str | None
) -> tuple[npt.NDArray[Any], ...]:
    """The read-only (height, width) planes: R, G, B in scene-linear ACES2065-1, or the mosaic.

    Raises
    ------
    UnreadableMedia
        If the file is damaged, of another size, or of another camera than the sequence's.
    """
    found = _read_tags(url).camera
    if camera is not None and found != camera:
        raise UnreadableMedia(
            f"is of another camera: {found!r} where the sequence is of {camera!r}", where=url
        )
    method = debayer_method(choices, url)
    with on_disk(url) as path, opened_raw(path, url) as raw:
        here = int(raw.sizes.width), int(raw.sizes.height)
        if here != size:
            what = f"is {here[0]}x{here[1]} where the sequence is {size[0]}x{size[1]}"
            raise UnreadableMedia(what, where=url)
        picture: npt.NDArray[Any] = developed(raw, method) if method else mosaic_of(raw, url)
    picture.flags.writeable = False
    return tuple(picture[..., channel] for channel in range(3)) if method else (picture,)


def _read_tags(url: str) -> _Dng:
    import tifffile  # only who opens raw pictures waits for it

    with storage_errors(url), open_file(url) as file:
        head = file.read(4)
        if head not in (b"II*\0", b"MM\0*"):
            raise UnreadableMedia("is no DNG file", where=url, do="copy it again from the source")
        file.seek(0)
        try:
            with tifffile.TiffFile(file) as tiff:
                first = tiff.pages.first
                pages = [first, *(page for page in (first.pages or ()))]
                picture = next((page for page in pages if _is_main(page)), first)
                tags: dict[str, Any] = (
                    dict(first.tags.get("ExifTag").value) if "ExifTag" in first.tags else {}
                )
                for page in (first, picture):
                    tags |= {_NAMES.get(tag.code, tag.name): tag.value for tag in page.tags}
        except (tifffile.TiffFileError, ValueError, KeyError, AttributeError, struct.error) as error:
            raise UnreadableMedia(
                f"has damaged tags ({error})", where=url, do="copy it again from the source"
            ) from error
    if "DNGVersion" not in tags:
        raise UnreadableMedia("is a TIFF image by its content", where=url, do="name it .tif")
    if tags.get("Compression") == _JPEG_XL:
        raise UnsupportedMedia(
            "is compressed as JPEG XL, which nothing here decodes",
            where=url,
            do="make EXR or TIFF of it first",
        )
    return _Dng(tags)


def _is_main(page: Any) -> bool:
    """Whether a directory holds the picture itself, and no smaller one for people to look at."""
    return int(getattr(page, "subfiletype", 1)) == 0 and int(page.photometric) in (32803, 34892)


def _mosaic_format(dng: _Dng, url: str) -> PixelFormat:
    pattern = dng.tags.get("CFAPattern")
    colors = bytes(pattern)[:4] if isinstance(pattern, bytes | tuple) else b""
    if len(colors) != 4 or max(colors) > 2:
        raise UnsupportedMedia("holds no Bayer mosaic", where=url, do="leave out ?debayer=none")
    bits = dng.tags.get("BitsPerSample")
    depth = bits[0] if isinstance(bits, tuple) else int(bits or 16)
    linear = "LinearizationTable" in dng.tags or dng.tags.get("Compression") == _LOSSY
    name = "".join(_COLORS[color] for color in colors)
    return PixelFormat(f"bayer_{name}16le", "bayer", 16 if linear else max(depth, 8), "uint16")


def _pair(value: Any) -> tuple[int, int]:
    """A rational as OpenImageIO would give it."""
    if isinstance(value, tuple) and len(value) >= 2:
        return int(value[0]), int(value[1])
    return 0, 0


def _timecode(value: Any, rate: Fraction) -> str | None:
    """The first of the labels: eight bytes as SMPTE ST 331 has them, frames first."""
    data = bytes(value) if isinstance(value, bytes | tuple | np.ndarray) else b""
    if len(data) < 8 or not any(data[:8]):
        return None
    try:
        return str(Timecode.unpacked(int.from_bytes(data[:4], "little"), rate))
    except (InvalidRequest, ValueError):  # left blank, or of another rate
        return None


def _shown_tags(dng: _Dng) -> list[Tag]:
    found = []
    for name in _SHOWN:
        value = dng.tags.get(name)
        text = dng.text(name) if isinstance(value, bytes | str) else None
        if isinstance(value, tuple):
            text = shown(value[:_MOST_SHOWN])
        elif text is None and isinstance(value, int | float):
            text = str(int(value)) if isinstance(value, int) else f"{value:g}"
        if text:
            found.append(Tag("dng header", name, text))
    return [*found, Tag("dng header", "camera", dng.camera)]


def _not_applied(dng: _Dng) -> list[Tag]:
    """What the file asks for and LibRaw does not do: it is told, and not passed over."""
    told = [name for name in _UNSUNG if name in dng.tags]
    for number in (1, 2, 3):
        content = dng.tags.get(f"OpcodeList{number}")
        told += [f"OpcodeList{number} {name}" for name in _opcodes(content)]
    return [Tag("dng", "not applied", what) for what in told]


def _opcodes(content: Any) -> list[str]:
    """The names in an opcode list: big-endian whatever the file (DNG 1.7, chapter 7)."""
    data = bytes(content) if isinstance(content, bytes | tuple) else b""
    names: list[str] = []
    at = 4
    count = int.from_bytes(data[:4], "big") if len(data) >= 4 else 0
    while len(names) < count and at + 16 <= len(data):
        number, _, _, size = struct.unpack_from(">IIII", data, at)
        names.append(_OPCODES.get(number, f"opcode {number}"))
        at += 16 + size
    return names
