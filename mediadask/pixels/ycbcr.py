"""Pictures to frames an encoder takes: R'G'B' to planes of Y'CbCr or R'G'B' codes."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Literal

import av
import numpy as np

from mediadask.errors import InvalidRequest
from mediadask.pixels.kernels import packed_to_ycbcr, rgb_to_ycbcr, scale_plane
from mediadask.pixels.matrix import LUMA

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

__all__ = ["strips_to_video_frame", "to_video_frame"]

# FFmpeg's numbers (libavutil/pixfmt.h, ITU-T H.273 table 4).
_MATRIX_NUMBERS = {"bt709": 1, "fcc": 4, "bt470bg": 5, "smpte170m": 6, "smpte240m": 7, "bt2020nc": 9}
_RANGE_NUMBERS = {"limited": 1, "full": 2}


def to_video_frame(
    rgb: npt.NDArray[Any],
    pixel_format: str,
    matrix: str = "bt709",
    range: Literal["limited", "full"] = "limited",
    *,
    dither: bool = False,
) -> av.VideoFrame:
    """A picture as an encoder takes it: rounded or dithered, clipped to the codes there are, tagged.

    Parameters
    ----------
    rgb
        (height, width, 3 or 4) R'G'B'(A); floats with 1.0 = reference white, or full-range uint8 or uint16.
        Planar memory, as `to_rgb` and `display_rgb` give it, is fastest, or packed float32 R'G'B'A.
    pixel_format
        FFmpeg's name: ``yuv420p``, ``yuv422p10le``, ``yuva444p12le`` and the like, planar only.
    matrix, range
        Of the codes, for Y'CbCr. Chroma is sited left, as H.264, HEVC and ProRes have it, each sample the
        weighted mean (1, 2, 1) of those around it.
    dither
        Keep shades between two 8-bit codes as the mean of neighbors, so that skies show no bands. The pattern
        is FFmpeg's ordered one, by position: the same in every frame, it costs an encoder least, and what is
        a code stays that code. Formats of more bits are rounded.

    Raises
    ------
    InvalidRequest
        If the pixel format is not planar Y'CbCr of at least half chroma, or the matrix is unknown.
    """
    height, width, _ = rgb.shape
    return strips_to_video_frame([rgb], (width, height), pixel_format, matrix, range, dither=dither)


def strips_to_video_frame(
    strips: Iterable[npt.NDArray[Any]],
    size: tuple[int, int],
    pixel_format: str,
    matrix: str = "bt709",
    range: Literal["limited", "full"] = "limited",
    *,
    dither: bool = False,
) -> av.VideoFrame:
    """`to_video_frame` of a picture of (width, height) that comes from top to bottom, some rows at a time.

    Every strip but the last has an even number of rows. None is looked at once the next is asked for.
    """
    native = av.VideoFormat(pixel_format)
    parts = native.components
    planar = not native.is_rgb and len(parts) in (3, 4) and len({part.plane for part in parts}) == len(parts)
    step_x, step_y = (round(64 / across(64)) for across in (native.chroma_width, native.chroma_height))
    if not planar or step_x > 2 or step_y > 2 or pixel_format.endswith("be"):
        raise InvalidRequest(f"pictures as {pixel_format} were asked for", do="use a planar Y'CbCr format")
    if matrix not in LUMA:
        raise InvalidRequest(f"color matrix {matrix!r} is not known", do=f"use one of {', '.join(LUMA)}")
    width, height = size
    bits = parts[0].bits
    frame = av.VideoFrame(width, height, pixel_format)
    planes = [_samples(plane, bits) for plane in frame.planes]
    rounding = _rounding(width, dither and bits == 8)
    top = 0
    for strip in strips:
        rgb: npt.NDArray[Any] = strip.astype(np.float32) if strip.dtype == np.float16 else strip
        white = 1.0 if rgb.dtype.kind == "f" else float(np.iinfo(rgb.dtype).max)
        channels = rgb.transpose(2, 0, 1)
        luma, cb, cr = planes[0][top:], planes[1][top // step_y :], planes[2][top // step_y :]
        how = _gain(matrix, range, bits, white), rounding, step_x, step_y, (1 << bits) - 1
        if rgb.shape[2] == 4 and rgb.dtype == np.float32 and rgb.flags.c_contiguous:
            packed_to_ycbcr(rgb, luma, cb, cr, top, *how)
        else:
            rgb_to_ycbcr(channels[:3], luma, cb, cr, top, *how)
        if len(planes) == 4:
            opaque = np.full(rgb.shape[:2], white, rgb.dtype) if len(channels) == 3 else channels[3]
            peak = np.float32((1 << bits) - 1)
            alpha = planes[3][top : top + len(rgb), :width]
            scale_plane(opaque, alpha, 0, np.float32(1 / white), np.float32(0), peak)
        top += len(rgb)
    frame.colorspace, frame.color_range = _MATRIX_NUMBERS[matrix], _RANGE_NUMBERS[range]
    return frame


def _samples(plane: Any, bits: int) -> npt.NDArray[Any]:
    """A plane's own memory: (rows, columns with padding)."""
    return np.frombuffer(plane, np.uint8 if bits == 8 else np.uint16).reshape(plane.height, -1)


@cache
def _gain(matrix: str, range: str, bits: int, white: float) -> npt.NDArray[np.float32]:
    """What `rgb_to_ycbcr` takes."""
    red, blue = LUMA[matrix]
    weights = np.array([red, 1 - red - blue, blue])
    codes = 2.0 ** (bits - 8)
    full = range == "full"
    luma, chroma = (256 * codes - 1,) * 2 if full else (219 * codes, 224 * codes)
    offset = 0.0 if full else 16 * codes
    to_cb = (np.array([0, 0, 1]) - weights) * chroma / (2 * (1 - blue))
    to_cr = (np.array([1, 0, 0]) - weights) * chroma / (2 * (1 - red))
    gains = [*weights * luma / white, offset, *to_cb / white, *to_cr / white, 128 * codes]
    return np.array(gains, np.float32)


@lru_cache
def _rounding(columns: int, dither: bool) -> npt.NDArray[np.float32]:
    """What `rgb_to_ycbcr` takes: halves, or the 8 x 8 thresholds of Bayer's as FFmpeg orders them."""
    y, x = np.mgrid[:8, : columns + 3]
    if not dither:
        return np.full(x.shape, 0.5, np.float32)
    order = 0b010010
    for bit, weight in ((0, 16), (1, 4), (2, 1)):
        order = order ^ ((x >> bit & 1) * 3 ^ (y >> bit & 1) * 2) * weight
    return np.asarray((order + 0.5) / 64, np.float32)
