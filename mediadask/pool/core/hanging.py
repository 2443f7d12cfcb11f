"""Units that hang: noticed by their silence, and ended with their worker where nothing else is lost by it.

A thread cannot be ended, so a unit that hangs goes with its worker. Only a nanny brings another.
That worker gets no more work, and other units there are told to give theirs back, for which they have time.
The unit is tried again, and set aside when it hangs a second time, like one that kills its worker.
"""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

from mediadask.pool.core.batches import ON_SLOT
from mediadask.pool.core.commands import PauseWorker, ReplaceWorker, UnpauseWorker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mediadask.delivery import Unit
    from mediadask.pool.config import PoolConfig
    from mediadask.pool.core.attempts import Attempts
    from mediadask.pool.core.batches import Batch, BatchTable
    from mediadask.pool.core.clock import Now
    from mediadask.pool.core.commands import Command
    from mediadask.pool.core.slots import Slots
    from mediadask.pool.core.workers import Worker, Workers
    from mediadask.pool.scaling.predict import Predictor

__all__ = ["OTHERS_SECONDS", "HangWatch"]

IMPORT_SECONDS = 60.0
"""A new worker may take so much longer to load what a unit needs, from a network share for instance."""

OTHERS_SECONDS = 20.0
"""What runs beside a unit that hangs and makes no checkpoint for so long begins again elsewhere."""

_EXCUSE = "its worker was replaced: another unit hung there"


class HangWatch:
    """Looks at batches when their patience may be over, rather than at all of them in each round."""

    def __init__(
        self,
        config: PoolConfig,
        predictor: Predictor,
        table: BatchTable,
        workers: Workers,
        slots: Slots,
        attempts: Attempts,
        out: list[Command],
    ) -> None:
        self._config, self._predictor = config, predictor
        self._table, self._workers, self._slots = table, workers, slots
        self._attempts, self._out = attempts, out
        self._due: list[tuple[float, int, Batch]] = []
        self._numbers = count()
        self._emptied: dict[str, dict[Batch, None]] = {}
        """Workers with batches that hang."""

    def watch(self, batch: Batch, now: Now) -> None:
        """A batch has got a slot."""
        self._look_at(batch, now.seconds + self._config.hang_after)

    def look(self, foreign_tasks: Mapping[str, int], now: Now) -> None:
        """Flag what hangs, and have workers replaced that are free of all else.

        Parameters
        ----------
        foreign_tasks
            Tasks that are no job's, on workers that are paused.
        """
        while self._due and self._due[0][0] <= now.seconds:
            _, _, batch = heappop(self._due)
            if batch in self._table and batch.units:
                self._judge(batch, now)
        for address, batches in list(self._emptied.items()):
            for batch in [each for each in batches if not self._still_hangs(each, address, now)]:
                del batches[batch]
            worker = self._workers.get(address)
            if not batches or worker is None:
                del self._emptied[address]
                if worker is not None and worker.paused_at is not None and not worker.replaced_because:
                    worker.paused_at = None  # what hung went on after all
                    if not worker.must_leave:
                        self._out.append(UnpauseWorker(address))
            else:
                self._empty(worker, batches, foreign_tasks.get(address, 0), now)

    def _look_at(self, batch: Batch, at: float) -> None:
        heappush(self._due, (at, next(self._numbers), batch))

    def _judge(self, batch: Batch, now: Now) -> None:
        unit = batch.current
        patience = None if unit is None else self._patience_seconds(unit.unit)
        if patience is None or batch.state not in ON_SLOT:
            self._look_at(batch, now.seconds + max(1.0, self._config.hang_after))
            return
        assert unit is not None
        silent = now.seconds - batch.progress_at
        if not batch.has_begun and silent < patience + IMPORT_SECONDS:
            # It may begin at any time, and then hang.
            self._look_at(batch, min(now.seconds, batch.progress_at + IMPORT_SECONDS) + patience)
            return
        if silent < patience:
            self._look_at(batch, batch.progress_at + patience)
            return
        if not batch.hangs:
            batch.hangs = f"no checkpoint for {silent:.0f} s: taken to hang"
            self._attempts.flag(batch, unit, batch.hangs, now)
        self._emptied.setdefault(batch.worker, {})[batch] = None

    def _patience_seconds(self, unit: Unit) -> float | None:
        """For how long a unit may be silent; None if nobody knows what such a unit takes."""
        seen = self._predictor.longest_seconds(unit.kind, unit.frames)
        known = [seconds for seconds in (seen, unit.seconds) if seconds is not None]
        return max(self._config.hang_after, self._config.hang_factor * max(known)) if known else None

    def _still_hangs(self, batch: Batch, worker: str, now: Now) -> bool:
        if batch not in self._table or batch.worker != worker:
            return False
        unit = batch.current
        patience = None if unit is None else self._patience_seconds(unit.unit)
        if patience is not None and now.seconds - batch.progress_at >= patience and batch.state in ON_SLOT:
            return True
        batch.hangs = ""
        self._look_at(batch, now.seconds + self._config.hang_after)
        return False

    def _empty(self, worker: Worker, hanging: Mapping[Batch, None], foreign: int, now: Now) -> None:
        if not worker.is_replaceable or worker.replaced_because:
            return  # nobody would bring another, so it stays flagged; or another is on its way
        if worker.paused_at is None:
            worker.paused_at = now.seconds
            self._out.append(PauseWorker(worker.address))
            self._slots.evict([each for each in self._table.on(worker.address) if each not in hanging], now)
        others = len(self._table.on(worker.address)) - len(hanging) + worker.graphs.total() + foreign
        if not others or now.seconds - worker.paused_at > OTHERS_SECONDS:
            worker.replaced_because = _EXCUSE
            self._out.append(ReplaceWorker(worker.address, next(iter(hanging)).hangs))
