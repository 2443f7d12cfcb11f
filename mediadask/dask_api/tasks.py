"""Tasks on the scheduler: in its queue, bound to workers, released again."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from mediadask.dask_api.graphs import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterable

    from distributed import Scheduler
    from distributed.scheduler import TaskState

__all__ = [
    "NO_WORKER",
    "STIMULUS",
    "bind_tasks",
    "hold_tasks",
    "queue_on_scheduler",
    "release_tasks",
    "reorder_tasks",
    "slot_task",
    "tasks_without_worker",
    "wanted_by",
]

NO_WORKER = "mediadask://held"
"""The address of a worker that never comes: tasks bound to it wait."""

STIMULUS = "mediadask"


def slot_task(key: str, function: Callable[..., Any], *args: Any) -> Task:
    """A task that waits in the scheduler's queue until a slot is free.

    Dask sends tasks of small graphs to workers at once, where more urgent ones cannot pass them. Tasks that
    are marked as producing data are the exception, and only the class takes the mark.
    """
    return Task(key, function, *args, _data_producer=True)


def queue_on_scheduler(scheduler: Scheduler) -> None:
    """Have tasks wait on the scheduler, in order of priority, until a slot is free.

    At Dask's default every thread holds one more task than it runs, which an urgent one would wait for. The
    setting ``distributed.scheduler.worker-saturation`` is read before a preload can change it.
    """
    scheduler.WORKER_SATURATION = 1.0


def reorder_tasks(scheduler: Scheduler, tasks: Iterable[TaskState], priority: float) -> None:
    """Give tasks another priority, also those that wait in the queue. Dask has no call for that.

    Parameters
    ----------
    priority
        As in ``client.compute(…, priority=…)``: more goes first.
    """
    for task in tasks:
        if task.priority is None:
            continue
        is_queued = task.state == "queued"
        if is_queued:
            scheduler.queued.remove(task)
        task.priority = (-priority, *task.priority[1:])
        if is_queued:
            scheduler.queued.add(task)


def bind_tasks(scheduler: Scheduler, tasks: Iterable[TaskState]) -> dict[Hashable, Collection[str] | None]:
    """Bind tasks to `NO_WORKER`, so that none begins. Returns the workers that each was bound to before."""
    before: dict[Hashable, Collection[str] | None] = {}
    for task in tasks:
        before[task.key] = task.worker_restrictions
        task.worker_restrictions = {NO_WORKER}
    return before


def hold_tasks(scheduler: Scheduler, tasks: Iterable[TaskState]) -> None:
    """Take bound tasks out of the queue, so that they wait for their worker: Dask itself leaves them."""
    scheduler.transitions({task.key: "released" for task in tasks if task.state == "queued"}, STIMULUS)


def release_tasks(
    scheduler: Scheduler, tasks: Iterable[TaskState], before: dict[Hashable, Collection[str] | None]
) -> None:
    """Let tasks begin again that `bind_tasks` bound; Dask looks again at none by itself."""
    tasks = list(tasks)
    for task in tasks:
        workers = before.get(task.key)
        task.worker_restrictions = set(workers) if workers else None
    waiting = {task.key: "released" for task in tasks if task.state == "no-worker"}
    scheduler.transitions(waiting, STIMULUS)


def tasks_without_worker(scheduler: Scheduler) -> tuple[list[TaskState], int]:
    """Tasks that wait for a slot or for a worker that fits: the first hundred, and how many there are."""
    unfit = [task for task in scheduler.unrunnable if NO_WORKER not in (task.worker_restrictions or ())]
    sample = list(islice(chain(unfit, scheduler.queued), 100))
    return sample, len(scheduler.queued) + len(unfit)


def wanted_by(task: TaskState) -> list[str]:
    """The clients that hold a future of the task."""
    return [client.client_key for client in task.who_wants or ()]
