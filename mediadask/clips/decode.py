"""From packets to frames: exact by number, nothing decoded twice, and no damaged picture passed off as a good one."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, TypeAlias

import av
import numpy as np

from mediadask.clips.frame import BadFrame, Frame
from mediadask.clips.planes import pixel_format, planes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mediadask.clips.clip import Clip
    from mediadask.clips.header import ClipHeader

__all__ = ["decode", "open_decoder"]

Packets: TypeAlias = "Callable[[Clip, int, int], Iterable[tuple[int, Any]]]"
"""Called with the first and last packet wanted; gives them in decode order as (row, PyAV packet)."""

_REORDER = 16  # the most pictures H.264 and HEVC may hold back


class _Failed(Exception):
    """A packet was refused while several were in flight, so that which one is not known."""


def open_decoder(header: ClipHeader, *, threads: int, reorder: int = 0) -> Any:
    """A decoder that needs no container: PyAV's ``CodecContext``, set up as the container would."""
    context: Any = av.CodecContext.create(header.decoder or header.codec, "r")
    context.extradata = header.extradata or None
    context.width, context.height = header.width, header.height
    if header.codec_tag:
        context.codec_tag = header.codec_tag
    if header.coded_bits:
        context.bits_per_coded_sample = header.coded_bits
    context.pix_fmt = header.native_format or header.pixel_format.name
    context.thread_count = threads
    context.thread_type = "AUTO"  # FFmpeg's default, slices, does nothing for one-slice pictures
    if reorder:
        context.reorder_depth = reorder  # else H.264's decoder guesses, and drops pictures until it knows
    if threads != 1:
        context.options = {"err_detect": "explode"}  # what is doubtful is looked at again, one by one
    return context


def decode(
    clip: Clip,
    start: int,
    stop: int,
    packets: Packets,
    *,
    threads: int,
    discards: bool,
) -> Iterator[Frame | BadFrame]:
    """Frames ``[start, stop)`` of a clip.

    Parameters
    ----------
    packets
        Where packets come from.
    discards
        Whether packets carry their container's discard flag, so that what is not shown does not come out.
    """
    index = clip.index
    at = start
    while at < stop:
        try:
            for frame in _pass(clip, at, stop, packets, threads, discards):
                yield frame
                at = frame.number + 1
        except _Failed:
            # Go through this GOP again with one picture in flight, which names the damaged one.
            end = min(stop, int(index.gops[np.searchsorted(index.gops, at, side="right")]))
            yield from _pass(clip, at, end, packets, 1, discards)
            at = end


def _pass(
    clip: Clip,
    start: int,
    stop: int,
    packets: Packets,
    threads: int,
    discards: bool,
) -> Iterator[Frame | BadFrame]:
    index = clip.index
    wanted = index.shown[start:stop]
    first, last = int(index.decode_start[start]), int(wanted.max())
    # Leading pictures of the key that decoding begins at lack their reference: they are not fed.
    rows = np.arange(first, last + 1)
    rows = rows[index.pts[rows] >= index.pts[first]]
    fed = set(rows.tolist())
    comes_out = rows[np.isin(rows, index.shown)] if discards else rows
    expected = comes_out[np.argsort(index.pts[comes_out], kind="stable")].tolist()
    numbers = {int(row): start + at for at, row in enumerate(wanted)}
    starts = index.decode_start[start:stop]
    context = open_decoder(clip.header, threads=threads, reorder=_reorder(clip))
    source = ((row, packet) for row, packet in packets(clip, first, last) if row in fed)
    place = {row: at for at, row in enumerate(expected)}
    unsettled = set(expected)
    damaged: dict[int, str] = {}
    held: deque[tuple[int, Any]] = deque()
    at, frontier = 0, first

    def settle(row: int, native: Any) -> None:
        unsettled.discard(row)
        if native is None or native.is_corrupt:
            damaged.setdefault(row, "its data are damaged" if native is not None else "does not decode")
        if row in numbers:
            held.append((row, native))

    def ready() -> Iterator[Frame | BadFrame]:
        # A picture may lean on any that was decoded before it: it is handed on when all those are known.
        nonlocal frontier
        while frontier <= last and frontier not in unsettled:
            frontier += 1
        while held and held[0][0] < frontier:
            row, native = held.popleft()
            number = numbers[row]
            if row in damaged:
                yield BadFrame(number, damaged[row])
            elif any(starts[number - start] <= other < row for other in damaged):
                yield BadFrame(number, "leans on a frame that is damaged")
            else:
                yield _frame(clip, number, native)

    for row, native, reason in _decoded(context, source, threads):
        if native is None:
            damaged[row] = reason
        elif place.get(row, -1) >= at:
            for lost in expected[at : place[row]]:
                settle(lost, None)
            settle(row, native)
            at = place[row] + 1
            yield from ready()
    for lost in expected[at:]:
        settle(lost, None)
    yield from ready()


def _decoded(context: Any, source: Iterable[tuple[int, Any]], threads: int) -> Iterator[tuple[int, Any, str]]:
    """(row, picture, "") as they come out, and (row, None, reason) for a packet that is refused."""
    for row, packet in source:
        packet.pts = packet.dts = row  # comes out again on the picture
        try:
            natives = context.decode(packet)
        except av.FFmpegError as error:
            if threads != 1:
                raise _Failed from error
            yield row, None, f"does not decode ({error.strerror})"
            continue
        for native in natives:
            yield native.pts, native, ""
    try:
        for native in context.decode(None):
            yield native.pts, native, ""
    except av.FFmpegError as error:
        if threads != 1:
            raise _Failed from error


def _frame(clip: Clip, number: int, native: Any) -> Frame | BadFrame:
    header = clip.header
    if (native.width, native.height) != (header.width, header.height) or (
        pixel_format(native.format.name) != header.pixel_format
    ):
        return BadFrame(number, f"is {native.width}x{native.height} {native.format.name}, unlike the clip")
    return Frame(number, planes_of(native), header.pixel_format, header.color)


def _reorder(clip: Clip) -> int:
    """How many pictures come out later than they are decoded, for H.264, whose streams need not say it."""
    pts = clip.index.pts
    if clip.header.codec != "h264" or clip.index.intra_only:
        return 0
    later = np.zeros(len(pts), np.int64)
    for distance in range(1, min(_REORDER + 1, len(pts))):
        later[distance:] += pts[:-distance] > pts[distance:]
    return int(later.max())
