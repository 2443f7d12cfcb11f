"""The scheduler's side of the ledger: leases of workers, what units take, every other event."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

from distributed import SchedulerPlugin

from mediadask.pool.history import (
    AttemptEnded,
    AttemptStarted,
    Displaced,
    JobEnded,
    JobSubmitted,
    Record,
    WorkerJoined,
    WorkerLeft,
)
from mediadask.pool.scaling.predict import Predictor

if TYPE_CHECKING:
    from distributed import Scheduler

    from mediadask.pool.config import PoolConfig
    from mediadask.pool.ledger.ledger import Ledger

__all__ = ["Bookkeeper"]


class Bookkeeper(SchedulerPlugin):
    """Notes who came and went, and learns from what ended. Register it with the scheduler.

    Parameters
    ----------
    ledger
        Closed with the scheduler.
    """

    name: ClassVar[str] = "mediadask-bookkeeper"
    idempotent: ClassVar[bool] = True

    def __init__(self, config: PoolConfig, ledger: Ledger) -> None:
        self.config, self.ledger = config, ledger
        self.predictor = Predictor(config.seconds_per_frame, ledger.learned())
        self.requested_at: dict[str, float] = {}
        """When workers that have not arrived were asked for, monotonic, by name."""

        self.startup_seconds: dict[str, float] = {}
        """What the latest worker of each tier took to arrive."""

        self._leases: dict[str, tuple[str, float]] = {}
        self._running: dict[str, Running] = {}

    async def start(self, scheduler: Scheduler) -> None:
        """Begin the leases of the workers that are there already."""
        for worker in list(scheduler.workers):
            self.add_worker(scheduler, worker)

    def record(self, event: Record) -> None:
        """Take note of what happened, and learn from it.

        For how long any unit of a job ran it knows itself: it has seen them all.
        """
        match event:
            case JobSubmitted():
                self._running[event.job] = Running()
            case AttemptStarted() | AttemptEnded() | Displaced() if event.attempt.job in self._running:
                self._running[event.attempt.job].see(event)
            case JobEnded() if event.job in self._running:
                seconds = min(event.seconds, self._running.pop(event.job).seconds())
                event = replace(event, running_seconds=seconds)
        self.ledger.record(event)
        if isinstance(event, AttemptEnded) and event.outcome == "done":
            attempt = event.attempt
            self.ledger.record(self.predictor.observe(attempt.kind, attempt.frames, event.run_seconds))

    def add_worker(self, scheduler: Scheduler, worker: str) -> None:
        """A worker has come: its lease begins."""
        state = scheduler.workers[worker]
        name = str(state.name)
        tier = self.config.tier_of(name)
        asked = self.requested_at.pop(name, None)
        startup = None if asked is None else monotonic() - asked
        if startup is not None:
            self.startup_seconds[tier] = startup
        self._leases[worker] = state.server_id, monotonic()
        self.ledger.record(
            WorkerJoined(
                worker=state.server_id,
                name=name,
                tier=tier,
                price_per_hour=self.config.tiers[tier].price_per_hour,
                threads=state.nthreads,
                startup_seconds=startup,
            )
        )

    def remove_worker(self, scheduler: Scheduler, worker: str, **kwargs: Any) -> None:
        """A worker is gone: its lease ends."""
        lease = self._leases.pop(worker, None)
        if lease is not None:
            self._end_lease(*lease, reason=str(kwargs.get("stimulus_id", "")))

    def _end_lease(self, server: str, since: float, reason: str) -> None:
        self.ledger.record(WorkerLeft(worker=server, seconds=monotonic() - since, reason=reason))

    async def close(self) -> None:
        """The scheduler is closed: end what is open, write what is left."""
        for server, since in self._leases.values():
            self._end_lease(server, since, "pool closed")
        self._leases.clear()
        await asyncio.to_thread(self.ledger.close)


class Running:
    """For how long at least one unit of a job has been on a thread."""

    def __init__(self) -> None:
        self._attempts: set[str] = set()
        self._since = self._before = 0.0

    def see(self, event: AttemptStarted | AttemptEnded | Displaced) -> None:
        """An attempt got a thread, or left it, for good or for a while."""
        comes = isinstance(event, AttemptStarted) or (
            isinstance(event, Displaced) and event.ended == "resumed"
        )
        if comes and not self._attempts:
            self._since = monotonic()
        if comes:
            self._attempts.add(event.attempt.id)
        elif event.attempt.id in self._attempts:
            self._attempts.remove(event.attempt.id)
            if not self._attempts:
                self._before += monotonic() - self._since

    def seconds(self) -> float:
        """Until now."""
        return self._before + (monotonic() - self._since if self._attempts else 0.0)
