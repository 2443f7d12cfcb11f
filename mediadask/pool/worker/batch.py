"""One batch on a worker: what it was told, how far it is, what of it is still to be reported."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

from mediadask.pool.reports import FramesDone, OthersReturned, UnitBegan, UnitPaused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mediadask.pool.core.commands import Instruction
    from mediadask.pool.reports import Report

__all__ = ["RunningBatch"]

_PATIENCE_SECONDS = 1.0
"""A unit that runs for so long gives back those that wait behind it in its batch."""


@dataclass(eq=False)
class RunningBatch:
    """One batch on this worker. What its thread and the event loop both change is guarded by `changed`."""

    id: str
    units: int
    payload: bytes = field(repr=False)
    """The pickled calls of its units."""

    instruction: Instruction = "run"
    cancelled: set[int] = field(default_factory=set)
    """The positions of units that nobody wants any more."""

    position: int = -1
    """The place of the unit that runs; -1 before the first."""

    runs_alone: bool = False
    """Whether those behind the unit that runs were given back."""

    is_running: bool = False
    is_begin_reported: bool = False
    """Whether it was reported that the unit began; of one that ends at once it never is."""

    since: float = 0.0
    """When the unit began, on the monotonic clock."""

    frames: int = 0
    frames_reported: int = 0
    is_preparing: bool = False
    """Whether its unit makes ready what is made once in a process: as good as frames, as long as it takes."""

    reports: list[Report] = field(default_factory=list)
    """What is not reported yet, in order."""

    is_paused: bool = False
    is_held: bool = False
    """Told to stay paused although a task to resume it is on its way."""

    has_seceded: bool = False
    paused_seconds: float = 0.0
    changed: threading.Condition = field(default_factory=threading.Condition)
    slot_free: asyncio.Event = field(default_factory=asyncio.Event)

    def instruct(self, instruction: Instruction) -> None:
        """The thread sees it at its next checkpoint, or at once if it is paused."""
        with self.changed:
            if self.is_paused and instruction in ("run", "pause"):
                self.is_held = instruction == "pause"  # only a task, which brings a slot, may resume it
            else:
                self.instruction = instruction
                self.changed.notify()

    def cancel(self, positions: Iterable[int]) -> None:
        """Nobody wants these units any more."""
        with self.changed:
            self.cancelled.update(positions)
            self.changed.notify()

    def resume(self) -> bool:
        """Let the paused unit go on; False if it is held."""
        with self.changed:
            if self.is_held:
                self.is_held = False
                return False
            self.slot_free.clear()
            self.is_paused, self.instruction = False, "run"
            self.changed.notify()
            return True

    def look_after(self) -> None:
        """Note how far the unit is, and give back what waits behind one that takes longer than predicted."""
        with self.changed:
            if self.frames != self.frames_reported or self.is_preparing:
                self.frames_reported = self.frames
                self._note_running(FramesDone(self.position, self.frames))
            waits = self.units > 1 and not self.runs_alone and self.position >= 0
            if waits and monotonic() - self.since > _PATIENCE_SECONDS:
                self.runs_alone = True
                self._note_running(OthersReturned(self.position))

    def take_reports(self) -> list[Report]:
        """What is to be reported now."""
        with self.changed:
            self._note_running()
            reports, self.reports = self.reports, []
            return reports

    def _note_running(self, report: Report | None = None) -> None:
        if self.is_running and not self.is_begin_reported:
            self.is_begin_reported = True
            self.reports.append(UnitBegan(self.position))
        if report is not None:
            self.reports.append(report)

    @property
    def is_cancelled(self) -> bool:
        """Whether nobody wants the unit that runs."""
        return self.position in self.cancelled

    # In the units' thread.

    def begin(self, position: int) -> bool:
        """Go on to the unit at `position`; False if it is to be given back."""
        with self.changed:
            if position and (self.runs_alone or self.instruction != "run"):
                return False
            self.position, self.since = position, monotonic()
            self.is_running, self.is_begin_reported = True, False
            self.frames, self.frames_reported, self.paused_seconds = 0, 0, 0.0
            return True

    def prepare(self, begins: bool) -> None:
        """The unit begins to make something ready, or has done so."""
        with self.changed:
            self.is_preparing = begins

    def end(self, report: Report) -> bool:
        """Keep the report of a unit's end; True if it is the first that waits."""
        with self.changed:
            self.is_running = False
            self.reports.append(report)
            return len(self.reports) == 1

    def note(self, report: Report) -> None:
        """Keep a report."""
        with self.changed:
            self.reports.append(report)

    def pause(self) -> bool:
        """Pause, if that is still asked for."""
        with self.changed:
            self.is_paused = self.instruction == "pause"
            if self.is_paused:
                self.runs_alone = True
                self._note_running(UnitPaused(self.position))
            return self.is_paused

    def wait_while_paused(self) -> None:
        """Return when it is resumed, cancelled or told to give its work back."""
        with self.changed:
            self.changed.wait_for(
                lambda: not self.is_paused or self.instruction == "evict" or self.is_cancelled
            )
