"""Segments: a clip cut into ranges that render alone and join again without a trace.

Where a clip is cut depends on the clip and the recipe only, never on how many workers there are: the same
bytes come out on a laptop and on a farm.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mediadask.clips import FrameIndex

__all__ = ["segments"]

UNIT_SECONDS = 8.0
"""What a unit should take on one core: long enough that opening and scheduling (tens of milliseconds) do not
count, short enough that a clip spreads over a pool and that a lost unit is cheap."""


def segments(
    index: FrameIndex, seconds_per_frame: float, *, group: int = 1, grid: int = 1
) -> list[tuple[int, int]]:
    """The clip's frames as ``[start, stop)`` ranges of about `UNIT_SECONDS` each.

    Ranges begin where the source decodes from a key of its own, so that no frame is decoded for another
    range, or the grid's point before, and hold whole groups where the source's keys allow.

    Parameters
    ----------
    index
        Of the clip.
    seconds_per_frame
        Predicted, on one core.
    group
        Frames of the output that belong together: its GOP.
    grid
        Ranges begin at its multiples only: frames of a shard.
    """
    frames = len(index)
    step = math.lcm(group, grid)
    length = max(round(UNIT_SECONDS / seconds_per_frame / step), 1) * step
    edges = [0]
    while frames - edges[-1] > length * 1.5:
        key = _nearest_key(index, edges[-1] + length, after=edges[-1])
        edges.append(max(key // grid * grid, edges[-1] + grid))
    inside = [edge for edge in edges if edge < frames]
    return list(zip(inside, [*inside[1:], frames], strict=True))


def _nearest_key(index: FrameIndex, wish: int, *, after: int) -> int:
    """The start of a source GOP nearest to frame `wish`, later than `after`; the end where there is none."""
    starts = index.gops[index.gops > after]
    return int(starts[np.argmin(np.abs(starts - wish))])
