"""Workers that are of no use: without this mediadask, or full though they have nothing to do."""

from __future__ import annotations

import asyncio
import logging
from importlib.metadata import version
from time import monotonic
from typing import TYPE_CHECKING

from distributed import Status

from mediadask import dask_api

if TYPE_CHECKING:
    from distributed import Scheduler

    from mediadask.pool.scheduler.driver import Driver

__all__ = ["Watchdog"]

_logger = logging.getLogger(__name__)
_LOOK_SECONDS = 0.5
FULL_SECONDS = 5.0
"""Dask gives a worker no work above 80 % of its memory. One that has none to do stays there for good."""

_READY_SECONDS = 20.0
"""A worker that has not said for so long that it can run units cannot."""


class Watchdog:
    """Keeps tasks from workers that cannot run units, and has full ones replaced. In the event loop."""

    def __init__(self, scheduler: Scheduler, driver: Driver) -> None:
        self._scheduler, self._driver = scheduler, driver
        self._expected: dict[str, float] = {}
        self._unfit: dict[str, str] = {}
        self._full_since: dict[str, float] = {}
        dask_api.keep_paused(scheduler, self._is_kept)

    def expect(self, worker: str) -> None:
        """A worker has come; it is used when it says that it can run units."""
        self._expected[worker] = monotonic()
        dask_api.pause_worker(self._scheduler, worker)

    def is_fit(self, worker: str, their_version: str) -> bool:
        """Whether a worker that can run units runs this version, too."""
        self._expected.pop(worker, None)
        ours = version("mediadask")
        if their_version != ours:
            self._refuse(worker, f"runs mediadask {their_version}, the scheduler {ours}")
            return False
        self._unfit.pop(worker, None)
        return True

    def use(self, worker: str) -> None:
        """Have Dask use a worker from now on: it may start tasks there at once."""
        dask_api.unpause_worker(self._scheduler, worker)

    def forget(self, worker: str) -> None:
        """A worker is gone."""
        for of_workers in (self._expected, self._unfit, self._full_since):
            of_workers.pop(worker, None)

    def _is_kept(self, worker: str) -> bool:
        """Whether a worker that says it is running is not to be used: not ready, or something hangs there."""
        there = self._driver.state.workers.get(worker)
        return there is None or there.paused_at is not None

    def trouble(self) -> str:
        """Which workers cannot run units, one line; empty where all can."""
        if not self._unfit:
            return ""
        worker, why = next(iter(self._unfit.items()))
        others = f", and {len(self._unfit) - 1} more" if len(self._unfit) > 1 else ""
        return f"worker {worker} {why}{others}: install the same version on all sides"

    async def run(self) -> None:
        """Look as long as this runs."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            now = monotonic()
            for worker, since in list(self._expected.items()):
                if now - since > _READY_SECONDS:
                    del self._expected[worker]
                    self._refuse(worker, "has no mediadask, or cannot load it")
            self._look_for_full_workers(now)

    def _refuse(self, worker: str, why: str) -> None:
        self._unfit[worker] = why
        _logger.warning("worker %s %s: it gets no work", worker, why)

    def _look_for_full_workers(self, now: float) -> None:
        busy = set(self._driver.state.batches.workers())
        full = [
            address
            for address, worker in self._scheduler.workers.items()
            if worker.status == Status.paused
            and (known := self._driver.state.workers.get(address)) is not None
            and known.is_replaceable
            and address not in busy
            and address not in self._expected
            and address not in self._unfit
            and dask_api.is_idle(self._scheduler, address)
        ]
        self._full_since = {address: self._full_since.get(address, now) for address in full}
        for address, since in list(self._full_since.items()):
            if now - since > FULL_SECONDS:
                self._full_since[address] = float("inf")  # replaced once
                self._driver.replace_worker(address, "its memory is full though it has nothing to do")
