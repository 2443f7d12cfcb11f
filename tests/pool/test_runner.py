"""What a worker keeps of batches: none whose task never comes, and no slot for one that it does not have."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from distributed import Status
from distributed.protocol.pickle import dumps

import mediadask as md
from mediadask import dask_api
from mediadask.delivery import Unit
from mediadask.pool import Pool
from mediadask.pool.reports import FramesDone, UnitBegan
from mediadask.pool.worker.batch import RunningBatch
from mediadask.pool.worker.runner import INSTRUCTIONS, UNITS, UnitRunner, run_batch
from tests.pool.waiting import WAIT, eventually, see

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


def set_own_status(status: str, dask_worker: Worker) -> None:
    """As a worker does whose memory is full, or no longer."""
    dask_worker.memory_manager.memory_pause_fraction = False  # it does not look for itself
    dask_worker.status = Status[status]


def set_status(status: str, dask_scheduler: Scheduler) -> None:
    """What the scheduler takes the only worker for."""
    (worker,) = dask_scheduler.workers
    {"running": dask_api.unpause_worker, "paused": dask_api.pause_worker}[status](dask_scheduler, worker)


def forget_what_it_said(dask_scheduler: Scheduler) -> None:
    """As if the worker's word that it is full were still on its way."""
    dask_scheduler.extensions["mediadask-paused-themselves"].clear()
    set_status("running", dask_scheduler)


def is_used(dask_scheduler: Scheduler) -> bool:
    return bool(dask_scheduler.running)


def test_what_is_sent_to_a_worker_that_is_just_full_comes_back(pool: Pool) -> None:
    ask = pool.client.run_on_scheduler
    pool.client.run(partial(set_own_status, "paused"))
    eventually(lambda: not ask(is_used))
    ask(forget_what_it_said)
    job = pool.submit(md.delivery(abs, [-1], name="sent"))
    see(job, units_running=1)
    ask(partial(set_status, "paused"))
    see(job, units_running=0)
    pool.client.run(partial(set_own_status, "running"))
    assert job.result(WAIT).results == [1]


def test_a_task_that_finds_no_units_frees_its_slot_at_once(pool: Pool) -> None:
    assert pool.client.submit(run_batch, "unknown").result(WAIT) is None
    assert pool.submit(md.delivery(abs, [-1], name="after")).result(WAIT).results == [1]


def test_what_a_unit_makes_ready_is_reported_as_long_as_it_takes() -> None:
    batch = RunningBatch("unit-1", 1, b"")
    batch.begin(0)
    batch.look_after()
    assert batch.take_reports() == [UnitBegan(0)]
    batch.prepare(begins=True)
    for _ in range(3):
        batch.look_after()
        assert batch.take_reports() == [FramesDone(0, 0)]
    batch.prepare(begins=False)
    batch.look_after()
    assert batch.take_reports() == []
