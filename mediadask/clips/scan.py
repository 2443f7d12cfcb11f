"""An index from the packets themselves, for containers whose tables do not hold it; reads the file once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mediadask.clips.index import FrameIndex
from mediadask.clips.packets import UNTIMED, only

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["scan"]


def scan(container: Any, stream: Any) -> FrameIndex:
    """The index of an open PyAV container's video stream, which must be at its beginning.

    It decodes nothing, but where packets carry no presentation time: AVI has none, and for B-frames FFmpeg
    invents one that is wrong.
    """
    rows = [
        (
            UNTIMED if packet.pts is None else packet.pts,
            UNTIMED if packet.dts is None else packet.dts,
            packet.size,
            packet.is_keyframe,
            packet.is_discard,
        )
        for packet in only(container, stream)
    ]
    table = np.array(rows, np.int64).reshape(-1, 5)
    pts, dts, size = (np.ascontiguousarray(column) for column in table.T[:3])
    keyframe, discarded = table[:, 3].astype(bool), table[:, 4].astype(bool)
    invented = container.format.name == "avi" and stream.codec_context.has_b_frames and not keyframe.all()
    if invented or (pts == UNTIMED).any():
        pts = _times_by_decoding(container, stream, dts)
    shown = np.argsort(pts, kind="stable")
    shown = shown[~discarded[shown] & _decodable(pts, keyframe)[shown]]
    return FrameIndex(stream.time_base, pts, dts, np.full(len(pts), -1, np.int64), size, keyframe, shown)


def _decodable(pts: npt.NDArray[np.int64], keyframe: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """(packets,) whether their key is there: what is cut at an open GOP begins with pictures that lack it."""
    keys = np.flatnonzero(keyframe)
    if not len(keys):
        return np.ones(len(pts), bool)
    rows = np.arange(len(pts))
    decodable: npt.NDArray[np.bool_] = (rows >= keys[0]) & (pts >= pts[keys[0]])
    return decodable


def _times_by_decoding(container: Any, stream: Any, dts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """(packets,) presentation times where there are only decode times: the same ones, in the order in which
    pictures come out of the decoder."""
    container.seek(int(dts[dts != UNTIMED].min(initial=0)), stream=stream)
    context = stream.codec_context
    context.thread_type = "AUTO"
    context.reorder_depth = 16  # no stream may ask for more: the decoder need not guess, and drops nothing
    order: list[int] = []
    for row, packet in enumerate(only(container, stream)):
        packet.pts = packet.dts = row
        order += [frame.pts for frame in context.decode(packet)]
    order += [frame.pts for frame in context.decode(None)]
    times = np.where(dts == UNTIMED, np.arange(len(dts)), dts)
    pts = times.copy()
    rows = np.array(order, np.int64)
    pts[rows] = np.sort(times[rows])
    return pts
