"""Hashes of files, by the names that ASC MHL has for them, read in chunks between which a unit may pause."""

from __future__ import annotations

import os
from contextlib import contextmanager
from itertools import cycle
from typing import TYPE_CHECKING, Any

from mediadask.checkpoint import checkpoint
from mediadask.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = [
    "CHUNK_BYTES",
    "DEFAULT_FORMAT",
    "FORMATS",
    "Hashes",
    "chunks_of",
    "file_hashes",
    "fresh",
    "hash_formats",
    "reader",
]

FORMATS = ("xxh128", "xxh3", "xxh64", "xxh32", "sha1", "c4", "md5")
"""The fastest first. XXH32 is in legacy manifests only: ASC MHL has no element for it."""

DEFAULT_FORMAT = "xxh128"
"""What the reference implementation takes, too, if nothing else is asked for."""

CHUNK_BYTES = 4 << 20
"""What is read at a time: 2 ms of a fast disk, after which more urgent work may have the slot."""


def hash_formats(names: Sequence[str]) -> tuple[str, ...]:
    """The formats that a caller names, each once, in small letters.

    Raises
    ------
    InvalidRequest
        If ASC MHL has no such format.
    """
    known = [name for name in FORMATS if name != "xxh32"]
    wanted = tuple(dict.fromkeys(name.lower().replace("-", "") for name in names))
    for name in wanted:
        if name not in known:
            raise InvalidRequest("is no hash of ASC MHL", where=name, do=f"choose {', '.join(known)}")
    return wanted


class Hashes:
    """Several hashes of the same bytes."""

    def __init__(self, formats: Iterable[str]) -> None:
        from ascmhl.hasher import new_hasher_for_hash_type

        self._hashers: dict[str, Any] = {name: new_hasher_for_hash_type(name) for name in formats}

    def update(self, data: memoryview) -> None:
        """Add bytes to each of them; the interpreter's lock is free meanwhile."""
        for hasher in self._hashers.values():
            hasher.update(data)

    def values(self) -> dict[str, str]:
        """The hashes so far, by format, as manifests spell them."""
        return {name: hasher.string_digest() for name, hasher in self._hashers.items()}


def file_hashes(path: str, formats: Iterable[str]) -> dict[str, str]:
    """Read a file once for all its hashes, from its storage and not from this machine's memory of it.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    hashes = Hashes(formats)
    with reader(path) as file:
        for chunk in chunks_of(file):
            hashes.update(chunk)
            checkpoint()
    return hashes.values()


@contextmanager
def reader(path: str) -> Iterator[int]:
    """A descriptor from which a file is read front to back; what memory still has of the file is let go."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fresh(descriptor)
        yield descriptor
    finally:
        os.close(descriptor)


def fresh(descriptor: int) -> None:
    """Have the next read come from the storage, and read ahead there.

    Linux drops the pages that are written out already, so whoever wrote the file syncs it before. Pages of a
    file system in memory stay, and so do those that another program has mapped. Other systems have no such
    call.
    """
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)


def chunks_of(descriptor: int, buffers: int = 1) -> Iterator[memoryview]:
    """The rest of a file, in chunks. Each is overwritten by the next but `buffers` - 1.

    While a chunk is hashed the next is fetched: by itself the kernel reads ahead by too little for that.
    """
    offset = os.lseek(descriptor, 0, os.SEEK_CUR)
    for view in cycle([memoryview(bytearray(CHUNK_BYTES)) for _ in range(buffers)]):
        length = os.readv(descriptor, [view])
        if not length:
            return
        offset += length
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(descriptor, offset, CHUNK_BYTES, os.POSIX_FADV_WILLNEED)
        yield view[:length]
