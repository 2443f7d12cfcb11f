"""The rate of a clip from its frames' times, which clocks round, recorders skip and containers leave out."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from mediadask.timecode import HIGHEST_RATE

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from mediadask.clips.index import FrameIndex

__all__ = ["Rate", "rate_of", "told_rate"]

_USUAL = (
    *(Fraction(rate * 1000, 1001) for rate in (24, 30, 48, 60, 72, 96, 120, 240)),
    *(Fraction(rate) for rate in (24, 25, 30, 48, 50, 60, 72, 96, 100, 120, 144, 150, 180, 200, 240)),
    *(Fraction(rate) for rate in (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 16, 18, 20, 22, 28, 32, 36, 40)),
    Fraction(15, 2), Fraction(25, 2), Fraction(15000, 1001), Fraction(12000, 1001),
)  # fmt: skip
_MOST_HOLES = 0.1
"""The share of frames that may be missing between those of a rate; with more, they are of another."""

_NEAR = 0.01
"""How far the step that most frames take may be off a told rate's."""

_LEAST_TICKS = 4
"""A clock tells rates apart only where a frame lasts so many of its ticks."""


@dataclass(frozen=True)
class Rate:
    """Frames a second, and whether frames keep to it."""

    rate: Fraction
    variable: bool


def told_rate(stream: Any) -> Fraction:
    """What a PyAV stream's container or codec says; 24 where all of it is missing or impossible."""
    return next(iter(_told(stream)), Fraction(24))


def rate_of(stream: Any, index: FrameIndex) -> Rate:
    """The rate at which frames come.

    If every time is a whole number of frames of a usual rate, to within the file's clock, that is the rate,
    and of several the one that is told. Where frames are missing between others it is so, too; but such a
    clip is variable, and so is one whose frames keep to no rate: its rate is the most frequent one, or else
    what is told, or the mean.
    """
    told = list(_told(stream))
    ticks = index.frame_pts - index.frame_pts[:1]
    steps = np.diff(ticks)
    if not len(steps) or not steps.any():
        return Rate(told_rate(stream), False)
    base = index.time_base
    even = bool((steps == steps[0]).all())
    common = int(np.median(steps))
    exact = [1 / (common * base)] if common > 0 else []
    if even and (exact[0] in _USUAL or exact[0] in told) and exact[0] <= HIGHEST_RATE:
        return Rate(exact[0], False)
    usual = [rate for rate in told if rate in _USUAL]
    # Times may have been rounded by a coarser clock before: milliseconds of MKV in an MP4.
    coarse = int(np.gcd.reduce(ticks))
    for clock, counts in ((base, ticks), (base * coarse, ticks // coarse)):
        fitting = [
            (rate, holes)
            for rate in dict.fromkeys([*told, *_USUAL])
            if (holes := _holes(counts, clock, rate, rate in told)) is not None
        ]
        if fitting:
            # Fewest holes; then what is told; then the one whose times are off by the least.
            rate, holes = min(
                fitting, key=lambda fit: (fit[1], fit[0] not in usual, _spread(counts, clock, fit[0]))
            )
            return Rate(rate, holes > 0)
    if even and exact[0] <= HIGHEST_RATE:
        return Rate(exact[0], False)
    if exact and exact[0] <= HIGHEST_RATE and np.mean(steps == common) >= 1 - _MOST_HOLES:
        return Rate(exact[0], True)
    for rate in usual:
        if abs(1 / rate - common * base) <= _NEAR * common * base:
            return Rate(rate, True)
    mean = Fraction(int(steps.sum()), len(steps)) * base
    near = [rate for rate in told if abs(mean - 1 / rate) * len(steps) <= 2 * base]
    found = near[0] if near else (1 / mean).limit_denominator(1001) if mean > 0 else Fraction(0)
    return Rate(found if 0 < found <= HIGHEST_RATE else told_rate(stream), True)


def _told(stream: Any) -> Iterable[Fraction]:
    context = stream.codec_context
    # MXF counts time in pictures; FFmpeg may take the fields of H.264 for some.
    edit_rate = 1 / stream.time_base if stream.container.format.name.startswith("mxf") else None
    rates = (edit_rate, stream.guessed_rate, stream.base_rate, context.framerate, stream.average_rate)
    return dict.fromkeys(Fraction(rate) for rate in rates if rate and 0 < rate <= HIGHEST_RATE)


def _holes(ticks: npt.NDArray[np.int64], base: Fraction, rate: Fraction, is_told: bool) -> int | None:
    """How many frames of a rate are missing between those that are there; None where the times are others."""
    if 1 / rate < (1 if is_told else _LEAST_TICKS) * base:
        return None
    numbers = _numbers(ticks, base, rate)
    steps = np.diff(numbers)
    if (steps < 1).any():
        return None
    missing = int(numbers[-1]) - (len(ticks) - 1)
    if missing > _MOST_HOLES * len(ticks) or _spread(ticks, base, rate) > 1 + 1e-6:
        return None
    return missing


def _spread(ticks: npt.NDArray[np.int64], base: Fraction, rate: Fraction) -> float:
    """How far times are off the rate's, in ticks: 0 to 1 by rounding, wherever the first frame is."""
    off = ticks - _numbers(ticks, base, rate) / float(rate * base)
    return float(np.ptp(off))


def _numbers(ticks: npt.NDArray[np.int64], base: Fraction, rate: Fraction) -> npt.NDArray[np.int64]:
    return np.asarray(np.rint(ticks * float(rate * base)), np.int64)
