"""Dask graphs as jobs: arrays and other collections that a pool computes, beside the deliveries it makes.

A graph goes into Dask whole, at its class's priority, rather than as units: so it keeps what makes it a
graph, parallel branches, fused tasks, data that stays where it was made. An annotation tells its tasks.
Each is booked as an attempt when it has run, so a computation has turnaround and cost like any job.
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
from mediadask.pool.dispatch import dask_priority
from mediadask.pool.events import AttemptEnded, AttemptStarted, Event, Outcome, new_id

if TYPE_CHECKING:
    from collections.abc import Hashable

    from distributed import Client, Future, Scheduler

    from mediadask.delivery import Report
    from mediadask.pool.backlog import JobRecord

__all__ = ["Computation", "Graphs"]

_ANNOTATION = "mediadask_job"


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


class Owner(Protocol):
    """Whom the graphs belong to."""

    def record(self, event: Event) -> None:
        """Take note."""

    def computed(self, job: JobRecord, value: bytes | Failure) -> None:
        """A graph has ended."""


@dataclass(eq=False)
class _Graph:
    job: JobRecord
    future: Future
    following: asyncio.Task[None] | None = None
    dropping: asyncio.Task[None] | None = None
    states: dict[Hashable, str] = field(default_factory=dict)
    count: Counter[str] = field(default_factory=Counter)
    """How many of its tasks are in each state."""

    attempts: dict[Hashable, AttemptStarted] = field(default_factory=dict)


class Graphs:
    """All graphs that are in Dask. Its methods run in the scheduler's event loop."""

    def __init__(self, scheduler: Scheduler, client: Client, owner: Owner) -> None:
        self.scheduler, self.client, self.owner = scheduler, client, owner
        self._graphs: dict[str, _Graph] = {}

    def begin(self, job: JobRecord) -> None:
        """Enter the graph of `job`, whose delivery is a `Computation`."""
        assert isinstance(job.delivery, Computation)
        job.next_group = len(job.delivery)
        with dask.annotate(**{_ANNOTATION: job.id}):
            future = self.client.compute(job.delivery.collection, priority=dask_priority(job.order, job.due))
        graph = self._graphs[job.id] = _Graph(job, future)
        graph.following = asyncio.create_task(self._follow(graph))

    async def _follow(self, graph: _Graph) -> None:
        value: bytes | Failure
        try:
            result = await graph.future
            value = await asyncio.to_thread(dumps, result)
        except FutureCancelledError:
            self._forget(graph, "cancelled")
            if graph.job.status == "running":
                self.begin(graph.job)  # a client had Dask forget everything
            return
        except Exception as error:
            value = Failure.of(error)
        self._forget(graph, "failed")
        self.owner.computed(graph.job, value)

    def _forget(self, graph: _Graph, outcome: Outcome) -> None:
        for key in list(graph.attempts):
            self._end(graph, key, outcome, 0.0)
        del self._graphs[graph.job.id]
        graph.future.release()

    def drop(self, job: JobRecord) -> None:
        """Nobody wants it any more: tasks that run end, no other begins."""
        if graph := self._graphs.get(job.id):
            graph.dropping = asyncio.create_task(graph.future.cancel(force=True))

    def reorder(self, job: JobRecord) -> None:
        """The job's class or deadline has changed: what waits for a slot finds its new place."""
        if (graph := self._graphs.get(job.id)) is None:
            return
        for key in graph.states:
            if (state := self.scheduler.tasks.get(key)) is not None and state.priority is not None:
                waits = state.state == "queued"
                if waits:
                    self.scheduler.queued.remove(state)
                state.priority = (-dask_priority(job.order, job.due), *state.priority[1:])
                if waits:
                    self.scheduler.queued.add(state)

    def waiting(self) -> list[tuple[int, str]]:
        """The class orders and job ids of tasks without a slot, of each job no more than all slots."""
        slots = self.scheduler.total_nthreads
        return [
            (graph.job.order, graph.job.id)
            for graph in self._graphs.values()
            for _ in range(min(self._without_slot(graph), slots))
        ]

    def _without_slot(self, graph: _Graph) -> int:
        queued = graph.count["queued"] + graph.count["no-worker"]
        # Dask sends tasks that need others' results to a worker at once; there they wait for a thread.
        tasks = map(self.scheduler.tasks.get, graph.attempts)
        workers = {task.processing_on for task in tasks if task is not None and task.processing_on}
        beyond: int = sum(max(0, len(worker.processing) - worker.nthreads) for worker in workers)
        return queued + beyond

    def transition(self, key: Hashable, start: str, finish: str, what: dict[str, Any]) -> bool:
        """Follow a key through Dask's states; False if it is no graph's."""
        if not self._graphs or (state := self.scheduler.tasks.get(key)) is None:
            return False
        graph = self._graphs.get((state.annotations or {}).get(_ANNOTATION, ""))
        if graph is None:
            return False
        if key not in graph.states:
            graph.job.units_planned += 1
        else:
            graph.count[graph.states[key]] -= 1
        graph.states[key] = finish
        graph.count[finish] += 1
        if finish == "processing":
            worker = state.processing_on.server_id
            kind = f"{graph.job.delivery.name} {state.prefix.name}"
            graph.attempts[key] = AttemptStarted(
                attempt=new_id(), job=graph.job.id, unit=str(key), kind=kind, frames=1, worker=worker
            )
            self.owner.record(graph.attempts[key])
        elif start == "processing" and key in graph.attempts:
            spans = what.get("startstops") or ()
            seconds = sum(span["stop"] - span["start"] for span in spans if span["action"] == "compute")
            outcomes: dict[str, Outcome] = {"memory": "done", "erred": "failed"}
            self._end(graph, key, outcomes.get(finish, "lost"), seconds)
            graph.job.units_done += finish == "memory"
        return True

    def _end(self, graph: _Graph, key: Hashable, outcome: Outcome, seconds: float) -> None:
        begun = graph.attempts.pop(key)
        self.owner.record(
            AttemptEnded(
                attempt=begun.attempt,
                job=begun.job,
                unit=begun.unit,
                kind=begun.kind,
                frames=1,
                worker=begun.worker,
                outcome=outcome,
                run_seconds=seconds,
            )
        )

    def described(self, job: JobRecord) -> dict[str, int]:
        """How many of its tasks are in which state, in the words of a job's description."""
        if (graph := self._graphs.get(job.id)) is None:
            return {}
        count = graph.count
        return {"units_running": count["processing"], "units_queued": count["queued"] + count["no-worker"]}
