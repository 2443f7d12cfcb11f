"""Dask graphs as jobs, on Dask's scheduler: entered whole, followed task by task, suspended and resumed.

A graph goes into Dask at its class's priority rather than as units: so it keeps what makes it a graph,
parallel branches, fused tasks, data that stays where it was made. An annotation tells its tasks from others.

While a budget suspends it, tasks that have not begun are bound to a worker that does not exist: Dask keeps
them, with the results that they need, until it is resumed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dask
from distributed.client import FutureCancelledError
from distributed.protocol.pickle import dumps

from mediadask import dask_api
from mediadask.delivery import Failure
from mediadask.pool.core.events import (
    GraphChanged,
    GraphEnded,
    GraphForgotten,
    GraphTaskEnded,
    GraphTaskStarted,
)
from mediadask.pool.scheduler.slots import dask_priority
from mediadask.pool.worker.runner import GIVE_BACK, GRAPH_JOB

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable

    from distributed import Client, Future, Scheduler
    from distributed.scheduler import TaskState

    from mediadask.pool.computation import Computation
    from mediadask.pool.core.events import Event
    from mediadask.pool.history import AttemptOutcome

__all__ = ["DaskGraphs"]


@dataclass(eq=False)
class _Graph:
    job: str
    delivery: Computation
    priority: tuple[int, float]
    future: Future | None = None
    following: asyncio.Task[None] | None = None
    cancelling: asyncio.Task[None] | None = None
    is_cancelled: bool = False
    is_suspended: bool = False
    bound: dict[Hashable, Collection[str] | None] = field(default_factory=dict)
    """The workers that its user allows, of tasks that are suspended."""

    states: dict[Hashable, str] = field(default_factory=dict)
    count: Counter[str] = field(default_factory=Counter)
    """How many of its tasks are in each state."""

    started: dict[Hashable, None] = field(default_factory=dict)
    done: set[Hashable] = field(default_factory=set)
    """Tasks that have ended well; where their results were lost with a worker they run again."""

    is_changed: bool = False


class DaskGraphs:
    """All graphs that are in Dask. Its methods run in the scheduler's event loop.

    Parameters
    ----------
    client
        By which graphs enter Dask.
    handle
        Is told what happens to them.
    """

    def __init__(self, scheduler: Scheduler, client: Client, handle: Callable[[Event], None]) -> None:
        self._scheduler, self._client, self._handle = scheduler, client, handle
        self._graphs: dict[str, _Graph] = {}

    def start(self, job: str, delivery: Computation, priority: tuple[int, float]) -> None:
        """Enter the graph of a job."""
        graph = self._graphs[job] = _Graph(job, delivery, priority)
        graph.following = asyncio.create_task(self._follow(graph))

    async def _follow(self, graph: _Graph) -> None:
        value: bytes | Failure
        try:
            # In a thread: it optimizes and pickles the graph, however large that is.
            graph.future = future = await asyncio.to_thread(self._enter, graph)
            if graph.is_cancelled:
                self.cancel(graph.job)
            value = await asyncio.to_thread(dumps, await future)
        except FutureCancelledError:
            self._forget(graph)
            self._handle(GraphForgotten(graph.job))
            return
        except Exception as error:
            value = Failure.of(error)
        self.changed()  # what its last tasks did comes before its end
        self._forget(graph)
        self._handle(GraphEnded(graph.job, value))

    def _enter(self, graph: _Graph) -> Future:
        with dask.annotate(**{GRAPH_JOB: graph.job}):
            future: Future = self._client.compute(
                graph.delivery.collection, priority=dask_priority(graph.priority)
            )
        return future

    def _forget(self, graph: _Graph) -> None:
        self._graphs.pop(graph.job, None)
        if graph.future is not None:
            graph.future.release()

    def cancel(self, job: str) -> None:
        """Nobody wants a graph any more: running tasks end, no other begins."""
        if (graph := self._graphs.get(job)) is not None:
            graph.is_cancelled = True
            if graph.future is not None:
                graph.cancelling = asyncio.create_task(graph.future.cancel(force=True))

    def reorder(self, job: str, priority: tuple[int, float]) -> None:
        """Give a graph another priority: what waits for a slot finds its new place."""
        if (graph := self._graphs.get(job)) is not None:
            graph.priority = priority
            dask_api.reorder_tasks(self._scheduler, self._tasks(graph), dask_priority(priority))

    def suspend(self, job: str) -> None:
        """Have tasks that have not begun wait until `resume`."""
        graph = self._graphs.get(job)
        if graph is None or graph.is_suspended:
            return
        graph.is_suspended = True
        tasks = self._tasks(graph)
        graph.bound |= dask_api.bind_tasks(self._scheduler, tasks)
        dask_api.hold_tasks(self._scheduler, tasks)
        for worker in {task.processing_on.address for task in tasks if task.processing_on}:
            self._scheduler.worker_send(worker, {"op": GIVE_BACK, "graph": job})

    def resume(self, job: str) -> None:
        """Tasks may begin again."""
        graph = self._graphs.get(job)
        if graph is not None and graph.is_suspended:
            graph.is_suspended = False
            bound, graph.bound = graph.bound, {}
            dask_api.release_tasks(self._scheduler, self._tasks(graph), bound)

    def close(self) -> None:
        """The scheduler closes: follow no graph any more."""
        for graph in self._graphs.values():
            if graph.following is not None:
                graph.following.cancel()
        self._graphs.clear()

    def _tasks(self, graph: _Graph) -> list[TaskState]:
        return [task for key in graph.states if (task := self._scheduler.tasks.get(key)) is not None]

    def transition(self, key: Hashable, start: str, finish: str, facts: dict[str, Any]) -> bool:
        """Follow a task through Dask's states; False if it is no graph's."""
        if not self._graphs or (task := self._scheduler.tasks.get(key)) is None:
            return False
        graph = self._graphs.get((task.annotations or {}).get(GRAPH_JOB, ""))
        if graph is None:
            return False
        if key in graph.states:
            graph.count[graph.states[key]] -= 1
        elif graph.is_suspended:
            graph.bound |= dask_api.bind_tasks(self._scheduler, [task])
        graph.states[key] = finish
        graph.count[finish] += 1
        graph.is_changed = True
        if finish == "processing":
            kind = f"{graph.delivery.name} {task.prefix.name}"
            graph.started[key] = None
            self._handle(GraphTaskStarted(graph.job, str(key), kind, task.processing_on.address))
        elif start == "processing" and key in graph.started:
            del graph.started[key]
            self._handle(_task_ended(graph.job, str(key), finish, facts))
        if finish == "memory":
            graph.done.add(key)
        return True

    def has(self, task: TaskState) -> bool:
        """Whether a task is of some job's graph."""
        return (task.annotations or {}).get(GRAPH_JOB, "") in self._graphs

    def changed(self) -> None:
        """Tell how far graphs are whose tasks have changed their states."""
        for graph in self._graphs.values():
            if graph.is_changed:
                graph.is_changed = False
                count = graph.count
                self._handle(
                    GraphChanged(
                        graph.job,
                        tasks=len(graph.states),
                        done=len(graph.done),
                        running=count["processing"],
                        queued=0 if graph.is_suspended else count["queued"] + count["no-worker"],
                        demand=0 if graph.is_suspended else count["queued"],
                    )
                )

    def notice(self, job: str) -> str:
        """What the user of a graph shall know: workers are there, and none may run some of its tasks."""
        graph = self._graphs.get(job)
        if graph is None or graph.is_suspended or not graph.count["no-worker"] or not self._scheduler.running:
            return ""
        unfit = [task for task in self._tasks(graph) if task.state == "no-worker"]
        if not unfit:
            return ""
        resources = [f"{name}={amount:g}" for name, amount in (unfit[0].resource_restrictions or {}).items()]
        places = unfit[0].worker_restrictions or unfit[0].host_restrictions or ()
        wanted = " ".join([*resources, *sorted(places)])
        return f"no worker fits {len(unfit)} of its tasks: bring one with {wanted}, or cancel the job"


def _task_ended(job: str, task: str, finish: str, facts: dict[str, Any]) -> GraphTaskEnded:
    spans = facts.get("startstops") or ()
    seconds = sum(span["stop"] - span["start"] for span in spans if span["action"] == "compute")
    outcomes: dict[str, AttemptOutcome] = {"memory": "done", "erred": "failed"}
    # Suspended before it began: it ran for no time at all.
    otherwise: AttemptOutcome = "rescheduled" if facts.get("stimulus_id") == dask_api.STIMULUS else "lost"
    return GraphTaskEnded(job, task, outcomes.get(finish, otherwise), seconds)
