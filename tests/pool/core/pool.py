"""A pool on plain values: its real state, with Dask and the workers played without a cluster.

Units are named; two jobs that name the same unit share it. Nothing happens by itself but what Dask, the
planner and an idle worker do at once; a test says when a unit ends, makes a checkpoint, or when time passes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from mediadask.delivery import Unit
from mediadask.pool import reports
from mediadask.pool.config import load_config
from mediadask.pool.core import Now, PoolState
from mediadask.pool.core import commands as do
from mediadask.pool.core import events as ev
from mediadask.pool.core.batches import WAITING
from mediadask.pool.core.jobs import DeliveryJob, Job
from mediadask.pool.history import AttemptEnded
from mediadask.pool.scaling.predict import Predictor

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from mediadask.pool.core.units import ScheduledUnit

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)

R = TypeVar("R")
ROUNDS = 5000
"""A pool that has not come to rest after so many never will."""


@dataclass
class Seat:
    """A batch on a worker."""

    worker: str
    calls: tuple[do.BatchCall, ...]
    position: int = 0
    instruction: str = "run"
    is_paused: bool = False
    is_held: bool = False
    paused_at: float = 0.0
    cancelled: set[int] = field(default_factory=set)

    @property
    def unit(self) -> str:
        """The name of the unit that runs or is paused."""
        return self.calls[self.position].unit.name


class PlainPool:
    """A pool of so many workers.

    Parameters
    ----------
    settings
        As in the ``mediadask`` section, with underscores.
    """

    def __init__(
        self,
        workers: int = 1,
        threads: int = 1,
        nanny: bool = True,
        brought: bool = False,
        now: Now = Now(1000.0, NOON),  # noqa: B008 - a plain value
        **settings: Any,
    ) -> None:
        self.now = now
        self.predictor = Predictor({"default": 1.0})
        numbers = count()
        self.state = PoolState(load_config(settings), self.predictor, lambda: f"id {next(numbers)}")
        self.commands: list[do.Command] = []
        """All that were carried out, but for records."""

        self.ended: list[str] = []
        """Jobs, in the order in which they ended."""

        self.seats: dict[str, Seat] = {}
        """By batch."""

        self.foreign: dict[str, int] = {}
        self._nanny, self._brought = nanny, brought
        self._records: list[Any] = []
        self._threads: dict[str, int] = {}
        self._groups: dict[str, list[tuple[str, ...]]] = {}
        self._units: dict[str, dict[str, Any]] = {}
        self._queue: dict[str, do.EnterTask] = {}
        self._fresh: list[str] = []
        self._slots: dict[str, list[str]] = {}
        """The tasks that Dask has sent to each worker."""

        self._runs: dict[str, str] = {}
        """Tasks that have a thread, and their batches."""

        self._batch_of: dict[str, str] = {}
        self._due: list[do.Command] = []
        self._joined = count(1)
        for _ in range(workers):
            self.join(threads)

    # What clients do.

    def submit(
        self,
        id: str,
        units: Sequence[str | tuple[str, ...]],
        *,
        show: str = "",
        priority: str = "normal",
        deadline: datetime | None = None,
        closing: bool = False,
        kind: str = "work",
        **of_units: Any,
    ) -> DeliveryJob:
        """Submit a delivery. Each name is a group of one unit; several together are joined by a finish."""
        self._groups[id] = [(each,) if isinstance(each, str) else each for each in units]
        self._units[id] = {"kind": kind, **of_units}
        last = Unit(len, name=f"{id} closes", kind="close") if closing else None
        self._submit(id, show, priority, deadline, len(units), closing=last, closing_key=f"{id} closes")
        job = self.state.job(id)
        assert isinstance(job, DeliveryJob)
        return job

    def submit_graph(self, id: str, *, show: str = "", priority: str = "normal") -> Job:
        """Submit a graph."""
        self._submit(id, show, priority, None, 1, is_graph=True)
        return self.state.job(id)

    def _submit(
        self, id: str, show: str, priority: str, deadline: datetime | None, groups: int, **more: Any
    ) -> None:
        self.happens(
            ev.SubmitJob(
                ev.JobSpec(
                    id=id, name=id, show=show, priority=priority, deadline=deadline, groups=groups,
                    submitted=self.now.utc, **more,
                )
            )
        )  # fmt: skip

    def cancel(self, job: str) -> None:
        self.happens(ev.CancelJob(job))

    def reprioritize(self, job: str, priority: str, deadline: datetime | None = None) -> None:
        self.happens(ev.ReprioritizeJob(job, priority, deadline))

    def spend(self, **spent: float) -> None:
        self.happens(ev.SpendingChanged(spent))

    # What is seen.

    @property
    def running(self) -> list[str]:
        """The units that run, in the order in which their batches came to workers."""
        runs = set(self._runs.values())
        return [seat.unit for batch, seat in self.seats.items() if batch in runs]

    @property
    def paused(self) -> list[str]:
        """The units that are paused, in the order in which they paused."""
        seats = sorted((seat for seat in self.seats.values() if seat.is_paused), key=lambda s: s.paused_at)
        return [seat.unit for seat in seats]

    @property
    def queued(self) -> list[str]:
        """The units in Dask's queue, in the order in which they get slots."""
        batches = (self.state.batches.get(each.batch) for each in self._in_order())
        return [unit.unit.name for batch in batches if batch is not None for unit in batch.units.values()]

    @property
    def workers(self) -> list[str]:
        """The addresses of the workers that are there."""
        return list(self._slots)

    def worker_of(self, unit: str) -> str:
        return self._seat(unit)[1].worker

    def batch_of(self, unit: str) -> str:
        return self._seat(unit)[0]

    def beside(self, unit: str) -> list[str]:
        """All units of the batch whose current unit this is."""
        return [call.unit.name for call in self._seat(unit)[1].calls]

    def sent(self, unit: str) -> list[list[str]]:
        """The batches with which a unit was sent to workers, one after another."""
        batches = [[call.unit.name for call in command.calls] for command in self.done(do.SendUnits)]
        return [batch for batch in batches if unit in batch]

    def records(self, kind: type[R]) -> list[R]:
        """What was to be kept in the ledger."""
        return [record for record in self._records if isinstance(record, kind)]

    def attempts(self, unit: str) -> list[str]:
        """How the attempts of a unit ended."""
        return [each.outcome for each in self.records(AttemptEnded) if each.attempt.unit == unit]

    def done(self, kind: type[R]) -> list[R]:
        """The commands of this kind."""
        return [command for command in self.commands if isinstance(command, kind)]

    # What units and workers do.

    def end(self, *units: str, value: bytes = b"x", seconds: float | None = None) -> None:
        """The units return, by default after what they are predicted to take."""
        for name in units:
            seat = self._seat(name)[1]
            unit = seat.calls[seat.position].unit
            took = (
                self.predictor.seconds(unit.kind, unit.frames, unit.seconds) if seconds is None else seconds
            )
            self._ends(name, outcome="done", value=value, run_seconds=took)

    def fail(self, unit: str, error: str = "no", *, transient: bool = False) -> None:
        """The unit raises."""
        self._ends(unit, outcome="failed", error=error, error_kind="ValueError", transient=transient)

    def end_all(self) -> list[str]:
        """Units end until none is left that could. Returns their names in the order in which they ended."""
        names = []
        while running := self.running:
            names.append(running[0])
            self.end(running[0])
            assert len(names) < ROUNDS, "units never end"
        return names

    def finds_no_units(self, task: str) -> None:
        """The task runs, and its worker has no units for it."""
        batch, worker = self._batch_of[task], next(at for at, tasks in self._slots.items() if task in tasks)
        self.tell(ev.UnitsReported(worker, batch, (reports.BatchUnknown(),)))
        self._free(batch)
        self.settle()

    def _ends(self, unit: str, *, outcome: str, **how: Any) -> None:
        batch, seat = self._seat(unit)
        self._report(batch, self._ended(seat, outcome, **how))
        seat.position += 1
        if seat.position == len(seat.calls) or seat.instruction != "run":
            self._leave(batch)
        self.settle()

    def frames(self, unit: str, frames: int) -> None:
        """The unit has so many frames done."""
        batch, seat = self._seat(unit)
        self._report(batch, reports.FramesDone(seat.position, frames))
        self.settle()

    def begin(self, unit: str) -> None:
        """The unit's worker reports that it has begun."""
        batch, seat = self._seat(unit)
        self._report(batch, reports.UnitBegan(seat.position))
        self.settle()

    def takes_long(self, unit: str) -> None:
        """The unit runs for a second: what waits behind it in its batch is given back."""
        batch, seat = self._seat(unit)
        self._report(batch, reports.OthersReturned(seat.position))
        seat.calls = seat.calls[: seat.position + 1]
        self.settle()

    def checkpoint(self, *units: str) -> None:
        """These units, or all that run or are paused, do what they are told until nobody is told more."""
        for _ in range(ROUNDS):
            if not sum(self._obeys(batch, units) for batch in list(self.seats)):
                return
            self.settle()
        raise AssertionError("instructions never end")

    def _obeys(self, batch: str, units: Collection[str]) -> bool:
        seat = self.seats.get(batch)
        if seat is None or (units and seat.unit not in units):
            return False
        is_cancelled = seat.position in seat.cancelled
        if is_cancelled or seat.instruction == "evict":
            self._report(batch, self._ended(seat, "cancelled" if is_cancelled else "rescheduled"))
            seat.position += 1
            if seat.is_paused or seat.position == len(seat.calls) or seat.instruction == "evict":
                self._leave(batch)
            return True
        if seat.instruction == "pause" and not seat.is_paused:
            seat.calls, seat.is_paused = seat.calls[: seat.position + 1], True
            seat.paused_at = self.now.seconds
            self._report(batch, reports.UnitPaused(seat.position))
            self._free(batch)
            return True
        return False

    def _ended(self, seat: Seat, outcome: str, **how: Any) -> reports.UnitEnded:
        return reports.UnitEnded(seat.position, outcome, **how)  # type: ignore[arg-type]

    def _leave(self, batch: str) -> None:
        """The batch leaves its worker."""
        self._report(batch, reports.BatchDone())
        self._free(batch)
        del self.seats[batch]

    def _free(self, batch: str) -> None:
        """The slot of a batch is free."""
        for task in [task for task, runs in self._runs.items() if runs == batch]:
            self._forget(task)
            self.tell(ev.TaskEnded(task))

    def _report(self, batch: str, *told: reports.Report) -> None:
        self.tell(ev.UnitsReported(self.seats[batch].worker, batch, told))

    def _seat(self, unit: str) -> tuple[str, Seat]:
        for batch, seat in self.seats.items():
            if seat.unit == unit:
                return batch, seat
        raise AssertionError(f"{unit} is on no worker; {self.running} run, {self.paused} are paused")

    # Workers that come and go.

    def join(self, threads: int = 1) -> str:
        """Another worker comes. Returns its address."""
        number = next(self._joined)
        worker = f"w{number}"
        self._threads[worker], self._slots[worker] = threads, []
        self.happens(
            ev.WorkerJoined(
                address=worker, server_id=f"server {number}", name=f"local-{number}", threads=threads,
                has_nanny=self._nanny, is_brought=self._brought,
            )
        )  # fmt: skip
        return worker

    def close(self, worker: str) -> None:
        """A worker is told to end its process: it gives its tasks back first."""
        for task in list(self._slots[worker]):
            self._forget(task)
            self.tell(ev.TaskLost(task))
        self._leaves(worker, expected=False)
        self.settle()

    def kill(self, worker: str) -> None:
        """A worker's process dies."""
        self._leaves(worker, expected=False)
        self.settle()

    def retire(self, worker: str) -> None:
        """A worker is retired."""
        self._leaves(worker, expected=True)
        self.settle()

    def _leaves(self, worker: str, expected: bool) -> None:
        self.tell(ev.WorkerLeft(worker, expected))
        for batch in [batch for batch, seat in self.seats.items() if seat.worker == worker]:
            del self.seats[batch]
        for task in self._slots.pop(worker):
            self._runs.pop(task, None)
            self.tell(ev.TaskLost(task))

    def restart_dask(self) -> None:
        """A client has Dask forget all tasks and restart all workers."""
        for task in [task for tasks in self._slots.values() for task in tasks]:
            self._forget(task)
            self.tell(ev.TaskLost(task))
        self._queue.clear()
        self._fresh.clear()
        self.tell(ev.DaskRestarted())
        workers = self.workers
        for worker in workers:
            self._leaves(worker, expected=True)
        for worker in workers:
            self.join(self._threads[worker])

    # Time, and all that happens by itself.

    def wait(self, seconds: float) -> None:
        """So much time passes."""
        self.now = Now(self.now.seconds + seconds, self.now.utc + timedelta(seconds=seconds))
        self.settle()

    def happens(self, event: ev.Event) -> None:
        """An event, and all that follows from it at once."""
        self.tell(event)
        self.settle()

    def tell(self, event: ev.Event) -> None:
        """An event alone."""
        for command in self.state.handle(event, self.now):
            match command:
                case do.Write(record):
                    self._records.append(record)
                case do.SendUnits(worker, batch, calls):
                    self.commands.append(command)
                    self.seats[batch] = Seat(worker, calls)
                case _:
                    self._due.append(command)

    def settle(self) -> None:
        """Have rounds until nothing changes."""
        for _ in range(ROUNDS):
            self.tell(ev.Round(self.foreign))
            due, self._due = self._due, []
            for command in due:
                self.commands.append(command)
                self._carry_out(command)
            if not (self._give_slots() or due or self._due):
                check(self.state)
                return
        raise AssertionError("the pool never comes to rest")

    def _carry_out(self, command: do.Command) -> None:
        match command:
            case do.PlanGroups(job, start, units):
                self.tell(ev.GroupsPlanned(job, self._plan(job, start, units)))
            case do.EnterTask(task, batch, _, worker):
                self._batch_of[task] = batch
                if not worker:
                    self._queue[task] = command
                    self._fresh.append(task)
                elif worker in self._slots:
                    # First in line there, as Dask sends a bound task to its worker at once.
                    self._slots[worker].append(task)
                    self.tell(ev.TaskStarted(task, worker))
            case do.ReleaseTask(task):
                self._queue.pop(task, None)
                if task not in self._runs:
                    self._forget(task)
            case do.Instruct(_, batch, instruction) if batch in self.seats:
                seat = self.seats[batch]
                if seat.is_paused and instruction != "evict":
                    seat.is_held = instruction == "pause"
                else:
                    seat.instruction = instruction
            case do.CancelUnits(_, batch, positions) if batch in self.seats:
                self.seats[batch].cancelled.update(positions)
            case do.EndJob(job):
                self.ended.append(job)

    def _plan(self, job: str, start: int, units: int) -> tuple[ev.PlannedGroup, ...]:
        groups: list[ev.PlannedGroup] = []
        for names in self._groups[job][start:]:
            if sum(len(group.units) for group in groups) >= units:
                break
            made = tuple(Unit(len, name=name, **self._units[job]) for name in names)
            name = "+".join(names)
            joined = f"{name} joined"
            finish = Unit(list, name=joined, kind="join")
            groups.append(ev.PlannedGroup(name, made, names, finish, joined, joins=len(names) != 1))
        return tuple(groups)

    def _in_order(self) -> list[do.EnterTask]:
        return sorted(self._queue.values(), key=lambda each: each.priority)

    def _give_slots(self) -> bool:
        """Dask gives tasks slots, and slots threads. False if there was nothing to give."""
        given = False
        for task in self._in_order():
            free = [worker for worker, tasks in self._slots.items() if len(tasks) < self._threads[worker]]
            if not free:
                break
            worker = min(free, key=lambda worker: len(self._slots[worker]))
            del self._queue[task.task]
            self._slots[worker].append(task.task)
            self.tell(ev.TaskStarted(task.task, worker))
            given = True
        for task in self._fresh:
            if task in self._queue:
                self.tell(ev.TaskQueued(task))
                given = True
        self._fresh.clear()
        for worker, tasks in list(self._slots.items()):
            has_thread = [task for task in tasks if task in self._runs]
            for task in [task for task in tasks if task not in self._runs]:
                if len(has_thread) < self._threads[worker]:
                    has_thread.append(task)
                    self._begins(task, worker)
                    given = True
        return given

    def _begins(self, task: str, worker: str) -> None:
        batch = self._batch_of[task]
        seat = self.seats.get(batch)
        self._runs[task] = batch
        if seat is None or seat.worker != worker:
            self.tell(ev.UnitsReported(worker, batch, (reports.BatchUnknown(),)))
            self._free(batch)
        elif not seat.is_paused:
            pass
        elif seat.is_held:
            seat.is_held = False
            self._report(batch, reports.StayedPaused())
            self._free(batch)
        else:
            seat.is_paused, seat.instruction = False, "run"
            self._report(batch, reports.UnitResumed(self.now.seconds - seat.paused_at))

    def _forget(self, task: str) -> None:
        self._runs.pop(task, None)
        for tasks in self._slots.values():
            if task in tasks:
                tasks.remove(task)


def check(state: PoolState) -> None:
    """What the state counts is what is there."""
    table = state.batches
    batches = list(table)
    assert +table.count == Counter((batch.state, batch.rank) for batch in batches)
    assert +table.deaf == Counter(batch.rank for batch in batches if batch.is_deaf)
    for rank, seconds in table.waiting_seconds.items():
        waits = [batch.seconds for batch in batches if batch.rank == rank and batch.state in WAITING]
        assert abs(seconds - sum(waits)) < 1e-6
    flying: Counter[tuple[int, str]] = Counter()
    units: dict[ScheduledUnit, None] = {}
    for job in state.open_jobs():
        if isinstance(job, DeliveryJob):
            units |= dict.fromkeys(job.in_flight)
            assert job.in_flight.keys().isdisjoint([*job.first, *job.planned])
    for batch in batches:
        units |= dict.fromkeys(batch.units.values())
        assert batch.units, "an empty batch is gone"
        assert all(unit.batch is batch for unit in batch.units.values())
    for unit in units:
        assert unit.batch in table
        flying[unit.rank, unit.targets[0].group.job.show] += 1
    assert +state._deliveries._in_flight == flying
