"""Dask graphs as jobs: arrays and other collections that a pool computes, beside the deliveries it makes.

A graph goes into Dask whole, at its class's priority, rather than as units: so it keeps what makes it a
graph, parallel branches, fused tasks, data that stays where it was made. An annotation tells its tasks.
Each is booked as an attempt when it has run, so a computation has turnaround and cost like any job.

Where a budget holds its show, tasks that have not begun are bound to a worker that does not exist: Dask keeps
them, with the results they need, until they are let go on.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import dask
from distributed.client import FutureCancelledError
from distributed.protocol.pickle import dumps

from mediadask.delivery import Delivery, Failure, Group
from mediadask.errors import MediaError
from mediadask.pool.history import Attempt, AttemptEnded, AttemptOutcome, AttemptStarted, Record, new_id
from mediadask.pool.scheduler.orders import Orders
from mediadask.pool.scheduler.stints import dask_priority
from mediadask.pool.worker.workbench import GRAPH_JOB

if TYPE_CHECKING:
    from collections.abc import Hashable

    from distributed import Client, Future, Scheduler
    from distributed.scheduler import TaskState

    from mediadask.delivery import Report
    from mediadask.pool.scheduler.backlog import JobRecord

__all__ = ["Computation", "Graphs", "is_withheld"]

_NO_WORKER = "mediadask://held"
_HOLD, _LET_GO = "mediadask-hold", "mediadask-let-go"


class Computation(Delivery):
    """A Dask collection as a delivery of one output: the computed object."""

    def __init__(self, name: str, collection: Any) -> None:
        super().__init__(name, [Group(name, ())], finish=_only)
        self.collection = collection


def _only(report: Report) -> Any:
    (outcome,) = report.outcomes
    if outcome.failure is not None:
        raise MediaError(outcome.failure.error, where=report.name)
    return outcome.value


def is_withheld(task: TaskState) -> bool:
    """Whether it waits for its job to be let go on, rather than for a worker."""
    return task.worker_restrictions is not None and _NO_WORKER in task.worker_restrictions


class Owner(Protocol):
    """Whom the graphs belong to."""

    def record(self, event: Record) -> None:
        """Take note."""

    def computed(self, job: JobRecord, value: bytes | Failure) -> None:
        """A graph has ended."""

    def begin_again(self, job: JobRecord) -> None:
        """Its graph is to be entered once more."""


@dataclass(eq=False)
class _Graph:
    job: JobRecord
    future: Future | None = None
    following: asyncio.Task[None] | None = None
    dropping: asyncio.Task[None] | None = None
    withheld: bool = False
    bound: dict[Hashable, set[str] | None] = field(default_factory=dict)
    """The workers that its user allows for tasks that are withheld."""

    states: dict[Hashable, str] = field(default_factory=dict)
    count: Counter[str] = field(default_factory=Counter)
    """How many of its tasks are in each state."""

    done: set[Hashable] = field(default_factory=set)
    """Tasks that have been; where their results were lost with a worker they run again."""

    attempts: dict[Hashable, Attempt] = field(default_factory=dict)


class Graphs:
    """All graphs that are in Dask. Its methods run in the scheduler's event loop."""

    def __init__(self, scheduler: Scheduler, client: Client, owner: Owner) -> None:
        self.scheduler, self.client, self.owner = scheduler, client, owner
        self._orders = Orders(scheduler)
        self._graphs: dict[str, _Graph] = {}

    def begin(self, job: JobRecord) -> None:
        """Enter the graph of `job`, whose delivery is a `Computation`."""
        job.next_group = job.groups
        job.units_planned = job.units_done = 0
        job.begun.clear()
        graph = self._graphs[job.id] = _Graph(job)
        graph.following = asyncio.create_task(self._follow(graph))

    def close(self) -> None:
        """The scheduler closes: follow them no more."""
        for graph in self._graphs.values():
            if graph.following is not None:
                graph.following.cancel()
        self._graphs.clear()

    async def _follow(self, graph: _Graph) -> None:
        value: bytes | Failure
        try:
            # In a thread: it optimizes and pickles the graph, however large that is.
            graph.future = future = await asyncio.to_thread(self._enter, graph.job)
            if graph.job.status != "running":
                self.drop(graph.job)
            value = await asyncio.to_thread(dumps, await future)
        except FutureCancelledError:
            self._forget(graph, "cancelled")
            if graph.job.status == "running":  # a client had Dask forget everything
                self.owner.begin_again(graph.job)
            return
        except Exception as error:
            value = Failure.of(error)
        self._forget(graph, "failed")
        self.owner.computed(graph.job, value)

    def _enter(self, job: JobRecord) -> Future:
        assert isinstance(job.delivery, Computation)
        with dask.annotate(**{GRAPH_JOB: job.id}):
            future: Future = self.client.compute(
                job.delivery.collection, priority=dask_priority(job.order, job.due)
            )
        return future

    def _forget(self, graph: _Graph, outcome: AttemptOutcome) -> None:
        for key in list(graph.attempts):
            self._end(graph, key, outcome, 0.0)
        del self._graphs[graph.job.id]
        if graph.future is not None:
            graph.future.release()

    def drop(self, job: JobRecord) -> None:
        """Nobody wants it any more: tasks that run end, no other begins."""
        graph = self._graphs.get(job.id)
        if graph is not None and graph.future is not None:
            graph.dropping = asyncio.create_task(graph.future.cancel(force=True))

    def reorder(self, job: JobRecord) -> None:
        """The job's class or deadline has changed: what waits for a slot finds its new place."""
        if (graph := self._graphs.get(job.id)) is None:
            return
        for state in self._tasks(graph):
            if state.priority is not None:
                waits = state.state == "queued"
                if waits:
                    self.scheduler.queued.remove(state)
                state.priority = (-dask_priority(job.order, job.due), *state.priority[1:])
                if waits:
                    self.scheduler.queued.add(state)

    # Held, and let go on.

    def withhold(self, job: JobRecord) -> None:
        """Its tasks that have not begun wait until `let_go_on`, also those that are on workers already."""
        graph = self._graphs.get(job.id)
        if graph is None or graph.withheld:
            return
        graph.withheld = True
        tasks = self._tasks(graph)
        for task in tasks:
            self._bind(graph, task)
        self.scheduler.transitions({task.key: "released" for task in tasks if task.state == "queued"}, _HOLD)
        for worker in {task.processing_on.address for task in tasks if task.processing_on}:
            self._orders.give_back_graph(worker, job.id)
        self._orders.send()

    def _bind(self, graph: _Graph, task: TaskState) -> None:
        graph.bound[task.key] = task.worker_restrictions
        task.worker_restrictions = {_NO_WORKER}

    def let_go_on(self, job: JobRecord) -> None:
        """Its tasks may begin again."""
        graph = self._graphs.get(job.id)
        if graph is None or not graph.withheld:
            return
        graph.withheld = False
        tasks = self._tasks(graph)
        for task in tasks:
            task.worker_restrictions = graph.bound.get(task.key)
        graph.bound.clear()
        waiting = {task.key: "released" for task in tasks if task.state == "no-worker"}
        self.scheduler.transitions(waiting, _LET_GO)

    def _tasks(self, graph: _Graph) -> list[TaskState]:
        return [task for key in graph.states if (task := self.scheduler.tasks.get(key)) is not None]

    # What the scheduler tells.

    def transition(self, key: Hashable, start: str, finish: str, what: dict[str, Any]) -> bool:
        """Follow a key through Dask's states; False if it is no graph's."""
        if not self._graphs or (state := self.scheduler.tasks.get(key)) is None:
            return False
        graph = self._graphs.get((state.annotations or {}).get(GRAPH_JOB, ""))
        if graph is None:
            return False
        if key not in graph.states:
            graph.job.units_planned += 1
            if graph.withheld:
                self._bind(graph, state)
        else:
            graph.count[graph.states[key]] -= 1
        graph.states[key] = finish
        graph.count[finish] += 1
        if finish == "processing":
            worker = state.processing_on.server_id
            kind = f"{graph.job.delivery.name} {state.prefix.name}"
            graph.attempts[key] = attempt = Attempt(
                id=new_id(), job=graph.job.id, unit=str(key), kind=kind, frames=1, worker=worker
            )
            self.owner.record(AttemptStarted(attempt=attempt))
        elif start == "processing" and key in graph.attempts:
            spans = what.get("startstops") or ()
            seconds = sum(span["stop"] - span["start"] for span in spans if span["action"] == "compute")
            outcomes: dict[str, AttemptOutcome] = {"memory": "done", "erred": "failed"}
            # Held before it began: it ran for no time at all.
            otherwise: AttemptOutcome = "rescheduled" if what.get("stimulus_id") == GRAPH_JOB else "lost"
            self._end(graph, key, outcomes.get(finish, otherwise), seconds)
        if finish == "memory":
            graph.done.add(key)
            graph.job.units_done = len(graph.done)
            graph.job.begun[0] = len(graph.done) / graph.job.units_planned
        return True

    def _end(self, graph: _Graph, key: Hashable, outcome: AttemptOutcome, seconds: float) -> None:
        attempt = graph.attempts.pop(key)
        self.owner.record(AttemptEnded(attempt=attempt, outcome=outcome, run_seconds=seconds))

    # What is known of them.

    def waiting(self) -> list[tuple[int, str]]:
        """The class orders and job ids of tasks without a slot, of each job no more than all slots."""
        slots = self.scheduler.total_nthreads
        return [
            (graph.job.order, graph.job.id)
            for graph in self._graphs.values()
            if not graph.withheld
            for _ in range(min(self._without_slot(graph), slots))
        ]

    def _without_slot(self, graph: _Graph) -> int:
        # Those that no worker fits would take no slot that is given up: they wait for a worker.
        # Dask sends tasks that need others' results to a worker at once; there they wait for a thread.
        tasks = map(self.scheduler.tasks.get, graph.attempts)
        workers = {task.processing_on for task in tasks if task is not None and task.processing_on}
        beyond: int = sum(max(0, len(worker.processing) - worker.nthreads) for worker in workers)
        return graph.count["queued"] + beyond

    def notice(self, job: JobRecord) -> str:
        """What its user shall know: workers are there, and none may run some of its tasks."""
        graph = self._graphs.get(job.id)
        if graph is None or graph.withheld or not graph.count["no-worker"] or not self.scheduler.running:
            return ""
        unfit = [task for task in self._tasks(graph) if task.state == "no-worker"]
        if not unfit:
            return ""
        resources = [f"{name}={amount:g}" for name, amount in (unfit[0].resource_restrictions or {}).items()]
        places = unfit[0].worker_restrictions or unfit[0].host_restrictions or ()
        wanted = " ".join([*resources, *sorted(places)])
        return f"no worker fits {len(unfit)} of its tasks: bring one with {wanted}, or cancel the job"

    def running(self, job: JobRecord) -> int:
        """How many of its tasks are on workers."""
        graph = self._graphs.get(job.id)
        return 0 if graph is None else graph.count["processing"]

    def described(self, job: JobRecord) -> dict[str, int]:
        """How many of its tasks are in which state, in the words of a job's description."""
        if (graph := self._graphs.get(job.id)) is None:
            return {}
        queued = 0 if graph.withheld else graph.count["queued"] + graph.count["no-worker"]
        return {"units_running": graph.count["processing"], "units_queued": queued}
