"""What a worker reports of a batch, as plain values, and their form on the wire.

Reports of one batch arrive in the order in which they were made. A report of an unknown kind, from a worker
of another version, is dropped with a line in the log.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mediadask.pool.history import AttemptOutcome

__all__ = [
    "BatchDone",
    "BatchUnknown",
    "FramesDone",
    "OthersReturned",
    "Report",
    "StayedPaused",
    "UnitBegan",
    "UnitEnded",
    "UnitPaused",
    "UnitResumed",
    "from_wire",
    "to_wire",
]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class UnitBegan:
    """The unit at this position of its batch has begun. Not reported of a unit that ends at once."""

    position: int


@dataclass(frozen=True, slots=True)
class FramesDone:
    """How many frames of the running unit are done."""

    position: int
    frames: int


@dataclass(frozen=True, slots=True)
class OthersReturned:
    """The running unit takes long: those behind it in the batch are given back."""

    position: int


@dataclass(frozen=True, slots=True)
class UnitPaused:
    """The running unit has paused, and its slot is about to be free. Those behind it are given back."""

    position: int


@dataclass(frozen=True, slots=True)
class UnitResumed:
    """The paused unit goes on, after so many seconds."""

    paused_seconds: float


@dataclass(frozen=True, slots=True)
class StayedPaused:
    """The paused unit got a slot to go on, but had been told to stay paused; the slot is about to be free."""


@dataclass(frozen=True, slots=True)
class UnitEnded:
    """What became of one unit of the batch."""

    position: int
    outcome: AttemptOutcome
    value: bytes | None = None
    """The pickled result, if it returned."""

    error: str = ""
    error_kind: str = ""
    """The exception's class name."""

    transient: bool = False
    """Whether another try may succeed."""

    frames: int = 0
    run_seconds: float = 0.0
    paused_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class BatchDone:
    """The batch has left the worker; units whose end was not reported are given back."""


@dataclass(frozen=True, slots=True)
class BatchUnknown:
    """A task came to this worker for a batch that is not here."""


Report = (
    UnitBegan
    | FramesDone
    | OthersReturned
    | UnitPaused
    | UnitResumed
    | StayedPaused
    | UnitEnded
    | BatchDone
    | BatchUnknown
)

_KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in Report.__args__}


def to_wire(report: Report) -> list[Any]:
    """The report as a list that Dask's messages can carry."""
    return [type(report).__name__, *(getattr(report, name) for name in report.__dataclass_fields__)]


def from_wire(worker: str, messages: Iterable[list[Any]]) -> tuple[Report, ...]:
    """The reports in messages from `worker`, without those of unknown kinds or forms."""
    reports = []
    for kind, *fields in messages:
        try:
            reports.append(_KINDS[kind](*fields))
        except (KeyError, TypeError):
            _logger.warning("worker %s reports %r, which this version does not know", worker, kind)
    return tuple(reports)
