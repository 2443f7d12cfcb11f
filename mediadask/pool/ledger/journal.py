"""Where records wait on disk while the ledger's database is away."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pickle
import socket
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from mediadask.pool.history import Record

__all__ = ["Journal", "abandoned"]


class Journal:
    """A file of records, held under a lock for as long as its process lives.

    The lock says more than that the file is ours: whoever can take it knows that this process is dead.
    Readable by its owner only. Not for several threads.
    """

    def __init__(self, folder: Path, url: str, session: str) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.session = session
        self.path = folder / f"{_database(url)}-{session}.journal"
        self._file = open(self.path, "a+b", opener=lambda path, flags: os.open(path, flags, 0o600))  # noqa: SIM115
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise
        self.events = self.path.stat().st_size
        """How many events are in it; of a dead process's journal, only whether there are any."""

    def append(self, events: Sequence[Record]) -> None:
        """Add `events`, on the disk when this returns; all of them or none."""
        if not events:
            return
        end = self._file.seek(0, os.SEEK_END)
        try:
            self._file.write(b"".join(pickle.dumps(event) for event in events))
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError:
            os.ftruncate(self._file.fileno(), end)
            raise
        self.events += len(events)

    def batches(self, length: int) -> Iterator[list[Record]]:
        """All events in order. One that was cut off by a crash, or by a version since, ends the file."""
        self._file.seek(0)
        while batch := self._read(length):
            yield batch

    def _read(self, length: int) -> list[Record]:
        batch: list[Record] = []
        while len(batch) < length:
            try:
                batch.append(pickle.load(self._file))
            except (EOFError, pickle.UnpicklingError, AttributeError, ImportError, TypeError):
                break
        return batch

    def clear(self) -> None:
        """Forget all events."""
        os.ftruncate(self._file.fileno(), 0)
        self.events = 0

    def close(self, *, keep: bool = False) -> None:
        """Let go of the file, and remove it unless it holds what is still to be written."""
        if not keep:
            self.path.unlink(missing_ok=True)
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close(keep=bool(self.events))

    @staticmethod
    def is_held(path: str, host: str) -> bool | None:
        """Whether the process on `host` that made this journal lives; None where that cannot be seen from
        here.
        """
        if host != socket.gethostname():
            return None
        try:
            with open(path, "rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False if os.path.isdir(os.path.dirname(path)) else None
        except OSError:
            return None
        return False


def abandoned(folder: Path, url: str) -> Iterator[Journal]:
    """The journals for this database that dead processes left behind, each locked by us."""
    for path in sorted(folder.glob(f"{_database(url)}-*.journal")):
        try:
            yield Journal(folder, url, path.stem.partition("-")[2])
        except BlockingIOError:
            continue


def _database(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:12]
