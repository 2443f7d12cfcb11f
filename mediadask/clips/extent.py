"""How far AVI and Matroska files go by their own account: more than is there is a copy cut short."""

from __future__ import annotations

import re
from typing import IO

__all__ = ["is_cut"]

_EBML = b"\x1a\x45\xdf\xa3"
_UNTOLD = 0xFFFFFFFF
"""A RIFF length as writers leave it that could not come back to it: to a pipe, or cut off as they wrote."""

_SEGMENT = b"\x18\x53\x80\x67"
_CLUSTER = b"\x1f\x43\xb6\x75"
_CUES_PLACE = re.compile(rb"\x53\xab\x84\x1c\x53\xbb\x6b\x53\xac[\x81-\x88](.{8})", re.DOTALL)
"""Where the index (Cues) is, from the segment's beginning: it follows the pictures (RFC 9559, 5.1.1)."""


def is_cut(file: IO[bytes], size_bytes: int, frames: int) -> bool:
    """Whether a file with so many frames lacks some: it ends before its RIFF chunks (OpenDML AVI 2.0) or its
    Matroska segment (RFC 9559) do, and what is missing are pictures, not an index or tags.

    A recording that was never finished says nothing of its length, and is not cut.
    """
    file.seek(0)
    kind = file.read(4)
    if kind == b"RIFF":
        return _end_of_riff(file, size_bytes) > size_bytes and not _riff_has(file, size_bytes, frames)
    return kind == _EBML and _end_of_segment(file) > size_bytes and _cuts_cluster(file, size_bytes)


def _riff_has(file: IO[bytes], size_bytes: int, frames: int) -> bool:
    """Whether an AVI's pictures are all there though its end is not: as many as its header tells of, or a
    list of them (movi) that ends within the file."""
    file.seek(0)
    head = file.read(4 << 10)
    main = head.find(b"avih")
    told = int.from_bytes(head[main + 24 : main + 28], "little") if main >= 0 else 0
    at = 12
    while at + 12 <= size_bytes:
        file.seek(at)
        chunk = file.read(12)
        length = int.from_bytes(chunk[4:8], "little")
        if chunk[:4] == b"LIST" and chunk[8:] == b"movi":
            return (0 < told <= frames) or at + 8 + length <= size_bytes
        at += 8 + length + length % 2
    return False


def _cuts_cluster(file: IO[bytes], size_bytes: int) -> bool:
    """Whether pictures are missing where a Matroska segment goes beyond the file: the first element that does
    holds some, or it is not known what would follow the last that is there."""
    file.seek(4)
    file.seek(_length(file) + file.tell())
    file.read(4)
    _length(file)
    at = begin = file.tell()
    cues = _CUES_PLACE.search(file.read(1 << 12))
    while at + 5 <= size_bytes:
        file.seek(at)
        name = _identifier(file)
        length = _length(file)
        at = file.tell() + length
        if not name or not length or at > size_bytes:
            return name in (b"", _CLUSTER) or not length
    return cues is None or at < begin + int.from_bytes(cues[1][: cues[0][9] & 15], "big")


def _identifier(file: IO[bytes]) -> bytes:
    """An element's name, of one to four bytes (RFC 8794, 5); empty where there is none."""
    first = file.read(1)
    if not first or first[0] < 0x10:
        return b""
    return first + file.read(8 - first[0].bit_length())


def _end_of_riff(file: IO[bytes], size_bytes: int) -> int:
    """Where the last chunk ends: above a gigabyte there are several; 0 where it is not told."""
    at = 0
    while at + 8 <= size_bytes:
        file.seek(at)
        head = file.read(8)
        if head[:4] != b"RIFF":
            break
        length = int.from_bytes(head[4:], "little")
        if length == _UNTOLD:
            return 0
        at += 8 + length + length % 2
    # A last odd byte may be without its padding.
    return at - 1 if at == size_bytes + 1 else at


def _end_of_segment(file: IO[bytes]) -> int:
    """0 where it is not told."""
    file.seek(4)
    file.seek(_length(file) + file.tell())
    if file.read(4) != _SEGMENT:
        return 0
    length = _length(file)
    return file.tell() + length if length else 0


def _length(file: IO[bytes]) -> int:
    """A length as EBML writes it (RFC 8794, 4): the first bits say of how many bytes; 0 where unknown."""
    first = file.read(1)
    if not first or not first[0]:
        return 0
    more = 8 - first[0].bit_length()
    bits = 7 * (more + 1)
    value = int.from_bytes(first + file.read(more), "big") & (1 << bits) - 1
    return 0 if value == (1 << bits) - 1 else value
