"""Deliveries on their way: groups planned a few at a time, units handed out in batches, results kept.

Units enter Dask through a bounded window, most urgent first, never a whole backlog.
"""

from __future__ import annotations

from collections import Counter
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

from mediadask.delivery import Failure
from mediadask.pool.core.batches import Batch
from mediadask.pool.core.commands import PlanGroups
from mediadask.pool.core.queue import JobQueue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mediadask.pool.config import PoolConfig
    from mediadask.pool.core.batches import BatchTable
    from mediadask.pool.core.clock import Now
    from mediadask.pool.core.commands import Command
    from mediadask.pool.core.events import PlannedGroup
    from mediadask.pool.core.jobs import DeliveryJob
    from mediadask.pool.core.slots import Slots, UnitOutcome
    from mediadask.pool.core.units import ScheduledUnit
    from mediadask.pool.core.workers import Workers
    from mediadask.pool.scaling.predict import Predictor

__all__ = ["BATCH_SECONDS", "BATCH_UNITS", "Deliveries"]

BATCH_SECONDS = 0.25
"""So much work goes into one batch: a hundred times what a Dask task costs, yet soon over."""

BATCH_UNITS = 100

WINDOW_SECONDS = 1.0
"""So much work for each thread waits in Dask's queue, and at least one batch: with long units there, another
show's would wait behind many of them."""

RETRY_SECONDS = (0.0, 0.5, 2.0, 8.0)
"""How long a unit waits before another try, after its first failure, its second, and so on."""


class Deliveries:
    """All deliveries that are open: what runs next, and what becomes of results. A `JobRunner`."""

    def __init__(
        self,
        config: PoolConfig,
        predictor: Predictor,
        table: BatchTable,
        workers: Workers,
        slots: Slots,
        out: list[Command],
    ) -> None:
        self._config, self._predictor = config, predictor
        self._table, self._workers, self._slots, self._out = table, workers, slots, out
        self.queue = JobQueue()
        self._shared: dict[str, ScheduledUnit] = {}
        """Units in flight, by key: an equal unit of any job joins the one that is there."""

        self._waiting: dict[str, list[ScheduledUnit]] = {}
        """Units that wait outside of Dask, by key: equal ones of several jobs go together."""

        self._in_flight: Counter[tuple[int, str]] = Counter()
        """How many units are in flight, by rank and show."""

        self._later: list[tuple[float, int, ScheduledUnit]] = []
        self._numbers = count()

    # Jobs.

    def start(self, job: DeliveryJob, now: Now) -> None:
        """Plan the first units of a job."""
        self._plan(job)

    def planned(self, job: DeliveryJob, groups: Iterable[PlannedGroup], now: Now) -> None:
        """The next groups of a job are planned. Units in flight for another job serve both at once."""
        for unit in job.add_groups(groups):
            if unit.key in self._shared:
                self._claim(unit, now)
            else:
                job.planned.append(unit)
                self._wait(unit)
        self._update(job)

    def reorder(self, job: DeliveryJob, now: Now) -> None:
        """A job's class or deadline has changed: its units in Dask's queue come back, running ones stay."""
        units = list(job.in_flight)
        self._count(units, -1)
        self._table.reorder(units)
        for unit in (*units, *job.first, *job.planned):
            unit.reorder()
        self._count(units, +1)
        self._slots.recall(units, now)
        self.queue.update(job)

    def suspend(self, job: DeliveryJob, now: Now) -> None:
        """Nothing more of a job begins, but what another job wants too."""
        self._slots.recall(
            [unit for unit in job.in_flight if all(each.is_held for each in unit.wanting)], now
        )
        self.queue.update(job)

    def resume(self, job: DeliveryJob, now: Now) -> None:
        """Units of a job may begin again."""
        self._update(job)

    def end(self, job: DeliveryJob, now: Now) -> None:
        """A job has ended: what nobody else waits for leaves the queue, or stops at its next checkpoint."""
        for unit in (*job.first, *job.planned):
            self._forget(unit)
        waiting = job.forget_units()
        self.queue.update(job)
        for unit in reversed(waiting):
            self._put_first(unit)
        flying = list(job.in_flight)
        self._reorder_in_flight(flying, now)
        self._slots.drop(flying, now)

    def is_at_rest(self, job: DeliveryJob) -> bool:
        """Whether nothing of it is on a worker."""
        return not any(unit.batch is not None and unit.batch.worker for unit in job.in_flight)

    # Units into Dask.

    def look(self, now: Now) -> None:
        """Put units back that have waited long enough for another try."""
        while self._later and self._later[0][0] <= now.seconds:
            _, _, unit = heappop(self._later)
            self._forget(unit)
            self._put_first(unit)

    def next_rank(self) -> float:
        """The rank of the most urgent job with units to hand out; infinite without one."""
        job = self.queue.next(self._in_flight)
        return float("inf") if job is None else job.rank

    def fill(self, now: Now) -> None:
        """Fill the window: each class has one, that only it and more urgent classes fill."""
        threads = max(self._workers.threads, 1)
        self._give_way(now)
        entered: set[int] = set()
        while (job := self.queue.next(self._in_flight)) is not None:
            # A window is filled again when half of it is gone: entering many at once costs Dask less.
            if self._is_full(job.rank, job.rank in entered) and not self._make_room(job, now):
                break
            batch = self._take_batch(job, threads, now)
            if batch is not None:
                entered.add(job.rank)
                self._slots.enter(batch, now)
            self._update(job)

    def _is_full(self, rank: int, is_filling: bool) -> bool:
        """Whether a class's window is full, or when it is not being filled more than half full."""
        threads = max(self._workers.threads, 1)
        most, most_seconds = threads * self._config.window, threads * WINDOW_SECONDS
        number, seconds = self._table.waiting(rank)
        if aside := self._table.set_aside(rank):  # what goes on is part of the window
            if number < self._free_slots():
                return False
            number, seconds = number + aside, seconds + aside * WINDOW_SECONDS
        if is_filling:
            return number >= most or (number >= threads and seconds >= most_seconds)
        return number > most // 2 or (number > threads // 2 and seconds > most_seconds / 2)

    def _free_slots(self) -> int:
        return self._workers.threads - self._table.on_slots()

    def _give_way(self, now: Now) -> None:
        """Take batches out of Dask's queue again that would get the slots in which paused ones go on."""
        threads = self._workers.threads
        for rank in self._table.ranks():
            aside = self._table.set_aside(rank)
            while aside and (latest := self._table.last_queued(rank)) is not None:
                number, seconds = self._table.waiting(rank)
                if number <= max(self._free_slots(), 0) or number + aside <= threads:
                    break
                if seconds - latest.seconds + aside * WINDOW_SECONDS < threads * WINDOW_SECONDS:
                    break
                self._slots.recall(latest.units.values(), now)
                while self._slots.outcomes:
                    self.settle(self._slots.outcomes.popleft(), now)

    def _make_room(self, job: DeliveryJob, now: Now) -> bool:
        """Take back a batch of the class that should wait behind this job.

        That is one of a later deadline, or the latest of a show with more units in flight than this job's
        show. So who comes late waits behind few units of others, however long these are.
        """
        batch = self._table.latest_waiting(job.rank, after=job.due)
        if batch is None:
            shows = {show: units for (rank, show), units in self._in_flight.items() if rank == job.rank}
            ours = shows.pop(job.show, 0)
            busiest = max(shows, key=shows.__getitem__, default=None)
            batch = self._table.latest_waiting(job.rank, show=busiest) if busiest is not None else None
            if batch is None or batch.due < job.due or shows[batch.job.show] - len(batch.units) <= ours:
                return False
        self._slots.recall(batch.units.values(), now)
        while self._slots.outcomes:
            self.settle(self._slots.outcomes.popleft(), now)
        return True

    def _take_batch(self, job: DeliveryJob, threads: int, now: Now) -> Batch | None:
        """The next units of a job that go together; None if all that were ready are in flight already."""
        most = max(1, min(job.units_left // (2 * threads), BATCH_UNITS))
        units: list[ScheduledUnit] = []
        seconds = 0.0
        while len(units) < most and (unit := self._peek(job)) is not None:
            takes = None if unit.is_suspect else self._average_seconds(unit)
            if units and (takes is None or seconds + takes >= BATCH_SECONDS):
                break
            (job.first or job.planned).popleft()
            self._forget(unit)
            if self._claim(unit, now):
                units.append(unit)
                seconds += self._guessed_seconds(unit) if takes is None else takes
                if takes is None:
                    break
        if not units:
            return None
        job.batch_units = len(units)
        return Batch(job, next(self._numbers), dict(enumerate(units)), seconds)

    def _average_seconds(self, unit: ScheduledUnit) -> float | None:
        return self._predictor.average_seconds(unit.unit.kind, unit.unit.frames)

    def _peek(self, job: DeliveryJob) -> ScheduledUnit | None:
        """The next unit of a job to hand out, or None if none is ready."""
        while ready := job.first or job.planned:
            if ready[0].is_wanted:
                return ready[0]
            self._forget(ready.popleft())
        return None

    def _wait(self, unit: ScheduledUnit) -> None:
        self._waiting.setdefault(unit.key, []).append(unit)

    def _forget(self, unit: ScheduledUnit) -> None:
        """A unit waits no more."""
        equal = [each for each in self._waiting.pop(unit.key, ()) if each is not unit]
        if equal:
            self._waiting[unit.key] = equal

    def _guessed_seconds(self, unit: ScheduledUnit) -> float:
        """What a unit of a new kind takes, where its maker says so; else it counts as a short one."""
        if unit.unit.seconds is None:
            return BATCH_SECONDS
        return self._predictor.seconds(unit.unit.kind, unit.unit.frames, unit.unit.seconds)

    def _claim(self, unit: ScheduledUnit, now: Now) -> bool:
        """Note a unit as in flight. False if an equal one is already, which then serves both."""
        twin = self._shared.get(unit.key)
        if twin is None:
            self._shared[unit.key] = unit
            self._join_waiting(unit)
            self._count([unit], +1)
        else:
            before = twin.rank, twin.due
            self._count([twin], -1)
            twin.targets = [*twin.targets, *unit.targets]
            self._table.reorder([twin])
            self._count([twin], +1)
            if (
                twin.rank,
                twin.due,
            ) < before:  # in Dask's queue it stands where it was entered
                self._slots.recall([twin], now)
        flying = twin or unit
        for target in unit.targets:
            target.group.job.in_flight[flying] = None
            target.group.units[flying] = None
        return twin is None

    def _join_waiting(self, unit: ScheduledUnit) -> None:
        """Equal units for which other jobs wait go with this one."""
        for other in self._waiting.pop(unit.key, ()):
            for job in other.wanting:
                job.leave(other)
            unit.targets = [*unit.targets, *other.targets]
            unit.failures, unit.kills = max(unit.failures, other.failures), max(unit.kills, other.kills)
            other.targets = []  # where it waits for another try nobody wants it any more
        if len(unit.targets) > 1:
            unit.reorder()

    # What becomes of units.

    def settle(self, outcome: UnitOutcome, now: Now) -> list[DeliveryJob]:
        """A unit has returned, failed, or was given back. Returns the jobs that may have ended by that."""
        unit, value = outcome.unit, outcome.value
        self._land(unit)
        if value is None:
            self._put_first(unit)
            return []
        if isinstance(value, Failure) and outcome.transient and unit.failures < self._config.retries:
            unit.failures += 1
            self._try_later(unit, now)
            return []
        unwanted: list[ScheduledUnit] = []
        for target in unit.targets:
            job = target.group.job
            unwanted += job.settle(target, value, unit.frames)
            self._update(job)
        self._reorder_in_flight(unwanted, now)
        self._slots.drop(unwanted, now)
        return [target.group.job for target in unit.targets]

    def _try_later(self, unit: ScheduledUnit, now: Now) -> None:
        seconds = RETRY_SECONDS[min(unit.failures, len(RETRY_SECONDS)) - 1]
        if not seconds:
            self._put_first(unit)
            return
        self._wait(unit)
        heappush(self._later, (now.seconds + seconds, next(self._numbers), unit))

    def _put_first(self, unit: ScheduledUnit) -> None:
        """In front of the most urgent of the jobs that still wait for it."""
        if not (wanting := unit.wanting):
            return
        unit.targets = [target for target in unit.targets if target.group.is_open]
        unit.reorder()
        job = min(wanting, key=lambda job: (job.is_held, job.rank))
        job.first.appendleft(unit)
        self._wait(unit)
        self._update(job)

    def _land(self, unit: ScheduledUnit) -> None:
        self._shared.pop(unit.key, None)
        self._count([unit], -1)
        for target in unit.targets:
            target.group.job.in_flight.pop(unit, None)
            target.group.units.pop(unit, None)

    def _reorder_in_flight(self, units: Iterable[ScheduledUnit], now: Now) -> None:
        units = list(units)
        self._count(units, -1)
        changed = self._table.reorder(units)
        self._count(units, +1)
        for batch in changed:  # in Dask's queue it stands where it was entered
            self._slots.recall(batch.units.values(), now)

    def _count(self, units: Iterable[ScheduledUnit], by: int) -> None:
        for unit in units:
            self._in_flight[unit.rank, unit.targets[0].group.job.show] += by

    # Planning.

    def _update(self, job: DeliveryJob) -> None:
        """A job's units that are ready have changed."""
        self.queue.update(job)
        self._plan(job)

    def _plan(self, job: DeliveryJob) -> None:
        if job.is_planning or job.is_planned or job.is_held or not job.is_open:
            return
        if len(job.planned) <= job.plan_units // 4:
            job.is_planning = True
            self._out.append(PlanGroups(job.id, job.next_group, job.plan_units))
            most = 2 * self._config.window * max(self._workers.threads, 2) * job.batch_units
            job.plan_units = max(job.plan_units, min(2 * job.plan_units, most))
