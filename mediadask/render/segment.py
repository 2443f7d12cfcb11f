"""Segments: ranges into which a clip is cut, that render alone and join again without a trace.

Where a clip is cut depends on the clip and the recipe only, never on how many workers there are: the same
bytes come out on a laptop and on a farm. Units are started in order, and equal ranges would leave a pool idle
while the last ones run (24 on 16 slots are two waves), so ranges get shorter towards the end of a clip.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from mediadask.delivery import Unit

if TYPE_CHECKING:
    from collections.abc import Callable

    from mediadask.clips import FrameIndex

__all__ = ["Segment", "busy_share", "key_interval", "plate_segments", "segments"]

UNIT_SECONDS = 8.0
"""The longest that a unit should take on one core: opening and scheduling (tens of milliseconds) do not
count, and a lost unit is cheap. One GOP of the output may take longer."""

PLATE_UNIT_SECONDS = 1.5
"""The same for plates: an urgent pull spreads over a pool of any size."""

SHORTEST_UNIT_SECONDS = 0.5
"""The shortest that a unit should take: opening and scheduling are a tenth of it."""

_POOLS = (2, 4, 8, 12, 16)
"""The slots of the pools that one clip alone should keep busy."""

_BUSY = 0.95
"""For this share of their time, by prediction: what is measured is a little less."""

_DIVISOR = 13
_TAILS = (math.inf, *(4 * 0.8**step for step in range(22)))
"""What `_cut` tries: see there."""

_STRETCHES = (1, 9 / 8, 10 / 8, 11 / 8, 12 / 8)
"""How many times its usual length a GOP may have."""


class Segment(NamedTuple):
    """Frames ``[start, stop)`` of a clip, which one unit renders."""

    start: int
    stop: int

    @property
    def frames(self) -> int:
        """How many frames it has."""
        return self.stop - self.start

    def unit(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        *,
        output: str,
        kind: str,
        seconds_per_frame: float,
        first_number: int = 0,
    ) -> Unit:
        """The unit that renders it.

        Parameters
        ----------
        output
            The output's name, for people.
        seconds_per_frame
            Predicted, on one core.
        first_number
            What people call the clip's frame 0.
        """
        first, last = first_number + self.start, first_number + self.stop - 1
        name = f"{output} frames {first}-{last}"
        return Unit(function, args, name, kind, self.frames, seconds_per_frame * self.frames)


def segments(
    points: Sequence[int], seconds_per_frame: float, *, gop: int = 1, longest: float | None = None
) -> list[Segment]:
    """Cut the frames from the first of `points` to the last into segments, in order.

    Several cuts are tried on paper, those of fewer and longer ranges first. The first one that keeps every
    pool of `_POOLS` busy for `_BUSY` of its time is taken, or else the one that comes nearest. Cuts with more
    keyframes than the clip has GOPs of the usual length are left out, so files do not get larger.

    Parameters
    ----------
    points
        Frames where a segment may begin, ascending, and the end. They are frames from which the source
        decodes without others, where a segment would otherwise decode frames of the one before.
    seconds_per_frame
        Predicted, on one core.
    gop
        Frames from key to key in the output; 1 where every frame is one.
    longest
        Seconds that a segment may take, `UNIT_SECONDS` by default.
    """
    frames = points[-1] - points[0]
    longest = UNIT_SECONDS if longest is None else longest
    shortest = max(min(SHORTEST_UNIT_SECONDS, longest) / seconds_per_frame, gop / 4)
    best: list[Segment] = []
    least = math.inf
    for most in _most_frames(frames, longest / seconds_per_frame, gop):
        for tail in _TAILS:
            ranges = _cut(points, most, shortest, tail * frames)
            lengths = [stop - start for start, stop in ranges]
            keys = sum(math.ceil(length / key_interval(length, gop)) for length in lengths)
            best = best or ranges
            if keys > math.ceil(frames / gop):
                continue
            lost = sum(max(_BUSY - busy_share(lengths, slots), 0) ** 2 for slots in _POOLS)
            if lost < least:
                best, least = ranges, lost
            if not lost:
                return best
    return best


def plate_segments(index: FrameIndex, start: int, stop: int, seconds_per_frame: float) -> list[Segment]:
    """Cut frames ``[start, stop)`` of a clip into segments for the units of a plate.

    Segments begin where the source decodes from a key of its own. A GOP of the source that is too long for a
    unit may be halved once, which costs half of it again to decode.
    """
    points = [start]
    for first, last in index.runs(start, stop):
        if last - first > 1 and (last - first) * seconds_per_frame > PLATE_UNIT_SECONDS:
            points.append((first + last) // 2)
        points.append(last)
    return segments(points, seconds_per_frame, longest=PLATE_UNIT_SECONDS)


def key_interval(frames: int, gop: int) -> int:
    """How many frames there are from key to key in a range of `frames` frames.

    Keys are evenly spaced and are as many as the range has whole GOPs, but no GOP is longer than 1.5 of the
    usual.
    """
    keys = max(frames // gop, math.ceil(frames / (gop * _STRETCHES[-1])))
    return math.ceil(frames / keys)


def busy_share(seconds: Sequence[float], slots: int) -> float:
    """Return the share of their time in which slots work on units of these lengths, started in order."""
    ends = [0.0] * slots
    for length in seconds:
        heapq.heapreplace(ends, ends[0] + length)
    return sum(seconds) / (slots * max(ends))


def _most_frames(frames: int, longest: float, gop: int) -> Iterator[float]:
    """How many frames the longest range may have: whole GOPs of the output, or one that is stretched.

    It is about an equal share of the clip for each slot at most. Where there are fewer GOPs than slots, none
    is stretched: more slots would stay idle, and each of the others would be busy for longer.
    """
    share = frames / _POOLS[-1]
    gops = max(round(min(longest, share) / gop), 1)
    while gop > 1 and gops > 1:
        yield gops * gop
        gops //= 2
    for stretch in _STRETCHES if 1 < gop <= share else (1,):
        yield gops * gop * stretch


def _cut(points: Sequence[int], most: float, shortest: float, tail: float) -> list[Segment]:
    """Segments of ``(left + tail) / _DIVISOR`` frames, or near it; `left` is what is not cut yet.

    This is guided self-scheduling (Polychronopoulos and Kuck, IEEE Transactions on Computers C-36, 1987) with
    an end: with 16 for the divisor, all of 16 slots are busy until ``tail / 16`` frames before the last one
    ends, whatever the lengths. 13 is enough for lengths that are known, and takes fewer ranges.
    """
    edges, stop = [points[0]], points[-1]
    while edges[-1] < stop:
        left = stop - edges[-1]
        length = min(max((left + tail) / _DIVISOR, shortest), most)
        whole = left < length + shortest / 2
        edges.append(stop if whole else _nearest(points, edges[-1] + length, after=edges[-1]))
    return [Segment(*pair) for pair in pairwise(edges)]


def _nearest(points: Sequence[int], wish: float, *, after: int) -> int:
    """The point nearest to frame `wish` that is later than `after`."""
    row = bisect_left(points, wish)
    around = [point for point in points[max(row - 1, 0) : row + 1] if point > after]
    return min(around, key=lambda point: abs(point - wish))
