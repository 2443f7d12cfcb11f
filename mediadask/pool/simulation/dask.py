"""Dask's scheduler as far as a pool meets it: one queue in priority order, a free slot takes the first task.

It does what distributed does with ``worker-saturation: 1.0``. A task that is bound to a worker goes there at
once, even if its threads are busy, and waits without a worker if that one is gone or paused. So is a task
that needs others' results, which goes to the worker with the least to do. The tasks of a
worker that leaves are queued again. A task that is released while it runs frees its slot in Dask's eyes at
once, though its function goes on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DaskTask", "DaskWorker", "SimulatedDask", "TaskOwner", "TaskState"]

ALLOWED_FAILURES = 3
"""So many workers may die under a task before Dask gives it up, as by its own default."""


TaskState = Literal["new", "queued", "processing", "no-worker", "ended", "failed", "lost", "forgotten"]


class TaskOwner(Protocol):
    """Who entered tasks, and is told of them as a scheduler's plugin is."""

    def transition(self, task: DaskTask, finish: TaskState, error: str = "") -> None:
        """A task waits in the queue, got a slot, has ended, was given up, or lost its worker.

        What is sent to its worker when it got a slot arrives before it. One that lost its worker is about to
        be queued again.
        """


@dataclass(eq=False, slots=True)
class DaskTask:
    """A task as the scheduler knows it."""

    key: str
    owner: TaskOwner
    priority: tuple[int, float]
    bound: str = ""
    """The only worker on which it may run."""

    batch: str = ""
    """The batch of which it takes a slot, if it does."""

    seconds: float = 0.0
    """What it takes, if it is a task of a graph."""

    needs_results: bool = False
    """Whether it is sent to a worker without waiting in the queue, as what needs other tasks' results is."""

    is_stranger: bool = False
    """Whether it is no job's."""

    number: int = 0
    """In the order of entry."""

    state: TaskState = "new"
    worker: str = ""
    deaths: int = 0


@dataclass(eq=False, slots=True)
class DaskWorker:
    """A worker as the scheduler knows it."""

    address: str
    threads: int
    compute: Callable[[DaskTask], None]
    """Sends it a task."""

    free: Callable[[str], None]
    """Tells it that nobody needs a task."""

    is_running: bool = True
    """Whether it may be sent tasks: neither paused nor leaving."""

    processing: dict[str, DaskTask] = field(default_factory=dict)


class SimulatedDask:
    """The tasks and workers of a scheduler.

    Parameters
    ----------
    choose
        Chooses one of so many workers with a free slot, by number. By default the one that had it first.
    """

    def __init__(self, choose: Callable[[int], int] | None = None) -> None:
        self._choose = choose
        self.tasks: dict[str, DaskTask] = {}
        self.workers: dict[str, DaskWorker] = {}
        self.idle: dict[str, DaskWorker] = {}
        """Workers with a free slot."""

        self._stuck: dict[str, list[DaskTask]] = {}
        """Tasks without a worker, by the address to which they are bound, or "" for any."""

        self._queue: list[tuple[tuple[int, float], int, DaskTask]] = []
        self._entered = 0

    def enter(self, task: DaskTask) -> None:
        """A client enters a task."""
        self._entered += 1
        task.number = self._entered
        self.tasks[task.key] = task
        self._place(task)

    def release(self, key: str) -> None:
        """The client that entered the task needs it no more."""
        task = self.tasks.pop(key, None)
        if task is None:
            return
        before, task.state = task.state, "forgotten"
        if before == "processing":
            worker = self.workers[task.worker]
            del worker.processing[key]
            worker.free(key)
            self._look_at(worker)
            self._fill()

    def reprioritize(self, task: DaskTask, priority: tuple[int, float]) -> None:
        """A task's place in the queue changes."""
        task.priority = priority
        if task.state == "queued":
            self._entered += 1
            task.number = self._entered
            heappush(self._queue, (priority, task.number, task))

    def ended(self, address: str, key: str, error: str = "") -> None:
        """A worker tells that a task has ended, or failed."""
        task, worker = self.tasks.get(key), self.workers.get(address)
        if task is None or worker is None or key not in worker.processing:
            return
        del worker.processing[key]
        task.state = "ended"
        if error:
            task.state = "failed"
            task.owner.transition(task, "failed", error)
        else:
            task.owner.transition(task, "ended")
        self._look_at(worker)
        self._fill()

    def add_worker(self, worker: DaskWorker) -> None:
        """A worker has registered."""
        self.workers[worker.address] = worker
        self._look_at(worker)
        self._bring_stuck(worker)
        self._fill()

    def remove_worker(self, address: str, *, expected: bool) -> None:
        """A worker is gone: its tasks are queued again, and may start elsewhere at once."""
        worker = self.workers.pop(address)
        self.idle.pop(address, None)
        tasks = list(worker.processing.values())
        worker.processing.clear()
        # What has ended there, and was not released yet, is computed once more.
        ended = [task for task in self.tasks.values() if task.state == "ended" and task.worker == address]
        for task in tasks:
            task.state, task.worker = "new", ""
            task.deaths += not expected
        for task in tasks:
            if task.deaths > ALLOWED_FAILURES:
                task.state = "failed"
                task.owner.transition(task, "failed", "KilledWorker")
            else:
                task.owner.transition(task, "lost")
                self._place(task)
        for task in ended:
            task.worker = ""
            self._place(task)

    def set_running(self, address: str, is_running: bool) -> None:
        """The worker may be sent tasks, or none any more."""
        worker = self.workers.get(address)
        if worker is None or worker.is_running == is_running:
            return
        worker.is_running = is_running
        self._look_at(worker)
        if is_running:
            self._bring_stuck(worker)
            self._fill()

    def forget_all(self) -> None:
        """A client restarts the cluster: all tasks are forgotten."""
        for task in list(self.tasks.values()):
            if task.state == "processing":
                del self.workers[task.worker].processing[task.key]
                task.owner.transition(task, "lost")
            task.state = "forgotten"
        self.tasks.clear()
        self._queue.clear()
        self._stuck.clear()
        self.idle.clear()

    def _place(self, task: DaskTask) -> None:
        if task.bound or task.needs_results:
            worker = self.workers.get(task.bound) if task.bound else self._least_busy()
            if worker is not None and worker.is_running:
                self._start(task, worker)
            else:
                task.state = "no-worker"
                self._stuck.setdefault(task.bound, []).append(task)
        elif self.idle:
            self._start(task, self._free_worker())
        else:
            task.state = "queued"
            heappush(self._queue, (task.priority, task.number, task))
            task.owner.transition(task, "queued")

    def _start(self, task: DaskTask, worker: DaskWorker) -> None:
        task.state, task.worker = "processing", worker.address
        worker.processing[task.key] = task
        self._look_at(worker)
        task.owner.transition(task, "processing")
        worker.compute(task)

    def _free_worker(self) -> DaskWorker:
        if self._choose is None or len(self.idle) == 1:
            return next(iter(self.idle.values()))
        return list(self.idle.values())[self._choose(len(self.idle))]

    def _least_busy(self) -> DaskWorker | None:
        running = [worker for worker in self.workers.values() if worker.is_running]
        return min(running, key=lambda worker: len(worker.processing) / worker.threads, default=None)

    def _fill(self) -> None:
        while self.idle and self._queue:
            _, number, task = heappop(self._queue)
            if _waits(number, task):
                self._start(task, self._free_worker())

    def _bring_stuck(self, worker: DaskWorker) -> None:
        for task in [*self._stuck.pop(worker.address, ()), *self._stuck.pop("", ())]:
            if task.state == "no-worker":
                self._start(task, worker)

    def _look_at(self, worker: DaskWorker) -> None:
        if worker.is_running and len(worker.processing) < worker.threads and worker.address in self.workers:
            self.idle[worker.address] = worker
        else:
            self.idle.pop(worker.address, None)


def _waits(number: int, task: DaskTask) -> bool:
    return task.state == "queued" and task.number == number
