"""The time of an event, passed into the state beside it."""

from __future__ import annotations

from datetime import UTC, datetime
from time import monotonic
from typing import NamedTuple, Self

__all__ = ["Now"]


class Now(NamedTuple):
    """One moment on two clocks."""

    seconds: float
    """On a monotonic clock: what durations are measured by."""

    utc: datetime
    """On the wall clock: what people are told."""

    @classmethod
    def read(cls) -> Self:
        """This moment on this machine's clocks."""
        return cls(monotonic(), datetime.now(UTC))
