"""Dask collections as jobs of a pool: computed where they are, ordered by class, booked like all work."""

from __future__ import annotations

import os
import signal
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

import dask
import dask.array
import numpy as np
import pytest
import xarray as xr
from dask import delayed
from dask.base import DaskMethodsMixin

import mediadask as md
from mediadask.errors import InvalidRequest, MediaError
from mediadask.pool import Pool
from mediadask.pool.scheduler import PoolPlugin
from tests.pool.waiting import WAIT, eventually, see

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from distributed import Scheduler


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool.local(workers=2) as pool:
        yield pool


def until_exists(gate: Path, number: int) -> int:
    while not gate.exists():
        time.sleep(0.005)
    return number


def note(folder: Path, number: int) -> int:
    with (folder / "ran").open("a") as ran:
        ran.write(f"{number}\n")
    return number


def fail() -> None:
    raise ZeroDivisionError("by nothing")


def test_arrays_and_datasets_come_back_computed(pool: Pool) -> None:
    pixels = dask.array.random.default_rng(1).random((64, 64), chunks=16)
    job = pool.compute(pixels.T @ pixels, name="covariance", show="LAB", priority="background")
    assert (job.name, job.show, job.priority) == ("covariance", "LAB", "background")
    np.testing.assert_allclose(job.result(WAIT), (pixels.T @ pixels).compute(scheduler="sync"))
    assert job.status == "done"
    assert job.progress.units_done == job.progress.units > 16
    assert job.progress.fraction == 1
    dataset = xr.Dataset({"a": ("x", np.arange(100))}).chunk(x=10)
    xr.testing.assert_identical(
        pool.compute(dataset.sum()).result(WAIT), dataset.sum().compute(scheduler="sync")
    )


def test_it_is_in_turnaround_and_cost_and_found_by_others(pool: Pool) -> None:
    work = [delayed(time.sleep)(0.05) for _ in range(8)]
    job = pool.compute(delayed(list)(work), name="naps of a graph", show="NAPS")
    assert job.wait(WAIT)
    with Pool.connect(pool.address) as other:
        assert other.job("naps of a graph").result(WAIT) == [None] * 8
    hours = pool.costs().set_index("show").loc["NAPS", "compute_hours"]
    assert hours * 3600 >= 8 * 0.05
    assert pool.turnaround("kind").set_index("kind").loc["naps of a graph", "jobs"] == 1


def test_classes_order_graphs_among_deliveries(pool: Pool, tmp_path: Path) -> None:
    gates = [tmp_path / "held", tmp_path / "gate"]
    for gate in gates:  # one slot stays held: of two, either may be late with what it began
        block = pool.submit(md.delivery(partial(until_exists, gate), [0], name="block"), priority="urgent")
        see(block, units_running=1)
    each = partial(delayed(note, pure=False), tmp_path)
    low = pool.compute(delayed(list)([each(number) for number in range(10)]), priority="background")
    see(low, units_queued=10)
    high = pool.compute(delayed(list)([each(number) for number in range(20, 30)]), priority="urgent")
    see(high, units_queued=10)
    middle = pool.submit(md.delivery(partial(note, tmp_path), range(10, 20), name="middle"))
    eventually(lambda: middle.progress.units_queued)
    raised = pool.compute(delayed(list)([each(number) for number in range(30, 40)]), priority="background")
    see(raised, units_queued=10)
    raised.reprioritize("urgent")
    gates[1].touch()
    for job in (low, high, middle, raised):
        assert job.wait(WAIT)
    gates[0].touch()
    order = [int(line) // 10 for line in (tmp_path / "ran").read_text().split()]
    assert order[:20] == [2] * 10 + [3] * 10
    places = {of: [place for place, which in enumerate(order) if which == of] for of in (0, 1)}
    assert median(places[1]) < median(places[0]), "while the window fills, a slot takes from behind"


def patient(gate: Path, number: int) -> int:
    while not gate.exists():
        time.sleep(0.005)
        md.checkpoint()
    return number


def test_progress_of_a_graph_is_by_its_tasks(pool: Pool, tmp_path: Path) -> None:
    waits = delayed(patient, pure=False)(tmp_path / "go", 0)
    others = [delayed(note, pure=False)(tmp_path, number) for number in range(3)]
    job = pool.compute(delayed(list)([waits, *others]))
    eventually(lambda: job.progress.fraction == pytest.approx(3 / 5), job)
    (tmp_path / "go").touch()
    assert job.wait(WAIT)
    assert job.progress.fraction == 1


def frame_by_frame(number: int) -> int:
    for _ in range(20):
        time.sleep(0.01)
        md.checkpoint()
    return number


def test_the_pool_is_sized_for_a_graph_as_for_its_job(pool: Pool, tmp_path: Path) -> None:
    def sized(dask_scheduler: Scheduler) -> list[tuple[str, int, int, bool]]:
        works = dask_scheduler.plugins[PoolPlugin.name].scaler.snapshot({}).work
        mine = [work for work in works if work.show == "AGM"]
        return [(each.priority, each.units, each.running, each.deadline_seconds is None) for each in mine]

    gates = [delayed(until_exists, pure=False)(tmp_path / "go", number) for number in range(5)]
    deadline = datetime.now(UTC) + timedelta(hours=1)
    job = pool.compute(delayed(list)(gates), show="AGM", priority="urgent", deadline=deadline)
    eventually(lambda: pool.client.run_on_scheduler(sized) == [("urgent", 5, 2, False)], job)
    (tmp_path / "go").touch()
    assert job.result(WAIT) == [0, 1, 2, 3, 4]


def test_units_of_a_lower_class_step_aside_for_a_graph(pool: Pool, tmp_path: Path) -> None:
    behind = pool.submit(
        md.delivery(partial(patient, tmp_path / "go"), range(2), name="behind"), priority="background"
    )
    see(behind, units_running=2)
    pixels = dask.array.ones((40, 40), chunks=10)
    # Only by stepping aside can they let it pass: they wait for a file that is written after it.
    assert pool.compute(pixels.sum(), priority="urgent").result(WAIT) == 1600
    assert behind.status == "running"
    (tmp_path / "go").touch()
    assert behind.result(WAIT).results == [0, 1]


def test_a_graph_that_fits_no_worker_says_so_and_stops_no_lower_class(pool: Pool) -> None:
    with dask.annotate(resources={"GPU": 1}):
        unfit = delayed(sum)([1, 2])
    job = pool.compute(unfit, priority="urgent")
    see(job, units_queued=1)
    behind = pool.submit(md.delivery(frame_by_frame, range(4), name="behind"), priority="background")
    assert behind.result(WAIT).results == [0, 1, 2, 3]
    told = "no worker fits 1 of its tasks: bring one with GPU=1, or cancel the job"
    assert job.progress.notice == told
    job.cancel()


def test_its_tasks_are_in_the_metrics(pool: Pool, tmp_path: Path) -> None:
    job = pool.compute(delayed(until_exists)(tmp_path / "go", 1), priority="urgent")
    see(job, units_running=1)
    with urllib.request.urlopen(f"{pool.dashboard.rsplit('/', 1)[0]}/metrics") as metrics:
        assert 'mediadask_units{priority="urgent",state="running"} 1.0' in metrics.read().decode()
    (tmp_path / "go").touch()
    assert job.result(WAIT) == 1


def test_what_fails_says_why_and_what_is_cancelled_stops(pool: Pool, tmp_path: Path) -> None:
    failed = pool.compute(delayed(fail)(), name="broken")
    with pytest.raises(MediaError, match="broken: ZeroDivisionError: by nothing"):
        failed.result(WAIT)
    assert failed.status == "failed"
    endless = pool.compute(
        delayed(list)([delayed(until_exists)(tmp_path / "go", number) for number in range(20)])
    )
    see(endless, units_running=2)
    endless.cancel()
    assert endless.status == "cancelled"
    (tmp_path / "go").touch()
    assert pool.compute(delayed(sum)([1, 2])).result(WAIT) == 3
    with pytest.raises(InvalidRequest, match="a list is no Dask collection"):
        pool.compute([1, 2])


class Breaks(DaskMethodsMixin):
    """A collection whose graph cannot be made where the scheduler runs."""

    def __init__(self, there: bool = False) -> None:
        self.there = there

    def __reduce__(self) -> tuple[type, tuple[bool]]:
        return Breaks, (True,)

    def __dask_graph__(self) -> dict[str, int]:
        if self.there:
            raise RuntimeError("the catalog is away")
        return {"x": 1}


def test_a_graph_that_cannot_be_entered_fails_with_a_line_and_stops_no_other(pool: Pool) -> None:
    broken = pool.compute(Breaks(), name="broken")
    assert pool.submit(md.delivery(abs, [-1], name="whole")).result(WAIT).results == [1]
    with pytest.raises(MediaError, match="broken: RuntimeError: the catalog is away"):
        broken.result(WAIT)
    assert broken.progress.error == "RuntimeError: the catalog is away"


def where(folder: Path, number: int) -> int:
    with (folder / f"pids {number}").open("a") as pids:
        pids.write(f"{os.getpid()}\n")
    return number


def gather(folder: Path, parts: list[int]) -> list[int]:
    where(folder, 99)
    return [until_exists(folder / "go", part) for part in parts]


def test_what_is_computed_again_is_counted_once(pool: Pool, tmp_path: Path) -> None:
    parts = [delayed(where, pure=False)(tmp_path, number) for number in range(4)]
    job = pool.compute(delayed(gather)(tmp_path, parts))
    eventually((tmp_path / "pids 99").exists)
    see(job, units_done=4)
    os.kill(int((tmp_path / "pids 99").read_text()), signal.SIGKILL)
    eventually(lambda: len((tmp_path / "pids 99").read_text().split()) == 2)
    (tmp_path / "go").touch()
    assert job.result(WAIT) == [0, 1, 2, 3]
    again = [len((tmp_path / f"pids {number}").read_text().split()) for number in range(4)]
    assert max(again) == 2, "some result was lost with the worker"
    assert job.progress.units_done == job.progress.units


def test_a_restart_of_dask_begins_it_again(pool: Pool, tmp_path: Path) -> None:
    job = pool.compute(delayed(until_exists)(tmp_path / "go", 7))
    see(job, units_running=1)
    pool.client.restart(timeout=WAIT)
    (tmp_path / "go").touch()
    assert job.result(WAIT) == 7
