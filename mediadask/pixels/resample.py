"""Pictures at another size, exactly: named filters, antialiased, on values of any kind."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from mediadask.errors import InvalidRequest
from mediadask.pixels.kernels import resample

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Filter", "Rectangle", "place", "resize"]

Filter = Literal["box", "triangle", "cubic", "mitchell", "lanczos3", "blackman-harris"]
"""``triangle`` is linear, ``cubic`` Catmull-Rom. All widen with the reduction, so that nothing aliases."""


@dataclass(frozen=True)
class Rectangle:
    """A part of a picture, in its pixels; (0, 0) is the top left corner of the top left pixel."""

    x: float
    y: float
    width: float
    height: float


def resize(
    picture: npt.NDArray[Any], width: int, height: int, filter: Filter = "lanczos3"
) -> npt.NDArray[np.float32]:
    """A picture at another size: (height, width, channels) float32, a view of planar memory.

    Parameters
    ----------
    picture
        (rows, columns, channels) of any real type; values keep their scale and are not clipped.
    width, height
        Pixels.
    filter
        See `Filter`. Picture edges stay where they are; beyond them the edge repeats.

    Raises
    ------
    InvalidRequest
        If the size is not positive, or the filter is unknown.
    """
    rows, columns, _ = picture.shape
    return place(
        picture, Rectangle(0, 0, columns, rows), Rectangle(0, 0, width, height), (width, height), filter
    )


def place(
    picture: npt.NDArray[Any],
    source: Rectangle,
    target: Rectangle,
    size: tuple[int, int],
    filter: Filter = "lanczos3",
) -> npt.NDArray[np.float32]:
    """A part of a picture on a black canvas: (height, width, channels) float32, a view of planar memory.

    Crop, stretch, offset and padding are one resampling. Filters near the edge of `source` read what the
    picture holds beyond it; beyond the picture its edge repeats.

    Parameters
    ----------
    picture
        (rows, columns, channels) of any real type; values keep their scale and are not clipped.
    source, target
        The part of the picture, and where it lies on the canvas; both may fall between pixels. Canvas pixels
        whose center is outside `target` are 0.
    size
        (width, height) of the canvas.

    Raises
    ------
    InvalidRequest
        If a size is not positive, or the filter is unknown.
    """
    width, height = size
    if min(width, height, target.width, target.height, source.width, source.height) <= 0:
        raise InvalidRequest(f"a picture of {width}x{height} was asked for", do="give a positive size")
    if filter not in get_args(Filter):
        raise InvalidRequest(f"{filter!r} is no filter", do=f"use one of {', '.join(get_args(Filter))}")
    planes = picture.transpose(2, 0, 1)
    if planes.dtype == np.float16:
        planes = planes.astype(np.float32)
    out = np.zeros((len(planes), height, width), np.float32)
    down = _taps(planes.shape[1], source.y, source.height, target.y, target.height, height, filter)
    across = _taps(planes.shape[2], source.x, source.width, target.x, target.width, width, filter)
    inside = out[:, down.outputs, across.outputs]
    for plane, result in zip(planes, inside, strict=True):
        resample(plane, result, down.first, down.weights, across.first, across.weights)
    return out.transpose(1, 2, 0)


@dataclass(frozen=True, eq=False)
class _Taps:
    """How one axis is resampled."""

    outputs: slice
    """The pixels that are not black."""

    first: npt.NDArray[np.int64]
    """(outputs,) the first input of each."""

    weights: npt.NDArray[np.float32]
    """(outputs, taps), each row summing to 1."""


@lru_cache(maxsize=64)
def _taps(
    inputs: int, start: float, length: float, offset: float, placed: float, outputs: int, filter: Filter
) -> _Taps:
    """For an axis of `inputs` pixels of which [start, start + length) goes to [offset, offset + placed)."""
    begin, end = max(int(np.ceil(offset - 0.5)), 0), min(int(np.ceil(offset + placed - 0.5)), outputs)
    step = length / placed
    center = start + (np.arange(begin, max(begin, end)) + 0.5 - offset) * step - 0.5
    if step == 1 and (start - offset) % 1 == 0:
        # Pixels stay what they are, also under filters that would soften them.
        first = np.clip(np.round(center).astype(np.int64), 0, inputs - 1)
        return _Taps(slice(begin, begin + len(first)), first, np.ones((len(first), 1), np.float32))
    wide = max(step, 1.0)
    first = np.floor(center - _RADIUS[filter] * wide).astype(np.int64)
    taps = int(np.ceil(2 * _RADIUS[filter] * wide)) + 2
    at = first[:, None] + np.arange(taps)
    weights = _kernel(filter, (at - center[:, None]) / wide)
    weights /= weights.sum(axis=1, keepdims=True)
    # Beyond an edge its sample repeats: those weights are the edge's.
    width = min(taps, inputs)
    low = np.clip(first, 0, inputs - width)
    inside = np.zeros((len(first), width))
    np.add.at(inside, (np.arange(len(first))[:, None], np.clip(at, 0, inputs - 1) - low[:, None]), weights)
    return _Taps(slice(begin, begin + len(first)), low, inside.astype(np.float32))


_RADIUS = {
    "box": 0.5,
    "triangle": 1.0,
    "cubic": 2.0,
    "mitchell": 2.0,
    "lanczos3": 3.0,
    "blackman-harris": 1.5,
}


def _kernel(filter: Filter, at: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    x = np.abs(at)
    if filter == "box":
        return ((at >= -0.5) & (at < 0.5)).astype(np.float64)
    if filter == "triangle":
        return np.asarray(np.maximum(1 - x, 0))
    if filter == "cubic":
        return _bicubic(x, 0, 1 / 2)
    if filter == "mitchell":
        return _bicubic(x, 1 / 3, 1 / 3)
    if filter == "lanczos3":
        return np.where(x < 3, np.sinc(x) * np.sinc(x / 3), 0)
    # Four terms of Harris 1978, over the width OpenImageIO gives it.
    turn = 2 * np.pi * (x / 3 + 0.5)
    window = 0.35875 - 0.48829 * np.cos(turn) + 0.14128 * np.cos(2 * turn) - 0.01168 * np.cos(3 * turn)
    return np.where(x < 1.5, window, 0)


def _bicubic(x: npt.NDArray[np.float64], b: float, c: float) -> npt.NDArray[np.float64]:
    """The family of Mitchell and Netravali 1988."""
    near = (12 - 9 * b - 6 * c) * x**3 + (12 * b + 6 * c - 18) * x**2 + 6 - 2 * b
    far = (-b - 6 * c) * x**3 + (6 * b + 30 * c) * x**2 - (12 * b + 48 * c) * x + 8 * b + 24 * c
    return np.where(x < 1, near, np.where(x < 2, far, 0)) / 6
