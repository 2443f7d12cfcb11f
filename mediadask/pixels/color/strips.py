"""How a picture goes through OpenColorIO: strip by strip, in the layout and precision it is best at.

For a UHD frame of log footage to ACES half floats, one core: float32 in 126 ms and 16-bit codes in 80, where
OpenColorIO asked for half floats takes 223 and 170, the first of them less exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import PyOpenColorIO as ocio

from mediadask.pixels.compiled import compiled
from mediadask.pixels.halves import half_bits

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["EXACT", "Program"]

_DEPTHS = {
    "uint8": ocio.BIT_DEPTH_UINT8,
    "uint16": ocio.BIT_DEPTH_UINT16,
    "float16": ocio.BIT_DEPTH_F16,
    "float32": ocio.BIT_DEPTH_F32,
}

EXACT = ocio.OptimizationFlags(int(ocio.OPTIMIZATION_DEFAULT) & ~int(ocio.OPTIMIZATION_FAST_LOG_EXP_POW))
"""Every optimization but the approximate logarithms and powers: those are wrong by 5e-6, which puts 1 to 4 in
10,000 saturated camera colors off by more than a step of half float in ACES primaries."""

_STRIP_ROWS = 16

_LOW, _HIGH, _STEPS = -0.125, 1.875, 65536
"""Where the table for float pictures reaches, in how many steps; video's codes go from -0.07 to 1.1."""

_TOLERANCE = 2.0**-13
"""What a table may be off between its steps, relative: a quarter of a step of half float."""


@dataclass(frozen=True)
class Program:
    """What OpenColorIO makes of a processor for one sample type in and one out. Thread-safe."""

    exact: ocio.CPUProcessor
    table: ocio.CPUProcessor | None
    """For values from `_LOW` to `_HIGH` only: curves as tables, interpolated."""

    @classmethod
    def of(cls, processor: ocio.Processor, source: str, target: str) -> Program:
        """Compile it."""
        # OpenColorIO's own rounding to halves is slow: floats come out and are rounded here.
        depths = _DEPTHS[source], _DEPTHS["float32" if target == "float16" else target]
        exact = processor.getOptimizedCPUProcessor(*depths, EXACT)
        folded = _folded(processor) if depths == (ocio.BIT_DEPTH_F32,) * 2 else None
        return cls(exact, folded and folded.getOptimizedCPUProcessor(*depths, EXACT))

    def apply(
        self, rgb: npt.NDArray[Any], target: np.dtype[Any], out: npt.NDArray[Any] | None = None
    ) -> npt.NDArray[Any]:
        """(height, width, 3 or 4) of the source type to the same of the target type, planar in memory.

        Parameters
        ----------
        out
            (3 or 4, height, width) of the target type, to write into.
        """
        planes = rgb.transpose(2, 0, 1)
        _, height, width = planes.shape
        out = np.empty(planes.shape, target) if out is None else out
        # OpenColorIO is fastest on packed RGBA (a 33-cube on 1080p, 16 bits: 13 ms, on planes 21), in strips
        # small enough for the processor's cache.
        strip = np.empty((min(_STRIP_ROWS, height), width, 4), rgb.dtype)
        made = np.dtype(np.float32) if target == np.float16 else target
        result = strip if made == rgb.dtype else np.empty(strip.shape, made)
        packed, unpacked = _described(strip), _described(result)
        for top in range(0, height, _STRIP_ROWS):
            rows = slice(top, min(top + _STRIP_ROWS, height))
            within = _pack(planes[:, rows], strip)
            (self.table if self.table and within else self.exact).apply(packed, unpacked)
            _unpack(result, out[:, rows])
        return out.transpose(1, 2, 0)

    def apply_packed(self, rgba: npt.NDArray[np.float32]) -> None:
        """(height, width, 4) float32 in place, C-contiguous; fastest if it fits the processor's cache."""
        values = rgba.reshape(1, rgba.shape[0], -1)
        within = self.table and not _outside(values, np.float32(_LOW), np.float32(_HIGH))
        (self.table if self.table and within else self.exact).apply(_described(rgba))


def _folded(processor: ocio.Processor) -> ocio.Processor | None:
    """The same with the curves it begins with as one table; None where that would not do.

    OpenColorIO makes such a table for 16-bit codes, where it is exact. Stretched over a little more than 0 to
    1 and interpolated it serves floats, faster and more exactly than approximate logarithms do.
    """
    raw, float32 = ocio.Config.CreateRaw(), ocio.BIT_DEPTH_F32
    stretched = ocio.GroupTransform([_scaled(_HIGH - _LOW, _LOW), processor.createGroupTransform()])
    coded = raw.getProcessor(stretched).getOptimizedProcessor(ocio.BIT_DEPTH_UINT16, float32, EXACT)
    steps = list(coded.createGroupTransform())
    if not steps or not isinstance(steps[0], ocio.Lut1DTransform) or steps[0].getLength() != _STEPS:
        return None
    back = _scaled(1 / (_HIGH - _LOW), -_LOW / (_HIGH - _LOW))
    folded = raw.getProcessor(ocio.GroupTransform([back, *steps]))
    # Decoding a log curve is smooth between two steps, encoding one near black is not.
    between = np.linspace(_LOW, _HIGH, 2 * _STEPS - 1, dtype=np.float32)[1::2]
    exactly, quickly = (np.repeat(between, 3).reshape(-1, 3) for _ in range(2))
    processor.getOptimizedCPUProcessor(float32, float32, EXACT).applyRGB(exactly)
    folded.getOptimizedCPUProcessor(float32, float32, EXACT).applyRGB(quickly)
    close = np.abs(quickly - exactly) <= np.abs(exactly) * _TOLERANCE + _TOLERANCE**2
    return folded if close.all() else None


def _scaled(gain: float, offset: float) -> ocio.MatrixTransform:
    matrix = np.diag([gain, gain, gain, 1.0]).ravel().tolist()
    return ocio.MatrixTransform(matrix, [offset, offset, offset, 0.0])


def _described(strip: npt.NDArray[Any]) -> ocio.PackedImageDesc:
    height, width, _ = strip.shape
    item = strip.itemsize
    return ocio.PackedImageDesc(
        strip, width, height, 4, _DEPTHS[strip.dtype.name], item, 4 * item, 4 * item * width
    )


def _pack(planes: npt.NDArray[Any], strip: npt.NDArray[Any]) -> bool:
    """Fill the strip; whether all colors are where the table reaches."""
    floats = planes.dtype == np.float32
    if planes.dtype == np.float16:  # halves are only moved: as bits, since compiled code has no half floats
        planes, strip = planes.view(np.uint16), strip.view(np.uint16)
    _pack_codes(planes, strip)
    return floats and not _outside(planes[:3], np.float32(_LOW), np.float32(_HIGH))


def _unpack(strip: npt.NDArray[Any], planes: npt.NDArray[Any]) -> None:
    if planes.dtype == np.float16:
        _unpack_halves(strip, planes.view(np.uint16))
    else:
        _unpack_codes(strip, planes)


@compiled
def _pack_codes(planes: Any, strip: Any) -> None:
    """(3 or 4, rows, columns) to (rows, columns, 4), the last 0 where there is none."""
    four = planes.shape[0] == 4
    for y in range(planes.shape[1]):
        one, two, three, last = planes[0, y], planes[1, y], planes[2, y], planes[-1, y]
        row = strip[y].reshape(-1)  # of known step: the loops below become moves of whole registers
        for x in range(len(one)):
            row[4 * x], row[4 * x + 1], row[4 * x + 2], row[4 * x + 3] = one[x], two[x], three[x], 0
        if four:
            for x in range(len(one)):
                row[4 * x + 3] = last[x]


@compiled
def _unpack_codes(strip: Any, planes: Any) -> None:
    """And back."""
    four = planes.shape[0] == 4
    for y in range(planes.shape[1]):
        one, two, three, last = planes[0, y], planes[1, y], planes[2, y], planes[-1, y]
        row = strip[y].reshape(-1)
        for x in range(len(one)):
            one[x], two[x], three[x] = row[4 * x], row[4 * x + 1], row[4 * x + 2]
        if four:
            for x in range(len(one)):
                last[x] = row[4 * x + 3]


@compiled
def _unpack_halves(strip: Any, planes: Any) -> None:
    """And back, float32 to the bits of halves."""
    four = planes.shape[0] == 4
    for y in range(planes.shape[1]):
        one, two, three, last = planes[0, y], planes[1, y], planes[2, y], planes[-1, y]
        row = strip[y].reshape(-1)
        for x in range(len(one)):
            one[x], two[x] = half_bits(row[4 * x]), half_bits(row[4 * x + 1])
            three[x] = half_bits(row[4 * x + 2])
        if four:
            for x in range(len(one)):
                last[x] = half_bits(row[4 * x + 3])


@compiled
def _outside(planes: Any, low: float, high: float) -> Any:
    """How many colors are out of a range; what is no number is."""
    count = 0
    for y in range(planes.shape[1]):
        for channel in range(len(planes)):
            plane = planes[channel, y]
            for x in range(len(plane)):
                count += not low <= plane[x] <= high
    return count
