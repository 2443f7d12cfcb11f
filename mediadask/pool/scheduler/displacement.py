"""Who steps aside for whom, and who goes on: the decisions from plain values, and carrying them out."""

from __future__ import annotations

from collections import Counter
from time import monotonic
from typing import TYPE_CHECKING, Protocol, TypeVar

from mediadask.pool.scheduler.stints import dask_priority

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mediadask.pool.scheduler.occupancy import Occupancy
    from mediadask.pool.scheduler.orders import Orders
    from mediadask.pool.scheduler.stints import Stints

__all__ = ["Displacement", "choose_resumed", "choose_victims"]

_PATIENCE_SECONDS = 1.0
"""A unit asked to step aside that has made no checkpoint for so long is not counted on: another is asked."""


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


class Displacement:
    """Has bundles step aside and go on, by orders to their workers. In the scheduler's event loop."""

    def __init__(self, occupancy: Occupancy, orders: Orders, stints: Stints) -> None:
        self._occupancy, self._orders, self._stints = occupancy, orders, stints

    def displace(self, most_urgent: int, guests: Sequence[tuple[int, str]] = ()) -> None:
        """Have lower classes step aside for those that wait for a slot, and resume whom nobody waits for.

        Parameters
        ----------
        most_urgent
            The order of the most urgent class that is still to be sent.
        guests
            The orders and jobs of tasks that are no bundles and wait for a slot, too.
        """
        count, orders = self._occupancy.count, self._occupancy.orders()
        expected = {order for order, _ in guests}
        waiting = sorted(expected.union(order for order in orders if count["queued", order]))
        occupied = [order for order in orders if count["running", order] + count["resuming", order]]
        if waiting and occupied and waiting[0] < occupied[-1]:
            self._ask(waiting[0], occupied[-1], guests)
        if any(count[state, order] for state in ("paused", "resuming", "asked") for order in orders):
            arriving = [order for order in orders if count["queued", order] or count["sent", order]]
            self._let_go_on(min([most_urgent, *arriving, *expected]))

    def _ask(self, highest: int, lowest: int, guests: Sequence[tuple[int, str]]) -> None:
        now = monotonic()
        queued = [each for each in self._occupancy if each.state == "queued" and each.order < lowest]
        queued.sort(key=lambda bundle: dask_priority(bundle.order, bundle.deadline), reverse=True)
        waiting = [(bundle.order, bundle.tickets[0].payers[0].id) for bundle in queued] + list(guests)
        asked = [
            bundle.order
            for bundle in self._occupancy
            if bundle.state == "leaving"
            or (bundle.state == "asked" and now - bundle.since < _PATIENCE_SECONDS)
        ]
        running = [
            bundle for bundle in self._occupancy if bundle.state == "running" and bundle.order > highest
        ]
        for victim, position in choose_victims([order for order, _ in waiting], asked, running):
            victim.displaced_for = waiting[position][1]
            self._occupancy.move(victim, "asked")
            self._orders.tell(victim, "pause")
        # One that is called back while it waits on its worker for a slot frees none by that.
        for bundle in self._occupancy:
            if bundle.state == "resuming" and not bundle.held and bundle.order > highest:
                bundle.held = True
                self._orders.tell(bundle, "pause")

    def _let_go_on(self, most_urgent: int) -> None:
        for bundle in self._occupancy:
            if bundle.order <= most_urgent and (bundle.state == "asked" or bundle.held):
                self._orders.tell(bundle, "run")
                bundle.held = False
                if bundle.state == "asked":
                    self._occupancy.move(bundle, "running")
        paused = [bundle for bundle in self._occupancy if bundle.state == "paused"]
        resuming = Counter(bundle.worker for bundle in self._occupancy if bundle.state == "resuming")
        threads = {bundle.worker: self._stints.threads(bundle) for bundle in paused}
        for bundle in choose_resumed(paused, resuming, threads, most_urgent):
            self._occupancy.move(bundle, "resuming")
            self._stints.enter_next(bundle)
