"""Jobs as the scheduler holds them: groups planned a few at a time, units handed out in order."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal

from dask.base import tokenize
from distributed.protocol.pickle import dumps

from mediadask.delivery import Delivery, Failure, Group, Unit

if TYPE_CHECKING:
    from datetime import datetime

    from mediadask.pool.history import EndedStatus, JobStatus
    from mediadask.pool.scheduler.bundle import Bundle, BundleState

__all__ = ["JobRecord", "OpenGroup", "Place", "Ticket"]


@dataclass(eq=False, slots=True)
class OpenGroup:
    """A group some of whose units are handed out."""

    job: JobRecord
    index: int
    group: Group
    results: list[bytes | None]
    missing: int
    keys: list[str]
    tickets: set[Ticket] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a unit's result belongs."""

    group: OpenGroup
    position: int
    """-1 for the group's finish."""

    @property
    def is_open(self) -> bool:
        """Whether the result is still waited for."""
        job = self.group.job
        return job.status == "running" and job.values[self.group.index] is None


@dataclass(eq=False, slots=True)
class Ticket:
    """One unit on its way through the pool, for every job that asked for it."""

    unit: Unit
    key: str
    """The unit's own key: equal calls share one ticket while it is in flight."""

    places: list[Place]
    results: list[bytes | None] | None = None
    """Of its group's units, which a finish is called with."""

    bundle: Bundle | None = field(default=None, repr=False)
    """What it is in Dask with; None while it waits."""

    position: int = 0
    """In that bundle."""

    order: int = 0
    """Of its class; the lowest goes first."""

    number: int = 1
    """Which try this is."""

    failures: int = 0
    """How many tries raised."""

    kills: int = 0
    """How many workers died while they had it."""

    attempt: str = ""
    """What the ledger calls the attempt that runs; empty until it does."""

    frames: int = 0

    def __post_init__(self) -> None:
        self.order = min(job.order for job in self.jobs)

    def reorder(self) -> None:
        """Take on the most urgent order of those who still want it."""
        orders = (place.group.job.order for place in self.places if place.is_open)
        self.order = min(orders, default=self.order)

    @property
    def jobs(self) -> list[JobRecord]:
        """Those who asked for it."""
        return [place.group.job for place in self.places]

    @property
    def payers(self) -> list[JobRecord]:
        """Who shares what it costs: those who still want it, each once; where nobody does, who did."""
        if len(self.places) == 1:
            return self.jobs
        wanting = [place.group.job for place in self.places if place.is_open]
        return list(dict.fromkeys(wanting or self.jobs))

    @property
    def deadline(self) -> float:
        """The earliest of its jobs', in seconds since the epoch."""
        return min(place.group.job.due for place in self.places)

    @property
    def wanted(self) -> bool:
        """Whether some job still waits for its result."""
        return any(place.is_open for place in self.places)

    @property
    def suspect(self) -> bool:
        """Whether it has done harm: it goes alone from then on, so that it is known what did."""
        return self.kills > 0 or self.failures > 0

    @property
    def state(self) -> BundleState | Literal["waiting"]:
        """Of the unit of a bundle that runs, the bundle's; those behind it are queued."""
        if self.bundle is None:
            return "waiting"
        return self.bundle.state if self.bundle.current is self else "queued"

    def fraction_done(self) -> float:
        """How much of it is done, by the frames it has reported."""
        return self.frames / max(self.unit.frames, 1)


@dataclass(eq=False)
class JobRecord:
    """A delivery on its way through the pool."""

    id: str
    name: str
    show: str
    priority: str
    order: int
    deadline: datetime | None
    delivery: Delivery
    """Empty once it has ended."""

    payload: bytes = field(repr=False)
    """The delivery, pickled: for clients that did not submit it."""

    number: int
    """First come, first served."""

    own_priority: str = ""
    """Its class, while a spent budget has it in another."""

    status: JobStatus = "running"
    submitted_at: float = field(default_factory=monotonic)
    seconds: float = 0.0
    """Turnaround, once it has ended."""

    groups: int = field(init=False)
    values: list[bytes | Failure | None] = field(init=False, repr=False)
    planned: deque[Ticket] = field(default_factory=deque, repr=False)
    first: deque[Ticket] = field(default_factory=deque, repr=False)
    """Handed out before `planned`: retries, finishes, units that came back."""

    bundled: int = 1
    """How many units the latest bundle had."""

    next_group: int = 0
    planning: bool = False
    groups_done: int = 0
    groups_failed: int = 0
    units_done: int = 0
    units_planned: int = 0
    frames_done: int = 0
    begun: dict[int, float] = field(default_factory=dict, repr=False)
    """How much is done of groups that are neither done nor failed, 0 to 1; of those not named nothing."""

    in_flight: set[Ticket] = field(default_factory=set, repr=False)
    error: str = ""
    ended: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    def __post_init__(self) -> None:
        self.groups = len(self.delivery)
        self.values = [None] * self.delivery.steps

    @property
    def due(self) -> float:
        """The deadline in seconds since the epoch; far away without one."""
        return self.deadline.timestamp() if self.deadline else 9e9

    @property
    def fully_planned(self) -> bool:
        """Whether every group's units have been made."""
        return self.next_group >= self.groups

    def plan(self, units: int) -> list[Ticket]:
        """Make about so many more units; slow deliveries are slow here, so call it in a thread of its own."""
        tickets: list[Ticket] = []
        while len(tickets) < units and self.next_group < self.groups:
            index = self.next_group
            self.next_group += 1
            try:
                tickets += self._tickets(index, self.delivery.groups[index])
            except Exception as error:
                tickets += self._tickets(index, Group.failed(f"{self.name} {index}", error))
        return tickets

    def _tickets(self, index: int, group: Group) -> list[Ticket]:
        keys = [unit.key for unit in group.units]
        place = OpenGroup(self, index, group, [None] * len(keys), len(keys), keys)
        if not group.units:
            return [self._last(place)]
        return [
            Ticket(unit, key, [Place(place, position)])
            for position, (unit, key) in enumerate(zip(group.units, keys, strict=True))
        ]

    def _last(self, place: OpenGroup) -> Ticket:
        group = place.group
        unit = group.finish or Unit(list, name=group.name, kind="join", frames=0)
        key = f"{unit.key}-{tokenize(place.keys)}"
        return Ticket(unit, key, [Place(place, -1)], place.results)

    def peek(self) -> Ticket | None:
        """The next unit to hand out, if there is one ready."""
        while self.first or self.planned:
            ready = self.first or self.planned
            if ready[0].wanted:
                return ready[0]
            ready.popleft()
        return None

    def take(self) -> None:
        """Hand out what `peek` gave."""
        (self.first or self.planned).popleft()

    @property
    def units_left(self) -> int:
        """How many are not handed out yet, those not planned counted one to a group."""
        return len(self.first) + len(self.planned) + self.groups - self.next_group

    @property
    def has_ready(self) -> bool:
        """Whether `peek` may give something."""
        return bool(self.first or self.planned)

    def settle(self, place: Place, value: bytes | Failure, frames: int) -> list[Ticket]:
        """Put a result in its place. Returns the tickets that nobody of this job wants any more."""
        group = place.group
        if not place.is_open:
            return []
        if isinstance(value, Failure):
            self.error = self.error or value.error
            self._finish_group(group, value)
            return list(group.tickets)
        self.units_done += 1
        self.frames_done += frames
        if place.position < 0:
            self._finish_group(group, value)
            return []
        group.results[place.position] = value
        group.missing -= 1
        if group.missing == 0 and group.group.finish is None and len(group.results) == 1:
            self._finish_group(group, value)
            return []
        self.begun[group.index] = 1 - (group.missing + 1) / (len(group.results) + 1)  # one more joins them
        if group.missing == 0:
            self.units_planned += 1
            self.first.append(self._last(group))
        return []

    def _finish_group(self, group: OpenGroup, value: bytes | Failure) -> None:
        self.values[group.index] = value
        self.begun.pop(group.index, None)
        group.results = []
        if group.index == self.groups:
            return
        if isinstance(value, Failure):
            self.groups_failed += 1
        else:
            self.groups_done += 1
        if self.groups_done + self.groups_failed == self.groups < len(self.values):
            self._close()

    def _close(self) -> None:
        """Hand out what closes the delivery, with the values of its groups."""
        unit = self.delivery.closing
        assert unit is not None
        values = [dumps(value) if isinstance(value, Failure) else value for value in self.values[:-1]]
        group = OpenGroup(self, self.groups, Group(unit.name, (), unit), values, 0, [self.id])
        self.units_planned += 1
        self.first.append(self._last(group))

    def compute(self, value: bytes | Failure) -> None:
        """Its one output is there, or failed: of a job whose units Dask knows and it does not."""
        self.values = [value]
        self.begun.clear()
        self.groups_done, self.groups_failed = 1, 0
        if isinstance(value, Failure):
            self.groups_done, self.groups_failed, self.error = 0, 1, value.error

    def abandon(self, failure: Failure) -> None:
        """Every group that is still open fails."""
        self.values = [failure if value is None else value for value in self.values]
        self.begun.clear()
        self.groups_failed = self.groups - self.groups_done
        self.error = self.error or failure.error

    def end(self, status: EndedStatus) -> list[Ticket]:
        """Keep its results, and no more. Returns what came back and waited, for others may want it."""
        self.status, self.seconds = status, monotonic() - self.submitted_at
        self.delivery = Delivery(self.delivery.name, ())
        waiting = list(self.first)
        self.first.clear()
        self.planned.clear()
        self.ended.set()
        return waiting

    @property
    def settled(self) -> bool:
        """Whether every group is done or failed, and the delivery closed."""
        ended = self.groups_done + self.groups_failed
        return ended == self.groups and None not in self.values[-1:]

    def fraction_done(self) -> float:
        """0 to 1, by groups and, inside the groups that are open, by units."""
        done = self.groups_done + self.groups_failed + sum(self.begun.values())
        return min(1.0, done / self.groups) if self.groups else 1.0

    def description(self) -> dict[str, Any]:
        """All of it that a client may want to see, as plain data."""
        states = Counter(ticket.state for ticket in self.in_flight)
        ended = self.status != "running"
        return {
            "id": self.id,
            "name": self.name,
            "show": self.show,
            "priority": self.priority,
            "deadline": self.deadline.isoformat() if self.deadline else None,
            "status": self.status,
            "groups": self.groups,
            "groups_done": self.groups_done,
            "groups_failed": self.groups_failed,
            "fraction": self.fraction_done(),
            "units": self.units_planned,
            "units_done": self.units_done,
            "units_queued": states["queued"],
            "units_running": states["running"] + states["asked"],
            "units_paused": states["leaving"] + states["paused"] + states["resuming"],
            "fully_planned": self.fully_planned,
            "frames": self.frames_done + sum(ticket.frames for ticket in self.in_flight),
            "seconds": self.seconds if ended else monotonic() - self.submitted_at,
            "error": self.error,
        }
