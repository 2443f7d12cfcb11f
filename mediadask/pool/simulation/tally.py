"""What a simulated pool has left to do and what it has done, by its own records."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mediadask.pool import history
from mediadask.pool.core.commands import Write
from mediadask.pool.scaling.policy import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mediadask.pool.core.clock import Now
    from mediadask.pool.core.commands import Command
    from mediadask.pool.core.events import Event
    from mediadask.pool.scaling.predict import Predictor
    from mediadask.pool.simulation.model import JobModel, UnitModel

__all__ = ["Lease", "OpenJob", "Tally"]

UnitLike = tuple[str, int]
"""A kind, and a number of frames."""


@dataclass(eq=False)
class OpenJob:
    """A job that has not ended."""

    model: JobModel
    left: Counter[UnitLike]
    """Its units that have not ended."""

    told: dict[UnitLike, float]
    """What its delivery predicts of such units, in seconds."""

    running: int = 0


@dataclass(eq=False)
class Lease:
    """A worker from its arrival to its end."""

    tier: str
    threads: int
    joined_at: float
    left_at: float | None = None
    run_seconds: float = 0.0
    """The seconds that attempts ran on all its threads."""


@dataclass(eq=False)
class Tally:
    """An observer of a pool that counts."""

    jobs: dict[str, JobModel]
    predictor: Predictor
    on_change: Callable[[], None] = field(default=lambda: None)
    """Called when a job is submitted."""

    open: dict[str, OpenJob] = field(default_factory=dict)
    ended: dict[str, history.JobEnded] = field(default_factory=dict)
    submitted: dict[str, history.JobSubmitted] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)

    def saw(self, event: Event, commands: list[Command], now: Now) -> None:
        """As of an `Observer`."""
        for command in commands:
            if isinstance(command, Write):
                self._write(command.record, now.seconds)

    def work(self, now: float) -> Iterator[Work]:
        """What every open job has left, as the scaling policy wants it."""
        for job in self.open.values():
            units = [
                (number, self.predictor.seconds(*alike, job.told.get(alike)))
                for alike, number in job.left.items()
                if number > 0
            ]
            total = sum(number for number, _ in units)
            deadline = job.model.deadline_seconds
            yield Work(
                priority=job.model.priority,
                units=total,
                seconds=sum(number * seconds for number, seconds in units),
                longest_seconds=max((seconds for _, seconds in units), default=0.0),
                running=min(job.running, total),
                waited_seconds=now - job.model.at,
                deadline_seconds=None if deadline is None else job.model.at + deadline - now,
                show=job.model.show,
            )

    def _write(self, record: history.Record, now: float) -> None:
        match record:
            case history.JobSubmitted():
                model = self.jobs[record.job]
                units = list(_units_of(model))
                self.submitted[record.job] = record
                self.open[record.job] = OpenJob(
                    model,
                    Counter((unit.kind, unit.frames) for unit in units),
                    {
                        (unit.kind, unit.frames): unit.told_seconds
                        for unit in units
                        if unit.told_seconds is not None
                    },
                )
                self.on_change()
            case history.JobEnded():
                self.ended[record.job] = record
                self.open.pop(record.job, None)
            case history.AttemptStarted(attempt=attempt):
                if (job := self.open.get(attempt.job)) is not None:
                    job.running += 1
            case history.AttemptEnded(attempt=attempt):
                self._attempt_ended(record)
            case history.WorkerJoined():
                self.leases[record.worker] = Lease(record.tier, record.threads, now)
            case history.WorkerLeft():
                self.leases[record.worker].left_at = now

    def _attempt_ended(self, record: history.AttemptEnded) -> None:
        attempt = record.attempt
        self.leases[attempt.worker].run_seconds += record.run_seconds
        if record.started is None and (job := self.open.get(attempt.job)) is not None:
            job.running -= 1
        if record.outcome == "done":
            for id in (attempt.job, *record.shared_with):
                if (job := self.open.get(id)) is not None:
                    job.left[attempt.kind, attempt.frames] -= 1


def _units_of(job: JobModel) -> Iterable[UnitModel]:
    for group in job.groups:
        yield from group.units
        if group.finish is not None:
            yield group.finish
    if job.closing is not None:
        yield job.closing
