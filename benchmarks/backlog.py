"""A backlog that no scheduler could hold as tasks: what submitting it costs, how fast it is fed, and how soon
urgent work passes it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

import psutil

import mediadask as md
from benchmarks.displacement import FRAME_SECONDS, clip
from benchmarks.measure import CORES, isolated
from benchmarks.report import Row, at_least, at_most
from mediadask.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator

UNITS = 1_000_000
UNITS_BEHIND = 100_000


@dataclass(frozen=True)
class Fed:
    """What feeding a part of a backlog took."""

    submit_seconds: float
    grown_bytes: int
    """The memory of the process of scheduler and client, at its highest, over idle."""

    units: int
    seconds: float
    cancel_seconds: float


def nothing(number: int) -> int:
    return number


def moment(number: int) -> float:
    """When it started, on the clock that all processes of a machine share."""
    return time.monotonic()


def feed(units: int, seconds: float) -> Fed:
    """A backlog of so many units, worked on for so long."""
    this = psutil.Process()
    with Pool.local(workers=CORES) as pool:
        pool.submit(md.delivery(nothing, range(1000), name="nothing")).result()
        idle = this.memory_info().rss
        begin = time.monotonic()
        job = pool.submit(md.delivery(nothing, range(units), name="nothing"), priority="background")
        submitted = time.monotonic()
        grown = 0
        while time.monotonic() - submitted < seconds and job.turnaround is None:
            grown = max(grown, this.memory_info().rss - idle)
            time.sleep(0.5)
        progress, told = job.progress, time.monotonic()
        job.cancel()
        cancelled = time.monotonic() - told
    return Fed(submitted - begin, grown, progress.units_done, progress.seconds, cancelled)


def urgent_starts(units: int, times: int) -> list[float]:
    """Seconds from the submission of an urgent unit to its start, on a pool that so many others fill."""
    seconds = []
    with Pool.local(workers=CORES) as pool:
        pool.submit(md.delivery(moment, range(8 * CORES), name="pull")).result()
        behind = pool.submit(md.delivery(partial(clip, None, 40), range(units), name="behind"))
        while behind.progress.units_running < CORES:
            time.sleep(0.05)
        for number in range(times):
            time.sleep(0.5)
            begin = time.monotonic()
            urgent = pool.submit(md.delivery(moment, [number], name="pull"), priority="urgent")
            seconds.append(urgent.result().results[0] - begin)
        behind.cancel()
    return seconds


def rows(quick: bool, rounds: int) -> Iterator[Row]:
    units, behind = (UNITS // 100, UNITS_BEHIND // 100) if quick else (UNITS, UNITS_BEHIND)
    fed = [isolated(feed, units, 5.0 if quick else 30.0) for _ in range(rounds)]
    case = f"{units} units that do nothing"
    yield Row(
        "backlog",
        case,
        "submit s",
        median(each.submit_seconds for each in fed),
        at_most(2),
        samples={"fed": fed},
    )
    yield Row(
        "backlog",
        case,
        "scheduler MB over idle",
        max(each.grown_bytes for each in fed) / 1e6,
        at_most(200),
        note=f"client in the same process; {max(each.units for each in fed)} units done",
    )
    yield Row("backlog", case, "cancel s", max(each.cancel_seconds for each in fed), at_most(0.5))
    yield Row(
        "backlog",
        case,
        "units fed a second",
        median(each.units / each.seconds for each in fed),
        at_least(4000),
    )
    starts = isolated(urgent_starts, behind, 3 if quick else 15)
    frame = FRAME_SECONDS * 1000
    yield Row(
        "backlog",
        f"{behind} units of {frame:.0f} ms frames behind",
        "ms to the first urgent frame",
        median(starts) * 1000,
        at_most(60),
        ours=f"{min(starts) * 1000:.0f} to {max(starts) * 1000:.0f} ms in all",
        samples={"starts": starts},
    )
