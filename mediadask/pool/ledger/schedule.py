"""Who ran when: the ledger's attempts and displacements as stretches of time on the slots of workers."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
from sqlalchemy import select

from mediadask.pool.history import utc_now
from mediadask.pool.ledger.tables import attempts, displacements, jobs, leases

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Engine, Select

    from mediadask.pool.config import PoolConfig

__all__ = ["schedule", "workers_over_time"]

_COLUMNS = ("state", "job", "name", "show", "priority", "unit", "attempt", "started", "ended", "outcome")


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
        several threads), state (``ran``, or ``paused`` for one that paused so that a higher class could
        run), job, name, show, priority (ordered, most urgent first), unit, attempt, started, ended, and
        outcome of the attempt (none while it runs).
    """
    tried = _rows(
        engine,
        select(
            attempts.c.attempt, attempts.c.job, attempts.c.unit, attempts.c.worker, attempts.c.started,
            attempts.c.ended, attempts.c.outcome, jobs.c.name, jobs.c.show, jobs.c.priority,
        )
        .join(jobs, jobs.c.job == attempts.c.job)
        .where(attempts.c.job.in_(jobs_of), attempts.c.started.is_not(None))
        .order_by(attempts.c.started),
    )  # fmt: skip
    pauses = _rows(
        engine,
        select(displacements.c.attempt, displacements.c.started, displacements.c.seconds)
        .where(displacements.c.job.in_(jobs_of))
        .order_by(displacements.c.started),
    )
    aside = defaultdict(list)
    for pause in pauses:
        aside[pause["attempt"]].append((pause["started"], pause["seconds"]))
    now = utc_now()
    rows = [
        {**each, "state": state, "started": begin, "ended": until}
        for each in tried
        for state, begin, until in _stretches(each["started"], each["ended"] or now, aside[each["attempt"]])
    ]
    rows.sort(key=lambda row: row["started"])
    lanes = _slots({row["worker"]: row for row in _rows(engine, select(leases))}, rows)
    return pd.DataFrame(
        {
            "slot": lanes,
            **{column: [row[column] for row in rows] for column in _COLUMNS},
            "priority": pd.Categorical([row["priority"] for row in rows], config.class_names, ordered=True),
        }
    )


def _rows(engine: Engine, query: Select[Any]) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def _stretches(
    start: datetime, end: datetime, pauses: Iterable[tuple[datetime, float | None]]
) -> Iterator[tuple[str, datetime, datetime]]:
    for paused, seconds in pauses:
        resumed = end if seconds is None else min(paused + timedelta(seconds=seconds), end)
        yield "ran", start, paused
        yield "paused", paused, resumed
        start = resumed
    if start < end:
        yield "ran", start, end


def _slots(workers: Mapping[str, dict[str, Any]], rows: Sequence[dict[str, Any]]) -> list[str]:
    """For each stretch, in order of time, a slot of its worker: the one free for longest, and for one that
    is paused the one it ran on."""
    busy_until: dict[str, list[datetime]] = {}
    ran_on: dict[str, int] = {}
    slots = []
    for row in rows:
        worker = workers[row["worker"]]
        threads = busy_until.setdefault(row["worker"], [rows[0]["started"]] * worker["threads"])
        if row["state"] == "ran":
            slot = min(range(len(threads)), key=threads.__getitem__)
            threads[slot], ran_on[row["attempt"]] = row["ended"], slot
        slot = ran_on[row["attempt"]]
        slots.append(worker["name"] if worker["threads"] == 1 else f"{worker['name']}.{slot + 1}")
    return slots


def workers_over_time(engine: Engine, since: datetime) -> pd.DataFrame:
    """How many workers of each tier there were, from `since` until now.

    Returns
    -------
    pandas.DataFrame
        One row for each moment at which a worker came or went: its index is the moment, each column a tier,
        in the order in which they were used.
    """
    now = utc_now()
    rows = _rows(engine, select(leases.c.tier, leases.c.joined, leases.c.seconds))
    changes = []
    for lease in rows:
        ended = now if lease["seconds"] is None else lease["joined"] + timedelta(seconds=lease["seconds"])
        if ended > since:
            changes += [(max(lease["joined"], since), lease["tier"], 1), (ended, lease["tier"], -1)]
    table = pd.DataFrame(changes, columns=["moment", "tier", "change"])
    counts = table.pivot_table(index="moment", columns="tier", values="change", aggfunc="sum", fill_value=0)
    counts = counts.sort_index().cumsum()
    first_used = counts.gt(0).idxmax().sort_values(kind="stable")
    return counts[first_used.index]
