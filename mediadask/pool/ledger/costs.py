"""What the ledger tells of money: what was spent on what, for whom, and what is left of a budget.

A lease costs its measured seconds times its price. Each attempt on it costs its share: its seconds on a
thread times the price of one of the lease's threads; several jobs that wanted the same unit bear equal parts
of it. What is left of a lease is idle: it goes to the jobs
that used that worker, in proportion to their use, and what nobody used to all jobs in proportion to
theirs. So the shares of all jobs add up to the leases. A unit that stands aside has no thread and costs
nothing: its hours are reported, the money is in what ran instead.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
from sqlalchemy import func, or_, select

from mediadask.pool.history import utc_now
from mediadask.pool.ledger.reports import EARLIEST, LATEST, read_table
from mediadask.pool.ledger.tables import attempts, displacements, jobs, leases, shares

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Engine

    from mediadask.pool.config import PoolConfig

__all__ = ["CostsBy", "budgets", "costs", "spent"]

CostsBy = Literal["show", "job", "priority", "kind"]

_NOBODY = "(unused)"

# What an attempt's seconds were spent on, by how it ended. One that still runs is on its way to done.
_PURPOSE = {
    None: "compute",
    "done": "compute",
    "failed": "retries",
    "lost": "retries",
    "replaced": "retries",
    "cancelled": "retries",
    "rescheduled": "displaced",
}
_MONEY = ["compute", "retries", "displaced", "idle", "total"]


def costs(
    engine: Engine,
    config: PoolConfig,
    *,
    by: CostsBy = "show",
    since: datetime | None = None,
    until: datetime | None = None,
) -> pd.DataFrame:
    """What was spent between two moments, on what, by show, job, class or kind of job.

    One row each: compute (attempts that were of use), retries (those that were not), displaced (begun and
    given up because the worker had to leave), idle (its share of what nobody used), total, all in
    `config.currency`; compute_hours and idle_hours of threads; displaced_hours that units stood aside.
    ``attrs`` has ``currency`` and ``leased``, what the leases cost, to which the totals add up.
    """
    window = since or EARLIEST, until or LATEST
    lease = _lease_costs(engine, *window)
    use = _use(engine, *window).merge(lease[["worker", "thread_price"]], on="worker", how="left")
    use["purpose"] = use["outcome"].map(
        lambda outcome: _PURPOSE[outcome if isinstance(outcome, str) else None]
    )
    use["cost"] = use["run_seconds"] * use["thread_price"].fillna(0.0)

    idle = _idle_shares(use, lease)
    spread = use.pivot_table(index="job", columns="purpose", values="cost", aggfunc="sum", fill_value=0.0)
    spread = spread.reindex(columns=_MONEY[:3], fill_value=0.0)
    seconds = use.groupby("job")[["run_seconds", "paused_seconds"]].sum() / 3600
    table = spread.join(idle, how="outer").join(seconds, how="left").fillna(0.0)
    table["total"] = table[_MONEY[:4]].sum(axis=1)

    names = read_table(engine, select(jobs.c.job, jobs.c.show, jobs.c.name, jobs.c.priority, jobs.c.kind))
    table = table.rename_axis("job").reset_index().merge(names, on="job", how="left")
    for column in ("show", "name", "priority", "kind"):
        table[column] = table[column].fillna(_NOBODY)
    table = table.rename(columns={"run_seconds": "compute_hours", "paused_seconds": "displaced_hours"})
    figures = [*_MONEY, "compute_hours", "idle_hours", "displaced_hours"]
    keys = ["job", "name", "show"] if by == "job" else [by]
    result = (
        table.groupby(keys)[figures].sum().sort_values("total", ascending=False, kind="stable").reset_index()
    )
    result.attrs = {"currency": config.currency, "leased": float(lease["cost"].sum())}
    return result


def spent(engine: Engine, config: PoolConfig) -> dict[str, float]:
    """What has been spent of each budget so far, by its name, shares of idle workers included."""
    table = costs(engine, config)
    by_budget = table.groupby(table["show"].map(config.budgeted))["total"].sum()
    return {str(name): float(total) for name, total in by_budget.items()}


def budgets(engine: Engine, config: PoolConfig) -> pd.DataFrame:
    """The shows that have a budget: show, amount, spent, share, action, state, warning.

    ``state`` is ``ok``, ``warn`` (the amount is nearly spent), or the action that is in force.
    """
    so_far = spent(engine, config) if config.budgets else {}
    rows = []
    for show, budget in config.budgets.items():
        amount = so_far.get(show, 0.0)
        state = budget.state(amount)
        rows.append(
            {
                "show": show,
                "amount": budget.amount,
                "spent": amount,
                "share": amount / budget.amount if budget.amount else 1.0,
                "action": budget.action,
                "state": state,
                "warning": budget.notice(show, amount, config.currency),
            }
        )
    columns = ["show", "amount", "spent", "share", "action", "state", "warning"]
    return pd.DataFrame(rows, columns=columns)


def _lease_costs(engine: Engine, since: datetime, until: datetime) -> pd.DataFrame:
    """By worker: cost of its leases inside the window, their thread_seconds, thread_price (of a second)."""
    query = select(leases).where(
        leases.c.joined < until, or_(leases.c.ended.is_(None), leases.c.ended > since)
    )
    with engine.connect() as connection:
        rows = [
            (
                row.worker,
                row.price_per_hour,
                row.threads,
                _inside(row.joined, row.ended, row.seconds, since, until),
            )
            for row in connection.execute(query)
        ]
    table = pd.DataFrame(rows, columns=["worker", "price_per_hour", "threads", "seconds"])
    table["cost"] = table["seconds"] * table["price_per_hour"] / 3600
    table["thread_seconds"] = table["seconds"] * table["threads"]
    table = table.groupby("worker", as_index=False)[["cost", "thread_seconds"]].sum()
    table["thread_price"] = (
        table["cost"] / table["thread_seconds"].where(table["thread_seconds"] > 0)
    ).fillna(0.0)
    return table


def _inside(
    start: datetime | None, end: datetime | None, seconds: float | None, since: datetime, until: datetime
) -> float:
    """The measured seconds of a span, in proportion to how much of it lies in the window."""
    if end is None:  # still there
        until = min(until, utc_now())
        return max(0.0, (until - max(start or until, since)).total_seconds())
    if start is None or end <= start:  # not known, or the clock stepped back meanwhile
        return seconds or 0.0
    part = (min(end, until) - max(start, since)) / (end - start)
    return (seconds or 0.0) * min(1.0, max(0.0, part))


def _use(engine: Engine, since: datetime, until: datetime) -> pd.DataFrame:
    """Thread and paused seconds inside the window by job, worker and outcome."""
    a = attempts.c
    part = func.coalesce(shares.c.part, 1.0)
    run_seconds, paused_seconds = a.run_seconds * part, a.paused_seconds * part
    key = func.coalesce(shares.c.job, a.job).label("job"), a.worker, a.outcome
    shared = attempts.outerjoin(shares, shares.c.attempt == a.attempt)
    # A million attempts are added up by the database; only those that cross the window's edges come as rows.
    begun = func.coalesce(a.started, a.ended)
    added = (
        select(*key, func.sum(run_seconds), func.sum(paused_seconds))
        .select_from(shared)
        .where(a.ended <= until, begun >= since)
        .group_by(*key)
    )
    crossing = (
        select(*key, a.attempt, a.started, a.ended, run_seconds.label("run"), paused_seconds.label("paused"))
        .select_from(shared)
        .where(
            a.started < until,
            or_(a.ended.is_(None), a.ended > until, (a.ended > since) & (a.started < since)),
        )
    )
    aside = _aside(engine, since, until)
    with engine.connect() as connection:
        rows: list[tuple[Any, ...]] = [tuple(row) for row in connection.execute(added)]
        for row in connection.execute(crossing):
            run = _inside(row.started, row.ended, row.run, since, until)
            if row.ended:
                paused = _inside(row.started, row.ended, row.paused, since, until)
            else:
                paused = min(run, aside.get(row.attempt, 0.0))
                run -= paused
            rows.append((row.job, row.worker, row.outcome, run, paused))
    table = pd.DataFrame(rows, columns=["job", "worker", "outcome", "run_seconds", "paused_seconds"])
    return table.astype({"run_seconds": float, "paused_seconds": float}).fillna({"paused_seconds": 0.0})


def _aside(engine: Engine, since: datetime, until: datetime) -> dict[str, float]:
    """Seconds inside the window that each attempt which has not ended has stood aside, or does."""
    d = displacements.c
    query = (
        select(d.attempt, d.started, d.seconds)
        .select_from(displacements.join(attempts, d.attempt == attempts.c.attempt))
        .where(attempts.c.ended.is_(None), d.started < until)
    )
    seconds: dict[str, float] = defaultdict(float)
    with engine.connect() as connection:
        for row in connection.execute(query):
            back = None if row.seconds is None else row.started + timedelta(seconds=row.seconds)
            seconds[row.attempt] += _inside(row.started, back, row.seconds, since, until)
    return seconds


def _idle_shares(use: pd.DataFrame, lease: pd.DataFrame) -> pd.DataFrame:
    """By job: idle (money) and idle_hours (of threads)."""
    busy = use.groupby("worker")[["cost", "run_seconds"]].sum().rename(columns={"cost": "used"})
    rest = lease.set_index("worker").join(busy, how="left").fillna(0.0)
    rest["idle"] = (rest["cost"] - rest["used"]).clip(lower=0.0)
    rest["idle_hours"] = (rest["thread_seconds"] - rest["run_seconds"]).clip(lower=0.0) / 3600
    figures = ["idle", "idle_hours"]

    by_job = use.groupby(["worker", "job"])["run_seconds"].sum()
    on_worker = by_job.groupby("worker").transform("sum")
    share = (by_job / on_worker.where(on_worker > 0)).fillna(0.0).rename("share").reset_index()
    mine = share.merge(rest[figures], left_on="worker", right_index=True)
    used = mine.loc[mine["share"] > 0]
    table = used[figures].mul(used["share"], axis=0).groupby(used["job"]).sum()

    unused = rest.loc[~rest.index.isin(used["worker"]), figures].sum()
    by_job = use.groupby("job")["run_seconds"].sum()
    if by_job.sum() > 0:
        common = pd.DataFrame({name: by_job / by_job.sum() * unused[name] for name in figures})
        return table.add(common, fill_value=0.0)
    return pd.DataFrame([unused], index=pd.Index([_NOBODY], name="job")) if unused.any() else table
