"""Scaling a real scheduler: workers come for work and leave when idle, and their leases are booked."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from distributed import Client, Scheduler
from distributed.core import rpc
from mediadask.pool.scheduler.bookkeeping import Bookkeeper
from sqlalchemy import select

from mediadask.pool.config import load_config
from mediadask.pool.history import Attempt, AttemptEnded, JobSubmitted
from mediadask.pool.ledger import tables
from mediadask.pool.ledger.costs import costs
from mediadask.pool.ledger.ledger import Ledger
from mediadask.pool.scaling.local_workers import LocalWorkers
from mediadask.pool.scaling.policy import Work
from mediadask.pool.scheduler.scaler import Scaler

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.pool.conftest import PostgresServer


async def until(condition: Callable[[], object], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


class Bench:
    def __init__(self, scheduler: Scheduler, books: Bookkeeper, scaler: Scaler) -> None:
        self.scheduler, self.books, self.scaler = scheduler, books, scaler

    def leases(self) -> list:
        assert self.books.ledger.flush()
        with self.books.ledger.engine.connect() as connection:
            return list(connection.execute(select(tables.leases)))


@asynccontextmanager
async def bench(
    ledger_at: Path | str, work: list[Work], budgets: dict | None = None, **options
) -> AsyncIterator[Bench]:
    tier = {"kind": "local", "price-per-hour": 1.0, "maximum": 2, "startup": 1}
    config = load_config({"tiers": {"local": None, "it": tier}, "grace": 0.5, "budgets": budgets or {}})
    ledger = Ledger(str(ledger_at / "ledger.sqlite" if isinstance(ledger_at, Path) else ledger_at))
    async with Scheduler(host="127.0.0.1", port=0, dashboard_address="127.0.0.1:0") as scheduler:
        books = Bookkeeper(config, ledger)
        await scheduler.register_scheduler_plugin(books, idempotent=True)
        scaler = Scaler(books, LocalWorkers(scheduler.address, config.tiers), lambda: work, **options)
        await scheduler.register_scheduler_plugin(scaler, idempotent=True)
        yield Bench(scheduler, books, scaler)
    await books.close()


def test_workers_come_with_the_work_and_go_when_it_is_done(tmp_path: Path) -> None:
    async def run() -> None:
        work = [Work("urgent", 100, 1000.0, 10.0)]
        async with bench(tmp_path, work) as pool:
            await until(lambda: len(pool.scheduler.workers) == 2)
            assert pool.scheduler.adaptive_target() == 2
            async with rpc(pool.scheduler.address) as remote:
                assert await remote.adaptive_target() == 2
            assert pool.books.startup_seconds["it"] > 0
            work.clear()
            await until(lambda: not pool.scheduler.workers)
            first, second = pool.leases()
            assert (first.tier, first.price_per_hour, first.threads) == ("it", 1.0, 1)
            assert first.seconds > 0
            assert second.startup_seconds > 0
            async with asyncio.timeout(60):  # the processes end a little later than their leases
                while any((await pool.scaler.actuator.state()).values()):
                    await asyncio.sleep(0.02)

    asyncio.run(run())


def test_workers_come_while_nobody_knows_what_was_spent(tmp_path: Path) -> None:
    async def run() -> None:
        work: list[Work] = []
        async with bench(tmp_path, work, budgets={"SHOW": {"amount": 5}}) as pool:
            with pool.books.ledger.engine.begin() as connection:
                connection.exec_driver_sql("ALTER TABLE leases RENAME TO away")
            work.append(Work("urgent", 100, 1000.0, 10.0))
            await until(lambda: len(pool.scheduler.workers) == 2, 20)

    asyncio.run(run())


def test_workers_come_while_a_slow_database_adds_up_what_was_spent(postgres: PostgresServer) -> None:
    url = postgres.new_database()

    async def run() -> None:
        work: list[Work] = []
        async with bench(url, work, budgets={"SHOW": {"amount": 5}}) as pool:
            with pool.books.ledger.engine.begin() as slow:
                slow.exec_driver_sql("LOCK TABLE leases IN ACCESS EXCLUSIVE MODE")
                pool.scaler._next_spent = 0.0
                pool.scaler.look_soon()
                await asyncio.sleep(0.5)  # until it asks, and waits
                work.append(Work("urgent", 100, 1000.0, 10.0))
                await until(lambda: len(pool.scheduler.workers) == 2, 30)

    asyncio.run(run())


def hold(seconds: float) -> str:
    time.sleep(seconds)
    return "done once"


def test_a_worker_that_runs_something_stays_until_it_has_ended(tmp_path: Path) -> None:
    async def run() -> None:
        work = [Work("urgent", 100, 1000.0, 10.0)]
        async with bench(tmp_path, work) as pool:
            await until(lambda: len(pool.scheduler.workers) == 2)
            async with Client(pool.scheduler.address, asynchronous=True, set_as_default=False) as client:
                future = client.submit(hold, 4)
                await until(lambda: any(ws.processing for ws in pool.scheduler.workers.values()))
                (busy,) = [ws.address for ws in pool.scheduler.workers.values() if ws.processing]
                work.clear()
                await until(lambda: len(pool.scheduler.workers) == 1)
                assert list(pool.scheduler.workers) == [busy]
                assert pool.scheduler.workers_to_close(n=1) == [], "nor may Dask's own tools take it"
                assert await future == "done once"
                assert pool.scheduler.tasks[future.key].suspicious == 0
                future.release()
            await until(lambda: not pool.scheduler.workers)

    asyncio.run(run())


def test_a_worker_with_something_paused_is_kept(tmp_path: Path) -> None:
    async def run() -> None:
        work = [Work("urgent", 100, 1000.0, 10.0)]
        kept: list[str] = []
        async with bench(tmp_path, work, kept=lambda: kept) as pool:
            await until(lambda: len(pool.scheduler.workers) == 2)
            kept.append(next(iter(pool.scheduler.workers)))
            work.clear()
            await until(lambda: len(pool.scheduler.workers) == 1)
            assert list(pool.scheduler.workers) == kept
            kept.clear()
            await until(lambda: not pool.scheduler.workers)

    asyncio.run(run())


def test_a_reclaimed_tier_is_evacuated_first(tmp_path: Path) -> None:
    async def run() -> None:
        work = [Work("urgent", 100, 1000.0, 10.0)]
        evacuated: list[str] = []

        async def evacuate(addresses: list[str]) -> None:
            evacuated.extend(addresses)

        async with bench(
            tmp_path, work, kept=lambda: list(pool.scheduler.workers), evacuate=evacuate
        ) as pool:
            await until(lambda: len(pool.scheduler.workers) == 2)
            there = set(pool.scheduler.workers)
            pool.scaler.reclaimed.add("it")
            await until(lambda: not pool.scheduler.workers)
            assert set(evacuated) == there

    asyncio.run(run())


def test_the_books_learn_and_add_up(tmp_path: Path) -> None:
    async def run() -> None:
        work = [Work("urgent", 1, 1.0, 1.0)]
        async with bench(tmp_path, work) as pool:
            await until(lambda: pool.scheduler.workers)
            (worker,) = pool.scheduler.workers.values()
            pool.books.record(JobSubmitted(job="j", name="n", show="SHOW", priority="urgent"))
            for number in range(3):
                pool.books.record(
                    AttemptEnded(
                        attempt=Attempt(
                            id=f"a{number}", job="j", unit="u", kind="burn", frames=2,
                            worker=worker.server_id,
                        ),
                        outcome="done", run_seconds=0.01,
                    )
                )  # fmt: skip
            assert pool.books.predictor.seconds("burn", 4) == pytest.approx(0.02)
            work.clear()
            await until(lambda: not pool.scheduler.workers)
            assert pool.books.ledger.flush()
            table = costs(pool.books.ledger.engine, pool.books.config)
            assert list(table["show"]) == ["SHOW"]
            assert table["total"].sum() == pytest.approx(table.attrs["leased"], rel=0.01)
            assert [known.kind for known in pool.books.ledger.learned()] == ["burn"]

    asyncio.run(run())
