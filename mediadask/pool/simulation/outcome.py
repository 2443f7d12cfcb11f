"""Runs jobs on a simulated pool in which nothing goes wrong: how long they take, and on what."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import count
from typing import TYPE_CHECKING

from mediadask.errors import InvalidRequest
from mediadask.pool.core.events import SubmitJob
from mediadask.pool.core.state import PoolState
from mediadask.pool.scaling.predict import Predictor
from mediadask.pool.simulation.elastic import Elastic
from mediadask.pool.simulation.model import Timing, spec_of
from mediadask.pool.simulation.tally import Tally
from mediadask.pool.simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import pandas as pd

    from mediadask.pool.config import PoolConfig
    from mediadask.pool.history import EndedStatus, Learned
    from mediadask.pool.simulation.model import JobModel

__all__ = ["JobOutcome", "Outcome", "TierOutcome", "simulate"]

_CALM = Timing(round_seconds=5.0, pulse_seconds=5.0)
"""Nothing hangs, so there is little to look for."""


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """What became of one job."""

    job: str
    name: str
    show: str
    kind: str
    priority: str
    submitted: datetime
    status: EndedStatus
    turnaround_seconds: float
    waiting_seconds: float
    """How long none of its units ran."""

    in_time: bool | None
    """Whether it met its deadline; None without one."""


@dataclass(frozen=True, slots=True)
class TierOutcome:
    """What was used of one tier."""

    tier: str
    most_workers: int
    """At one moment."""

    worker_hours: float
    busy_share: float
    """The hours of its threads in which units ran."""

    cost: float
    """In the configured currency."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of all jobs, in the order of their submission, and what was used of each tier."""

    jobs: tuple[JobOutcome, ...]
    tiers: tuple[TierOutcome, ...]
    seconds: float
    """From the first submission to the last end."""

    @property
    def table(self) -> pd.DataFrame:
        """One row a job, with the fields of `JobOutcome`."""
        import pandas as pd

        return pd.DataFrame([asdict(job) for job in self.jobs], columns=list(JobOutcome.__slots__))


def simulate(
    jobs: Iterable[JobModel],
    config: PoolConfig,
    *,
    known: Iterable[Learned] = (),
    start: datetime | None = None,
) -> Outcome:
    """Run jobs on a simulated pool, in which nothing fails and nothing is left to chance.

    The pool's own state decides what runs where, and the scaling policy how many workers there are; each
    takes its tier's startup time to come. Budgets are not looked at.

    Parameters
    ----------
    jobs
        In any order; each is submitted at its time.
    config
        The settings to try: tiers, classes, window.
    known
        What the pool has learned before of what units take.
    start
        What the wall clock shows at second 0.

    Raises
    ------
    InvalidRequest
        No tier may have a worker.
    """
    config = config.model_copy(update={"budgets": {}})
    if all(tier.limit == 0 for tier in config.tiers.values()):
        raise InvalidRequest("no tier may have a worker", where="mediadask.tiers", do="raise a maximum")
    models = {job.id: job for job in sorted(jobs, key=lambda job: job.at)}
    predictor = Predictor(config.seconds_per_frame, known)
    numbers = count(1)
    tally = Tally(models, predictor)
    world = World(
        models.values(),
        _CALM,
        lambda: PoolState(config, predictor, lambda: f"{next(numbers):012d}"),
        observer=tally,
        start=start,
    )
    elastic = Elastic(world, config, tally)
    tally.on_change = elastic.look_soon
    for job in models.values():
        world.clock.at(job.at, _submit, world, job)
    while len(tally.ended) < len(models):
        world.clock.step()
    return _outcome(tally, config, world.clock.seconds)


def _submit(world: World, job: JobModel) -> None:
    world.pool.handle(SubmitJob(spec_of(job, world.clock.now())))


def _outcome(tally: Tally, config: PoolConfig, seconds: float) -> Outcome:
    jobs = []
    for id, record in tally.ended.items():
        asked, model = tally.submitted[id], tally.jobs[id]
        jobs.append(
            JobOutcome(
                job=id,
                name=asked.name,
                show=asked.show,
                kind=asked.kind,
                priority=asked.priority,
                submitted=asked.at,
                status=record.status,
                turnaround_seconds=record.seconds,
                waiting_seconds=record.seconds - record.running_seconds,
                in_time=None if model.deadline_seconds is None else record.seconds <= model.deadline_seconds,
            )
        )
    jobs.sort(key=lambda job: (job.submitted, job.job))
    first = min((job.at for job in tally.jobs.values()), default=0.0)
    tiers = tuple(_tier(name, tally, config, seconds) for name in config.tiers)
    return Outcome(tuple(jobs), tiers, max(0.0, seconds - first))


def _tier(name: str, tally: Tally, config: PoolConfig, now: float) -> TierOutcome:
    leases = [lease for lease in tally.leases.values() if lease.tier == name]
    ends = [(lease.left_at if lease.left_at is not None else now) for lease in leases]
    worker_seconds = sum(end - lease.joined_at for lease, end in zip(leases, ends, strict=True))
    thread_seconds = sum(
        (end - lease.joined_at) * lease.threads for lease, end in zip(leases, ends, strict=True)
    )
    run_seconds = sum(lease.run_seconds for lease in leases)
    # Those that leave at a moment make room for those that come at it.
    steps = sorted([(lease.joined_at, 1) for lease in leases] + [(end, -1) for end in ends])
    there = most = 0
    for _, step in steps:
        there += step
        most = max(most, there)
    return TierOutcome(
        tier=name,
        most_workers=most,
        worker_hours=worker_seconds / 3600,
        busy_share=run_seconds / thread_seconds if thread_seconds else 0.0,
        cost=worker_seconds / 3600 * config.tiers[name].price_per_hour,
    )
