"""How far AVI and Matroska files go by their own account: more than is there is a copy cut short."""

from __future__ import annotations

from typing import IO

__all__ = ["is_cut"]

_EBML = b"\x1a\x45\xdf\xa3"
_UNTOLD = 0xFFFFFFFF
"""A RIFF length as writers leave it that could not come back to it: to a pipe, or cut off as they wrote."""

_SEGMENT = b"\x18\x53\x80\x67"


def is_cut(file: IO[bytes], size_bytes: int) -> bool:
    """Whether the file ends before its RIFF chunks (OpenDML AVI 2.0) or its Matroska segment (RFC 9559) do.

    A recording that was never finished says nothing of its length, and is not cut.
    """
    file.seek(0)
    kind = file.read(4)
    if kind == b"RIFF":
        return _end_of_riff(file, size_bytes) > size_bytes
    return kind == _EBML and _end_of_segment(file) > size_bytes


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
