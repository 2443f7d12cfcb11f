"""What happens to a pool: the events that `PoolState` handles, as plain values.

The driver on Dask's scheduler makes them of Dask's transitions, workers' reports and clients' requests; the
simulation makes them up. None says when it happened: the time is passed beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mediadask.delivery import Failure, Unit
    from mediadask.pool.history import AttemptOutcome

__all__ = [
    "BatchRefused",
    "CancelJob",
    "DaskRestarted",
    "Event",
    "EvictWorkers",
    "FailJob",
    "GraphChanged",
    "GraphEnded",
    "GraphForgotten",
    "GraphTaskEnded",
    "GraphTaskStarted",
    "GroupsPlanned",
    "JobSpec",
    "PlannedGroup",
    "ReprioritizeJob",
    "Round",
    "SpendingChanged",
    "SubmitJob",
    "TaskEnded",
    "TaskFailed",
    "TaskLost",
    "TaskQueued",
    "TaskStarted",
    "UnitsReported",
    "WorkerExplained",
    "WorkerJoined",
    "WorkerLeft",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """A job as it was submitted."""

    id: str
    name: str
    show: str
    priority: str
    """Its class: ``urgent``, ``normal``, ``background`` or as configured."""

    deadline: datetime | None = None
    kind: str = ""
    """What it makes: its delivery's name, such as ``proxy``."""

    groups: int
    closing: Unit | None = None
    """The unit that runs when every group has ended."""

    closing_key: str = ""
    is_graph: bool = False
    """Whether Dask computes it as one graph; otherwise its groups are planned and their units scheduled."""

    payload: bytes = field(default=b"", repr=False)
    """The delivery, pickled: for clients that did not submit it, and for a pool that takes it up again."""

    submitted: datetime
    waited_seconds: float = 0.0
    """Since it was submitted, where a pool before this one had it."""


@dataclass(frozen=True, slots=True)
class PlannedGroup:
    """A group with the keys of its units; equal calls have equal keys."""

    name: str
    units: tuple[Unit, ...]
    keys: tuple[str, ...]
    finish: Unit
    """Joins the units' results. A group of one unit needs it only if `joins`."""

    finish_key: str
    joins: bool


# What clients ask for.


@dataclass(frozen=True, slots=True)
class SubmitJob:
    """A client submits a job."""

    spec: JobSpec


@dataclass(frozen=True, slots=True)
class CancelJob:
    """Nothing more of the job shall start; what runs stops at its next checkpoint."""

    job: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ReprioritizeJob:
    """The job gets another class or deadline."""

    job: str
    priority: str
    deadline: datetime | None
    reason: str = ""


# What planning tells.


@dataclass(frozen=True, slots=True)
class GroupsPlanned:
    """The next groups of a job are planned: the answer to `PlanGroups`."""

    job: str
    groups: tuple[PlannedGroup, ...]


@dataclass(frozen=True, slots=True)
class FailJob:
    """The job cannot go on: its delivery cannot be planned."""

    job: str
    failure: Failure


# What Dask's scheduler tells of the tasks by which batches take slots.


@dataclass(frozen=True, slots=True)
class BatchRefused:
    """The batch cannot be sent to a worker: some of its units cannot be pickled."""

    batch: str
    failures: Mapping[int, Failure]
    """By position in the `SendUnits` that was refused."""


@dataclass(frozen=True, slots=True)
class TaskQueued:
    """The task waits in Dask's queue for a slot."""

    task: str


@dataclass(frozen=True, slots=True)
class TaskStarted:
    """The task got a slot of a worker."""

    task: str
    worker: str
    """The worker's address."""


@dataclass(frozen=True, slots=True)
class TaskEnded:
    """The task has ended and its slot is free."""

    task: str


@dataclass(frozen=True, slots=True)
class TaskFailed:
    """Dask gave the task up."""

    task: str
    error: str


@dataclass(frozen=True, slots=True)
class TaskLost:
    """The task lost its slot before it ended, and Dask queues it again."""

    task: str


@dataclass(frozen=True, slots=True)
class DaskRestarted:
    """A client had Dask forget all tasks and restart all workers."""


# What workers tell.


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerJoined:
    """A worker has come."""

    address: str
    server_id: str
    """Unique for all time; another worker may come to the same address."""

    name: str
    threads: int
    has_nanny: bool = False
    """Whether another process comes in its place when it is ended."""

    is_brought: bool = False
    """Whether the pool brings such workers, and ends them: another comes if it is needed."""

    startup_seconds: float | None = None
    """From the request for it to its arrival, where the pool asked for it."""


@dataclass(frozen=True, slots=True)
class WorkerLeft:
    """A worker is gone."""

    address: str
    expected: bool
    """Whether it was retired; otherwise its process or connection ended."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class WorkerExplained:
    """Why a worker has left becomes known only now."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class UnitsReported:
    """A worker tells what became of the units of a batch: reports in order, see `worker.reports`."""

    worker: str
    batch: str
    reports: tuple[Any, ...]


# What Dask tells of graphs.


@dataclass(frozen=True, slots=True)
class GraphTaskStarted:
    """A task of a job's graph was sent to a worker."""

    job: str
    task: str
    kind: str
    worker: str


@dataclass(frozen=True, slots=True)
class GraphTaskEnded:
    """A task of a job's graph is off its worker."""

    job: str
    task: str
    outcome: AttemptOutcome
    run_seconds: float


@dataclass(frozen=True, slots=True)
class GraphChanged:
    """How many tasks of a job's graph are in which state."""

    job: str
    tasks: int
    done: int
    running: int
    queued: int
    """Waiting for a slot or for a worker that fits."""

    demand: int
    """Tasks that would take a slot of any worker at once."""


@dataclass(frozen=True, slots=True)
class GraphEnded:
    """A job's graph is computed, or failed."""

    job: str
    value: bytes | Failure


@dataclass(frozen=True, slots=True)
class GraphForgotten:
    """Dask has forgotten a job's graph before it was computed."""

    job: str


# What the pool itself decides, and time.


@dataclass(frozen=True, slots=True)
class SpendingChanged:
    """What was spent so far, by the names of budgets."""

    spent: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class EvictWorkers:
    """These workers must leave: their units give their work back at the next checkpoint."""

    workers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Round:
    """Everything that has happened is handled: fill the queue, displace, look at what is due."""

    foreign_tasks: Mapping[str, int] = field(default_factory=dict)
    """Tasks that are no job's, on workers that `PauseWorker` named."""


Event = (
    SubmitJob
    | CancelJob
    | ReprioritizeJob
    | GroupsPlanned
    | FailJob
    | BatchRefused
    | TaskQueued
    | TaskStarted
    | TaskEnded
    | TaskFailed
    | TaskLost
    | DaskRestarted
    | WorkerJoined
    | WorkerLeft
    | WorkerExplained
    | UnitsReported
    | GraphTaskStarted
    | GraphTaskEnded
    | GraphChanged
    | GraphEnded
    | GraphForgotten
    | SpendingChanged
    | EvictWorkers
    | Round
)
