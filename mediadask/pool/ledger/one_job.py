"""What the ledger tells of one job: its attempts by how they ended, its failures, its cost."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, or_, select

from mediadask.errors import InvalidRequest
from mediadask.pool.ledger.tables import attempts, displacements, jobs

if TYPE_CHECKING:
    from sqlalchemy import Engine

__all__ = ["FAILURES", "attempts_by_outcome", "failures", "find_job", "paused_seconds"]

FAILURES = ("failed", "lost", "replaced")
"""The outcomes of attempts that went wrong."""

_SHORTEST_PART = 6
_NEAR_NAMES = 1000


def find_job(engine: Engine, named: str) -> str:
    """Return the id of the latest job with this name or id, or whose id begins or ends so.

    Raises
    ------
    InvalidRequest
        The ledger knows none, or several ids begin or end so.
    """
    latest = jobs.c.submitted.desc()
    with engine.connect() as connection:
        exact = or_(jobs.c.job == named, jobs.c.name == named)
        if (found := connection.scalar(select(jobs.c.job).where(exact).order_by(latest))) is not None:
            return str(found)
        if len(named) >= _SHORTEST_PART:
            part = or_(
                jobs.c.job.startswith(named, autoescape=True), jobs.c.job.endswith(named, autoescape=True)
            )
            ids = connection.scalars(select(jobs.c.job).where(part).limit(2)).all()
            if len(ids) == 1:
                return str(ids[0])
            if ids:
                raise InvalidRequest("several jobs have such an id", where=named, do="write more of it")
        known = connection.scalars(select(jobs.c.name).order_by(latest).limit(_NEAR_NAMES)).all()
    near = get_close_matches(named, dict.fromkeys(known), n=1)
    do = f"did you mean {near[0]}?" if near else "`mediadask jobs` lists those it knows"
    raise InvalidRequest("the ledger knows no such job", where=named, do=do)


def attempts_by_outcome(engine: Engine, job: str) -> dict[str, int]:
    """Return how many attempts of a job's units ended how; those that run are counted under ``running``."""
    query = (
        select(func.coalesce(attempts.c.outcome, "running"), func.count())
        .where(attempts.c.job == job)
        .group_by(attempts.c.outcome)
    )
    with engine.connect() as connection:
        return {str(outcome): int(number) for outcome, number in connection.execute(query)}


def failures(engine: Engine, job: str, most: int = 20) -> list[dict[str, Any]]:
    """Return what went wrong in a job's attempts, each error once, the most frequent first.

    Each has error (one line), outcome, attempts, units (how many of them it met), unit (the first one's
    key), and last (when it was seen last).
    """
    count = func.count()
    query = (
        select(
            func.coalesce(attempts.c.error, "").label("error"),
            attempts.c.outcome,
            count.label("attempts"),
            func.count(attempts.c.unit.distinct()).label("units"),
            func.min(attempts.c.unit).label("unit"),
            func.max(attempts.c.ended).label("last"),
        )
        .where(attempts.c.job == job, attempts.c.outcome.in_(FAILURES))
        .group_by(attempts.c.error, attempts.c.outcome)
        .order_by(count.desc())
        .limit(most)
    )
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def paused_seconds(engine: Engine, job: str) -> float:
    """Return for how long units of a job were paused for more urgent ones, added up."""
    query = select(func.sum(displacements.c.seconds)).where(displacements.c.job == job)
    with engine.connect() as connection:
        return float(connection.scalar(query) or 0.0)
