"""Pictures at another size, exactly: named filters, antialiased, on values of any kind."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from mediadask.errors import InvalidRequest
from mediadask.pixels.kernels import resample

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Filter", "resize"]

Filter = Literal["box", "triangle", "cubic", "lanczos3"]
"""``triangle`` is linear, ``cubic`` Catmull-Rom. All widen with the reduction, so that nothing aliases."""


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
    if width < 1 or height < 1:
        raise InvalidRequest(f"a picture of {width}x{height} was asked for", do="give a positive size")
    if filter not in get_args(Filter):
        raise InvalidRequest(f"{filter!r} is no filter", do=f"use one of {', '.join(get_args(Filter))}")
    planes = picture.transpose(2, 0, 1)
    if planes.dtype == np.float16:
        planes = planes.astype(np.float32)
    out = np.empty((len(planes), height, width), np.float32)
    rows, columns = _taps(planes.shape[1], height, filter), _taps(planes.shape[2], width, filter)
    for plane, result in zip(planes, out, strict=True):
        resample(plane, result, *rows, *columns)
    return out.transpose(1, 2, 0)


def _kernel(filter: Filter, at: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    x = np.abs(at)
    if filter == "box":
        return ((at >= -0.5) & (at < 0.5)).astype(np.float64)
    if filter == "triangle":
        return np.asarray(np.maximum(1 - x, 0))
    if filter == "cubic":
        near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
        return np.where(x < 1, near, np.where(x < 2, far, 0))
    return np.where(x < 3, np.sinc(x) * np.sinc(x / 3), 0)


_RADIUS = {"box": 0.5, "triangle": 1.0, "cubic": 2.0, "lanczos3": 3.0}


@lru_cache(maxsize=32)
def _taps(source: int, target: int, filter: Filter) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """First input and weights of each of `target` outputs from `source` inputs: what `resample` takes."""
    wide = max(source / target, 1.0)
    center = (np.arange(target) + 0.5) * source / target - 0.5
    first = np.floor(center - _RADIUS[filter] * wide).astype(np.int64)
    taps = int(np.ceil(2 * _RADIUS[filter] * wide)) + 2
    at = first[:, None] + np.arange(taps)
    weights = _kernel(filter, (at - center[:, None]) / wide)
    weights /= weights.sum(axis=1, keepdims=True)
    # Beyond an edge its sample repeats: those weights are the edge's.
    width = min(taps, source)
    start = np.clip(first, 0, source - width)
    inside = np.zeros((target, width))
    np.add.at(inside, (np.arange(target)[:, None], np.clip(at, 0, source - 1) - start[:, None]), weights)
    return start, inside.astype(np.float32)
