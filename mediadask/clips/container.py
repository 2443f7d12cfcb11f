"""Containers through PyAV: MOV, MP4, MXF, MKV, AVI, TS, and whatever else FFmpeg opens."""

from __future__ import annotations

from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from mediadask.clips import mov, mxf, sound
from mediadask.clips.decode import decode
from mediadask.clips.extent import is_cut
from mediadask.clips.h264 import completes, first_field, may_split
from mediadask.clips.packets import demuxed, opened, ranged
from mediadask.clips.probe import container_name, header_of
from mediadask.clips.scan import scan
from mediadask.clips.storage import FileStamp, open_file, stat, storage_errors
from mediadask.clips.vendor import refuse, refuse_undecodable
from mediadask.errors import MediaChanged, UnreadableMedia, UnsupportedMedia

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from mediadask.clips.clip import Clip
    from mediadask.clips.frame import BadFrame, Frame
    from mediadask.clips.header import ClipHeader
    from mediadask.clips.index import FrameIndex

__all__ = ["ContainerReader"]

_HEAD_BYTES = 1 << 18  # an MXF's header metadata, most of the time


class ContainerReader:
    """Takes whatever no other reader claims."""

    name = "container"
    version = 6

    def claims(self, url: str) -> bool:
        """Always: the last reader to be asked."""
        return True

    def files(self, url: str) -> tuple[FileStamp, ...]:
        """The one file."""
        return (stat(url),)

    def probe(self, url: str, files: tuple[FileStamp, ...]) -> tuple[ClipHeader, FrameIndex]:
        """Header and index; MOV, MP4 and MXF give theirs without their pictures being read."""
        with storage_errors(url), open_file(url) as file:
            return _probe(url, files[0].size_bytes, file)

    def frames(self, clip: Clip, start: int, stop: int, *, threads: int) -> Iterator[Frame | BadFrame]:
        """From byte ranges where the index has them, through the container elsewhere."""
        _unchanged(clip)
        ranges = clip.index.by_ranges
        packets = ranged if ranges else demuxed
        return decode(clip, start, stop, packets, threads=threads, discards=not ranges)

    def audio(self, clip: Clip, stream: int, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Decoded from a little before `start`."""
        _unchanged(clip)
        return sound.samples(clip, stream, start, stop)


def _probe(url: str, size_bytes: int, file: IO[bytes]) -> tuple[ClipHeader, FrameIndex]:
    head = file.read(_HEAD_BYTES)
    refuse(url, head)
    moov = mov.read_moov(file, size_bytes, url) if _has_moov(head) else None
    table = mxf.read_index(file, size_bytes) if moov is None else None
    if moov is not None or table is not None:
        with opened(url, file, is_indexed=True) as container:
            stream = _video(container, url, head if moov is None else moov)
            track = mov.track(moov, stream.id, size_bytes) if moov is not None else None
            if track is not None and _holds(track.index, container, stream, file):
                return _header(container, stream, track.index, rotation=track.rotation), track.index
            if table is not None and _holds(table, container, stream, file):
                return _header(container, stream, table), table
    with opened(url, file) as container:
        stream = _video(container, url, head)
        plain = container_name(container) in ("mkv", "avi")
        index, sounds = scan(url, container, stream, file if plain else None)
        if not len(index):
            raise UnreadableMedia("holds no pictures", where=url, do="copy it again from the source")
        if container.format.name == "mxf":
            cut = mxf.is_cut(file, size_bytes)
            index = mxf.located(index, file, size_bytes)
        else:
            cut = is_cut(file, size_bytes)
        if cut:
            raise UnreadableMedia(
                f"truncated: of its pictures only {len(index)} are there",
                where=url,
                do="copy it again from the source",
            )
        return _header(container, stream, index, sounds=sounds), index


def _unchanged(clip: Clip) -> None:
    if stat(clip.url) != clip.files[0]:
        raise MediaChanged("has changed since it was opened", where=clip.url, do="open it again")


def _has_moov(head: bytes) -> bool:
    """Whether a file that begins like this is MOV or MP4."""
    return head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")


def _video(container: Any, url: str, tables: bytes | memoryview) -> Any:
    """The stream with the pictures: not a cover image or a thumbnail track."""
    streams = [
        stream
        for stream in container.streams.video
        if stream.codec_context is not None and not int(stream.disposition) & 0x400
    ]
    if not streams or streams[0].codec_context.pix_fmt is None:
        refuse_undecodable(url, tables)
    if not streams:
        raise UnsupportedMedia(
            "has no video stream that can be decoded", where=url, do="give a clip with pictures"
        )
    if streams[0].codec_context.pix_fmt is None:
        raise UnreadableMedia("its pictures cannot be decoded", where=url, do="copy it again from the source")
    return streams[0]


def _header(container: Any, stream: Any, index: FrameIndex, **known: Any) -> ClipHeader:
    header = header_of(container, stream, index, **known)
    if header.field_order is None and may_split(stream):
        container.seek(int(index.pts.min()), stream=stream)
        packet = next((packet for packet in container.demux(stream) if packet.size), None)
        return replace(header, field_order=first_field(packet, stream) if packet else None)
    return header


def _holds(index: FrameIndex, container: Any, stream: Any, file: IO[bytes]) -> bool:
    """Whether a range of the table is the packet that FFmpeg reads there: proof for this very file."""
    packets = (packet for packet in container.demux(stream) if packet.size)
    packet = next(packets, None)
    if packet is None or packet.dts is None or packet.has_sidedata("palette"):
        return False
    if may_split(stream):
        # The fields of a frame last half as long as a frame does.
        uneven = len(index.dts) > 2 and np.ptp(np.diff(index.dts)) > 0
        second = next(packets, None)
        if uneven or (second is not None and completes(packet, second, stream)):
            return False
    row = np.flatnonzero(index.offset == packet.pos)
    if not len(row):  # for MXF FFmpeg gives the place of the packet's key, or none
        row = np.flatnonzero(index.dts == packet.dts)
    if len(row) != 1 or index.time_base != stream.time_base:
        return False
    offset, size = int(index.offset[row[0]]), int(index.size[row[0]])
    if offset < 0:
        reorders = stream.codec_context.has_b_frames and not index.intra_only
        if reorders and np.array_equal(index.pts, index.dts):  # the order was never written
            return False
        return bool(index.pts[row[0]] == packet.pts and index.keyframe[row[0]] == packet.is_keyframe)
    file.seek(offset)
    return file.read(size) == bytes(packet)
