"""Containers through PyAV: MOV, MP4, MXF, MKV, AVI, TS, and whatever else FFmpeg opens."""

from __future__ import annotations

import struct
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any

import av
import numpy as np

from mediadask.clips import lead_in, mov, mxf, sound
from mediadask.clips.choices import split_choices
from mediadask.clips.decode import decode
from mediadask.clips.extent import is_cut
from mediadask.clips.frame import BadFrame
from mediadask.clips.h264 import completes, first_field, leans_on_none, may_split
from mediadask.clips.imx import active_picture
from mediadask.clips.orientation import AS_STORED, Orientation, of_matrix
from mediadask.clips.packet import packet_of
from mediadask.clips.packets import cut, demuxed, only, opened, ranged
from mediadask.clips.probe import container_name, header_of
from mediadask.clips.scan import RAW_FORMATS, scan
from mediadask.clips.storage import FileStamp, is_local, open_file, stat, storage_errors
from mediadask.clips.tracks import track_tags, video_track
from mediadask.clips.vendor import refuse, refuse_encrypted
from mediadask.clips.vpx import VPX
from mediadask.errors import InvalidRequest, MediaChanged, UnreadableMedia, UnsupportedMedia

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from mediadask.clips.clip import Clip
    from mediadask.clips.frame import Frame
    from mediadask.clips.header import ClipHeader
    from mediadask.clips.index import FrameIndex

__all__ = ["ContainerReader"]

_HEAD_BYTES = 1 << 18  # an MXF's header metadata, most of the time


class ContainerReader:
    """Takes whatever no other reader claims."""

    name = "container"
    version = 10

    def claims(self, url: str) -> bool:
        """Always: the last reader to be asked."""
        return True

    def files(self, url: str) -> tuple[FileStamp, ...]:
        """The one file."""
        return (stat(split_choices(url)[0]),)

    def probe(self, url: str, files: tuple[FileStamp, ...]) -> tuple[ClipHeader, FrameIndex]:
        """Header and index; MOV, MP4 and MXF give theirs without their pictures being read."""
        place, choices = split_choices(url)
        for name in choices:
            if name not in ("video", "lines"):
                raise InvalidRequest(
                    f"is no image, and has no {name} to choose", where=place, do="leave it out"
                )
        with storage_errors(place), open_file(place) as file:
            return _probe(place, choices, files[0].size_bytes, file)

    def frames(self, clip: Clip, start: int, stop: int, *, threads: int) -> Iterator[Frame | BadFrame]:
        """Decode from byte ranges if the index has them, else through the container."""
        ranges = clip.index.by_ranges
        packets = ranged if ranges else demuxed
        frames = decode(clip, start, stop, packets, threads=threads, discards=not ranges)
        if not is_local(clip.files[0].url):
            return _of_one_file(clip, frames)
        _unchanged(clip)
        return frames

    def audio(self, clip: Clip, stream: int, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Decoded from a little before `start`."""
        _unchanged(clip)
        return sound.samples(clip, stream, start, stop)


def _probe(
    url: str, choices: dict[str, str], size_bytes: int, file: IO[bytes]
) -> tuple[ClipHeader, FrameIndex]:
    head = file.read(_HEAD_BYTES)
    refuse(url, head)
    moov = mov.read_moov(file, size_bytes, url) if _has_moov(head) else None
    if moov is None and _has_moov(head):
        _refuse_still(url, head)
    refuse_encrypted(url, head if moov is None else moov)
    table = mxf.read_index(file, size_bytes) if moov is None else None
    wanted = choices.get("video")
    if moov is not None or table is not None:
        with opened(url, file, is_indexed=True) as container:
            stream = video_track(container, url, head if moov is None else moov, wanted, file)
            shows_all = stream.codec_context.codec.canonical_name not in VPX
            track = mov.track(moov, stream.id, size_bytes) if moov is not None and shows_all else None
            if track is not None and _holds(track.index, container, stream, file):
                known = {"orientation": track.orientation}
                return _header(url, container, stream, track.index, file, choices, **known), track.index
            if table is not None and _holds(table, container, stream, file):
                return _header(url, container, stream, table, file, choices), table
    with opened(url, file) as container:
        stream = video_track(container, url, head, wanted, file)
        name = container_name(container)
        plain = name in ("mkv", "avi", "ts") or name in RAW_FORMATS or (moov is not None and not shows_all)
        # Before the scan, while what it reads of a file on a server is kept.
        if moov is not None:
            orientation = mov.orientation(moov, stream.id)
        else:
            orientation = _shown_orientation(url, stream, file)
        index, sounds = scan(url, container, stream, file, with_places=plain)
        if not len(index):
            raise UnreadableMedia("holds no pictures", where=url, do="copy it again from the source")
        if container.format.name == "mxf":
            short = mxf.is_cut(file, size_bytes)
            index = mxf.located(index, file, size_bytes)
        else:
            short = is_cut(file, size_bytes, len(index))
        if short:
            raise UnreadableMedia(
                f"truncated: of its pictures only {len(index)} are there",
                where=url,
                do="copy it again from the source",
            )
        told = {"orientation": orientation, "sounds": sounds}
        return _header(url, container, stream, index, file, choices, **told), index


def _of_one_file(clip: Clip, frames: Iterator[Frame | BadFrame]) -> Iterator[Frame | BadFrame]:
    """The frames of a file on a server. The first and the last wait until it is known to be still the same:
    each request may be answered from another file, while a local one that is open stays what it is."""
    with ThreadPoolExecutor(1, thread_name_prefix="mediadask-same") as asking:
        same = asking.submit(_unchanged, clip)  # while the first pictures come
        try:
            held = next(frames, None)
        finally:
            same.result()
    bad = False
    for frame in frames:
        if isinstance(held, BadFrame) and not bad:
            _unchanged(clip)
            bad = True
        if held is not None:
            yield held
        held = frame
    _unchanged(clip)
    if held is not None:
        yield held


def _unchanged(clip: Clip) -> None:
    if stat(clip.files[0].url, anew=True) != clip.files[0]:
        raise MediaChanged("has changed since it was opened", where=clip.url, do="open it again")


def _has_moov(head: bytes) -> bool:
    """Whether a file that begins like this is MOV or MP4."""
    return head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")


def _refuse_still(url: str, head: bytes) -> None:
    """Nothing, for a still whose one picture FFmpeg decodes: of tiles it would be the first."""
    if head[8:12] != b"avif" and b"hvcC" in head:
        raise UnreadableMedia("is a HEIC image by its content", where=url, do="name it .heic")
    if mov.is_grid(head):
        raise UnsupportedMedia(
            "is a still of several tiles, and no HEIC", where=url, do="make a PNG, or a HEIC, of it"
        )


def _header(
    url: str,
    container: Any,
    stream: Any,
    index: FrameIndex,
    file: IO[bytes],
    choices: dict[str, str],
    **known: Any,
) -> ClipHeader:
    header = header_of(container, stream, index, **known)
    tags = (*header.tags, *track_tags(container, header.container, stream))
    header = replace(header, tags=tags)
    lines = choices.get("lines", "active")
    if lines not in ("active", "all"):
        raise InvalidRequest(f"has no lines {lines!r}", where=url, do="add ?lines=all, or nothing")
    header = active_picture(header, all_lines=lines == "all")
    fields = header.field_order is None and may_split(stream)
    palette = header.native_format == "pal8"
    if not (fields or palette) and header.codec not in lead_in.CODECS:
        return header
    packet = _first_packet(url, stream, index, file)
    if packet is None:
        return header
    if fields:
        header = replace(header, field_order=first_field(packet, stream))
    if palette:
        header = replace(header, palette=lead_in.palette(packet))
    return replace(header, lead_in=lead_in.lead_in(header.codec, bytes(packet), header.extradata))


def _first_packet(url: str, stream: Any, index: FrameIndex, file: IO[bytes]) -> Any:
    if index.by_ranges:
        return cut(file, index, 0)
    # Opened again: after a seek to the beginning FFmpeg may land later (trac 11137).
    with opened(url, file) as again:
        return next(only(url, again, again.streams[stream.index]), None)


def _shown_orientation(url: str, stream: Any, file: IO[bytes]) -> Orientation:
    """What FFmpeg says with the first picture: Matroska's projection, H.264's and H.265's messages."""
    with opened(url, file) as container, suppress(av.FFmpegError):
        for frame in container.decode(container.streams[stream.index]):
            try:
                matrix = frame.side_data.get("DISPLAYMATRIX")
            except ValueError:  # PyAV knows not every kind of side data that FFmpeg gives
                return Orientation(-frame.rotation % 360 // 90 * 90, False)
            return AS_STORED if matrix is None else of_matrix(struct.unpack("=9i", bytes(matrix)))
    return AS_STORED


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
    return file.read(size) == bytes(packet) and not _has_lost_keys(index, stream, file)


def _has_lost_keys(index: FrameIndex, stream: Any, file: IO[bytes]) -> bool:
    """Whether pictures that lean on others are all told to be keys, as in a MOV without a table of them."""
    if not index.intra_only or len(index.pts) < 2 or not index.by_ranges:
        return False
    file.seek(int(index.offset[1]))
    return index.reorder > 0 or not leans_on_none(packet_of(file.read(int(index.size[1]))), stream)
