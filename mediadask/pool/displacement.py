"""Who steps aside for whom, and who goes on: the decisions, from plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["choose_resumed", "choose_victims"]


class Running(Protocol):
    """A unit on a slot, or back on its way to one."""

    @property
    def order(self) -> int:
        """Of its class; the lowest goes first."""

    def fraction_done(self) -> float:
        """0 to 1."""


class Paused(Protocol):
    """A unit that stands aside."""

    @property
    def order(self) -> int:
        """Of its class; the lowest goes first."""

    @property
    def worker(self) -> str:
        """Where it stands."""

    @property
    def since(self) -> float:
        """When it stepped aside."""


R = TypeVar("R", bound=Running)
P = TypeVar("P", bound=Paused)


def choose_victims(waiting: Sequence[int], asked: Iterable[int], running: Iterable[R]) -> list[tuple[R, int]]:
    """Which units step aside, each with the position in `waiting` of the unit it does it for.

    Parameters
    ----------
    waiting
        The class orders of the units without a slot.
    asked
        The class orders of units that have been asked already: each serves one that waits.
    running
        Units that may be asked: the lowest class goes first, then the least done.
    """
    asked = sorted(asked)
    candidates = sorted(running, key=lambda unit: (unit.order, -unit.fraction_done()))
    chosen: list[tuple[R, int]] = []
    for position, order in sorted(enumerate(waiting), key=lambda each: each[1]):
        if asked and asked[-1] > order:
            asked.pop()
        elif candidates and candidates[-1].order > order:
            chosen.append((candidates.pop(), position))
        else:
            break
    return chosen


def choose_resumed(
    paused: Iterable[P], resuming: dict[str, int], threads: dict[str, int], most_urgent: int
) -> list[P]:
    """Which paused units may go on: none that a higher class waits for, on a worker as many as its threads.

    Parameters
    ----------
    paused
        Highest class first, then who stands aside longest.
    resuming
        How many are on their way back already, by worker.
    threads
        By worker.
    most_urgent
        The order of the most urgent class that waits for a slot anywhere.
    """
    room = {worker: count - resuming.get(worker, 0) for worker, count in threads.items()}
    chosen: list[P] = []
    for unit in sorted(paused, key=lambda unit: (unit.order, unit.since)):
        if unit.order <= most_urgent and room.get(unit.worker, 0) > 0:
            room[unit.worker] -= 1
            chosen.append(unit)
    return chosen
