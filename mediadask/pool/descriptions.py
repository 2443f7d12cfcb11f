"""What a pool tells of itself and of its jobs, as plain values that cross to clients as dictionaries."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, Self

from mediadask.errors import MediaError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mediadask.pool.history import JobStatus

__all__ = ["JobDescription", "OutputStatus", "PoolStatus", "TierStatus", "UnknownJob"]


class UnknownJob(MediaError):
    """The pool does not know such a job, or not any more."""


class _Described:
    """Crosses to clients as a dictionary; what a newer pool tells more is left out."""

    def to_wire(self) -> dict[str, Any]:
        """As a dictionary of plain values."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]

    @classmethod
    def from_wire(cls, told: Mapping[str, Any]) -> Self:
        """From the dictionary."""
        return cls(**{field.name: told[field.name] for field in fields(cls)})  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class JobDescription(_Described):
    """A job at one moment."""

    id: str
    name: str
    show: str
    priority: str
    deadline: str | None
    """ISO 8601, with its zone."""

    status: JobStatus
    groups: int
    groups_done: int
    groups_failed: int
    fraction: float
    """0 to 1, by groups and, inside the groups that are under way, by units."""

    units: int
    """Known so far: a long delivery is planned as it goes."""

    units_done: int
    units_queued: int
    units_running: int
    units_paused: int
    fully_planned: bool
    frames: int
    seconds: float
    """Since the submission; of an ended job its turnaround."""

    error: str
    """The first failure."""

    notice: str = ""
    """What to know while it is open: its show's budget is nearly spent, or no worker comes."""

    trouble: str = ""
    """Why it cannot go on at all."""

    held: str = ""
    """Why nothing more of it begins, while a spent budget holds it."""

    expected_seconds: float | None = None
    """Until it is expected to end; None where that is not known."""

    waits_for: str = ""
    """While nothing of it runs: what it waits for."""


@dataclass(frozen=True, kw_only=True)
class OutputStatus(_Described):
    """The output of one group of a job at one moment."""

    index: int
    """The group's place in its delivery, 0-based."""

    name: str
    state: Literal["done", "failed", "cancelled", "running", "paused", "waiting"]
    fraction: float = 0.0
    """0 to 1: how many of its units have returned."""

    error: str = ""
    """Why it failed."""

    paths: tuple[str, ...] = ()
    """Where it stands, once it is done; the first few of many."""

    text: str = ""
    """What is known of a result that is no file."""

    has_picture: bool = False
    """Whether it can be asked for a thumbnail."""


@dataclass(frozen=True, kw_only=True)
class TierStatus(_Described):
    """A tier's workers at one moment."""

    tier: str
    workers: int
    requested: int
    """Asked for, and not there yet."""

    target: int
    """How many there should be."""

    price_per_hour: float
    """What one worker costs in an hour."""

    reclaimed: bool = False
    """Whether its owner wants all of them back."""


@dataclass(frozen=True, kw_only=True)
class PoolStatus(_Described):
    """A pool at one moment."""

    name: str
    going_down: bool
    waits_for: list[str]
    """The ids of the jobs that end, or would, before the pool goes down."""

    trouble: str
    """Why work does not go on; empty where all is well."""

    because: str
    """What sets the number of workers."""

    ledger_away_seconds: float
    ledger_trouble: str
    tiers: list[TierStatus]
    jobs: list[JobDescription]
    """Those that are open, most urgent first."""
