"""Where a camera's sound is in a recording, by their waveforms: cross-correlation of short pieces.

Each piece is found on its own. Pieces that are the same sound lie on one line, whose slope is how much one
clock runs faster than the other; pieces of another sound lie anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from mediadask.sounds.listen import RATE

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

__all__ = ["Alignment", "align"]

_PIECE_SECONDS = 5.0
_MOST_PIECES = 8
_SEARCHED = 3
"""How many pieces are looked for in the whole recording; the others near where these were found."""

_CLEAR = 12.0
_LIKELY = 7.0
"""Height of a peak in deviations of the rest. Noise reaches 5.3 once in ten million."""

_ON_THE_LINE_SECONDS = 0.0015
_MOST_DRIFT = 2.5e-3
_NEAR_SECONDS = 0.5
_LEAST_SPAN_SECONDS = 8.0
_SPEEDS = (1.0, 1000 / 1001, 1001 / 1000)
"""How fast a recording may run against the camera: alike, or pulled down or up between 24 and 23.976."""


@dataclass(frozen=True)
class Alignment:
    """A camera clip's place in a recording."""

    seconds: float
    """The moment of the recording at the clip's first frame."""

    drift: float | None
    """Seconds that the recording gains in a second of the clip; None where the clip is too short to tell."""

    pieces: int
    """How many pieces lie on the line."""

    clearness: float
    """The sum of their peaks, in deviations."""


@dataclass(frozen=True)
class _Fix:
    at: float
    """The middle of a piece, in seconds of the clip."""

    there: float
    """Where it is in the recording."""

    clearness: float


def align(
    clip: npt.NDArray[np.float32],
    sound: npt.NDArray[np.float32],
    near: float | None = None,
    within: float = 3.0,
) -> Alignment | None:
    """The place of a clip in a recording, both as `listen` gives them; None where it is not there.

    Parameters
    ----------
    near
        The moment of the recording at the clip's first frame, if that is about known.
    within
        How far from there to look, in seconds.
    """
    length = min(int(_PIECE_SECONDS * RATE), len(clip))
    count = max(min(len(clip) // length, _MOST_PIECES), 1) if length else 0
    starts = [int(start) for start in np.linspace(0, len(clip) - length, count)] if count else []
    for speed in _SPEEDS:
        pieces = [(start, _stretched(clip[start : start + length], speed)) for start in starts]
        place = near
        if place is None:
            order = [starts[len(starts) * way // (2 * _SEARCHED)] for way in range(1, 2 * _SEARCHED, 2)]
            searched = [(start, piece) for start, piece in pieces if start in order]
            fixes = [_find(piece, start, length, sound, None, 0) for start, piece in searched]
            best = max(filter(None, fixes), key=lambda fix: fix.clearness, default=None)
            if best is None or best.clearness < _LIKELY:
                continue
            place = best.there - best.at * speed
            reach = _NEAR_SECONDS
        else:
            reach = within
        found = [
            _find(piece, start, length, sound, place + start / RATE * speed, reach) for start, piece in pieces
        ]
        if alignment := _line([fix for fix in found if fix and fix.clearness >= _LIKELY], len(pieces)):
            return alignment
    return None


def _stretched(piece: npt.NDArray[np.float32], speed: float) -> npt.NDArray[np.float32]:
    if speed == 1.0:
        return piece
    at = np.arange(int(len(piece) * speed)) / speed
    return np.interp(at, np.arange(len(piece)), piece).astype(np.float32)


def _find(
    piece: npt.NDArray[np.float32],
    start: int,
    length: int,
    sound: npt.NDArray[np.float32],
    near: float | None,
    reach: float,
) -> _Fix | None:
    """The best place of a piece; `near` is where its beginning should be, in seconds of the recording."""
    low, high = 0, len(sound)
    if near is not None:
        low = max(int((near - reach) * RATE), 0)
        high = min(int((near + reach) * RATE) + len(piece), len(sound))
    part = sound[low:high]
    if len(part) < len(piece) // 2:
        return None
    # Whatever of the piece lies outside the recording counts as silence.
    pad = len(piece) // 2
    size = 1 << int(len(part) + 2 * pad + len(piece)).bit_length()
    spectrum = np.fft.rfft(np.pad(part, pad), size) * np.conj(np.fft.rfft(piece, size))
    match = np.fft.irfft(spectrum, size)[: len(part) + 2 * pad - len(piece) + 1]
    if len(match) < 64:
        return None
    deviation = 1.4826 * float(np.median(np.abs(match))) + 1e-12
    peak = int(np.argmax(match))
    exact = peak + _top(match, peak) - pad + low + len(piece) / 2
    return _Fix((start + length / 2) / RATE, exact / RATE, float(match[peak]) / deviation)


def _top(values: npt.NDArray[np.float64], peak: int) -> float:
    """Where the top of the parabola through a peak and its neighbors is, from the peak."""
    if not 0 < peak < len(values) - 1:
        return 0.0
    before, top, after = (float(values[peak + step]) for step in (-1, 0, 1))
    bend = before - 2 * top + after
    return 0.5 * (before - after) / bend if bend else 0.0


def _line(fixes: list[_Fix], pieces: int) -> Alignment | None:
    """The line that most fixes lie on, where that is no chance."""
    best: list[_Fix] = []
    for first, second in product(fixes, fixes):
        apart = second.at - first.at
        slope = (second.there - first.there) / apart if apart > 0 else 1.0
        if apart < 0 or abs(slope - 1) > _MOST_DRIFT:
            continue
        line = [fix for fix in fixes if _off(fix, first, slope) < _ON_THE_LINE_SECONDS]
        if _clearness(line) > _clearness(best):
            best = line
    enough = len(best) >= 2 and (pieces < 4 or len(best) >= 3 or _clearness(best) > 2 * _CLEAR)
    if not enough and _clearness(best) < 2 * _CLEAR:
        return None
    at, there = np.array([fix.at for fix in best]), np.array([fix.there for fix in best])
    if np.ptp(at) < _LEAST_SPAN_SECONDS or len(best) < 3:
        return Alignment(float(np.median(there - at)), None, len(best), _clearness(best))
    slope, begin = np.polyfit(at, there, 1)
    return Alignment(float(begin), float(slope - 1), len(best), _clearness(best))


def _off(fix: _Fix, first: _Fix, slope: float) -> float:
    return abs(fix.there - first.there - slope * (fix.at - first.at))


def _clearness(fixes: Iterable[_Fix]) -> float:
    return sum(fix.clearness for fix in fixes)
