"""Bring the tables of an older mediadask up to date, in one transaction, in SQLite and PostgreSQL.

Each step takes one version's tables to the next version's. A step is frozen once it is released: it names
tables and columns as they were then, in SQL of its own, because `tables` goes on changing. Alembic would
bring a folder of scripts, a configuration and a table of its own for what is a list here; and a ledger is
opened by a library in somebody's process, without a command that an administrator runs before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import inspect, select, text

from mediadask.errors import InvalidRequest
from mediadask.pool.ledger.journal import Journal
from mediadask.pool.ledger.tables import SCHEMA_VERSION, attempts, create_views, metadata, schema, sessions

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

__all__ = ["migrate"]


def migrate(connection: Connection) -> None:
    """Make the tables, or change those of an older version. Nobody else may do so meanwhile.

    Raises
    ------
    InvalidRequest
        A newer version made them, or a pool of an older version is still writing to them.
    """
    version = _version(connection)
    where = connection.engine.url.render_as_string(hide_password=True)
    there = {*inspect(connection).get_table_names(), *inspect(connection).get_view_names()}
    if version == SCHEMA_VERSION and there >= {*metadata.tables, attempts.name}:
        return
    if version in (None, SCHEMA_VERSION):  # none yet, or somebody dropped some
        metadata.create_all(connection)
    elif version > SCHEMA_VERSION:
        raise InvalidRequest(
            f"the ledger has schema {version}, this version knows {SCHEMA_VERSION}",
            where=where,
            do="upgrade mediadask",
        )
    else:
        if _is_written(connection):
            raise InvalidRequest(
                "a pool of an older mediadask still writes to this ledger",
                where=where,
                do="end it with `mediadask pool down`, then try again",
            )
        for step in _STEPS[version - 1 :]:
            step(connection)
    connection.exec_driver_sql("DROP VIEW IF EXISTS attempts")
    create_views(connection)
    connection.execute(schema.delete())
    connection.execute(schema.insert().values(version=SCHEMA_VERSION))


def _version(connection: Connection) -> int | None:
    if not inspect(connection).has_table(schema.name):
        return None
    version: int | None = connection.scalar(select(schema.c.version).order_by(schema.c.version.desc()))
    return version


def _is_written(connection: Connection) -> bool:
    """Whether a pool on this machine lives. One elsewhere will see its records refused."""
    living = connection.execute(select(sessions.c.journal, sessions.c.host).where(sessions.c.ended.is_(None)))
    return any(Journal.is_held(each.journal, each.host, "") for each in living)


def _pack_attempts(connection: Connection) -> None:
    """1 to 2: attempts are packed; payloads are signed; sessions say where they ran; sums of what is pruned.

    Version 1 came in three forms: `jobs` with and without `groups_skipped`, and without `shares`.
    """
    is_postgres = connection.dialect.name == "postgresql"
    moment = "TIMESTAMP WITH TIME ZONE" if is_postgres else "BIGINT"
    number = "SERIAL" if is_postgres else "INTEGER"
    blob = "BYTEA" if is_postgres else "BLOB"
    clustered = "" if is_postgres else "WITHOUT ROWID"

    def packed(column: str) -> str:
        if is_postgres:
            return f"a.{column}"
        # SQLAlchemy wrote 2026-05-01 12:00:00.000000.
        return f"strftime('%s', a.{column}) * 1000000 + CAST(substr(a.{column}, 21, 6) AS INTEGER)"

    had = inspect(connection)
    has_shares = had.has_table("shares")
    if "groups_skipped" in {column["name"] for column in had.get_columns("jobs")}:
        _run(connection, "ALTER TABLE jobs DROP COLUMN groups_skipped")
    _run(
        connection,
        f"ALTER TABLE jobs ADD COLUMN signature {blob}",
        "ALTER TABLE sessions ADD COLUMN place VARCHAR DEFAULT '' NOT NULL",
        "ALTER TABLE displacements ADD COLUMN times INTEGER DEFAULT '1' NOT NULL",
        f"CREATE TABLE names (id {number} NOT NULL PRIMARY KEY, name VARCHAR NOT NULL UNIQUE)",
        "INSERT INTO names (name) SELECT job FROM jobs UNION SELECT job FROM attempts"
        " UNION SELECT worker FROM attempts UNION SELECT kind FROM attempts",
        f"""
        CREATE TABLE packed_attempts (
            job INTEGER NOT NULL, attempt VARCHAR NOT NULL, unit VARCHAR NOT NULL, kind INTEGER NOT NULL,
            frames BIGINT NOT NULL, worker INTEGER NOT NULL, number INTEGER NOT NULL, started {moment},
            ended {moment}, outcome VARCHAR, run_seconds FLOAT, paused_seconds FLOAT, error VARCHAR,
            PRIMARY KEY (job, attempt)
        ) {clustered}""",
        f"""
        INSERT INTO packed_attempts
        SELECT j.id, a.attempt, a.unit, k.id, a.frames, w.id, a.number, {packed("started")},
            {packed("ended")}, a.outcome, a.run_seconds, a.paused_seconds, a.error
        FROM attempts a JOIN names j ON j.name = a.job JOIN names k ON k.name = a.kind
            JOIN names w ON w.name = a.worker
        ORDER BY 1, 2""",
        "CREATE INDEX attempts_open ON packed_attempts (worker) WHERE ended IS NULL",
    )
    if has_shares:
        _run(
            connection,
            "INSERT INTO names (name) SELECT DISTINCT job FROM shares s"
            " WHERE NOT EXISTS (SELECT 1 FROM names n WHERE n.name = s.job)",
            "ALTER TABLE shares RENAME TO old_shares",
        )
    _run(
        connection,
        f"""
        CREATE TABLE shares (
            owner INTEGER NOT NULL, attempt VARCHAR NOT NULL, job INTEGER NOT NULL, part FLOAT NOT NULL,
            PRIMARY KEY (owner, attempt, job)
        ) {clustered}""",
    )
    if has_shares:
        _run(
            connection,
            """
            INSERT INTO shares SELECT o.id, s.attempt, j.id, s.part
            FROM old_shares s JOIN attempts a ON a.attempt = s.attempt
                JOIN names o ON o.name = a.job JOIN names j ON j.name = s.job""",
            "DROP TABLE old_shares",
        )
    _run(
        connection,
        f"""
        CREATE TABLE sums (
            job INTEGER NOT NULL, worker INTEGER NOT NULL, outcome VARCHAR NOT NULL, attempts BIGINT NOT NULL,
            run_seconds FLOAT NOT NULL, paused_seconds FLOAT NOT NULL, started {moment} NOT NULL,
            ended {moment} NOT NULL, PRIMARY KEY (job, worker, outcome)
        ) {clustered}""",
        "DROP TABLE attempts",
    )


def _keep_own_priorities(connection: Connection) -> None:
    """2 to 3: the class of a job that its show's budget has put behind all others."""
    _run(connection, "ALTER TABLE jobs ADD COLUMN own_priority VARCHAR DEFAULT '' NOT NULL")


def _run(connection: Connection, *statements: str) -> None:
    for statement in statements:
        connection.execute(text(statement))


_STEPS: tuple[Callable[[Connection], None], ...] = (_pack_attempts, _keep_own_priorities)
