"""What a simulated pool works on and with, as plain values, and as a pool is told of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from mediadask.delivery import Failure, Unit
from mediadask.pool.core.events import JobSpec, PlannedGroup

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mediadask.pool.core.clock import Now

__all__ = [
    "Ending",
    "GraphModel",
    "GroupModel",
    "JobModel",
    "Timing",
    "UnitModel",
    "WorkerModel",
    "planned",
    "spec_of",
    "unit_of",
    "value_of",
]

Ending = Literal["done", "raises", "transient", "kills", "hangs", "deaf", "unsendable"]
"""How a try of a unit goes: it returns; raises an error that another try would raise again, or one that it
might not; takes its worker down half way; stops half way for ever; returns, but makes no checkpoint; cannot
be pickled."""


@dataclass(frozen=True, slots=True)
class UnitModel:
    """A unit, and how each of its tries goes."""

    key: str
    """Equal keys are equal calls, wherever they are."""

    seconds: float
    """On one thread, if nothing goes wrong."""

    kind: str = "unit"
    frames: int = 1
    """It makes a checkpoint after each of them."""

    endings: tuple[Ending, ...] = ("done",)
    """How each of its tries goes, in order; further ones go like the last."""

    told_seconds: float | None = None
    """What its delivery predicts."""


@dataclass(frozen=True, slots=True)
class GroupModel:
    """Units that make one output, and the unit that joins their results."""

    units: tuple[UnitModel, ...]
    finish: UnitModel | None = None


@dataclass(frozen=True, slots=True)
class GraphModel:
    """A Dask graph: tasks in layers, each layer waiting for the one before it."""

    layers: tuple[int, ...]
    task_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JobModel:
    """A job, and when it is submitted."""

    id: str
    at: float = 0.0
    """When it is submitted, in seconds since the start."""

    name: str = ""
    show: str = ""
    priority: str = "normal"
    deadline_seconds: float | None = None
    """After its submission."""

    kind: str = ""
    groups: tuple[GroupModel, ...] = ()
    closing: UnitModel | None = None
    graph: GraphModel | None = None
    unplannable_after: int | None = None
    """Planning fails from this group on."""

    planning_seconds: float = 0.0
    """What planning takes each time."""


@dataclass(frozen=True, slots=True)
class WorkerModel:
    """A worker."""

    name: str = "local-0"
    threads: int = 1
    has_nanny: bool = True
    fixed_port: bool = False
    """Whether the process that its nanny starts after it comes to the same address."""

    is_early: bool = False
    """Whether Dask sends it tasks before the pool knows of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long the machinery takes. Delays are drawn between 0 and these."""

    message_seconds: float = 0.005
    slow_message_seconds: float = 0.2
    slow_share: float = 0.02
    """The share of messages that are slow."""

    failing_share: float = 0.0
    """The share of tasks that fail before they come to their units."""

    notice_seconds: float = 2.0
    """Until the death of a worker is noticed."""

    restart_seconds: float = 3.0
    """Until a nanny has started another process."""

    round_seconds: float = 0.5
    """At least so often there is a round."""

    pulse_seconds: float = 0.5
    """So often a worker tells how far its units are."""

    report_seconds: float = 0.1
    """Until a worker reports what ended."""

    patience_seconds: float = 1.0
    """A unit that runs for so long gives back those behind it in its batch."""


def _run(model: UnitModel) -> None:
    """Stand for the function of a unit: simulated workers do not call it."""


def unit_of(model: UnitModel) -> Unit:
    """The unit as planning would make it."""
    return Unit(_run, (model,), model.key, model.kind, model.frames, model.told_seconds)


def value_of(unit: UnitModel, results: Iterable[bytes | Failure] | None) -> bytes:
    """What a unit returns, with the results that it is called with."""
    if results is None:
        return unit.key.encode()
    parts = [b"!" if isinstance(each, Failure) else each for each in results]
    return b"%s(%s)" % (unit.key.encode(), b",".join(parts))


def spec_of(
    job: JobModel, now: Now, *, waited_seconds: float = 0.0, priority: str = "", deadline: Any = None
) -> JobSpec:
    """The job as a client submits it, or as it is taken up again after so many seconds."""
    submitted = now.utc - timedelta(seconds=waited_seconds)
    if deadline is None and job.deadline_seconds is not None:
        deadline = submitted + timedelta(seconds=job.deadline_seconds)
    return JobSpec(
        id=job.id,
        name=job.name or job.id,
        show=job.show,
        priority=priority or job.priority,
        deadline=deadline,
        kind=job.kind,
        groups=len(job.groups) if job.graph is None else 1,
        closing=None if job.closing is None or not job.groups else unit_of(job.closing),
        closing_key="" if job.closing is None else job.closing.key,
        is_graph=job.graph is not None,
        payload=job.id.encode(),
        submitted=submitted,
        waited_seconds=waited_seconds,
    )


def planned(group: GroupModel) -> PlannedGroup:
    """The group as planning would make it."""
    name = group.units[0].key if group.units else "empty"
    keys = tuple(unit.key for unit in group.units)
    finish = group.finish
    joins = finish is not None or len(keys) != 1
    model = finish if finish is not None else _list_of(keys)
    return PlannedGroup(
        name, tuple(unit_of(unit) for unit in group.units), keys, unit_of(model), model.key, joins
    )


def _list_of(keys: tuple[str, ...]) -> UnitModel:
    return UnitModel(f"join({','.join(keys)})", 0.001, "join", 0)
