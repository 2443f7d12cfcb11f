"""What a worker keeps of batches: none whose task never comes, and no slot for one that it does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from distributed.protocol.pickle import dumps

import mediadask as md
from mediadask.delivery import Unit
from mediadask.pool import Pool
from mediadask.pool.worker.runner import INSTRUCTIONS, UNITS, UnitRunner, run_batch
from tests.pool.waiting import WAIT, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Scheduler, Worker


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool.local(workers=1) as pool:
        yield pool


def arrived(dask_worker: Worker) -> list[str]:
    runner: UnitRunner = dask_worker.plugins[UnitRunner.name]
    return list(runner.arrived)


def send_units(dask_scheduler: Scheduler) -> None:
    (worker,) = dask_scheduler.workers
    payload = dumps([(Unit(abs, (-1,)), None)])
    dask_scheduler.worker_send(worker, {"op": UNITS, "batch": "unit-1", "units": 1, "payload": payload})


def evict(dask_scheduler: Scheduler) -> None:
    """As for a batch whose task lost its slot before it began."""
    (worker,) = dask_scheduler.workers
    told = {"instructions": {"unit-1": "evict"}, "cancelled": {}}
    dask_scheduler.worker_send(worker, {"op": INSTRUCTIONS, **told})


def test_a_batch_whose_task_never_comes_is_forgotten(pool: Pool) -> None:
    eventually(lambda: list(pool.client.run(arrived).values()) == [[]])  # its worker is there
    pool.client.run_on_scheduler(send_units)
    eventually(lambda: list(pool.client.run(arrived).values()) == [["unit-1"]])
    pool.client.run_on_scheduler(evict)
    eventually(lambda: list(pool.client.run(arrived).values()) == [[]])


def test_a_task_that_finds_no_units_frees_its_slot_at_once(pool: Pool) -> None:
    assert pool.client.submit(run_batch, "unknown").result(WAIT) is None
    assert pool.submit(md.delivery(abs, [-1], name="after")).result(WAIT).results == [1]
