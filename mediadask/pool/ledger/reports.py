"""What the ledger tells of time: every job, turnaround against its targets, who made way for whom."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd
from sqlalchemy import func, select

from mediadask.pool.history import utc_now
from mediadask.pool.ledger.journal import Journal
from mediadask.pool.ledger.tables import displacements, jobs, sessions

if TYPE_CHECKING:
    from sqlalchemy import Engine, Select

    from mediadask.choices import TurnaroundBy
    from mediadask.pool.config import PoolConfig

__all__ = ["EARLIEST", "LATEST", "delays", "history", "read_table", "turnaround"]

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 1, 1, tzinfo=UTC)


def history(
    engine: Engine, *, limit: int | None = None, since: datetime | None = None, job: str | None = None
) -> pd.DataFrame:
    """The jobs the ledger knows, newest first, or the one with this id.

    One row a job: job, name, show, kind, priority, status, submitted, deadline, seconds (turnaround; of one
    that runs, so far), waiting_seconds, groups, groups_done, groups_failed, error, pool. A job whose
    pool died before its end is ``orphaned``: a pool of the same name takes it up when it starts.
    """
    columns = (
        jobs.c.job, jobs.c.name, jobs.c.show, jobs.c.kind, jobs.c.priority, jobs.c.status, jobs.c.submitted,
        jobs.c.deadline, jobs.c.seconds, jobs.c.running_seconds, jobs.c.groups, jobs.c.groups_done,
        jobs.c.groups_failed, jobs.c.error, jobs.c.session, jobs.c.pool,
    )  # fmt: skip
    query = (
        select(*columns)
        .where(jobs.c.submitted >= (since or EARLIEST))
        .order_by(jobs.c.submitted.desc())
        .limit(limit)
    )
    table = read_table(engine, query if job is None else query.where(jobs.c.job == job))
    running = table["status"] == "running"
    table.loc[running & table.pop("session").isin(_dead_sessions(engine)), "status"] = "orphaned"
    submitted = pd.to_datetime(table["submitted"], utc=True)
    so_far = (pd.Timestamp(utc_now()) - submitted).dt.total_seconds()
    table["seconds"] = table["seconds"].astype(float).where(~running, so_far)
    table.insert(9, "waiting_seconds", table["seconds"] - table.pop("running_seconds").astype(float))
    return table


def _dead_sessions(engine: Engine) -> list[str]:
    """Those of processes that died and left jobs; of another host only once a pool has noticed."""
    left = select(jobs.c.session).where(jobs.c.status == "running")
    query = select(sessions).where(sessions.c.session.in_(left))
    with engine.connect() as connection:
        return [
            each.session
            for each in connection.execute(query)
            if each.ended or Journal.is_held(each.journal, each.host, each.place) is False
        ]


def turnaround(
    engine: Engine,
    config: PoolConfig,
    *,
    by: TurnaroundBy = "priority",
    since: datetime | None = None,
) -> pd.DataFrame:
    """From submission to the committed result, over the jobs that ended and were not cancelled.

    One row for each class, show or kind: jobs, p50_seconds, p90_seconds, max_seconds, waiting_p50_seconds and
    running_p50_seconds (with none and with at least one unit running), target_seconds (by class),
    target_met (the share of jobs within their class's), deadlines and deadlines_met (numbers of jobs). A
    class that the settings no longer have has no target: neither met nor missed, NA.
    """
    query = select(
        jobs.c.priority, jobs.c.show, jobs.c.kind, jobs.c.seconds, jobs.c.running_seconds,
        jobs.c.submitted, jobs.c.deadline,
    ).where(jobs.c.status.in_(["done", "failed"]), jobs.c.submitted >= (since or EARLIEST))  # fmt: skip
    ended = read_table(engine, query).astype({"seconds": float, "running_seconds": float})
    ended["waiting"] = ended["seconds"] - ended["running_seconds"]
    ended["target"] = ended["priority"].map(
        {name: each.target_turnaround for name, each in config.classes.items()}
    )
    ended["in_target"] = (ended["seconds"] <= ended["target"]).astype(float).where(ended["target"].notna())
    ended["has_deadline"] = ended["deadline"].notna()
    # Counted from the submission by the measured seconds: the wall clock may have stepped in between.
    finished = pd.to_datetime(ended["submitted"], utc=True) + pd.to_timedelta(ended["seconds"], unit="s")
    ended["in_time"] = finished <= pd.to_datetime(ended["deadline"], utc=True)
    groups = ended.groupby(by)
    table = pd.DataFrame(
        {
            "jobs": groups.size(),
            "p50_seconds": groups["seconds"].quantile(0.5),
            "p90_seconds": groups["seconds"].quantile(0.9),
            "max_seconds": groups["seconds"].max(),
            "waiting_p50_seconds": groups["waiting"].quantile(0.5),
            "running_p50_seconds": groups["running_seconds"].quantile(0.5),
            "target_met": groups["in_target"].mean(),
            "deadlines": groups["has_deadline"].sum(),
            "deadlines_met": groups["in_time"].sum(),
        }
    )
    if by == "priority":
        table.insert(6, "target_seconds", groups["target"].first())
        known = [name for name in config.class_names if name in table.index]
        table = table.loc[[*known, *table.index.difference(known)]]
    return table.reset_index()


def delays(engine: Engine, *, since: datetime | None = None) -> pd.DataFrame:
    """Who made way for whom: show, name (whose unit stood aside), for_show, for_name, times, seconds."""
    front = jobs.alias("front")
    query = (
        select(
            jobs.c.show,
            jobs.c.name,
            front.c.show.label("for_show"),
            front.c.name.label("for_name"),
            func.sum(displacements.c.times).label("times"),
            func.coalesce(func.sum(displacements.c.seconds), 0.0).label("seconds"),
        )
        .select_from(
            displacements.join(jobs, displacements.c.job == jobs.c.job).outerjoin(
                front, displacements.c.for_job == front.c.job
            )
        )
        .where(displacements.c.started >= (since or EARLIEST))
        .group_by(jobs.c.show, jobs.c.name, front.c.show, front.c.name)
        .order_by(func.sum(displacements.c.seconds).desc())
    )
    return read_table(engine, query)


def read_table(engine: Engine, query: Select[Any]) -> pd.DataFrame:
    """A query's rows."""
    with engine.connect() as connection:
        rows = connection.execute(query)
        return pd.DataFrame(rows.all(), columns=list(rows.keys()))
