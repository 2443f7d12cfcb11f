"""Graphs on their way: Dask schedules their tasks; priority, budget and attempts are as of all work."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from mediadask.pool.core.commands import CancelGraph, ReorderGraph, ResumeGraph, StartGraph, SuspendGraph
from mediadask.pool.core.displacement import Demand
from mediadask.pool.history import AttemptEnded

if TYPE_CHECKING:
    from mediadask.pool.core.attempts import Attempts
    from mediadask.pool.core.batches import BatchTable
    from mediadask.pool.core.clock import Now
    from mediadask.pool.core.commands import Command
    from mediadask.pool.core.events import GraphChanged, GraphEnded, GraphTaskEnded, GraphTaskStarted
    from mediadask.pool.core.jobs import GraphJob
    from mediadask.pool.core.workers import Workers
    from mediadask.pool.history import AttemptOutcome

__all__ = ["Graphs"]


class Graphs:
    """All graphs that are open. A `JobRunner`."""

    def __init__(self, table: BatchTable, workers: Workers, attempts: Attempts, out: list[Command]) -> None:
        self._table, self._workers, self._attempts, self._out = table, workers, attempts, out
        self._waiting: dict[GraphJob, None] = {}
        """Those with tasks that would take a slot at once."""

        self._server: dict[str, str] = {}
        """The address of each worker that has tasks of graphs, by its identity for the ledger."""

    def start(self, job: GraphJob, now: Now) -> None:
        """Enter a graph into Dask, unless it is held: then when it is resumed."""
        if not job.is_held:
            job.is_entered = True
            self._out.append(StartGraph(job.id, (job.rank, job.due)))

    def reorder(self, job: GraphJob, now: Now) -> None:
        """A graph's class or deadline has changed."""
        if job.is_entered:
            self._out.append(ReorderGraph(job.id, (job.rank, job.due)))
            for attempt in job.attempts.values():
                self._table.touch(self._server[attempt.worker])

    def suspend(self, job: GraphJob, now: Now) -> None:
        """Nothing more of a graph begins."""
        if job.is_entered and not job.is_suspended:
            job.is_suspended = True
            self._waiting.pop(job, None)
            self._out.append(SuspendGraph(job.id))

    def resume(self, job: GraphJob, now: Now) -> None:
        """Tasks of a graph may begin again."""
        if not job.is_entered:
            self.start(job, now)
        elif job.is_suspended:
            job.is_suspended = False
            self._out.append(ResumeGraph(job.id))

    def end(self, job: GraphJob, now: Now) -> None:
        """A graph's job has ended."""
        if job.is_entered and None in job.values:
            self._out.append(CancelGraph(job.id))
        if None not in job.values:
            self._forget(job, "failed", now)
        self._waiting.pop(job, None)

    def demands(self) -> list[Demand]:
        """What waits for slots, each job for no more than all of them."""
        threads = self._workers.threads
        return [Demand(job.rank, job.id, min(job.demand, threads)) for job in self._waiting if threads]

    def changed(self, job: GraphJob, event: GraphChanged) -> None:
        """Tasks of a graph have changed their states."""
        job.tasks, job.tasks_done = event.tasks, event.done
        job.running, job.queued, job.demand = event.running, event.queued, event.demand
        if event.demand and job.is_open and not job.is_suspended:
            self._waiting[job] = None
        else:
            self._waiting.pop(job, None)

    def task_started(self, job: GraphJob, event: GraphTaskStarted, now: Now) -> None:
        """A task was sent to a worker."""
        worker = self._workers.get(event.worker)
        server = event.worker if worker is None else worker.server_id
        if worker is not None:
            worker.graphs[job] += 1
            self._table.touch(worker.address)
        self._server[server] = event.worker
        job.take_slot(now.seconds)
        job.attempts[event.task] = self._attempts.start_task(job, event.task, event.kind, server, now)

    def task_ended(self, job: GraphJob, event: GraphTaskEnded, now: Now) -> None:
        """A task is off its worker."""
        if event.task in job.attempts:
            self._end_attempt(job, event.task, event.outcome, event.run_seconds, now)

    def ended(self, job: GraphJob, event: GraphEnded, now: Now) -> None:
        """A graph is computed, or failed."""
        self._forget(job, "failed", now)
        if job.is_open:
            job.set_value(0, event.value)
        job.is_entered = False

    def forgotten(self, job: GraphJob, now: Now) -> None:
        """Dask has forgotten a graph: it begins again, if it is still wanted."""
        self._forget(job, "rescheduled" if job.is_open else "cancelled", now)
        job.forget_tasks()
        self._waiting.pop(job, None)
        if job.is_open:
            self.start(job, now)

    def is_at_rest(self, job: GraphJob) -> bool:
        """Whether nothing of a graph is on a worker."""
        return not job.attempts

    def _forget(self, job: GraphJob, outcome: AttemptOutcome, now: Now) -> None:
        for task in list(job.attempts):
            self._end_attempt(job, task, outcome, 0.0, now)

    def _end_attempt(
        self, job: GraphJob, task: str, outcome: AttemptOutcome, run_seconds: float, now: Now
    ) -> None:
        attempt = job.attempts.pop(task)
        job.leave_slot(now.seconds)
        worker = self._workers.get(self._server.get(attempt.worker, ""))
        if worker is not None and worker.server_id == attempt.worker:
            worker.graphs[job] -= 1
            worker.graphs += Counter()  # without zeros
            self._table.touch(worker.address)
        self._attempts.keep(
            AttemptEnded(attempt=attempt, outcome=outcome, run_seconds=run_seconds, at=now.utc)
        )
