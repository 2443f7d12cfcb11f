"""Frames to pictures: planes of codes to R'G'B', exact.

Y'CbCr is turned with the matrix and range the file is tagged with (`mediadask.pixels.matrix` says what is
assumed without tags). Subsampled chroma is interpolated linearly between its two neighbors each way, at the
positions its siting gives, edges repeated: it cannot overshoot, and it is what displays do.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mediadask.errors import InvalidRequest
from mediadask.pixels.kernels import scale_plane, to_half, ycbcr_to_packed, ycbcr_to_rgb
from mediadask.pixels.matrix import chroma_siting, code_range, luma_weights

if TYPE_CHECKING:
    import numpy.typing as npt

    from mediadask.clips.frame import ColorTags, Frame, PixelFormat

__all__ = ["SampleType", "contiguous_rows", "pack_rgb", "to_rgb"]

SampleType = Literal["uint8", "uint16", "float16", "float32"]
"""``float16`` and ``float32``: 1.0 is reference white, nothing is clipped. ``uint8`` and ``uint16``: full
range, white is 255 or 65535, clipped and rounded."""

_HALF_ROWS = 64
"""Half floats are made from float32 in strips of so many rows, which stay in the processor's cache."""

_PEAK = {"uint8": 255, "uint16": 65535, "float16": 0, "float32": 0}


def to_rgb(
    frame: Frame,
    dtype: SampleType | np.dtype[Any] = "float32",
    rows: slice = slice(None),
    out: npt.NDArray[Any] | None = None,
) -> npt.NDArray[Any]:
    """The picture of a frame: (rows, width, channels) R'G'B', R'G'B'A, Y or YA, a view of planar memory.

    Parameters
    ----------
    frame
        Any model: Y'CbCr is turned into R'G'B', the others are only scaled.
    dtype
        See `SampleType`. Float sources keep their values in float output.
    rows
        Which rows, without a step; the others cost nothing.
    out
        C-contiguous (channels, rows, width) of `dtype`, to write into.

    Raises
    ------
    UnsupportedMedia
        If the color matrix is none that is known.
    InvalidRequest
        If `dtype` is none of `SampleType`.
    """
    name = np.dtype(dtype).name
    if name not in _PEAK:
        raise InvalidRequest(f"pictures of {name} were asked for", do=f"use one of {', '.join(_PEAK)}")
    first, stop, step = rows.indices(frame.height)
    if step != 1:
        raise InvalidRequest(f"rows in steps of {step} were asked for", do="take them from the whole picture")
    shape = (len(frame.format.channels), max(stop - first, 0), frame.width)
    if name == "float16":
        halves = np.empty(shape, np.float16) if out is None else out
        for top in range(first, stop, _HALF_ROWS):
            strip = to_rgb(frame, "float32", slice(top, min(top + _HALF_ROWS, stop))).transpose(2, 0, 1)
            to_half(strip, halves.view(np.uint16), top - first)
        return halves.transpose(1, 2, 0)
    picture = np.empty(shape, name) if out is None else out
    if shape[1]:
        _fill(picture, frame, first, np.float32(_PEAK[name]))
    return picture.transpose(1, 2, 0)


def pack_rgb(frame: Frame, out: npt.NDArray[np.float32]) -> None:
    """A Y'CbCr frame with full chroma as (height, width, 4) R'G'B' and zero: OpenColorIO's fastest layout."""
    gain, _, _ = _coefficients(frame.format, frame.color, frame.height)
    ycbcr_to_packed(*(contiguous_rows(plane) for plane in frame.planes[:3]), out, gain)


def _fill(out: npt.NDArray[Any], frame: Frame, first: int, peak: np.float32) -> None:
    planes = [contiguous_rows(plane) for plane in frame.planes]
    full, limited = _gains(frame.format.bits, frame.format.is_float)
    if frame.format.model == "yuv":
        coefficients = _coefficients(frame.format, frame.color, frame.height)
        ycbcr_to_rgb(*planes[:3], out[:3], first, *coefficients, peak)
        done = 3
    else:
        done = len(frame.format.channels) - frame.format.alpha
        gain, offset = limited if code_range(frame.format, frame.color) == "limited" else full
        for plane, channel in zip(planes[:done], out, strict=False):
            scale_plane(plane, channel, first, gain, offset, peak)
    for plane, channel in zip(planes[done:], out[done:], strict=True):
        scale_plane(plane, channel, first, *full, peak)


def _gains(bits: int, is_float: bool) -> tuple[tuple[np.float32, np.float32], tuple[np.float32, np.float32]]:
    """Gain and offset from code to value, of full range and of limited."""
    if is_float:
        same = (np.float32(1), np.float32(0))
        return same, same
    codes = 2.0 ** (bits - 8)
    return (
        (np.float32(1 / (2.0**bits - 1)), np.float32(0)),
        (np.float32(1 / (219 * codes)), np.float32(-16 / 219)),
    )


@lru_cache
def _coefficients(format: PixelFormat, color: ColorTags, height: int) -> tuple[npt.NDArray[np.float32], ...]:
    """What `ycbcr_to_rgb` takes: gains, and chroma phases across and down."""
    red, blue = luma_weights(color, height)
    green = 1 - red - blue
    codes = 2.0 ** (format.bits - 8)
    if code_range(format, color) == "full":
        luma, offset, chroma = 1 / (256 * codes - 1), 0.0, 256 * codes - 1
    else:
        luma, offset, chroma = 1 / (219 * codes), -16 / 219, 224 * codes
    r, b = 2 * (1 - red) / chroma, 2 * (1 - blue) / chroma
    gain = np.array([luma, offset, 128 * codes, r, -b * blue / green, -r * red / green, b], np.float32)
    siting = chroma_siting(format, color)
    return gain, _phases(format.chroma[0], siting.x), _phases(format.chroma[1], siting.y)


def _phases(step: int, siting: float) -> npt.NDArray[np.float32]:
    """(step, 2): for each luma position in a chroma sample, its first neighbor and the second's weight."""
    position = (np.arange(step) - siting) / step
    near = np.floor(position)
    return np.stack([near, position - near], -1).astype(np.float32)


def contiguous_rows(plane: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The plane in a layout compiled loops take at full speed: C-contiguous, read-only, native.

    A decoder's rows are padded. The padding is made to look like columns that nobody reads: no copy.
    """
    if plane.dtype == np.float16:
        plane = plane.astype(np.float32)
    if plane.flags.c_contiguous and not plane.flags.writeable:
        return plane
    stride, item = plane.strides[0], plane.itemsize
    if plane.strides[1] != item or stride % item or stride < plane.shape[1] * item:
        plane = np.ascontiguousarray(plane)
        stride = plane.strides[0]
    return np.lib.stride_tricks.as_strided(plane, (plane.shape[0], stride // item), writeable=False)
