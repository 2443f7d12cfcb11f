"""Whether a ledger is sound, and a copy of it in one file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import exists, func, insert, or_, select
from sqlalchemy.exc import DBAPIError

from mediadask.errors import InvalidRequest, OutputFailed
from mediadask.pool.ledger import sqlite_file
from mediadask.pool.ledger.journal import waiting
from mediadask.pool.ledger.signing import Key
from mediadask.pool.ledger.tables import (
    data_folder,
    jobs,
    leases,
    metadata,
    names,
    open_database,
    packed_attempts,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

__all__ = ["Finding", "back_up", "check"]

_BATCH = 5_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    check: str
    is_sound: bool
    found: str
    do: str = ""


def check(engine: Engine) -> Iterator[Finding]:
    """Look at the file, what the rows say, what a later pool would take up, and what waits to be written."""
    yield from _file(engine)
    a = packed_attempts.c
    counts = {
        "jobs": select(func.count()).select_from(jobs),
        "units": select(func.count()).select_from(packed_attempts),
        "negative": select(func.count()).where(or_(a.run_seconds < 0, a.paused_seconds < 0)),
        "leases": select(func.count()).where(leases.c.seconds < 0),
        "nameless": select(func.count())
        .select_from(packed_attempts)
        .where(~exists().where(jobs.c.job == names.c.name, names.c.id == a.job)),
    }
    unfinished = select(jobs.c.job, jobs.c.name, jobs.c.payload, jobs.c.signature)
    try:
        with engine.connect() as connection:
            found = {name: connection.scalar(query) or 0 for name, query in counts.items()}
            left = connection.execute(unfinished.where(jobs.c.status == "running")).all()
    except DBAPIError as error:
        yield Finding("rows", False, " ".join(str(error.orig).split()), "put a backup in its place")
        return
    what = f"{found['jobs']} jobs, {found['units']} units"
    yield Finding("rows", not found["nameless"], f"{what}, {found['nameless']} of jobs that are not there")
    wrong = found["negative"] + found["leases"]
    yield Finding("figures", not wrong, f"{wrong} durations below zero")
    key = Key(data_folder())
    unsigned = [job for job in left if not key.has_signed(job.job, job.payload or b"", job.signature)]
    yield Finding(
        "unfinished jobs",
        not unsigned,
        f"{len(left)}; the key {key.path} has not signed {len(unsigned)} of them"
        + "".join(f": {job.name}" for job in unsigned[:1]),
        "submit those again, or name their pool's key in MEDIADASK_LEDGER_KEY" if unsigned else "",
    )
    journals = waiting(data_folder() / "journals", str(engine.url))
    yield Finding(
        "journals",
        True,
        f"{len(journals)} with records that wait to be written",
        "the next pool that opens this ledger writes them" if journals else "",
    )


def _file(engine: Engine) -> Iterator[Finding]:
    if engine.dialect.name != "sqlite":
        return
    path = Path(str(engine.url.database))
    try:
        with closing(sqlite_file.connector(path)()) as connection:
            (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        found = str(error)
    is_sound = found == "ok"
    yield Finding("file", is_sound, found, "" if is_sound else "put a backup in its place")
    mode = path.stat().st_mode & 0o777
    is_private = not mode & 0o077
    do = "" if is_private else f"chmod 600 {path}"
    yield Finding("permissions", is_private, f"{mode:o}", do)


def back_up(engine: Engine, path: Path) -> None:
    """Write all that is committed to a new file: a ledger in SQLite, whatever this one is in.

    A pool may go on writing meanwhile. Put the file in a ledger's place, or name it in ``MEDIADASK_LEDGER``.

    Raises
    ------
    InvalidRequest
        There is such a file already.
    OutputFailed
        It cannot be written, or the ledger is damaged.
    """
    if path.exists():
        raise InvalidRequest("there is such a file already", where=path, do="name another")
    try:
        if engine.dialect.name == "sqlite":
            with closing(sqlite_file.connector(Path(str(engine.url.database)))()) as source:
                sqlite_file.copy(source, path)
        else:
            _copy_rows(engine, path)
        damage = sqlite_file.damage_of(path)
    except (OSError, sqlite3.Error, DBAPIError) as error:
        path.unlink(missing_ok=True)
        raise OutputFailed(f"the backup cannot be written: {error}", where=path) from None
    if damage:
        path.unlink()
        raise OutputFailed(
            f"the ledger is damaged: {damage}", where=engine.url.database, do="see ledger check"
        )


def _copy_rows(engine: Engine, path: Path) -> None:
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    target = open_database(str(part))
    try:
        with engine.connect() as source, target.begin() as written:
            source = source.execution_options(isolation_level="REPEATABLE READ", stream_results=True)
            for table in metadata.sorted_tables:
                if table.name == "mediadask_schema":
                    continue
                for rows in source.execute(select(table)).mappings().partitions(_BATCH):
                    written.execute(insert(table), [dict(row) for row in rows])
        target.dispose()
        with closing(sqlite3.connect(part)) as whole:
            sqlite_file.copy(whole, path)
    finally:
        target.dispose()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{part}{suffix}").unlink(missing_ok=True)
