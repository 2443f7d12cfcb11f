"""Budgets on real clusters: what a spent one holds, what goes on when there is money, what is left."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import dask.config
import pytest
from dask import delayed
from sqlalchemy import select, update
from typer.testing import CliRunner

import mediadask as md
from mediadask.cli.main import app
from mediadask.errors import MediaError
from mediadask.pool import Pool
from mediadask.pool.ledger import tables
from tests.pool.waiting import WAIT, eventually, see

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mediadask.pool import Job

POOR = {"mediadask.budgets": {"POOR": {"amount": 1.0, "action": "hold"}}}
RICHER = {"mediadask.budgets": {"POOR": {"amount": 1e12, "action": "hold"}}}


def price(pool: Pool, per_hour: float) -> None:
    """Somebody corrects in the ledger what all workers cost."""
    pool.costs()  # the leases are written
    engine = tables.open_database()
    with engine.begin() as connection:
        connection.execute(update(tables.leases).values(price_per_hour=per_hour))
    engine.dispose()


def held(pool: Pool, job: Job) -> str:
    (described,) = pool.ask("describe", jobs=[job.id])
    return str(described["held"])


def until_exists(gate: Path, number: int) -> int:
    while not gate.exists():
        time.sleep(0.005)
        md.checkpoint()
    return number


@pytest.fixture
def pool() -> Iterator[Pool]:
    with (
        dask.config.set({**POOR, "mediadask.tiers.local.price-per-hour": 0.0}),
        Pool.local(workers=2) as pool,
    ):
        yield pool


@pytest.mark.parametrize("tasks", [4, 20], ids=["on workers already", "in the queue"])
def test_a_graph_of_a_held_show_goes_on_when_the_budget_allows(
    tasks: int, pool: Pool, tmp_path: Path
) -> None:
    pool.client.wait_for_workers(2, timeout=WAIT)
    each = delayed(partial(until_exists, tmp_path / "go"), pure=False)
    poor = pool.compute(delayed(list)([each(n) for n in range(tasks)]), show="POOR", priority="urgent")
    eventually(lambda: poor.progress.units_running + poor.progress.units_queued == tasks, poor)
    price(pool, 3.6e6)
    see(poor, units_running=2, units_queued=0)
    assert "POOR has spent" in held(pool, poor)
    (tmp_path / "go").touch()
    see(poor, units_running=0, units_done=2)
    rich = pool.submit(md.delivery(abs, range(9), name="rich"), show="RICH", priority="background")
    assert rich.result(WAIT).failures == []
    assert (poor.progress.units_running, poor.progress.units_done) == (0, 2), "what ran has ended, no more"
    price(pool, 0.0)
    assert poor.result(WAIT) == list(range(tasks))
    assert poor.progress.units_done == poor.progress.units
    pool.costs()  # written until here
    with tables.open_database().connect() as connection:
        outcomes = {row.outcome for row in connection.execute(select(tables.attempts))}
    assert outcomes <= {"done", "rescheduled"}


def test_a_job_has_its_class_back_when_its_budget_is_spent_no_more(tmp_path: Path) -> None:
    behind = {"mediadask.budgets": {"poor": {"amount": 1.0, "action": "background"}}}
    with (
        dask.config.set({**behind, "mediadask.tiers.local.price-per-hour": 0.0}),
        Pool.local(workers=1) as pool,
    ):
        units = md.delivery(partial(until_exists, tmp_path / "go"), range(2), name="poor work")
        poor = pool.submit(units, show="POOR", priority="urgent")
        see(poor, units_running=1)
        price(pool, 3.6e6)
        eventually(lambda: poor.priority == "background", poor)
        poor.reprioritize("normal")
        eventually(lambda: poor.priority == "background", poor)
        price(pool, 0.0)
        eventually(lambda: poor.priority == "normal", poor)
        (tmp_path / "go").touch()
        assert poor.result(WAIT).results == [0, 1]


def test_a_job_has_its_class_back_in_the_next_pool_of_the_name(tmp_path: Path) -> None:
    """The budget is spent when the pool ends, and is not when the next one starts."""
    spent = {"mediadask.budgets": {"poor": {"amount": 1.0, "action": "background"}}}
    enough = {"mediadask.budgets": {"poor": {"amount": 1e12, "action": "background"}}}
    units = md.delivery(partial(until_exists, tmp_path / "go"), range(2), name="poor work")
    free = {"mediadask.tiers.local.price-per-hour": 0.0}
    with dask.config.set({**spent, **free}), Pool.local(workers=1, name="house") as pool:
        poor = pool.submit(units, show="POOR", priority="urgent")
        see(poor, units_running=1)
        price(pool, 3.6e6)
        eventually(lambda: poor.priority == "background", poor)
        pool.ask("down", now=True)
    for _ in range(2):  # it counts as its own in a restart after that, too
        with dask.config.set({**enough, **free}), Pool.local(workers=1, name="house") as pool:
            again = pool.job(poor.id)
            see(again, units_running=1)
            assert again.priority == "urgent"
            pool.ask("down", now=True)
    (tmp_path / "go").touch()
    with dask.config.set(enough), Pool.local(workers=1, name="house") as pool:
        assert pool.job(poor.id).result(WAIT).results == [0, 1]


def test_a_pool_that_goes_down_waits_for_no_job_that_a_budget_holds(pool: Pool, tmp_path: Path) -> None:
    work = md.delivery(partial(until_exists, tmp_path / "go"), range(40), name="poor work")
    poor = pool.submit(work, show="POOR")
    see(poor, units_running=2)
    price(pool, 3.6e6)
    eventually(lambda: held(pool, poor) and not poor.progress.units_queued, poor)
    down = CliRunner().invoke(app, ["pool", "down", "--pool", pool.address])
    assert down.exit_code == 0
    assert "jobs to end first: 1 (poor work)" in down.output
    assert list(pool.status()["waits_for"]) == [poor.id], "for what of it is on workers"
    (tmp_path / "go").touch()
    assert poor.wait(WAIT)
    assert (poor.status, poor.progress.units_done) == ("cancelled", 2)
    reason = "the pool went down before it could go on: POOR has spent"
    assert poor.progress.error.startswith(reason)
    with pytest.raises(MediaError, match=reason):
        poor.result()


def test_what_a_budget_holds_is_left_to_the_next_pool_of_the_name(tmp_path: Path) -> None:
    settings = {"mediadask.tiers.local.price-per-hour": 0.0}
    units = partial(until_exists, tmp_path / "go")
    with dask.config.set({**POOR, **settings}), Pool.local(workers=1, name="house") as pool:
        poor = pool.submit(md.delivery(units, range(9), name="poor work"), show="POOR")
        see(poor, units_running=1)  # before there is a graph, which might begin first
        graph = pool.compute(delayed(units)(7), name="poor graph", show="POOR")
        price(pool, 3.6e6)
        eventually(lambda: held(pool, poor) and not poor.progress.units_queued, poor)
        (tmp_path / "go").touch()
        eventually(lambda: not pool.status()["waits_for"], poor)
        down = CliRunner().invoke(app, ["pool", "down", "--pool", pool.address])
        assert down.exit_code == 0
        assert "poor work does not go on: POOR has spent" in down.output
        assert "the next pool of this name goes on with it" in down.output
        with pytest.raises(MediaError, match="the pool is gone"):
            poor.wait(WAIT)
    with dask.config.set({**RICHER, **settings}), Pool.local(workers=1, name="house") as pool:
        assert pool.job("poor work").result(WAIT).results == list(range(9))
        assert pool.job("poor graph").result(WAIT) == 7
        assert pool.job("poor work").id == poor.id
        assert pool.job("poor graph").id == graph.id
