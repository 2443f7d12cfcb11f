"""An index from the packets themselves, for containers whose tables do not hold it; reads the file once."""

from __future__ import annotations

import re
from contextlib import suppress
from fractions import Fraction
from typing import IO, TYPE_CHECKING, Any

import av
import numpy as np

from mediadask.clips.h264 import frame_packets, joined, leads_alone, recovers
from mediadask.clips.index import FrameIndex
from mediadask.clips.packets import UNTIMED, only, opened
from mediadask.clips.rates import told_rate
from mediadask.clips.transport import Places
from mediadask.clips.vpx import VPX, is_hidden

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["RAW_FORMATS", "scan"]

_BLOCK_HEAD_BYTES = (
    16  # FFmpeg gives the place of a packet's block; Matroska's begins with 4 bytes of its own
)


def scan(
    url: str, container: Any, stream: Any, file: IO[bytes] | None = None, *, with_places: bool = False
) -> tuple[FrameIndex, dict[int, int]]:
    """The index of an open PyAV container's video stream, and how many samples each of its sound streams has.

    With the open `file` what was fetched of it is not fetched again, and the index also says where packets
    are, if that is wanted and the file has their very bytes in one place each.

    It decodes nothing, but where packets carry no presentation time: AVI has none, and for B-frames FFmpeg
    invents one that is wrong.
    """
    rows: list[tuple[int, int, int, bool, bool, int, bool]] = []
    codec = stream.codec_context.codec.canonical_name
    places = file if with_places else None
    raw = _Raw(places) if places is not None and container.format.name in RAW_FORMATS else None
    pieces = Places(places, stream.id) if places is not None and container.format.name == "mpegts" else None
    sounds = {sound.index: _Sound(sound) for sound in container.streams.audio if sound.codec_context}
    packets, seen = only(url, container, stream, *container.streams.audio), False
    keys, alone, repainted = 0, set[int](), False
    stretches: list[tuple[int, int]] = []
    for packet, second in frame_packets(packets, stream):
        if packet.stream_index == stream.index:
            pts = UNTIMED if packet.pts is None else packet.pts
            dts = UNTIMED if packet.dts is None else packet.dts
            size = packet.size + (second.size if second else 0)
            # The first key is where a decode of the whole clip begins, whatever it is.
            key = packet.is_keyframe and (not seen or recovers(packet, stream))
            if seen and packet.has_sidedata("palette"):
                repainted = True
            seen = seen or key
            keys += key
            if pieces is not None:
                found = pieces.place(packet, bytes(joined(packet, second)))
                place = -1 if found is None else found.offset
                stretches.append((0, 0) if found is None else (found.stretch, found.before))
            elif second or places is None:
                place = -1
            else:
                place = raw.place(packet) if raw else _offset(packet, places)
            unseen = codec in VPX and is_hidden(codec, bytes(packet))
            rows.append((pts, dts, size, key, packet.is_discard, place, unseen))
            if keys == 1 and not key and leads_alone(codec, bytes(packet), stream):
                alone.add(len(rows) - 1)
        elif packet.stream_index in sounds:
            sounds[packet.stream_index].add(packet)
    table = np.array(rows, np.int64).reshape(-1, 7)
    pts, dts, size, *_, offset, _ = (np.ascontiguousarray(column) for column in table.T)
    keyframe, discarded, hidden = (table[:, column] > 0 for column in (3, 4, 6))
    if repainted:  # a decoder that begins later has not seen the palettes on the way
        keyframe[np.flatnonzero(keyframe)[1:]] = False
    # FFmpeg's own MXF and ASF writers leave the order of H.264's pictures out: times are those of decoding.
    ascending = bool((np.diff(pts) > 0).all())
    untold = container.format.name == "avi" or (container.format.name in ("mxf", "asf") and ascending)
    invented = untold and stream.codec_context.has_b_frames and not keyframe.all()
    if invented or (pts == UNTIMED).any():
        known = np.full(len(pts), UNTIMED) if invented else pts
        pts = _times_by_decoding(url, stream, known, dts, file)
    steps = np.diff(dts)
    if container.format.name in RAW_FORMATS and len(steps) and steps[0] > 0 and not np.ptp(steps):
        # FFmpeg counts these pictures, and gives the first of MPEG-1 a time too early.
        order = np.argsort(pts, kind="stable")
        pts[order] = pts[order[-1]] + steps[0] * np.arange(1 - len(pts), 1)
    shown = np.argsort(pts, kind="stable")
    decodable = _decodable(pts, keyframe)
    decodable[list(alone)] = True
    shown = shown[~(discarded | hidden)[shown] & decodable[shown]]
    stretch, before = np.array(stretches, np.int64).T.copy() if stretches else (None, None)
    if discarded.any() or (offset < 0).any():
        offset = np.full(len(pts), -1, np.int64)
        stretch = before = None
    if (dts == UNTIMED).all():
        dts = np.minimum.accumulate(pts[::-1])[::-1]
    silent = hidden if hidden.any() else None
    base = Fraction(stream.time_base)
    index = FrameIndex(base, pts, dts, offset, size, keyframe, shown, silent, stretch=stretch, before=before)
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
    url: str, stream: Any, pts: npt.NDArray[np.int64], dts: npt.NDArray[np.int64], file: IO[bytes] | None
) -> npt.NDArray[np.int64]:
    """(packets,) presentation times where packets lack some or all, in the order in which pictures come out
    of the decoder.

    Where packets have decode times alone, those are given to the pictures in their order. Where some have
    presentation times (MPEG program streams), those stay, and the pictures between take even steps; where
    none has any time (elementary streams), pictures are a frame apart.
    """
    order: list[int] = []
    with opened(url, file) as again:
        again_stream = again.streams[stream.index]
        context = again_stream.codec_context
        context.thread_type = "AUTO"
        context.reorder_depth = (
            16  # no stream may ask for more: the decoder need not guess, and drops nothing
        )
        for row, pair in enumerate(frame_packets(only(url, again, again_stream), again_stream)):
            packet = joined(*pair)
            packet.pts = packet.dts = row
            with suppress(av.FFmpegError):
                order += [frame.pts for frame in context.decode(packet)]
        with suppress(av.FFmpegError):
            order += [frame.pts for frame in context.decode(None)]
    rows = np.array(order, np.int64)
    if (pts == UNTIMED).all() and not (dts == UNTIMED).any():
        times = dts.copy()
        times[rows] = np.sort(dts[rows])
        return times
    step = float(1 / (told_rate(stream) * stream.time_base))
    # Those that do not come out keep their place among the others.
    place = np.empty(len(pts), np.int64)
    lost = np.setdiff1d(np.arange(len(pts)), rows)
    place[rows] = np.arange(len(rows))
    sequence = np.concatenate([rows, lost])
    if len(lost):
        after = np.array([place[rows[rows < one]].max(initial=-1) if len(rows) else -1 for one in lost])
        keys = np.concatenate([np.arange(len(rows)) * 2, after * 2 + 1])
        sequence = sequence[np.argsort(keys, kind="stable")]
    return _filled(pts, sequence, step)


def _filled(pts: npt.NDArray[np.int64], order: npt.NDArray[np.int64], step: float) -> npt.NDArray[np.int64]:
    """The times with those that are not there made up, in the `order` of presentation, `step` ticks apart.

    FFmpeg guesses some of a program stream's times, and guesses wrong about H.264: where most times lie on
    one grid, all do.
    """
    numbers = np.arange(len(order))
    at = np.flatnonzero(pts[order] != UNTIMED)
    told = pts[order][at]
    if len(at):
        begin = float(np.median(told - at * step))
        on_grid = np.abs(told - at * step - begin) <= 1
        if np.mean(on_grid) > _MOST_OF_THEM:
            times = begin + numbers * step
        else:
            # Only what goes on by half a frame a picture or more from the last that did is believed.
            kept = [0]
            for one in range(1, len(at)):
                if told[one] - told[kept[-1]] >= (at[one] - at[kept[-1]]) * step / 2:
                    kept.append(one)
            at, told = at[kept], told[kept]
            before, after = np.maximum(at[0] - numbers, 0), np.maximum(numbers - at[-1], 0)
            times = np.interp(numbers, at, told) + (after - before) * step
    else:
        times = numbers * step
    filled = np.empty(len(pts), np.int64)
    filled[order] = np.rint(times)
    return filled


_MOST_OF_THEM = 0.6

RAW_FORMATS = (
    "h264",
    "hevc",
    "vvc",
    "mpegvideo",
    "m4v",
    "obu",
    "dnxhd",
    "mjpeg",
    "dirac",
    "apv",
    "cavsvideo",
)
"""FFmpeg's readers of elementary streams, whose packets follow one another without anything between."""


class _Raw:
    """Follows an elementary stream: FFmpeg does not say where its packets are."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._at = file, 0

    def place(self, packet: Any) -> int:
        body = bytes(packet)
        self._file.seek(self._at)
        found = self._file.read(len(body) + _RAW_GAP_BYTES).find(body)
        if found < 0:
            return -1
        begin = self._at + found
        self._at = begin + len(body)
        return begin


_RAW_GAP_BYTES = 64
