"""What is left to do, for the scaling policy: of every open job, and of Dask's own tasks."""

from __future__ import annotations

from collections import defaultdict
from time import time
from typing import TYPE_CHECKING

from mediadask import dask_api
from mediadask.pool.core.batches import ON_SLOT
from mediadask.pool.core.jobs import DeliveryJob
from mediadask.pool.scaling.policy import Work
from mediadask.pool.worker.runner import GRAPH_JOB

if TYPE_CHECKING:
    from collections.abc import Iterable

    from distributed import Scheduler
    from distributed.scheduler import TaskState

    from mediadask.pool.core import PoolState
    from mediadask.pool.core.jobs import Job
    from mediadask.pool.scaling.predict import Predictor

__all__ = ["WorkLeft"]

_UNKNOWN_TASK_SECONDS = 0.5
"""As Dask takes it."""

_FRESH_SECONDS = 30.0
"""A job of which nothing runs and nothing has changed is counted again after so long."""


class WorkLeft:
    """Counts what is left to do.

    Parameters
    ----------
    ours
        The Dask client whose tasks are jobs'; of these, those that are of no graph are batches.
    """

    def __init__(self, scheduler: Scheduler, state: PoolState, ours: str) -> None:
        self._scheduler, self._state, self._ours = scheduler, state, ours
        self._counted: dict[str, tuple[object, float, Work]] = {}

    def now(self, seconds: float) -> list[Work]:
        """What every open job has left, and Dask's own tasks, at this moment of the monotonic clock."""
        tasks = self._dask_tasks()
        jobs = self._state.open_jobs()
        if len(self._counted) > len(jobs):
            self._counted = {job.id: self._counted[job.id] for job in jobs if job.id in self._counted}
        return [*(self._of_job(job, tasks.pop(job.id, None), seconds) for job in jobs), *tasks.values()]

    def is_on(self, worker: str) -> bool:
        """Whether a worker has a batch's task or its result, which is nothing: Dask would not let it go."""
        if (there := self._scheduler.workers.get(worker)) is None:
            return False
        return any(
            GRAPH_JOB not in (task.annotations or {}) and self._ours in dask_api.wanted_by(task)
            for task in (*there.processing, *there.has_what)
        )

    def _of_job(self, job: Job, tasks: Work | None, seconds: float) -> Work:
        work = (
            self._of_units(job, seconds)
            if isinstance(job, DeliveryJob)
            else tasks or Work(job.priority, 1, 0)
        )
        # Not by `replace`, which takes three times as long: thousands of jobs may be open.
        return Work(
            priority=job.priority,
            units=work.units,
            seconds=work.seconds,
            longest_seconds=work.longest_seconds,
            running=work.running,
            waited_seconds=seconds - job.submitted_at,
            deadline_seconds=None if job.deadline is None else job.due - time(),
            show=job.show,
            job=job.id,
        )

    def _of_units(self, job: DeliveryJob, seconds: float) -> Work:
        if job.in_flight:
            return _units_left(job, self._state.predictor)
        version = len(job.first), len(job.planned), job.next_group
        counted = self._counted.get(job.id)
        if counted is None or counted[0] != version or seconds - counted[1] > _FRESH_SECONDS:
            counted = self._counted[job.id] = version, seconds, _units_left(job, self._state.predictor)
        return counted[2]

    def _dask_tasks(self) -> dict[str, Work]:
        """Count the tasks of each graph under its job's id, and those of no job under ""."""
        running = self._by_job(
            task for worker in self._scheduler.workers.values() for task in worker.processing
        )
        sample, number = dask_api.tasks_without_worker(self._scheduler)
        waiting = self._by_job(sample)
        # Like Dask's own estimate: the first hundred stand for all.
        each_stands_for = number / max(len(sample), 1)
        work = {}
        for job in {"", *running, *waiting}:
            now = [_task_seconds(task) for task in running.get(job, ())]
            later = [_task_seconds(task) for task in waiting.get(job, ())]
            work[job] = Work(
                self._state.config.default_class,
                units=len(now) + round(len(later) * each_stands_for),
                seconds=sum(now) + sum(later) * each_stands_for,
                longest_seconds=max((*now, *later), default=0.0),
                running=len(now),
            )
        return work

    def _by_job(self, tasks: Iterable[TaskState]) -> dict[str, list[TaskState]]:
        found = defaultdict(list)
        for task in tasks:
            job = (task.annotations or {}).get(GRAPH_JOB, "")
            if job or self._ours not in dask_api.wanted_by(task):
                found[job].append(task)
        return found


def _task_seconds(task: TaskState) -> float:
    known: float = task.prefix.duration_average
    return known if known >= 0 else _UNKNOWN_TASK_SECONDS


def _units_left(job: DeliveryJob, predictor: Predictor) -> Work:
    """As far as the job is planned, and in proportion beyond."""
    units = [*job.first, *job.planned, *job.in_flight]
    each = [
        predictor.seconds(unit.unit.kind, unit.unit.frames, unit.unit.seconds)
        * (1 - min(0.95, unit.fraction_done))
        for unit in units
    ]
    units_a_group = job.units_planned / job.next_group if job.next_group else 1.0
    unplanned = (job.spec.groups - job.next_group) * max(units_a_group, 1.0)
    mean = sum(each) / len(each) if each else predictor.seconds("", 1)
    return Work(
        priority=job.priority,
        units=len(units) + round(unplanned),
        seconds=sum(each) + unplanned * mean,
        longest_seconds=max(each, default=mean),
        running=sum(
            unit.batch is not None and unit.batch.current is unit and unit.batch.state in ON_SLOT
            for unit in job.in_flight
        ),
    )
