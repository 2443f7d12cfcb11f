"""The frame index: which packets a clip has, which of them are shown, and where decoding must begin."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from mediadask.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

__all__ = ["FrameIndex"]

_REORDER = 16  # the most pictures a decoder may hold back (H.264 A.3.1)


@dataclass(frozen=True, eq=False)
class FrameIndex:
    """Tables of one clip by packet and by frame, as NumPy arrays. They are made without decoding.

    Packets are rows in decode order. For an image sequence a packet is a file.
    """

    time_base: Fraction
    """Seconds of one tick of `pts` and `dts`."""

    pts: npt.NDArray[np.int64]
    """(packets,) presentation time in ticks."""

    dts: npt.NDArray[np.int64]
    """(packets,) decode time in ticks; ascending."""

    offset: npt.NDArray[np.int64]
    """(packets,) first byte of the packet's data in the file, -1 where the container must be asked."""

    size: npt.NDArray[np.int64]
    """(packets,) bytes of the packet's data, -1 where unknown."""

    keyframe: npt.NDArray[np.bool_]
    """(packets,) whether decoding may begin here. Keys that are not shown count too."""

    shown: npt.NDArray[np.int64]
    """(frames,) the packet of each frame in presentation order: packets that an edit list or the container
    discards are left out. -1 where the frame is missing (a hole in a sequence)."""

    hidden: npt.NDArray[np.bool_] | None = None
    """(packets,) whether a packet is decoded for others alone, and no picture comes of it; None: of every
    packet one comes."""

    stretch: npt.NDArray[np.int64] | None = None
    """(packets,) bytes of the file from `offset` on over which the packet's data lie in pieces, as in a
    transport stream; None: every packet's data are in one piece."""

    before: npt.NDArray[np.int64] | None = None
    """(packets,) bytes that the first of these pieces has of the packet before; with `stretch`."""

    def __len__(self) -> int:
        return len(self.shown)

    @cached_property
    def by_ranges(self) -> bool:
        """Whether every packet's bytes are known, so that frames decode without opening the container."""
        return bool(len(self.offset)) and bool((self.offset >= 0).all() and (self.size >= 0).all())

    @cached_property
    def ends(self) -> npt.NDArray[np.int64]:
        """(packets,) the byte of the file behind each packet's data, where `offset` and `size` are known."""
        return self.offset + (self.size if self.stretch is None else self.stretch)

    @cached_property
    def intra_only(self) -> bool:
        """Whether every frame decodes alone."""
        return bool(self.keyframe.all())

    @cached_property
    def frame_pts(self) -> npt.NDArray[np.int64]:
        """(frames,) ticks; a missing frame has the time the frames around it leave for it."""
        if not len(self.shown):
            return np.zeros(0, np.int64)
        present = self.shown >= 0
        pts = self.pts[self.shown]
        if present.all():
            return pts
        rows = np.arange(len(self.shown))
        known, ticks = rows[present], pts[present]
        step = (ticks[-1] - ticks[0]) / max(known[-1] - known[0], 1) or 1
        outside = np.where(rows < known[0], (rows - known[0]) * step, np.maximum(rows - known[-1], 0) * step)
        return np.asarray(np.rint(np.interp(rows, known, ticks) + outside), np.int64)

    def lost(self, size_bytes: int) -> npt.NDArray[np.bool_]:
        """(frames,) whether a frame lies beyond the end of a file of that size, such as a copy cut short."""
        return (self.shown >= 0) & (self.offset >= 0)[self.shown] & (self.ends[self.shown] > size_bytes)

    def missing(self, size_bytes: int) -> int:
        """How many frames are missing: holes in a sequence, and frames beyond the end of the file."""
        return int(np.sum((self.shown < 0) | self.lost(size_bytes)))

    @cached_property
    def is_shown(self) -> npt.NDArray[np.bool_]:
        """(packets,) whether each is a frame."""
        shown = np.zeros(len(self.pts), bool)
        shown[self.shown[self.shown >= 0]] = True
        return shown

    @cached_property
    def decode_start(self) -> npt.NDArray[np.int64]:
        """(frames,) the packet to start decoding at: the last key shown no later than the frame.

        This rule alone is right for the leading pictures of open GOPs: they follow their GOP's key in decode
        order but are shown before it, and need the key before.
        """
        keys = np.flatnonzero(self.keyframe)
        keys = keys[np.argsort(self.pts[keys], kind="stable")]
        if not len(keys):
            return np.zeros(len(self), np.int64)
        row = np.searchsorted(self.pts[keys], self.frame_pts, side="right") - 1
        starts = keys[np.maximum(row, 0)]
        # Damaged times may point at a key that comes after the frame: then the last key that comes before.
        early = np.flatnonzero((starts > self.shown) & (self.shown >= 0))
        before = np.maximum(np.searchsorted(np.sort(keys), self.shown[early], side="right") - 1, 0)
        starts[early] = np.minimum(np.sort(keys)[before], self.shown[early])
        return starts

    @cached_property
    def reorder(self) -> int:
        """How many packets, at most, are shown after a packet that is decoded later."""
        later = np.zeros(len(self.pts), np.int64)
        for distance in range(1, min(_REORDER + 1, len(self.pts))):
            later[distance:] += self.pts[:-distance] > self.pts[distance:]
        return int(later.max(initial=0))

    @cached_property
    def frame_keys(self) -> npt.NDArray[np.bool_]:
        """(frames,) whether each frame is a keyframe; False for a missing one."""
        return np.where(self.shown >= 0, self.keyframe[self.shown], False)

    @cached_property
    def gops(self) -> npt.NDArray[np.int64]:
        """(gops + 1,) frame numbers where the packet to start decoding at changes, then the frame count:
        each run ``gops[i]:gops[i + 1]`` decodes from one key."""
        if not len(self):
            return np.zeros(1, np.int64)
        starts = np.flatnonzero(np.diff(self.decode_start)) + 1
        return np.concatenate([[0], starts, [len(self)]]).astype(np.int64)

    def runs(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Split ``[start, stop)`` into parts that each decode from one key."""
        inside = self.gops[(self.gops > start) & (self.gops < stop)]
        edges = [start, *(int(edge) for edge in inside), stop]
        yield from pairwise(edges)

    def check(self, start: int, stop: int | None, where: object) -> tuple[int, int]:
        """Return a frame range as plain numbers; ``stop`` None means the end.

        Raises
        ------
        InvalidRequest
            If it is not inside the clip.
        """
        end = len(self) if stop is None else int(stop)
        if not 0 <= start <= end <= len(self):
            raise InvalidRequest(
                f"frames {start} to {end} were asked for, the clip has {len(self)}",
                where=where,
                do=f"ask inside 0 to {len(self)}",
            )
        return int(start), end

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """All tables by name, for storing; `FrameIndex(time_base, **arrays)` makes the index again."""
        names = ("pts", "dts", "offset", "size", "keyframe", "shown", "hidden", "stretch", "before")
        return {name: array for name in names if (array := getattr(self, name)) is not None}
