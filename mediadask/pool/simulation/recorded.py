"""Jobs as a ledger recorded them, to be simulated again with other settings."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import select

from mediadask.pool.ledger.tables import attempts, jobs, names, shares
from mediadask.pool.simulation.model import GroupModel, JobModel, UnitModel

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Engine

__all__ = ["jobs_from_ledger"]


def jobs_from_ledger(
    engine: Engine, *, since: datetime | None = None, until: datetime | None = None
) -> tuple[JobModel, ...]:
    """The jobs that were submitted between two moments, as a simulation takes them.

    A job's units are the attempts on it that returned or failed, each with the seconds that it ran. The
    ledger does not say which units made one output, so each stands for itself, in the order in which they
    ended. A unit that several jobs shared is shared again. The first job is submitted at second 0.

    Parameters
    ----------
    since, until
        By default all jobs of the ledger.
    """
    chosen = select(jobs).order_by(jobs.c.submitted, jobs.c.job)
    if since is not None:
        chosen = chosen.where(jobs.c.submitted >= since)
    if until is not None:
        chosen = chosen.where(jobs.c.submitted < until)
    ran = (
        select(attempts.c.attempt, attempts.c.job, attempts.c.kind, attempts.c.frames, attempts.c.run_seconds)
        .where(attempts.c.outcome.in_(["done", "failed"]))
        .order_by(attempts.c.ended, attempts.c.attempt)
    )
    with engine.connect() as connection:
        recorded = list(connection.execute(chosen))
        units: dict[str, list[UnitModel]] = defaultdict(list)
        shared: dict[str, list[str]] = defaultdict(list)
        sharing = select(shares.c.attempt, names.c.name).join(names, names.c.id == shares.c.job)
        for share in connection.execute(sharing):
            shared[share.attempt].append(share.name)
        wanted = {job.job for job in recorded}
        for each in connection.execute(ran):
            unit = UnitModel(each.attempt, each.run_seconds or 0.0, each.kind, each.frames)
            for job in wanted.intersection((each.job, *shared[each.attempt])):
                units[job].append(unit)
    if not recorded:
        return ()
    first = recorded[0].submitted
    return tuple(
        JobModel(
            id=job.job,
            at=(job.submitted - first).total_seconds(),
            name=job.name,
            show=job.show,
            priority=job.priority,
            deadline_seconds=None if job.deadline is None else (job.deadline - job.submitted).total_seconds(),
            kind=job.kind,
            groups=tuple(GroupModel((unit,)) for unit in units[job.job]),
        )
        for job in recorded
    )
