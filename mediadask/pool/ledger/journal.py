"""Where records wait on disk while the ledger's database is away."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import logging
import os
import socket
from dataclasses import fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast, get_args

from mediadask.pool import history
from mediadask.pool.ledger.place import Place
from mediadask.pool.private import private, private_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Journal", "abandoned", "waiting"]

_logger = logging.getLogger(__name__)


class Journal:
    """A file of records, one a line as JSON, held under a lock for as long as its process lives.

    The lock says more than that the file is ours: whoever can take it knows that this process is dead.
    Readable by its owner only. Not for several threads.
    """

    def __init__(self, folder: Path, url: str, session: str) -> None:
        private_folder(folder)
        self.session = session
        self.path = folder / f"{_database(url)}-{session}.journal"
        self._open()
        self.records = self.path.stat().st_size
        """How many records are in it; of a dead process's journal, only whether there are any."""

    def _open(self) -> None:
        self._file = open(self.path, "a+b", opener=private)  # noqa: SIM115
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise

    def put_back(self) -> bool:
        """Make the file again if it was deleted, and say whether: without it others take us for dead."""
        here = os.fstat(self._file.fileno())
        if self.path.exists() and os.path.samestat(here, self.path.stat()):
            return False
        private_folder(self.path.parent)
        old = self._file
        self._open()
        old.seek(0)
        self._file.write(old.read())
        self._sync()
        old.close()
        return True

    def append(self, records: Sequence[history.Record]) -> None:
        """Add `records`, on the disk when this returns; all of them or none."""
        if not records:
            return
        end = self._file.seek(0, os.SEEK_END)
        try:
            self._file.write(b"".join(_line(record) for record in records))
            self._sync()
        except OSError:
            os.ftruncate(self._file.fileno(), end)
            raise
        self.records += len(records)

    def _sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())

    def batches(self, length: int) -> Iterator[list[history.Record]]:
        """All records in order, but for lines that a crash cut off, or that this version cannot read."""
        self._file.seek(0)
        batch: list[history.Record] = []
        for line in self._file:
            try:
                batch.append(_record(line))
            except (ValueError, TypeError, KeyError) as error:
                unread = self.path.with_suffix(".unread")
                _logger.warning("a line is no record of this version and is kept in %s: %s", unread, error)
                with open(unread, "ab", opener=private) as file:
                    file.write(line)
            if len(batch) == length:
                yield batch
                batch = []
        if batch:
            yield batch

    def clear(self) -> None:
        """Forget all records."""
        os.ftruncate(self._file.fileno(), 0)
        self.records = 0

    def close(self, *, keep: bool = False) -> None:
        """Let go of the file, and remove it unless it holds what is still to be written."""
        if not keep:
            self.path.unlink(missing_ok=True)
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close(keep=bool(self.records))

    @staticmethod
    def is_held(path: str, host: str, place: str) -> bool | None:
        """Whether the process that made this journal, on `host` at `place`, lives; None where that cannot be
        seen from here.
        """
        folder, there = os.path.dirname(path), Place.read(place)
        if there is None:  # an older version made it, and told machines apart by their names
            if host != socket.gethostname():
                return None
        elif not os.path.isdir(folder):
            return None
        try:
            if there is not None:
                here = Place.here(Path(folder))
                if here.is_rebooted(since=there):
                    return False
                if not here.shares_locks_with(there):
                    return None
            with open(path, "rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False if os.path.isdir(folder) else None
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


def waiting(folder: Path, url: str) -> list[Path]:
    """The journals for this database that hold records, whether their processes live or not."""
    return [path for path in sorted(folder.glob(f"{_database(url)}-*.journal")) if path.stat().st_size]


def _database(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:12]


# Records as JSON. What JSON does not know is an object with one key that says what it is.

_KINDS = {kind.__name__: kind for kind in (history.Attempt, *get_args(history.Record))}


def _line(record: history.Record) -> bytes:
    return json.dumps(record, default=_plain).encode() + b"\n"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"@at": value.isoformat()}
    if isinstance(value, bytes):
        return {"@bytes": base64.b64encode(value).decode()}
    if is_dataclass(value):
        return {"@": type(value).__name__} | {each.name: getattr(value, each.name) for each in fields(value)}
    raise TypeError(f"a {type(value).__name__} is in no record")


def _record(line: bytes) -> history.Record:
    record = json.loads(line, object_hook=_restored)
    if not isinstance(record, get_args(history.Record)):
        raise TypeError(f"a {type(record).__name__}")
    return cast("history.Record", record)


def _restored(value: dict[str, Any]) -> Any:
    if "@at" in value:
        return datetime.fromisoformat(value["@at"])
    if "@bytes" in value:
        return base64.b64decode(value["@bytes"])
    kind: Any = _KINDS[value.pop("@")]
    return kind(**{name: tuple(it) if isinstance(it, list) else it for name, it in value.items()})
