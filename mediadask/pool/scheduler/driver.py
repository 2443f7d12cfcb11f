"""The state of a pool at work on Dask's scheduler: what happens becomes events, commands are carried out.

All of it runs in the scheduler's event loop. Events are handled at once; most commands are carried out when
the loop has handled what it is handling, since Dask's own state is not to be changed in the middle of a
transition.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, cast

from distributed.protocol.pickle import dumps

from mediadask import dask_api
from mediadask.delivery import Failure
from mediadask.pool.core import Now
from mediadask.pool.core import commands as do
from mediadask.pool.core.events import (
    BatchRefused,
    CancelJob,
    Round,
    SubmitJob,
    TaskEnded,
    TaskFailed,
    TaskLost,
    TaskQueued,
    TaskStarted,
)
from mediadask.pool.scheduler.graphs import DaskGraphs
from mediadask.pool.scheduler.log import log
from mediadask.pool.scheduler.messages import Messages
from mediadask.pool.scheduler.planning import Planner
from mediadask.pool.scheduler.tasks import SlotTasks

if TYPE_CHECKING:
    from distributed import Client, Scheduler

    from mediadask.delivery import Delivery
    from mediadask.pool.computation import Computation
    from mediadask.pool.core import PoolState
    from mediadask.pool.core.commands import Command
    from mediadask.pool.core.events import Event, JobSpec
    from mediadask.pool.ledger.ledger import Ledger

__all__ = ["Driver"]

_logger = logging.getLogger(__name__)
_ROUND_SECONDS = 0.5
"""So often time alone is a reason to look."""

_KILL_SECONDS = 10.0


class Driver:
    """Drives a state.

    Parameters
    ----------
    client
        By which tasks and graphs enter Dask.
    """

    def __init__(self, scheduler: Scheduler, client: Client, state: PoolState, ledger: Ledger) -> None:
        self.state = state
        self._scheduler, self._client, self._ledger = scheduler, client, ledger
        self._tasks = SlotTasks(client)
        self.planner = Planner(self.handle)
        self.graphs = DaskGraphs(scheduler, client, self.handle)
        self._messages = Messages(scheduler)
        self._waiting: dict[str, asyncio.Event] = {}
        self._commands: list[Command] = []
        self._is_round_due = False
        self._generation = 0
        self._replacing: set[asyncio.Task[None]] = set()

    # Events.

    def handle(self, event: Event) -> None:
        """Handle an event now; carry out what follows soon, and look at everything once then."""
        try:
            commands = self.state.handle(event, Now.read())
        except Exception:  # a fault of ours; the pool goes on with what it can
            _logger.exception("could not be handled: %s", event)
            commands = self.state.take_commands()
        for command in commands:
            match command:
                case do.Write():
                    self._ledger.record(command.record)
                    log(command.record)
                case do.SendUnits():
                    self._send_units(command)
                case _:
                    self._commands.append(command)
        self.round_soon()

    def submit(self, spec: JobSpec, delivery: Delivery) -> None:
        """Take up a job."""
        self.planner.add(spec.id, delivery)
        self._waiting[spec.id] = asyncio.Event()
        self.handle(SubmitJob(spec))

    def cancel_all(self, reason: str) -> None:
        """End every job that is open."""
        for job in self.state.open_jobs():
            self.handle(CancelJob(job.id, reason))

    async def ended(self, job: str) -> None:
        """Return when a job has ended."""
        if (waiting := self._waiting.get(job)) is not None:
            await waiting.wait()

    def transition(self, key: Any, start: str, finish: str, facts: dict[str, Any]) -> None:
        """A Dask task has changed its state."""
        if key not in self._tasks:
            if self.graphs.transition(key, start, finish, facts):
                self.round_soon()
        elif finish == "memory":
            self.handle(TaskEnded(key))
        elif finish == "erred":
            self.handle(TaskFailed(key, self._scheduler.tasks[key].exception_text))
        elif finish == "processing":
            self.handle(TaskStarted(key, self._scheduler.tasks[key].processing_on.address))
        elif start == "processing":
            self.handle(TaskLost(key))
        elif finish == "queued":
            self.handle(TaskQueued(key))

    def restarted(self) -> None:
        """Dask has forgotten all tasks: nothing is entered until the client has heard of it."""
        self._generation = dask_api.client_generation(self._client) + 1

    # Rounds.

    def round_soon(self) -> None:
        """Have a round when the loop has handled what it is handling."""
        if not self._is_round_due:
            self._is_round_due = True
            asyncio.get_running_loop().call_soon(self._round)

    def _round(self) -> None:
        self.graphs.changed()
        if dask_api.client_generation(self._client) >= self._generation:
            self.handle(Round(self._foreign_tasks()))
        self._is_round_due = False
        commands, self._commands = self._commands, []
        for command in commands:
            try:
                self._carry_out(command)
            except Exception:  # the pool goes on with all others
                _logger.exception("could not be carried out: %s", command)
        self._tasks.send()
        self._messages.send()

    async def look_again(self) -> None:
        """Have rounds for as long as this runs, for what is due by time alone."""
        while True:
            await asyncio.sleep(_ROUND_SECONDS)
            self.round_soon()

    def _foreign_tasks(self) -> dict[str, int]:
        foreign = {}
        for worker in self.state.workers.emptied():
            if (there := self._scheduler.workers.get(worker)) is not None:
                foreign[worker] = sum(
                    task.key not in self._tasks and not self.graphs.has(task) for task in there.processing
                )
        return foreign

    # Commands.

    def _send_units(self, command: do.SendUnits) -> None:
        try:
            payload = dumps([_call(each) for each in command.calls])
        except Exception:  # of its units each is asked by itself what is wrong with it
            failures = {
                position: failure
                for position, call in enumerate(command.calls)
                if (failure := _refusal(call)) is not None
            }
            self.handle(BatchRefused(command.batch, failures))
            return
        self._messages.send_units(command.worker, command.batch, len(command.calls), payload)

    def _carry_out(self, command: Command) -> None:
        match command:
            case do.EnterTask():
                self._tasks.enter(command)
            case do.ReleaseTask(task):
                self._tasks.release(task)
            case do.Instruct(worker, batch, instruction):
                self._messages.instruct(worker, batch, instruction)
            case do.CancelUnits(worker, batch, positions):
                self._messages.cancel(worker, batch, positions)
            case do.PlanGroups():
                self.planner.plan(command)
            case do.EndJob(job):
                self.planner.forget(job)
                if (waiting := self._waiting.pop(job, None)) is not None:
                    waiting.set()
            case do.StartGraph(job, priority):
                if (delivery := self.planner.delivery(job)) is not None:
                    self.graphs.start(job, cast("Computation", delivery), priority)
            case do.CancelGraph(job):
                self.graphs.cancel(job)
            case do.ReorderGraph(job, priority):
                self.graphs.reorder(job, priority)
            case do.SuspendGraph(job):
                for worker in self.graphs.suspend(job):
                    self._messages.give_back_graph(worker, job)
            case do.ResumeGraph(job):
                self.graphs.resume(job)
            case do.PauseWorker(worker):
                dask_api.pause_worker(self._scheduler, worker)
            case do.UnpauseWorker(worker):
                dask_api.unpause_worker(self._scheduler, worker)
            case do.ReplaceWorker(worker, reason):
                self.replace_worker(worker, reason)

    def replace_worker(self, worker: str, reason: str) -> None:
        """End the process of a worker; its nanny starts another."""
        _logger.warning("worker %s is replaced: %s", worker, reason)
        self._replacing.add(task := asyncio.create_task(self._replace(worker)))
        task.add_done_callback(self._replacing.discard)

    async def _replace(self, worker: str) -> None:
        await self._scheduler.restart_workers(
            [worker],
            timeout=_KILL_SECONDS,
            wait_for_workers=False,
            on_error="return",
            stimulus_id=dask_api.STIMULUS,
        )

    def close(self) -> None:
        """The scheduler closes."""
        self.graphs.close()
        self.planner.close()
        for task in self._replacing:
            task.cancel()


def _call(call: do.BatchCall) -> tuple[Any, list[bytes] | None]:
    if call.results is None:
        return call.unit, None
    return call.unit, [dumps(value) if isinstance(value, Failure) else value for value in call.results]


def _refusal(call: do.BatchCall) -> Failure | None:
    try:
        dumps(_call(call))
    except Exception as error:
        return Failure.of(error)
    return None
