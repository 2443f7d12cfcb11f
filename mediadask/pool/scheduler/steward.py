"""A pool's housekeeping on its scheduler: ledger, predictions, scaling, metrics and page, opened as one."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy.exc import DBAPIError

from mediadask.errors import OutputFailed
from mediadask.pool.ledger.ledger import Ledger
from mediadask.pool.scheduler.bookkeeping import Bookkeeper
from mediadask.pool.scheduler.scaler import Scaler, dask_work, remaining_work
from mediadask.pool.view.glance import PoolView
from mediadask.pool.view.metrics import PoolMetrics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    import pandas as pd
    from distributed import Scheduler

    from mediadask.pool.config import PoolConfig
    from mediadask.pool.scaling.actuator import Actuator
    from mediadask.pool.scheduler.backlog import JobRecord

__all__ = ["Steward"]


class Steward:
    """Made by `attach`; the parts are there for who runs the pool to ask."""

    def __init__(self, scheduler: Scheduler, books: Bookkeeper, scaler: Scaler, view: PoolView) -> None:
        self.scheduler, self.books, self.scaler, self.view = scheduler, books, scaler, view
        self.record = books.record
        """Take note of an event."""

        self._metrics = PoolMetrics(view)
        self._has_page = False

    @classmethod
    async def attach(
        cls,
        scheduler: Scheduler,
        config: PoolConfig,
        jobs: Callable[[], Iterable[JobRecord]],
        described: Callable[[JobRecord], dict[str, Any]],
        ours: str,
        *,
        name: str = "embedded",
        actuator: Actuator | None = None,
        asked_at: float | None = None,
        kept: Callable[[], Iterable[str]] = tuple,
        evacuate: Callable[[Sequence[str]], Awaitable[None]] | None = None,
    ) -> Self:
        """Begin on a running scheduler.

        Parameters
        ----------
        jobs
            All jobs the scheduler knows.
        described
            What page and metrics tell of one.
        ours
            The Dask client through which their units enter.
        name
            The pool's in the ledger. A pool that stays has its own, by which it takes up its jobs again.
        actuator, kept, evacuate
            As of `Scaler`.
        asked_at
            When the workers that `actuator` has already were asked for, monotonic; by default now.

        Raises
        ------
        InvalidRequest, OutputFailed
            The ledger does not open.
        """
        ledger = await asyncio.to_thread(Ledger, pool=name, keep_seconds=config.ledger.keep)
        books = await asyncio.to_thread(Bookkeeper, config, ledger)
        there = {} if actuator is None else await actuator.state()
        asked_at = monotonic() if asked_at is None else asked_at
        books.requested_at |= {worker: asked_at for workers in there.values() for worker in workers}
        await scheduler.register_scheduler_plugin(books, name=books.name, idempotent=True)

        def work() -> list[Any]:
            tasks = dask_work(scheduler, config.default_class, ours)
            running = [job for job in jobs() if job.status == "running"]
            return [
                *(remaining_work(job, books.predictor, tasks.pop(job.id, None)) for job in running),
                *tasks.values(),
            ]

        scaler = Scaler(books, actuator, work, kept=kept, evacuate=evacuate)
        for tier, workers in there.items():
            scaler.policy.wished(tier, len(workers), asked_at)
        await scheduler.register_scheduler_plugin(scaler, name=scaler.name, idempotent=True)
        view = PoolView(books, scaler, lambda: [described(job) for job in jobs() if job.status == "running"])
        steward = cls(scheduler, books, scaler, view)
        steward._metrics.register()
        return steward

    def show_page(self) -> None:
        """Serve Dask's dashboard, and the pool's page in it, from now on."""
        from distributed.dashboard.scheduler import connect

        from mediadask.pool.view.dashboard import add_page

        if self._has_page or "dashboard" not in self.scheduler.services:
            return
        self._has_page = True
        if not self.scheduler.http_application.applications:
            connect(self.scheduler.http_application, self.scheduler.http_server, self.scheduler)
        add_page(self.scheduler, self.view)

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

        self.books.ledger.flush()
        report = {"turnaround": turnaround, "costs": costs}[what]
        return report(self.books.ledger.engine, self.books.config, by=by)

    async def close(self) -> None:
        """The scheduler closes."""
        self._metrics.unregister()
        await self.books.close()
