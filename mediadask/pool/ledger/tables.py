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
    """A moment in 8 bytes: in SQLite, microseconds since 1970."""

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

schema = Table(
    "mediadask_schema",
    metadata,
    Column("version", Integer, primary_key=True, doc="The version of the tables"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("session", String, primary_key=True, doc="Its id"),
    Column("pool", String, nullable=False, doc="The pool's name"),
    Column("host", String, nullable=False, doc="The machine, for people"),
    Column(
        "place",
        String,
        nullable=False,
        server_default="",
        doc="Which running kernel and folder it wrote from",
    ),
    Column("journal", String, nullable=False, doc="The file that keeps what could not be written"),
    Column("started", UTCDateTime, nullable=False, doc="When it began"),
    Column("beats", BigInteger, nullable=False, doc="A counter that grows while it lives"),
    Column("seconds", Float, nullable=False, doc="How long it has lived"),
    Column("ended", UTCDateTime, doc="When it ended; null while it runs, or if it died"),
)
"""One process that wrote here. `beats` counts while it lives, `seconds` is how long it has. `host` is for
people, `place` says where it ran: see `Place`."""

jobs = Table(
    "jobs",
    metadata,
    Column("job", String, primary_key=True, doc="Its id"),
    Column("pool", String, nullable=False, doc="The pool's name"),
    Column("session", String, nullable=False, doc="The session that runs it"),
    Column("name", String, nullable=False, doc="Its name, for people"),
    Column("show", String, nullable=False, doc="The show that is charged"),
    Column("kind", String, nullable=False, doc="What it does: the delivery's name"),
    Column("priority", String, nullable=False, doc="Its class now"),
    Column(
        "own_priority",
        String,
        nullable=False,
        server_default="",
        doc="Its own class, while a spent budget puts it behind all other",
    ),
    Column("deadline", UTCDateTime, doc="When its results are needed"),
    Column("groups", BigInteger, nullable=False, doc="Groups in the delivery"),
    Column("submitted", UTCDateTime, nullable=False, doc="When it was submitted"),
    Column("payload", LargeBinary, doc="The pickled delivery, until the job has ended"),
    Column("signature", LargeBinary, doc="HMAC-SHA256 of the payload"),
    Column("ended", UTCDateTime, doc="When it ended"),
    Column(
        "status",
        String,
        nullable=False,
        doc="waiting, running, done, failed (some groups failed) or cancelled",
    ),
    Column("seconds", Float, doc="Turnaround: from submission to the last committed result"),
    Column("running_seconds", Float, doc="Seconds of these in which at least one of its units ran"),
    Column("groups_done", BigInteger, doc="Groups that are done"),
    Column("groups_failed", BigInteger, doc="Groups that failed"),
    Column("error", String, doc="The first failure"),
    Index("jobs_submitted", "submitted"),
)
"""All jobs, of all pools that write here."""

reprioritizations = Table(
    "reprioritizations",
    metadata,
    Column("job", String, primary_key=True, doc="The job"),
    Column("at", UTCDateTime, primary_key=True, doc="When it was moved"),
    Column("priority", String, nullable=False, doc="The class from then on"),
    Column("deadline", UTCDateTime, doc="The deadline from then on"),
    Column("reason", String, nullable=False, doc="Why: by request, or by a budget"),
)
"""Each change of a job's class or deadline."""

names = Table(
    "names",
    metadata,
    Column("id", Integer, primary_key=True, doc="The number"),
    Column("name", String, nullable=False, unique=True, doc="The name it stands for"),
)
"""Jobs, workers and kinds of units, by the number that stands for each in packed rows."""

# In the order of its key in SQLite: an attempt stands with those of its job, and needs no second index.
packed_attempts = Table(
    "packed_attempts",
    metadata,
    Column("job", Integer, primary_key=True, autoincrement=False, doc="Number of the job's id"),
    Column("attempt", String, primary_key=True, doc="Its id"),
    Column("unit", String, nullable=False, doc="The unit's key"),
    Column("kind", Integer, nullable=False, doc="Number of the unit's kind"),
    Column("frames", BigInteger, nullable=False, doc="Frames that the unit handles"),
    Column("worker", Integer, nullable=False, doc="Number of the worker's id"),
    Column("number", Integer, nullable=False, doc="1 for the first try; more is a retry"),
    Column("started", PackedDateTime, doc="When it began to run"),
    Column("ended", PackedDateTime, doc="When it ended"),
    Column("outcome", String, doc="done, failed, lost, rescheduled, replaced or cancelled"),
    Column("run_seconds", Float, doc="Seconds it ran, pauses left out"),
    Column("paused_seconds", Float, doc="Seconds it was paused for higher classes"),
    Column("error", String, doc="Why it failed"),
    sqlite_with_rowid=False,
)
"""Attempts, with numbers of `names` in the place of words. Read the view `attempts`."""
_still_open = packed_attempts.c.ended.is_(None)
Index("attempts_open", packed_attempts.c.worker, sqlite_where=_still_open, postgresql_where=_still_open)

shares = Table(
    "shares",
    metadata,
    Column(
        "owner", Integer, primary_key=True, autoincrement=False, doc="Number of the job that ran the attempt"
    ),
    Column("attempt", String, primary_key=True, doc="The attempt"),
    Column("job", Integer, primary_key=True, autoincrement=False, doc="Number of the job that bears a part"),
    Column("part", Float, nullable=False, doc="Its part, 0 to 1"),
    sqlite_with_rowid=False,
)
"""Who bears what an attempt of the job `owner` cost, where that is not it alone: the parts add up to one."""

sums = Table(
    "sums",
    metadata,
    Column("job", Integer, primary_key=True, autoincrement=False, doc="Number of the job's id"),
    Column("worker", Integer, primary_key=True, autoincrement=False, doc="Number of the worker's id"),
    Column("outcome", String, primary_key=True, doc="How the attempts ended"),
    Column("attempts", BigInteger, nullable=False, doc="How many there were"),
    Column("run_seconds", Float, nullable=False, doc="Seconds they ran"),
    Column("paused_seconds", Float, nullable=False, doc="Seconds they were paused"),
    Column("started", PackedDateTime, nullable=False, doc="The first beginning"),
    Column("ended", PackedDateTime, nullable=False, doc="The last end"),
    sqlite_with_rowid=False,
)
"""What is left of attempts that were pruned, shares applied: from the first beginning to the last end."""

NAMED = {packed_attempts: ("job", "kind", "worker"), shares: ("owner", "job")}
"""The columns of tables that hold numbers of `names`."""

displacements = Table(
    "displacements",
    metadata,
    Column("displacement", String, primary_key=True, doc="Its id"),
    Column("attempt", String, nullable=False, doc="The attempt that paused"),
    Column("job", String, nullable=False, doc="The job that paused"),
    Column("unit", String, nullable=False, doc="The key of the unit that paused"),
    Column("for_job", String, nullable=False, doc="The job it paused for"),
    Column("worker", String, nullable=False, doc="The worker's id"),
    Column("started", UTCDateTime, nullable=False, doc="When it paused"),
    Column("seconds", Float, doc="How long; null while it lasts"),
    Column("how", String, nullable=False, doc="How it ended: resumed, rescheduled, lost or cancelled"),
    Column("times", Integer, nullable=False, server_default="1", doc="How many displacements this row holds"),
    sqlite_with_rowid=False,
)
"""Each pause of a unit for a higher class. `times` is more than 1 where the displacements of a job by another
were pruned to their sum."""

leases = Table(
    "leases",
    metadata,
    Column("worker", String, primary_key=True, doc="The worker's id, which no other ever has"),
    Column("session", String, primary_key=True, doc="The session that had it"),
    Column("pool", String, nullable=False, doc="The pool's name"),
    Column("name", String, nullable=False, doc="The worker's name"),
    Column("tier", String, nullable=False, doc="Its tier"),
    Column("price_per_hour", Float, nullable=False, doc="Its price, in the pool's currency"),
    Column("threads", Integer, nullable=False, doc="Its threads"),
    Column("startup_seconds", Float, doc="From the request to its arrival"),
    Column("joined", UTCDateTime, nullable=False, doc="When it arrived"),
    Column("ended", UTCDateTime, doc="When it left"),
    Column("seconds", Float, doc="How long it was there"),
    Column("reason", String, doc="Why it left: idle, reclaimed, died or pool closed"),
)
"""Each worker, from its arrival to its end: what idle time and prices are counted by."""

learned = Table(
    "learned",
    metadata,
    Column("kind", String, primary_key=True, doc="The kind of unit"),
    Column("seconds_per_frame", Float, nullable=False, doc="Median seconds per frame on one thread"),
    Column("units", BigInteger, nullable=False, doc="How many units were measured"),
    Column("at", UTCDateTime, nullable=False, doc="When it was last learned"),
)
"""What units take, by kind: how the pool predicts the length of work."""

attempts = Table(
    "attempts",
    MetaData(),  # a view: not among the tables that are created
    Column("attempt", String, primary_key=True, doc="Its id"),
    Column("job", String, nullable=False, doc="The job's id"),
    Column("unit", String, nullable=False, doc="The unit's key"),
    Column("kind", String, nullable=False, doc="The unit's kind"),
    Column("frames", BigInteger, nullable=False, doc="Frames that the unit handles"),
    Column("worker", String, nullable=False, doc="The worker's id, which no other ever has"),
    Column("number", Integer, nullable=False, doc="1 for the first try; more is a retry"),
    Column("started", UTCDateTime, doc="When it began to run"),
    Column("ended", UTCDateTime, doc="When it ended"),
    Column("outcome", String, doc="done, failed, lost, rescheduled, replaced or cancelled"),
    Column("run_seconds", Float, doc="Seconds it ran, pauses left out"),
    Column("paused_seconds", Float, doc="Seconds it was paused for higher classes"),
    Column("error", String, doc="Why it failed"),
)
"""A view of `packed_attempts` in words: each run of a unit on a slot."""


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
