"""A batch on a simulated worker: where its current unit is, and what it was told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mediadask.delivery import Failure

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mediadask.pool.core.commands import BatchCall, Instruction
    from mediadask.pool.reports import Report
    from mediadask.pool.simulation.dask import DaskTask
    from mediadask.pool.simulation.model import Ending, UnitModel

__all__ = ["Seat", "value_of"]


def value_of(unit: UnitModel, results: Iterable[bytes | Failure] | None) -> bytes:
    """What a unit returns, with the results that it is called with."""
    if results is None:
        return unit.key.encode()
    parts = [b"!" if isinstance(each, Failure) else each for each in results]
    return b"%s(%s)" % (unit.key.encode(), b",".join(parts))


@dataclass(eq=False, slots=True)
class Seat:
    """A batch on a worker."""

    batch: str
    calls: tuple[BatchCall, ...]
    task: DaskTask | None = None
    """By which it holds a slot."""

    position: int = -1
    """Of the current unit."""

    ending: Ending = "done"
    frames: int = 0
    """How many of the current unit's are done, as of `since`."""

    frame_seconds: float = 0.0
    since: float = 0.0
    """When the current unit began, or went on."""

    run_seconds: float = 0.0
    """Of the current unit, until `since`."""

    paused_at: float | None = None
    paused_seconds: float = 0.0
    stays_paused: bool = False
    instruction: Instruction = "run"
    cancelled: set[int] = field(default_factory=set)
    is_alone: bool = False
    """Whether the units behind the current one were given back."""

    told: bool = True
    """Whether it was reported that the current unit began."""

    told_frames: int = 0
    reports: list[Report] = field(default_factory=list)
    epoch: int = 0
    """What was planned for an earlier one does not happen."""

    @property
    def model(self) -> UnitModel:
        """The current unit."""
        model: UnitModel = self.calls[self.position].unit.args[0]
        return model
