"""The state of a pool at work on Dask's scheduler: what happens becomes events, commands are carried out.

All of it runs in the scheduler's event loop. Events are handled at once; most commands are carried out when
the loop has handled what it is handling, since Dask's own state is not to be changed in the middle of a
transition.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, ClassVar, cast

from distributed import SchedulerPlugin

from mediadask import dask_api
from mediadask.pool.core import Now
from mediadask.pool.core import commands as do
from mediadask.pool.core.events import CancelJob, Round, SubmitJob, UnitsReported
from mediadask.pool.reports import from_wire
from mediadask.pool.scheduler.graphs import DaskGraphs
from mediadask.pool.scheduler.log import log
from mediadask.pool.scheduler.planning import Planner
from mediadask.pool.scheduler.slots import DaskSlots

if TYPE_CHECKING:
    from distributed import Client, Scheduler

    from mediadask.delivery import Delivery
    from mediadask.pool.computation import Computation
    from mediadask.pool.core import PoolState
    from mediadask.pool.core.commands import Command
    from mediadask.pool.core.events import Event, JobSpec
    from mediadask.pool.ledger.ledger import Ledger
    from mediadask.pool.scaling.actuator import Actuator

__all__ = ["Driver"]

_logger = logging.getLogger(__name__)
_ROUND_SECONDS = 0.5
"""So often time alone is a reason to look."""

_KILL_SECONDS = 10.0


class Driver(SchedulerPlugin):
    """Drives a state. It is a plugin of the scheduler for the sake of tasks' transitions.

    Parameters
    ----------
    client
        By which tasks and graphs enter Dask.
    actuator
        Ends workers that have no nanny to replace them.
    """

    name: ClassVar[str] = "mediadask-driver"

    def __init__(
        self,
        scheduler: Scheduler,
        client: Client,
        state: PoolState,
        ledger: Ledger,
        actuator: Actuator | None = None,
    ) -> None:
        self.state, self._actuator = state, actuator
        self._scheduler, self._client, self._ledger = scheduler, client, ledger
        self.planner = Planner(self.handle)
        self._slots = DaskSlots(scheduler, client, self.handle)
        self.graphs = DaskGraphs(scheduler, client, self.handle)
        self._waiting: dict[str, asyncio.Event] = {}
        self._commands: list[Command] = []
        self._is_round_due = self._is_closing = False
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
                    self._slots.send_units(command)
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

    def transition(self, key: Any, start: str, finish: str, *args: Any, **kwargs: Any) -> None:
        """A Dask task has changed its state."""
        if not self._slots.transition(key, start, finish) and self.graphs.transition(
            key, start, finish, kwargs
        ):
            self.round_soon()

    def report(self, worker: str, batch: str, reports: list[list[Any]]) -> None:
        """A worker reports what became of units."""
        self.handle(UnitsReported(worker, batch, from_wire(worker, reports)))

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
        self._slots.send()

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
                    task.key not in self._slots and not self.graphs.has(task) for task in there.processing
                )
        return foreign

    # Commands.

    def _carry_out(self, command: Command) -> None:
        match command:
            case do.EnterTask():
                self._slots.enter(command)
            case do.ReleaseTask(task):
                self._slots.release(task)
            case do.Instruct(worker, batch, instruction):
                self._slots.instruct(worker, batch, instruction)
            case do.CancelUnits(worker, batch, positions):
                self._slots.cancel(worker, batch, positions)
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
                self.graphs.suspend(job)
            case do.ResumeGraph(job):
                self.graphs.resume(job)
            case do.PauseWorker(worker):
                dask_api.pause_worker(self._scheduler, worker)
            case do.UnpauseWorker(worker) if not self._is_closing:
                dask_api.unpause_worker(self._scheduler, worker)
            case do.ReplaceWorker(worker, reason):
                self.replace_worker(worker, reason)

    def replace_worker(self, worker: str, reason: str) -> None:
        """End the process of a worker; its nanny starts another, or the pool brings one."""
        _logger.warning("worker %s is replaced: %s", worker, reason)
        self._replacing.add(task := asyncio.create_task(self._replace(worker)))
        task.add_done_callback(self._replacing.discard)

    async def _replace(self, worker: str) -> None:
        there = self.state.workers.get(worker)
        if self._actuator is not None and there is not None and not there.has_nanny:
            await self._actuator.stop([there.name])
            return
        await self._scheduler.restart_workers(
            [worker],
            timeout=_KILL_SECONDS,
            wait_for_workers=False,
            on_error="return",
            stimulus_id=dask_api.STIMULUS,
        )

    def end(self) -> None:
        """The scheduler closes: while its workers end, nothing begins on those that are left."""
        self._is_closing = True
        for worker in self._scheduler.workers:
            dask_api.pause_worker(self._scheduler, worker)
        self.graphs.close()
        self.planner.close()
        for task in self._replacing:
            task.cancel()
