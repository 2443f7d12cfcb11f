"""Where all bundles are: in which state, of which class, on which worker."""

from __future__ import annotations

from collections import Counter
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mediadask.pool.scheduler.backlog import Ticket
    from mediadask.pool.scheduler.bundle import Bundle, BundleState

__all__ = ["Occupancy"]


class Occupancy:
    """The bundles that are in Dask, counted by state and class so that nobody has to look at each."""

    def __init__(self) -> None:
        self.bundles: dict[str, Bundle] = {}
        """By id."""

        self.count: Counter[tuple[BundleState, int]] = Counter()
        """How many bundles are in each state, by class order."""

    def __iter__(self) -> Iterator[Bundle]:
        return iter(self.bundles.values())

    def __contains__(self, bundle: Bundle) -> bool:
        return bundle.id in self.bundles

    def workers(self) -> set[str]:
        """The addresses of workers that have units, those that stand aside included."""
        return {bundle.worker for bundle in self if bundle.worker}

    def on(self, worker: str) -> list[Bundle]:
        """Those that this worker has."""
        return [bundle for bundle in self if bundle.worker == worker]

    def orders(self) -> list[int]:
        """Of the classes there are any of, the most urgent first."""
        return sorted({order for (_, order), number in self.count.items() if number})

    def waiting(self, most: int) -> int:
        """How many wait for a slot, of the class of this order and those above it."""
        return sum(
            number
            for (state, order), number in self.count.items()
            if state in ("sent", "queued") and order <= most
        )

    def add(self, bundle: Bundle) -> None:
        """It is on its way into Dask."""
        self.bundles[bundle.id] = bundle
        self.move(bundle, "sent")

    def remove(self, bundle: Bundle) -> None:
        """It is there no more."""
        self.move(bundle, "waiting")
        del self.bundles[bundle.id]

    def move(self, bundle: Bundle, state: BundleState) -> None:
        """It is in this state from now on, or again."""
        now = monotonic()
        if bundle.state != "waiting":
            self.count[bundle.state, bundle.order] -= 1
        if bundle.state in ("running", "asked"):
            bundle.run_seconds += now - bundle.since
        bundle.state, bundle.since = state, now
        if state != "waiting":
            self.count[state, bundle.order] += 1

    def reorder(self, tickets: Iterable[Ticket]) -> None:
        """Their jobs' classes have changed, or who wants them."""
        bundles: set[Bundle] = set()
        for ticket in tickets:
            ticket.reorder()
            if ticket.bundle is not None:
                bundles.add(ticket.bundle)
        for bundle in bundles:
            before = bundle.order
            bundle.reorder()
            if bundle.state != "waiting":
                self.count[bundle.state, before] -= 1
                self.count[bundle.state, bundle.order] += 1
