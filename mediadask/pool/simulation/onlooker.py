"""What somebody knows of a pool who sees its events, its commands and nothing else."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from mediadask.pool import history, reports
from mediadask.pool.core import commands as do
from mediadask.pool.core import events as ev
from mediadask.pool.simulation.seen import CLOSING, FINISH, SeenBatch, SeenJob, SeenTask, SeenWorker

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mediadask.pool.config import PoolConfig
    from mediadask.pool.core.clock import Now
    from mediadask.pool.core.commands import Command
    from mediadask.pool.core.events import Event
    from mediadask.pool.simulation.model import JobModel
    from mediadask.pool.simulation.seen import Place

__all__ = ["Onlooker"]

_NO_DEADLINE = 9e9

_SILENCE = (reports.UnitBegan, reports.OthersReturned)
"""Reports that tell of no checkpoint."""


class Onlooker:
    """Follows one life of a pool.

    Parameters
    ----------
    models
        The jobs that may be submitted, by id.
    """

    def __init__(self, config: PoolConfig, models: Mapping[str, JobModel]) -> None:
        self.config, self._models = config, models
        self.now = 0.0
        self.jobs: dict[str, SeenJob] = {}
        self.places: dict[str, dict[Place, None]] = {}
        """Where results belong, by the keys of units."""

        self.done: dict[str, int] = {}
        """How often the unit of each key was recorded as done."""

        self.deaths: Counter[str] = Counter()
        """How many workers died under the unit of each key."""

        self.silences: Counter[str] = Counter()
        """How often the unit of each key may have been taken to hang until its worker was gone."""

        self.failures: Counter[str] = Counter()
        """How often the unit of each key has failed so that another try may succeed."""

        self.doomed: set[str] = set()
        """The keys of units of which every try fails."""

        self.failed: set[tuple[str, int]] = set()
        """Groups of which a unit failed in a way that another try would repeat, by job and index."""

        self.tasks: dict[str, SeenTask] = {}
        self.made_room = False
        """Whether a task was released just before: another may take its place."""

        self.batches: dict[str, SeenBatch] = {}
        self.on_worker: dict[str, str] = {}
        """The batch of each unit that a worker has, by key."""

        self.workers: dict[str, SeenWorker] = {}
        self.spent: Mapping[str, float] = {}
        self.demand: dict[str, int] = {}
        """How many tasks of graphs would take a slot at once, by job."""

    def saw_event(self, event: Event, now: Now) -> None:
        """Something has happened."""
        self.now = now.seconds
        match event:
            case ev.Round():
                self.made_room = False
            case ev.UnitsReported():
                self._reported(event)
            case ev.TaskQueued(task) if task in self.tasks:
                self.tasks[task].state = "queued"
            case ev.TaskStarted(task) if task in self.tasks:
                self.tasks[task].state = "started"
            case ev.TaskEnded() | ev.TaskFailed() | ev.TaskLost():
                self._task_is_off(event)
            case ev.BatchRefused(id, failures) if id in self.batches:
                self.doomed.update(self.batches[id].left[position] for position in failures)
                self._forget(id)
            case ev.DaskRestarted():
                self.tasks.clear()
                for batch in list(self.batches):
                    self._forget(batch)
            case ev.WorkerJoined():
                self.workers[event.address] = SeenWorker(event.threads)
            case ev.WorkerLeft():
                self._left(event)
            case ev.EvictWorkers(workers):
                for worker in workers:
                    if worker in self.workers:
                        self.workers[worker].is_leaving = True
            case ev.SpendingChanged(spent):
                self.spent = spent
            case _:
                self._saw_job(event)

    def _saw_job(self, event: Event) -> None:
        match event:
            case ev.SubmitJob(spec) if spec.id not in self.jobs:
                rank = self.config.classes[spec.priority].order
                job = SeenJob(self._models[spec.id], rank, due_of(spec.deadline), rank, spec.show)
                self.jobs[spec.id] = job
                if spec.closing is not None:
                    self.places.setdefault(spec.closing_key, {})[spec.id, CLOSING, FINISH] = None
            case ev.ReprioritizeJob(id, priority) if id in self.jobs and self.jobs[id].is_open:
                self.jobs[id].asked_rank = self.config.classes[priority].order
            case ev.GroupsPlanned():
                self._planned(event)
            case ev.FailJob(id):
                self.jobs[id].is_planning = False
            case ev.GraphChanged(id):
                self.demand[id] = event.demand
            case ev.GraphTaskStarted(id, task, _, worker) if worker in self.workers:
                self.workers[worker].graph_tasks[task] = id
            case ev.GraphTaskEnded(_, task):
                for there in self.workers.values():
                    there.graph_tasks.pop(task, None)
            case ev.GraphForgotten(id) | ev.GraphEnded(id):
                self.demand.pop(id, None)
                for there in self.workers.values():
                    tasks = there.graph_tasks.items()
                    there.graph_tasks = {task: job for task, job in tasks if job != id}

    def saw_command(self, command: Command) -> None:
        """The state wants something done."""
        match command:
            case do.Write(record):
                self._wrote(record)
            case do.EnterTask(task, id, priority, worker):
                self.tasks[task] = SeenTask(task, id, *priority, worker)
                self.made_room = False
                if worker and (batch := self.batches.get(id)) is not None:
                    batch.task, batch.state = task, "resuming"
            case do.ReleaseTask(task):
                self.tasks.pop(task, None)
                self.made_room = True
            case do.SendUnits():
                self._sent(command)
            case do.Instruct():
                self._instructed(command)
            case do.CancelUnits(_, id, positions) if id in self.batches:
                self.batches[id].cancelled.update(positions)
            case do.PauseWorker(worker) if worker in self.workers:
                self.workers[worker].is_paused = True
            case do.UnpauseWorker(worker) if worker in self.workers:
                self.workers[worker].is_paused = False
            case do.ReplaceWorker(worker) if worker in self.workers:
                self.workers[worker].is_replaced = True
            case do.PlanGroups(id):
                self.jobs[id].is_planning = True
            case do.EndJob(id):
                self.demand.pop(id, None)

    # What follows from what was seen.

    def budget_state(self, show: str) -> str:
        """What the budget of a show says of its work."""
        name = self.config.budgeted(show)
        return "ok" if name is None else self.config.budgets[name].state(self.spent.get(name, 0.0))

    def is_held(self, show: str) -> bool:
        """Whether nothing of this show may begin."""
        return self.budget_state(show) == "hold"

    def wanting(self, key: str) -> list[SeenJob]:
        """The open jobs that a unit is for, in groups that have not failed."""
        return [
            job
            for id, index, _ in self.places.get(key, ())
            if (job := self.jobs.get(id)) is not None and job.is_open and (id, index) not in self.failed
        ]

    def rank_of(self, batch: SeenBatch) -> float:
        """The rank of the most urgent job that wants a unit of this batch."""
        ranks = [job.rank for key in batch.left.values() for job in self.wanting(key)]
        return min(ranks, default=float("inf"))

    def lowest_rank_of(self, batch: SeenBatch) -> float:
        """The rank of its least urgent job: from here nobody sees whether others wait for the same unit."""
        ranks = [job.rank for key in batch.left.values() for job in self.wanting(key)]
        return max(ranks, default=float("inf"))

    def is_suspect(self, key: str) -> bool:
        """Whether something happened to the unit that may excuse that it waits."""
        happened = (self.failures, self.deaths, self.silences)
        return key in self.doomed or any(key in each for each in happened)

    def has_failed(self, key: str) -> bool:
        """Whether the unit is surely not to be tried again."""
        return key in self.doomed or self.failures[key] > self.config.retries or self.deaths[key] > 1

    def may_have_failed(self, key: str) -> bool:
        """Whether something happened to the unit that may excuse that it is not tried again.

        One that is taken to hang may be taken for slow later, when others of its kind took as long.
        """
        return self.has_failed(key) or self.deaths[key] + self.silences[key] > 1

    def batches_on(self, worker: str) -> list[SeenBatch]:
        """The batches that a worker has."""
        return [batch for batch in self.batches.values() if batch.worker == worker]

    def tasks_on(self, worker: str, before: float) -> int:
        """How many tasks of graphs of a higher class than this rank a worker has."""
        there = self.workers[worker].graph_tasks.values() if worker in self.workers else ()
        return sum(self.jobs[job].rank < before for job in there)

    def waiting(self) -> list[SeenTask]:
        """The tasks of batches that wait in Dask's queue."""
        return [task for task in self.tasks.values() if task.state == "queued"]

    def entering(self) -> bool:
        """Whether a task is on its way into Dask, or got a slot of a worker that was not known yet."""
        return any(
            task.state == "entering" or (task.state == "started" and task.batch not in self.batches)
            for task in self.tasks.values()
        )

    # Events.

    def _planned(self, event: ev.GroupsPlanned) -> None:
        job = self.jobs[event.job]
        job.is_planning = False
        for group in event.groups:
            index, job.planned = job.planned, job.planned + 1
            for position, key in enumerate(group.keys):
                self.places.setdefault(key, {})[event.job, index, position] = None
            if group.joins:
                self.places.setdefault(group.finish_key, {})[event.job, index, FINISH] = None

    def _task_is_off(self, event: ev.TaskEnded | ev.TaskFailed | ev.TaskLost) -> None:
        seen = self.tasks.get(event.task)
        if seen is not None and isinstance(event, ev.TaskLost):
            seen.state = "lost"
        batch = None if seen is None else self.batches.get(seen.batch)
        if batch is None or batch.task != event.task:
            return
        match event:
            case ev.TaskLost():
                self._lose(batch, is_blamed=False)
            case ev.TaskFailed():
                self.doomed.update(batch.left.values())
                self._forget(batch.id)
            case _ if batch.state == "yielding":
                batch.state = "paused"
            case _ if batch.state in ("running", "pausing"):
                self._forget(batch.id)

    def _left(self, event: ev.WorkerLeft) -> None:
        worker = self.workers.pop(event.address, None)
        is_blamed = not event.expected and worker is not None and not worker.is_replaced
        for batch in self.batches_on(event.address):
            self._lose(batch, is_blamed=is_blamed and batch.state in ("running", "pausing"))

    def _reported(self, event: ev.UnitsReported) -> None:
        batch = self.batches.get(event.batch)
        if batch is None or batch.worker != event.worker:
            return
        batch.is_silent = batch.is_silent and all(isinstance(each, _SILENCE) for each in event.reports)
        for report in event.reports:
            match report:
                case reports.UnitEnded(position, outcome):
                    if position in batch.left:
                        key = batch.left.pop(position)
                        self._off(key, batch.id)
                        if outcome == "failed" and report.transient:
                            self.failures[key] += 1
                        elif outcome == "failed":
                            self.doomed.add(key)
                            self.failed |= {(job, index) for job, index, _ in self.places.get(key, ())}
                    if batch.state in ("yielding", "paused", "resuming"):
                        batch.state = "running"  # it ended while it was paused, and so did its pause
                case reports.OthersReturned(position):
                    self._keep_only(batch, position)
                case reports.UnitPaused(position):
                    self._keep_only(batch, position)
                    batch.state = "yielding"
                case reports.StayedPaused():
                    batch.state, batch.is_held = "yielding", False
                case reports.UnitResumed():
                    batch.state = "pausing" if batch.is_held else "running"
                    batch.told_at, batch.is_held = self.now, False
                case reports.BatchDone() | reports.BatchUnknown():
                    self._forget(batch.id)

    # Commands.

    def _sent(self, command: do.SendUnits) -> None:
        keys = [_key(call) for call in command.calls]
        task = next((task.key for task in self.tasks.values() if task.batch == command.batch), "")
        hangs = any("hangs" in call.unit.args[0].endings for call in command.calls)
        self.batches[command.batch] = SeenBatch(
            command.batch, task, command.worker, dict(enumerate(keys)), hangs=hangs
        )
        self.on_worker.update(dict.fromkeys(keys, command.batch))

    def _instructed(self, command: do.Instruct) -> None:
        batch = self.batches.get(command.batch)
        if batch is None or batch.worker != command.worker:
            return
        if command.instruction == "evict":
            batch.is_evicted = True
        elif batch.state == "resuming":
            batch.is_held = command.instruction == "pause"
        elif command.instruction == "pause" and batch.state == "running":
            batch.state, batch.told_at = "pausing", self.now
        elif command.instruction == "run" and batch.state == "pausing":
            batch.state = "running"

    def _wrote(self, record: history.Record) -> None:
        match record:
            case history.JobReprioritized():
                job = self.jobs[record.job]
                job.rank, job.due = self.config.classes[record.priority].order, due_of(record.deadline)
            case history.JobEnded():
                self.jobs[record.job].is_open = False
            case history.AttemptFlagged():
                if batch := self.batches.get(self.on_worker.get(record.attempt.unit, "")):
                    batch.is_silent = batch.was_silent = True
            case history.AttemptEnded(outcome="done"):
                key = record.attempt.unit
                self.done[key] = self.done.get(key, 0) + 1

    # Batches.

    def _keep_only(self, batch: SeenBatch, position: int) -> None:
        for other in [other for other in batch.left if other > position]:
            self._off(batch.left.pop(other), batch.id)

    def _forget(self, batch: str) -> None:
        for key in self.batches.pop(batch).left.values():
            self._off(key, batch)

    def _off(self, key: str, batch: str) -> None:
        if self.on_worker.get(key) == batch:
            del self.on_worker[key]

    def _lose(self, batch: SeenBatch, *, is_blamed: bool) -> None:
        if batch.is_silent:
            self.silences.update(batch.left.values())
        elif is_blamed:
            self.deaths.update(batch.left.values())
        self._forget(batch.id)


def due_of(deadline: datetime | None) -> float:
    """A deadline in seconds since the epoch; after all others without one."""
    return _NO_DEADLINE if deadline is None else deadline.timestamp()


def _key(call: do.BatchCall) -> str:
    key: str = call.unit.args[0].key
    return key
