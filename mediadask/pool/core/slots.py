"""Batches on slots, followed by Dask's tasks and workers' reports until all of their units have ended."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from mediadask.delivery import Failure
from mediadask.pool import reports
from mediadask.pool.core.batches import ON_SLOT, WAITING
from mediadask.pool.core.commands import BatchCall, CancelUnits, EnterTask, Instruct, ReleaseTask, SendUnits

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mediadask.pool.core.attempts import Attempts
    from mediadask.pool.core.batches import Batch, BatchState, BatchTable
    from mediadask.pool.core.clock import Now
    from mediadask.pool.core.commands import Command
    from mediadask.pool.core.units import ScheduledUnit
    from mediadask.pool.core.workers import Workers
    from mediadask.pool.history import AttemptOutcome

__all__ = ["Slots", "UnitOutcome"]

_KILLS = 2
"""A unit that killed or hung so many workers is set aside."""

_DIED = "its worker died"


@dataclass(frozen=True, slots=True)
class UnitOutcome:
    """What became of a unit: its value or failure, or None where it is given back and must run again."""

    unit: ScheduledUnit
    value: bytes | Failure | None
    transient: bool = False
    """Whether another try may succeed."""


class Slots:
    """All batches and their tasks.

    What becomes of units is put into `outcomes`, in the order in which it is to be dealt with.
    """

    def __init__(self, table: BatchTable, workers: Workers, attempts: Attempts, out: list[Command]) -> None:
        self._table, self._workers, self._attempts, self._out = table, workers, attempts, out
        self._tasks: dict[str, Batch] = {}
        self.outcomes: deque[UnitOutcome] = deque()

    # Into Dask and out of it.

    def enter(self, batch: Batch, now: Now) -> None:
        """Have a batch wait for a slot."""
        self._table.add(batch, now.seconds)
        self._tasks[batch.task] = batch
        self._out.append(EnterTask(batch.task, batch.id, (batch.rank, batch.due)))

    def resume(self, batch: Batch, now: Now) -> None:
        """Have a paused batch take a slot of its worker."""
        batch.tasks += 1
        batch.task = f"{batch.id}-{batch.tasks}"
        self._tasks[batch.task] = batch
        self._table.move(batch, "resuming", now.seconds)
        self._out.append(EnterTask(batch.task, batch.id, (batch.rank, batch.due), batch.worker))

    def recall(self, units: Iterable[ScheduledUnit], now: Now) -> None:
        """Take units that have no slot yet out of Dask's queue, with their batches."""
        batches = {unit.batch.number: unit.batch for unit in units if unit.batch is not None}
        # The latest first: each goes to the front, so that the earliest ends up there.
        for number in sorted(batches, reverse=True):
            if batches[number].state in WAITING:
                self._dissolve(batches[number], now)

    def drop(self, units: Iterable[ScheduledUnit], now: Now) -> None:
        """Nobody wants these units: those that wait leave the queue, others stop at their next checkpoint."""
        units = [unit for unit in units if not unit.is_wanted]
        self.recall(units, now)
        by_batch: dict[Batch, list[int]] = {}
        for unit in units:
            if unit.batch is not None and unit.batch.worker:
                by_batch.setdefault(unit.batch, []).append(unit.position)
        for batch, positions in by_batch.items():
            self._out.append(CancelUnits(batch.worker, batch.id, tuple(positions)))

    def evict(self, batches: Iterable[Batch], now: Now) -> None:
        """Have batches give their work back at the next checkpoint."""
        for batch in batches:
            batch.must_leave = True
            if batch.state in ON_SLOT:
                self._table.move(batch, "leaving", now.seconds)
            self._out.append(Instruct(batch.worker, batch.id, "evict"))

    def refuse(self, batch_id: str, failures: Mapping[int, Failure], now: Now) -> None:
        """Units of a batch that was just to be sent cannot be: they fail, the others are given back."""
        if (batch := self._table.get(batch_id)) is None:
            return
        self._close_current(batch, "failed", next(iter(failures.values())).error, now)
        units = list(batch.units.items())
        self._dissolve(batch, now, failures={unit: failures[at] for at, unit in units if at in failures})

    # What Dask's scheduler tells of tasks.

    def task_queued(self, task: str, now: Now) -> None:
        """The task waits in Dask's queue."""
        batch = self._tasks.get(task)
        if batch is not None and batch.state == "entering":
            self._table.move(batch, "queued", now.seconds)

    def task_started(self, task: str, worker: str, now: Now) -> Batch | None:
        """The task has got a slot: its batch goes to the worker. Returns the batch, unless it was there."""
        batch = self._tasks.get(task)
        if batch is None or batch.state not in WAITING or (there := self._workers.get(worker)) is None:
            return None
        for unit in [unit for unit in batch.units.values() if not unit.is_wanted]:
            self._return(batch, unit)
        if not batch.units:
            self._dissolve(batch, now)
            return None
        batch.units = dict(enumerate(batch.units.values()))
        for position, unit in batch.units.items():
            unit.position = position
        self._table.place(batch, worker, there.server_id)
        self._table.move(batch, "running", now.seconds)
        self._to_next(batch, now)
        calls = tuple(BatchCall(unit.unit, unit.results) for unit in batch.units.values())
        self._attempts.start(batch, batch.units[0], now)
        self._out.append(SendUnits(worker, batch.id, calls))
        return batch

    def task_ended(self, task: str, now: Now) -> None:
        """The task has ended and its slot is free."""
        batch = self._tasks.pop(task, None)
        self._out.append(ReleaseTask(task))
        if batch is None or batch not in self._table or batch.task != task:
            return
        if batch.state == "yielding":
            self._table.move(batch, "paused", now.seconds)
        elif batch.state in (*ON_SLOT, *WAITING):
            self._interrupt(batch, "rescheduled", "its task ended before its units", now)

    def task_lost(self, task: str, now: Now) -> None:
        """The task lost its slot; Dask would run it again, but its units go with another batch."""
        batch = self._tasks.pop(task, None)
        self._out.append(ReleaseTask(task))
        if batch is not None and batch in self._table and batch.task == task:
            self.evict([batch], now)
            # A worker that is ended in order gives its tasks back before it is gone.
            self._take_off(batch, True, now)

    def task_failed(self, task: str, error: str, now: Now) -> None:
        """Dask gave the task up."""
        batch = self._tasks.pop(task, None)
        self._out.append(ReleaseTask(task))
        if batch is None or batch not in self._table or batch.task != task:
            return
        self._close_current(batch, "failed", error, now)
        failures = {
            unit: Failure(f"{unit.unit.name or unit.key}: {error}", "RuntimeError")
            for unit in batch.units.values()
        }
        self._dissolve(batch, now, failures=failures)

    def restarted(self, now: Now) -> None:
        """Dask has forgotten all tasks: everything begins again."""
        # What ran goes in front of what waited.
        batches = sorted(self._table, key=lambda batch: (batch.state not in WAITING, -batch.number))
        for batch in batches:
            self._interrupt(batch, "rescheduled", "", now)
        self._tasks.clear()

    def worker_left(self, worker: str, expected: bool, now: Now) -> None:
        """A worker is gone: what it had begins again elsewhere, and who may have killed it is noted."""
        for batch in sorted(self._table.on(worker), key=attrgetter("number"), reverse=True):
            self._take_off(batch, expected, now)

    def _take_off(self, batch: Batch, expected: bool, now: Now) -> None:
        """A batch has lost its worker, or its slot there."""
        there = self._workers.get(batch.worker)
        excuse = there.replaced_because if there is not None else ""
        if batch.hangs:
            self._blame(batch, "replaced", batch.hangs, now)
        elif excuse or expected:
            self._interrupt(batch, "rescheduled", excuse, now)
        elif batch.state in ON_SLOT:
            self._blame(batch, "lost", _DIED, now)
        else:
            self._interrupt(batch, "lost", _DIED, now)

    # What workers report.

    def report(self, worker: str, batch_id: str, events: Iterable[reports.Report], now: Now) -> None:
        """A worker reports what became of the units of a batch."""
        batch = self._table.get(batch_id)
        for kind, alike in groupby(events, key=type):
            if batch is None or batch not in self._table:
                return  # a batch that was given up
            if kind is reports.BatchUnknown:
                self._unknown(batch, worker, now)
            elif batch.worker != worker:
                return
            elif kind is reports.UnitEnded:
                self._units_ended(batch, list(alike), now)  # type: ignore[arg-type]
            else:
                for each in alike:
                    self._heard(batch, each, now)

    def _heard(self, batch: Batch, report: reports.Report, now: Now) -> None:
        match report:
            case reports.FramesDone(position, frames) if position in batch.units:
                batch.units[position].frames, batch.progress_at = frames, now.seconds
                self._table.progressed(batch)
            case reports.UnitBegan(position) if position in batch.units:
                batch.has_begun, batch.progress_at = True, now.seconds
                if batch.units[position].attempt is None:  # the first one's slot was its beginning
                    self._attempts.start(batch, batch.units[position], now)
            case reports.OthersReturned(position):
                self._return_behind(batch, position)
            case reports.UnitPaused(position) if position in batch.units and batch.state in ON_SLOT:
                self._return_behind(batch, position)
                if batch.units[position].attempt is None:
                    self._attempts.start(batch, batch.units[position], now)
                self._table.move(batch, "yielding", now.seconds)
                self._attempts.pause(batch, batch.units[position], now)
            case reports.UnitResumed(seconds) if batch.state == "resuming" and batch.current is not None:
                self._attempts.resume(batch, batch.current, seconds, now)
                # Told too late to stay paused: it pauses again at its next checkpoint.
                told: BatchState = "pausing" if batch.is_held else "running"
                self._table.move(batch, "leaving" if batch.must_leave else told, now.seconds)
                batch.is_held, batch.progress_at = False, now.seconds
            case reports.StayedPaused() if batch.state == "resuming":
                batch.is_held = False
                self._table.move(batch, "yielding", now.seconds)
            case reports.BatchDone():
                self._close_current(batch, "rescheduled", "", now)
                self._dissolve(batch, now)

    def _units_ended(self, batch: Batch, ended: list[reports.UnitEnded], now: Now) -> None:
        """Units have ended in this order, the last one just now."""
        at = now.utc - timedelta(seconds=sum(each.run_seconds + each.paused_seconds for each in ended))
        is_shared = False
        for each in ended:
            began, at = at, at + timedelta(seconds=each.run_seconds + each.paused_seconds)
            if (unit := batch.units.get(each.position)) is None:
                continue
            started = None if unit.attempt else began
            batch.run_seconds, batch.paused_seconds = each.run_seconds, each.paused_seconds
            frames = each.frames
            self._attempts.end(batch, unit, each.outcome, each.error, now, started=started, ended=at)
            self._take_out(batch, unit)
            if each.value is not None:
                unit.frames = frames
                self.outcomes.append(UnitOutcome(unit, each.value))
            elif each.outcome == "failed":
                failure = Failure(each.error, each.error_kind)
                self.outcomes.append(UnitOutcome(unit, failure, each.transient))
            else:
                self.outcomes.append(UnitOutcome(unit, None))
            is_shared |= len(unit.targets) > 1
        if is_shared:  # others wanted it more urgently than what is left
            self._table.reorder(batch.units.values())
        self._to_next(batch, now)

    def _unknown(self, batch: Batch, worker: str, now: Now) -> None:
        """A task came to a worker that does not have the batch: Dask moved it, or the units were lost."""
        if batch.state in WAITING:
            self._dissolve(batch, now)
        elif batch.state in ON_SLOT or (batch.state == "resuming" and batch.worker == worker):
            if batch.worker != worker:
                self.evict([batch], now)
            elif not batch.has_begun:  # until it was told to leave it waited for a thread there
                batch.since, batch.run_seconds = now.seconds, 0.0
            self._interrupt(batch, "rescheduled", "", now)

    # What becomes of batches and units.

    def _to_next(self, batch: Batch, now: Now) -> None:
        """What is measured from now on is of the batch's next unit."""
        batch.since = batch.progress_at = now.seconds
        batch.run_seconds = batch.paused_seconds = 0.0

    def _blame(self, batch: Batch, outcome: AttemptOutcome, error: str, now: Now) -> None:
        """Any unit whose end was not reported may have killed its worker: from now on each runs alone."""
        self._close_current(batch, outcome, error, now)
        failures = {}
        for unit in batch.units.values():
            unit.kills += 1
            if unit.kills >= _KILLS:
                failures[unit] = _killer(unit, batch.hangs)
        self._dissolve(batch, now, failures=failures)

    def _interrupt(self, batch: Batch, outcome: AttemptOutcome, error: str, now: Now) -> None:
        """A batch loses its slot or its worker without having done harm."""
        self._close_current(batch, outcome, error, now)
        self._dissolve(batch, now)

    def _close_current(self, batch: Batch, outcome: AttemptOutcome, error: str, now: Now) -> None:
        """The attempt under way is over, as far as it was seen from here."""
        unit = batch.current
        if unit is not None and unit.attempt is not None:
            if batch.state in ON_SLOT:
                self._table.move(batch, batch.state, now.seconds)
            self._attempts.end(batch, unit, outcome, error, now)

    def _dissolve(
        self, batch: Batch, now: Now, *, failures: Mapping[ScheduledUnit, Failure] | None = None
    ) -> None:
        """A batch is no more: its units fail as told, or are given back."""
        if batch.state in (*WAITING, "resuming"):  # else Dask tells when the slot is free
            self._tasks.pop(batch.task, None)
            self._out.append(ReleaseTask(batch.task))
        self._table.remove(batch, now.seconds)
        for unit in reversed(list(batch.units.values())):
            if failures is not None and unit in failures:
                self._take_out(batch, unit)
                self.outcomes.append(UnitOutcome(unit, failures[unit]))
            else:
                self._return(batch, unit)

    def _return_behind(self, batch: Batch, position: int) -> None:
        for unit in reversed([unit for at, unit in batch.units.items() if at > position]):
            self._return(batch, unit)

    def _return(self, batch: Batch, unit: ScheduledUnit) -> None:
        self._take_out(batch, unit)
        self.outcomes.append(UnitOutcome(unit, None))

    def _take_out(self, batch: Batch, unit: ScheduledUnit) -> None:
        del batch.units[unit.position]
        unit.batch = None


def _killer(unit: ScheduledUnit, hangs: str) -> Failure:
    name = unit.unit.name or unit.key
    if hangs:
        return Failure(f"{name}: {hangs}, {unit.kills} times; set aside, check its input", "HungWorker")
    error = f"{name}: its worker died {unit.kills} times while it ran; set aside, check its input and memory"
    return Failure(error, "KilledWorker")
