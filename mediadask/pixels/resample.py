"""Pictures at another size, exactly: named filters, antialiased, on values of any kind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

import numpy as np

from mediadask.choices import Filter
from mediadask.errors import InvalidRequest
from mediadask.pixels.compiled import compiled
from mediadask.pixels.kernels import to_half

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

__all__ = ["Rectangle", "Rows", "check_placing", "place", "place_rows", "resize"]

Rows: TypeAlias = "Callable[[int, int, npt.NDArray[np.float32]], None]"
"""Puts rows of a picture, from the first up to the second, into (channels, rows, columns)."""

_BAND_ROWS = 64
"""What is not as `_resample` likes it is brought into that form for so many output rows at a time."""

_LANES = 32
"""So many rows are resampled side by side: a few vectors for each column, and a band stays in the cache."""

_TILE = 64
"""Columns of a band whose sums are turned back at a time, while the cache still has them."""


@dataclass(frozen=True)
class Rectangle:
    """A part of a picture, in its pixels; (0, 0) is the top left corner of the top left pixel."""

    x: float
    y: float
    width: float
    height: float

    def __str__(self) -> str:
        return f"{self.width:g}x{self.height:g} at {self.x:g}, {self.y:g}"


def resize(
    picture: npt.NDArray[Any], width: int, height: int, filter: Filter = "lanczos3"
) -> npt.NDArray[Any]:
    """A picture at another size: (height, width, channels) float32, a view of planar memory.

    Edges stay where they are. `picture` and errors are as in `place`.
    """
    rows, columns, _ = picture.shape
    whole, target = Rectangle(0, 0, columns, rows), Rectangle(0, 0, width, height)
    return place(picture, whole, target, (width, height), filter)


def place(
    picture: npt.NDArray[Any],
    source: Rectangle,
    target: Rectangle,
    size: tuple[int, int],
    filter: Filter = "lanczos3",
    dtype: npt.DTypeLike = np.float32,
) -> npt.NDArray[Any]:
    """A part of a picture on a black canvas: (height, width, channels), a view of planar memory.

    Crop, stretch, offset and padding are one resampling. Filters near the edge of `source` read what the
    picture holds beyond it; beyond the picture its edge repeats. Along an axis on which pixels move by whole
    pixels only, they are copied, whatever the filter.

    Parameters
    ----------
    picture
        (rows, columns, channels). Floats keep their values, unclipped; integers are full range: their highest
        becomes 1.0.
    source, target
        The part of the picture, and where it lies on the canvas; both may fall between pixels. Canvas pixels
        whose center is outside `target` are 0.
    size
        (width, height) of the canvas.
    dtype
        float32, or float16 rounded to nearest.

    Raises
    ------
    InvalidRequest
        If a size is not positive, or the filter is unknown.
    """
    check_placing(source, target, size, filter)
    width, height = size
    planes = picture.transpose(2, 0, 1)
    down = _taps(planes.shape[1], source.y, source.height, target.y, target.height, height, filter)
    across = _taps(planes.shape[2], source.x, source.width, target.x, target.width, width, filter)
    out = np.zeros((len(planes), height, width), dtype)
    if down.copied and across.copied and picture.dtype == out.dtype:
        out[:, down.outputs, across.outputs] = planes[:, down.copied, across.copied]
        return out.transpose(1, 2, 0)
    if picture.dtype.kind in "ui":
        down = replace(down, weights=down.weights * np.float32(1 / np.iinfo(picture.dtype).max))
    if out.dtype == np.float32 and picture.dtype != np.float16 and planes[:1].flags.c_contiguous:
        for plane, result in zip(planes, out, strict=True):
            _resample_onto(result, plane, down, across)
    else:
        _place_rows(partial(_as_floats, planes), planes.shape, out, down, across)
    return out.transpose(1, 2, 0)


def place_rows(
    rows: Rows,
    shape: tuple[int, int, int],
    source: Rectangle,
    target: Rectangle,
    size: tuple[int, int],
    filter: Filter = "lanczos3",
    dtype: npt.DTypeLike = np.float32,
    step: int = 1,
) -> npt.NDArray[Any]:
    """`place` of a picture that is nowhere as a whole: its rows are made as they are needed, each once.

    They are made, resampled and rounded while the processor's cache holds them.

    Parameters
    ----------
    rows
        Makes them.
    shape
        (rows, columns, channels) of the picture.
    step
        Rows are asked for from a multiple of it up to one, or to the end.
    """
    check_placing(source, target, size, filter)
    width, height = size
    down = _taps(shape[0], source.y, source.height, target.y, target.height, height, filter)
    across = _taps(shape[1], source.x, source.width, target.x, target.width, width, filter)
    out = np.zeros((shape[2], height, width), dtype)
    _place_rows(rows, (shape[2], *shape[:2]), out, down, across, step)
    return out.transpose(1, 2, 0)


def check_placing(source: Rectangle, target: Rectangle, size: tuple[int, int], filter: str) -> None:
    """Raise `InvalidRequest` if a size is not positive, or the filter is unknown."""
    if min(*size, target.width, target.height) <= 0:
        shown = f"{size[0]}x{size[1]}" if min(size) <= 0 else str(target)
        raise InvalidRequest(f"a picture of {shown} was asked for", do="give a positive size")
    if min(source.width, source.height) <= 0:
        raise InvalidRequest(f"{source} of a picture was asked for", do="give a positive size")
    if filter not in get_args(Filter):
        raise InvalidRequest(f"{filter!r} is no filter", do=f"use one of {', '.join(get_args(Filter))}")


def _place_rows(
    rows: Rows,
    shape: tuple[int, int, int],
    out: npt.NDArray[Any],
    down: _Taps,
    across: _Taps,
    step: int = 1,
) -> None:
    channels, height, width = shape
    bands = [
        (part, low // step * step, min(-(-high // step) * step, height)) for part, low, high in down.bands()
    ]
    longest = max((high - low for _, low, high in bands), default=0)
    held = np.empty((channels, longest, width), np.float32)
    canvas = np.zeros((1, _BAND_ROWS, out.shape[2]), np.float32)
    begin = end = 0
    for part, low, high in bands:
        # Neighboring bands share the rows that their filters reach.
        kept = max(end - low, 0)
        held[:, :kept] = held[:, end - begin - kept : end - begin]
        if low + kept < high:
            rows(low + kept, high, held[:, kept : high - low])
        begin, end = low, high
        band = down.part(part, low)
        for plane, result in zip(held, out, strict=True):
            if out.dtype == np.float32:
                _resample_onto(result, plane, band, across)
            else:
                _resample_onto(canvas[0], plane, replace(band, outputs=slice(0, None)), across)
                to_half(canvas[:, : len(band.first)], result[None].view(np.uint16), band.outputs.start)


def _resample_onto(
    canvas: npt.NDArray[np.float32], plane: npt.NDArray[Any], down: _Taps, across: _Taps
) -> None:
    top, left = down.outputs.start, across.outputs.start
    _resample(plane, canvas, top, left, down.first, down.weights, across.first, across.weights)


def _as_floats(planes: npt.NDArray[Any], first: int, stop: int, out: npt.NDArray[np.float32]) -> None:
    if planes.dtype != np.float16:
        out[:] = planes[:, first:stop]
        return
    for plane, values in zip(planes, out, strict=True):
        bits = np.ascontiguousarray(plane[first:stop]).view(np.uint16)
        _from_half(bits, values, values.view(np.uint32))


@dataclass(frozen=True, eq=False)
class _Taps:
    """How one axis is resampled."""

    outputs: slice
    """The pixels that are not black."""

    copied: slice | None
    """The inputs they are copied from, where they are."""

    first: npt.NDArray[np.int64]
    """(outputs,) the first input of each."""

    weights: npt.NDArray[np.float32]
    """(outputs, taps), each row summing to 1."""

    def part(self, part: slice, begin: int) -> _Taps:
        """Some of the outputs, from inputs of which there are those from `begin` on."""
        start = self.outputs.start
        outputs = slice(start + part.start, start + part.stop)
        return _Taps(outputs, None, self.first[part] - begin, self.weights[part])

    def bands(self) -> list[tuple[slice, int, int]]:
        """Outputs, `_BAND_ROWS` at a time, and the inputs they take: where those begin and end."""
        parts = [slice(start, start + _BAND_ROWS) for start in range(0, len(self.first), _BAND_ROWS)]
        taps = self.weights.shape[1]
        return [(part, int(self.first[part].min()), int(self.first[part].max()) + taps) for part in parts]


@lru_cache(maxsize=64)
def _taps(
    inputs: int, start: float, length: float, offset: float, placed: float, outputs: int, filter: Filter
) -> _Taps:
    """For an axis of `inputs` pixels of which [start, start + length) goes to [offset, offset + placed)."""
    begin, end = max(int(np.ceil(offset - 0.5)), 0), min(int(np.ceil(offset + placed - 0.5)), outputs)
    step = length / placed
    center = start + (np.arange(begin, end) + 0.5 - offset) * step - 0.5
    filled = slice(begin, begin + len(center))
    if not len(center) or (step == 1 and (start - offset) % 1 == 0):
        # Pixels stay what they are, also under filters that would soften them.
        first = np.clip(np.round(center).astype(np.int64), 0, inputs - 1)
        inside = len(first) > 0 and first[-1] - first[0] == len(first) - 1
        copied = slice(int(first[0]), int(first[-1]) + 1) if inside else None
        return _Taps(filled, copied, first, np.ones((len(first), 1), np.float32))
    wide = max(step, 1.0)
    first = np.floor(center - _RADIUS[filter] * wide).astype(np.int64)
    at = first[:, None] + np.arange(int(np.ceil(2 * _RADIUS[filter] * wide)) + 2)
    weights = _kernel(filter, (at - center[:, None]) / wide)
    weights /= weights.sum(axis=1, keepdims=True)
    used = np.flatnonzero(weights.any(axis=0))
    at, weights = at[:, used[0] : used[-1] + 1], weights[:, used[0] : used[-1] + 1]
    # Beyond an edge its sample repeats: those weights are the edge's.
    width = min(at.shape[1], inputs)
    low = np.clip(at[:, 0], 0, inputs - width)
    inside = np.zeros((len(low), width))
    np.add.at(inside, (np.arange(len(low))[:, None], np.clip(at, 0, inputs - 1) - low[:, None]), weights)
    return _Taps(filled, None, low, inside.astype(np.float32))


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


@partial(compiled, in_order=True)
def _resample(
    plane: Any,
    out: Any,
    top: int,
    left: int,
    rows: Any,
    row_weights: Any,
    columns: Any,
    column_weights: Any,
) -> None:
    """One plane to another size: each output sample is a weighted sum of consecutive inputs, both ways.

    Sums are in the order of inputs, so that they are the same whatever a processor's vectors hold.

    Parameters
    ----------
    plane, out
        (rows, columns), C-contiguous; `out` float32.
    top, left
        Where the first output sample lies in `out`.
    rows, columns
        (outputs,) the first input of each output.
    row_weights, column_weights
        (outputs, taps) float32.
    """
    height, wide = rows.shape[0], columns.shape[0]
    if height == 0 or wide == 0:
        return
    taps = column_weights.shape[1]
    begin = columns.min()
    width = columns.max() + taps - begin
    # Longer by a cache line and a sample: columns of a power of two would crowd each other out of the cache.
    lines = np.empty((_LANES, width + 17), np.float32)
    # The samples of a column side by side: they share its weight.
    turned = np.zeros((width, _LANES), np.float32)
    sums = np.empty((_TILE, _LANES), np.float32)
    for band in range(0, height, _LANES):
        count = min(_LANES, height - band)
        for lane in range(count):
            _weigh_rows(plane, rows[band + lane], row_weights[band + lane], begin, lines[lane, :width])
        if taps == 1:
            for lane in range(count):
                for x in range(wide):
                    out[top + band + lane, left + x] = lines[lane, columns[x] - begin]
            continue
        for x in range(width):
            for lane in range(_LANES):
                turned[x, lane] = lines[lane, x]
        for tile in range(0, wide, _TILE):
            stop = min(tile + _TILE, wide)
            for x in range(tile, stop):
                _weigh_rows(turned, columns[x] - begin, column_weights[x], 0, sums[x - tile])
            for lane in range(count):
                for x in range(tile, stop):
                    out[top + band + lane, left + x] = sums[x - tile, lane]


@partial(compiled, in_order=True)
def _weigh_rows(plane: Any, row: int, weights: Any, left: int, line: Any) -> None:
    """``line = weights @ plane[row:, left:]``, as many rows as weights and as many columns as `line` has."""
    width = line.shape[0]
    source, weight = plane[row, left:], weights[0]
    for x in range(width):
        line[x] = np.float32(source[x]) * weight
    tap = 1
    while tap + 4 <= weights.shape[0]:  # the line is read and written once for four rows
        a, b, c, d = weights[tap], weights[tap + 1], weights[tap + 2], weights[tap + 3]
        first, second = plane[row + tap, left:], plane[row + tap + 1, left:]
        third, fourth = plane[row + tap + 2, left:], plane[row + tap + 3, left:]
        for x in range(width):
            value = line[x]
            value = value + np.float32(first[x]) * a
            value = value + np.float32(second[x]) * b
            value = value + np.float32(third[x]) * c
            line[x] = value + np.float32(fourth[x]) * d
        tap += 4
    while tap < weights.shape[0]:
        source, weight = plane[row + tap, left:], weights[tap]
        for x in range(width):
            line[x] = line[x] + np.float32(source[x]) * weight
        tap += 1


@compiled
def _from_half(bits: Any, values: Any, codes: Any) -> None:
    """float16 to float32, exact. NumPy takes 35 ms for a channel of UHD, this 3.

    Parameters
    ----------
    bits
        (rows, columns) uint16, the memory of halves.
    values, codes
        (rows, columns) float32 to fill, and the same memory as uint32.
    """
    for y in range(bits.shape[0]):
        for x in range(bits.shape[1]):
            code = np.uint32(bits[y, x])
            size = (code & np.uint32(0x7FFF)) << np.uint32(13)
            endless = np.uint32(0x7F800000) if size >= np.uint32(0x0F800000) else np.uint32(0)
            codes[y, x] = size | endless | ((code & np.uint32(0x8000)) << np.uint32(16))
        for x in range(bits.shape[1]):
            values[y, x] = values[y, x] * np.float32(2.0**112)  # the exponents' biases differ by 112
