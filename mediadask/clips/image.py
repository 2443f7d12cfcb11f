"""One image file: where its pixels are, what its header says, and its planes, through OpenImageIO."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mediadask.clips.frame import ColorTags, PixelFormat
from mediadask.clips.header import Tag
from mediadask.clips.image_file import check_size, complaint, opened_image
from mediadask.errors import InvalidRequest, UnreadableMedia, UnsupportedMedia
from mediadask.timecode import HIGHEST_RATE, Timecode

if TYPE_CHECKING:
    import numpy.typing as npt

    _Dtype = Literal["uint8", "uint16", "float16", "float32"]

__all__ = ["ImageFacts", "read_header", "read_planes"]

_DTYPES: dict[str, _Dtype] = {"half": "float16", "float": "float32", "uint16": "uint16", "uint8": "uint8"}
_PRIMARIES = {  # chromaticities of red, green, blue and white: the standards' own figures, in FFmpeg's words
    "bt709": (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290),
    "bt2020": (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290),
    "smpte432": (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.3127, 0.3290),
    "smpte431": (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.314, 0.351),
    "ap0": (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.0770, 0.32168, 0.33767),  # SMPTE ST 2065-1
    "ap1": (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767),  # ACEScg, S-2014-004
}
_INTEROP = {  # color interop IDs (ASWF Color Interop Forum) are transfer_primaries_state
    "rec709": "bt709", "rec2020": "bt2020", "p3d65": "smpte432", "ap0": "ap0", "ap1": "ap1",
    "lin": "linear", "srgb": "iec61966-2-1", "g22": "gamma22", "g24": "gamma24", "pq": "smpte2084",
    "hlg": "arib-std-b67",
}  # fmt: skip
_DPX_WORDS = {
    "Linear": "linear",
    "Printing density": "printing density",
    "Logarithmic": "log",
    "ITU-R 709-4": "bt709",
    "SMPTE 274M": "bt709",
}
_ROTATION: dict[object, int] = {3: 180, 6: 90, 8: 270}  # TIFF and Exif orientation


@dataclass(frozen=True)
class ImageFacts:
    """What an image's header says that matters for a clip."""

    width: int
    """The width of the display window, which is the picture, whatever part of it has pixels."""

    height: int
    pixel_format: PixelFormat
    file_type: str
    color: ColorTags
    frame_rate: Fraction | None
    timecode: str | None
    reel: str | None
    pixel_aspect: Fraction
    rotation: int
    tags: tuple[Tag, ...]


def read_header(url: str, layer: str | None = None) -> ImageFacts:
    """The facts, without the pixels.

    Raises
    ------
    UnreadableMedia
        If the file is not an image, or its header is damaged.
    UnsupportedMedia
        If its samples are of a type nothing here holds (deep pixels, 32-bit integers).
    InvalidRequest
        If it has no such layer.
    """
    with opened_image(url) as image:
        found = _find(image, layer, url)
        spec = image.spec()
        check_size(spec, url)
        entries = _entries(spec)
        file_type = image.format_name().removeprefix("open")
        rate = _rate(entries)
        tags = [
            Tag(f"{file_type} header", name, _text(value))
            for name, value in entries.items()
            if not name.startswith("oiio:")
        ]
        if found.others:
            tags.append(Tag(f"{file_type} header", "layers", ", ".join(found.others)))
        if (spec.x, spec.y, spec.width, spec.height) != (
            spec.full_x,
            spec.full_y,
            spec.full_width,
            spec.full_height,
        ):
            for name, window in (("dataWindow", spec.roi), ("displayWindow", spec.roi_full)):
                corners = (window.xbegin, window.ybegin, window.xend - 1, window.yend - 1)
                tags.append(Tag(f"{file_type} header", name, _text(corners)))
        return ImageFacts(
            width=spec.full_width,
            height=spec.full_height,
            pixel_format=found.format,
            file_type=file_type,
            color=_color(file_type, entries),
            frame_rate=rate,
            timecode=_timecode(entries, rate or Fraction(24)),
            reel=_word(entries, "reelName", "dpx:InputDevice"),
            pixel_aspect=_pixel_aspect(entries),
            rotation=_ROTATION.get(entries.get("Orientation"), 0),
            tags=tuple(tags),
        )


def read_planes(
    url: str, layer: str | None, size: tuple[int, int], format: PixelFormat
) -> tuple[npt.NDArray[Any], ...]:
    """The read-only (height, width) planes of an image that must have this (width, height) and format.

    Pixels of an EXR's data window are placed in its display window: zeros where there are none, overscan cut.

    Raises
    ------
    UnreadableMedia
        If the file is damaged, cut short, or not like this.
    """
    with opened_image(url) as image:
        try:
            found = _find(image, layer, url)
        except InvalidRequest as error:
            raise UnreadableMedia(error.what, where=url) from error
        spec = image.spec()
        check_size(spec, url)
        if (spec.full_width, spec.full_height) != size:
            what = f"is {spec.full_width}x{spec.full_height} where the sequence is {size[0]}x{size[1]}"
            raise UnreadableMedia(what, where=url)
        if found.format != format:
            what = f"holds {found.format.name} where the sequence holds {format.name}"
            raise UnreadableMedia(what, where=url)
        low, high = min(found.channels), max(found.channels) + 1
        pixels = image.read_image(image.current_subimage(), 0, low, high, _oiio_type(format))
        # OpenImageIO gives what it has of a damaged JPEG, and says so on the side.
        if pixels is None or image.has_error:
            raise UnreadableMedia(complaint(image), where=url)
        if format.dtype == "uint16" and format.bits < 16:
            pixels >>= 16 - format.bits  # OpenImageIO repeats the high bits in the low ones
        pixels = _in_display_window(pixels, spec)
        pixels.flags.writeable = False
        return tuple(pixels[..., channel - low] for channel in found.channels)


@dataclass(frozen=True)
class _Layer:
    channels: tuple[int, ...]
    format: PixelFormat
    others: tuple[str, ...]
    """The names of all layers, where there is more than the main one."""


def _find(image: Any, wanted: str | None, url: str) -> _Layer:
    """Where the wanted layer is; leaves `image` at its part."""
    found: dict[str, tuple[int, tuple[int, ...]]] = {}
    for part in range(image.spec().get_int_attribute("oiio:subimages", 1)):
        image.seek_subimage(part, 0)
        spec = image.spec()
        title = _clean(spec.get_string_attribute("oiio:subimagename"))
        names = [_clean(name).upper() for name in spec.channelnames]
        pictured: set[int] = set()
        for prefix in dict.fromkeys(name.rpartition(".")[0] for name in map(_clean, spec.channelnames)):
            channels = _picture_channels(names, f"{prefix}.".upper() if prefix else "")
            if channels:
                pictured.update(channels)
                found.setdefault(prefix, (part, channels))  # "" is the main layer: the first part's with one
                if title and not prefix:
                    found.setdefault(title, (part, channels))
        for at, name in enumerate(map(_clean, spec.channelnames)):
            if at not in pictured:
                found.setdefault(name, (part, (at,)))
                if title and spec.nchannels == 1:
                    found.setdefault(title, (part, (at,)))
    wanted = wanted or ""
    if not wanted and len(found) == 1:
        wanted = next(iter(found))  # one channel under any name is a gray picture
    if wanted not in found:
        what = f"has no layer {wanted!r}" if wanted else "has no R, G, B or Y channels"
        raise InvalidRequest(what, where=url, do=f"add ?layer= with one of {', '.join(filter(None, found))}")
    part, channels = found[wanted]
    image.seek_subimage(part, 0)
    spec = image.spec()
    if spec.deep:
        raise UnsupportedMedia("has deep pixels", where=url, do="flatten it first")
    return _Layer(channels, _pixel_format(spec, channels, url), tuple(filter(None, found)))


def _picture_channels(names: list[str], prefix: str) -> tuple[int, ...]:
    """The channels of a picture, in order, or none."""
    for letters in ("RGBA", "RGB", "YA", "Y"):
        if all(prefix + letter in names for letter in letters):
            return tuple(names.index(prefix + letter) for letter in letters)
    return ()


def _pixel_format(spec: Any, channels: tuple[int, ...], url: str) -> PixelFormat:
    types = {str(spec.channelformats[at] if spec.channelformats else spec.format) for at in channels}
    sample = max(types, key=lambda name: list(_DTYPES)[::-1].index(name) if name in _DTYPES else 9)
    if sample not in _DTYPES:
        raise UnsupportedMedia(
            f"holds {sample} samples", where=url, do="convert it to half, float or 16 bits"
        )
    dtype = _DTYPES[sample]
    stored = spec.get_int_attribute("oiio:BitsPerSample", 16)
    bits = {"float16": 16, "float32": 32, "uint8": 8}.get(dtype, stored if 8 < stored < 16 else 16)
    color, alpha = len(channels) > 2, len(channels) in (2, 4)
    ending = {"float16": "f16le", "float32": "f32le", "uint8": "8" if not color else ""}.get(
        dtype, f"{bits}le"
    )
    family = ("gbrap" if alpha else "gbrp") if color else ("ya" if alpha else "gray")
    name = "gray" if family + ending == "gray8" else family + ending
    return PixelFormat(name, "rgb" if color else "gray", bits, dtype, alpha=alpha)


def _oiio_type(format: PixelFormat) -> Any:
    import OpenImageIO as oiio

    return oiio.TypeDesc(next(name for name, dtype in _DTYPES.items() if dtype == format.dtype))


def _in_display_window(pixels: npt.NDArray[Any], spec: Any) -> npt.NDArray[Any]:
    """(data height, data width, channels) to (display height, display width, channels)."""
    top, left = spec.y - spec.full_y, spec.x - spec.full_x
    height, width = spec.full_height, spec.full_width
    if (top, left, spec.height, spec.width) == (0, 0, height, width):
        return pixels
    shown = pixels[max(-top, 0) : max(height - top, 0), max(-left, 0) : max(width - left, 0)]
    if shown.shape[:2] == (height, width):
        return shown
    canvas = np.zeros((height, width, pixels.shape[2]), pixels.dtype)
    top, left = max(top, 0), max(left, 0)
    canvas[top : top + shown.shape[0], left : left + shown.shape[1]] = shown
    return canvas


_Entry = str | int | float | tuple[float, ...]


def _entries(spec: Any) -> dict[str, _Entry]:
    """A header's entries of the kinds that are read here: text, numbers, and rows of numbers.

    OpenImageIO gives arrays and bytes for types that it does not know, whatever the entry's name.
    """
    every = ((_clean(entry.name), _clean(entry.value)) for entry in spec.extra_attribs)
    return {name: value for name, value in every if isinstance(value, str | int | float | tuple) and name}


def _word(entries: dict[str, _Entry], *names: str) -> str | None:
    """The first of the named entries that is text, and not empty."""
    return next((value for name in names if isinstance(value := entries.get(name), str) and value), None)


def _pixel_aspect(entries: dict[str, _Entry]) -> Fraction:
    value = entries.get("PixelAspectRatio")
    if not isinstance(value, float | int) or not 0.01 <= value <= 100:
        return Fraction(1)
    return Fraction(value).limit_denominator(1000)


def _rate(entries: dict[str, _Entry]) -> Fraction | None:
    """Frames a second; decimals such as 23.976 become the rational they stand for."""
    value = next(
        (
            entries[name]
            for name in ("framesPerSecond", "FramesPerSecond", "dpx:FrameRate", "dpx:TemporalFrameRate")
            if entries.get(name)
        ),
        None,
    )
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(part, int) for part in value):
        exact = Fraction(*map(int, value)) if value[1] else Fraction(0)
        return exact if 0 < exact <= HIGHEST_RATE else None
    if not isinstance(value, float | int) or not 0 < value <= HIGHEST_RATE:
        return None
    whole = round(value)
    candidates = (Fraction(whole), Fraction(whole * 1000, 1001))
    near = min(candidates, key=lambda rate: abs(float(rate) - value))
    return near if abs(float(near) - value) < 0.002 else Fraction(value).limit_denominator(1001)


def _timecode(entries: dict[str, _Entry], rate: Fraction) -> str | None:
    packed = entries.get("smpte:TimeCode")
    try:
        return str(Timecode.unpacked(int(packed[0]), rate)) if isinstance(packed, tuple) else None
    except InvalidRequest:  # a field left blank, or of another rate: it stays among the tags
        return None


def _color(file_type: str, entries: dict[str, _Entry]) -> ColorTags:
    """What the header says outright; what a program would assume of the file type is not said."""
    primaries = transfer = None
    if file_type == "exr":
        transfer = "linear"  # by the definition of OpenEXR
        stated = entries.get("chromaticities")
        if isinstance(stated, tuple) and len(stated) == 8:
            near = {name: np.abs(np.subtract(stated, of)).max() for name, of in _PRIMARIES.items()}
            best = min(near, key=lambda name: near[name])
            primaries = best if near[best] < 0.002 else None
    elif file_type == "dpx":
        transfer = _DPX_WORDS.get(_word(entries, "dpx:Transfer") or "")
        primaries = _DPX_WORDS.get(_word(entries, "dpx:Colorimetric") or "") and "bt709"
    words = [_INTEROP.get(word) for word in str(entries.get("colorInteropID", "")).split("_")[:2]]
    if len(words) == 2:
        transfer, primaries = words[0] or transfer, words[1] or primaries
    return ColorTags(range="full", primaries=primaries, transfer=transfer)


def _clean(value: Any) -> Any:
    """Header text need not be text: blank DPX fields are bytes of 255."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "ignore").strip("\0 ")


def _text(value: Any) -> str:
    return " ".join(f"{item:g}" for item in value) if isinstance(value, tuple) else str(value)
