"""What the ledger tells of money: what was spent on what, for whom, and what is left of a budget.

A lease costs its measured seconds times its price. Each attempt on it costs its share: its seconds on a
thread times the price of one of the lease's threads; several jobs that wanted the same unit bear equal parts
of it. What is left of a lease is idle: it goes to the jobs
that used that worker, in proportion to their use, and what nobody used to all jobs in proportion to
theirs. So the shares of all jobs add up to the leases. A paused unit has no thread and costs
nothing: its hours are reported, the money is in what ran instead.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
from sqlalchemy import Column, Float, Integer, MetaData, Table, case, func, insert, or_, select

from mediadask.pool.history import utc_now
from mediadask.pool.ledger.reports import EARLIEST, LATEST, read_table
from mediadask.pool.ledger.tables import displacements, jobs, leases, names, packed_attempts, shares, sums

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Engine, Select

    from mediadask.choices import CostsBy
    from mediadask.pool.config import PoolConfig

__all__ = ["budgets", "costs", "spent"]


_NOBODY = "(unused)"

# What an attempt's seconds were spent on, by how it ended. One that still runs is on its way to done.
_PURPOSES = {
    "compute": ("done",),
    "retries": ("failed", "lost", "replaced", "cancelled"),
    "displaced": ("rescheduled",),
}
_MONEY = [*_PURPOSES, "idle", "total"]
_FIGURES = [*_PURPOSES, "idle", "idle_hours", "run_seconds", "paused_seconds"]

_rates = Table(
    "mediadask_rates",
    MetaData(),
    Column("worker", Integer, primary_key=True, autoincrement=False),
    Column("price", Float, nullable=False),
    Column("busy", Float, nullable=False),
    Column("idle", Float, nullable=False),
    Column("idle_hours", Float, nullable=False),
    prefixes=["TEMPORARY"],
)
"""What a second of a worker's thread costs, how many it was used, and the idle ones that these share."""


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
    `config.currency`; compute_hours and idle_hours of threads; displaced_hours that units were paused.
    ``attrs`` has ``currency`` and ``leased``, what the leases cost, to which the totals add up.
    """
    window = since or EARLIEST, until or LATEST
    with engine.begin() as connection:
        lease = _lease_costs(connection, *window)
        table = _by_job(connection, lease, _whole(*window), _partial(connection, *window))
    table["total"] = table[_MONEY[:-1]].sum(axis=1)
    described = select(names.c.id, jobs.c.job, jobs.c.show, jobs.c.name, jobs.c.priority, jobs.c.kind)
    known = read_table(engine, described.join(jobs, jobs.c.job == names.c.name)).set_index("id")
    table = table.rename_axis(None).join(known, how="left")
    for column in ("job", "show", "name", "priority", "kind"):
        table[column] = table[column].fillna(_NOBODY)
    table["compute_hours"] = table["run_seconds"] / 3600
    table["displaced_hours"] = table["paused_seconds"] / 3600
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


def _by_job(
    connection: Connection, lease: pd.DataFrame, whole: list[Select[Any]], partial: pd.DataFrame
) -> pd.DataFrame:
    """By the number of a job: its money but the total, run_seconds, paused_seconds, idle_hours of threads.

    The database adds up millions of attempts, twice: by worker, which says what a second on each is worth
    with the idle ones, and by job at these rates.
    """
    busy = partial.groupby("worker")["run_seconds"].sum()
    for source in whole:
        part = source.subquery()
        rows = connection.execute(
            select(part.c.worker, func.sum(part.c.run_seconds)).group_by(part.c.worker)
        ).all()
        busy = busy.add(pd.Series(dict(rows), dtype=float), fill_value=0.0)
    rates, unused = _rates_of(lease, busy)

    _rates.create(connection)
    try:
        if len(rates):
            connection.execute(insert(_rates), _records(rates.rename_axis("worker").reset_index()))
        tables = [
            pd.DataFrame(connection.execute(_at_rates(source)).all(), columns=["job", *_FIGURES])
            for source in whole
        ]
    finally:
        _rates.drop(connection)
    partial = partial.join(rates, on="worker")
    partial = partial.fillna({"price": 0.0, "busy": 1.0, "idle": 0.0, "idle_hours": 0.0})
    for purpose, outcomes in _PURPOSES.items():
        is_it = partial["outcome"].fillna("done").isin(outcomes)
        partial[purpose] = (partial["run_seconds"] * partial["price"]).where(is_it, 0.0)
    for figure in ("idle", "idle_hours"):
        partial[figure] *= partial["run_seconds"] / partial["busy"]
    tables.append(partial[["job", *_FIGURES]])
    found = [table for table in tables if len(table)]
    if found:
        table = pd.concat(found).astype(dict.fromkeys(_FIGURES, float)).groupby("job").sum()
        if (all_seconds := table["run_seconds"].sum()) > 0:
            for figure, amount in unused.items():
                table[figure] += table["run_seconds"] / all_seconds * amount
            return table
    else:
        table = pd.DataFrame(columns=_FIGURES, dtype=float, index=pd.Index([], name="job"))
    if any(unused.values()):
        table.loc[-1] = {**dict.fromkeys(_FIGURES, 0.0), **unused}
    return table


def _rates_of(lease: pd.DataFrame, busy: pd.Series[float]) -> tuple[pd.DataFrame, dict[str, float]]:
    """By the number of a worker, what `_rates` has of it; and what nobody used at all."""
    lease = lease.assign(busy=lease["number"].map(busy).fillna(0.0).clip(lower=0.0))
    lease["idle"] = (lease["cost"] - lease["busy"] * lease["thread_price"]).clip(lower=0.0)
    lease["idle_hours"] = (lease["thread_seconds"] - lease["busy"]).clip(lower=0.0) / 3600
    is_used = lease["busy"] > 0
    unused = {name: float(lease.loc[~is_used, name].sum()) for name in ("idle", "idle_hours")}
    used = lease[is_used].set_index("number").rename_axis("worker")
    rates = pd.DataFrame(
        {
            "price": used["thread_price"],
            "busy": used["busy"],
            "idle": used["idle"],
            "idle_hours": used["idle_hours"],
        }
    )
    rates.index = rates.index.astype(int)
    return rates, unused


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _at_rates(source: Select[Any]) -> Select[Any]:
    part = source.subquery()
    use, rate = part.c, _rates.c
    cost = use.run_seconds * func.coalesce(rate.price, 0.0)
    share = func.coalesce(
        use.run_seconds / rate.busy, 0.0
    )  # before anything else: seconds may be next to none
    purposes = [
        func.sum(case((use.outcome.in_(outcomes), cost), else_=0.0)).label(purpose)
        for purpose, outcomes in _PURPOSES.items()
    ]
    return (
        select(
            use.job,
            *purposes,
            func.sum(share * func.coalesce(rate.idle, 0.0)).label("idle"),
            func.sum(share * func.coalesce(rate.idle_hours, 0.0)).label("idle_hours"),
            func.sum(use.run_seconds).label("run_seconds"),
            func.sum(use.paused_seconds).label("paused_seconds"),
        )
        .select_from(part.outerjoin(_rates, rate.worker == use.worker))
        .group_by(use.job)
    )


def _lease_costs(connection: Connection, since: datetime, until: datetime) -> pd.DataFrame:
    """By worker: cost of its leases inside the window, their thread_seconds, thread_price (of a second), and
    the number of its name."""
    query = (
        select(leases, names.c.id)
        .outerjoin(names, names.c.name == leases.c.worker)
        .where(leases.c.joined < until, or_(leases.c.ended.is_(None), leases.c.ended > since))
    )
    rows = [
        (
            row.worker,
            row.id,
            row.price_per_hour,
            row.threads,
            _inside(row.joined, row.ended, row.seconds, since, until),
        )
        for row in connection.execute(query)
    ]
    table = pd.DataFrame(rows, columns=["worker", "number", "price_per_hour", "threads", "seconds"])
    table["cost"] = table["seconds"] * table["price_per_hour"] / 3600
    table["thread_seconds"] = table["seconds"] * table["threads"]
    sums_of = {"number": "first", "cost": "sum", "thread_seconds": "sum"}
    table = table.groupby("worker", as_index=False).agg(sums_of)
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


def _whole(since: datetime, until: datetime) -> list[Select[Any]]:
    """Selections of job, worker, outcome, run_seconds, paused_seconds: what is inside the window as it is."""
    a, s = packed_attempts.c, sums.c
    inside: list[ColumnElement[bool]] = [a.ended.is_not(None)]
    inside += [a.ended <= until] if until < LATEST else []
    inside += [func.coalesce(a.started, a.ended) >= since] if since > EARLIEST else []
    # Jobs that share an attempt: what each bears is added to it, and what the others bear taken from its own.
    part = shares.c.part - case((shares.c.job == shares.c.owner, 1.0), else_=0.0)
    return [
        select(a.job, a.worker, a.outcome, a.run_seconds, a.paused_seconds).where(*inside),
        select(
            shares.c.job,
            a.worker,
            a.outcome,
            (a.run_seconds * part).label("run_seconds"),
            (a.paused_seconds * part).label("paused_seconds"),
        )
        .select_from(shares)
        .join(packed_attempts, (a.job == shares.c.owner) & (a.attempt == shares.c.attempt))
        .where(*inside),
        select(s.job, s.worker, s.outcome, s.run_seconds, s.paused_seconds).where(
            s.started >= since, s.ended <= until
        ),
    ]


def _partial(connection: Connection, since: datetime, until: datetime) -> pd.DataFrame:
    """The same columns as rows: what has not ended, and what crosses the window's edges, in proportion."""
    a, s = packed_attempts.c, sums.c
    share = func.coalesce(shares.c.part, 1.0)
    attempts = (
        select(
            func.coalesce(shares.c.job, a.job).label("job"), a.worker, a.outcome, a.attempt, a.started,
            a.ended, (a.run_seconds * share).label("run"), (a.paused_seconds * share).label("paused"),
        )
        .select_from(
            packed_attempts.outerjoin(
                shares, (shares.c.owner == a.job) & (shares.c.attempt == a.attempt)
            )
        )
        .where(a.started < until)
    )  # fmt: skip
    aside = _aside(connection, since, until)
    rows: list[tuple[Any, ...]] = []
    for row in connection.execute(attempts.where(a.ended.is_(None))):
        run = _inside(row.started, None, None, since, until)
        paused = min(run, aside.get(row.attempt, 0.0))
        rows.append((row.job, row.worker, row.outcome, run - paused, paused))
    edges = []
    if since > EARLIEST or until < LATEST:
        crosses = or_(a.ended > until, (a.ended > since) & (a.started < since))
        sums_cross = or_(s.ended > until, s.started < since)
        edges = [
            attempts.where(a.ended.is_not(None), crosses),
            select(
                s.job, s.worker, s.outcome, s.started, s.ended,
                s.run_seconds.label("run"), s.paused_seconds.label("paused"),
            ).where(s.started < until, s.ended > since, sums_cross),
        ]  # fmt: skip
    for edge in edges:
        for row in connection.execute(edge):
            run = _inside(row.started, row.ended, row.run, since, until)
            paused = _inside(row.started, row.ended, row.paused, since, until)
            rows.append((row.job, row.worker, row.outcome, run, paused))
    table = pd.DataFrame(rows, columns=["job", "worker", "outcome", "run_seconds", "paused_seconds"])
    return table.astype({"run_seconds": float, "paused_seconds": float}).fillna({"paused_seconds": 0.0})


def _aside(connection: Connection, since: datetime, until: datetime) -> dict[str, float]:
    """Seconds inside the window that each attempt which has not ended has stood aside, or does."""
    d, a = displacements.c, packed_attempts.c
    query = (
        select(d.attempt, d.started, d.seconds)
        .join(names, names.c.name == d.job)
        .join(packed_attempts, (a.job == names.c.id) & (a.attempt == d.attempt))
        .where(a.ended.is_(None), d.started < until)
    )
    seconds: dict[str, float] = defaultdict(float)
    for row in connection.execute(query):
        back = None if row.seconds is None else row.started + timedelta(seconds=row.seconds)
        seconds[row.attempt] += _inside(row.started, back, row.seconds, since, until)
    return seconds
