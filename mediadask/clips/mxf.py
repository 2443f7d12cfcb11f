"""The tables of MXF (SMPTE ST 377-1): an index from its index table segments, without reading essence.

What is not plain is left to the packet scan: a file without a footer, a precharge, an edited material
package, several picture tracks, an index with holes.
"""

from __future__ import annotations

import struct
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from mediadask.clips.index import FrameIndex

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

__all__ = ["is_cut", "located", "read_index"]

_SMPTE = bytes.fromhex("060e2b34")
_PARTITION = bytes.fromhex("060e2b34020501010d01020101")  # then 02 header, 03 body, 04 footer; other packs
_PRIMER = 0x05
_INDEX_SEGMENT = bytes.fromhex("060e2b34025301010d01020101100100")
_RANDOM_INDEX = bytes.fromhex("060e2b34020501010d01020101110100")
_METADATA = bytes.fromhex("060e2b34025301010d0101010101")  # then the class of the set
_ESSENCE = bytes.fromhex("0d010301")  # bytes 8 to 12 of the keys of pictures, sound, data and system items
_PICTURE_ITEMS = (0x05, 0x15)  # byte 12: CP and GC picture
_RUN_IN = 65536  # bytes that may precede the header (§6.5)
_SAMPLES = 16

_MATERIAL_PACKAGE, _SOURCE_PACKAGE, _ESSENCE_DATA = 0x36, 0x37, 0x23
_PICTURE_DATA = bytes.fromhex("060e2b34040101010103020201000000")

# Local tags of header metadata (Annex A, B, F) and of index segments (§11.2.2).
_UID, _PACKAGE_UID, _TRACKS, _DESCRIPTOR, _PARTS_OF_DESCRIPTOR = 0x3C0A, 0x4401, 0x4403, 0x4701, 0x3F01
_SEQUENCE, _EDIT_RATE, _ORIGIN, _DATA_DEFINITION = 0x4803, 0x4B01, 0x4B02, 0x0201
_DURATION, _COMPONENTS, _START_POSITION, _LINKED_PACKAGE = 0x0202, 0x1001, 0x1201, 0x2701
_STORED_WIDTH = 0x3203
_UNIT_BYTES, _INDEX_SID, _BODY_SID, _ENTRIES = 0x3F05, 0x3F06, 0x3F07, 0x3F0A
_INDEX_RATE, _INDEX_START = 0x3F0B, 0x3F0C

_Set = dict[int, bytes]


class _Unplain(Exception):
    """The tables hold something that this module does not take for certain."""


@dataclass(frozen=True)
class _Partition:
    start: int
    body_offset: int
    body_sid: int
    essence: tuple[bytes, int, int, int] | None = None
    """Key, first byte, first byte of the value, and length of the value of its first essence element."""


def read_index(file: IO[bytes], size_bytes: int) -> FrameIndex | None:
    """The index of an open MXF's pictures; None where the tables do not hold the whole story.

    Offsets and sizes are -1 where pictures of varying size are wrapped one by one: the tables do not say
    where each ends.
    """
    try:
        return _index(file, size_bytes)
    except (_Unplain, KeyError, IndexError, ValueError, StopIteration, struct.error, ZeroDivisionError):
        return None


def located(index: FrameIndex, file: IO[bytes], size_bytes: int) -> FrameIndex:
    """A scanned index with the place of each picture's data, found by going from key to key; unchanged where
    what is found there is not what was scanned, as in files with several pictures to a key."""
    found = []
    with suppress(_Unplain):  # at the end of a file that was cut short
        for key, _, begin, length in _klv(file, _run_in(file), size_bytes):
            if key[8:12] == _ESSENCE and key[12] in _PICTURE_ITEMS:
                found.append((begin, min(length, size_bytes - begin)))
    places = np.array(found, np.int64).reshape(-1, 2)
    if not np.array_equal(places[:, 1], index.size):
        return index
    return replace(index, offset=np.ascontiguousarray(places[:, 0]))


def is_cut(file: IO[bytes], size_bytes: int) -> bool:
    """Whether the footer that the header tells of lies behind the file's end."""
    try:
        run_in = _run_in(file)
        (footer,) = struct.unpack(">Q", _partition_pack(file, run_in, size_bytes)[24:32])
    except (_Unplain, StopIteration, struct.error):
        return False
    return bool(run_in + footer >= size_bytes)


def _index(file: IO[bytes], size_bytes: int) -> FrameIndex:
    run_in = _run_in(file)
    partitions: list[_Partition] = []
    sets: dict[bytes, tuple[int, _Set]] = {}
    segments: list[_Set] = []
    for start in _partition_starts(file, size_bytes, run_in):
        partition, found, more = _read_partition(file, start + run_in, size_bytes)
        partitions.append(partition)
        sets.update(found)  # a later repetition of the header is the more complete one
        segments += more
    picture = _picture(sets)
    segments = [one for one in segments if _int(one[_INDEX_SID]) == picture.index_sid]
    units = _edit_units(segments, picture, size_bytes)
    rows = np.arange(picture.duration)
    coded = rows + units.temporal  # §11.2.2: from display order to coded order
    _plain(np.array_equal(np.sort(coded), rows))
    pts = np.empty_like(rows)
    pts[coded] = rows
    dts = rows + (pts - rows).min()
    offset, size = _ranges(file, units, [part for part in partitions if part.body_sid == picture.body_sid])
    return FrameIndex(1 / picture.edit_rate, pts, dts, offset, size, units.keyframe, coded)


def _run_in(file: IO[bytes]) -> int:
    """How many bytes precede the header."""
    file.seek(0)
    run_in = file.read(_RUN_IN + 16).find(_PARTITION[:11])
    _plain(run_in >= 0)
    return run_in


def _plain(holds: bool | np.bool_) -> None:
    if not holds:
        raise _Unplain


def _klv(file: IO[bytes], at: int, end: int) -> Iterator[tuple[bytes, int, int, int]]:
    """Key, first byte, first byte of the value and length of each KLV; values are skipped unread."""
    while at + 17 <= end:
        file.seek(at)
        head = file.read(25)
        key, length, begin = head[:16], head[16], at + 17
        _plain(key[:4] == _SMPTE)
        if length & 0x80:
            size = length & 0x7F
            length, begin = int.from_bytes(head[17 : 17 + size], "big"), begin + size
        yield key, at, begin, length
        at = begin + length


def _partition_starts(file: IO[bytes], size_bytes: int, run_in: int) -> list[int]:
    """From the random index pack, else from the footer backwards."""
    file.seek(size_bytes - 4)
    length = int.from_bytes(file.read(4), "big")
    if 20 < length < min(size_bytes, 1 << 24):
        file.seek(size_bytes - length)
        pack = file.read(length)
        if pack[:15] == _RANDOM_INDEX[:15]:
            body = pack[17 + (pack[16] & 0x7F if pack[16] & 0x80 else 0) : -4]
            return sorted({int.from_bytes(body[at + 4 : at + 12], "big") for at in range(0, len(body), 12)})
    starts = [0]
    file.seek(run_in)
    at = struct.unpack(">QQ", _partition_pack(file, run_in, size_bytes)[16:32])[1]
    _plain(0 < at < size_bytes)
    while at:
        _plain(at not in starts)
        starts.append(at)
        at = struct.unpack(">Q", _partition_pack(file, at + run_in, size_bytes)[16:24])[0]
    return sorted(starts)


def _partition_pack(file: IO[bytes], at: int, size_bytes: int) -> bytes:
    key, _, begin, length = next(_klv(file, at, size_bytes))
    _plain(key[:13] == _PARTITION and key[13] in (2, 3, 4) and length >= 80)
    return _value(file, begin, length, size_bytes)


def _value(file: IO[bytes], begin: int, length: int, size_bytes: int) -> bytes:
    _plain(begin + length <= size_bytes)  # a damaged length must not ask for all memory
    file.seek(begin)
    return file.read(length)


def _read_partition(
    file: IO[bytes], start: int, size_bytes: int
) -> tuple[_Partition, dict[bytes, tuple[int, _Set]], list[_Set]]:
    """Its header metadata by instance and its index segments; the walk ends where essence begins."""
    pack = _partition_pack(file, start, size_bytes)
    body_offset, body_sid = struct.unpack(">QI", pack[52:64])
    sets, segments, essence = {}, [], None
    walk = _klv(file, start, size_bytes)
    next(walk)
    for key, at, begin, length in walk:
        if key[8:12] == _ESSENCE:
            essence = (key, at, begin, length)
        if essence or (key[:13] == _PARTITION and key[13] != _PRIMER):
            break
        if key[:14] == _METADATA or key == _INDEX_SEGMENT:
            values = _local_set(_value(file, begin, length, size_bytes))
            if key == _INDEX_SEGMENT:
                segments.append(values)
            else:
                sets[values[_UID]] = (key[14], values)
    return _Partition(start, body_offset, body_sid, essence), sets, segments


def _local_set(data: bytes) -> _Set:
    values, at = {}, 0
    while at + 4 <= len(data):
        tag, length = struct.unpack_from(">HH", data, at)
        values[tag] = data[at + 4 : at + 4 + length]
        at += 4 + length
    return values


@dataclass(frozen=True)
class _Picture:
    """The one track of pictures, of one file package, played from its first to its last edit unit."""

    edit_rate: Fraction
    duration: int
    index_sid: int
    body_sid: int


def _picture(sets: dict[bytes, tuple[int, _Set]]) -> _Picture:
    packages = []
    for kind, package in sets.values():
        if kind == _SOURCE_PACKAGE and _DESCRIPTOR in package:
            whole = sets[package[_DESCRIPTOR]][1]
            parts = [whole, *(sets[uid][1] for uid in _batch(whole.get(_PARTS_OF_DESCRIPTOR, b"")))]
            packages += [package for part in parts if _STORED_WIDTH in part]
    _plain(len(packages) == 1)
    package = packages[0]
    links = [one for kind, one in sets.values() if kind == _ESSENCE_DATA]
    links = [one for one in links if one[_LINKED_PACKAGE] == package[_PACKAGE_UID]]
    _plain(len(links) == 1)
    played = set()
    for kind, owner in sets.values():
        if kind != _MATERIAL_PACKAGE and owner is not package:
            continue
        for uid in _batch(owner[_TRACKS]):
            track = sets[uid][1]
            sequence = sets[track[_SEQUENCE]][1]
            if sequence[_DATA_DEFINITION][:13] == _PICTURE_DATA[:13]:
                clips = [sets[part][1] for part in _batch(sequence[_COMPONENTS])]
                late = [_int(track.get(_ORIGIN, b"")), *(_int(clip[_START_POSITION]) for clip in clips)]
                played.add((_rational(track[_EDIT_RATE]), _int(sequence[_DURATION]), len(clips), any(late)))
    _plain(len(played) == 1)
    rate, duration, clips_played, starts_late = played.pop()
    _plain(clips_played == 1 and not starts_late and 0 < duration < 1 << 32)
    return _Picture(rate, duration, _int(links[0][_INDEX_SID]), _int(links[0][_BODY_SID]))


@dataclass(frozen=True)
class _Units:
    """What the index says of each edit unit, in coded order."""

    stream_offset: npt.NDArray[np.int64]
    """(units + 1,) first byte of each in the essence container, and the end, 0 where it is not told."""

    temporal: npt.NDArray[np.int64]
    keyframe: npt.NDArray[np.bool_]
    unit_bytes: int
    """Where all are of one size; else 0."""


def _edit_units(segments: list[_Set], picture: _Picture, size_bytes: int) -> _Units:
    count = picture.duration
    unit_bytes = {_int(one.get(_UNIT_BYTES, b"")) for one in segments}
    _plain(len(unit_bytes) == 1 and all(_rational(one[_INDEX_RATE]) == picture.edit_rate for one in segments))
    constant = unit_bytes.pop()
    if constant:
        _plain(0 < constant * count <= size_bytes)
        offsets = np.arange(count + 1) * constant
        return _Units(offsets, np.zeros(count, np.int64), np.ones(count, np.bool_), constant)
    by_start: dict[int, npt.NDArray[Any]] = {}
    for one in segments:  # a segment may be repeated in several partitions
        number, width = struct.unpack_from(">II", one[_ENTRIES])
        fields = [
            ("temporal", "i1"),
            ("key", "i1"),
            ("flags", "u1"),
            ("offset", ">u8"),
            ("slices", f"V{width - 11}"),
        ]
        entries = np.frombuffer(one[_ENTRIES], fields, count=number, offset=8)
        start = _int(one[_INDEX_START])
        if start not in by_start or len(entries) > len(by_start[start]):
            by_start[start] = entries
    at = 0
    for start, entries in sorted(by_start.items()):
        _plain(start == at)
        at += len(entries)
    table = np.concatenate([by_start[start] for start in sorted(by_start)])
    _plain(len(table) in (count, count + 1))  # one more tells where the last unit ends
    offsets = np.zeros(count + 1, np.int64)
    offsets[: len(table)] = table["offset"]
    table = table[:count]
    intra = (table["flags"] & 0x30) == 0  # neither forward nor backward predicted
    return _Units(offsets, table["temporal"].astype(np.int64), intra, 0)


def _ranges(
    file: IO[bytes], units: _Units, bodies: list[_Partition]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Offset and size of each picture's data in the file, -1 where they are not certain."""
    starts, count = units.stream_offset, len(units.temporal)
    unknown = np.full(count, -1, np.int64)
    with_essence = [part for part in bodies if part.essence]
    _plain(bool(with_essence))
    assert with_essence[0].essence is not None
    key, _, begin, length = with_essence[0].essence
    if (
        len(with_essence) == 1
        and key[12] in _PICTURE_ITEMS
        and length >= max(int(starts[:-1].max()), 1)
        and count > 1
    ):
        ends = np.append(starts[1:-1], starts[-1] or length)
        return begin + starts[:-1], ends - starts[:-1]  # clip-wrapped: one element holds them all
    if not units.unit_bytes:
        return unknown, unknown
    bases = np.array([part.essence[1] - part.body_offset for part in with_essence if part.essence])
    covers = np.searchsorted([part.body_offset for part in with_essence], starts[:-1], side="right") - 1
    at = bases[covers] + starts[:-1]
    elements = _klv(file, int(at[0]), int(at[0]) + units.unit_bytes)
    key, first, begin, length = next(one for one in elements if one[0][12] in _PICTURE_ITEMS)
    for row in np.linspace(0, count - 1, _SAMPLES).astype(int):
        where = int(at[row]) + first - int(at[0])
        if next(_klv(file, where, where + 25)) != (key, where, where + begin - first, length):
            return unknown, unknown
    return at + (begin - int(at[0])), np.full(count, length, np.int64)


def _batch(data: bytes) -> list[bytes]:
    """The items of an array or batch: their number and their length come first."""
    if not data:
        return []
    number, width = struct.unpack_from(">II", data)
    _plain(number * max(width, 1) <= len(data))
    return [data[8 + width * at : 8 + width * (at + 1)] for at in range(number)]


def _int(data: bytes) -> int:
    return int.from_bytes(data, "big", signed=True)


def _rational(data: bytes) -> Fraction:
    return Fraction(*struct.unpack(">ii", data))
