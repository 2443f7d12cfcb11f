"""Short units that share a slot, on a real cluster: nobody waits behind them."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

import mediadask as md
from mediadask.pool import Job, Pool
from mediadask.pool.core.deliveries import BATCH_UNITS
from tests.pool.waiting import WAIT, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool.local(workers=2) as pool:
        yield pool


def note(folder: Path, number: int) -> int:
    with (folder / "ran").open("a") as noted:
        noted.write(f"{number}\n")
    return number


def ran(folder: Path) -> list[int]:
    return [int(line) for line in (folder / "ran").read_text().split()]


def one_waits(folder: Path, number: int) -> int:
    note(folder, number)
    while number == 40 and not (folder / "go").exists():
        time.sleep(0.005)
    return number


def nap(folder: Path, number: int) -> int:
    """A short one, of which only the first hundred end before the test goes on."""
    while number >= 100 and not (folder / "go").exists():
        time.sleep(0.005)
    time.sleep(0.02)
    return note(folder, number)


def one_is_deadly(folder: Path, number: int) -> int:
    note(folder, number)
    if number == 150:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def see_done(job: Job, units: int) -> None:
    eventually(lambda: job.progress.units_done >= units, job)


def test_every_short_unit_runs_once_and_results_come_in_order(pool: Pool, tmp_path: Path) -> None:
    report = pool.submit(md.delivery(partial(note, tmp_path), range(1000), name="notes")).result(WAIT)
    assert report.results == list(range(1000))
    assert sorted(ran(tmp_path)) == list(range(1000))


def test_nobody_waits_behind_one_that_takes_longer_than_thought(pool: Pool, tmp_path: Path) -> None:
    job = pool.submit(md.delivery(partial(one_waits, tmp_path), range(200), name="one is long"))
    see_done(job, 199)
    (tmp_path / "go").touch()
    assert job.result(WAIT).results == list(range(200))
    assert sorted(ran(tmp_path)) == list(range(200)), "what waited behind it ran elsewhere, once"


def test_urgent_work_passes_between_short_units_without_checkpoints(pool: Pool, tmp_path: Path) -> None:
    behind = pool.submit(md.delivery(partial(nap, tmp_path), range(400), name="naps"), priority="background")
    see_done(behind, 20)
    front = pool.submit(
        md.delivery(partial(note, tmp_path), range(1000, 1020), name="pull"), priority="urgent"
    )
    (tmp_path / "go").touch()
    assert front.result(WAIT).results == list(range(1000, 1020))
    assert behind.result(WAIT).results == list(range(400))
    order = ran(tmp_path)
    assert sorted(order) == [*range(400), *range(1000, 1020)]
    last = max(order.index(number) for number in range(1000, 1020))
    assert max(order.index(number) for number in range(400)) > last, "it did not wait for all naps"


def test_cancelling_stops_between_short_units(pool: Pool, tmp_path: Path) -> None:
    job = pool.submit(md.delivery(partial(nap, tmp_path), range(2000), name="cancelled naps"))
    see_done(job, 20)
    job.cancel()
    (tmp_path / "go").touch()
    (tmp_path / "after").mkdir()
    after = md.delivery(partial(note, tmp_path / "after"), [0], name="after")
    assert pool.submit(after).result(WAIT).results == [0]
    assert len(ran(tmp_path)) < 1000


def test_the_deadly_one_is_found_among_those_it_shared_a_slot_with(pool: Pool, tmp_path: Path) -> None:
    work = md.delivery(partial(one_is_deadly, tmp_path), range(300), name="one is deadly")
    report = pool.submit(work).result(WAIT)
    assert [outcome.name for outcome in report.failures] == ["150"]
    assert len(report.results) == 299
    numbers = ran(tmp_path)
    assert numbers.count(150) == 2
    again = {number for number in numbers if numbers.count(number) > 1}
    assert len(again) <= BATCH_UNITS, "only those whose end was not reported yet"
