"""The ledger's tables, and how its database is found and opened.

One row a job, an attempt, a displacement, a lease. Times are UTC; durations were measured, not subtracted.

There are millions of attempts, so their rows are packed: what repeats is a number of the table `names`. Read
them through the view `attempts`, which has everything in words; write them through `packed_attempts`.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import platformdirs
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
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
)
from sqlalchemy.engine import URL, Dialect, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.types import TypeDecorator

from mediadask.errors import InvalidRequest, OutputFailed
from mediadask.pool.ledger import sqlite_file

__all__ = [
    "NAMED",
    "SCHEMA_VERSION",
    "attempts",
    "create_views",
    "data_folder",
    "displacements",
    "jobs",
    "learned",
    "leases",
    "ledger_url",
    "metadata",
    "names",
    "open_database",
    "packed_attempts",
    "prepare_tables",
    "reprioritizations",
    "schema",
    "sessions",
    "shares",
    "sums",
]

SCHEMA_VERSION = 3
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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


class PackedDateTime(TypeDecorator[datetime]):
    """The same in 8 bytes: in SQLite microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """What the database knows: PostgreSQL's ``timestamptz`` has 8 bytes."""
        kind = DateTime(timezone=True) if dialect.name == "postgresql" else BigInteger()
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """To UTC."""
        if value is None or dialect.name == "postgresql":
            return value
        return (value.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Aware again."""
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        return _EPOCH + timedelta(microseconds=value)


metadata = MetaData()

schema = Table("mediadask_schema", metadata, Column("version", Integer, primary_key=True))

sessions = Table(
    "sessions",
    metadata,
    Column("session", String, primary_key=True),
    Column("pool", String, nullable=False),
    Column("host", String, nullable=False),
    Column("place", String, nullable=False, server_default=""),
    Column("journal", String, nullable=False),
    Column("started", UTCDateTime, nullable=False),
    Column("beats", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("ended", UTCDateTime),
)
"""One process that wrote here. `beats` counts while it lives, `seconds` is how long it has. `host` is for
people, `place` says where it ran: see `Place`."""

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
    Column("own_priority", String, nullable=False, server_default=""),
    Column("deadline", UTCDateTime),
    Column("groups", BigInteger, nullable=False),
    Column("submitted", UTCDateTime, nullable=False),
    Column("payload", LargeBinary),
    Column("signature", LargeBinary),
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

names = Table(
    "names",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
)
"""Jobs, workers and kinds of units, by the number that stands for each in packed rows."""

# In the order of its key in SQLite: an attempt stands with those of its job, and needs no second index.
packed_attempts = Table(
    "packed_attempts",
    metadata,
    Column("job", Integer, primary_key=True, autoincrement=False),
    Column("attempt", String, primary_key=True),
    Column("unit", String, nullable=False),
    Column("kind", Integer, nullable=False),
    Column("frames", BigInteger, nullable=False),
    Column("worker", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("started", PackedDateTime),
    Column("ended", PackedDateTime),
    Column("outcome", String),
    Column("run_seconds", Float),
    Column("paused_seconds", Float),
    Column("error", String),
    sqlite_with_rowid=False,
)
_still_open = packed_attempts.c.ended.is_(None)
Index("attempts_open", packed_attempts.c.worker, sqlite_where=_still_open, postgresql_where=_still_open)

shares = Table(
    "shares",
    metadata,
    Column("owner", Integer, primary_key=True, autoincrement=False),
    Column("attempt", String, primary_key=True),
    Column("job", Integer, primary_key=True, autoincrement=False),
    Column("part", Float, nullable=False),
    sqlite_with_rowid=False,
)
"""Who bears what an attempt of the job `owner` cost, where that is not it alone: the parts add up to one."""

sums = Table(
    "sums",
    metadata,
    Column("job", Integer, primary_key=True, autoincrement=False),
    Column("worker", Integer, primary_key=True, autoincrement=False),
    Column("outcome", String, primary_key=True),
    Column("attempts", BigInteger, nullable=False),
    Column("run_seconds", Float, nullable=False),
    Column("paused_seconds", Float, nullable=False),
    Column("started", PackedDateTime, nullable=False),
    Column("ended", PackedDateTime, nullable=False),
    sqlite_with_rowid=False,
)
"""What is left of attempts that were pruned, shares applied: from the first beginning to the last end."""

NAMED = {packed_attempts: ("job", "kind", "worker"), shares: ("owner", "job")}
"""The columns of tables that hold numbers of `names`."""

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
    Column("times", Integer, nullable=False, server_default="1"),
    sqlite_with_rowid=False,
)
"""`times` is more than 1 where the displacements of a job by another were pruned to their sum."""

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

attempts = Table(
    "attempts",
    MetaData(),  # a view: not among the tables that are created
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
)
"""`packed_attempts` in words."""


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
    """Where the default ledger, its key and what could not yet be written to a ledger are kept."""
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
        prepare_tables(engine)
    except (DBAPIError, OSError) as error:
        engine.dispose()
        if isinstance(error, DBAPIError) and sqlite_file.is_damage(error):
            raise sqlite_file.refusal(Path(str(where.database)), str(error.orig)) from None
        reason = str(error.orig if isinstance(error, DBAPIError) else error).strip().splitlines()[0]
        raise OutputFailed(
            f"the ledger does not open: {reason}",
            where=shown,
            do="check the place, or name another in MEDIADASK_LEDGER",
        ) from None
    except BaseException:
        engine.dispose()
        raise
    return engine


def prepare_tables(engine: Engine) -> None:
    """Make the tables where there are none, and bring older ones up to date.

    Raises
    ------
    InvalidRequest
        A newer version of mediadask made them.
    """
    from mediadask.pool.ledger.migrations import migrate  # which needs the tables

    if engine.dialect.name == "sqlite":
        sqlite_file.make(Path(str(engine.url.database)), data_folder())
    with engine.begin() as connection:
        # Two first users at once must not both create: a lock in PostgreSQL, the write lock in SQLite.
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7319)")
        else:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        migrate(connection)


def create_views(connection: Connection) -> None:
    """Make the view `attempts`."""

    def moment(column: str) -> str:
        if connection.dialect.name == "postgresql":
            return f"p.{column}"
        seconds = f"strftime('%Y-%m-%d %H:%M:%S', p.{column} / 1000000, 'unixepoch')"
        return f"{seconds} || printf('.%06d', p.{column} % 1000000)"

    connection.exec_driver_sql(f"""
        CREATE VIEW attempts AS
        SELECT p.attempt, j.name AS job, p.unit, k.name AS kind, p.frames, w.name AS worker, p.number,
            {moment("started")} AS started, {moment("ended")} AS ended, p.outcome,
            p.run_seconds, p.paused_seconds, p.error
        FROM packed_attempts p
        JOIN names j ON j.id = p.job JOIN names k ON k.id = p.kind JOIN names w ON w.id = p.worker
    """)


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        return create_engine(url, creator=sqlite_file.connector(Path(str(url.database))))
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
