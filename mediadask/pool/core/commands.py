"""What a pool wants done: the commands that `PoolState` returns, to be carried out in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from mediadask.delivery import Failure, Unit
    from mediadask.pool.history import Record

__all__ = [
    "BatchCall",
    "CancelGraph",
    "CancelUnits",
    "Command",
    "EndJob",
    "EnterTask",
    "Instruct",
    "Instruction",
    "PauseWorker",
    "PlanGroups",
    "ReleaseTask",
    "ReorderGraph",
    "ReplaceWorker",
    "ResumeGraph",
    "SendUnits",
    "StartGraph",
    "SuspendGraph",
    "UnpauseWorker",
    "Write",
]

Instruction = Literal["run", "pause", "evict"]
"""What the running unit of a batch does at its next checkpoint: goes on; pauses and frees its slot; gives its
work back because its worker must leave."""


@dataclass(frozen=True, slots=True)
class PlanGroups:
    """Plan about so many units of a job, beginning with the group `start`; answer with `GroupsPlanned`."""

    job: str
    start: int
    units: int


@dataclass(frozen=True, slots=True)
class EnterTask:
    """Enter a task into Dask by which a batch takes a slot.

    Tasks of equal priority take slots in the order in which they were entered.
    """

    task: str
    batch: str
    priority: tuple[int, float]
    """The rank of its class and its deadline, in seconds since the epoch: lower goes first."""

    worker: str = ""
    """Where a paused batch goes on: the task is bound to this worker, and first in line there."""


@dataclass(frozen=True, slots=True)
class ReleaseTask:
    """Nobody needs this task any more: it leaves Dask's queue, or ends without work."""

    task: str


@dataclass(frozen=True, slots=True)
class BatchCall:
    """One unit of a batch, with what it is called with before its own arguments."""

    unit: Unit
    results: tuple[bytes | Failure, ...] | None
    """For a finish the results of its group's units, for a closing unit the values of all groups."""


@dataclass(frozen=True, slots=True)
class SendUnits:
    """Send the units of a batch to the worker whose slot its task has got.

    To be sent at once, before Dask's own message: the task finds the units on the worker, or has none.
    """

    worker: str
    batch: str
    calls: tuple[BatchCall, ...]


@dataclass(frozen=True, slots=True)
class Instruct:
    """Tell the running unit of a batch what to do at its next checkpoint; the latest instruction counts."""

    worker: str
    batch: str
    instruction: Instruction


@dataclass(frozen=True, slots=True)
class CancelUnits:
    """Nobody wants these units of a batch any more."""

    worker: str
    batch: str
    positions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PauseWorker:
    """Have Dask send no more tasks to this worker: a unit hangs on it."""

    worker: str


@dataclass(frozen=True, slots=True)
class UnpauseWorker:
    """Let Dask use this worker again."""

    worker: str


@dataclass(frozen=True, slots=True)
class ReplaceWorker:
    """End the worker's process; its nanny starts another."""

    worker: str
    reason: str


@dataclass(frozen=True, slots=True)
class StartGraph:
    """Enter the graph of a job into Dask, with this priority."""

    job: str
    priority: tuple[int, float]


@dataclass(frozen=True, slots=True)
class ReorderGraph:
    """Give the tasks of a job's graph another priority."""

    job: str
    priority: tuple[int, float]


@dataclass(frozen=True, slots=True)
class SuspendGraph:
    """Tasks of the job's graph that have not begun wait until `ResumeGraph`."""

    job: str


@dataclass(frozen=True, slots=True)
class ResumeGraph:
    """Tasks of the job's graph may begin again."""

    job: str


@dataclass(frozen=True, slots=True)
class CancelGraph:
    """Nobody wants the job's graph any more: running tasks end, no other begins."""

    job: str


@dataclass(frozen=True, slots=True)
class EndJob:
    """The job has ended: whoever waits for it can be told."""

    job: str


@dataclass(frozen=True, slots=True)
class Write:
    """Keep this in the ledger."""

    record: Record


Command = (
    PlanGroups
    | EnterTask
    | ReleaseTask
    | SendUnits
    | Instruct
    | CancelUnits
    | PauseWorker
    | UnpauseWorker
    | ReplaceWorker
    | StartGraph
    | ReorderGraph
    | SuspendGraph
    | ResumeGraph
    | CancelGraph
    | EndJob
    | Write
)
