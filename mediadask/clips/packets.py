"""Packets of a clip in decode order: by byte range from the file itself, or by demuxing its container."""

from __future__ import annotations

import io
from contextlib import ExitStack, contextmanager, suppress
from itertools import chain
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.stream import Discard

from mediadask.clips.h264 import frame_packets, joined
from mediadask.clips.storage import is_local, is_of_ranges, open_file, storage_errors
from mediadask.errors import UnreadableMedia

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mediadask.clips.clip import Clip
    from mediadask.clips.index import FrameIndex

__all__ = ["UNTIMED", "damage", "demuxed", "only", "opened", "ranged"]

UNTIMED = int(np.iinfo(np.int64).min)
"""In place of a time that the container does not give."""

_READ_BYTES = 4 << 20  # at most this much ahead of the decoder
_TRIES = 3
_FORMATS = (
    "mov,mp4,matroska,webm,avi,mxf,mpegts,mpeg,gxf,lxf,dv,asf,flv,ogg,nut,rm,wtv,cine,ivf,obu,av1,apv,"
    "h264,hevc,vvc,mpegvideo,m4v,mjpeg,dnxhd,dirac,yuv4mpegpipe,gif,wav,w64,aiff,caf,flac,mp3,aac"
)
"""FFmpeg's readers that keep to the one file. Those of lists (concat, HLS, DASH) open others that the list
names, here or on the web, and it takes any text for one that begins like it."""

_CONFINED = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}

_GAP_BYTES = 64 << 10  # sound between pictures: reading over it is cheaper than another request


@contextmanager
def opened(url: str) -> Iterator[Any]:
    """A PyAV container on any URL, closed at the end.

    Only formats are opened that hold what they play: the file can name no other.

    Raises
    ------
    UnreadableMedia
        If it is not media.
    """
    with ExitStack() as stack:
        file = url if is_local(url) else stack.enter_context(open_file(url))
        with storage_errors(url):
            try:
                container = av.open(file, metadata_errors="replace", container_options=_CONFINED)
            except (FileNotFoundError, PermissionError):
                raise
            except (av.FFmpegError, ValueError) as error:
                if is_of_ranges(error):
                    raise
                reason = getattr(error, "strerror", None) or str(error)
                raise UnreadableMedia(
                    f"is not media, or is damaged ({reason})", where=url, do="copy it again from the source"
                ) from error
        yield stack.enter_context(container)


@contextmanager
def damage(url: str) -> Iterator[None]:
    """Say of the file at `url` what FFmpeg raises inside the block, as an `UnreadableMedia`."""
    try:
        yield
    except av.FFmpegError as error:
        raise UnreadableMedia(
            f"is damaged ({error.strerror or type(error).__name__})",
            where=url,
            do="copy it again from the source",
        ) from error


def only(url: str, container: Any, *streams: Any) -> Iterator[Any]:
    """The packets of these streams that hold data; others are not read where the container can skip them.

    Raises
    ------
    UnreadableMedia
        Where the file at `url`, which is what the container reads, is damaged.
    """
    wanted = {stream.index for stream in streams}
    for other in container.streams:
        other.discard = Discard.default if other.index in wanted else Discard.all
    with damage(url):
        yield from (packet for packet in container.demux(*streams) if packet.size)


def ranged(clip: Clip, first: int, last: int) -> Iterator[tuple[int, Any]]:
    """Packets `first` to `last`, cut out of the file; what lies beyond its end is left out."""
    rows = slice(first, last + 1)
    offset, size = clip.index.offset[rows].tolist(), clip.index.size[rows].tolist()
    keyframe = clip.index.keyframe[rows].tolist()
    source: Any
    with storage_errors(clip.files[0].url), open_file(clip.files[0].url) as file:
        row = 0
        while row < len(offset):
            begin = end = offset[row]
            stop = row
            while (
                stop < len(offset)
                and 0 <= offset[stop] - end <= _GAP_BYTES
                and (stop == row or offset[stop] + size[stop] - begin <= _READ_BYTES)
            ):
                end = offset[stop] + size[stop]
                stop += 1
            source, base = file, 0
            if not is_local(
                clip.files[0].url
            ):  # a request for all of them; a local file is read into each packet
                file.seek(begin)
                source, base = io.BytesIO(file.read(end - begin)), begin
            for at in range(row, stop):
                if offset[at] + size[at] <= clip.size_bytes:
                    packet = av.Packet(size[at])  # with the padding that decoders read into
                    source.seek(offset[at] - base)
                    if source.readinto(memoryview(packet)) == size[at]:
                        # PNG's decoder adds the last picture to any other.
                        packet.is_keyframe = keyframe[at]
                        yield first + at, packet
            row = stop


def demuxed(clip: Clip, first: int, last: int) -> Iterator[tuple[int, Any]]:
    """Packets `first` to `last`, from the container; what lies behind damage is left out."""
    with opened(clip.files[0].url) as container:
        stream = container.streams[clip.header.stream]
        with suppress(UnreadableMedia):
            for row, packet in _from(clip, container, stream, first):
                if row > last:
                    return
                yield row, packet


def _from(clip: Clip, container: Any, stream: Any, first: int) -> Iterator[tuple[int, Any]]:
    """Packets from row `first` on. FFmpeg may land later than asked (trac 11137): then an earlier key is
    asked for, and at last the beginning."""
    index = clip.index
    keys = np.flatnonzero(index.keyframe[: first + 1])[: -_TRIES - 1 : -1]
    times = index.pts
    if clip.header.container in ("ts", "mpeg"):
        times = np.where(index.dts == UNTIMED, index.pts, index.dts)
    for time in [*times[keys].tolist(), int(index.pts.min())]:
        try:
            container.seek(time, stream=stream)
        except av.FFmpegError:
            continue
        packets = (joined(*pair) for pair in frame_packets(only(clip.url, container, stream), stream))
        row, packet = next(
            ((at, packet) for packet in packets if (at := _row(index, packet)) >= 0), (-1, None)
        )
        if 0 <= row <= first:
            yield from (
                (at, packet) for at, packet in enumerate(chain([packet], packets), row) if at >= first
            )
            return


def _row(index: FrameIndex, packet: Any) -> int:
    """The row of a packet met after a seek, where FFmpeg may time it less fully than in a scan; or -1."""
    sized = np.isin(index.size, (packet.size, -1))  # MXF's tables do not tell every size: those are -1
    for time, times in ((packet.dts, index.dts), (packet.pts, index.pts)):
        if time is not None:
            found = np.flatnonzero(np.logical_and(times == time, sized))
            if len(found) == 1:
                return int(found[0])
    return -1
