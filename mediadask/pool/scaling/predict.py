"""How long units take, learned as they run: seconds per frame on one thread, by kind of unit.

A kind is words, the first saying what is done, with the picture's size among them where it matters:
``proxy h264 3840x2160``. What a kind is not known for comes from its relatives, in proportion to size.
"""

from __future__ import annotations

import re
from collections import deque
from statistics import median
from typing import TYPE_CHECKING

from mediadask.pool.history import Learned

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Predictor"]

_RECENT = 31
_ENOUGH = 3
_HD = 1920 * 1080
_SIZE = re.compile(r"\b(\d+)x(\d+)\b")


class Predictor:
    """Predicts from the median of the latest units of a kind, so that one stuck unit does not mislead it.

    Parameters
    ----------
    priors
        Seconds for one 1920×1080 frame by the first word of a kind, and for any other under ``default``.
    known
        What earlier runs have learned, from the ledger.
    """

    def __init__(self, priors: Mapping[str, float], known: Iterable[Learned] = ()) -> None:
        self._priors = dict(priors)
        self._recent: dict[str, deque[float]] = {}
        self._median: dict[str, float] = {}
        self._units: dict[str, int] = {}
        self._guessed: dict[str, float] = {}  # from relatives: a thousand open jobs ask again and again
        for learned in known:
            weight = min(learned.units, _RECENT // 2)
            if weight:
                self._recent[learned.kind] = deque([learned.seconds_per_frame] * weight, maxlen=_RECENT)
                self._median[learned.kind] = learned.seconds_per_frame
            self._units[learned.kind] = learned.units

    def observe(self, kind: str, frames: int, run_seconds: float) -> Learned:
        """Take in a unit that is done; what is now known of its kind, for the ledger."""
        recent = self._recent.setdefault(kind, deque(maxlen=_RECENT))
        recent.append(run_seconds / max(frames, 1))
        self._median[kind] = median(recent)
        self._guessed.clear()
        self._units[kind] = self._units.get(kind, 0) + 1
        return Learned(kind=kind, seconds_per_frame=self._median[kind], units=self._units[kind])

    def average_seconds(self, kind: str, frames: int) -> float | None:
        """What many units take, each: the mean, where enough were seen to say. Some may find their output
        there already and others not, so the median tells nothing of a sum."""
        recent = self._recent.get(kind, ())
        return sum(recent) / len(recent) * max(frames, 1) if len(recent) >= _ENOUGH else None

    def longest_seconds(self, kind: str, frames: int) -> float | None:
        """What the slowest of those lately seen would have taken, where enough were."""
        recent = self._recent.get(kind, ())
        return max(recent) * max(frames, 1) if len(recent) >= _ENOUGH else None

    def seconds(self, kind: str, frames: int, given: float | None = None) -> float:
        """Predict how long a unit takes on one thread.

        It goes by the latest of the kind; else by its maker (`given`); else by kinds that differ in size
        only; else by those of the same first word; else by the priors.
        """
        if len(self._recent.get(kind, ())) >= _ENOUGH:
            return self._median[kind] * max(frames, 1)
        if given is not None:
            return given
        return self._seconds_per_frame(kind) * max(frames, 1)

    def _seconds_per_frame(self, kind: str) -> float:
        if kind in self._median:
            return self._median[kind]
        if kind not in self._guessed:
            self._guessed[kind] = self._from_relatives(kind)
        return self._guessed[kind]

    def _from_relatives(self, kind: str) -> float:
        pixels = _pixels(kind)
        for akin in (_without_size(kind), _first_word(kind)):
            relatives = [
                seconds * pixels / _pixels(other)
                for other, seconds in self._median.items()
                if akin in (_without_size(other), _first_word(other))
            ]
            if relatives:
                return median(relatives)
        return self._priors.get(_first_word(kind), self._priors["default"]) * pixels / _HD


def _first_word(kind: str) -> str:
    return kind.partition(" ")[0]


def _without_size(kind: str) -> str:
    return " ".join(_SIZE.sub("", kind).split())


def _pixels(kind: str) -> int:
    size = _SIZE.search(kind)
    return max(1, int(size[1]) * int(size[2])) if size else _HD
