"""The state of a pool: everything it knows and decides, in one machine without I/O.

`PoolState.handle` takes an event and the time, and returns commands to be carried out in order. Nothing else
changes the state. It knows no asyncio, no Dask and no database, so it can be simulated as well as run; the
model is `distributed.worker_state_machine.WorkerState`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Literal

from mediadask.pool import history
from mediadask.pool.core import events as ev
from mediadask.pool.core.attempts import Attempts
from mediadask.pool.core.batches import BatchTable
from mediadask.pool.core.commands import EndJob, Write
from mediadask.pool.core.deliveries import Deliveries
from mediadask.pool.core.displacement import Displacement
from mediadask.pool.core.finished import FinishedJobs
from mediadask.pool.core.graphs import Graphs
from mediadask.pool.core.hanging import HangWatch
from mediadask.pool.core.jobs import DeliveryJob, GraphJob, Job
from mediadask.pool.core.slots import Slots
from mediadask.pool.core.workers import Workers
from mediadask.pool.descriptions import UnknownJob

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from mediadask.pool.config import PoolConfig
    from mediadask.pool.core.clock import Now
    from mediadask.pool.core.commands import Command
    from mediadask.pool.core.jobs import JobRunner
    from mediadask.pool.history import EndedStatus
    from mediadask.pool.scaling.predict import Predictor

__all__ = ["BudgetState", "PoolState"]

_logger = logging.getLogger(__name__)

BudgetState = Literal["ok", "warn", "background", "hold"]


class PoolState:
    """Jobs, units, batches, slots, workers, budgets: who runs what, who waits, who pays.

    Parameters
    ----------
    config
        The pool's settings.
    predictor
        What units take; it learns from what ends.
    new_id
        Gives a new identity for an attempt or a displacement.
    """

    def __init__(self, config: PoolConfig, predictor: Predictor, new_id: Callable[[], str]) -> None:
        self.config, self.predictor = config, predictor
        self._out: list[Command] = []
        self.workers = Workers(config, self._out)
        self.batches = BatchTable()
        attempts = self.attempts = Attempts(predictor, new_id, self._out)
        self._slots = Slots(self.batches, self.workers, attempts, self._out)
        self._deliveries = Deliveries(config, predictor, self.batches, self.workers, self._slots, self._out)
        self._graphs = Graphs(self.batches, self.workers, attempts, self._out)
        self._runners: dict[type[Job], JobRunner[Any]] = {
            DeliveryJob: self._deliveries,
            GraphJob: self._graphs,
        }
        self._displacement = Displacement(self.batches, self.workers, self._slots, self._out)
        self._hanging = HangWatch(
            config, predictor, self.batches, self.workers, self._slots, attempts, self._out
        )
        self._open: dict[str, Job] = {}
        self._of_budget: dict[str, dict[str, Job]] = {name: {} for name in config.budgets}
        self._finished = FinishedJobs()
        self._jobs_seen = 0
        self.spent: Mapping[str, float] = {}
        """By the names of budgets."""

    def handle(self, event: ev.Event, now: Now) -> list[Command]:
        """Take note of an event. Returns what is to be done, in order."""
        match event:
            case ev.Round():
                self._round(event, now)
            case ev.UnitsReported():
                self._slots.report(event.worker, event.batch, event.reports, now)
            case ev.TaskQueued():
                self._slots.task_queued(event.task, now)
            case ev.TaskStarted():
                if (batch := self._slots.task_started(event.task, event.worker, now)) is not None:
                    self._hanging.watch(batch, now)
            case ev.TaskEnded():
                self._slots.task_ended(event.task, now)
            case ev.TaskLost():
                self._slots.task_lost(event.task, now)
            case ev.TaskFailed():
                self._slots.task_failed(event.task, event.error, now)
            case ev.BatchRefused():
                self._slots.refuse(event.batch, event.failures, now)
            case ev.DaskRestarted():
                self._slots.restarted(now)
            case ev.WorkerJoined():
                self.workers.join(event, now)
            case ev.WorkerLeft():
                self._slots.worker_left(event.address, event.expected, now)
                self.workers.leave(event, now)
            case ev.WorkerExplained():
                self.workers.explain(event)
            case ev.EvictWorkers():
                for worker in event.workers:
                    self.workers.dismiss(worker)
                    self._slots.evict(self.batches.on(worker), now)
            case ev.SubmitJob():
                self._submit(event.spec, now)
            case ev.SpendingChanged():
                self._spending_changed(event.spent, now)
            case _:
                self._handle_job(event, now)
        self._settle(now)
        return self.take_commands()

    def _handle_job(self, event: ev.Event, now: Now) -> None:
        """Events of one job; those of a job that is not known any more are late, and of no matter."""
        id: str = event.job  # type: ignore[union-attr]
        match event, self._open.get(id) or self._finished.get(id):
            case ev.CancelJob(), Job() as job:
                self._cancel(job, event.reason, now)
            case ev.ReprioritizeJob(), Job() as job:
                self._reprioritize(job, event.priority, event.deadline, event.reason, now)
            case ev.FailJob(), Job() as job if job.is_open:
                job.abandon(event.failure)
                self._end(job, "failed", now)
            case ev.GroupsPlanned(), DeliveryJob() as job if job.is_open:
                self._deliveries.planned(job, event.groups, now)
            case ev.GraphChanged(), GraphJob() as job:
                self._graphs.changed(job, event)
            case ev.GraphTaskStarted(), GraphJob() as job:
                self._graphs.task_started(job, event, now)
            case ev.GraphTaskEnded(), GraphJob() as job:
                self._graphs.task_ended(job, event, now)
            case ev.GraphEnded(), GraphJob() as job:
                self._graphs.ended(job, event, now)
                self._end_if_settled(job, now)
            case ev.GraphForgotten(), GraphJob() as job:
                self._graphs.forgotten(job, now)
            case _:
                pass

    # What others read.

    def open_jobs(self) -> list[Job]:
        """The jobs that have not ended, first come first."""
        return list(self._open.values())

    def jobs(self) -> list[Job]:
        """All jobs that are kept, first come first."""
        return sorted((*self._finished, *self._open.values()), key=lambda job: job.number)

    def job(self, id: str) -> Job:
        """The job with this id.

        Raises
        ------
        UnknownJob
            It is not known, or not any more.
        """
        job = self._open.get(id) or self._finished.get(id)
        if job is None:
            raise UnknownJob(
                "the pool no longer keeps this job", where=id, do="`mediadask jobs` tells its end"
            )
        return job

    def is_at_rest(self, job: Job) -> bool:
        """Whether nothing of a job is on a worker."""
        return self._runners[type(job)].is_at_rest(job)

    def budget_state(self, show: str) -> BudgetState:
        """What a show's budget means for its work now."""
        name = self.config.budgeted(show)
        return "ok" if name is None else self.config.budgets[name].state(self.spent.get(name, 0.0))

    # Jobs.

    def _submit(self, spec: ev.JobSpec, now: Now) -> None:
        if spec.id in self._open or self._finished.get(spec.id) is not None:
            return  # the message came twice
        kind = GraphJob if spec.is_graph else DeliveryJob
        job: Job = kind(
            spec=spec,
            number=self._jobs_seen,
            priority=spec.priority,
            rank=self.config.classes[spec.priority].order,
            deadline=spec.deadline,
            submitted_at=now.seconds - spec.waited_seconds,
            values=[None] * (spec.groups + (spec.closing is not None)),
        )
        self._jobs_seen += 1
        self._open[spec.id] = job
        self._out.append(
            Write(
                history.JobSubmitted(
                    job=spec.id,
                    name=spec.name,
                    show=spec.show,
                    priority=spec.priority,
                    deadline=spec.deadline,
                    groups=spec.groups,
                    kind=spec.kind,
                    payload=spec.payload if self.config.name else None,  # useless where nobody takes it up
                    at=spec.submitted,
                )
            )
        )
        if (budget := self.config.budgeted(spec.show)) is not None:
            self._of_budget[budget][spec.id] = job
            self._apply_budget(job, now)
        self._runners[kind].start(job, now)
        self._end_if_settled(job, now)

    def _cancel(self, job: Job, reason: str, now: Now) -> None:
        if job.is_open:
            job.error = job.error or reason
            self._end(job, "cancelled", now)

    def _reprioritize(
        self, job: Job, priority: str, deadline: datetime | None, reason: str, now: Now
    ) -> None:
        if not job.is_open:
            return  # what has been is not counted under another class
        last = self.config.class_names[-1]
        job.own_priority = ""
        if self.budget_state(job.show) == "background" and priority != last:
            job.own_priority, priority = priority, last
        self._set_priority(job, priority, deadline, reason, now)

    def _set_priority(
        self, job: Job, priority: str, deadline: datetime | None, reason: str, now: Now
    ) -> None:
        job.priority, job.deadline = priority, deadline
        job.rank = self.config.classes[priority].order
        self._out.append(
            Write(
                history.JobReprioritized(
                    job=job.id,
                    priority=priority,
                    own_priority=job.own_priority,
                    deadline=deadline,
                    reason=reason,
                    at=now.utc,
                )
            )
        )
        self._runners[type(job)].reorder(job, now)

    def _end_if_settled(self, job: Job, now: Now) -> None:
        if job.is_open and job.is_settled:
            self._end(job, "failed" if job.error else "done", now)

    def _end(self, job: Job, status: EndedStatus, now: Now) -> None:
        job.ended, job.seconds = status, now.seconds - job.submitted_at
        del self._open[job.id]
        if (budget := self.config.budgeted(job.show)) is not None:
            del self._of_budget[budget][job.id]
        self._runners[type(job)].end(job, now)
        self._finished.keep(job)
        self._out.append(
            Write(
                history.JobEnded(
                    job=job.id,
                    status=status,
                    seconds=job.seconds,
                    running_seconds=min(job.seconds, job.running_seconds(now.seconds)),
                    groups_done=job.groups_done,
                    groups_failed=job.groups_failed,
                    error=job.error,
                    at=now.utc,
                )
            )
        )
        self._out.append(EndJob(job.id))

    # Budgets.

    def _spending_changed(self, spent: Mapping[str, float], now: Now) -> None:
        before, self.spent = self.spent, spent
        for name, budget in self.config.budgets.items():
            if budget.state(before.get(name, 0.0)) != budget.state(spent.get(name, 0.0)):
                for job in list(self._of_budget[name].values()):
                    self._apply_budget(job, now)

    def _apply_budget(self, job: Job, now: Now) -> None:
        state, last = self.budget_state(job.show), self.config.class_names[-1]
        if state == "background" and job.priority != last and not job.own_priority:
            job.own_priority = job.priority
            self._set_priority(job, last, job.deadline, f"the budget of {job.show} is spent", now)
        elif state != "background" and job.own_priority:
            own, job.own_priority = job.own_priority, ""
            reason = f"the budget of {job.show} is spent no more"
            self._set_priority(job, own, job.deadline, reason, now)
        if job.is_held != (state == "hold"):
            job.is_held = state == "hold"
            runner = self._runners[type(job)]
            (runner.suspend if job.is_held else runner.resume)(job, now)

    # Rounds, and what follows from events.

    def _round(self, event: ev.Round, now: Now) -> None:
        self._deliveries.look(now)
        self._hanging.look(event.foreign_tasks, now)
        # What is set aside goes on before anything new of its class comes into Dask.
        self._displacement.displace(self._deliveries.next_rank(), self._graphs.demands(), now)
        self._deliveries.fill(now)

    def _settle(self, now: Now) -> None:
        """Deal with what became of units, and with what follows from that."""
        outcomes = self._slots.outcomes
        while outcomes:
            for job in self._deliveries.settle(outcomes.popleft(), now):
                self._end_if_settled(job, now)

    def take_commands(self) -> list[Command]:
        """What is to be done that `handle` has not returned yet."""
        commands = self._out.copy()
        self._out.clear()
        return commands
