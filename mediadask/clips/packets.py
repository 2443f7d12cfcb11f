"""Packets of a clip in decode order: by byte range from the file itself, or by demuxing its container."""

from __future__ import annotations

import io
from collections import OrderedDict
from contextlib import ExitStack, closing, contextmanager, suppress
from itertools import chain
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.stream import Discard

from mediadask.clips.h264 import frame_packets, joined
from mediadask.clips.packet import packet_of
from mediadask.clips.remote import RemoteFile, fetched, runs
from mediadask.clips.storage import is_local, is_of_ranges, open_file, storage_errors, suffix_of
from mediadask.clips.tags import AS_BYTES
from mediadask.clips.transport import payload
from mediadask.errors import UnreadableMedia, UnsupportedMedia

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mediadask.clips.clip import Clip
    from mediadask.clips.index import FrameIndex

__all__ = ["UNTIMED", "cut", "damage", "demuxed", "only", "opened", "ranged"]

UNTIMED = int(np.iinfo(np.int64).min)
"""In place of a time that the container does not give."""

_TRIES = 3
_FORMATS = (
    "mov,mp4,matroska,webm,avi,mxf,mpegts,mpeg,gxf,lxf,dv,asf,flv,ogg,nut,rm,wtv,cine,ivf,obu,av1,apv,"
    "h264,hevc,vvc,mpegvideo,m4v,mjpeg,dnxhd,dirac,yuv4mpegpipe,gif,wav,w64,aiff,caf,flac,mp3,aac"
)
"""FFmpeg's readers that keep to the one file. Those of lists (concat, HLS, DASH) open others that the list
names, here or on the web, and it takes any text for one that begins like it."""

_CONFINED = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}


@contextmanager
def opened(url: str, read: Any = None, *, is_indexed: bool = False) -> Iterator[Any]:
    """A PyAV container on any URL, closed at the end.

    Only formats are opened that hold what they play: the file can name no other.

    Parameters
    ----------
    read
        The file as somebody has it open: what was fetched of it from a server is not fetched again.
    is_indexed
        Whether times of its pictures are known from its tables, so that FFmpeg need not read some to guess.

    Raises
    ------
    UnreadableMedia
        If it is not media.
    """
    options = _CONFINED | ({"fpsprobesize": "1", "max_ts_probe": "1"} if is_indexed else {})
    with ExitStack() as stack:
        file: Any = url
        if isinstance(read, RemoteFile):
            file = read.again()
        elif not is_local(url):
            file = stack.enter_context(open_file(url))
        with storage_errors(url):
            try:
                container = av.open(
                    file,
                    format="mjpeg" if suffix_of(url) in _JPEGS else None,
                    container_options=options,
                    **AS_BYTES,
                )
            except (FileNotFoundError, PermissionError):
                raise
            except (av.FFmpegError, ValueError) as error:
                if is_of_ranges(error):
                    raise
                if isinstance(error, av.ArgumentError):  # what FFmpeg says of a format that is not listed
                    raise _refused(url) from error
                reason = getattr(error, "strerror", None) or str(error)
                kind = "no Phantom Cine recording" if url.lower().endswith(".cine") else "not media"
                raise UnreadableMedia(
                    f"is {kind}, or is damaged ({reason})", where=url, do="copy it again from the source"
                ) from error
        yield stack.enter_context(container)


_JPEGS = (".mjpeg", ".mjpg")  # FFmpeg may take a stream of JPEGs for one
_STREAMS = {".h263": "h263", ".h261": "h261", ".vc1": "vc1", ".cavs": "cavsvideo"}
_ANIMATIONS = (".apng", ".webp", ".fli", ".flc", ".jxl")


def _refused(url: str) -> UnreadableMedia | UnsupportedMedia:
    """What to say of a file in a format that is none of `_FORMATS`: a list, a stream of pictures, text."""
    suffix = suffix_of(url)
    if stream := _STREAMS.get(suffix):
        do = f"wrap it first: ffmpeg -f {stream} -i IN{suffix} -c copy OUT.mkv"
        return UnsupportedMedia("is a stream of pictures without a container", where=url, do=do)
    if suffix in _ANIMATIONS:
        what = f"is an animation ({suffix[1:]}), which is not opened here"
        return UnsupportedMedia(what, where=url, do="make a MOV or an image sequence of it first")
    what = "is not media, or is of a format that is not opened here"
    return UnreadableMedia(
        what, where=url, do="check the file; transcode it to MOV if other programs read it"
    )


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
    index = clip.index
    keyframe = index.keyframe[first : last + 1].tolist()
    rows = (np.flatnonzero(index.ends[first : last + 1] <= clip.size_bytes) + first).tolist()
    file: Any
    url, size_bytes = clip.files[0].url, clip.files[0].size_bytes
    with storage_errors(url), open_file(url, size_bytes) as file:
        if isinstance(file, RemoteFile):
            packets = _fetched(clip, file, first, rows)
        else:
            packets = (cut(file, index, row) for row in rows)
        for row, packet in zip(rows, packets, strict=True):
            if packet is not None:
                packet.is_keyframe = keyframe[row - first]  # PNG's decoder adds the last picture to any other
                yield row, packet


def cut(file: Any, index: FrameIndex, row: int, begin: int = 0) -> Any:
    """The packet of a row, from a file whose first byte is the clip's byte `begin`; None where the packet is
    not there, since the file has become another."""
    file.seek(index.offset[row] - begin)
    size = int(index.size[row])
    if index.stretch is None or index.before is None:
        packet: Any = av.Packet(size)  # with the padding that decoders read into
        return packet if file.readinto(memoryview(packet)) == size else None
    data = payload(file.read(int(index.stretch[row])), int(index.before[row]), size)
    return packet_of(data) if len(data) == size else None


_seams: OrderedDict[tuple[object, int], list[bytes]] = OrderedDict()
"""Ends of what was fetched, by clip and row: the key of the next GOP, and the pictures shown before it."""

_SEAMS = 8
_SEAM_ROWS = 8


def _fetched(clip: Clip, file: RemoteFile, first: int, rows: list[int]) -> Iterator[Any]:
    """Where GOPs are open the pictures before a key lean on it: units on both of its sides need it."""
    index = clip.index
    known = _seams.pop((clip.identity, first), [])
    yield from (packet_of(body) for body in known)
    rows = rows[len(known) :]
    keys = [row for row in rows[-_SEAM_ROWS:] if row > first and index.keyframe[row]]
    seam = None if index.intra_only or not keys else keys[-1]
    end: list[bytes] = []
    begins, ends = index.offset[rows].tolist(), index.ends[rows].tolist()
    parts = list(runs(begins, [stop - begin for begin, stop in zip(begins, ends, strict=True)]))
    with closing(fetched(file, ((begins[at], ends[stop - 1]) for at, stop in parts))) as coming:
        for (at, stop), data in zip(parts, coming, strict=True):
            source = io.BytesIO(data)
            for row in rows[at:stop]:
                packet = cut(source, index, row, begins[at])
                if seam is not None and row >= seam and packet is not None:
                    end.append(bytes(packet))
                yield packet
    if seam is not None and len(end) == len(rows) - rows.index(seam):
        _seams[clip.identity, seam] = end
        while len(_seams) > _SEAMS:
            _seams.popitem(last=False)


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
        row, read = _landed(index, packets)
        if 0 <= row <= first:
            yield from ((at, packet) for at, packet in enumerate(chain(read, packets), row) if at >= first)
            return


def _landed(index: FrameIndex, packets: Iterator[Any]) -> tuple[int, list[Any]]:
    """The row at which a seek has landed, and the packets read to know it; -1 and none.

    One packet is not enough: program streams time few, and FFmpeg's guess at the first after a seek may be
    another's time, whose size it happens to have. So the next packet is the next row's, too.
    """
    row, read = -1, list[Any]()
    for packet in packets:
        if read and row + 1 < len(index.size) and index.size[row + 1] in (packet.size, -1):
            return row, [*read, packet]
        row = _row(index, packet)
        read = [packet] if row >= 0 else []
    return row, read


def _row(index: FrameIndex, packet: Any) -> int:
    """The row of a packet met after a seek, where FFmpeg may time it less fully than in a scan; or -1."""
    sized = np.isin(index.size, (packet.size, -1))  # MXF's tables do not tell every size: those are -1
    for time, times in ((packet.dts, index.dts), (packet.pts, index.pts)):
        if time is not None:
            found = np.flatnonzero(np.logical_and(times == time, sized))
            if len(found) == 1:
                return int(found[0])
    return -1
