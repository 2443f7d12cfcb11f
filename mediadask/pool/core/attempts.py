"""The ledger's records of attempts and displacements."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from mediadask.pool.core.commands import Write
from mediadask.pool.history import (
    Attempt,
    AttemptEnded,
    AttemptFlagged,
    AttemptOutcome,
    AttemptStarted,
    Displaced,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from mediadask.pool.core.batches import Batch
    from mediadask.pool.core.clock import Now
    from mediadask.pool.core.commands import Command
    from mediadask.pool.core.jobs import Job
    from mediadask.pool.core.units import ScheduledUnit
    from mediadask.pool.scaling.predict import Predictor

__all__ = ["Attempts"]


class Attempts:
    """Turns what happens to batches into records.

    Parameters
    ----------
    predictor
        Learns from what ended well.
    new_id
        Gives a new identity for an attempt or a displacement.
    out
        Gets a `Write` of each record.
    """

    def __init__(self, predictor: Predictor, new_id: Callable[[], str], out: list[Command]) -> None:
        self._predictor, self._new_id, self._out = predictor, new_id, out
        self.ended = Counter[AttemptOutcome]()
        """How many there were, by how they ended."""

    def start(self, batch: Batch, unit: ScheduledUnit, now: Now) -> None:
        """A unit is on a slot."""
        unit.attempt = self._attempt(batch, unit)
        for job in unit.payers:
            job.has_begun = True
        self._out.append(Write(AttemptStarted(attempt=unit.attempt, at=now.utc)))

    def flag(self, batch: Batch, unit: ScheduledUnit, reason: str, now: Now) -> None:
        """Something is wrong with a unit that runs."""
        if unit.attempt is None:
            self.start(batch, unit, now)
        assert unit.attempt is not None
        self._out.append(Write(AttemptFlagged(attempt=unit.attempt, reason=reason, at=now.utc)))

    def end(
        self,
        batch: Batch,
        unit: ScheduledUnit,
        outcome: AttemptOutcome,
        error: str,
        now: Now,
        *,
        started: datetime | None = None,
        ended: datetime | None = None,
    ) -> None:
        """An attempt is over, and with it its displacement.

        Parameters
        ----------
        started
            When it began, if no record said so.
        ended
            When it ended, if not now.
        """
        if batch.displacement:
            how = outcome if outcome in ("rescheduled", "cancelled") else "lost"
            self._displace(batch, unit, now.seconds - batch.paused_at, how, now)
        payers = [job.id for job in unit.payers]
        attempt = unit.attempt or self._attempt(batch, unit)
        self.keep(
            AttemptEnded(
                attempt=attempt,
                outcome=outcome,
                run_seconds=batch.run_seconds,
                paused_seconds=batch.paused_seconds,
                error=error,
                # Whoever pays at the end pays for all of it.
                shared_with=tuple(job for job in payers if job != attempt.job),
                is_left_to_others=attempt.job not in payers,
                started=started,
                at=ended or now.utc,
            )
        )
        unit.attempt = None
        unit.number += 1
        unit.frames = 0

    def start_task(self, job: Job, task: str, kind: str, worker: str, now: Now) -> Attempt:
        """A task of a graph is on a worker, named by its identity for the ledger."""
        attempt = Attempt(id=self._new_id(), job=job.id, unit=task, kind=kind, frames=1, worker=worker)
        self._out.append(Write(AttemptStarted(attempt=attempt, at=now.utc)))
        return attempt

    def keep(self, ended: AttemptEnded) -> None:
        """Keep the end of an attempt, and learn from it."""
        self._out.append(Write(ended))
        self.ended[ended.outcome] += 1
        if ended.outcome == "done":
            attempt = ended.attempt
            learned = self._predictor.observe(attempt.kind, attempt.frames, ended.run_seconds)
            self._out.append(Write(replace(learned, at=ended.at)))

    def pause(self, batch: Batch, unit: ScheduledUnit, now: Now) -> None:
        """The running unit has paused."""
        batch.displacement, batch.paused_at = self._new_id(), now.seconds
        self._displace(batch, unit, None, "", now)

    def resume(self, batch: Batch, unit: ScheduledUnit, seconds: float, now: Now) -> None:
        """The paused unit goes on, after so many seconds."""
        batch.paused_seconds += seconds
        self._displace(batch, unit, seconds, "resumed", now)

    def _attempt(self, batch: Batch, unit: ScheduledUnit) -> Attempt:
        return Attempt(
            id=self._new_id(),
            job=unit.payers[0].id,
            unit=unit.key,
            kind=unit.unit.kind,
            frames=unit.unit.frames,
            worker=batch.server_id,
            number=unit.number,
        )

    def _displace(
        self,
        batch: Batch,
        unit: ScheduledUnit,
        seconds: float | None,
        how: Literal["", "resumed", "rescheduled", "lost", "cancelled"],
        now: Now,
    ) -> None:
        assert unit.attempt is not None, "only a unit whose start is recorded can pause"
        self._out.append(
            Write(
                Displaced(
                    displacement=batch.displacement,
                    attempt=unit.attempt,
                    for_job=batch.displaced_for,
                    seconds=seconds,
                    ended=how,
                    at=now.utc - timedelta(seconds=seconds or 0.0),
                )
            )
        )
        if how:
            batch.displacement = ""
