"""Feeds units into Dask through a bounded window: most urgent first, never a whole backlog."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from mediadask.pool.scheduler.bundle import BUNDLE_UNITS, Bundle, take_bundle

if TYPE_CHECKING:
    from collections.abc import Callable

    from distributed import Scheduler

    from mediadask.delivery import Unit
    from mediadask.pool.config import PoolConfig
    from mediadask.pool.scheduler.backlog import JobRecord
    from mediadask.pool.scheduler.worklist import Worklist

__all__ = ["Feed"]


class Feed:
    """Takes units from a worklist and hands them to its dispatch. In the scheduler's event loop.

    Parameters
    ----------
    seconds_of
        What a unit takes, where that is known.
    planned
        Called when there are more units to hand out.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        config: PoolConfig,
        worklist: Worklist,
        *,
        seconds_of: Callable[[Unit], float | None],
        planned: Callable[[], Any],
    ) -> None:
        self._scheduler, self._config, self._worklist = scheduler, config, worklist
        self._seconds_of, self._planned = seconds_of, planned
        # Threads of its own: where planning waits for a slow disk, nobody's submission does.
        self._planners = ThreadPoolExecutor(4, thread_name_prefix="mediadask-plan")
        self._planning: set[asyncio.Task[None]] = set()

    def fill(self) -> None:
        """Fill the window: every class has one that only it and more urgent classes fill."""
        batch: list[Bundle] = []
        dispatch = self._worklist.dispatch
        while (job := self._worklist.next()) is not None:
            ahead = dispatch.occupancy.waiting(job.order)
            if ahead + len(batch) >= self._window or (not batch and ahead > self._window // 2):
                break
            share = job.units_left // (2 * self._threads)
            try:
                tickets = take_bundle(job, min(share, BUNDLE_UNITS), self._seconds_of, self._worklist.claim)
                batch += [Bundle(tickets)] if tickets else []
            except Exception as error:
                self._worklist.fail(job, error)
                continue
            job.bundled = len(tickets) or job.bundled
        dispatch.send(batch)

    def plan(self, job: JobRecord) -> None:
        """Have more of its units made, in a thread, if few are left."""
        if not job.planning and not job.fully_planned and len(job.planned) < self._window * job.bundled:
            job.planning = True
            self._planning.add(task := asyncio.create_task(self._plan(job)))
            task.add_done_callback(self._planning.discard)

    async def _plan(self, job: JobRecord) -> None:
        many = 2 * self._window * job.bundled
        try:
            tickets = await asyncio.get_running_loop().run_in_executor(self._planners, job.plan, many)
        except Exception as error:
            self._worklist.fail(job, error)
            return
        job.planning = False
        if job.status == "running":
            job.units_planned += len(tickets)
            job.planned += tickets
            self._planned()

    def close(self) -> None:
        """Plan no more."""
        for task in self._planning:
            task.cancel()
        self._planners.shutdown(wait=False, cancel_futures=True)

    @property
    def _window(self) -> int:
        """How many bundles of a class and those above may wait in Dask's queue."""
        return self._threads * self._config.window

    @property
    def _threads(self) -> int:
        return max(int(self._scheduler.total_nthreads), 1)
