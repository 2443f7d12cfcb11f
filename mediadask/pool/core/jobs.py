"""Jobs: deliveries, whose units the pool schedules, and graphs, whose tasks Dask schedules."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from mediadask.delivery import Failure, Unit
from mediadask.pool.core.batches import ON_SLOT
from mediadask.pool.core.events import PlannedGroup
from mediadask.pool.core.units import FINISH, GroupRun, ScheduledUnit, Target
from mediadask.pool.descriptions import JobDescription

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from mediadask.pool.core.clock import Now
    from mediadask.pool.core.events import JobSpec
    from mediadask.pool.history import Attempt, EndedStatus, JobStatus

__all__ = ["DeliveryJob", "GraphJob", "Job", "JobRunner"]

_NO_DEADLINE = 9e9
"""In seconds since the epoch: after any deadline."""

_FIRST_PLAN_UNITS = 16
"""So few units are planned of a job before its turn: thousands of jobs may wait."""

_KEPT_NAMES = 10_000
"""So many groups are known by their names: of a job of a million they would take as much as its results."""

_MOST_NAME = 200
"""Characters kept of a name: that of a unit without one is how its item prints, which may be long."""

_VALUE_BYTES, _FAILURE_BYTES = 50, 400
"""What Python needs to hold one, besides itself."""


@dataclass(eq=False, kw_only=True)
class Job(ABC):
    """What both kinds of job have: identity, class, results."""

    spec: JobSpec
    number: int
    """Jobs of one class and deadline go in this order: first come, first served."""

    priority: str
    rank: int
    """The rank of its class; lower goes first."""

    deadline: datetime | None
    submitted_at: float
    """On the monotonic clock."""

    own_priority: str = ""
    """The class that it was submitted in, while a spent budget has it in another."""

    is_held: bool = False
    """Whether a spent budget lets nothing more of it begin."""

    has_begun: bool = False
    ended: EndedStatus | None = None
    seconds: float = 0.0
    """Its turnaround, once it has ended."""

    values: list[bytes | Failure | None] = field(repr=False)
    names: list[str] = field(default_factory=list, repr=False)
    """The names of its first groups, as far as they are planned."""

    groups_done: int = 0
    groups_failed: int = 0
    error: str = ""
    """The first failure."""

    kept_bytes: int = 0
    """What its results and its payload take in memory."""

    slots: int = 0
    """How many slots it has now."""

    slots_since: float = 0.0
    had_slots_seconds: float = 0.0
    """For how long it had at least one slot, until `slots_since`."""

    def __post_init__(self) -> None:
        self.kept_bytes = len(self.spec.payload)

    @property
    def id(self) -> str:
        """Its identity."""
        return self.spec.id

    @property
    def show(self) -> str:
        """Who pays for it."""
        return self.spec.show

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.ended is None

    @property
    def status(self) -> JobStatus:
        """What has become of it."""
        return self.ended or ("running" if self.has_begun else "waiting")

    @property
    def due(self) -> float:
        """Its deadline in seconds since the epoch."""
        return self.deadline.timestamp() if self.deadline else _NO_DEADLINE

    @property
    def is_settled(self) -> bool:
        """Whether every group is done or has failed, and the closing unit too."""
        return self.groups_done + self.groups_failed == self.spec.groups and None not in self.values[-1:]

    def take_slot(self, now: float) -> None:
        """One more slot works for it."""
        if not self.slots:
            self.slots_since = now
        self.slots += 1
        self.has_begun = True

    def leave_slot(self, now: float) -> None:
        """One slot fewer works for it."""
        self.slots -= 1
        if not self.slots:
            self.had_slots_seconds += now - self.slots_since

    def running_seconds(self, now: float) -> float:
        """How long the job has had at least one slot."""
        return self.had_slots_seconds + (now - self.slots_since if self.slots else 0.0)

    def set_value(self, index: int, value: bytes | Failure) -> None:
        """Keep the value of a group, or of the closing unit."""
        self.values[index] = value
        if isinstance(value, Failure):
            self.kept_bytes += _FAILURE_BYTES + len(value.error)
            self.error = self.error or value.error
        else:
            self.kept_bytes += _VALUE_BYTES + len(value)
        if index < self.spec.groups:
            self.groups_failed += isinstance(value, Failure)
            self.groups_done += not isinstance(value, Failure)

    def abandon(self, failure: Failure) -> None:
        """Let every group that is still open fail."""
        self.error = self.error or failure.error
        self.values = [failure if value is None else value for value in self.values]
        self.groups_failed = self.spec.groups - self.groups_done

    @abstractmethod
    def counts(self) -> dict[str, Any]:
        """How many units are in which state, and how far it is: fields of `JobDescription`."""

    def description(self, now: float) -> JobDescription:
        """What a client may want to see."""
        return JobDescription(
            id=self.id,
            name=self.spec.name,
            show=self.show,
            priority=self.priority,
            deadline=self.deadline.isoformat() if self.deadline else None,
            status=self.status,
            groups=self.spec.groups,
            groups_done=self.groups_done,
            groups_failed=self.groups_failed,
            **self.counts(),
            seconds=self.seconds if self.ended else now - self.submitted_at,
            error=self.error,
        )


@dataclass(eq=False, kw_only=True)
class DeliveryJob(Job):
    """A delivery: its groups are planned a few at a time, and its units handed out in order."""

    first: deque[ScheduledUnit] = field(default_factory=deque, repr=False)
    """Handed out before `planned`: retries, finishes, units that were given back."""

    planned: deque[ScheduledUnit] = field(default_factory=deque, repr=False)
    next_group: int = 0
    is_planning: bool = False
    plan_units: int = _FIRST_PLAN_UNITS
    """How many units to plan next; more each time, for a job whose turn it is."""

    batch_units: int = 1
    """How many units its latest batch had."""

    in_flight: dict[ScheduledUnit, None] = field(default_factory=dict, repr=False)
    progress: dict[int, float] = field(default_factory=dict, repr=False)
    """How much is done of the groups that are under way, 0 to 1."""

    units_planned: int = 0
    units_done: int = 0
    frames_done: int = 0

    @property
    def is_planned(self) -> bool:
        """Whether every group's units have been made."""
        return self.next_group >= self.spec.groups

    @property
    def has_ready(self) -> bool:
        """Whether there may be a unit to hand out."""
        return bool(self.first or self.planned)

    @property
    def units_left(self) -> int:
        """How many are not handed out yet; a group that is not planned counts as one."""
        return len(self.first) + len(self.planned) + self.spec.groups - self.next_group

    def add_groups(self, groups: Iterable[PlannedGroup]) -> list[ScheduledUnit]:
        """Take the next groups, as planned. Returns their units."""
        self.is_planning = False
        planned: list[ScheduledUnit] = []
        for plan in groups:
            group = GroupRun(self, self.next_group, plan, [None] * len(plan.units), len(plan.units))
            self.next_group += 1
            self._know(plan.name)
            units = (
                [
                    ScheduledUnit(unit, key, [Target(group, position)])
                    for position, (unit, key) in enumerate(zip(plan.units, plan.keys, strict=True))
                ]
                if plan.units
                else [_finish(group)]
            )
            self.units_planned += len(units)
            planned += units
        return planned

    def _know(self, name: str) -> None:
        if len(self.names) < _KEPT_NAMES:
            self.names.append(name[:_MOST_NAME])
            self.kept_bytes += _VALUE_BYTES + len(self.names[-1])

    def leave(self, unit: ScheduledUnit) -> None:
        """A unit is not handed out by this job, if it was to be."""
        for ready in (self.first, self.planned):
            if unit in ready:
                ready.remove(unit)

    def settle(self, target: Target, value: bytes | Failure, frames: int) -> list[ScheduledUnit]:
        """Put a result where it belongs. Returns the units in flight that this job no longer wants."""
        group = target.group
        if not group.is_open:
            return []
        if isinstance(value, Failure):
            self._end_group(group, value)
            return list(group.units)
        self.units_done += 1
        self.frames_done += frames
        if target.position == FINISH:
            self._end_group(group, value)
            return []
        group.results[target.position] = value
        group.missing -= 1
        if group.missing == 0 and not group.plan.joins:
            self._end_group(group, value)
            return []
        # One more unit joins the results.
        self.progress[group.index] = 1 - (group.missing + 1) / (len(group.results) + 1)
        if group.missing == 0:
            self.units_planned += 1
            self.first.append(_finish(group))
        return []

    def _end_group(self, group: GroupRun, value: bytes | Failure) -> None:
        self.set_value(group.index, value)
        self.progress.pop(group.index, None)
        group.results = []
        if (
            group.index < self.spec.groups
            and self.groups_done + self.groups_failed == self.spec.groups
            and self.spec.closing is not None
        ):
            self.units_planned += 1
            self.first.append(self._closing_unit(self.spec.closing))

    def _closing_unit(self, unit: Unit) -> ScheduledUnit:
        plan = PlannedGroup(unit.name, (), (), unit, self.spec.closing_key, joins=True)
        values = [value for value in self.values[:-1] if value is not None]
        return _finish(GroupRun(self, self.spec.groups, plan, list(values), 0))

    def forget_units(self) -> list[ScheduledUnit]:
        """It has ended: only its results are kept. Returns the units that others may wait for, too."""
        waiting = list(self.first)
        self.first.clear()
        self.planned.clear()
        self.progress.clear()
        return waiting

    def counts(self) -> dict[str, Any]:
        """How many units are in which state."""
        states = Counter(
            "queued" if unit.batch is None or unit.batch.current is not unit else unit.batch.state
            for unit in self.in_flight
        )
        done = self.groups_done + self.groups_failed + sum(self.progress.values())
        return {
            "fraction": min(1.0, done / self.spec.groups) if self.spec.groups else 1.0,
            "units": self.units_planned,
            "units_done": self.units_done,
            "units_queued": 0 if self.is_held else states["queued"] + len(self.first) + len(self.planned),
            "units_running": sum(states[state] for state in ON_SLOT),
            "units_paused": states["yielding"] + states["paused"] + states["resuming"],
            "fully_planned": self.is_planned,
            "frames": self.frames_done + sum(unit.frames for unit in self.in_flight),
        }


def _finish(group: GroupRun) -> ScheduledUnit:
    results = tuple(value for value in group.results if value is not None)
    return ScheduledUnit(group.plan.finish, group.plan.finish_key, [Target(group, FINISH)], results)


@dataclass(eq=False, kw_only=True)
class GraphJob(Job):
    """A Dask graph, whose tasks Dask schedules by itself."""

    tasks: int = 0
    tasks_done: int = 0
    running: int = 0
    queued: int = 0
    demand: int = 0
    """Tasks that would take a slot of any worker at once."""

    attempts: dict[str, Attempt] = field(default_factory=dict, repr=False)
    """The attempts of the tasks that are on workers, by task."""

    is_entered: bool = False
    is_suspended: bool = False

    def forget_tasks(self) -> None:
        """Dask knows nothing of it any more."""
        self.tasks = self.tasks_done = self.running = self.queued = self.demand = 0
        self.is_entered = self.is_suspended = False

    def counts(self) -> dict[str, Any]:
        """How many tasks are in which state."""
        open_fraction = self.tasks_done / self.tasks if self.tasks else 0.0
        return {
            "fraction": open_fraction if self.is_open else 1.0,
            "units": self.tasks,
            "units_done": self.tasks_done,
            "units_queued": self.queued,
            "units_running": self.running,
            "units_paused": 0,
            "fully_planned": True,
            "frames": 0,
        }


J = TypeVar("J", bound=Job, contravariant=True)


class JobRunner(Protocol[J]):
    """What the state does with a job, whichever kind it is."""

    def start(self, job: J, now: Now) -> None:
        """It is submitted."""

    def reorder(self, job: J, now: Now) -> None:
        """Its class or deadline has changed."""

    def suspend(self, job: J, now: Now) -> None:
        """Nothing more of it shall begin."""

    def resume(self, job: J, now: Now) -> None:
        """It may go on."""

    def end(self, job: J, now: Now) -> None:
        """It has ended: nobody waits for what is under way."""

    def is_at_rest(self, job: J) -> bool:
        """Whether nothing of it is on a worker."""
