"""The sample tables of MOV and MP4 (ISO/IEC 14496-12 §8, QuickTime): an index without reading media."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import IO, TYPE_CHECKING

import numpy as np

from mediadask.clips.index import FrameIndex
from mediadask.clips.orientation import AS_STORED, Orientation, of_matrix, product
from mediadask.errors import UnreadableMedia

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

__all__ = ["Track", "ends_early", "is_grid", "orientation", "read_moov", "track"]


_STILLS = tuple(b"ftyp" + brand for brand in (b"heic", b"heix", b"mif1", b"avif", b"msf1"))


@dataclass(frozen=True, eq=False)
class Track:
    """What the tables say of one track."""

    index: FrameIndex

    orientation: Orientation
    """How the picture must be turned for viewing."""


def read_moov(file: IO[bytes], size_bytes: int, url: str) -> memoryview | None:
    """The table of contents of a MOV or MP4, read without its media; None for a still picture (HEIF).

    Raises
    ------
    UnreadableMedia
        If there is none: a recording that was cut off, or a copy that did not finish.
    """
    at = 0
    is_still = False
    while at + 8 <= size_bytes:
        file.seek(at)
        head = file.read(16)
        is_still = is_still or head[4:12] in _STILLS
        length, kind = struct.unpack(">I4s", head[:8])
        header = 8
        if length == 1 and len(head) == 16:
            length, header = int.from_bytes(head[8:16], "big"), 16
        length = length or size_bytes - at  # 0: to the end of the file
        if kind == b"moov" and at + length <= size_bytes:
            file.seek(at + header)
            return memoryview(file.read(length - header))
        if kind == b"meta":
            return None
        if length < header:
            break
        at += length
    if is_still:
        raise UnreadableMedia(
            "truncated: its table of contents (meta) is missing",
            where=url,
            do="copy it again from the source",
        )
    raise UnreadableMedia(
        "truncated: its table of contents (moov) is missing", where=url, do="copy it again from the source"
    )


def ends_early(file: IO[bytes], size_bytes: int) -> bool:
    """Whether a box at the top of the file goes beyond it."""
    at = 0
    while at + 8 <= size_bytes:
        file.seek(at)
        head = file.read(16)
        length, header = int.from_bytes(head[:4], "big"), 8
        if length == 1:
            length, header = int.from_bytes(head[8:16], "big"), 16
        if length == 0:  # to the end of the file
            return False
        if length < header:
            return True
        at += length
    return at > size_bytes


def is_grid(head: bytes) -> bool:
    """Whether a still picture (HEIF) is made of tiles: one of its items is a ``grid`` (ISO/IEC 23008-12)."""
    return re.search(rb"infe\x02.{3}(?:.{4}|.{6})grid", head, re.DOTALL) is not None


def track(moov: memoryview, track_id: int, size_bytes: int) -> Track | None:
    """The tables of one track of a file of so many bytes, in FFmpeg's presentation time.

    None where they do not hold the whole story: fragments, compressed tables, several sample descriptions,
    edits beyond the usual one, or boxes that are cut short.
    """
    try:
        return _track(moov, track_id, size_bytes)
    except (struct.error, IndexError, ValueError):
        return None


def _track(moov: memoryview, track_id: int, size_bytes: int) -> Track | None:
    if _find(moov, b"mvex") is not None or _find(moov, b"cmov") is not None:
        return None
    movie = _find(moov, b"mvhd")
    for kind, trak in _boxes(moov):
        header = _find(trak, b"tkhd") if kind == b"trak" else None
        if header is None or _number(header, 12, 20) != track_id:
            continue
        table, media = _find(trak, b"mdia", b"minf", b"stbl"), _find(trak, b"mdia", b"mdhd")
        if movie is None or table is None or media is None:
            return None
        ticks = _number(media, 12, 20)
        edit = _edit(_find(trak, b"edts", b"elst"), ticks, _number(movie, 12, 20))
        index = _index(table, ticks, edit, size_bytes) if edit and ticks else None
        return Track(index, _orientation(movie, header)) if index else None
    return None


def _boxes(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    at = 0
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        header = 8
        if length == 1 and at + 16 <= len(data):
            length, header = struct.unpack_from(">Q", data, at + 8)[0], 16
        length = length or len(data) - at
        if length < header:
            return
        yield kind, data[at + header : at + length]
        at += length


def _find(data: memoryview, *path: bytes) -> memoryview | None:
    for name in path:
        found = next((body for kind, body in _boxes(data) if kind == name), None)
        if found is None:
            return None
        data = found
    return data


def _number(box: memoryview, at: int, at_long: int) -> int:
    """A 32-bit field of a box whose version 1 has 64-bit times before it."""
    return int(struct.unpack_from(">I", box, at_long if box[0] == 1 else at)[0])


def _entries(box: memoryview | None, dtype: str) -> npt.NDArray[np.int64]:
    """(entries, fields) of a box that holds a count and as many entries."""
    form = np.dtype(dtype)
    names = form.names or ()
    if box is None:
        return np.zeros((0, len(names)), np.int64)
    count = min(int(struct.unpack_from(">I", box, 4)[0]), (len(box) - 8) // form.itemsize)
    table = np.frombuffer(box, form, count, 8)
    return np.stack([table[name].astype(np.int64) for name in names], axis=-1)


def _edit(box: memoryview | None, ticks: int, movie_ticks: int) -> tuple[int, int, int] | None:
    """(delay, first, end): how late the picture begins, and which media time is shown, all in ticks."""
    if box is None:
        return 0, 0, np.iinfo(np.int64).max
    long = box[0] == 1
    edits = _entries(box, ">u8, >i8, >i4" if long else ">u4, >i4, >i4")
    delay = 0
    while len(edits) > 1 and edits[0, 1] == -1:
        delay += int(edits[0, 0])
        edits = edits[1:]
    if not len(edits):
        return 0, 0, np.iinfo(np.int64).max
    length, first, rate = (int(value) for value in edits[0])
    if len(edits) > 1 or first < 0 or rate != 1 << 16 or not movie_ticks:
        return None
    end = first + _rescale(length, ticks, movie_ticks) if length else np.iinfo(np.int64).max
    return _rescale(delay, ticks, movie_ticks), first, end


def _rescale(value: int, ticks: int, of: int) -> int:
    return (2 * value * ticks + of) // (2 * of)


def _index(table: memoryview, ticks: int, edit: tuple[int, int, int], size_bytes: int) -> FrameIndex | None:
    sizes, offsets = _places(table, size_bytes)
    runs = _entries(_find(table, b"stts"), ">u4, >u4")
    durations = _repeated(runs[:, 1], runs[:, 0], len(sizes))
    if not len(sizes) or len(durations) != len(sizes) or len(offsets) != len(sizes):
        return None
    dts = np.concatenate([[0], np.cumsum(durations[:-1])]).astype(np.int64)
    shifts = _entries(_find(table, b"ctts"), ">u4, >i4")
    shift = _repeated(shifts[:, 1], shifts[:, 0], len(sizes))
    pts = dts.copy()
    pts[: len(shift)] += shift
    key_box = _find(table, b"stss")
    keyframe = np.ones(len(sizes), bool)
    if key_box is not None:
        # Partial sync samples (stps): the keys of open GOPs.
        keys = np.concatenate([_entries(key_box, ">u4,"), _entries(_find(table, b"stps"), ">u4,")])[:, 0] - 1
        if not len(keys):
            return None
        keyframe[:] = False
        keyframe[keys[(keys >= 0) & (keys < len(sizes))]] = True
    delay, first, end = edit
    order = np.argsort(pts, kind="stable")
    shown = order[(pts[order] >= first) & (pts[order] < end)]
    return FrameIndex(
        Fraction(1, ticks), pts - first + delay, dts - first + delay, offsets, sizes, keyframe, shown
    )


def _repeated(
    values: npt.NDArray[np.int64], counts: npt.NDArray[np.int64], most: int
) -> npt.NDArray[np.int64]:
    """Each value as often as its count says, `most` in all: a damaged count must not ask for all memory."""
    ends = np.minimum(np.cumsum(np.clip(counts, 0, most)), most)
    return np.repeat(values, np.diff(ends, prepend=0))


def _places(table: memoryview, size_bytes: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(samples,) sizes and file offsets in bytes."""
    sizes, chunks = _sizes(table, size_bytes), _entries(_find(table, b"stco"), ">u4,")[:, 0]
    if not len(chunks):
        chunks = _entries(_find(table, b"co64"), ">u8,")[:, 0]
    runs = _entries(_find(table, b"stsc"), ">u4, >u4, >u4")
    if not len(runs) or len(set(runs[:, 2].tolist())) > 1:  # several sample descriptions
        return sizes, sizes[:0]
    spans = np.diff(np.append(runs[:, 0], len(chunks) + 1))
    per_chunk = _repeated(runs[:, 1], spans, len(chunks))
    chunk = _repeated(np.arange(len(per_chunk)), per_chunk, len(sizes))
    if len(chunk) < len(sizes):
        return sizes, sizes[:0]
    before = np.concatenate([[0], np.cumsum(sizes)])
    first = np.concatenate([[0], np.cumsum(per_chunk)])[chunk]
    return sizes, chunks[chunk] + before[:-1] - before[first]


def _sizes(table: memoryview, size_bytes: int) -> npt.NDArray[np.int64]:
    box = _find(table, b"stsz")
    if box is not None:
        uniform, count = struct.unpack_from(">II", box, 4)
        if uniform:
            return np.full(min(count, size_bytes // uniform), uniform, np.int64)
        return np.frombuffer(box, ">u4", min(count, (len(box) - 12) // 4), 12).astype(np.int64)
    box = _find(table, b"stz2")
    if box is None:
        return np.zeros(0, np.int64)
    bits, count = box[7], struct.unpack_from(">I", box, 8)[0]
    if bits == 16:
        return np.frombuffer(box, ">u2", count, 12).astype(np.int64)
    packed = np.frombuffer(box, np.uint8, -1, 12).astype(np.int64)
    if bits == 4:
        packed = np.stack([packed >> 4, packed & 15], axis=-1).ravel()
    return packed[:count]


def orientation(moov: memoryview, track_id: int) -> Orientation:
    """How a track's picture must be turned for viewing, also where its tables do not hold the whole story."""
    movie = _find(moov, b"mvhd")
    try:
        for kind, trak in _boxes(moov):
            header = _find(trak, b"tkhd") if kind == b"trak" else None
            if movie is not None and header is not None and _number(header, 12, 20) == track_id:
                return _orientation(movie, header)
    except (struct.error, IndexError, ValueError):
        pass
    return AS_STORED


def _orientation(movie: memoryview, header: memoryview) -> Orientation:
    """The track's matrix, then the movie's (ISO/IEC 14496-12, 6.2.2, 8.2.2 and 8.3.2)."""
    of_track = header[52:88] if header[0] == 1 else header[40:76]
    of_movie = movie[48:84] if movie[0] == 1 else movie[36:72]
    if len(of_track) < 36 or len(of_movie) < 36:
        return AS_STORED
    turned = of_matrix(product(of_track, of_movie))
    return turned if any(of_movie[:20]) else of_matrix(struct.unpack(">9i", of_track))
