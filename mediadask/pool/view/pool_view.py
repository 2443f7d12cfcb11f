"""A pool at a glance: what its dashboard page and its metrics show, gathered once for both."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from mediadask.errors import OutputFailed
from mediadask.pool.core import Now
from mediadask.pool.core.jobs import DeliveryJob
from mediadask.pool.descriptions import JobDescription, TierStatus, UnknownJob
from mediadask.pool.history import utc_now
from mediadask.pool.ledger.recent import recent_failures, slot_history
from mediadask.pool.ledger.tables import jobs
from mediadask.pool.view.outputs import Outputs

if TYPE_CHECKING:
    import pandas as pd

    from mediadask.pool.config import PoolConfig
    from mediadask.pool.core import PoolState
    from mediadask.pool.core.jobs import Job
    from mediadask.pool.descriptions import OutputStatus
    from mediadask.pool.ledger.ledger import Ledger
    from mediadask.pool.ledger.recent import SlotHistory
    from mediadask.pool.scheduler.scaler import Scaler

__all__ = ["PoolView", "Row"]

_logger = logging.getLogger(__name__)
_REFRESH_SECONDS = 10.0
_RECENT = timedelta(hours=1)
_MOST_READ_JOBS = 20
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

        self.slots: SlotHistory | None = None
        """How slots were used in the last hour, as of a few seconds ago; None until that is read."""

        self.failures: list[Row] = []
        """`recent.recent_failures` of the last hour, as of a few seconds ago."""

        self.outputs = Outputs(state)
        self._read_jobs: dict[str, _ReadJob] = {}
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
        return [self._described(job) for job in self.open_jobs()[:most]]

    def _described(self, job: Job) -> JobDescription:
        return replace(
            job.description(Now.read().seconds),
            held=self.scaler.held(job.show),
            expected_seconds=self.expected_seconds(job),
            waits_for=self.waits_for(job),
        )

    def expected_seconds(self, job: Job) -> float | None:
        """How long until this job is expected to end; None where nobody can say."""
        return self.scaler.expected_seconds().get(job.id) if job.is_open and not job.is_held else None

    def waits_for(self, job: Job) -> str:
        """What a job waits for of which nothing runs; empty for one that runs or has ended."""
        if job.slots or not job.is_open:
            return ""
        no_worker = "" if self.state.workers.threads else self.no_workers()
        if job.is_held or no_worker:
            return self.scaler.held(job.show) or no_worker
        ahead, first = self._ahead(job)
        if not ahead:
            return "a free slot" if self.state.workers.threads else "a worker to start"
        return first.spec.name if ahead == 1 else f"{first.spec.name} and {ahead - 1} more"

    def no_workers(self) -> str:
        """Why workers do not come that should, or that there is none; empty where all is well."""
        return self.scaler.missing() or ("" if self.state.workers.threads else self.scaler.nobody())

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
            seconds = await asyncio.to_thread(self._read)
        except Exception as error:
            # The page shows what was known: the ledger itself says in the log that it is away.
            _logger.debug("the ledger's reports are not to be had: %s", error)
        self._next_refresh = monotonic() + max(_REFRESH_SECONDS, seconds / _REFRESH_SHARE)

    def _read(self) -> float:
        # Imported here: tables need pandas, which a pool does not while nobody asks for one.
        from mediadask.pool.ledger.costs import costs
        from mediadask.pool.ledger.reports import delays, turnaround

        begun, engine, config = monotonic(), self.ledger.engine, self.config
        spent = costs(engine, config)
        amounts = {name: budget.amount for name, budget in config.budgets.items()}
        spent["budget"] = spent["show"].map(config.budgeted).map(amounts)
        self.turnaround, self.costs = _rows(turnaround(engine, config)), _rows(spent)
        self.delays = _rows(delays(engine))
        now = utc_now()
        self.slots = slot_history(engine, now)
        self.failures = recent_failures(engine, now - _RECENT)
        return monotonic() - begun

    # One job.

    def one_job(self, id: str) -> Row | None:
        """Return what is known of one job, None before its first reading and where there is no such job.

        It has the columns of its row in the ledger as of a few seconds ago, attempts, failures and
        paused_seconds of `one_job`, and live: its description, None where it has ended.
        """
        read = self._read_jobs.get(id)
        if read is None:
            while len(self._read_jobs) >= _MOST_READ_JOBS:
                del self._read_jobs[next(iter(self._read_jobs))]
            read = self._read_jobs[id] = _ReadJob()
        if monotonic() >= read.next_time and (read.task is None or read.task.done()):
            read.task = asyncio.create_task(self._read_job(id, read))
        if read.row is None:
            return None
        live = next((job for job in self.state.open_jobs() if job.id == id), None)
        return {**read.row, "live": None if live is None else self._described(live)}

    def is_reading(self, id: str) -> bool:
        """Whether the first reading of a job is under way."""
        read = self._read_jobs.get(id)
        return read is not None and not read.next_time

    def units_of(self, id: str, most: int = 40) -> list[tuple[str, str, float]]:
        """Return units of an open job that are on their way: name, state, and how much is done, 0 to 1."""
        job = next((job for job in self.state.open_jobs() if job.id == id), None)
        if not isinstance(job, DeliveryJob):
            return []
        return [
            (unit.unit.name, "queued" if unit.batch is None else unit.batch.state, unit.fraction_done)
            for unit in islice(job.in_flight, most)
        ]

    def outputs_of(self, id: str, start: int) -> tuple[list[OutputStatus], int]:
        """Return a page of a job's outputs, as far as they are planned and known now, and how many outputs
        it has; 0 of a job that the pool no longer keeps.
        """
        try:
            job = self.state.job(id)
        except UnknownJob:
            return [], 0
        self.outputs.read_soon(job, start)
        return self.outputs.listed(job, start), job.spec.groups

    async def _read_job(self, id: str, read: _ReadJob) -> None:
        begun = monotonic()
        try:
            read.row = await asyncio.to_thread(self._job_from_ledger, id)
        except Exception as error:
            _logger.debug("what the ledger knows of a job is not to be had: %s", error)
        read.next_time = monotonic() + max(_REFRESH_SECONDS, (monotonic() - begun) / _REFRESH_SHARE)

    def _job_from_ledger(self, id: str) -> Row | None:
        from mediadask.pool.ledger import one_job

        engine = self.ledger.engine
        with engine.connect() as connection:
            found = connection.execute(select(jobs).where(jobs.c.job == id)).mappings().first()
        if found is None:
            return None
        return {
            **found,
            "attempts": one_job.attempts_by_outcome(engine, id),
            "failures": one_job.failures(engine, id),
            "paused_seconds": one_job.paused_seconds(engine, id),
        }


@dataclass
class _ReadJob:
    """What was read of one job for its page."""

    row: Row | None = None
    next_time: float = 0.0
    """When it may be read again, on the monotonic clock; 0 before the first reading."""

    task: asyncio.Task[None] | None = None


def _rows(table: pd.DataFrame) -> list[Row]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
