"""The scheduler's side of a simulated pool: carries events to a `PoolState`, and its commands out."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from mediadask.delivery import Failure
from mediadask.pool.core import commands, events
from mediadask.pool.core.events import JobSpec, PlannedGroup, Round
from mediadask.pool.simulation.clock import Stream
from mediadask.pool.simulation.dask import DaskTask, SimulatedDask
from mediadask.pool.simulation.graph import SimulatedGraph, Strangers
from mediadask.pool.simulation.model import UnitModel, unit_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from mediadask.pool.core.clock import Now
    from mediadask.pool.core.commands import Command
    from mediadask.pool.core.events import Event
    from mediadask.pool.simulation.clock import Clock
    from mediadask.pool.simulation.model import GroupModel, JobModel, Timing
    from mediadask.pool.simulation.worker import SimulatedWorker

__all__ = ["Handles", "Observer", "SimulatedPool", "spec_of"]

_LOOP_SECONDS = 0.001
"""What one turn of the scheduler's event loop takes: at its end there is a round."""


class Handles(Protocol):
    """A `PoolState`, or what stands in for one."""

    def handle(self, event: Event, now: Now) -> list[Command]:
        """Handle an event. Returns what is to be done."""


class Observer(Protocol):
    """Sees every event with the commands that it led to."""

    def saw(self, event: Event, commands: list[Command], now: Now) -> None:
        """The state has handled an event; nothing is carried out yet."""


class SimulatedPool:
    """One process of a scheduler, from its start to its end.

    Parameters
    ----------
    jobs
        What may be submitted, by id.
    delay_seconds
        Draws what a message takes.
    replace_worker
        Ends a worker's process.
    choose
        As of `SimulatedDask`.
    """

    def __init__(
        self,
        state: Handles,
        clock: Clock,
        timing: Timing,
        jobs: dict[str, JobModel],
        observer: Observer | None,
        *,
        delay_seconds: Callable[[], float],
        replace_worker: Callable[[str, str], None],
        choose: Callable[[int], int] | None = None,
    ) -> None:
        self.state, self.clock, self.jobs = state, clock, jobs
        self._timing, self._observer, self._replace_worker = timing, observer, replace_worker
        self.dask = SimulatedDask(choose)
        self.client = Stream(clock, delay_seconds)
        """By which tasks enter and are released."""

        self.planning: dict[str, int] = {}
        """How many answers to `PlanGroups` are due, by job."""

        self.ended_at: dict[str, float] = {}
        """When jobs ended, by id."""

        self.workers: dict[str, tuple[SimulatedWorker, Stream]] = {}
        """Workers that are registered, each with the stream to it."""

        self.graphs: dict[str, SimulatedGraph] = {}
        self._graphs_entered = 0
        self.strangers = Strangers(self.dask)
        self._paused: dict[str, None] = {}
        """Workers that the state wants to get no more tasks."""

        self._commands: list[Command] = []
        """To be carried out at the end of this turn of the event loop: Dask is in the middle of something."""

        self._round = 0
        self._round_at = float("inf")
        self._do: dict[type[Any], Callable[[Any], None]] = {
            commands.PlanGroups: self._plan,
            commands.EnterTask: self._enter,
            commands.ReleaseTask: self._release,
            commands.Instruct: self._instruct,
            commands.CancelUnits: self._cancel,
            commands.PauseWorker: self._pause_worker,
            commands.UnpauseWorker: self._unpause_worker,
            commands.ReplaceWorker: self._replace,
            commands.StartGraph: self._start_graph,
            commands.ReorderGraph: self._reorder_graph,
            commands.SuspendGraph: self._suspend_graph,
            commands.ResumeGraph: self._resume_graph,
            commands.CancelGraph: self._cancel_graph,
            commands.EndJob: self._end_job,
        }
        self._wake(timing.round_seconds)

    def handle(self, event: Event) -> None:
        """Something has happened."""
        if not self.client.is_open:
            return
        now = self.clock.now()
        told = self.state.handle(event, now)
        if self._observer is not None:
            self._observer.saw(event, told, now)
        for command in told:
            if isinstance(command, commands.SendUnits):
                self._send(command)
            elif not isinstance(command, commands.Write):
                self._commands.append(command)
        self._wake(_LOOP_SECONDS)

    def close(self) -> None:
        """The process ends, and whatever was on its way to it or from it is lost."""
        self.client.is_open = False

    def forget_tasks(self) -> None:
        """A client restarts the cluster."""
        self.dask.forget_all()
        graphs, self.graphs = list(self.graphs.values()), {}
        self.handle(events.DaskRestarted())
        for graph in graphs:
            graph.forget()

    # Rounds.

    def _wake(self, seconds: float) -> None:
        at = self.clock.seconds + seconds
        if at < self._round_at:
            self._round += 1
            self._round_at = at
            self.clock.at(at, self._turn, self._round)

    def _turn(self, number: int) -> None:
        if number != self._round or not self.client.is_open:
            return
        for graph in list(self.graphs.values()):
            graph.tell()
        strangers = {worker: self.strangers.on(worker) for worker in self._paused}
        self.handle(Round(strangers))
        told, self._commands = self._commands, []
        for command in told:
            self._do[type(command)](command)
        self._round_at = float("inf")
        self._wake(self._timing.round_seconds)

    # Tasks of batches: what Dask tells of them.

    def queued(self, task: DaskTask) -> None:
        """As of a `TaskOwner`."""
        self.handle(events.TaskQueued(task.key))

    def started(self, task: DaskTask) -> None:
        """As of a `TaskOwner`."""
        self.handle(events.TaskStarted(task.key, task.worker))

    def ended(self, task: DaskTask) -> None:
        """As of a `TaskOwner`."""
        self.handle(events.TaskEnded(task.key))

    def failed(self, task: DaskTask, error: str) -> None:
        """As of a `TaskOwner`."""
        self.handle(events.TaskFailed(task.key, error))

    def lost(self, task: DaskTask) -> None:
        """As of a `TaskOwner`."""
        self.handle(events.TaskLost(task.key))

    # Commands.

    def _enter(self, command: commands.EnterTask) -> None:
        task = DaskTask(command.task, self, command.priority, command.worker, command.batch)
        self.client.send(self.dask.enter, task)

    def _release(self, command: commands.ReleaseTask) -> None:
        self.client.send(self.dask.release, command.task)

    def _send(self, command: commands.SendUnits) -> None:
        stuck = {
            position: Failure(f"{call.unit.name} cannot be pickled", "TypeError")
            for position, call in enumerate(command.calls)
            if call.unit.args and call.unit.args[0].endings[0] == "unsendable"
        }
        if stuck:
            self.handle(events.BatchRefused(command.batch, stuck))
        elif command.worker in self.workers:
            worker, stream = self.workers[command.worker]
            stream.send(worker.keep, command.batch, command.calls)

    def _instruct(self, command: commands.Instruct) -> None:
        if command.worker in self.workers:
            worker, stream = self.workers[command.worker]
            stream.send(worker.instruct, command.batch, command.instruction)

    def _cancel(self, command: commands.CancelUnits) -> None:
        if command.worker in self.workers:
            worker, stream = self.workers[command.worker]
            stream.send(worker.cancel, command.batch, command.positions)

    def _pause_worker(self, command: commands.PauseWorker) -> None:
        self._paused[command.worker] = None
        self.dask.set_running(command.worker, False)

    def _unpause_worker(self, command: commands.UnpauseWorker) -> None:
        self._paused.pop(command.worker, None)
        self.dask.set_running(command.worker, True)

    def _replace(self, command: commands.ReplaceWorker) -> None:
        self._replace_worker(command.worker, command.reason)

    def _end_job(self, command: commands.EndJob) -> None:
        self.ended_at.setdefault(command.job, self.clock.seconds)

    # Planning.

    def _plan(self, command: commands.PlanGroups) -> None:
        job = self.jobs[command.job]
        self.planning[job.id] = self.planning.get(job.id, 0) + 1
        groups: list[PlannedGroup] = []
        units = 0
        for group in job.groups[command.start :]:
            if units >= command.units:
                break
            groups.append(_planned(group))
            units += len(group.units)
        fails = job.unplannable_after is not None and command.start + len(groups) > job.unplannable_after
        answer: Event = (
            events.FailJob(job.id, Failure(f"{job.id} cannot be planned", "ValueError"))
            if fails
            else events.GroupsPlanned(job.id, tuple(groups))
        )
        self.clock.after(job.planning_seconds, self._answer, job.id, answer)

    def _answer(self, job: str, answer: Event) -> None:
        self.planning[job] -= 1
        self.handle(answer)

    # Graphs.

    def _start_graph(self, command: commands.StartGraph) -> None:
        model = self.jobs[command.job].graph
        assert model is not None
        graph = self.graphs[command.job] = SimulatedGraph(
            self, command.job, model, command.priority, self._graphs_entered
        )
        self._graphs_entered += 1
        self.client.send(graph.enter)

    def _reorder_graph(self, command: commands.ReorderGraph) -> None:
        if command.job in self.graphs:
            self.graphs[command.job].reorder(command.priority)

    def _suspend_graph(self, command: commands.SuspendGraph) -> None:
        if command.job in self.graphs:
            self.graphs[command.job].suspend()

    def _resume_graph(self, command: commands.ResumeGraph) -> None:
        if command.job in self.graphs:
            self.graphs[command.job].resume()

    def _cancel_graph(self, command: commands.CancelGraph) -> None:
        if graph := self.graphs.pop(command.job, None):
            self.client.send(graph.cancel)


def spec_of(
    job: JobModel, now: Now, *, waited_seconds: float = 0.0, priority: str = "", deadline: Any = None
) -> JobSpec:
    """The job as a client submits it, or as it is taken up again after so many seconds."""
    submitted = now.utc - timedelta(seconds=waited_seconds)
    if deadline is None and job.deadline_seconds is not None:
        deadline = submitted + timedelta(seconds=job.deadline_seconds)
    return JobSpec(
        id=job.id,
        name=job.name or job.id,
        show=job.show,
        priority=priority or job.priority,
        deadline=deadline,
        kind=job.kind,
        groups=len(job.groups) if job.graph is None else 1,
        closing=None if job.closing is None or not job.groups else unit_of(job.closing),
        closing_key="" if job.closing is None else job.closing.key,
        is_graph=job.graph is not None,
        payload=job.id.encode(),
        submitted=submitted,
        waited_seconds=waited_seconds,
    )


def _planned(group: GroupModel) -> PlannedGroup:
    name = group.units[0].key if group.units else "empty"
    keys = tuple(unit.key for unit in group.units)
    finish = group.finish
    joins = finish is not None or len(keys) != 1
    model = finish if finish is not None else _list_of(keys)
    return PlannedGroup(
        name, tuple(unit_of(unit) for unit in group.units), keys, unit_of(model), model.key, joins
    )


def _list_of(keys: tuple[str, ...]) -> UnitModel:
    return UnitModel(f"join({','.join(keys)})", 0.001, "join", 0)
