"""A decoder's picture as planes: NumPy views without a copy where the pixel format is planar already."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import av
import numpy as np

from mediadask.clips.frame import PixelFormat
from mediadask.errors import UnsupportedMedia

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["pixel_format", "planes_of"]

_SUBSAMPLING = {(1, 1): "444", (2, 1): "422", (2, 2): "420", (4, 1): "411", (1, 2): "440", (4, 4): "410"}
_PROBE_PIXELS = 64  # wide enough to measure any subsampling on


@cache
def pixel_format(name: str) -> PixelFormat:
    """The format that frames in FFmpeg's format `name` are delivered in: a planar one with the same samples.

    Gray with alpha keeps its name: FFmpeg has no planar form of it, views of every other sample do as well.

    Raises
    ------
    UnsupportedMedia
        If there is none.
    """
    native = av.VideoFormat(name, _PROBE_PIXELS, _PROBE_PIXELS)
    parts = native.components
    if native.is_bayer:
        wide = "16" in name
        return PixelFormat(name, "bayer", 16 if wide else 8, "uint16" if wide else "uint8")
    bits = max(part.bits for part in parts)
    dtype: Literal["uint8", "uint16", "float16", "float32"] = "uint8" if bits <= 8 else "uint16"
    if "f32" in name or "f16" in name:
        dtype = "float32" if "f32" in name else "float16"
    alpha = native.has_palette or any(part.is_alpha for part in parts)
    colors = len(parts) - sum(part.is_alpha for part in parts)
    model: Literal["yuv", "rgb", "gray"] = "rgb" if native.is_rgb or native.has_palette else "yuv"
    chroma = (1, 1)
    if model == "yuv" and colors == 1:
        model = "gray"
    elif model == "yuv":
        chroma = (_PROBE_PIXELS // parts[1].width, _PROBE_PIXELS // parts[1].height)
    planar = (
        name.replace("yuvj", "yuv")
        if _planar_order(name)
        else _planar_name(model, chroma, bits, dtype, alpha)
    )
    try:
        if name.startswith("xyz"):  # neither YCbCr nor RGB, though it looks like either
            raise ValueError
        av.VideoFormat(planar, _PROBE_PIXELS, _PROBE_PIXELS)
    except ValueError as error:
        raise UnsupportedMedia(f"its pixel format {name} has no planar form here") from error
    return PixelFormat(planar, model, max(bits, 8), dtype, chroma, alpha)


@cache
def _planar_order(name: str) -> tuple[int, ...] | None:
    """The plane of each component of FFmpeg's format `name`, where every one has its own, in this machine's
    byte order and in the low bits."""
    native = av.VideoFormat(name, _PROBE_PIXELS, _PROBE_PIXELS)
    order = tuple(part.plane for part in native.components)
    odd = native.has_palette or native.is_bit_stream or name.endswith("be") or "msb" in name
    return None if odd or len(set(order)) < len(order) else order


def _planar_name(model: str, chroma: tuple[int, int], bits: int, dtype: str, alpha: bool) -> str:
    depth = {"float16": "f16le", "float32": "f32le"}.get(dtype, f"{bits}le" if bits > 8 else "")
    if model == "rgb":
        return f"gbr{'a' if alpha else ''}p{depth}"
    if model == "gray":
        return f"{'ya' if alpha else 'gray'}{depth or ('8' if alpha else '')}"
    return f"yuv{'a' if alpha else ''}{_SUBSAMPLING.get(chroma, '')}p{depth}"


def planes_of(native: av.VideoFrame) -> tuple[npt.NDArray[Any], ...]:
    """Read-only planes in `PixelFormat`'s order: Y, Cb, Cr or R, G, B or Y, then alpha.

    They are views of the decoder's buffer, which lives as long as they do.
    """
    form = pixel_format(native.format.name)
    dtype = np.dtype(form.dtype)
    if form.model == "bayer" or form.name.startswith("ya"):
        stored = dtype.newbyteorder(">") if native.format.name.endswith("be") else dtype
        plane = _view(native.planes[0], stored, samples=len(form.channels)).astype(dtype, copy=False)
        plane.flags.writeable = False
        return tuple(plane[:, channel :: len(form.channels)] for channel in range(len(form.channels)))
    order = _planar_order(native.format.name)
    if order is None:
        # Same samples in another order: swscale only moves them. Its default chroma filters are not used,
        # since the subsampling stays the same. One thread: its slices write up to 16 bytes past a row's end,
        # over a row that another thread has finished (10 % of small p010 pictures came out damaged).
        native = native.reformat(format=form.name, threads=1)
        order = _planar_order(form.name) or ()
    planes = native.planes
    return tuple(_view(planes[plane], dtype) for plane in order)


def _view(plane: Any, dtype: np.dtype[Any], samples: int = 1) -> npt.NDArray[Any]:
    """(rows, columns * samples), where a plane holds so many samples of each pixel."""
    stride = plane.line_size
    first = (plane.height - 1) * -stride if stride < 0 else 0  # stored bottom-up, as raw AVI is
    shape = (plane.height, plane.width * samples)
    pixels = np.ndarray(shape, dtype, plane, first, (stride, dtype.itemsize))
    pixels.flags.writeable = False
    return pixels
