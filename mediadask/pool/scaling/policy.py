"""How many workers a pool should have: from a snapshot of it to a target. No clock, no I/O, no Dask.

Work is served in the order of classes, then of due times, so a job is done in time if the work up to and
including its own, spread over the threads, fits before it is due. The fewest threads for which that holds for
every job are what the pool needs. They are taken from the cheapest tier that has room. Tiers that cost no
more when they are used (reserved ones, or this machine's cores where there is nothing else) are used as far
as there is work. Workers that join by themselves count as they are. A tier whose workers do not come is
passed over while another has room, and what must be done before a near deadline does not depend on spot.

Targets grow at once and shrink slowly: a tier keeps its largest target of the last grace period, or of the
time its workers take to start if that is longer. Of a burst it keeps as many as it is told to keep warm.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from math import ceil, inf
from operator import itemgetter
from typing import TYPE_CHECKING

from mediadask.pool.config import Warm

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mediadask.pool.config import PoolConfig, Tier

__all__ = ["ScalingPolicy", "Snapshot", "Target", "TierState", "Work", "WorkerSnapshot"]

_TIER_RANK = {"joins": 0, "reserved": 0, "on-demand": 1, "spot": 1, "local": 2}
_OVERDUE_SHARE = 0.1
"""A class's late work is to be done within this share of its target: soon, but not at any price."""


@dataclass(frozen=True, slots=True)
class Work:
    """The work that a job has left."""

    priority: str
    units: int
    """Waiting, paused and running."""

    seconds: float
    """All of them, predicted, on one thread."""

    longest_seconds: float = 0.0
    """What the longest unit takes: more threads do not make it shorter."""

    running: int = 0
    """How many of the units are on a thread."""

    waited_seconds: float = 0.0
    """Since the job was submitted."""

    deadline_seconds: float | None = None
    """From now; negative if missed."""

    show: str = ""
    job: str = ""
    """The job's id; empty for Dask's own tasks."""


@dataclass(frozen=True, slots=True)
class WorkerSnapshot:
    """A worker that is there."""

    name: str
    tier: str
    threads: int
    running: int = 0
    """Units on it, paused ones included."""

    idle_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class TierState:
    """What is known of a tier besides its workers."""

    requested: tuple[str, ...] = ()
    """Workers asked for that have not arrived, oldest first."""

    startup_seconds: float | None = None
    """From the request to the arrival, as measured."""

    reclaimed: bool = False
    """Its owner wants it back: all its workers go, running or not."""

    trouble: str = ""
    """Why workers that were asked for do not come."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A pool at a moment."""

    now: float
    """Seconds of a monotonic clock."""

    work: tuple[Work, ...] = ()
    workers: tuple[WorkerSnapshot, ...] = ()
    tiers: Mapping[str, TierState] = field(default_factory=dict)
    spent: Mapping[str, float] = field(default_factory=dict)
    """By the names of budgets."""


@dataclass(frozen=True, slots=True)
class Target:
    """What the pool should become."""

    workers: Mapping[str, int]
    """By tier: there and on their way."""

    stop: tuple[str, ...] = ()
    """Workers to stop and requests to take back: they run nothing, or their tier is reclaimed."""

    because: str = ""
    """For people: whose due time sets the size."""

    @property
    def total(self) -> int:
        """Workers of all tiers."""
        return sum(self.workers.values())


class ScalingPolicy:
    """Decides; remembers its latest targets only, so as not to thrash."""

    def __init__(self, config: PoolConfig) -> None:
        self.config = config
        only_local = all(tier.kind == "local" for tier in config.tiers.values())
        self._eager = {
            name
            for name, tier in config.tiers.items()
            if tier.kind == "reserved" or (tier.kind == "local" and only_local)
        }
        self._cheapest_first = sorted(
            config.tiers,
            key=lambda name: (
                _TIER_RANK[config.tiers[name].kind],
                config.tiers[name].price_per_thread_second,
                name,
            ),
        )
        self._lately: dict[str, deque[tuple[float, int]]] = {name: deque() for name in config.tiers}

    def asked_for(self, tier: str, count: int, now: float) -> None:
        """So many were asked for before the first decision: it does not take them back at once."""
        self._lately[tier].append((now, count))

    def decide(self, snapshot: Snapshot) -> Target:
        """The target for this moment. Call it with snapshots in the order of their time."""
        work = self._within_budget(snapshot)
        delay_seconds = 0.0
        needed, because = self._threads_needed(work, delay_seconds)
        if needed > self._threads_coming(snapshot):
            delay_seconds = self._startup(snapshot)
            needed, because = self._threads_needed(work, delay_seconds)
        lasting, _ = self._threads_needed(self._near(work, snapshot), delay_seconds)
        raw = self._fill(needed, lasting, work, snapshot)
        target = {name: self._steady(name, count, snapshot) for name, count in raw.items()}
        return Target(target, tuple(self._to_stop(target, snapshot)), because)

    # How much is needed.

    def _within_budget(self, snapshot: Snapshot) -> list[Work]:
        """The work that may be done: a show whose budget is spent has it held, or put behind everyone's."""
        if not self.config.budgets:
            return list(snapshot.work)
        allowed = []
        last = self.config.class_names[-1]
        for work in snapshot.work:
            name = self.config.budgeted(work.show)
            if name is None:
                allowed.append(work)
                continue
            budget, spent = self.config.budgets[name], snapshot.spent.get(name, 0.0)
            state = budget.state(spent)
            if state == "background":
                work = replace(work, priority=last)
            elif budget.action == "hold":
                work = self._affordable(work, max(0.0, budget.amount - spent))
            if work.units:
                allowed.append(work)
        return allowed

    def _affordable(self, work: Work, money: float) -> Work:
        price = min(tier.price_per_thread_second for tier in self.config.tiers.values())
        share = min(1.0, money / (price * work.seconds)) if price * work.seconds else float(money > 0)
        units = max(work.running, ceil(work.units * share))
        return replace(work, units=units, seconds=work.seconds * units / max(work.units, 1))

    def _threads_needed(self, work: Iterable[Work], delay_seconds: float) -> tuple[int, str]:
        """The fewest threads, there in `delay_seconds`, with which everything is done in time."""
        classes = self.config.classes
        ahead_seconds, ahead_units, needed, because = 0.0, 0, 0, ""
        turns = ((classes[each.priority].order, self._due(each), each) for each in work)
        for _, due, each in sorted(turns, key=itemgetter(0, 1)):
            ahead_seconds += each.seconds
            ahead_units += each.units
            # Threads that take the next unit when they are free end within a share of all the work plus one
            # unit (Graham 1969), so that unit's time must be kept free. What is late already is not worth
            # more threads than finish it in twice the time that nothing can save: a unit's, or a start's.
            longest = _longest(each)
            hopeless = min(delay_seconds, classes[each.priority].target_turnaround * _OVERDUE_SHARE)
            room = max(due - delay_seconds - longest, longest, hopeless)
            threads = ahead_units if room * ahead_units <= ahead_seconds else ceil(ahead_seconds / room)
            if threads > needed:
                needed = threads
                because = f"{each.priority}: {_span(ahead_seconds)} of work due in {_span(due)}"
        return needed, because

    def _due(self, work: Work) -> float:
        target = self.config.classes[work.priority].target_turnaround
        by_class = max(target - work.waited_seconds, target * _OVERDUE_SHARE)
        return min(by_class, inf if work.deadline_seconds is None else work.deadline_seconds)

    def _threads_coming(self, snapshot: Snapshot) -> int:
        there = sum(worker.threads for worker in snapshot.workers)
        return there + sum(
            len(state.requested) * self.config.tiers[name].threads for name, state in snapshot.tiers.items()
        )

    def _startup(self, snapshot: Snapshot) -> float:
        """How long a worker of the slowest tier that may grow takes to come."""
        return max(
            (self._startup_of(name, snapshot) for name, tier in self.config.tiers.items() if _grows(tier)),
            default=0.0,
        )

    def _near(self, work: Iterable[Work], snapshot: Snapshot) -> list[Work]:
        """The work that misses its deadline if a unit of it is lost with a spot worker: what is left is too
        little for another worker to come, and for the unit to run again."""
        tiers = self.config.tiers.items()
        start = max(
            (
                self._startup_of(name, snapshot)
                for name, tier in tiers
                if _grows(tier) and tier.kind != "spot"
            ),
            default=0.0,
        )
        return [
            each
            for each in work
            if each.deadline_seconds is not None and each.deadline_seconds < start + 2 * _longest(each)
        ]

    def _startup_of(self, tier: str, snapshot: Snapshot) -> float:
        measured = _state(snapshot, tier).startup_seconds
        return self.config.tiers[tier].startup if measured is None else measured

    # Where it comes from.

    def _fill(self, threads: int, lasting: int, work: list[Work], snapshot: Snapshot) -> dict[str, int]:
        """Workers by tier. So many of the threads as `lasting` says shall be where nobody takes them away."""
        units = sum(each.units for each in work)
        seconds = sum(each.seconds for each in work)
        target = {}
        for name in self._cheapest_first:
            tier = self.config.tiers[name]
            wanted = threads
            if name in self._eager:
                # A worker that would be starting for longer than it works is not worth it.
                startup = self._startup_of(name, snapshot)
                useful = ceil(seconds / startup) if startup * units > seconds else units
                wanted = max(threads, min(units, useful))
            elif tier.kind == "spot":
                wanted = max(0, threads - lasting)
            count = self._limited(name, ceil(wanted / tier.threads), snapshot)
            if _state(snapshot, name).trouble:  # one request stays, to see when they come again
                count = min(count, _there(snapshot, name) + 1)
            target[name] = count
            threads = max(0, threads - count * tier.threads)
            units = max(0, units - count * tier.threads)
            if tier.kind != "spot":
                lasting = max(0, lasting - count * tier.threads)
        for name in self._cheapest_first:  # rather there than nowhere
            if threads:
                tier, count = self.config.tiers[name], target[name]
                target[name] = self._limited(name, count + ceil(threads / tier.threads), snapshot)
                threads = max(0, threads - (target[name] - count) * tier.threads)
        return target

    def _limited(self, name: str, count: int, snapshot: Snapshot) -> int:
        tier = self.config.tiers[name]
        if _state(snapshot, name).reclaimed:
            return 0
        if tier.kind == "joins":
            return _there(snapshot, name)
        return max(tier.minimum, count if tier.limit is None else min(count, tier.limit))

    def _steady(self, tier: str, count: int, snapshot: Snapshot) -> int:
        """The largest target of late, the warm part of it for longer, and never less than the workers that
        run something."""
        if _state(snapshot, tier).reclaimed:
            self._lately[tier].clear()
            return 0
        lately = self._lately[tier]
        keep = max(self.config.grace, self._startup_of(tier, snapshot))
        warm = self.config.tiers[tier].warm or Warm(0, 0.0)
        while lately and (lately[-1][1] <= count):
            lately.pop()
        lately.append((snapshot.now, count))
        while lately[0][0] < snapshot.now - max(keep, warm.seconds):
            lately.popleft()
        largest = next(most for at, most in lately if at >= snapshot.now - keep)
        burst = next(most for at, most in lately if at >= snapshot.now - warm.seconds)
        running = sum(worker.tier == tier and worker.running > 0 for worker in snapshot.workers)
        return max(largest, min(burst, warm.workers), running)

    def _to_stop(self, target: Mapping[str, int], snapshot: Snapshot) -> Iterable[str]:
        for name, tier in self.config.tiers.items():
            if tier.kind == "joins" and not _state(snapshot, name).reclaimed:
                continue
            workers = [worker for worker in snapshot.workers if worker.tier == name]
            requested = _state(snapshot, name).requested
            if _state(snapshot, name).reclaimed:
                yield from requested
                yield from (worker.name for worker in workers)
                continue
            surplus = len(workers) + len(requested) - target[name]
            taken_back = requested[len(requested) - max(0, min(surplus, len(requested))) :]
            yield from reversed(taken_back)
            surplus -= len(taken_back)
            idle = [w for w in workers if not w.running and w.idle_seconds >= self.config.grace]
            idle.sort(key=lambda worker: worker.idle_seconds, reverse=True)
            yield from (worker.name for worker in idle[: max(0, surplus)])


def _state(snapshot: Snapshot, tier: str) -> TierState:
    return snapshot.tiers.get(tier, TierState())


def _grows(tier: Tier) -> bool:
    """Whether the pool brings workers of it."""
    return tier.limit != 0 and tier.kind != "joins"


def _there(snapshot: Snapshot, tier: str) -> int:
    """Workers of it that have arrived."""
    return sum(worker.tier == tier for worker in snapshot.workers)


def _longest(work: Work) -> float:
    """Seconds of one unit."""
    return max(work.longest_seconds, work.seconds / max(work.units, 1))


def _span(seconds: float) -> str:
    if abs(seconds) >= 5400:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.0f} min" if abs(seconds) >= 90 else f"{seconds:.0f} s"
