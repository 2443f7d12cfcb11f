"""The file of a ledger in SQLite: made for its owner alone, watched while it is in use, copied, set aside."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from mediadask.errors import OutputFailed
from mediadask.pool.private import private, private_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.exc import DBAPIError

__all__ = [
    "Anchor",
    "connector",
    "copy",
    "damage_of",
    "is_damage",
    "is_ledger",
    "make",
    "only_one",
    "refusal",
    "set_aside",
    "was_ours",
]

_PATIENCE_SECONDS = 10.0
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_MAGIC = b"SQLite format 3\0"


def make(path: Path, ours: Path) -> None:
    """Make an empty file for its owner alone, if there is none; its ``-wal`` and ``-shm`` will be as it is.

    Parameters
    ----------
    ours
        The folder that is made for its owner alone, too.

    Raises
    ------
    OSError
        It cannot be made.
    """
    if path.parent == ours:
        private_folder(ours)
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(private(path, os.O_CREAT | os.O_EXCL))


def connector(path: Path) -> Callable[[], sqlite3.Connection]:
    """Opens the file, and never makes one: who reads while it is gone must not put an empty one there."""
    return lambda: _connect(path)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=rw", uri=True, timeout=_PATIENCE_SECONDS, check_same_thread=False
    )
    try:
        _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    # WAL: reports read while the pool writes. FULL: a commit survives a power cut, at two commits a second.
    # Of two that switch a new file to WAL at once one is refused without the usual wait for the lock.
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            break
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > give_up:
                raise
            time.sleep(0.02)
    connection.execute("PRAGMA synchronous=FULL")


def is_damage(error: DBAPIError | sqlite3.Error) -> bool:
    """Whether SQLite says that the file holds no sound database."""
    original = getattr(error, "orig", error)
    return getattr(original, "sqlite_errorcode", 0) & 0xFF in _DAMAGE


def damage_of(path: Path) -> str:
    """What SQLite says is wrong with a file; empty where it is sound, or where that cannot be said now.

    A million units are looked through in a sixth of a second.
    """
    try:
        with closing(_connect(path)) as connection:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        return str(error) if is_damage(error) else ""
    return "" if found == "ok" else str(found)


def is_ledger(path: Path) -> bool:
    """Whether there is a sound ledger in this file."""
    try:
        with closing(_connect(path)) as connection:
            connection.execute("SELECT version FROM mediadask_schema").fetchall()
    except sqlite3.Error:
        return False
    return not damage_of(path)


def refusal(path: Path, reason: str) -> OutputFailed:
    """What to tell whoever finds this file damaged."""
    return OutputFailed(
        f"the ledger does not open: {reason}",
        where=path,
        do="move it away, put a backup in its place, or name another in MEDIADASK_LEDGER",
    )


def set_aside(path: Path, why: str) -> Path:
    """Rename a file that is not to be used, with what SQLite keeps beside it. Returns its new name.

    Raises
    ------
    OSError
        It cannot be renamed.
    """
    aside = path.with_name(f"{path.name}.{why}-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}")
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            os.rename(f"{path}{suffix}", f"{aside}{suffix}")
    return aside


def was_ours(path: Path) -> bool:
    """Whether what is in a file that does not open as a database may be a ledger that was damaged."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Held by whoever puts files of this folder right."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def copy(source: sqlite3.Connection, path: Path) -> None:
    """All that a connection sees, committed, into a new file that appears when it is whole.

    Raises
    ------
    OSError, sqlite3.Error
        It cannot be written, or not be read.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    os.close(private(part, os.O_CREAT | os.O_EXCL))
    try:
        with closing(sqlite3.connect(part)) as target:
            source.backup(target, pages=4096)
            target.execute("PRAGMA journal_mode=DELETE")
        handle = os.open(part, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


class Anchor:
    """An open connection that keeps the database alive when its file is deleted, and says when that is so.

    Opened by the thread that uses it. The file is never opened but by SQLite: whoever closes a file drops all
    locks that his process has on it (https://www.sqlite.org/howtocorrupt.html, 2.2).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = _connect(path)
        # It has the log open from the first read on.
        self.connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        self._identity = _identity(path)

    def has_gone(self) -> bool:
        """Whether the file with this name is no longer the one that is open."""
        return _identity(self.path) != self._identity

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
