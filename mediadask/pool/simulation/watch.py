"""Watches a simulated pool: remembers its story, and stops it where an invariant breaks."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from mediadask.pool.core.commands import EndJob, Write
from mediadask.pool.core.events import CancelJob, ReprioritizeJob, Round, SpendingChanged, SubmitJob
from mediadask.pool.simulation.bookkeeper import Bookkeeper
from mediadask.pool.simulation.invariants import (
    Broken,
    after_round,
    before_command,
    before_event,
    classes_are_right,
    values_are_right,
)
from mediadask.pool.simulation.onlooker import Onlooker

if TYPE_CHECKING:
    from datetime import datetime

    from mediadask.pool.config import PoolConfig
    from mediadask.pool.core.clock import Now
    from mediadask.pool.core.commands import Command
    from mediadask.pool.core.events import Event
    from mediadask.pool.simulation.world import World

__all__ = ["Watch"]

_KEPT = 4000
"""So many events of a story are kept."""

_USE_SECONDS = 1.0
"""Besides messages and notice: by so much the pool may be wrong about an attempt whose end it did not see."""


class Watch:
    """The observer of all lives of one pool; `world` is set when it is made."""

    world: World

    def __init__(self, config: PoolConfig) -> None:
        self._config = config
        self.story: deque[tuple[float, Event, list[Command]]] = deque(maxlen=_KEPT)
        self.events = 0
        self.ended: dict[str, str] = {}
        """How jobs ended, in whatever life of the pool."""

        self._submitted: dict[str, float] = {}
        self._cancelled: set[str] = set()
        self._seen: Onlooker | None = None

    def saw(self, event: Event, told: list[Command], now: Now) -> None:
        """As of an `Observer`."""
        seen = self._seen
        if seen is None:
            seen = self._seen = Onlooker(self._config, self.world.jobs)
            self.books = Bookkeeper(self.world.timing.slow_message_seconds)
        self.events += 1
        self.story.append((now.seconds, event, told))
        before_event(seen, event)
        seen.saw_event(event, now)
        if isinstance(event, CancelJob):
            self._cancelled.add(event.job)
        for command in told:
            before_command(seen, event, command)
            if isinstance(command, Write):
                self.books.write(command.record, now)
            seen.saw_command(command)
            if isinstance(command, EndJob):
                self._job_ended(command.job)
        if isinstance(event, SubmitJob | ReprioritizeJob | SpendingChanged):
            classes_are_right(seen)
        if isinstance(event, Round):
            self.books.slots_are_shared()
            after_round(seen, self.world.pool.dask)

    def _job_ended(self, job: str) -> None:
        assert self._seen is not None
        if job in self.ended:
            raise Broken("a job ends exactly once", job)
        status = self.ended[job] = self.books.jobs_ended[job].status
        if status == "cancelled":
            if job not in self._cancelled:
                raise Broken("only a job that a client cancels is cancelled", job)
            return
        state: Any = self.world.pool.state
        values_are_right(self._seen, job, state.job(job).values)

    # For the script.

    def open_jobs(self) -> list[str]:
        """The jobs that were submitted and have not ended."""
        return [job for job in self.books.submitted if job not in self.ended] if self._seen else []

    def unfinished(self) -> list[tuple[str, str, datetime | None, float]]:
        """What a ledger tells of jobs that have not ended: id, class, deadline, seconds since submission."""
        if self._before is None:
            return []
        found = []
        for job, record in self._before.submitted.items():
            if job not in self.ended:
                latest = self._before.priority.get(job, record)
                waited = (self.world.clock.now().utc - record.at).total_seconds()
                found.append((job, latest.priority, latest.deadline, waited))
        return found

    def pool_killed(self) -> None:
        """The scheduler's process ends: what is seen from now on is of another."""
        self._before = self.books if self._seen is not None else None
        self._seen = None

    _before: Bookkeeper | None = None

    # At the end.

    @property
    def is_over(self) -> bool:
        """Whether all jobs have ended."""
        return len(self.ended) == len(self.world.jobs)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is in Dask or on a worker."""
        if self.world.pool.dask.tasks:
            return False
        return not any(process.worker.seats for process in self.world.processes.values())

    def all_is_quiet(self) -> None:
        """Whether nothing is left over some time after the last job has ended.

        Raises
        ------
        Broken
            Something is.
        """
        world, pool = self.world, self.world.pool
        if self._seen is None:
            return
        state: Any = pool.state
        self.books.settled()
        if pool.dask.tasks:
            raise Broken("nothing is left in Dask", f"{next(iter(pool.dask.tasks))} was never released")
        if len(state.batches):
            raise Broken("nothing is left in the state", f"{next(iter(state.batches))}")
        for process in world.processes.values():
            if process.worker.is_alive and process.worker.seats:
                raise Broken(
                    "nothing is left on a worker",
                    f"{next(iter(process.worker.seats))} on {process.worker.address}",
                )
        self._use_is_right()

    def _use_is_right(self) -> None:
        """The seconds of attempts are those for which units ran, but for those whose end was not seen."""
        timing = self.world.timing
        each = timing.notice_seconds + 2 * timing.slow_message_seconds + _USE_SECONDS
        for worker, lease in self.books.leases.items():
            ran = self.world.run_seconds.get(worker, 0.0)
            if abs(lease.run_seconds - ran) > lease.unseen * each + 1e-6 and not lease.lost_graph_tasks:
                raise Broken(
                    "attempts sum to what was used", f"{worker}: {lease.run_seconds} s recorded, {ran} s run"
                )
