"""What clients ask of a pool: the scheduler's handlers, each under ``mediadask_`` and its name."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from importlib import import_module
from time import monotonic
from typing import TYPE_CHECKING, Any

from distributed.protocol.pickle import dumps, loads

from mediadask import dask_api
from mediadask.errors import InvalidRequest
from mediadask.pool.core import Now
from mediadask.pool.core.events import CancelJob, ReprioritizeJob
from mediadask.pool.descriptions import JobDescription, PoolStatus, UnknownJob
from mediadask.pool.history import utc_now
from mediadask.pool.scheduler.planning import job_spec

if TYPE_CHECKING:
    from distributed import Scheduler

    from mediadask.pool.core.jobs import Job
    from mediadask.pool.ledger.ledger import Ledger
    from mediadask.pool.scaling.kubernetes_cluster import OwnCluster
    from mediadask.pool.scheduler.driver import Driver
    from mediadask.pool.scheduler.scaler import Scaler
    from mediadask.pool.scheduler.watchdog import Watchdog
    from mediadask.pool.view.pool_view import PoolView

__all__ = ["Services"]

_OWN_CLIENTS = 2
"""The pool's, and the one that a Dask scheduler always has for work that nobody waits for."""

_FAREWELL_SECONDS = 5.0
_LOOK_SECONDS = 0.05
_KEEP_SECONDS = 10.0
_PAGE_BYTES = 4 << 20


class Services:
    """Arguments and answers are plain data, or pickled where they are not."""

    def __init__(
        self,
        scheduler: Scheduler,
        driver: Driver,
        scaler: Scaler,
        watchdog: Watchdog,
        ledger: Ledger,
        view: PoolView,
        cluster: OwnCluster | None,
    ) -> None:
        self._scheduler, self._driver, self._scaler = scheduler, driver, scaler
        self._watchdog, self._ledger, self._view, self._cluster = watchdog, ledger, view, cluster
        self._state, self._config = driver.state, driver.state.config
        self._is_draining = self._has_page = False
        self._closing: list[asyncio.Task[None]] = []

    def register(self) -> None:
        """Answer from now on."""
        for serve in (
            self.submit,
            self.describe,
            self.wait,
            self.values,
            self.delivery,
            self.outputs,
            self.cancel,
            self.reprioritize,
            self.report_table,
            self.reclaim,
            self.status,
            self.down,
            self.dashboard,
        ):
            dask_api.serve(self._scheduler, f"mediadask_{serve.__name__}", serve)

    # One job.

    async def submit(
        self, job: str, name: str, show: str, priority: str | None, deadline: str | None, payload: bytes
    ) -> dict[str, Any]:
        """A delivery becomes the job with this id, unless it has. Returns its description.

        The answer of a pool with a name, whose jobs go on after it was killed, waits until the ledger has the
        job.
        """
        with suppress(UnknownJob):
            return self._description(self._state.job(job)).to_wire()
        if self._is_draining:
            raise InvalidRequest("the pool takes no more jobs: it is going down", where=self._name)
        priority = self._config.class_named(priority)
        delivery = await asyncio.to_thread(loads, payload)
        spec = job_spec(
            delivery,
            id=job,
            name=name,
            show=show,
            priority=priority,
            deadline=datetime.fromisoformat(deadline) if deadline else None,
            payload=payload,
            submitted=utc_now(),
        )
        self._driver.submit(spec, delivery)
        if self._config.name:
            with suppress(TimeoutError):  # a ledger that keeps nothing now says so where it is looked at
                await asyncio.wait_for(asyncio.wrap_future(self._ledger.kept()), _KEEP_SECONDS)
        return self._description(self._state.job(spec.id)).to_wire()

    async def describe(self, jobs: list[str] | None = None) -> list[dict[str, Any]]:
        """What is known of these jobs, or of all, first come first."""
        known = self._state.jobs() if jobs is None else map(self._state.job, jobs)
        return [self._description(job).to_wire() for job in known]

    async def wait(self, job: str, timeout: float) -> dict[str, Any]:
        """Its description when it has ended, or after `timeout` seconds."""
        known = self._state.job(job)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._driver.ended(job), timeout)
        return self._description(known).to_wire()

    async def values(self, job: str, start: int) -> bytes:
        """Pickled: groups' values from `start` on, as many as fit a message, each bytes or a `Failure`."""
        page, size = [], 0
        for value in self._state.job(job).values[start:]:
            page.append(value)
            size += len(value) if isinstance(value, bytes) else 200
            if size > _PAGE_BYTES:
                break
        return bytes(dumps(page))

    async def delivery(self, job: str) -> bytes:
        """The delivery itself, pickled, for a client that did not submit it."""
        return self._state.job(job).spec.payload

    async def outputs(self, job: str, start: int) -> list[dict[str, Any]]:
        """A page of its outputs from a group on: where they stand, what failed, what is under way."""
        known, outputs = self._state.job(job), self._view.outputs
        await outputs.read(known, start)
        return [each.to_wire() for each in outputs.listed(known, start)]

    async def cancel(self, job: str) -> None:
        """Nothing of it starts any more, and what runs stops at its next checkpoint."""
        self._driver.handle(CancelJob(self._state.job(job).id))

    async def reprioritize(self, job: str, priority: str | None, deadline: str | None) -> None:
        """Another class or deadline, at once."""
        known = self._state.job(job)
        self._driver.handle(
            ReprioritizeJob(
                job,
                known.priority if priority is None else self._config.class_named(priority),
                known.deadline if deadline is None else datetime.fromisoformat(deadline),
            )
        )

    def _description(self, job: Job) -> JobDescription:
        """What is known of a job, and what whoever waits for it shall know."""
        described = job.description(Now.read().seconds)
        if not job.is_open:
            return described
        notices = (
            self._scaler.notice(job.show),
            self._watchdog.trouble(),
            self._driver.graphs.notice(job.id),
        )
        return replace(
            described,
            notice="; ".join(filter(None, notices)),
            trouble=self._scaler.trouble(),
            held=self._scaler.held(job.show),
            expected_seconds=self._view.expected_seconds(job),
            waits_for=self._view.waits_for(job),
        )

    # The pool.

    @property
    def _name(self) -> str:
        return self._config.name or self._scheduler.address

    async def status(self) -> dict[str, Any]:
        """Tiers with their workers, the jobs that have not ended, what is wrong, and by their ids the jobs
        that end, or would, before the pool goes down."""
        scaler = self._scaler
        return PoolStatus(
            name=self._name,
            going_down=self._is_draining,
            waits_for=[job.id for job in self._to_end_first()],
            trouble="; ".join(filter(None, (scaler.missing(), self._watchdog.trouble()))),
            because=scaler.target.because,
            ledger_away_seconds=self._ledger.away_seconds,
            ledger_trouble=self._ledger.trouble,
            tiers=self._view.tiers(),
            jobs=[self._description(job) for job in self._view.open_jobs()],
        ).to_wire()

    async def report_table(self, report: str, by: str) -> bytes:
        """Pickled: the table `turnaround` or `costs` from the ledger."""
        table = await self._view.table(report, by)
        return bytes(dumps(table))

    async def reclaim(self, tier: str, reclaimed: bool) -> None:
        """A tier's workers go, whatever they run, or may come again."""
        self._scaler.reclaim(tier, reclaimed)

    async def dashboard(self) -> None:
        """Serve the dashboard from now on."""
        if not self._has_page:
            self._has_page = True
            page = await asyncio.to_thread(import_module, "mediadask.pool.view.dashboard")
            if dask_api.start_dashboard(self._scheduler):
                page.add_page(self._scheduler, self._view)

    async def down(self, now: bool) -> dict[str, Any]:
        """Take no more jobs; close the scheduler when those that can have ended, or now.

        What is not done by then is done by the next pool of the same name; of a pool without one it is
        cancelled. Returns the status.
        """
        self._is_draining = True
        if self._cluster is not None and not now:
            await self._cluster.goes_down()
        if now or not self._closing:
            self._closing.append(asyncio.create_task(self._close(now)))
        return await self.status()

    async def go_on_going_down(self, taken_over: asyncio.Task[None]) -> None:
        """Do as an earlier scheduler of this pool was told; `taken_over` ends when its jobs are known."""
        if self._cluster is None or not await self._cluster.is_going_down():
            return
        self._is_draining = True
        await asyncio.wait([taken_over])
        await self.down(now=False)

    def _to_end_first(self) -> list[Job]:
        """A job that a budget holds does not end; only what it has on workers does."""
        return [job for job in self._state.open_jobs() if not (job.is_held and self._state.is_at_rest(job))]

    async def _close(self, now: bool) -> None:
        waited = not now and self._state.open_jobs()
        while not now and self._to_end_first():
            await asyncio.sleep(_LOOK_SECONDS)
        if self._config.name is None:
            for job in self._state.open_jobs():
                held = self._scaler.held(job.show)
                why = f"the pool went down before it could go on: {held}" if held else "the pool went down"
                self._driver.handle(CancelJob(job.id, why))
        give_up = monotonic() + _FAREWELL_SECONDS
        while waited and len(self._scheduler.clients) > _OWN_CLIENTS and monotonic() < give_up:
            await asyncio.sleep(_LOOK_SECONDS)  # who waits for a result still fetches it
        if self._cluster is None or now:
            await self._scheduler.close(reason="pool down")
        else:
            await self._cluster.remove()  # a pod that only ends is started again
