"""One bundle on a worker: what it is told, how far it is, what of it is still to be reported."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mediadask.pool.history import AttemptOutcome

__all__ = ["Order", "Seat", "UnitEnded"]

Order = Literal["run", "pause", "leave"]
"""``pause``: step aside and wait. ``leave``: give the work back."""

_PATIENCE_SECONDS = 1.0
"""A unit that runs for so long gives back those that wait behind it in its bundle."""


class UnitEnded(NamedTuple):
    """What became of one unit of a bundle."""

    position: int
    outcome: AttemptOutcome
    value: bytes | None
    error: str
    kind: str
    """Of the error: the exception's class name."""

    transient: bool
    """Whether another try may succeed."""

    frames: int
    run_seconds: float
    paused_seconds: float


@dataclass(eq=False)
class Seat:
    """One bundle on this worker. What its thread and the event loop both change is guarded by `changed`."""

    bundle: str
    order: Order = "run"
    cancelled: set[int] = field(default_factory=set)
    """The positions of units that nobody wants any more."""

    position: int = -1
    """Of the unit that runs."""

    alone: bool = False
    """Whether those behind it were given back."""

    runs: bool = False
    told: bool = False
    """Whether it was reported that it began; of one that ends at once it never is."""

    since: float = 0.0
    """When it began, monotonic."""

    frames: int = 0
    frames_told: int = 0
    events: list[tuple[Any, ...]] = field(default_factory=list)
    """What became of its units, in order, not reported yet."""

    paused: bool = False
    held: bool = False
    """Told to stay paused although a stint to resume it is on its way."""

    seceded: bool = False
    paused_seconds: float = 0.0
    changed: threading.Condition = field(default_factory=threading.Condition)
    slot_free: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, order: Order) -> None:
        """Give an order; the unit's thread sees it at its next checkpoint, or now if it is paused."""
        with self.changed:
            if self.paused and order in ("run", "pause"):
                self.held = order == "pause"  # only a stint, which brings a slot, may resume it
            else:
                self.order = order
                self.changed.notify()

    def cancel(self, positions: Iterable[int]) -> None:
        """Nobody wants these any more."""
        with self.changed:
            self.cancelled.update(positions)
            self.changed.notify()

    def resume(self) -> bool:
        """Let the paused unit go on; False if it is held."""
        with self.changed:
            if self.held:
                self.held = False
                return False
            self.slot_free.clear()
            self.paused, self.order = False, "run"
            self.changed.notify()
            return True

    def look_after(self) -> None:
        """Note how far the unit is. What waits behind one that takes longer than thought is given back."""
        with self.changed:
            if self.frames != self.frames_told:
                self.frames_told = self.frames
                self._note_running("frames", self.position, self.frames)
            if not self.alone and self.position >= 0 and monotonic() - self.since > _PATIENCE_SECONDS:
                self.alone = True
                self._note_running("alone", self.position)

    def take_events(self) -> list[tuple[Any, ...]]:
        """What is to be reported now."""
        with self.changed:
            self._note_running()
            events, self.events = self.events, []
            return events

    def _note_running(self, *event: Any) -> None:
        if self.runs and not self.told:
            self.told = True
            self.events.append(("began", self.position))
        if event:
            self.events.append(event)

    @property
    def is_cancelled(self) -> bool:
        """Whether nobody wants the unit that runs."""
        return self.position in self.cancelled

    # In the units' thread.

    def begin(self, position: int) -> bool:
        """Go on to the unit at `position`; False if it is to be given back."""
        with self.changed:
            if position and (self.alone or self.order != "run"):
                return False
            self.position, self.since = position, monotonic()
            self.runs, self.told = True, False
            self.frames, self.frames_told, self.paused_seconds = 0, 0, 0.0
            return True

    def end(self, ended: UnitEnded) -> bool:
        """Keep what is to be reported; True if it is the first."""
        with self.changed:
            self.runs = False
            self.events.append(("ended", *ended))
            return len(self.events) == 1

    def note(self, *event: Any) -> None:
        """Keep what is to be reported."""
        with self.changed:
            self.events.append(event)

    def step_aside(self) -> bool:
        """Pause, if that is still asked for."""
        with self.changed:
            self.paused = self.order == "pause"
            if self.paused:
                self.alone = True
                self._note_running("paused", self.position)
            return self.paused

    def wait_aside(self) -> None:
        """Wait until it is resumed, cancelled or told to leave."""
        with self.changed:
            self.changed.wait_for(lambda: not self.paused or self.order == "leave" or self.is_cancelled)
