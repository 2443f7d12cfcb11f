"""Units on their way through the pool, and the groups to which their results belong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mediadask.delivery import Failure, Unit
    from mediadask.pool.core.batches import Batch
    from mediadask.pool.core.events import PlannedGroup
    from mediadask.pool.core.jobs import DeliveryJob
    from mediadask.pool.history import Attempt

__all__ = ["FINISH", "GroupRun", "ScheduledUnit", "Target"]

FINISH = -1
"""The position of a group's finish among its units."""


@dataclass(eq=False, slots=True)
class GroupRun:
    """A group whose units are planned, until it is done or has failed."""

    job: DeliveryJob
    index: int
    plan: PlannedGroup
    results: list[bytes | Failure | None]
    missing: int
    units: dict[ScheduledUnit, None] = field(default_factory=dict)
    """Those in flight, in order."""

    @property
    def is_open(self) -> bool:
        """Whether its value is still waited for."""
        return self.job.is_open and self.job.values[self.index] is None


@dataclass(frozen=True, slots=True)
class Target:
    """Where a unit's result belongs."""

    group: GroupRun
    position: int
    """Among the group's units; `FINISH` for its finish."""


@dataclass(eq=False, slots=True)
class ScheduledUnit:
    """One unit on its way, for every job that asked for it."""

    unit: Unit
    key: str
    """Equal calls have equal keys, and share one scheduled unit while it is in flight."""

    targets: list[Target]
    results: tuple[bytes | Failure, ...] | None = None
    """What a finish or a closing unit is called with."""

    batch: Batch | None = None
    """The batch that it is in; None while it waits for its turn."""

    position: int = 0
    """In that batch."""

    rank: int = 0
    """The rank of its most urgent job's class; lower goes first."""

    due: float = 0.0
    """The earliest deadline of its jobs, in seconds since the epoch."""

    number: int = 1
    """Which try this is."""

    failures: int = 0
    """How many tries raised."""

    kills: int = 0
    """How many workers died or hung while they ran it."""

    attempt: Attempt | None = None
    """The attempt under way, once the ledger knows of it."""

    frames: int = 0
    """How many frames of it are done."""

    def __post_init__(self) -> None:
        self.reorder()

    @property
    def wanting(self) -> list[DeliveryJob]:
        """The jobs that still wait for its result, each once."""
        jobs = [target.group.job for target in self.targets if target.group.is_open]
        return list(dict.fromkeys(jobs)) if len(jobs) > 1 else jobs

    @property
    def payers(self) -> list[DeliveryJob]:
        """The jobs that share its cost: those that wait for it, or if none does those that did."""
        return self.wanting or list(dict.fromkeys(target.group.job for target in self.targets))

    @property
    def is_wanted(self) -> bool:
        """Whether a job still waits for its result."""
        return any(target.group.is_open for target in self.targets)

    @property
    def is_suspect(self) -> bool:
        """Whether it has done harm: from then on it runs alone, so that it is known what did."""
        return self.kills > 0 or self.failures > 0

    @property
    def fraction_done(self) -> float:
        """0 to 1, by frames."""
        return min(1.0, self.frames / max(self.unit.frames, 1))

    def reorder(self) -> None:
        """Take the rank and deadline of the most urgent of the jobs that wait for it."""
        if len(self.targets) == 1:
            job = self.targets[0].group.job
            self.rank, self.due = job.rank, job.due
            return
        places = [(job.rank, job.due) for job in self.wanting]
        if places:
            self.rank, self.due = min(rank for rank, _ in places), min(due for _, due in places)
