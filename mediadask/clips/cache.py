"""Headers and indexes of clips seen before, so that a second open is nearly free."""

from __future__ import annotations

import os
import struct
import tempfile
from contextlib import suppress
from fractions import Fraction
from functools import cache
from typing import IO
from zlib import crc32

import numpy as np
from platformdirs import user_cache_dir
from pydantic import TypeAdapter

from mediadask.clips.header import ClipHeader
from mediadask.clips.index import FrameIndex

__all__ = ["cache_folder", "load", "load_facts", "store"]

_HEAD = struct.Struct("<8s5q2I")
"""What kind of file it is, bytes of the header, packets, columns of these, frames, how many of the frames are
missing; and checksums of the header with these counts, and of the table."""

_KIND = b"mdindex3"
_COLUMNS, _COLUMNS_IN_PIECES = 5, 7
_HEADER = TypeAdapter(tuple[ClipHeader, Fraction])
"""The header, and the index's time base."""


def cache_folder() -> str:
    """Where indexes are kept: ``MEDIADASK_CACHE``, else the user's cache folder."""
    return os.environ.get("MEDIADASK_CACHE") or _own_folder()


@cache
def _own_folder() -> str:
    return os.path.join(user_cache_dir("mediadask"), "clips")


def load(identity: str) -> tuple[ClipHeader, FrameIndex] | None:
    """What `store` kept under this identity; None where there is nothing, or nothing whole."""
    try:
        with open(_path(identity), "rb") as file:
            (header, base), packets, columns, frames, _, checksum = _read_head(file)
            table = np.empty(columns * packets + frames, "<i8")
            file.readinto(table.data)
            _check(crc32(table.data) == checksum)
            shown = table[columns * packets :]
            _check(shown.min(initial=-1) >= -1 and shown.max(initial=-1) < packets)
    except _NOT_WHOLE:
        return None
    pts, dts, offset, size, marks, *pieces = table[: columns * packets].reshape(columns, packets)
    keyframe, hidden = (marks & 1).astype(bool), (marks & 2).astype(bool)
    whole = hidden if hidden.any() else None
    return header, FrameIndex(base, pts, dts, offset, size, keyframe, shown, whole, *pieces)


def load_facts(identity: str) -> tuple[ClipHeader, int, int] | None:
    """Load header, frames and missing frames without the index, which takes megabytes for a long clip."""
    try:
        with open(_path(identity), "rb") as file:
            (header, _), _, _, frames, missing, _ = _read_head(file)
    except _NOT_WHOLE:
        return None
    return header, frames, missing


_NOT_WHOLE = (OSError, ValueError, struct.error)


def _read_head(file: IO[bytes]) -> tuple[tuple[ClipHeader, Fraction], int, int, int, int, int]:
    """Header and time base, packets, their columns, frames, missing frames, and the table's checksum:
    `ValueError` where the file is not as `store` has left it."""
    kind, length, packets, columns, frames, missing, checksum, of_table = _HEAD.unpack(file.read(_HEAD.size))
    _check(kind == _KIND and min(length, packets, frames) >= 0)
    _check(columns in (_COLUMNS, _COLUMNS_IN_PIECES))
    whole = _HEAD.size + length + 8 * (columns * packets + frames)
    _check(os.fstat(file.fileno()).st_size == whole)
    text = file.read(length)
    _check(_checksum(text, packets, columns, frames, missing) == checksum)
    return _HEADER.validate_json(text), packets, columns, frames, missing, of_table


def _checksum(text: bytes, *counts: int) -> int:
    return crc32(text, crc32(repr(counts).encode()))


def _check(holds: bool) -> None:
    if not holds:
        raise ValueError


def store(identity: str, header: ClipHeader, index: FrameIndex, missing: int) -> None:
    """Keep them, and how many frames are missing, atomically.

    A cache that cannot be written (read-only home, full disk) is done without.
    """
    path = _path(identity)
    text = _HEADER.dump_json((header, index.time_base))
    marks = index.keyframe if index.hidden is None else index.keyframe + 2 * index.hidden
    pieces = [] if index.stretch is None or index.before is None else [index.stretch, index.before]
    columns = [index.pts, index.dts, index.offset, index.size, marks, *pieces]
    table = np.concatenate([*columns, index.shown], dtype="<i8")
    counts = len(index.pts), len(columns), len(index), missing
    head = _HEAD.pack(_KIND, len(text), *counts, _checksum(text, *counts), crc32(table.data))
    with suppress(OSError):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".", suffix=".index")
        try:
            with os.fdopen(handle, "wb") as file:
                # Plain numbers: a plan looks up thousands of clips, and NumPy's own headers are Python that
                # would take longer to parse than all the rest.
                file.write(head + text)
                file.write(table.data)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise


def _path(identity: str) -> str:
    return os.path.join(cache_folder(), identity[:2], f"{identity}.index")
