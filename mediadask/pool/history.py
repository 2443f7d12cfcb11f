"""What happened in a pool, as plain values: the records that the ledger keeps.

`at` says when, on the wall clock in UTC, for people and for sorting. Every duration is measured by the
emitter with a monotonic clock, never by subtracting two `at`: a clock step moves a label, not a figure.

Keeping a record twice, or again with more known, does no harm: each carries the identity of what it is
about, and the later one completes the earlier.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

__all__ = [
    "Attempt",
    "AttemptEnded",
    "AttemptFlagged",
    "AttemptOutcome",
    "AttemptStarted",
    "Displaced",
    "EndedStatus",
    "JobEnded",
    "JobReprioritized",
    "JobStatus",
    "JobSubmitted",
    "Learned",
    "Record",
    "WorkerJoined",
    "WorkerLeft",
    "new_id",
    "utc_now",
]

JobStatus = Literal["waiting", "running", "done", "failed", "cancelled"]
"""``waiting``: nothing of the job has run yet. ``failed``: some groups failed, the rest is delivered."""

EndedStatus = Literal["done", "failed", "cancelled"]

AttemptOutcome = Literal["done", "failed", "lost", "rescheduled", "replaced", "cancelled"]
"""How an attempt ended: returned; raised; its worker died; gave its work back because its worker had to
leave or was short of memory; hung and was given to another worker; its job was cancelled."""


def utc_now() -> datetime:
    """Now, on the wall clock, aware."""
    return datetime.now(UTC)


def new_id() -> str:
    """A unique identity for a job, an attempt or a displacement: 24 characters, ordered by time.

    Time order keeps a database's index local while a million of them are inserted.
    """
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(6)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSubmitted:
    """A delivery became a job of the pool."""

    job: str
    name: str
    show: str
    priority: str
    """Its class: ``urgent``, ``normal``, ``background`` or as configured."""

    deadline: datetime | None = None
    groups: int = 0
    """How many outputs it makes; of its units the pool may not know the number before it has fed them."""

    kind: str = ""
    """What it makes: its delivery's name, such as ``proxy``."""

    payload: bytes | None = field(default=None, repr=False)
    """The delivery, pickled, so that a restarted scheduler can go on with it; dropped when the job ends."""

    at: datetime = field(default_factory=utc_now)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReprioritized:
    """A job changed its class or deadline: asked for, or by its show's budget."""

    job: str
    priority: str
    own_priority: str = ""
    """The class that it has again when its show's budget is spent no more; empty where it has its own."""

    deadline: datetime | None = None
    reason: str = ""
    at: datetime = field(default_factory=utc_now)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnded:
    """A job's last group is committed, or the job was cancelled."""

    job: str
    status: EndedStatus
    seconds: float
    """Turnaround: from submission to here."""

    running_seconds: float
    """The seconds of `seconds` in which at least one of its units ran; in the rest it waited."""

    groups_done: int = 0
    groups_failed: int = 0
    error: str = ""
    """The first failure, one line."""

    at: datetime = field(default_factory=utc_now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One run of one unit on one slot: what is known of it from its beginning, and what identifies it."""

    id: str
    job: str
    unit: str
    """The unit's key."""

    kind: str
    frames: int
    worker: str
    number: int = 1
    """1 for the first try; more is a retry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted:
    """A unit began to run on a worker."""

    attempt: Attempt
    at: datetime = field(default_factory=utc_now)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFlagged:
    """Something is wrong with an attempt that still runs."""

    attempt: Attempt
    reason: str
    at: datetime = field(default_factory=utc_now)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnded:
    """An attempt ended."""

    attempt: Attempt
    outcome: AttemptOutcome
    run_seconds: float
    """On its thread, without the pauses. Of a lost attempt: what the scheduler saw of it."""

    paused_seconds: float = 0.0
    """Paused for a higher class; another unit had the thread."""

    error: str = ""
    shared_with: tuple[str, ...] = ()
    """The other jobs that wanted the same unit: each bears an equal part of what it cost."""

    is_left_to_others: bool = False
    """Its own job was cancelled meanwhile: the others bear all of it."""

    started: datetime | None = None
    """When it began, where no `AttemptStarted` said so: of short units only the end is told."""

    at: datetime = field(default_factory=utc_now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Displaced:
    """A running unit paused so that a higher class could run.

    Record it when the unit pauses (`seconds` None) and again, with the same `displacement`, when it is over.
    """

    displacement: str
    attempt: Attempt
    for_job: str
    """The job whose unit took the place."""

    seconds: float | None = None
    """How long it was paused, from the pause to the first instruction after it; None while it does."""

    ended: Literal["", "resumed", "rescheduled", "lost", "cancelled"] = ""
    at: datetime = field(default_factory=utc_now)
    """When it paused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerJoined:
    """A worker reported for work: its lease begins."""

    worker: str
    """Unique for all time, such as distributed's server id; an address may come back with another worker."""

    name: str = ""
    tier: str
    price_per_hour: float
    """What the whole worker costs, not one of its threads."""

    threads: int
    startup_seconds: float | None = None
    """From the request for it to its arrival, where the pool asked for it."""

    at: datetime = field(default_factory=utc_now)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLeft:
    """A worker is gone: its lease ends."""

    worker: str
    seconds: float
    """How long it was there."""

    reason: str = ""
    """``idle``, ``reclaimed``, ``died``, ``pool closed``."""

    at: datetime = field(default_factory=utc_now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What one frame of a kind of unit takes on one thread, after one more was seen."""

    kind: str
    seconds_per_frame: float
    units: int
    """How many have been seen."""

    at: datetime = field(default_factory=utc_now)


Record = (
    JobSubmitted
    | JobReprioritized
    | JobEnded
    | AttemptStarted
    | AttemptFlagged
    | AttemptEnded
    | Displaced
    | WorkerJoined
    | WorkerLeft
    | Learned
)
