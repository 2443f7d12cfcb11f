"""A job that is a Dask graph: its tasks take slots beside those of batches, and its pool counts them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from mediadask.delivery import Failure
from mediadask.pool.core import events as ev
from mediadask.pool.simulation.dask import DaskTask

if TYPE_CHECKING:
    from mediadask.pool.core.events import GraphChanged
    from mediadask.pool.history import AttemptOutcome
    from mediadask.pool.simulation.dask import SimulatedDask, TaskState
    from mediadask.pool.simulation.model import GraphModel
    from mediadask.pool.simulation.pool import SimulatedPool

__all__ = ["SimulatedGraph", "Strangers"]

_BEFORE_ALL = (-1, 0.0)
"""Tasks of others have Dask's own priority, which is above that of all jobs."""


class Strangers:
    """Tasks on the pool's workers that are no job's."""

    def __init__(self, dask: SimulatedDask) -> None:
        self._dask = dask
        self._entered = 0

    def enter(self, seconds: float) -> None:
        """Somebody enters one more."""
        self._entered += 1
        self._dask.enter(
            DaskTask(f"stranger-{self._entered}", self, _BEFORE_ALL, seconds=seconds, is_stranger=True)
        )

    def on(self, worker: str) -> int:
        """How many this worker has."""
        there = self._dask.workers.get(worker)
        return 0 if there is None else sum(task.owner is self for task in there.processing.values())

    def transition(self, task: DaskTask, finish: TaskState, error: str = "") -> None:
        """As of a `TaskOwner`: nobody keeps a result, or asks why there is none."""
        if finish in ("ended", "failed"):
            self._dask.release(task.key)


class SimulatedGraph:
    """The tasks of one job: layer by layer, each ready when the layer before it has ended.

    Parameters
    ----------
    times
        How many graphs were entered before: their tasks may still run.
    """

    def __init__(
        self, pool: SimulatedPool, job: str, model: GraphModel, priority: tuple[int, float], times: int
    ) -> None:
        self._times = times
        self._pool, self._dask = pool, pool.dask
        self.job, self.model, self._priority = job, model, priority
        self._tasks: dict[str, DaskTask] = {}
        """Those of the layer under way that have not ended."""

        self._withheld: dict[str, DaskTask] = {}
        self._began: set[str] = set()
        self._layer = 0
        self._done = 0
        self._told: GraphChanged | None = None
        self._is_over = False
        self._is_suspended = False

    def enter(self) -> None:
        """The graph comes into Dask."""
        self._next_layer()

    def reorder(self, priority: tuple[int, float]) -> None:
        """Its tasks get another priority."""
        self._priority = priority
        for task in self._tasks.values():
            self._dask.reprioritize(task, priority)

    def suspend(self) -> None:
        """Tasks that have not begun wait."""
        self._is_suspended = True
        for key, task in list(self._tasks.items()):
            if task.state == "queued":
                self._dask.release(key)
                self._withheld[key] = self._tasks.pop(key)

    def resume(self) -> None:
        """Tasks may begin again."""
        self._is_suspended = False
        withheld, self._withheld = list(self._withheld), {}
        for key in withheld:
            self._enter(key)

    def cancel(self) -> None:
        """Nobody wants it: what runs goes on to its end, unseen."""
        self._is_over = True
        for key, task in list(self._tasks.items()):
            if task.state == "processing":
                self._off(task, "cancelled")
            self._dask.release(key)

    def vanish(self) -> None:
        """The client that wanted it is gone, and Dask forgets its tasks."""
        for key, task in list(self._tasks.items()):
            if task.state == "processing":
                self._off(task, "lost")
            self._dask.release(key)
        self._pool.graphs.pop(self.job, None)
        self.forget()

    def forget(self) -> None:
        """Dask knows nothing of it any more."""
        if not self._is_over:
            self._is_over = True
            self._pool.handle(ev.GraphForgotten(self.job))

    def tell(self) -> None:
        """How far it is, if that has changed."""
        count = Counter(task.state for task in self._tasks.values())
        waiting = len(self._tasks) - count["processing"] + len(self._withheld)
        told = ev.GraphChanged(
            self.job,
            tasks=sum(self.model.layers),
            done=self._done,
            running=count["processing"],
            queued=waiting,
            demand=count["queued"],
        )
        if told != self._told and not self._is_over:
            self._told = told
            self._pool.handle(told)

    def _next_layer(self) -> None:
        if self._is_over:
            return
        if self._layer == len(self.model.layers):
            self._end(b"graph")
            return
        self._layer += 1
        for number in range(self.model.layers[self._layer - 1]):
            key = f"{self.job}-{self._times}-{self._layer}-{number}"
            if self._is_suspended:
                self._withheld[key] = DaskTask(key, self, self._priority)
            else:
                self._enter(key)

    def _enter(self, key: str) -> None:
        if not self._is_over:
            seconds, needs_results = self.model.task_seconds, self._layer > 1
            task = DaskTask(key, self, self._priority, seconds=seconds, needs_results=needs_results)
            self._tasks[key] = task
            self._dask.enter(task)

    def transition(self, task: DaskTask, finish: TaskState, error: str = "") -> None:
        """As of a `TaskOwner`."""
        match finish:
            case _ if self._is_over:
                pass
            case "processing":
                self._began.add(task.key)
                self._pool.handle(ev.GraphTaskStarted(self.job, task.key, "graph", task.worker))
            case "ended":
                self._off(task, "done")
                del self._tasks[task.key]
                self._done += 1
                self._dask.release(task.key)
                if not self._tasks and not self._withheld:
                    self._next_layer()
            case "lost":
                self._off(task, "lost")
            case "failed":
                self._off(task, "failed")
                for key in list(self._tasks):
                    self._pool.clock.after(0.0, self._dask.release, key)
                self._end(Failure(error, "KilledWorker"))

    def _end(self, value: bytes | Failure) -> None:
        self._is_over = True
        self._pool.graphs.pop(self.job, None)
        self._pool.handle(ev.GraphEnded(self.job, value))

    def _off(self, task: DaskTask, outcome: AttemptOutcome) -> None:
        if task.key in self._began:
            self._began.remove(task.key)
            # As Dask tells: of one that did not return it knows no seconds, nor whether it had a thread.
            seconds = task.seconds if outcome == "done" else 0.0
            self._pool.handle(ev.GraphTaskEnded(self.job, task.key, outcome, seconds))
