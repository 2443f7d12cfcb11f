"""The scheduler's side of a simulated pool: carries events to a `PoolState`, and its commands out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mediadask.delivery import Failure
from mediadask.pool.core import commands as do
from mediadask.pool.core import events as ev
from mediadask.pool.core.events import Round
from mediadask.pool.simulation.clock import Stream
from mediadask.pool.simulation.dask import DaskTask, SimulatedDask
from mediadask.pool.simulation.graph import SimulatedGraph, Strangers
from mediadask.pool.simulation.model import planned

if TYPE_CHECKING:
    from mediadask.pool.core.clock import Now
    from mediadask.pool.core.commands import Command
    from mediadask.pool.core.events import Event, PlannedGroup
    from mediadask.pool.simulation.dask import TaskState
    from mediadask.pool.simulation.worker import SimulatedWorker
    from mediadask.pool.simulation.world import World

__all__ = ["Handles", "Observer", "SimulatedPool"]

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
    """One process of a scheduler, from its start to its end."""

    def __init__(self, state: Handles, world: World) -> None:
        self.state, self.clock, self.jobs = state, world.clock, world.jobs
        self._world = world
        self.dask = SimulatedDask(world.choose)
        self.client = Stream(world.clock, world.delay)
        """By which tasks enter and are released."""

        self.workers: dict[str, tuple[SimulatedWorker, Stream]] = {}
        """Workers that are registered, each with the stream to it."""

        self.graphs: dict[str, SimulatedGraph] = {}
        self._graphs_entered = 0
        self.strangers = Strangers(self.dask)
        self.paused: dict[str, None] = {}
        """Workers that the state wants to get no more tasks, whatever they say themselves."""

        self._commands: list[Command] = []
        """To be carried out at the end of this turn of the event loop: Dask is in the middle of something."""

        self._round = 0
        self._round_at = float("inf")
        self._wake(world.timing.round_seconds)

    def handle(self, event: Event) -> None:
        """Something has happened."""
        if not self.client.is_open:
            return
        now = self.clock.now()
        told = self.state.handle(event, now)
        if self._world.observer is not None:
            self._world.observer.saw(event, told, now)
        for command in told:
            if isinstance(command, do.SendUnits):
                self._send(command)
            elif not isinstance(command, do.Write):
                self._commands.append(command)
        self._wake(_LOOP_SECONDS)

    def close(self) -> None:
        """The process ends, and whatever was on its way to it or from it is lost."""
        self.client.is_open = False

    def forget_tasks(self) -> None:
        """A client restarts the cluster."""
        self.dask.forget_all()
        graphs, self.graphs = list(self.graphs.values()), {}
        self.handle(ev.DaskRestarted())
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
        strangers = {worker: self.strangers.on(worker) for worker in self.paused}
        self.handle(Round(strangers))
        told, self._commands = self._commands, []
        for command in told:
            self._carry_out(command)
        self._round_at = float("inf")
        self._wake(self._world.timing.round_seconds)

    def transition(self, task: DaskTask, finish: TaskState, error: str = "") -> None:
        """As of a `TaskOwner`: a task by which a batch takes a slot."""
        match finish:
            case "queued":
                self.handle(ev.TaskQueued(task.key))
            case "processing":
                self.handle(ev.TaskStarted(task.key, task.worker))
            case "ended":
                self.handle(ev.TaskEnded(task.key))
            case "failed":
                self.handle(ev.TaskFailed(task.key, error))
            case "lost":
                self.handle(ev.TaskLost(task.key))

    # Commands.

    def _carry_out(self, command: Command) -> None:
        match command:
            case do.EnterTask(task, batch, priority, worker):
                self.client.send(self.dask.enter, DaskTask(task, self, priority, worker, batch))
            case do.ReleaseTask(task):
                self.client.send(self.dask.release, task)
            case do.Instruct(address, batch, instruction) if address in self.workers:
                there, stream = self.workers[address]
                stream.send(there.instruct, batch, instruction)
            case do.CancelUnits(address, batch, positions) if address in self.workers:
                there, stream = self.workers[address]
                stream.send(there.cancel, batch, positions)
            case do.PauseWorker(worker):
                self.paused[worker] = None
                self.dask.set_running(worker, False)
            case do.UnpauseWorker(worker):
                self.paused.pop(worker, None)
                self.dask.set_running(worker, True)
            case do.ReplaceWorker(worker, reason):
                self._world.replace_worker(worker, reason)
            case do.PlanGroups():
                self._plan(command)
            case do.StartGraph(job, priority) if (model := self.jobs[job].graph) is not None:
                graph = SimulatedGraph(self, job, model, priority, self._graphs_entered)
                self.graphs[job] = graph
                self._graphs_entered += 1
                self.client.send(graph.enter)
            case do.ReorderGraph(job, priority) if job in self.graphs:
                self.graphs[job].reorder(priority)
            case do.SuspendGraph(job) if job in self.graphs:
                self.graphs[job].suspend()
            case do.ResumeGraph(job) if job in self.graphs:
                self.graphs[job].resume()
            case do.CancelGraph(job) if job in self.graphs:
                self.client.send(self.graphs.pop(job).cancel)

    def _send(self, command: do.SendUnits) -> None:
        stuck = {
            position: Failure(f"{call.unit.name} cannot be pickled", "TypeError")
            for position, call in enumerate(command.calls)
            if call.unit.args and call.unit.args[0].endings[0] == "unsendable"
        }
        if stuck:
            self.handle(ev.BatchRefused(command.batch, stuck))
        elif command.worker in self.workers:
            worker, stream = self.workers[command.worker]
            stream.send(worker.keep, command.batch, command.calls)

    # Planning.

    def _plan(self, command: do.PlanGroups) -> None:
        job = self.jobs[command.job]
        groups: list[PlannedGroup] = []
        units = 0
        for group in job.groups[command.start :]:
            if units >= command.units:
                break
            groups.append(planned(group))
            units += len(group.units)
        fails = job.unplannable_after is not None and command.start + len(groups) > job.unplannable_after
        answer: Event = (
            ev.FailJob(job.id, Failure(f"{job.id} cannot be planned", "ValueError"))
            if fails
            else ev.GroupsPlanned(job.id, tuple(groups))
        )
        self.clock.after(job.planning_seconds, self.handle, answer)
