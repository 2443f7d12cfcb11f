"""What workers are sent: the units of batches at once, instructions collected into one message a worker."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from mediadask.pool.worker.runner import INSTRUCTIONS, UNITS

if TYPE_CHECKING:
    from distributed import Scheduler

    from mediadask.pool.core.commands import Instruction

__all__ = ["Messages"]


class Messages:
    """Instructions are kept until `send`."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._pending: dict[str, dict[str, Any]] = defaultdict(
            lambda: {"instructions": {}, "cancelled": {}, "graphs": []}
        )

    def send_units(self, worker: str, batch: str, units: int, payload: bytes) -> None:
        """Send the pickled units of a batch, ahead of what Dask sends from now on."""
        message = {"op": UNITS, "batch": batch, "units": units, "payload": payload}
        self._scheduler.worker_send(worker, message)

    def instruct(self, worker: str, batch: str, instruction: Instruction) -> None:
        """Tell a batch what to do at its next checkpoint; the latest instruction counts."""
        self._pending[worker]["instructions"][batch] = instruction

    def cancel(self, worker: str, batch: str, positions: tuple[int, ...]) -> None:
        """Nobody wants these units of a batch any more."""
        self._pending[worker]["cancelled"].setdefault(batch, []).extend(positions)

    def give_back_graph(self, worker: str, job: str) -> None:
        """Tasks of this job's graph that have not begun are to wait with the scheduler."""
        self._pending[worker]["graphs"].append(job)

    def send(self) -> None:
        """Pass all of them on."""
        for worker, message in self._pending.items():
            if worker in self._scheduler.workers:
                self._scheduler.worker_send(worker, {"op": INSTRUCTIONS, **message})
        self._pending.clear()
