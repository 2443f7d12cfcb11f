"""What becomes of a ledger in use whose file is deleted, replaced or damaged, or whose tables are dropped.

An operator wants production to go on and to know what happened. So the pool never stops for its ledger: what
the open file held is put back, what is damaged is set aside under another name and read as far as it can be,
and one line says so.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect
from sqlalchemy.exc import DBAPIError, ProgrammingError

from mediadask.pool.ledger import sqlite_file
from mediadask.pool.ledger.tables import (
    data_folder,
    ledger_url,
    metadata,
    open_database,
    prepare_tables,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from mediadask.pool.ledger.journal import Journal
    from mediadask.pool.ledger.signing import Key

__all__ = ["Care", "open_sound"]

_logger = logging.getLogger(__name__)
_BATCH = 5_000


def open_sound(url: str | None) -> tuple[Engine, str]:
    """The ledger's database, for a pool that is to write to it; and what happened to it, if something did.

    A damaged SQLite ledger is set aside, and a new one begun with what can still be read of it.

    Raises
    ------
    InvalidRequest, OutputFailed
        As of `open_database`; a file that may never have been a ledger is left alone and refused, too.
    """
    where = ledger_url(url)
    if where.get_backend_name() != "sqlite":
        return open_database(url), ""
    path = Path(str(where.database))
    try:
        trouble = _begin_anew(path, url) if _is_damaged(path) else ""
    except OSError as error:
        raise sqlite_file.refusal(path, f"it is damaged, and cannot be renamed: {error.strerror}") from None
    return open_database(url), trouble


class Care:
    """Looks after the database of a ledger that is in use, its journal and its key. For one thread."""

    def __init__(self, engine: Engine, journal: Journal, key: Key, session: str, trouble: str = "") -> None:
        self._engine, self._journal, self._key, self._session = engine, journal, key, session
        self.trouble = ""
        """What happened to the ledger last, for whoever runs the pool."""

        if trouble:
            self._tell(trouble)
        self._anchor: sqlite_file.Anchor | None = None
        if engine.dialect.name == "sqlite":
            self._anchor = sqlite_file.Anchor(Path(str(engine.url.database)))

    def look(self, *, closely: bool) -> bool:
        """See whether all is in its place, and put back what is not.

        Parameters
        ----------
        closely
            Look for journal and key, too.

        Returns
        -------
        bool
            Whether the database may lack what was written a moment ago.
        """
        if closely:
            if self._journal.put_back():
                self._tell(f"the ledger's journal {self._journal.path} was deleted; it is there again")
            self._key.put_back()
        if self._anchor is None:
            return False
        if self._anchor.has_gone():
            self._put_back(self._anchor)
            return True
        return False

    def is_fault(self, error: Exception) -> bool:
        """Whether the database has to be put right before anything can be written."""
        if not isinstance(error, DBAPIError):
            return False
        if sqlite_file.is_damage(error):
            return True
        lacks = isinstance(error, ProgrammingError) or "no such table" in str(error.orig)
        return lacks and not _has_tables(self._engine)

    def put_right(self, error: Exception) -> bool:
        """Do so where this error calls for it; whether it did."""
        if not self.is_fault(error):
            return False
        if self._anchor is not None and self._anchor.has_gone():
            self._put_back(self._anchor)
        elif self._anchor is not None and isinstance(error, DBAPIError) and sqlite_file.is_damage(error):
            self._replace(self._anchor)
        else:
            prepare_tables(self._engine)
            self._tell("the ledger's tables were gone; they are made anew, without what they held before")
        return True

    def close(self) -> None:
        """Let go of the file."""
        if self._anchor is not None:
            self._anchor.close()

    def _put_back(self, anchor: sqlite_file.Anchor) -> None:
        path = anchor.path
        path.parent.mkdir(parents=True, exist_ok=True)
        with sqlite_file.only_one(path.parent):
            if path.exists() and path.stat().st_size and sqlite_file.is_ledger(path):
                if self._is_known_to(path):  # another pool has put it back
                    what = f"the ledger's file {path} was deleted; it is there again"
                else:
                    aside = path.with_name(f"{path.name}.replaced-{self._session}")
                    sqlite_file.copy(anchor.connection, aside)
                    what = (
                        f"the ledger's file {path} was replaced by another ledger, which is used from now on;"
                        f" what the one before held is in {aside}"
                    )
            else:
                what = f"the ledger's file {path} was deleted; it is there again with all that it held"
                if path.exists() and path.stat().st_size:
                    aside = sqlite_file.set_aside(path, "no-ledger")
                    what = f"the ledger's file {path} was replaced by one that is no ledger, now {aside}"
                    what += "; it is there again with all that it held"
                for suffix in ("-wal", "-shm"):
                    Path(f"{path}{suffix}").unlink(missing_ok=True)
                sqlite_file.copy(anchor.connection, path)
        self._use_again(anchor)
        self._tell(what)

    def _is_known_to(self, path: Path) -> bool:
        with closing(sqlite3.connect(path)) as connection:
            query = "SELECT count(*) FROM sessions WHERE session = ?"
            return bool(connection.execute(query, (self._session,)).fetchone()[0])

    def _replace(self, anchor: sqlite_file.Anchor) -> None:
        path = anchor.path
        saved = path.with_name(f".{path.name}.{self._session}.saved")
        with sqlite_file.only_one(path.parent):
            if anchor.has_gone():  # another pool was first
                what = f"the ledger's file {path} was damaged, and is replaced"
            else:
                with suppress(sqlite3.Error):
                    sqlite_file.copy(anchor.connection, saved)
                self._engine.dispose()
                aside = sqlite_file.set_aside(path, "damaged")
                if saved.exists() and sqlite_file.is_ledger(saved):
                    os.replace(saved, path)
                    what = _damaged(path, aside, whole=True)
                else:
                    saved.unlink(missing_ok=True)
                    prepare_tables(self._engine)
                    what = _damaged(path, aside, _salvage(aside, path))
                for suffix in ("-wal", "-shm"):
                    Path(f"{saved}{suffix}").unlink(missing_ok=True)
        self._use_again(anchor)
        self._tell(what)

    def _use_again(self, old: sqlite_file.Anchor) -> None:
        self._engine.dispose()
        prepare_tables(self._engine)
        self._anchor = sqlite_file.Anchor(old.path)
        old.close()

    def _tell(self, what: str) -> None:
        self.trouble = what
        _logger.error("%s", what)


def _is_damaged(path: Path) -> bool:
    return (
        path.is_file()
        and path.stat().st_size > 0
        and bool(sqlite_file.damage_of(path))
        and _may_be_ours(path)
    )


def _begin_anew(path: Path, url: str | None) -> str:
    with sqlite_file.only_one(path.parent):
        if not _is_damaged(path):
            return ""  # another pool was first
        aside = sqlite_file.set_aside(path, "damaged")
        open_database(url).dispose()
        return _damaged(path, aside, _salvage(aside, path))


def _has_tables(engine: Engine) -> bool:
    return set(inspect(engine).get_table_names()) >= set(metadata.tables)


def _may_be_ours(path: Path) -> bool:
    return path == data_folder() / "ledger.sqlite" or sqlite_file.was_ours(path)


def _damaged(path: Path, aside: Path, rows: int = 0, *, whole: bool = False) -> str:
    kept = "all that it held" if whole else f"{rows} rows that could be read of it"
    return f"the ledger's file {path} was damaged and is now {aside}; a new one is begun with {kept}"


def _salvage(damaged: Path, path: Path) -> int:
    """Copy what can be read of a damaged ledger into a new one; the number of rows."""
    kept = 0
    with (
        closing(sqlite3.connect(damaged)) as source,
        closing(sqlite3.connect(path)) as target,
    ):
        source.execute("PRAGMA writable_schema=ON")  # else SQLite opens no file that was cut
        source.text_factory = lambda text: text.decode(errors="replace")
        for table in metadata.sorted_tables:
            columns = ", ".join(f'"{column.name}"' for column in table.columns)
            adding = (
                f"INSERT OR IGNORE INTO {table.name} ({columns}) VALUES ({', '.join('?' * len(table.c))})"
            )
            is_clustered = not table.dialect_options["sqlite"]["with_rowid"]
            keys = [f'"{column.name}"' for column in table.primary_key] if is_clustered else ["rowid"]
            for order in ("", " DESC"):  # from either end up to what is damaged
                by = ", ".join(f"{key}{order}" for key in keys)
                rows = _readable(source, f"SELECT {columns} FROM {table.name} ORDER BY {by}")
                while batch := list(islice(rows, _BATCH)):
                    kept += target.executemany(adding, batch).rowcount
        target.commit()
    return kept


def _readable(source: sqlite3.Connection, query: str) -> Iterator[tuple[Any, ...]]:
    with suppress(sqlite3.DatabaseError):
        yield from source.execute(query)
