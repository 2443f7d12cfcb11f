"""Jobs, tasks, batches and workers as they are seen from outside of a pool's state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from mediadask.pool.simulation.model import JobModel

__all__ = ["CLOSING", "FINISH", "Place", "SeenBatch", "SeenJob", "SeenTask", "SeenWorker"]

FINISH = -1
CLOSING = -1
"""The position of a group's finish, and the index of what closes a job."""

Place = tuple[str, int, int]
"""A job, the index of a group, the position of a unit in it."""


@dataclass(eq=False, slots=True)
class SeenJob:
    """A job that was submitted."""

    model: JobModel
    rank: int
    """The rank of its class, by the records."""

    due: float
    """Its deadline in seconds since the epoch, by the records."""

    asked_rank: int
    """The rank of the class that a client asked for."""

    show: str
    is_open: bool = True
    planned: int = 0
    """How many of its groups are planned."""

    is_planning: bool = False


@dataclass(eq=False, slots=True)
class SeenTask:
    """A task that was entered and not released."""

    key: str
    batch: str
    rank: int
    due: float
    bound: str
    state: Literal["entering", "queued", "started", "lost"] = "entering"

    @property
    def waits(self) -> bool:
        """Whether any slot would do for it, and it has none."""
        return not self.bound and self.state in ("entering", "queued")


@dataclass(eq=False, slots=True)
class SeenBatch:
    """A batch that a worker has."""

    id: str
    task: str
    worker: str
    left: dict[int, str]
    """The keys of units that have not ended, by position."""

    state: Literal["running", "pausing", "yielding", "paused", "resuming"] = "running"
    told_at: float = 0.0
    """When it was told to pause."""

    hangs: bool = False
    """Whether one of its units may make no checkpoint for ever."""

    is_silent: bool = False
    """Whether its current unit is taken to hang."""

    was_silent: bool = False

    is_evicted: bool = False
    is_held: bool = False
    """Told to pause while it was resuming."""

    cancelled: set[int] = field(default_factory=set)
    """The positions of units that nobody wants any more."""

    @property
    def is_stopping(self) -> bool:
        """Whether the current unit stops at its next checkpoint because nobody wants it."""
        return next(iter(self.left), -1) in self.cancelled


@dataclass(eq=False, slots=True)
class SeenWorker:
    """A worker that is there."""

    threads: int
    graph_tasks: dict[str, str] = field(default_factory=dict)
    """The jobs of tasks of graphs that it has, by task. They may have a thread, or wait for one."""

    is_paused: bool = False
    is_leaving: bool = False
    is_replaced: bool = False
    """Whether the pool has its process ended, so that no unit there is to blame for that."""
