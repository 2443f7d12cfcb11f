"""Virtual time: what is to happen, in order, and streams of messages that take time to arrive."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

from mediadask.pool.core.clock import Now

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Clock", "Stream"]

_START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """Runs calls at their virtual times; those due at the same moment in the order in which they were made.

    Parameters
    ----------
    start
        What the wall clock shows at second 0.
    """

    def __init__(self, start: datetime = _START) -> None:
        self.seconds = 0.0
        self.start = start
        self._due: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._made = 0
        self._read = Now(0.0, start)

    def at(self, seconds: float, call: Callable[..., object], *args: Any) -> None:
        """Call this at a moment; one that has passed means now."""
        self._made += 1
        heappush(self._due, (max(seconds, self.seconds), self._made, call, args))

    def after(self, seconds: float, call: Callable[..., object], *args: Any) -> None:
        """Call this so many seconds from now."""
        self._made += 1
        heappush(self._due, (self.seconds + seconds, self._made, call, args))

    def step(self) -> bool:
        """Go on to what happens next. Returns whether there was anything."""
        if not self._due:
            return False
        self.seconds, _, call, args = heappop(self._due)
        call(*args)
        return True

    def now(self) -> Now:
        """This moment on both clocks."""
        if self._read.seconds != self.seconds:
            self._read = Now(self.seconds, self.start + timedelta(seconds=self.seconds))
        return self._read


class Stream:
    """Messages in one direction: each takes a while, none overtakes another, closing loses the rest."""

    def __init__(self, clock: Clock, delay_seconds: Callable[[], float]) -> None:
        self._clock, self._delay_seconds = clock, delay_seconds
        self._latest = 0.0
        self.is_open = True
        self.in_flight = 0

    def send(self, call: Callable[..., object], *args: Any) -> None:
        """Have the other side call this when the message arrives."""
        if not self.is_open:
            return
        self._latest = max(self._latest, self._clock.seconds + self._delay_seconds())
        self.in_flight += 1
        self._clock.at(self._latest, self._arrive, call, args)

    def _arrive(self, call: Callable[..., object], args: tuple[Any, ...]) -> None:
        self.in_flight -= 1
        if self.is_open:
            call(*args)
