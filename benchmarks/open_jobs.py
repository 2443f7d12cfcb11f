"""A pool with a thousand open jobs: what submitting one takes, and its scheduler while nothing happens."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import mediadask as md
from benchmarks.measure import CORES, isolated
from benchmarks.report import Row, at_most
from mediadask.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator

JOBS = 1_000


@dataclass(frozen=True)
class Opened:
    """What a pool took with so many open jobs."""

    submit_ms: float
    """A job, in the mean."""

    busy: float
    """What share of a core the process of scheduler and client took while nothing happened."""


def waits(number: int) -> int:
    while True:
        time.sleep(0.5)
        md.checkpoint()


def opened(jobs: int, seconds: float) -> Opened:
    """So many jobs of ten units each, of which the first keep the workers and nothing ends."""
    with Pool.local(workers=CORES) as pool:
        begin = time.monotonic()
        for number in range(jobs):
            show = f"show {number % 10}"
            pool.submit(md.delivery(waits, range(10 * number, 10 * number + 10), name="waits"), show=show)
        submitted = time.monotonic() - begin
        time.sleep(5)  # until the workers are busy and the page has been read
        clock, spent = time.monotonic(), time.process_time()
        time.sleep(seconds)
        busy = (time.process_time() - spent) / (time.monotonic() - clock)
        for job in pool.jobs():
            job.cancel()
    return Opened(submitted * 1000 / max(jobs, 1), busy)


def rows(quick: bool, rounds: int) -> Iterator[Row]:
    jobs, seconds = (JOBS // 10, 2.0) if quick else (JOBS, 20.0)
    many = [isolated(opened, jobs, seconds) for _ in range(rounds)]
    few = [isolated(opened, 1, seconds) for _ in range(rounds)]
    yield Row(
        "open_jobs",
        f"{jobs} open jobs",
        "ms to submit one",
        median(each.submit_ms for each in many),
        at_most(3),
        samples={"many": many},
    )
    yield Row(
        "open_jobs",
        f"{jobs} open jobs, nothing happens",
        "% of a core",
        100 * median(each.busy for each in many),
        at_most(2),
        note=f"{100 * median(each.busy for each in few):.1f} with one",
        samples={"few": few},
    )
