"""The ledger's tables, and how its database is found and opened.

One row a job, an attempt, a displacement, a lease. Times are UTC; durations were measured, not subtracted.
"""

from __future__ import annotations

import os
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import platformdirs
from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Engine,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    insert,
    select,
    text,
)
from sqlalchemy.engine import URL, Dialect, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.types import TypeDecorator

from mediadask.errors import InvalidRequest, OutputFailed
from mediadask.pool.private import private, private_folder

__all__ = [
    "attempts",
    "data_folder",
    "displacements",
    "jobs",
    "learned",
    "leases",
    "ledger_url",
    "open_database",
    "reprioritizations",
    "sessions",
    "shares",
]

SCHEMA_VERSION = 1
_SQLITE_PATIENCE_SECONDS = 10.0


class UTCDateTime(TypeDecorator[datetime]):
    """Aware UTC in Python; ``timestamptz`` in PostgreSQL, UTC text in SQLite, which has no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC, without a zone where the database knows none."""
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc if dialect.name == "postgresql" else utc.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Aware again."""
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


metadata = MetaData()

schema = Table("mediadask_schema", metadata, Column("version", Integer, primary_key=True))

sessions = Table(
    "sessions",
    metadata,
    Column("session", String, primary_key=True),
    Column("pool", String, nullable=False),
    Column("host", String, nullable=False),
    Column("journal", String, nullable=False),
    Column("started", UTCDateTime, nullable=False),
    Column("beats", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("ended", UTCDateTime),
)
"""One process that wrote here. `beats` counts while it lives, `seconds` is how long it has."""

jobs = Table(
    "jobs",
    metadata,
    Column("job", String, primary_key=True),
    Column("pool", String, nullable=False),
    Column("session", String, nullable=False),
    Column("name", String, nullable=False),
    Column("show", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("priority", String, nullable=False),
    Column("deadline", UTCDateTime),
    Column("groups", BigInteger, nullable=False),
    Column("submitted", UTCDateTime, nullable=False),
    Column("payload", LargeBinary),
    Column("ended", UTCDateTime),
    Column("status", String, nullable=False),
    Column("seconds", Float),
    Column("running_seconds", Float),
    Column("groups_done", BigInteger),
    Column("groups_failed", BigInteger),
    Column("error", String),
    Index("jobs_submitted", "submitted"),
)

reprioritizations = Table(
    "reprioritizations",
    metadata,
    Column("job", String, primary_key=True),
    Column("at", UTCDateTime, primary_key=True),
    Column("priority", String, nullable=False),
    Column("deadline", UTCDateTime),
    Column("reason", String, nullable=False),
)

# The one table with a row for every unit. Clustered on its key in SQLite, which saves keeping the key twice.
attempts = Table(
    "attempts",
    metadata,
    Column("attempt", String, primary_key=True),
    Column("job", String, nullable=False),
    Column("unit", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("frames", BigInteger, nullable=False),
    Column("worker", String, nullable=False),
    Column("number", Integer, nullable=False),
    Column("started", UTCDateTime),
    Column("ended", UTCDateTime),
    Column("outcome", String),
    Column("run_seconds", Float),
    Column("paused_seconds", Float),
    Column("error", String),
    Index("attempts_job", "job"),
    sqlite_with_rowid=False,
)

shares = Table(
    "shares",
    metadata,
    Column("attempt", String, primary_key=True),
    Column("job", String, primary_key=True),
    Column("part", Float, nullable=False),
    sqlite_with_rowid=False,
)
"""Who bears what an attempt cost, where that is not its job alone: the parts add up to one."""

displacements = Table(
    "displacements",
    metadata,
    Column("displacement", String, primary_key=True),
    Column("attempt", String, nullable=False),
    Column("job", String, nullable=False),
    Column("unit", String, nullable=False),
    Column("for_job", String, nullable=False),
    Column("worker", String, nullable=False),
    Column("started", UTCDateTime, nullable=False),
    Column("seconds", Float),
    Column("how", String, nullable=False),
    sqlite_with_rowid=False,
)

leases = Table(
    "leases",
    metadata,
    Column("worker", String, primary_key=True),
    Column("session", String, primary_key=True),
    Column("pool", String, nullable=False),
    Column("name", String, nullable=False),
    Column("tier", String, nullable=False),
    Column("price_per_hour", Float, nullable=False),
    Column("threads", Integer, nullable=False),
    Column("startup_seconds", Float),
    Column("joined", UTCDateTime, nullable=False),
    Column("ended", UTCDateTime),
    Column("seconds", Float),
    Column("reason", String),
)

learned = Table(
    "learned",
    metadata,
    Column("kind", String, primary_key=True),
    Column("seconds_per_frame", Float, nullable=False),
    Column("units", BigInteger, nullable=False),
    Column("at", UTCDateTime, nullable=False),
)


def ledger_url(url: str | None = None) -> URL:
    """Where the ledger is: `url`, else ``MEDIADASK_LEDGER``, else a SQLite file in the user's data folder.

    Raises
    ------
    InvalidRequest
        It is not a path, a ``sqlite:`` or a ``postgresql:`` URL.
    """
    given = url or os.environ.get("MEDIADASK_LEDGER") or str(data_folder() / "ledger.sqlite")
    if "://" not in given:
        return URL.create("sqlite", database=str(Path(given).expanduser().absolute()))
    try:
        parsed = make_url(given)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.get_backend_name() not in {"sqlite", "postgresql"} or not parsed.database:
        raise InvalidRequest(
            "not a ledger's URL", where=given.split("@")[-1], do="use a path, sqlite:///… or postgresql://…"
        )
    return parsed.set(drivername="postgresql+psycopg") if parsed.drivername == "postgresql" else parsed


def data_folder() -> Path:
    """Where the default ledger and what could not yet be written to one are kept."""
    return Path(platformdirs.user_data_dir("mediadask"))


def open_database(url: str | None = None) -> Engine:
    """The ledger's database, its tables made on first use. Safe to use from several threads.

    Raises
    ------
    InvalidRequest
        The URL is not one, its driver is missing, or a newer version of mediadask made the tables.
    OutputFailed
        The database cannot be opened.
    """
    where = ledger_url(url)
    shown = where.render_as_string(hide_password=True)
    try:
        engine = _engine(where)
    except ModuleNotFoundError:
        raise InvalidRequest(
            "the PostgreSQL driver is missing", where=shown, do="pip install 'mediadask[postgres]'"
        ) from None
    except NoSuchModuleError as error:
        raise InvalidRequest(str(error), where=shown) from None
    try:
        if where.get_backend_name() == "sqlite":
            _make_private(Path(str(where.database)))
        version = _create_tables(engine)
    except (DBAPIError, OSError) as error:
        engine.dispose()
        reason = str(error.orig if isinstance(error, DBAPIError) else error).strip().splitlines()[0]
        raise OutputFailed(
            f"the ledger does not open: {reason}",
            where=shown,
            do="check the place, or name another in MEDIADASK_LEDGER",
        ) from None
    if version > SCHEMA_VERSION:
        engine.dispose()
        raise InvalidRequest(
            f"the ledger has schema {version}, this version knows {SCHEMA_VERSION}",
            where=shown,
            do="upgrade mediadask",
        )
    return engine


def _make_private(file: Path) -> None:
    # SQLite makes its -wal and -shm with the mode that the file has.
    if file.parent == data_folder():
        private_folder(file.parent)
    file.parent.mkdir(parents=True, exist_ok=True)
    os.close(private(file, os.O_CREAT))


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": _SQLITE_PATIENCE_SECONDS})
        event.listen(engine, "connect", _prepare_sqlite)
        return engine
    # A database gone without a word must be noticed within seconds, not after TCP's quarter of an hour.
    return create_engine(
        url,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": 5,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": 10_000,
        },
    )


def _prepare_sqlite(connection: sqlite3.Connection, record: Any) -> None:
    # WAL: reports read while the pool writes. FULL: a commit survives a power cut, at two commits a second.
    # Of two that switch a new file to WAL at once one is refused without the usual wait for the lock.
    give_up = time.monotonic() + _SQLITE_PATIENCE_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            break
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > give_up:
                raise
            time.sleep(0.02)
    connection.execute("PRAGMA synchronous=FULL")


def _create_tables(engine: Engine) -> int:
    with engine.begin() as connection:
        # Two first users at once must not both create: a lock in PostgreSQL, the write lock in SQLite.
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(7319)"))
        else:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        metadata.create_all(connection)
        version = connection.scalar(select(schema.c.version).order_by(schema.c.version.desc()))
        if version is None:
            connection.execute(insert(schema).values(version=SCHEMA_VERSION))
            return SCHEMA_VERSION
        return int(version)
