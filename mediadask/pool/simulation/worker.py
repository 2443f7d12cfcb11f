"""A worker's process: it runs the units of batches on its slots, pauses them between frames, and reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import ceil
from typing import TYPE_CHECKING

from mediadask.pool.reports import (
    BatchDone,
    BatchUnknown,
    FramesDone,
    OthersReturned,
    Report,
    StayedPaused,
    UnitBegan,
    UnitEnded,
    UnitPaused,
    UnitResumed,
)
from mediadask.pool.simulation.model import value_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mediadask.pool.core.commands import BatchCall, Instruction
    from mediadask.pool.history import AttemptOutcome
    from mediadask.pool.simulation.dask import DaskTask
    from mediadask.pool.simulation.model import Ending, UnitModel
    from mediadask.pool.simulation.world import World

__all__ = ["SimulatedWorker"]

_QUICK_SECONDS = 0.001
"""What a unit takes whose output is there already."""

_ALMOST = 1e-9
"""A unit within this share of a frame of its checkpoint has reached it."""


@dataclass(eq=False, slots=True)
class Seat:
    """A batch on a worker."""

    batch: str
    calls: tuple[BatchCall, ...]
    task: DaskTask | None = None
    """The Dask task by which it holds a slot."""

    position: int = -1
    """The place of the current unit in the batch."""

    ending: Ending = "done"
    frames: int = 0
    """How many of the current unit's are done, as of `since`."""

    frame_seconds: float = 0.0
    since: float = 0.0
    """When the current unit began, or went on."""

    run_seconds: float = 0.0
    """How long the current unit has had a slot, until `since`."""

    paused_at: float | None = None
    paused_seconds: float = 0.0
    stays_paused: bool = False
    instruction: Instruction = "run"
    cancelled: set[int] = field(default_factory=set)
    is_alone: bool = False
    """Whether the units behind the current one were given back."""

    told: bool = True
    """Whether it was reported that the current unit began."""

    told_frames: int = 0
    reports: list[Report] = field(default_factory=list)
    epoch: int = 0
    """What was planned for an earlier one does not happen."""

    @property
    def model(self) -> UnitModel:
        """The current unit."""
        model: UnitModel = self.calls[self.position].unit.args[0]
        return model


class SimulatedWorker:
    """One process. What it is sent comes through a stream; what it sends goes to the world.

    Parameters
    ----------
    is_short_of_memory
        Whether it gives a unit back rather than pause it; may change.
    """

    def __init__(self, address: str, server_id: str, threads: int, world: World) -> None:
        self.address, self.server_id, self.threads = address, server_id, threads
        self._clock, self._timing, self._world = world.clock, world.timing, world
        self.is_alive = True
        self.is_short_of_memory = False
        self.seats: dict[str, Seat] = {}
        self.executing: dict[str, DaskTask] = {}
        """What Dask's executor is at work on: no more tasks than threads."""

        self._ready: list[tuple[bool, tuple[int, float], int, DaskTask]] = []
        self._freed: set[int] = set()

    # What is sent to it.

    def keep(self, batch: str, calls: tuple[BatchCall, ...]) -> None:
        """Keep the units of a batch until its task comes."""
        self.seats[batch] = Seat(batch, calls)

    def compute(self, task: DaskTask) -> None:
        """A task comes; one that is bound here goes before all others."""
        heappush(self._ready, (not task.bound, task.priority, task.number, task))
        self._fill()

    def free(self, key: str) -> None:
        """Nobody needs a task any more: it does not begin; if it has begun it goes on."""
        if key not in self.executing:
            self._freed |= {id(task) for *_, task in self._ready if task.key == key}

    def instruct(self, batch: str, instruction: Instruction) -> None:
        """Tell the current unit of a batch what to do at its next checkpoint."""
        seat = self.seats.get(batch)
        if seat is None:
            return
        if seat.paused_at is not None and instruction != "evict":
            seat.stays_paused = instruction == "pause"
            return
        seat.instruction = instruction
        if instruction == "evict" and seat.position < 0:  # its task finds nothing here
            del self.seats[batch]
        self._attend(seat)

    def cancel(self, batch: str, positions: Iterable[int]) -> None:
        """Nobody wants these units any more."""
        if seat := self.seats.get(batch):
            seat.cancelled.update(positions)
            self._attend(seat)

    def die(self) -> None:
        """The process ends."""
        if not self.is_alive:
            return
        self.is_alive = False
        for task in self.executing.values():
            seat = self.seats.get(task.batch)
            if seat is not None:
                self._world.ran(self, self._clock.seconds - seat.since)
        self.seats.clear()
        self.executing.clear()
        self._ready.clear()

    # Tasks on slots.

    def _fill(self) -> None:
        while self.is_alive and self._ready and len(self.executing) < self.threads:
            *_, task = heappop(self._ready)
            if id(task) in self._freed:
                self._freed.discard(id(task))
                continue
            self.executing[task.key] = task
            self._start(task)

    def _start(self, task: DaskTask) -> None:
        if not task.batch:
            self._clock.after(task.seconds, self._end_graph_task, task, self._clock.seconds)
            return
        seat = self.seats.get(task.batch)
        if seat is not None and seat.position < 0 and self._world.task_fails():
            del self.seats[task.batch]
            self._end_task(task, "RuntimeError: no more threads")
        elif seat is None:
            self._world.reported(self, task.batch, (BatchUnknown(),))
            self._end_task(task)
        elif seat.stays_paused:
            seat.stays_paused = False
            seat.reports.append(StayedPaused())
            self._report(seat)
            self._end_task(task)
        elif seat.paused_at is not None:
            self._resume(seat, task)
        else:
            assert seat.task is None, f"a second task came for {seat.batch}, which runs"
            seat.task = task
            self._begin(seat, 0)

    def _end_task(self, task: DaskTask, error: str = "") -> None:
        if self.executing.pop(task.key, None) is not None:
            self._world.task_ended(self, task, error)
            self._fill()

    def _end_graph_task(self, task: DaskTask, began: float) -> None:
        if self.is_alive:
            if not task.is_stranger:
                self._world.ran(self, self._clock.seconds - began)
            self._end_task(task)

    # Units.

    def _begin(self, seat: Seat, position: int) -> None:
        """Go on to the unit at this position."""
        now = self._clock.seconds
        while position < len(seat.calls) and (
            position == 0 or (not seat.is_alone and seat.instruction == "run")
        ):
            seat.position, seat.since, seat.frames = position, now, 0
            seat.run_seconds = seat.paused_seconds = 0.0
            seat.told, seat.told_frames = False, 0
            if position not in seat.cancelled:
                self._run(seat)
                return
            self._note_end(seat, "cancelled")
            position += 1
        self._leave(seat)

    def _run(self, seat: Seat) -> None:
        model = seat.model
        seat.ending = self._world.try_of(model)
        seconds = _QUICK_SECONDS if self._world.committed(model) else model.seconds
        seat.frame_seconds = seconds / max(model.frames, 1)
        seat.epoch += 1
        if seat.ending in ("kills", "hangs"):
            self._clock.after(seconds / 2, self._go_wrong, seat, seat.epoch)
        else:
            self._clock.after(seconds, self._end, seat, seat.epoch)
        self._clock.after(self._timing.pulse_seconds, self._pulse, seat, seat.epoch)
        if seat.instruction != "run":
            self._attend(seat)

    def _go_wrong(self, seat: Seat, epoch: int) -> None:
        if not self._is_current(seat, epoch):
            return
        if seat.ending == "kills":
            self._world.died(self)
        else:  # it goes on for ever, without a checkpoint
            seat.frames, seat.frame_seconds = self._frames_done(seat), 0.0

    def _end(self, seat: Seat, epoch: int) -> None:
        if not self._is_current(seat, epoch):
            return
        if seat.ending != "deaf" and self._obey(seat):  # the checkpoint after its last frame
            return
        seat.frames = max(seat.model.frames, 1)
        if seat.ending in ("raises", "transient"):
            self._note_end(seat, "failed")
        else:
            self._note_end(seat, "done")
        self._begin(seat, seat.position + 1)

    def _attend(self, seat: Seat) -> None:
        """Something was asked of the current unit: it obeys at its next checkpoint, or now if paused."""
        if seat.paused_at is not None:
            self._obey(seat)
        elif seat.task is not None and seat.ending != "deaf" and seat.frame_seconds:
            frames = (self._clock.seconds - seat.since) / seat.frame_seconds
            self._clock.at(
                seat.since + ceil(frames - _ALMOST) * seat.frame_seconds, self._checkpoint, seat, seat.epoch
            )

    def _checkpoint(self, seat: Seat, epoch: int) -> None:
        if self._is_current(seat, epoch) and seat.frame_seconds:
            self._obey(seat)

    def _obey(self, seat: Seat) -> bool:
        """Do what was asked. Returns whether the unit does not go on."""
        if seat.position in seat.cancelled:
            self._stop(seat, "cancelled")
        elif seat.instruction == "evict" or (
            seat.instruction == "pause" and self.is_short_of_memory and seat.paused_at is None
        ):
            self._stop(seat, "rescheduled")
        elif seat.instruction == "pause" and seat.paused_at is None:
            self._pause(seat)
        else:
            return False
        return True

    def _stop(self, seat: Seat, outcome: AttemptOutcome) -> None:
        self._note_end(seat, outcome)
        self._begin(seat, seat.position + 1)

    def _pause(self, seat: Seat) -> None:
        now = self._clock.seconds
        seat.frames = self._frames_done(seat)
        seat.run_seconds += now - seat.since
        self._world.ran(self, now - seat.since)
        seat.since = seat.paused_at = now
        seat.epoch += 1
        seat.is_alone = True
        self._note_running(seat)
        seat.reports.append(UnitPaused(seat.position))
        self._report(seat)
        task, seat.task = seat.task, None
        assert task is not None, "only a unit on a slot pauses"
        self._end_task(task)

    def _resume(self, seat: Seat, task: DaskTask) -> None:
        now = self._clock.seconds
        assert seat.paused_at is not None
        seat.paused_seconds += now - seat.paused_at
        seat.reports.append(UnitResumed(now - seat.paused_at))
        seat.task, seat.paused_at, seat.since, seat.instruction = task, None, now, "run"
        self._report(seat)
        seat.epoch += 1
        left = max(seat.model.frames, 1) - seat.frames
        if seat.ending in ("kills", "hangs"):
            self._clock.after(left * seat.frame_seconds / 2, self._go_wrong, seat, seat.epoch)
        else:
            self._clock.after(left * seat.frame_seconds, self._end, seat, seat.epoch)
        self._clock.after(self._timing.pulse_seconds, self._pulse, seat, seat.epoch)

    def _leave(self, seat: Seat) -> None:
        """The batch is done: what was not run is given back."""
        del self.seats[seat.batch]
        seat.epoch += 1
        seat.position = -1
        seat.reports.append(BatchDone())
        self._report(seat)
        if seat.task is not None:
            self._end_task(seat.task)

    # Reports.

    def _note_end(self, seat: Seat, outcome: AttemptOutcome) -> None:
        model = seat.model
        run_seconds, paused_seconds = seat.run_seconds, seat.paused_seconds
        if seat.paused_at is None:
            run_seconds += self._clock.seconds - seat.since
            self._world.ran(self, self._clock.seconds - seat.since)
            frames = min(self._frames_done(seat), max(model.frames, 1)) if outcome != "done" else seat.frames
        else:
            paused_seconds += self._clock.seconds - seat.paused_at
            frames, seat.paused_at = seat.frames, None
        seat.epoch += 1
        seat.told = True
        value, error, kind = None, "", ""
        if outcome == "done":
            value = value_of(model, seat.calls[seat.position].results)
            self._world.returned(model)
        elif outcome == "failed":
            error, kind = f"{model.key} raises", "ValueError"
        report = UnitEnded(
            seat.position,
            outcome,
            value,
            error,
            kind,
            seat.ending == "transient",
            frames,
            run_seconds,
            paused_seconds,
        )
        seat.reports.append(report)
        if len(seat.reports) == 1:
            self._clock.after(self._timing.report_seconds, self._report, seat)

    def _pulse(self, seat: Seat, epoch: int) -> None:
        if not self._is_current(seat, epoch):
            return
        self._note_running(seat)
        frames = seat.told_frames if seat.ending == "deaf" else self._frames_done(seat)
        if frames != seat.told_frames:
            seat.told_frames = frames
            seat.reports.append(FramesDone(seat.position, frames))
        if (
            len(seat.calls) > 1
            and not seat.is_alone
            and self._clock.seconds - seat.since > self._timing.patience_seconds
        ):
            seat.is_alone = True
            seat.reports.append(OthersReturned(seat.position))
        self._report(seat)
        self._clock.after(self._timing.pulse_seconds, self._pulse, seat, epoch)

    def _note_running(self, seat: Seat) -> None:
        if not seat.told:
            seat.told = True
            seat.reports.append(UnitBegan(seat.position))

    def _report(self, seat: Seat) -> None:
        if self.is_alive and seat.reports:
            if seat.task is not None and seat.position >= 0:
                self._note_running(seat)
            reports, seat.reports = tuple(seat.reports), []
            self._world.reported(self, seat.batch, reports)

    def _frames_done(self, seat: Seat) -> int:
        if not seat.frame_seconds or seat.paused_at is not None:
            return seat.frames
        done = int((self._clock.seconds - seat.since) / seat.frame_seconds + _ALMOST)
        return min(seat.frames + done, max(seat.model.frames, 1))

    def _is_current(self, seat: Seat, epoch: int) -> bool:
        return self.is_alive and seat.epoch == epoch
