"""Units that hang and units that leak, on real clusters: named and set aside, and the pool goes on."""

from __future__ import annotations

import os
import time
from functools import partial
from typing import TYPE_CHECKING

import dask
import pandas as pd
import psutil
import pytest
from distributed import LocalCluster
from sqlalchemy import select

import mediadask as md
from mediadask.checkpoint import preparing
from mediadask.pool import Pool
from mediadask.pool.ledger.tables import attempts, open_database
from tests.pool.waiting import WAIT, see

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LIMIT_BYTES = 400_000_000

hoard: list[bytes] = []


def tried(pool: Pool) -> pd.DataFrame:
    """All attempts that the ledger knows."""
    pool.costs()  # written until here
    engine = open_database()
    with engine.connect() as connection:
        return pd.read_sql(select(attempts), connection)


def hangs(number: int) -> int:
    while number == 2:
        time.sleep(0.1)
    return number


def until_exists(folder: Path, number: int) -> int:
    with (folder / "begun").open("a") as begun:
        begun.write(f"{number}\n")
    while not (folder / "go").exists():
        time.sleep(0.005)
        md.checkpoint()
    return number


def silent_for_seconds(number: int) -> int:
    time.sleep(2)
    return number


def fill(share: float) -> None:
    """Until the process holds so much of its limit."""
    while psutil.Process().memory_info().rss < share * LIMIT_BYTES:
        hoard.append(os.urandom(4_000_000))


def leaks(number: int) -> int:
    while number == 2:
        fill(psutil.Process().memory_info().rss / LIMIT_BYTES + 0.05)
        time.sleep(0.05)
        md.checkpoint()
    return number


def leaves_much_behind(number: int) -> int:
    if number == 0:
        fill(0.88)
    return number


def fills_until_exists(folder: Path, number: int) -> int:
    fill(0.7)
    until_exists(folder, number)
    hoard.clear()
    return number


def test_a_unit_that_hangs_is_flagged_tried_again_and_set_aside() -> None:
    with dask.config.set({"mediadask.hang-after": "1s"}), Pool.local(workers=2) as pool:
        work = md.delivery(hangs, range(4), name="sticky", seconds=0.01)
        report = pool.submit(work).result(WAIT)
        table = tried(pool)
    assert report.results == [0, 1, 3]
    (failed,) = report.failures
    assert failed.name == "2"
    assert "taken to hang, 2 times; set aside" in failed.failure.error
    replaced = table[table["outcome"] == "replaced"]
    assert len(replaced) == 2
    assert replaced["error"].str.contains("no checkpoint for").all()


def prepares_until_exists(folder: Path, number: int) -> int:
    with preparing():
        while not (folder / "go").exists():
            time.sleep(0.005)
    return number


def test_a_unit_that_makes_something_ready_is_not_taken_to_hang(tmp_path: Path) -> None:
    """Beside one that is, for as long as that takes to be tried twice."""
    with dask.config.set({"mediadask.hang-after": "1s"}), Pool.local(workers=2) as pool:
        ready = md.delivery(partial(prepares_until_exists, tmp_path), [0], name="ready", seconds=0.01)
        job = pool.submit(ready)
        see(job, units_running=1)
        assert pool.submit(md.delivery(hangs, [2], name="sticky", seconds=0.01)).result(WAIT).failures
        (tmp_path / "go").touch()
        assert job.result(WAIT).results == [0]
        table = tried(pool)
    assert table[table["kind"] == "ready"]["outcome"].tolist() == ["done"]


def hangs_first(folder: Path, number: int) -> int:
    """Hangs the first time; the second lets all others go."""
    if not (folder / "tried").exists():
        (folder / "tried").touch()
        time.sleep(10 * WAIT)
    (folder / "go").touch()
    return number


def deaf_until_exists(folder: Path, number: int) -> int:
    with (folder / "begun").open("a") as begun:
        begun.write(f"{number}\n")
    while not (folder / "go").exists():
        time.sleep(0.005)
    return number


@pytest.mark.parametrize(("others", "units"), [(until_exists, 3), (deaf_until_exists, 1)])
def test_a_worker_of_several_threads_is_replaced_whatever_else_it_runs(
    others: Callable[..., int], units: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mediadask.pool.core.hanging.OTHERS_SECONDS", 2.0)
    with dask.config.set({"mediadask.hang-after": "3s"}), Pool.local(workers=1, threads=2) as pool:
        work = md.delivery(partial(hangs_first, tmp_path), [0], name="sticky", seconds=0.01)
        sticky = pool.submit(work, priority="urgent")
        see(sticky, units_running=1)
        beside = pool.submit(md.delivery(partial(others, tmp_path), range(units), name="beside"))
        see(beside, units_running=1)
        assert sticky.result(WAIT).results == [0]
        assert beside.result(WAIT).results == list(range(units))
        table = tried(pool)
    assert table[table["kind"] == "sticky"]["outcome"].tolist() == ["replaced", "done"]
    outcomes = set(table[table["kind"] == "beside"]["outcome"])
    assert outcomes == {"rescheduled", "done"}, "nobody else is to blame"


def test_nothing_hangs_that_nobody_knows_the_length_of() -> None:
    settings = {"mediadask.hang-after": "0s", "mediadask.hang-factor": 1.1}
    with dask.config.set(settings), Pool.local(workers=1) as pool:
        pool.submit(md.delivery(silent_for_seconds, [0], name="new kind")).result(WAIT)
        assert tried(pool)["outcome"].tolist() == ["done"]


@pytest.fixture
def small_pool(spawned_workers: None) -> Iterator[Pool]:
    """One worker of little memory, in which nothing is yet that it does not need."""
    with (
        LocalCluster(
            n_workers=1,
            threads_per_worker=1,
            memory_limit=LIMIT_BYTES,
            dashboard_address="127.0.0.1:0",
            silence_logs="CRITICAL",
        ) as cluster,
        Pool.connect(cluster.scheduler_address) as pool,
    ):
        yield pool


def test_a_unit_that_leaks_is_set_aside_and_the_rest_goes_on(small_pool: Pool) -> None:
    report = small_pool.submit(md.delivery(leaks, range(5), name="leaks")).result(WAIT)
    assert report.results == [0, 1, 3, 4]
    (failed,) = report.failures
    assert failed.name == "2"
    assert "check its input and memory" in failed.failure.error


def test_a_worker_that_a_leak_has_filled_is_replaced(small_pool: Pool) -> None:
    report = small_pool.submit(md.delivery(leaves_much_behind, range(5), name="untidy")).result(WAIT)
    assert report.results == list(range(5))


def test_a_worker_short_of_memory_gives_back_what_stands_aside(small_pool: Pool, tmp_path: Path) -> None:
    (tmp_path / "front").mkdir()
    behind = small_pool.submit(
        md.delivery(partial(until_exists, tmp_path), [0], name="b"), priority="background"
    )
    see(behind, units_running=1)
    work = partial(fills_until_exists, tmp_path / "front")
    front = small_pool.submit(md.delivery(work, [0], name="f"), priority="urgent")
    see(front, units_running=1)
    see(behind, units_running=0, units_paused=0)
    (tmp_path / "front" / "go").touch()
    (tmp_path / "go").touch()
    assert front.result(WAIT).failures == []
    assert behind.result(WAIT).results == [0]
    assert (tmp_path / "begun").read_text().split() == ["0", "0"]
    assert tried(small_pool)["outcome"].tolist().count("rescheduled") == 1
