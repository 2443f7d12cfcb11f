"""An index from the packets themselves, for containers whose tables do not hold it; reads the file once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mediadask.clips.index import FrameIndex

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["UNKNOWN", "scan"]

UNKNOWN = np.iinfo(np.int64).min
"""A time that the container does not give."""


def scan(container: Any, stream: Any) -> FrameIndex:
    """The index of an open PyAV container's video stream, which must be at its beginning."""
    rows = [
        (
            UNKNOWN if packet.pts is None else packet.pts,
            UNKNOWN if packet.dts is None else packet.dts,
            packet.size,
            packet.is_keyframe,
            packet.is_discard,
        )
        for packet in container.demux(stream)
        if packet.size
    ]
    table = np.array(rows, np.int64).reshape(-1, 5)
    pts, dts, size = (np.ascontiguousarray(column) for column in table.T[:3])
    keyframe, discarded = table[:, 3].astype(bool), table[:, 4].astype(bool)
    pts = np.where(pts == UNKNOWN, dts, pts)
    shown = np.argsort(pts, kind="stable")
    shown = shown[~discarded[shown] & _decodes(pts, keyframe)[shown]]
    return FrameIndex(stream.time_base, pts, dts, np.full(len(pts), -1, np.int64), size, keyframe, shown)


def _decodes(pts: npt.NDArray[np.int64], keyframe: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """(packets,) whether a key comes before: a recording cut at an open GOP begins with pictures that lack theirs."""
    keys = np.flatnonzero(keyframe)
    if not len(keys):
        return np.ones(len(pts), bool)
    return (np.arange(len(pts)) >= keys[0]) & (pts >= pts[keys[0]])
