"""What the pool's state costs at scale: an event among few and many workers, and few and many open jobs.

The state runs in its simulation, whose own time is not counted. Units are the longer the more workers there
are, so that at every scale as much happens in a second, and the mix of events is the same.
"""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass
from functools import partial
from itertools import count
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.measure import isolated
from benchmarks.report import Row, at_most
from mediadask.pool.config import load_config
from mediadask.pool.core import PoolState
from mediadask.pool.core.events import SubmitJob
from mediadask.pool.scaling.predict import Predictor
from mediadask.pool.simulation.model import GroupModel, JobModel, Timing, UnitModel, WorkerModel, spec_of
from mediadask.pool.simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mediadask.pool.core import Now
    from mediadask.pool.core.commands import Command
    from mediadask.pool.core.events import Event

WORKERS = (100, 1_000, 10_000)
JOBS = (10, 1_000, 10_000)
UNITS_A_SECOND = 200.0
MEASURED_SECONDS = 20.0
"""Virtual: about 4,000 units end in it, and 20 urgent jobs displace some."""

SHOWS = 20
QUIET = Timing(round_seconds=0.5, pulse_seconds=1e9, report_seconds=0.01)


@dataclass
class Timed:
    """A state whose processor time is counted while `counts`."""

    state: PoolState
    counts: bool = False
    events: int = 0
    seconds: float = 0.0

    def handle(self, event: Event, now: Now) -> list[Command]:
        begun = time.thread_time()
        told = self.state.handle(event, now)
        if self.counts:
            self.seconds += time.thread_time() - begun
            self.events += 1
        return told


def microseconds(workers: int, jobs: int) -> float:
    """The mean processor time of an event."""
    config = load_config()
    ids = count()
    timed = Timed(PoolState(config, Predictor(config.seconds_per_frame), lambda: f"{next(ids):024d}"))
    backlog = [_job(number, jobs, workers) for number in range(jobs)]
    urgent = [
        JobModel(id=f"urgent-{number}", priority="urgent", groups=_groups(f"urgent-{number}", 20, 0.2))
        for number in range(int(MEASURED_SECONDS))
    ]
    world = World([*backlog, *urgent], QUIET, lambda: timed)
    for number in range(workers):
        world.add_worker(WorkerModel(f"local-{number}"))
    _until(world, 1.0)
    for job in backlog:
        world.pool.handle(SubmitJob(spec_of(job, world.clock.now())))
    steady = 1.0 + 2 * workers / UNITS_A_SECOND + 5.0
    _until(world, steady)
    gc.collect()
    gc.disable()
    timed.counts = True
    for number, job in enumerate(urgent):
        _until(world, steady + number)
        world.pool.handle(SubmitJob(spec_of(job, world.clock.now())))
    _until(world, steady + MEASURED_SECONDS)
    return timed.seconds / timed.events * 1e6


def _until(world: World, seconds: float) -> None:
    world.clock.at(seconds, lambda: None)
    while world.clock.seconds < seconds:
        world.clock.step()


def _job(number: int, jobs: int, workers: int) -> JobModel:
    # What ends until the measurement begins, and in it, and what runs then; and something left.
    needed = 4 * workers + UNITS_A_SECOND * (MEASURED_SECONDS + 10.0)
    return JobModel(
        id=f"job-{number}",
        show=f"show-{number % SHOWS}",
        priority="background" if number % 2 else "normal",
        groups=_groups(f"job-{number}", max(8, int(1.2 * needed / jobs)), workers / UNITS_A_SECOND),
    )


def _groups(job: str, number: int, seconds: float) -> tuple[GroupModel, ...]:
    # Ends are spread over time, so that as many come in each second.
    return tuple(
        GroupModel(
            (
                UnitModel(
                    f"{job}-{each}", seconds * (0.5 + (each * 0.618) % 1), "unit", 48, told_seconds=seconds
                ),
            )
        )
        for each in range(number)
    )


def rows(quick: bool, rounds: int) -> Iterator[Row]:
    shrink = 10 if quick else 1
    cases = {
        "workers": [(workers // shrink, 100 // shrink) for workers in WORKERS],
        "open jobs": [(1000 // shrink, jobs // shrink) for jobs in JOBS],
    }
    for what, scales in cases.items():
        taken: dict[tuple[int, int], list[float]] = {scale: [] for scale in scales}
        for _ in range(rounds):
            for scale in scales:
                taken[scale].append(isolated(partial(microseconds, *scale)))
        least, *others = scales
        for scale in others:
            numbers = {"workers": (scale[0], least[0]), "open jobs": (scale[1], least[1])}[what]
            yield Row(
                "state",
                f"{numbers[0]:,} {what}",
                f"CPU of an event over that with {numbers[1]:,}",
                median(mine / other for mine, other in zip(taken[scale], taken[least], strict=True)),
                at_most(1.5),
                ours=f"{median(taken[scale]):.0f} µs",
                theirs=f"{median(taken[least]):.0f} µs",
                samples={str(each): values for each, values in taken.items()},
            )
