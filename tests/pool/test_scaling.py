"""Scaling a real pool: workers come for work and leave when idle, and their leases are recorded."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from distributed import Client, Scheduler
from distributed.core import rpc
from distributed.protocol.pickle import dumps
from sqlalchemy import select

import mediadask as md
from mediadask.pool.config import load_config
from mediadask.pool.core.events import CancelJob
from mediadask.pool.history import new_id
from mediadask.pool.ledger import tables
from mediadask.pool.ledger.costs import costs
from mediadask.pool.scaling.actuator import Departure
from mediadask.pool.scheduler import PoolPlugin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.pool.conftest import PostgresServer


async def until(condition: Callable[[], object], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


class Opened:
    """A pool in this process, whose workers are processes."""

    def __init__(self, scheduler: Scheduler, plugin: PoolPlugin) -> None:
        self.scheduler, self.plugin = scheduler, plugin

    async def submit(self, function: Callable[[int], Any], units: int, **how: Any) -> str:
        """Submit units that are said to take ten seconds each. Returns the job's id."""
        work = md.delivery(function, range(units), name="work", seconds=10.0)
        how = {"show": "SHOW", "priority": "urgent", **how}
        job = new_id()
        await self.plugin.services.submit(job, "work", deadline=None, payload=dumps(work), **how)
        return job

    async def ended(self, job: str) -> dict[str, Any]:
        return await self.plugin.services.wait(job, 60)

    def rows(self, table: Any) -> list[Any]:
        assert self.plugin.ledger.flush()
        with self.plugin.ledger.engine.connect() as connection:
            return list(connection.execute(select(table)))


@asynccontextmanager
async def opened(**settings: Any) -> AsyncIterator[Opened]:
    tier = {"kind": "local", "price-per-hour": 1.0, "maximum": 2, "startup": 1}
    config = load_config({"tiers": {"local": None, "it": tier}, "grace": 0.5, **settings})
    async with Scheduler(host="127.0.0.1", port=0, dashboard_address="127.0.0.1:0") as scheduler:
        plugin = PoolPlugin(config, local=True)
        await scheduler.register_scheduler_plugin(plugin, name=plugin.name, idempotent=True)
        yield Opened(scheduler, plugin)


def until_exists(folder: Path, number: int) -> int:
    with (folder / "begun").open("a") as begun:
        begun.write(f"{number}\n")
    while not (folder / "go").exists():
        time.sleep(0.005)
        md.checkpoint()
    return number


def begun(folder: Path) -> list[str]:
    return (folder / "begun").read_text().split() if (folder / "begun").exists() else []


def test_workers_come_with_the_work_and_go_when_it_is_done(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened() as pool:
            job = await pool.submit(partial(until_exists, tmp_path), 20)
            await until(lambda: len(pool.scheduler.workers) == 2)
            assert pool.scheduler.adaptive_target() == 2
            async with rpc(pool.scheduler.address) as remote:
                assert await remote.adaptive_target() == 2
            (tmp_path / "go").touch()
            assert (await pool.ended(job))["groups_done"] == 20
            assert pool.plugin.state.workers.startup_seconds["it"] > 0
            await until(lambda: not pool.scheduler.workers)
            first, second = pool.rows(tables.leases)
            assert (first.tier, first.price_per_hour, first.threads) == ("it", 1.0, 1)
            assert first.seconds > 0
            assert second.startup_seconds > 0
            async with asyncio.timeout(60):  # the processes end a little later than their leases
                while any((await pool.plugin.scaler.actuator.state()).values()):
                    await asyncio.sleep(0.02)

    asyncio.run(run())


BUDGET = {"SHOW": {"amount": 5}}


def test_workers_come_while_nobody_knows_what_was_spent(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(budgets=BUDGET) as pool:
            with pool.plugin.ledger.engine.begin() as connection:
                connection.exec_driver_sql("ALTER TABLE leases RENAME TO away")
            await pool.submit(partial(until_exists, tmp_path), 20)
            await until(lambda: len(pool.scheduler.workers) == 2, 20)

    asyncio.run(run())


def test_workers_come_while_a_slow_database_adds_up_what_was_spent(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIADASK_LEDGER", postgres.new_database())

    async def run() -> None:
        async with opened(budgets=BUDGET) as pool:
            with pool.plugin.ledger.engine.begin() as slow:
                slow.exec_driver_sql("LOCK TABLE leases IN ACCESS EXCLUSIVE MODE")
                pool.plugin.scaler._next_spent = 0.0
                pool.plugin.scaler.look_soon()
                await until(lambda: pool.plugin.scaler._adding_up is not None)  # it asks, and waits
                await pool.submit(partial(until_exists, tmp_path), 20)
                await until(lambda: len(pool.scheduler.workers) == 2, 30)

    asyncio.run(run())


def hold(go: Path) -> str:
    while not go.exists():
        time.sleep(0.005)
    return "done once"


def test_a_worker_that_runs_something_stays_until_it_has_ended(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened() as pool:
            job = await pool.submit(partial(until_exists, tmp_path), 20)
            await until(lambda: len(begun(tmp_path)) == 2)
            async with Client(pool.scheduler.address, asynchronous=True, set_as_default=False) as client:
                future = client.submit(hold, tmp_path / "go too", priority=1e12)
                await until(lambda: future.key in pool.scheduler.tasks)
                pool.plugin.driver.handle(CancelJob(job))
                await until(lambda: pool.scheduler.tasks[future.key].processing_on)
                busy = pool.scheduler.tasks[future.key].processing_on.address
                await until(lambda: len(pool.scheduler.workers) == 1)
                assert list(pool.scheduler.workers) == [busy]
                assert pool.scheduler.workers_to_close(n=1) == [], "nor may Dask's own tools take it"
                (tmp_path / "go too").touch()
                assert await future == "done once"
                assert pool.scheduler.tasks[future.key].suspicious == 0
                future.release()
            await until(lambda: not pool.scheduler.workers)

    asyncio.run(run())


def test_a_worker_with_something_paused_counts_as_busy(tmp_path: Path) -> None:
    (tmp_path / "front").mkdir()

    async def run() -> None:
        async with opened() as pool:
            behind = await pool.submit(partial(until_exists, tmp_path), 2, priority="background")
            await until(lambda: len(begun(tmp_path)) == 2)
            front = await pool.submit(partial(until_exists, tmp_path / "front"), 2)
            await until(lambda: len(begun(tmp_path / "front")) == 2)
            described = pool.plugin.state.job(behind).counts()
            assert (described["units_running"], described["units_paused"]) == (0, 2)
            assert all(each.running > 1 for each in pool.plugin.scaler.snapshot({}).workers)
            assert pool.scheduler.workers_to_close(n=2) == []
            (tmp_path / "front" / "go").touch()
            assert (await pool.ended(front))["groups_done"] == 2
            (tmp_path / "go").touch()
            assert (await pool.ended(behind))["groups_done"] == 2
            assert sorted(begun(tmp_path)) == ["0", "1"]

    asyncio.run(run())


def test_a_reclaimed_tier_is_evacuated_first(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened() as pool:
            job = await pool.submit(partial(until_exists, tmp_path), 2)
            await until(lambda: len(begun(tmp_path)) == 2)
            pool.plugin.scaler.reclaim("it")
            await until(lambda: not pool.scheduler.workers)
            assert [row.outcome for row in pool.rows(tables.attempts)] == ["rescheduled"] * 2
            (tmp_path / "go").touch()
            pool.plugin.scaler.reclaim("it", False)
            assert (await pool.ended(job))["groups_done"] == 2
            assert sorted(begun(tmp_path)) == ["0", "0", "1", "1"]

    asyncio.run(run())


def test_a_pool_learns_and_what_it_cost_adds_up(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened() as pool:
            (tmp_path / "go").touch()
            job = await pool.submit(partial(until_exists, tmp_path), 5)
            await pool.ended(job)
            assert pool.plugin.state.predictor.seconds("work", 1) < 10, "it knows better than it was told"
            await until(lambda: not pool.scheduler.workers)
            assert pool.plugin.ledger.flush()
            table = costs(pool.plugin.ledger.engine, pool.plugin.config)
            assert list(table["show"]) == ["SHOW"]
            assert table["total"].sum() == pytest.approx(table.attrs["leased"], rel=0.01)
            assert [known.kind for known in pool.plugin.ledger.learned()] == ["work"]

    asyncio.run(run())


def test_a_worker_that_others_are_about_to_end_gives_its_work_back_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        async with opened() as pool:
            job = await pool.submit(partial(until_exists, tmp_path), 2)
            await until(lambda: len(begun(tmp_path)) == 2)
            taken = next(iter(pool.scheduler.workers.values())).name
            actuator = pool.plugin.scaler.actuator
            assert actuator is not None
            end = Departure("evicted: its node is drained", is_taken=True, has_ended=False)
            monkeypatch.setattr(actuator, "leaving", lambda: {taken})
            monkeypatch.setattr(actuator, "departure", lambda name: end if name == taken else None)
            actuator.news.set()
            await until(lambda: taken not in {worker.name for worker in pool.scheduler.workers.values()})
            await until(lambda: len(begun(tmp_path)) == 3)
            (tmp_path / "go").touch()
            assert (await pool.ended(job))["status"] == "done"
            outcomes = sorted(each.outcome for each in pool.rows(tables.attempts))
            assert outcomes == ["done", "done", "rescheduled"]
            assert [each.name for each in pool.rows(tables.leases) if each.reason == end.reason] == [taken]

    asyncio.run(run())


def test_a_worker_that_is_known_to_have_ended_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connection stays, as that to a node which is lost does for a minute."""

    async def run() -> None:
        async with opened() as pool:
            job = await pool.submit(partial(until_exists, tmp_path), 2)
            await until(lambda: len(begun(tmp_path)) == 2)
            gone = next(iter(pool.scheduler.workers.values()))
            actuator = pool.plugin.scaler.actuator
            assert actuator is not None
            end = Departure("its node is gone", is_taken=True)
            monkeypatch.setattr(actuator, "departure", lambda name: end if name == gone.name else None)
            actuator.news.set()
            await until(lambda: gone.address not in pool.scheduler.workers)
            await until(lambda: len(begun(tmp_path)) == 3)
            (tmp_path / "go").touch()
            assert (await pool.ended(job))["status"] == "done"
            assert sorted(each.outcome for each in pool.rows(tables.attempts)) == [
                "done",
                "done",
                "rescheduled",
            ]
            assert [each.name for each in pool.rows(tables.leases) if each.reason == end.reason] == [
                gone.name
            ]

    asyncio.run(run())


def test_nothing_begins_while_the_workers_of_a_scheduler_that_closes_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, free = tmp_path / "kept", tmp_path / "free"
    kept.mkdir()
    free.mkdir()

    async def run() -> None:
        async with opened(name="house", grace=60) as pool:
            await pool.submit(partial(until_exists, kept), 1)
            job = await pool.submit(partial(until_exists, free), 1)
            await until(lambda: begun(kept) and begun(free))
            (free / "go").touch()
            await pool.ended(job)
            actuator = pool.plugin.scaler.actuator
            assert actuator is not None
            close = actuator.close

            async def one_by_one() -> None:
                [busy] = pool.plugin.state.batches.workers()
                await actuator.stop([str(pool.scheduler.workers[busy].name)])
                await until(lambda: busy not in pool.scheduler.workers)
                with suppress(TimeoutError):
                    await until(lambda: len(begun(kept)) == 2, 1)
                await close()

            monkeypatch.setattr(actuator, "close", one_by_one)
        assert len(begun(kept)) == 1

    asyncio.run(run())


def dies_once(folder: Path, number: int) -> int:
    if not (folder / "died").exists():
        (folder / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_why_a_worker_has_died_may_become_known_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        async with opened() as pool:
            job = await pool.submit(partial(dies_once, tmp_path), 1)
            assert (await pool.ended(job))["status"] == "done"
            died = min(pool.rows(tables.leases), key=lambda lease: lease.joined)
            actuator = pool.plugin.scaler.actuator
            assert actuator is not None
            end = Departure("out of memory: it may have 2Gi", is_taken=False)
            monkeypatch.setattr(actuator, "departure", lambda name: end if name == died.name else None)
            actuator.news.set()
            await until(lambda: end.reason in {each.reason for each in pool.rows(tables.leases)})
            assert sorted(each.outcome for each in pool.rows(tables.attempts)) == ["done", "lost"]

    asyncio.run(run())
