"""A pool at a glance: what its dashboard page and its metrics show, gathered once for both."""

from __future__ import annotations

import asyncio
import logging
from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from mediadask.pool.scheduler.bookkeeping import Bookkeeper
    from mediadask.pool.scheduler.scaler import Scaler

__all__ = ["PoolView", "Row"]

_logger = logging.getLogger(__name__)
_REFRESH_SECONDS = 10.0

Row = dict[str, Any]


class PoolView:
    """What is known of a pool now. The methods run in the scheduler's event loop.

    Parameters
    ----------
    jobs
        Descriptions of the jobs that have not ended, as `Job` has them.
    """

    def __init__(
        self, books: Bookkeeper, scaler: Scaler, jobs: Callable[[], Sequence[dict[str, Any]]]
    ) -> None:
        self.books, self.scaler, self.jobs = books, scaler, jobs
        self.turnaround: list[Row] = []
        """`reports.turnaround` of a few seconds ago, as all these by row."""

        self.costs: list[Row] = []
        """`costs.costs` of a few seconds ago, by show, and the amount of its budget."""

        self.delays: list[Row] = []
        """`reports.delays` of a few seconds ago."""

        self._refreshed_at = 0.0
        self._refresh: asyncio.Task[None] | None = None

    def running(self) -> list[dict[str, Any]]:
        """The jobs that have not ended, most urgent first."""
        order = self.books.config.classes
        return sorted(self.jobs(), key=lambda job: order[job["priority"]].order)

    def tiers(self) -> list[dict[str, Any]]:
        """By tier: tier, workers that are there, requested, wished, price_per_hour."""
        config = self.books.config
        there = [config.tier_of(str(worker.name)) for worker in self.scaler.scheduler.workers.values()]
        coming = [config.tier_of(name) for name in self.books.requested_at]
        return [
            {
                "tier": name,
                "workers": there.count(name),
                "requested": coming.count(name),
                "wished": self.scaler.wish.workers.get(name, 0),
                "price_per_hour": tier.price_per_hour,
            }
            for name, tier in config.tiers.items()
        ]

    def refresh_soon(self) -> None:
        """Have the ledger's tables read anew in a thread, unless they just were: a page that nobody looks at
        costs nothing."""
        if monotonic() - self._refreshed_at < _REFRESH_SECONDS:
            return
        if self._refresh is None or self._refresh.done():
            self._refresh = asyncio.create_task(self.refresh())

    async def refresh(self) -> None:
        """Read the ledger's tables."""
        try:
            self.turnaround, self.costs, self.delays = await asyncio.to_thread(self._read)
        except Exception as error:
            # The page shows what was known: the ledger itself says in the log that it is away.
            _logger.debug("the ledger's reports are not to be had: %s", error)
        self._refreshed_at = monotonic()

    def _read(self) -> tuple[list[Row], list[Row], list[Row]]:
        # Imported here: tables need pandas, which a pool does not while nobody asks for one.
        from mediadask.pool.ledger.costs import costs
        from mediadask.pool.ledger.reports import delays, turnaround

        engine, config = self.books.ledger.engine, self.books.config
        spent = costs(engine, config)
        amounts = {name: budget.amount for name, budget in config.budgets.items()}
        spent["budget"] = spent["show"].map(config.budgeted).map(amounts)
        return _rows(turnaround(engine, config)), _rows(spent), _rows(delays(engine))


def _rows(table: pd.DataFrame) -> list[Row]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
