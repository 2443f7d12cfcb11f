"""Who ran when: the ledger's attempts and displacements as stretches of time on the slots of workers."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
from sqlalchemy import select

from mediadask.pool.events import utc_now
from mediadask.pool.reports import read_table
from mediadask.pool.tables import attempts, displacements, jobs, leases

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Engine

    from mediadask.pool.config import PoolConfig

__all__ = ["schedule"]


def schedule(engine: Engine, config: PoolConfig, jobs_of: Sequence[str]) -> pd.DataFrame:
    """What the units of some jobs did at each moment.

    Parameters
    ----------
    jobs_of
        The ids of the jobs.

    Returns
    -------
    pandas.DataFrame
        One row a stretch, in order of time: slot (``local-1``; ``local-1.2`` is the second of a worker of
        several threads), state (``ran``, or ``aside`` for one that stood aside so that a higher class could
        run), job, name, show, priority (ordered, most urgent first), unit, attempt, started, ended, and
        outcome of the attempt (none while it runs).
    """
    tried = read_table(
        engine,
        select(
            attempts.c.attempt, attempts.c.job, attempts.c.unit, attempts.c.worker, attempts.c.started,
            attempts.c.ended, attempts.c.outcome, jobs.c.name, jobs.c.show, jobs.c.priority,
        )
        .join(jobs, jobs.c.job == attempts.c.job)
        .where(attempts.c.job.in_(jobs_of), attempts.c.started.is_not(None))
        .order_by(attempts.c.started),
    )  # fmt: skip
    pauses = read_table(
        engine,
        select(displacements.c.attempt, displacements.c.started, displacements.c.seconds)
        .where(displacements.c.job.in_(jobs_of))
        .order_by(displacements.c.started),
    )
    aside = defaultdict(list)
    for pause in pauses.itertuples(index=False):
        aside[pause.attempt].append((pause.started, pause.seconds))
    now = utc_now()
    rows = []
    for each in tried.itertuples(index=False):
        known = each._asdict()
        end = now if pd.isna(each.ended) else each.ended
        rows += [
            {**known, "state": state, "started": begin, "ended": until}
            for state, begin, until in _stretches(each.started, end, aside[each.attempt])
        ]
    table = pd.DataFrame(rows, columns=[*tried.columns, "state"]).sort_values("started", kind="stable")
    table["priority"] = pd.Categorical(table["priority"], config.class_names, ordered=True)
    table.insert(0, "slot", _slots(engine, table))
    return table.drop(columns="worker").reset_index(drop=True)


def _stretches(
    start: datetime, end: datetime, pauses: Iterable[tuple[datetime, float | None]]
) -> Iterator[tuple[str, datetime, datetime]]:
    for paused, seconds in pauses:
        resumed = end if pd.isna(seconds) else min(paused + timedelta(seconds=seconds or 0.0), end)
        yield "ran", start, paused
        yield "aside", paused, resumed
        start = resumed
    if start < end:
        yield "ran", start, end


def _slots(engine: Engine, table: pd.DataFrame) -> list[str]:
    """For each stretch, in order of time, a slot of its worker: the one free for longest, and for one that
    stands aside the one it ran on."""
    workers: dict[str, Any] = {
        row.worker: row for row in read_table(engine, select(leases)).itertuples(index=False)
    }
    busy_until: dict[str, list[Any]] = {}
    ran_on: dict[str, int] = {}
    slots = []
    for each in table.itertuples(index=False):
        worker = workers[each.worker]
        threads = busy_until.setdefault(each.worker, [table["started"].min()] * worker.threads)
        if each.state == "ran":
            slot = min(range(len(threads)), key=threads.__getitem__)
            threads[slot], ran_on[each.attempt] = each.ended, slot
        else:
            slot = ran_on[each.attempt]
        slots.append(worker.name if worker.threads == 1 else f"{worker.name}.{slot + 1}")
    return slots
