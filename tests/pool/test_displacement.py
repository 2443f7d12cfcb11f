"""Who steps aside for whom, on a real cluster; `core/test_displacement.py` has the decisions."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

import mediadask as md
from mediadask.pool import Pool
from tests.pool.waiting import WAIT, eventually, see

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def frames_of(folder: Path, number: int) -> int:
    """A clip of 40 frames, each noted when it is computed; waits at frame 5 until it is let go."""
    for frame in range(40):
        with (folder / f"clip {number}").open("a") as computed:
            computed.write(f"{frame}\n")
        while frame == 5 and not (folder / "go").exists():
            time.sleep(0.002)
            md.checkpoint()
        md.checkpoint()
    return number


def short(number: int) -> int:
    return number


def stubborn(folder: Path, number: int) -> int:
    while not (folder / "go").exists():
        time.sleep(0.002)
    return number


def computed(folder: Path) -> list[list[int]]:
    return [[int(frame) for frame in path.read_text().split()] for path in sorted(folder.glob("clip *"))]


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool.local(workers=2) as pool:
        yield pool


def test_an_urgent_job_passes_running_work_which_goes_on_where_it_stopped(pool: Pool, tmp_path: Path) -> None:
    behind = pool.submit(
        md.delivery(partial(frames_of, tmp_path), range(4), name="clips"), priority="background"
    )
    see(behind, units_running=2)
    urgent = pool.submit(md.delivery(short, range(30), name="pull"), priority="urgent")
    # Only by stepping aside can the clips let it pass: they wait for a file that is written after it.
    report = urgent.result(WAIT)
    assert report.failures == [], report.failures[0]
    assert report.results == list(range(30))
    assert behind.status == "running"
    (tmp_path / "go").touch()
    assert behind.result(WAIT).results == list(range(4))
    assert computed(tmp_path) == [list(range(40))] * 4, "every frame once, in order"


def test_three_classes_stack(pool: Pool, tmp_path: Path) -> None:
    jobs = {}
    for priority in ("background", "normal", "urgent"):
        (tmp_path / priority).mkdir()
        work = md.delivery(partial(frames_of, tmp_path / priority), range(2), name=priority)
        jobs[priority] = pool.submit(work, priority=priority)
        see(jobs[priority], units_running=2)
    see(jobs["background"], units_paused=2)
    see(jobs["normal"], units_paused=2)
    for priority in ("urgent", "normal", "background"):
        (tmp_path / priority / "go").touch()
        assert jobs[priority].result(WAIT).failures == []
        assert computed(tmp_path / priority) == [list(range(40))] * 2


def test_a_job_may_be_raised_over_what_runs(pool: Pool, tmp_path: Path) -> None:
    behind = pool.submit(md.delivery(partial(frames_of, tmp_path), range(2), name="clips"))
    see(behind, units_running=2)
    other = pool.submit(md.delivery(short, range(20), name="pull"), priority="background")
    eventually(lambda: other.progress.units_queued)
    other.reprioritize("urgent")
    assert other.wait(WAIT)
    (tmp_path / "go").touch()
    assert behind.result(WAIT).failures == []


def through_the_pool(address: str, folder: Path, priority: str, number: int) -> int:
    """Has another job of the same pool do it."""
    (folder / f"begun {number}").touch()
    everyone = [folder / f"begun {n}" for n in range(2)]
    while not all(path.exists() for path in everyone):
        time.sleep(0.002)
    with Pool.connect(address) as pool:
        inner = pool.submit(md.delivery(short, [number], name=f"inner {priority}"), priority=priority)
        return inner.result(WAIT).results[0]


def test_units_that_wait_for_more_urgent_jobs_make_way_for_them(pool: Pool, tmp_path: Path) -> None:
    work = partial(through_the_pool, pool.address, tmp_path, "urgent")
    assert pool.submit(md.delivery(work, range(2), name="outer")).result(WAIT).results == [0, 1]


def test_units_that_wait_for_jobs_of_their_class_can_be_cancelled(pool: Pool, tmp_path: Path) -> None:
    work = partial(through_the_pool, pool.address, tmp_path, "normal")
    outer = pool.submit(md.delivery(work, range(2), name="outer"))
    eventually(lambda: [job.name for job in pool.jobs()].count("inner normal") == 2)
    outer.cancel()
    for inner in (job for job in pool.jobs() if job.name == "inner normal"):
        assert inner.wait(WAIT), "they have the slots now"


def test_a_unit_that_stands_aside_can_be_cancelled(pool: Pool, tmp_path: Path) -> None:
    behind = pool.submit(
        md.delivery(partial(frames_of, tmp_path), range(2), name="clips"), priority="background"
    )
    see(behind, units_running=2)
    urgent = pool.submit(md.delivery(partial(stubborn, tmp_path), range(2), name="long"), priority="urgent")
    see(behind, units_paused=2)
    behind.cancel()
    see(behind, units_paused=0)
    (tmp_path / "go").touch()
    assert urgent.result(WAIT).failures == []
    assert pool.submit(md.delivery(short, range(6), name="after")).result(WAIT).results == list(range(6))


def test_a_unit_without_checkpoints_still_works(pool: Pool, tmp_path: Path) -> None:
    behind = pool.submit(
        md.delivery(partial(stubborn, tmp_path), range(2), name="deaf"), priority="background"
    )
    see(behind, units_running=2)
    urgent = pool.submit(md.delivery(short, range(5), name="pull"), priority="urgent")
    see(urgent, units=5)
    (tmp_path / "go").touch()
    assert urgent.result(WAIT).failures == []
    assert behind.result(WAIT).failures == []
