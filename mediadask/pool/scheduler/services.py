"""What clients ask of a pool: the scheduler's handlers, each under ``mediadask_`` and its name."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime
from importlib import import_module
from time import monotonic
from typing import TYPE_CHECKING, Any

from distributed.protocol.pickle import dumps, loads

from mediadask.errors import InvalidRequest
from mediadask.pool.history import new_id, utc_now

if TYPE_CHECKING:
    from distributed import Scheduler

    from mediadask.pool.config import PoolConfig
    from mediadask.pool.scheduler.backlog import JobRecord
    from mediadask.pool.scheduler.steward import Steward
    from mediadask.pool.scheduler.worklist import Worklist

__all__ = ["Services"]

_OWN_CLIENTS = 2
"""The foreman's, and the one that a Dask scheduler always has for work that nobody waits for."""

_FAREWELL_SECONDS = 5.0
_LOOK_SECONDS = 0.05
_PAGE_BYTES = 4 << 20


class Services:
    """Arguments and answers are plain data, or pickled where they are not."""

    def __init__(
        self, scheduler: Scheduler, config: PoolConfig, worklist: Worklist, steward: Steward
    ) -> None:
        self._scheduler, self._config = scheduler, config
        self._worklist, self._steward = worklist, steward
        self._draining = False
        self._closing: list[asyncio.Task[None]] = []

    def register(self) -> None:
        """Answer from now on."""
        for serve in (
            self.submit,
            self.describe,
            self.wait,
            self.values,
            self.delivery,
            self.cancel,
            self.reprioritize,
            self.report_table,
            self.reclaim,
            self.status,
            self.down,
            self.dashboard,
        ):
            self._scheduler.handlers[f"mediadask_{serve.__name__}"] = serve

    # One job.

    async def submit(
        self, name: str, show: str, priority: str | None, deadline: str | None, payload: bytes
    ) -> dict[str, Any]:
        """A delivery becomes a job. Returns its description."""
        if self._draining:
            raise InvalidRequest("the pool takes no more jobs: it is going down", where=self._name)
        priority = self._config.class_named(priority)
        delivery = await asyncio.to_thread(loads, payload)
        due = datetime.fromisoformat(deadline) if deadline else None
        job = self._worklist.add(
            new_id(), name, show, priority, due, delivery, payload, submitted=utc_now(), waited_seconds=0.0
        )
        return self._described(job)

    async def describe(self, jobs: list[str] | None = None) -> list[dict[str, Any]]:
        """What is known of these jobs, or of all, first come first."""
        known = self._worklist if jobs is None else map(self._worklist.job, jobs)
        return [self._described(job) for job in known]

    async def wait(self, job: str, timeout: float) -> dict[str, Any]:
        """Its description when it has ended, or after `timeout` seconds."""
        record = self._worklist.job(job)
        with suppress(TimeoutError):
            await asyncio.wait_for(record.ended.wait(), timeout)
        return self._described(record)

    async def values(self, job: str, start: int) -> bytes:
        """Pickled: groups' values from `start` on, as many as fit a message, each bytes or a `Failure`."""
        page, size = [], 0
        for value in self._worklist.job(job).values[start:]:
            page.append(value)
            size += len(value) if isinstance(value, bytes) else 200
            if size > _PAGE_BYTES:
                break
        return bytes(dumps(page))

    async def delivery(self, job: str) -> bytes:
        """The delivery itself, pickled, for a client that did not submit it."""
        return self._worklist.job(job).payload

    async def cancel(self, job: str) -> None:
        """Nothing of it starts any more, and what runs stops at its next checkpoint."""
        self._worklist.cancel(self._worklist.job(job))

    async def reprioritize(self, job: str, priority: str | None, deadline: str | None) -> None:
        """Another class or deadline, at once."""
        record = self._worklist.job(job)
        self._worklist.reprioritize(
            record,
            record.priority if priority is None else self._config.class_named(priority),
            record.deadline if deadline is None else datetime.fromisoformat(deadline),
        )

    def _described(self, job: JobRecord) -> dict[str, Any]:
        """As plain data. ``held`` says why nothing more of it begins, where that is so."""
        scaler = self._steward.scaler
        described = self._worklist.described(job)
        if job.status != "running":
            return {**described, "notice": "", "trouble": "", "held": ""}
        begun = any(
            described[key] for key in ("units_running", "units_paused", "units_done", "groups_failed")
        )
        notices = scaler.notice(job.show), self._worklist.graphs.notice(job)
        return {
            **described,
            "status": "running" if begun else "waiting",
            "notice": "; ".join(filter(None, notices)),
            "trouble": scaler.trouble(),
            "held": scaler.held(job.show),
        }

    # The pool.

    @property
    def _name(self) -> str:
        return self._config.name or self._scheduler.address

    async def status(self) -> dict[str, Any]:
        """Tiers with their workers, the jobs that have not ended, what is wrong, and by their ids the jobs
        that end, or would, before the pool goes down."""
        view, scaler = self._steward.view, self._steward.scaler
        return {
            "name": self._name,
            "going_down": self._draining,
            "waits_for": [job.id for job in self._to_end_first()],
            "trouble": scaler.trouble(),
            "because": scaler.wish.because,
            "ledger_away_seconds": self._steward.books.ledger.away_seconds,
            "tiers": [{**tier, "reclaimed": tier["tier"] in scaler.reclaimed} for tier in view.tiers()],
            "jobs": [self._described(self._worklist.job(job["id"])) for job in view.running()],
        }

    async def report_table(self, report: str, by: str) -> bytes:
        """Pickled: the table `turnaround` or `costs` from the ledger."""
        table = await self._steward.table(report, by)
        return bytes(dumps(table))

    async def reclaim(self, tier: str, reclaimed: bool) -> None:
        """A tier's workers go, whatever they run, or may come again."""
        self._steward.scaler.reclaim(tier, reclaimed)

    async def dashboard(self) -> None:
        """Serve the dashboard from now on."""
        await asyncio.to_thread(import_module, "mediadask.pool.view.dashboard")
        self._steward.show_page()

    async def down(self, now: bool) -> dict[str, Any]:
        """Take no more jobs; close the scheduler when those that can have ended, or now.

        What is not done by then is done by the next pool of the same name; of a pool without one it is
        cancelled. Returns the status.
        """
        self._draining = True
        if now or not self._closing:
            self._closing.append(asyncio.create_task(self._close(now)))
        return await self.status()

    def _to_end_first(self) -> list[JobRecord]:
        """A job that a budget holds does not end; only what it has on workers does."""
        worklist = self._worklist
        return [job for job in worklist.open() if not (worklist.holds(job) and worklist.at_rest(job))]

    async def _close(self, now: bool) -> None:
        waited = not now and self._worklist.open()
        while not now and self._to_end_first():
            await asyncio.sleep(_LOOK_SECONDS)
        if self._config.name is None:
            for job in self._worklist.open():
                held = self._steward.scaler.held(job.show)
                why = f"the pool went down before it could go on: {held}" if held else "the pool went down"
                self._worklist.cancel(job, why)
        give_up = monotonic() + _FAREWELL_SECONDS
        while waited and len(self._scheduler.clients) > _OWN_CLIENTS and monotonic() < give_up:
            await asyncio.sleep(_LOOK_SECONDS)  # who waits for a result still fetches it
        await self._scheduler.close(reason="pool down")
