"""Units that hang and workers that are full: noticed, noted, replaced where nothing else is lost by it."""

from __future__ import annotations

import asyncio
import logging
from time import monotonic
from typing import TYPE_CHECKING

from distributed import Status
from distributed.scheduler import Scheduler

if TYPE_CHECKING:
    from mediadask.delivery import Unit
    from mediadask.pool.config import PoolConfig
    from mediadask.pool.scaling.predict import Predictor
    from mediadask.pool.scheduler.bundle import Bundle
    from mediadask.pool.scheduler.dispatch import Dispatch

__all__ = ["Watch"]

_logger = logging.getLogger(__name__)
_FULL_SECONDS = 5.0
"""Dask gives a worker no work above 80 % of its memory. One that has none to do stays there for good."""

_IMPORT_SECONDS = 60.0
"""A new worker may take so much longer to load what a unit needs, from a network share for instance."""

_KILL_SECONDS = 10.0
_OTHERS_SECONDS = 20.0
"""What runs beside a unit that hangs, and makes no checkpoint for so long, begins again elsewhere."""


class Watch:
    """Looks at a pool whenever it is told to; all in the scheduler's event loop.

    A thread cannot be ended, so a unit that hangs goes with its worker's process, and only a nanny brings
    another. That worker gets no more work, and other units there are told to leave first, for which they have
    a while. The unit is tried again, and set aside when it hangs a second time, as one that kills its worker.
    """

    def __init__(
        self, scheduler: Scheduler, dispatch: Dispatch, predictor: Predictor, config: PoolConfig
    ) -> None:
        self._scheduler, self._dispatch, self._predictor, self._config = (
            scheduler,
            dispatch,
            predictor,
            config,
        )
        self._shut_since: dict[str, float] = {}
        self._full_since: dict[str, float] = {}
        self._ending: dict[str, asyncio.Task[None]] = {}

    def look(self) -> None:
        """Flag what hangs, and end the workers that are of no more use."""
        hanging: dict[str, list[Bundle]] = {}
        for bundle in self._dispatch.occupancy:
            if bundle.state in ("running", "asked") and self._hangs(bundle):
                hanging.setdefault(bundle.worker, []).append(bundle)
        for worker, bundles in hanging.items():
            self._free_of_others(worker, bundles)
        for worker in self._shut_since.keys() - hanging.keys() - self._ending.keys():
            del self._shut_since[worker]
            self._set_status(worker, Status.running)  # what hung went on after all
        self._look_for_full_workers()

    def close(self) -> None:
        """The scheduler closes."""
        for task in self._ending.values():
            task.cancel()

    def _hangs(self, bundle: Bundle) -> bool:
        ticket = bundle.current
        patience = None if ticket is None else self._patience_seconds(ticket.unit)
        silent = monotonic() - bundle.progress_at
        if ticket is None or patience is None or silent < patience + (not bundle.begun) * _IMPORT_SECONDS:
            bundle.hangs = ""
            return False
        if not bundle.hangs:
            self._dispatch.flag(bundle, f"no checkpoint for {silent:.0f} s: taken to hang")
        return True

    def _patience_seconds(self, unit: Unit) -> float | None:
        """How long it may be silent; None where nobody knows what such a unit takes."""
        seen = self._predictor.longest_seconds(unit.kind, unit.frames)
        known = [seconds for seconds in (seen, unit.seconds) if seconds is not None]
        return max(self._config.hang_after, self._config.hang_factor * max(known)) if known else None

    def _free_of_others(self, worker: str, hanging: list[Bundle]) -> None:
        state = self._scheduler.workers[worker]
        if not state.nanny or worker in self._ending:
            return  # nobody would bring another, so it stays flagged; or one is on its way
        now = monotonic()
        if worker not in self._shut_since:
            self._shut_since[worker] = now
            self._set_status(worker, Status.paused)
        others = [bundle for bundle in self._dispatch.occupancy.on(worker) if bundle not in hanging]
        if others:
            self._dispatch.leave(others)
        is_free = not others and len(state.processing) <= len(hanging)
        if is_free or now - self._shut_since[worker] > _OTHERS_SECONDS:
            self._dispatch.excuse(worker, "its worker was replaced: another unit hung there")
            self._end(worker, hanging[0].hangs)

    def _set_status(self, worker: str, status: Status) -> None:
        """As Dask sees it: a paused worker is sent nothing."""
        self._scheduler.handle_worker_status_change(status, worker, "mediadask-watch")

    def _look_for_full_workers(self) -> None:
        busy = self._dispatch.occupancy.workers()
        full = {
            address
            for address, state in self._scheduler.workers.items()
            if state.status == Status.paused and state.nanny and not state.processing and not state.has_what
        } - busy
        now = monotonic()
        self._full_since = {address: self._full_since.get(address, now) for address in full}
        for address, since in self._full_since.items():
            if now - since > _FULL_SECONDS:
                self._end(address, "its memory is full though it has nothing to do")

    def _end(self, worker: str, reason: str) -> None:
        if worker in self._ending:
            return
        _logger.warning("worker %s is replaced: %s", worker, reason)
        self._ending[worker] = task = asyncio.create_task(self._replace(worker))
        task.add_done_callback(lambda _: self._ending.pop(worker))

    async def _replace(self, worker: str) -> None:
        await self._scheduler.restart_workers(
            [worker],
            timeout=_KILL_SECONDS,
            wait_for_workers=False,
            on_error="return",
            stimulus_id="mediadask-watch",
        )
