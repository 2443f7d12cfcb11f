"""An index from the packets themselves, for containers whose tables do not hold it; reads the file once."""

from __future__ import annotations

import re
from contextlib import suppress
from fractions import Fraction
from typing import IO, TYPE_CHECKING, Any

import av
import numpy as np

from mediadask.clips.h264 import frame_packets, joined, recovers
from mediadask.clips.index import FrameIndex
from mediadask.clips.packets import UNTIMED, damage, only

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["scan"]

_BLOCK_HEAD_BYTES = (
    16  # FFmpeg gives the place of a packet's block; Matroska's begins with 4 bytes of its own
)


def scan(
    url: str, container: Any, stream: Any, file: IO[bytes] | None = None
) -> tuple[FrameIndex, dict[int, int]]:
    """The index of an open PyAV container's video stream, and how many samples each of its sound streams has.

    With the open `file` itself the index also says where packets are, if the file has their very bytes in one
    place each.

    It decodes nothing, but where packets carry no presentation time: AVI has none, and for B-frames FFmpeg
    invents one that is wrong.
    """
    rows: list[tuple[int, int, int, bool, bool, int]] = []
    sounds = {sound.index: _Sound(sound) for sound in container.streams.audio if sound.codec_context}
    packets, seen = only(url, container, stream, *container.streams.audio), False
    for packet, second in frame_packets(packets, stream):
        if packet.stream_index == stream.index:
            pts = UNTIMED if packet.pts is None else packet.pts
            dts = UNTIMED if packet.dts is None else packet.dts
            size = packet.size + (second.size if second else 0)
            # The first key is where a decode of the whole clip begins, whatever it is.
            key = packet.is_keyframe and (not seen or recovers(packet, stream))
            seen = seen or key
            place = -1 if file is None or second else _offset(packet, file)
            rows.append((pts, dts, size, key, packet.is_discard, place))
        elif packet.stream_index in sounds:
            sounds[packet.stream_index].add(packet)
    table = np.array(rows, np.int64).reshape(-1, 6)
    pts, dts, size, *_, offset = (np.ascontiguousarray(column) for column in table.T)
    keyframe, discarded = table[:, 3].astype(bool), table[:, 4].astype(bool)
    # FFmpeg's own MXF writer leaves the order of H.264's pictures out: then times are those of decoding.
    ascending = bool((np.diff(pts) > 0).all())
    untold = container.format.name == "avi" or (container.format.name == "mxf" and ascending)
    invented = untold and stream.codec_context.has_b_frames and not keyframe.all()
    if invented or (pts == UNTIMED).any():
        pts = _times_by_decoding(url, container, stream, dts)
    shown = np.argsort(pts, kind="stable")
    shown = shown[~discarded[shown] & _decodable(pts, keyframe)[shown]]
    if discarded.any() or (offset < 0).any():
        offset = np.full(len(pts), -1, np.int64)
    index = FrameIndex(stream.time_base, pts, dts, offset, size, keyframe, shown)
    return index, {number: sound.samples for number, sound in sounds.items()}


def _offset(packet: Any, file: IO[bytes]) -> int:
    """Where the file has a packet's very bytes; -1 where it has others, or they are not all that there is."""
    if packet.pos is None or packet.pos < 0 or any(packet.iter_sidedata()):
        return -1
    body = bytes(packet)
    file.seek(packet.pos)
    block = file.read(_BLOCK_HEAD_BYTES + len(body))
    # Not `find`, which studies what it looks for: half a millisecond a packet.
    places = range(packet.pos, packet.pos + _BLOCK_HEAD_BYTES + 1)
    return next((place for at, place in enumerate(places) if block.startswith(body, at)), -1)


class _Sound:
    """Counts a stream's samples: by bytes where every sample has as many, by time elsewhere."""

    def __init__(self, stream: Any) -> None:
        context = stream.codec_context
        bits = re.fullmatch(r"pcm_[sufl]+(\d+)[lb]?e?", context.codec.canonical_name)
        self._sample_bytes = int(bits[1]) * context.channels // 8 if bits else 0
        self._rate, self._time_base = context.sample_rate, stream.time_base
        self._bytes, self._end = 0, 0
        self._begin: int | None = None

    def add(self, packet: Any) -> None:
        self._bytes += packet.size
        if packet.pts is not None:
            self._begin = packet.pts if self._begin is None else min(self._begin, packet.pts)
            self._end = max(self._end, packet.pts + (packet.duration or 0))

    @property
    def samples(self) -> int:
        if self._sample_bytes:
            return self._bytes // self._sample_bytes
        seconds = Fraction(self._end - (self._begin or 0)) * Fraction(self._time_base)
        return round(seconds * int(self._rate))


def _decodable(pts: npt.NDArray[np.int64], keyframe: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """(packets,) whether their key is there: what is cut at an open GOP begins with pictures that lack it."""
    keys = np.flatnonzero(keyframe)
    if not len(keys):
        return np.ones(len(pts), bool)
    rows = np.arange(len(pts))
    decodable: npt.NDArray[np.bool_] = (rows >= keys[0]) & (pts >= pts[keys[0]])
    return decodable


def _times_by_decoding(
    url: str, container: Any, stream: Any, dts: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """(packets,) presentation times where there are only decode times: the same ones, in the order in which
    pictures come out of the decoder. Of a picture that does not come out the decode time stays."""
    with damage(url):
        container.seek(int(dts[dts != UNTIMED].min(initial=0)), stream=stream)
    context = stream.codec_context
    context.thread_type = "AUTO"
    context.reorder_depth = 16  # no stream may ask for more: the decoder need not guess, and drops nothing
    order: list[int] = []
    for row, pair in enumerate(frame_packets(only(url, container, stream), stream)):
        packet = joined(*pair)
        packet.pts = packet.dts = row
        with suppress(av.FFmpegError):
            order += [frame.pts for frame in context.decode(packet)]
    with suppress(av.FFmpegError):
        order += [frame.pts for frame in context.decode(None)]
    times = np.where(dts == UNTIMED, np.arange(len(dts)), dts)
    pts = times.copy()
    rows = np.array(order, np.int64)
    pts[rows] = np.sort(times[rows])
    return pts
