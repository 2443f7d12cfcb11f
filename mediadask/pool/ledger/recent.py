"""What happened lately, for a page that people keep open: slots by show and class, and failures.

What is read is bounded by the time that it covers, however many units a job has: short attempts are summed
by the database, and only those that last longer than a step are looked at one by one.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Float, Integer, cast, func, or_, select, type_coerce

from mediadask.pool.ledger.one_job import FAILURES
from mediadask.pool.ledger.tables import displacements, jobs, leases, names, packed_attempts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement, Connection, Engine

__all__ = ["SlotHistory", "recent_failures", "slot_history"]

_LONGEST = timedelta(hours=6)
"""An attempt that began earlier is not looked for."""

_MOST_ROWS = 20_000


@dataclass(frozen=True)
class SlotHistory:
    """How slots were used, step by step: averages over each step, the oldest first."""

    until: datetime
    step_seconds: float
    ran: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    """Slots that ran units, by class and show."""

    paused: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    """Units that were paused for more urgent ones, by class and show."""

    there: list[float] = field(default_factory=list)
    """Threads of all workers."""

    @property
    def steps(self) -> int:
        """How many steps there are."""
        return len(self.there)


def slot_history(
    engine: Engine, until: datetime, *, steps: int = 60, step_seconds: float = 60.0
) -> SlotHistory:
    """Return how slots were used in so many steps of so many seconds until now.

    An attempt shorter than a step counts for the step in which it ended.
    """
    since = until - timedelta(seconds=steps * step_seconds)

    def spread(begin: datetime, end: datetime) -> Iterator[tuple[int, float]]:
        """The steps that a stretch of time touches, each with its share."""
        left = max((begin - since).total_seconds() / step_seconds, 0.0)
        right = min((end - since).total_seconds() / step_seconds, float(steps))
        for step in range(int(left), min(int(right) + 1, steps)):
            if (share := min(right, step + 1) - max(left, step)) > 0:
                yield step, share

    ran: dict[Any, list[float]] = defaultdict(lambda: [0.0] * steps)
    paused: dict[Any, list[float]] = defaultdict(lambda: [0.0] * steps)
    there = [0.0] * steps
    with engine.connect() as connection:
        for priority, show, step, seconds in _short(connection, since, step_seconds):
            if 0 <= step < steps:
                ran[priority, show][step] += seconds / step_seconds
        long = set()
        for attempt, priority, show, begin, ended in _long(connection, since, step_seconds):
            long.add(attempt)
            for step, share in spread(begin, ended or until):
                ran[priority, show][step] += share
        for attempt, priority, show, begin, ended in _pauses(connection, since):
            for step, share in spread(begin, ended or until):
                paused[priority, show][step] += share
                if attempt in long:  # of the others only the seconds on a slot were added
                    ran[priority, show][step] -= share
        for threads, joined, ended in _leases(connection, since):
            for step, share in spread(joined, ended or until):
                there[step] += share * threads
    kept = {key: [max(0.0, each) for each in used] for key, used in ran.items() if any(used)}
    return SlotHistory(until, step_seconds, kept, dict(paused), there)


def recent_failures(engine: Engine, since: datetime, most: int = 20) -> list[dict[str, Any]]:
    """Return what went wrong since a moment, each error once, what happened last first.

    Each has error (one line), outcome, attempts, jobs (how many it met), job and name (of one of them), and
    last (when it was seen last).
    """
    attempt, last = packed_attempts.c, func.max(packed_attempts.c.ended).label("last")
    error = func.coalesce(attempt.error, "")
    query = (
        select(
            error.label("error"),
            attempt.outcome,
            func.count().label("attempts"),
            func.count(attempt.job.distinct()).label("jobs"),
            func.max(jobs.c.job).label("job"),
            func.max(jobs.c.name).label("name"),
            last,
        )
        .select_from(_of_jobs(since))
        .where(_may_be_of(since), _began_after(since), attempt.outcome.in_(FAILURES), attempt.ended >= since)
        .group_by(error, attempt.outcome)
        .order_by(last.desc())
        .limit(most)
    )
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def _of_jobs(since: datetime) -> Any:
    named = jobs.join(names, names.c.name == jobs.c.job)
    return named.join(packed_attempts, packed_attempts.c.job == names.c.id)


def _may_be_of(since: datetime) -> ColumnElement[bool]:
    """Whether a job may have run since: the others' attempts are not looked at."""
    return or_(jobs.c.ended >= since, jobs.c.ended.is_(None))


def _began_after(since: datetime) -> ColumnElement[bool]:
    """Whether an attempt is recent enough: its id begins with the time, and rows are in that order."""
    milliseconds = int((since - _LONGEST).timestamp() * 1000)
    return packed_attempts.c.attempt >= f"{max(0, milliseconds):012x}"


def _short(
    connection: Connection, since: datetime, step_seconds: float
) -> Iterator[tuple[str, str, int, float]]:
    attempt = packed_attempts.c
    if connection.dialect.name == "postgresql":
        epoch: Any = cast(func.extract("epoch", attempt.ended), Float)
    else:
        epoch = type_coerce(attempt.ended, BigInteger) / 1e6
    step = cast((epoch - since.timestamp()) / step_seconds, Integer).label("step")
    query = (
        select(jobs.c.priority, jobs.c.show, step, func.sum(attempt.run_seconds))
        .select_from(_of_jobs(since))
        .where(
            _may_be_of(since),
            _began_after(since),
            attempt.ended >= since,
            attempt.run_seconds + func.coalesce(attempt.paused_seconds, 0.0) <= step_seconds,
        )
        .group_by(jobs.c.priority, jobs.c.show, step)
    )
    for priority, show, number, seconds in connection.execute(query):
        yield priority, show, int(number), float(seconds)


def _long(
    connection: Connection, since: datetime, step_seconds: float
) -> Iterator[tuple[str, str, str, datetime, datetime | None]]:
    attempt = packed_attempts.c
    took = attempt.run_seconds + func.coalesce(attempt.paused_seconds, 0.0)
    query = (
        select(attempt.attempt, jobs.c.priority, jobs.c.show, attempt.started, attempt.ended, took)
        .select_from(_of_jobs(since))
        .where(
            _may_be_of(since),
            _began_after(since),
            or_(attempt.ended.is_(None), (attempt.ended >= since) & (took > step_seconds)),
        )
        .order_by(attempt.attempt.desc())
        .limit(_MOST_ROWS)
    )
    for id, priority, show, started, ended, seconds in connection.execute(query):
        if started is None and ended is not None:
            started = ended - timedelta(seconds=seconds)
        if started is not None:
            yield id, priority, show, started, ended


def _pauses(
    connection: Connection, since: datetime
) -> Iterator[tuple[str, str, str, datetime, datetime | None]]:
    aside = displacements.c
    query = (
        select(aside.attempt, jobs.c.priority, jobs.c.show, aside.started, aside.seconds)
        .select_from(jobs.join(displacements, aside.job == jobs.c.job))
        .where(_may_be_of(since), aside.started >= since - _LONGEST, aside.times == 1)
        .order_by(aside.started.desc())
        .limit(_MOST_ROWS)
    )
    for id, priority, show, started, seconds in connection.execute(query):
        yield id, priority, show, started, None if seconds is None else started + timedelta(seconds=seconds)


def _leases(connection: Connection, since: datetime) -> Iterator[tuple[int, datetime, datetime | None]]:
    query = select(leases.c.threads, leases.c.joined, leases.c.seconds).where(
        or_(leases.c.ended >= since, leases.c.ended.is_(None))
    )
    for threads, joined, seconds in connection.execute(query):
        yield threads, joined, None if seconds is None else joined + timedelta(seconds=seconds)
