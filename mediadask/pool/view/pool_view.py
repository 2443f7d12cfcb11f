"""A pool at a glance: what its dashboard page and its metrics show, gathered once for both."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError

from mediadask.errors import OutputFailed
from mediadask.pool.core import Now
from mediadask.pool.descriptions import JobDescription, TierStatus

if TYPE_CHECKING:
    import pandas as pd

    from mediadask.pool.config import PoolConfig
    from mediadask.pool.core import PoolState
    from mediadask.pool.core.jobs import Job
    from mediadask.pool.ledger.ledger import Ledger
    from mediadask.pool.scheduler.scaler import Scaler

__all__ = ["PoolView", "Row"]

_logger = logging.getLogger(__name__)
_REFRESH_SECONDS = 10.0
_PLACES_SECONDS = 1.0
_REFRESH_SHARE = 0.03
"""So much of the time may go into reading the ledger: a million units take a second."""

Row = dict[str, Any]


class PoolView:
    """What is known of a pool now. The methods run in the scheduler's event loop."""

    def __init__(self, config: PoolConfig, state: PoolState, ledger: Ledger, scaler: Scaler) -> None:
        self.config, self.state, self.ledger, self.scaler = config, state, ledger, scaler
        self.turnaround: list[Row] = []
        """`reports.turnaround` of a few seconds ago, as all these by row."""

        self.costs: list[Row] = []
        """`costs.costs` of a few seconds ago, by show, and the amount of its budget."""

        self.delays: list[Row] = []
        """`reports.delays` of a few seconds ago."""

        self._next_refresh = self._next_places = 0.0
        self._places: dict[str, int] = {}
        self._first: Job
        self._refresh: asyncio.Task[None] | None = None

    def open_jobs(self) -> list[Job]:
        """The jobs that have not ended, in the order in which they are served."""
        return sorted(self.state.open_jobs(), key=lambda job: (job.rank, job.due, job.number))

    def running(self, most: int | None = None) -> list[JobDescription]:
        """Descriptions of the jobs that have not ended, or of the first so many, in the order in which they
        are served."""
        now = Now.read().seconds
        return [
            replace(
                job.description(now),
                held=self.scaler.held(job.show),
                expected_seconds=self.expected_seconds(job),
                waits_for=self.waits_for(job),
            )
            for job in self.open_jobs()[:most]
        ]

    def expected_seconds(self, job: Job) -> float | None:
        """How long until this job is expected to end; None where nobody can say."""
        return self.scaler.expected_seconds().get(job.id) if job.is_open and not job.is_held else None

    def waits_for(self, job: Job) -> str:
        """What a job waits for of which nothing runs; empty for one that runs or has ended."""
        if job.slots or not job.is_open:
            return ""
        no_worker = "" if self.state.workers.threads else self.scaler.missing() or self.scaler.nobody()
        if job.is_held or no_worker:
            return self.scaler.held(job.show) or no_worker
        ahead, first = self._ahead(job)
        if not ahead:
            return "a free slot" if self.state.workers.threads else "a worker to start"
        others = "" if ahead == 1 else f" and {ahead - 1} more"
        return f"{first.spec.name} ({first.priority}){others}"

    def _ahead(self, job: Job) -> tuple[int, Job]:
        """How many jobs are served before this one, and the first of them: as of a second ago."""
        if job.id not in self._places or monotonic() >= self._next_places:
            jobs = [each for each in self.open_jobs() if not each.is_held]
            self._places, self._first = {each.id: place for place, each in enumerate(jobs)}, jobs[0]
            self._next_places = monotonic() + _PLACES_SECONDS
        return self._places[job.id], self._first

    def tiers(self) -> list[TierStatus]:
        """What is known of each tier."""
        there = Counter(worker.tier for worker in self.state.workers)
        coming = Counter(self.config.tier_of(name) for name in self.scaler.requested_at)
        return [
            TierStatus(
                tier=name,
                workers=there[name],
                requested=coming[name],
                target=self.scaler.target.workers.get(name, 0),
                price_per_hour=tier.price_per_hour,
                reclaimed=name in self.scaler.reclaimed,
            )
            for name, tier in self.config.tiers.items()
        ]

    async def table(self, what: str, by: str) -> pd.DataFrame:
        """``turnaround`` or ``costs``, of all that was recorded until now.

        Raises
        ------
        OutputFailed
            The ledger's database is away.
        """
        try:
            return await asyncio.to_thread(self._table, what, by)
        except DBAPIError as error:
            reason = " ".join(str(error.orig).split())
            raise OutputFailed(
                f"the ledger's database does not answer: {reason}",
                where=what,
                do="jobs go on; ask again when it is back",
            ) from None

    def _table(self, what: str, by: Any) -> pd.DataFrame:
        # Imported here: tables need pandas, which a pool does not while nobody asks for one.
        from mediadask.pool.ledger.costs import costs
        from mediadask.pool.ledger.reports import turnaround

        self.ledger.flush()
        report = {"turnaround": turnaround, "costs": costs}[what]
        return report(self.ledger.engine, self.config, by=by)

    def refresh_soon(self) -> None:
        """Have the ledger's tables read anew in a thread, unless they just were: a page that nobody looks at
        costs nothing."""
        if monotonic() < self._next_refresh:
            return
        if self._refresh is None or self._refresh.done():
            self._refresh = asyncio.create_task(self.refresh())

    async def refresh(self) -> None:
        """Read the ledger's tables."""
        seconds = 0.0
        try:
            seconds, self.turnaround, self.costs, self.delays = await asyncio.to_thread(self._read)
        except Exception as error:
            # The page shows what was known: the ledger itself says in the log that it is away.
            _logger.debug("the ledger's reports are not to be had: %s", error)
        self._next_refresh = monotonic() + max(_REFRESH_SECONDS, seconds / _REFRESH_SHARE)

    def _read(self) -> tuple[float, list[Row], list[Row], list[Row]]:
        # Imported here: tables need pandas, which a pool does not while nobody asks for one.
        from mediadask.pool.ledger.costs import costs
        from mediadask.pool.ledger.reports import delays, turnaround

        begun, engine, config = monotonic(), self.ledger.engine, self.config
        spent = costs(engine, config)
        amounts = {name: budget.amount for name, budget in config.budgets.items()}
        spent["budget"] = spent["show"].map(config.budgeted).map(amounts)
        tables = _rows(turnaround(engine, config)), _rows(spent), _rows(delays(engine))
        return monotonic() - begun, *tables


def _rows(table: pd.DataFrame) -> list[Row]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
