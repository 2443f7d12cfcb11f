"""Old jobs lose their units: attempts become sums by job, worker and outcome, and costs stay as they were."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import case, delete, exists, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError

from mediadask.pool.history import utc_now
from mediadask.pool.ledger.tables import displacements, jobs, names, packed_attempts, shares, sums

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Engine, Select

__all__ = ["Pruned", "Pruning", "give_back_space", "prune"]

_JOBS_AT_ONCE = 50
_PAUSE_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Pruned:
    """What became sums."""

    jobs: int
    attempts: int


class Pruning:
    """Prunes while a pool runs: a few jobs at each call, and once an hour all that has become old."""

    def __init__(self, engine: Engine, keep_seconds: float) -> None:
        self._engine, self._keep_seconds = engine, keep_seconds
        self._next = 0.0

    def go_on(self) -> None:
        """Prune some, if it is time."""
        if time.monotonic() < self._next:
            return
        before = utc_now() - timedelta(seconds=self._keep_seconds)
        if not _prune_some(self._engine, before).jobs:
            self._next = time.monotonic() + _PAUSE_SECONDS


def prune(engine: Engine, before: datetime) -> Pruned:
    """Sum up the units of jobs that ended before then.

    Turnaround, costs and who paused for whom tell the same as before; costs between two moments count a
    pruned job by how much of its time lies between them. Who ran when is known of it no more. Jobs are pruned
    some at a time, so that a pool writes in between; the space is used again for what comes.
    """
    total_jobs = total_attempts = 0
    while (some := _prune_some(engine, before)).jobs:
        total_jobs += some.jobs
        total_attempts += some.attempts
    return Pruned(total_jobs, total_attempts)


def give_back_space(engine: Engine) -> None:
    """Have SQLite shrink its file to what it holds, if nobody writes now; PostgreSQL does so by itself."""
    if engine.dialect.name != "sqlite":
        return
    alone = engine.execution_options(isolation_level="AUTOCOMMIT")
    with suppress(OperationalError), alone.connect() as connection:  # what is free is used again
        connection.exec_driver_sql("VACUUM")


def _prune_some(engine: Engine, before: datetime) -> Pruned:
    a = packed_attempts.c
    has_units = exists().where(a.job == names.c.id, a.ended.is_not(None))
    query = (
        select(names.c.id, jobs.c.job)
        .join(jobs, jobs.c.job == names.c.name)
        .where(jobs.c.ended < before, has_units)
        .limit(_JOBS_AT_ONCE)
    )
    with engine.begin() as connection:
        old = connection.execute(query).all()
        if not old:
            return Pruned(0, 0)
        numbers = [number for number, _ in old]
        ended = a.job.in_(numbers) & a.ended.is_not(None)
        is_shared = exists().where(shares.c.owner == a.job, shares.c.attempt == a.attempt)
        own = select(*_summed(a.job, func.count(), 1.0)).where(ended, ~is_shared).group_by(*_key(a.job))
        _add(connection, own)
        is_own = case((shares.c.job == shares.c.owner, 1), else_=0)
        borne = (
            select(*_summed(shares.c.job, func.sum(is_own), shares.c.part))
            .join(packed_attempts, (a.job == shares.c.owner) & (a.attempt == shares.c.attempt))
            .where(ended)
            .group_by(*_key(shares.c.job))
        )
        _add(connection, borne)
        gone = select(a.attempt).where(a.job == shares.c.owner, a.attempt == shares.c.attempt, ended)
        connection.execute(delete(shares).where(shares.c.owner.in_(numbers), exists(gone)))
        attempts = connection.execute(delete(packed_attempts).where(ended)).rowcount
        _sum_displacements(connection, [job for _, job in old])
    return Pruned(len(old), attempts)


def _key(job: Any) -> tuple[Any, ...]:
    return job, packed_attempts.c.worker, packed_attempts.c.outcome


def _summed(job: Any, attempts: Any, part: Any) -> tuple[Any, ...]:
    a = packed_attempts.c
    return (
        *_key(job),
        attempts,
        func.sum(func.coalesce(a.run_seconds, 0.0) * part),
        func.sum(func.coalesce(a.paused_seconds, 0.0) * part),
        func.min(func.coalesce(a.started, a.ended)),
        func.max(a.ended),
    )


def _add(connection: Connection, rows: Select[Any]) -> None:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    adding = dialect.insert(sums).from_select([column.name for column in sums.columns], rows)
    new = adding.excluded
    is_first, is_last = new.started < sums.c.started, new.ended > sums.c.ended
    together = {
        "attempts": sums.c.attempts + new.attempts,
        "run_seconds": sums.c.run_seconds + new.run_seconds,
        "paused_seconds": sums.c.paused_seconds + new.paused_seconds,
        "started": case((is_first, new.started), else_=sums.c.started),
        "ended": case((is_last, new.ended), else_=sums.c.ended),
    }
    keys = [column.name for column in sums.primary_key]
    connection.execute(adding.on_conflict_do_update(index_elements=keys, set_=together))


def _sum_displacements(connection: Connection, old: Sequence[str]) -> None:
    d = displacements.c
    rows = connection.execute(
        select(
            d.job, d.for_job, func.min(d.started).label("started"), func.sum(d.seconds).label("seconds"),
            func.sum(d.times).label("times"),
        ).where(d.job.in_(old)).group_by(d.job, d.for_job)
    ).mappings().all()  # fmt: skip
    connection.execute(delete(displacements).where(d.job.in_(old)))
    if rows:
        nothing = {"attempt": "", "unit": "", "worker": "", "how": ""}
        values = [{**row, **nothing, "displacement": f"{row['job']} {row['for_job']}"} for row in rows]
        connection.execute(insert(displacements), values)
