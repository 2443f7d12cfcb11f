"""One image file: where its pixels are, what its header says, and its planes, through OpenImageIO."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mediadask.clips import dpx, exr_chroma
from mediadask.clips.frame import PixelFormat
from mediadask.clips.header import Tag
from mediadask.clips.image_entries import (
    clean,
    color_said,
    entries_of,
    pixel_aspect,
    rate_said,
    shown,
    timecode_said,
    word,
)
from mediadask.clips.image_facts import ImageFacts
from mediadask.clips.image_file import SubsampledImage, check_size, complaint, head_of, opened_image
from mediadask.clips.orientation import of_exif
from mediadask.errors import InvalidRequest, UnreadableMedia, UnsupportedMedia

if TYPE_CHECKING:
    import numpy.typing as npt

    _Dtype = Literal["uint8", "uint16", "float16", "float32"]

__all__ = ["read_header", "read_planes"]

_DTYPES: dict[str, _Dtype] = {"half": "float16", "float": "float32", "uint16": "uint16", "uint8": "uint8"}


def read_header(url: str, layer: str | None = None, view: str | None = None) -> ImageFacts:
    """The facts, without the pixels.

    Raises
    ------
    UnreadableMedia
        If the file is not an image, or its header is damaged.
    UnsupportedMedia
        If its samples are of a type nothing here holds (deep pixels, 32-bit integers).
    InvalidRequest
        If it has no such layer or view.
    """
    try:
        return _read_header(url, layer, view)
    except SubsampledImage:
        if layer or view:
            raise
        return _chroma_header(url)


def _read_header(url: str, layer: str | None, view: str | None) -> ImageFacts:
    with opened_image(url) as image:
        found = _find(image, layer, view, url)
        spec = image.spec()
        check_size(spec, url)
        file_type = image.format_name().removeprefix("open")
        head = head_of(url, dpx.HEAD_BYTES) if file_type == "dpx" else b""
        absent = dpx.absent_entries(head) if head else frozenset()
        entries = {name: value for name, value in entries_of(spec).items() if name not in absent}
        width, height = _size(spec, file_type)
        rate = rate_said(entries)
        tags = [
            Tag(f"{file_type} header", name, shown(value))
            for name, value in entries.items()
            if not name.startswith("oiio:")
        ]
        for what, others in (("layers", found.others), ("views", found.views)):
            if others:
                tags.append(Tag(f"{file_type} header", what, ", ".join(others)))
        if file_type == "exr" and (spec.x, spec.y, spec.width, spec.height) != (
            spec.full_x,
            spec.full_y,
            spec.full_width,
            spec.full_height,
        ):
            for name, window in (("dataWindow", spec.roi), ("displayWindow", spec.roi_full)):
                corners = (window.xbegin, window.ybegin, window.xend - 1, window.yend - 1)
                tags.append(Tag(f"{file_type} header", name, shown(corners)))
        return ImageFacts(
            width=width,
            height=height,
            pixel_format=found.format,
            file_type=file_type,
            color=color_said(file_type, entries),
            frame_rate=rate,
            timecode=timecode_said(entries, rate or Fraction(24)),
            reel=word(entries, "reelName", "dpx:InputDevice"),  # Cineon's device is a scanner
            pixel_aspect=pixel_aspect(entries),
            orientation=of_exif(dpx.orientation(head) if head else entries.get("Orientation")),
            alpha=_alpha(file_type, spec) if found.format.alpha else None,
            tags=tuple(tags),
        )


def _chroma_header(url: str) -> ImageFacts:
    entries = exr_chroma.entries(url)
    rate = rate_said(entries)
    format = exr_chroma.pixel_format(url)
    width, height = exr_chroma.window_size(url)
    return ImageFacts(
        width=width,
        height=height,
        pixel_format=format,
        file_type="exr",
        color=color_said("exr", entries),
        frame_rate=rate,
        timecode=timecode_said(entries, rate or Fraction(24)),
        reel=word(entries, "reelName"),
        pixel_aspect=pixel_aspect(entries),
        alpha="premultiplied" if format.alpha else None,
        tags=tuple(Tag("exr header", name, shown(value)) for name, value in entries.items()),
    )


def read_planes(
    url: str, layer: str | None, size: tuple[int, int], format: PixelFormat, view: str | None = None
) -> tuple[npt.NDArray[Any], ...]:
    """The read-only (height, width) planes of an image that must have this (width, height) and format.

    Pixels of an EXR's data window are placed in its display window: zeros where there are none, overscan cut.
    Other formats have no such windows: DPX, PNG and TIFF say where on a film or a page pixels come from.

    Raises
    ------
    UnreadableMedia
        If the file is damaged, cut short, or not like this.
    """
    try:
        return _read_planes(url, layer, size, format, view)
    except SubsampledImage:
        if layer or view:
            raise
    planes = exr_chroma.planes(url)
    found = (planes[0].shape[1], planes[0].shape[0])
    if found != size:
        what = f"is {found[0]}x{found[1]} where the sequence is {size[0]}x{size[1]}"
        raise UnreadableMedia(what, where=url)
    if exr_chroma.pixel_format(url) != format:
        raise UnreadableMedia(f"holds others than the {format.name} of the sequence", where=url)
    return planes


def _read_planes(
    url: str, layer: str | None, size: tuple[int, int], format: PixelFormat, view: str | None
) -> tuple[npt.NDArray[Any], ...]:
    with opened_image(url) as image:
        try:
            found = _find(image, layer, view, url)
        except InvalidRequest as error:
            raise UnreadableMedia(error.what, where=url) from error
        spec = image.spec()
        check_size(spec, url)
        file_type = image.format_name().removeprefix("open")
        width, height = _size(spec, file_type)
        if (width, height) != size:
            what = f"is {width}x{height} where the sequence is {size[0]}x{size[1]}"
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
        if file_type == "exr":
            pixels = _in_display_window(pixels, spec)
        pixels.flags.writeable = False
        return tuple(pixels[..., channel - low] for channel in found.channels)


@dataclass(frozen=True)
class _Layer:
    channels: tuple[int, ...]
    format: PixelFormat
    others: tuple[str, ...]
    """The names of all layers, where there is more than the main one."""

    views: tuple[str, ...]
    """The names of all views, where there is more than one."""


def _find(image: Any, wanted: str | None, view: str | None, url: str) -> _Layer:
    """Where the wanted layer is; leaves `image` at its part."""
    found: dict[str, tuple[int, tuple[int, ...]]] = {}
    seen: dict[str, dict[str, tuple[int, tuple[int, ...]]]] = {}  # view to layers
    for part in range(image.spec().get_int_attribute("oiio:subimages", 1)):
        image.seek_subimage(part, 0)
        spec = image.spec()
        title = clean(spec.get_string_attribute("oiio:subimagename"))
        names = [clean(name).upper() for name in spec.channelnames]
        views = _views(spec)
        if {"Y", "RY", "BY"} <= set(names) and not (wanted or view):
            raise SubsampledImage("is of luminance and chroma", where=url)
        pictured: set[int] = set()
        for prefix in dict.fromkeys(name.rpartition(".")[0] for name in map(clean, spec.channelnames)):
            channels = _picture_channels(names, f"{prefix}.".upper() if prefix else "")
            if channels:
                pictured.update(channels)
                found.setdefault(prefix, (part, channels))  # "" is the main layer: the first part's with one
                if title and not prefix:
                    found.setdefault(title, (part, channels))
                eye, layer = _view_of(prefix, views)
                seen.setdefault(eye, {}).setdefault(layer, (part, channels))
                if title and not layer:
                    seen[eye].setdefault(title, (part, channels))
        for at, name in enumerate(map(clean, spec.channelnames)):
            if at not in pictured:
                found.setdefault(name, (part, (at,)))
                if title and spec.nchannels == 1:
                    found.setdefault(title, (part, (at,)))
    wanted = wanted or ""
    views = tuple(filter(None, seen))
    if view is not None:
        if view not in seen or not view:
            do = f"add ?view= with one of {', '.join(views)}" if views else "leave it out"
            raise InvalidRequest(f"has no view {view!r}", where=url, do=do)
        found = seen[view]
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
    format = _pixel_format(spec, channels, url)
    return _Layer(channels, format, tuple(filter(None, found)), views if len(views) > 1 else ())


def _views(spec: Any) -> tuple[str, ...]:
    """The views that a part of an EXR has, the one first whose channels do not say it (OpenEXR, "Multi-View
    OpenEXR"): a part of several names one, a single part lists all."""
    one = spec.getattribute("view")
    every = spec.getattribute("multiView")
    named = every if isinstance(every, tuple) else (one,)
    return tuple(clean(name) for name in named if isinstance(name, str) and name)


def _view_of(prefix: str, views: tuple[str, ...]) -> tuple[str, str]:
    """The view and the layer of channels whose names begin so: ``diffuse.right`` is `right`'s `diffuse`."""
    words = prefix.split(".")
    for at in (-1, 0):  # the last by OpenEXR's rule, the first as some write it
        if words[at] in views:
            return words.pop(at), ".".join(words)
    return (*views, "")[0], prefix


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


def _size(spec: Any, file_type: str) -> tuple[int, int]:
    """(width, height) of the picture: EXR alone has a display window beside the pixels that are stored."""
    return (spec.full_width, spec.full_height) if file_type == "exr" else (spec.width, spec.height)


def _alpha(file_type: str, spec: Any) -> Literal["straight", "premultiplied"] | None:
    """By the definition of OpenEXR and of PNG; TIFF says it."""
    if file_type == "tiff":
        return "straight" if spec.get_int_attribute("oiio:UnassociatedAlpha") else "premultiplied"
    known: dict[str, Literal["straight", "premultiplied"]] = {"exr": "premultiplied", "png": "straight"}
    return known.get(file_type)
