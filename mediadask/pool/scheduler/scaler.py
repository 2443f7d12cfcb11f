"""Keeps a scheduler's workers at the scaling policy's target, and tells Dask's own tools the same."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from mediadask import dask_api
from mediadask.pool.core.events import EvictWorkers, SpendingChanged, WorkerExplained
from mediadask.pool.scaling.actuator import adjust
from mediadask.pool.scaling.expect import expected_seconds
from mediadask.pool.scaling.policy import ScalingPolicy, Snapshot, Target, TierState, WorkerSnapshot
from mediadask.pool.scheduler.work import WorkLeft

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from distributed import Scheduler

    from mediadask.pool.config import PoolConfig
    from mediadask.pool.ledger.ledger import Ledger
    from mediadask.pool.scaling.actuator import Actuator, Departure
    from mediadask.pool.scheduler.driver import Driver

__all__ = ["Scaler"]

_logger = logging.getLogger(__name__)

_INTERVAL_SECONDS = 1.0
_JOB_SECONDS = 0.004
"""So much longer for each open job, so that thousands of them cost little: without news only time has
passed since the last look."""

_PAUSE_SECONDS = 0.1
"""Between two looks, however much happens."""

_EVICTION_SECONDS = 20.0
"""A unit that makes no checkpoint for so long is lost with its worker, and begins again elsewhere."""

_LOOK_SECONDS = 0.05
_LOST_SECONDS = 5.0
"""So long whoever runs a worker that has left has to say why."""

_EXPLAIN_SECONDS = 60.0
_SPENT_SHARE = 0.05
"""So much of the time may go into adding up what was spent."""


class Scaler:
    """Looks at the pool once a second, and whenever there is news. In the scheduler's event loop.

    Parameters
    ----------
    driver
        Of the pool's state, which says what is left to do.
    ledger
        Tells what was spent.
    actuator
        Brings and takes workers. Without one the target is only told: to ``adaptive_target``, to metrics.
    ours
        The Dask client through which jobs' tasks enter.
    asked_at
        When the workers that `actuator` has already were asked for, on the monotonic clock.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        driver: Driver,
        ledger: Ledger,
        actuator: Actuator | None,
        *,
        ours: str,
        asked_at: float,
    ) -> None:
        self._scheduler, self._driver, self._ledger = scheduler, driver, ledger
        self.config: PoolConfig = driver.state.config
        self.actuator = actuator
        self.policy = ScalingPolicy(self.config)
        self.target = Target(dict.fromkeys(self.config.tiers, 0))
        self._expected: dict[str, float] | None = None
        self._looked_at: tuple[Snapshot, Target] | None = None
        self.reclaimed: set[str] = set()
        """Tiers whose owner wants them back."""

        self.requested_at: dict[str, float] = {}
        """When workers that have not arrived were asked for, on the monotonic clock, by name."""

        self._work = WorkLeft(scheduler, driver.state, ours)
        self._asked_at = asked_at
        self._at_once: dict[str, set[str]] = {}
        """Workers that were asked for before there was work, by tier."""

        self._idle_since: dict[str, float] = {}
        self._next_spent = 0.0
        self._adding_up: asyncio.Task[None] | None = None
        self._news = asyncio.Event() if actuator is None else actuator.news
        self._looking: asyncio.Task[None] | None = None
        self._giving_up: dict[str, asyncio.Task[None]] = {}
        """Workers that others are about to end, while they give their work back."""

        self._lost: dict[str, tuple[float, bool]] = {}
        """Workers that left of which it is not known why: when, and whether a nanny starts them again."""

    async def start(self) -> None:
        """Look at the pool from now on."""
        there = {} if self.actuator is None else await self.actuator.state()
        self._at_once = {tier: set(workers) for tier, workers in there.items()}
        arrived = {str(worker.name) for worker in self._scheduler.workers.values()}
        names = {name for workers in there.values() for name in workers} - arrived
        self.requested_at |= dict.fromkeys(names, self._asked_at)
        dask_api.serve_target(self._scheduler, self.adaptive_target)
        dask_api.empty_before_retiring(self._scheduler, self._evict)
        self._task = asyncio.create_task(self._run())

    def arrived(self, name: str) -> float | None:
        """A worker has come. Returns the seconds since it was asked for, if it was."""
        self.look_soon()
        self._lost.pop(name, None)
        asked = self.requested_at.pop(name, None)
        return None if asked is None else monotonic() - asked

    def brings(self, name: str) -> bool:
        """Whether workers such as this one come and go as the pool says."""
        return self.actuator is not None and self.config.tiers[self.config.tier_of(name)].is_brought

    def departure(self, name: str) -> Departure | None:
        """How a worker ended or is about to that was not stopped, as far as is known."""
        return None if self.actuator is None else self.actuator.departure(name)

    def lost(self, name: str, has_nanny: bool) -> None:
        """A worker has left that was not to."""
        self._lost[name] = monotonic(), has_nanny
        self.look_soon()

    def adaptive_target(self, target_duration: float | None = None) -> int:
        """How many workers there should be, for tools that ask Dask; the policy knows the durations."""
        return self.target.total

    def expected_seconds(self) -> dict[str, float]:
        """Return the seconds until each job is expected to end, by its id, as of the last look."""
        if self._expected is None:  # worked out only where somebody asks
            if self._looked_at is None:
                return {}
            self._expected = expected_seconds(*self._looked_at, self.config)
        return self._expected

    def held(self, show: str) -> str:
        """Why nothing more of a show's work begins; empty where it may."""
        return self._of_budget(show) if self._driver.state.budget_state(show) == "hold" else ""

    def notice(self, show: str) -> str:
        """What whoever works for `show` shall know: its budget is nearly spent, or no worker comes."""
        parts = (self._of_budget(show), self.missing() or self.nobody())
        return "; ".join(part for part in parts if part)

    def nobody(self) -> str:
        """Say that no worker is there, and how one joins; empty where the pool brings workers itself."""
        if self.actuator is not None or self._scheduler.workers:
            return ""
        return (
            f"no worker is there: start `dask worker {self._scheduler.address}`; work goes on when one comes"
        )

    def _of_budget(self, show: str) -> str:
        name = self.config.budgeted(show)
        if name is None:
            return ""
        spent = self._driver.state.spent.get(name, 0.0)
        return self.config.budgets[name].notice(show, spent, self.config.currency)

    def trouble(self) -> str:
        """Why there is no worker, where waiting for one is of no use; empty where all is well.

        Of a pool that outlives its clients somebody may mend it: jobs wait, and `notice` says why.
        """
        if self._scheduler.workers or self.config.kubernetes is not None:
            return ""
        return self.missing()

    def missing(self) -> str:
        """Why workers of tiers do not come that should, whoever else is there; empty where all is well."""
        return "; ".join(
            f"{tier}: {trouble}" if len(self.config.tiers) > 1 else trouble
            for tier, trouble in self.troubles().items()
        )

    def troubles(self) -> dict[str, str]:
        """Return the troubles of each tier."""
        troubles = {} if self.actuator is None else self.actuator.troubles()
        return {tier: trouble for tier, trouble in troubles.items() if self.target.workers.get(tier)}

    def reclaim(self, tier: str, reclaimed: bool = True) -> None:
        """The owner of a tier's workers wants them back, or gives them again.

        Raises
        ------
        InvalidRequest
            There is no such tier.
        """
        self.config.tier_named(tier)
        if reclaimed:
            self.reclaimed.add(tier)
        else:
            self.reclaimed.discard(tier)
        self.look_soon()

    def look_soon(self) -> None:
        """There is news: do not wait for the second to pass."""
        self._news.set()

    async def close(self) -> None:
        """The scheduler closes: so do the workers."""
        for task in (self._task, self._looking, self._adding_up, *self._giving_up.values()):
            if task is not None:
                task.cancel()
        if self.actuator is not None:
            await self.actuator.close()

    async def _run(self) -> None:
        while True:
            self._news.clear()
            await self._remove_ended()
            self._have_those_leave_that_are_taken()
            self._explain()
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look_safely())
            await asyncio.sleep(_PAUSE_SECONDS)
            with suppress(TimeoutError):
                interval = _INTERVAL_SECONDS + _JOB_SECONDS * len(self._driver.state.open_jobs())
                await asyncio.wait_for(self._news.wait(), interval - _PAUSE_SECONDS)

    async def _look_safely(self) -> None:
        try:
            await self.look()
        except Exception:
            # Workers may be hard to get for a while; the pool goes on with those it has.
            _logger.exception("scaling failed, trying again")

    async def look(self) -> None:
        """Look at the pool, decide, act."""
        if self.config.budgets and self._adding_up is None and monotonic() >= self._next_spent:
            self._adding_up = asyncio.create_task(self._add_up())
        there = {} if self.actuator is None else await self.actuator.state()
        for tier, names in self._at_once.items():
            if (
                names & self.requested_at.keys()
            ):  # none is taken back before all that were asked for are there
                self.policy.asked_for(tier, len(names), monotonic())
        snapshot = self.snapshot(there)
        self.target = self.policy.decide(snapshot)
        self._looked_at, self._expected = (snapshot, self.target), None
        if self.actuator is None:
            return
        await self._retire(snapshot)
        before = {name for names in there.values() for name in names}
        await self._end_lost(before)
        await adjust(self.actuator, self.target)
        listed = {name for names in (await self.actuator.state()).values() for name in names}
        for name in listed - before:
            self.requested_at.setdefault(name, monotonic())
        for never_came in self.requested_at.keys() - listed:
            del self.requested_at[never_came]

    async def _add_up(self) -> None:
        # Beside the looks: neither a slow database nor loading pandas holds up a worker.
        seconds, spent = await asyncio.to_thread(self._read_spent)
        if spent is not None:
            self._driver.handle(SpendingChanged(spent))
        self._next_spent = monotonic() + seconds / _SPENT_SHARE
        self._adding_up = None
        self.look_soon()

    def _read_spent(self) -> tuple[float, dict[str, float] | None]:
        """The seconds that this takes, and what was spent by the names of budgets, where that can be read."""
        from mediadask.pool.ledger.costs import spent  # pandas: only pools that keep budgets need it

        begun = monotonic()
        try:
            found = spent(self._ledger.engine, self.config)
        except SQLAlchemyError as error:
            # Workers come and go by what was known: the ledger itself says in the log that it is away.
            _logger.debug("what was spent is not to be had: %s", error)
            return monotonic() - begun, None
        return monotonic() - begun, found

    def snapshot(self, there: Mapping[str, Sequence[str]]) -> Snapshot:
        """What the policy decides on; `there` are the workers of each tier that were asked for."""
        now, kept = monotonic(), set(self._driver.state.batches.workers())
        config = self.config
        leaving, troubles = (
            ({}, {}) if self.actuator is None else (self.actuator.leaving(), self.actuator.troubles())
        )
        workers = []
        for address, worker in self._scheduler.workers.items():
            if worker.name in leaving:
                continue
            # What it holds in memory is the result of somebody's future: units hand theirs over.
            running = len(worker.processing) + (address in kept) + bool(worker.has_what)
            if running:
                self._idle_since.pop(address, None)
            idle = now - self._idle_since.setdefault(address, now) if not running else 0.0
            name = str(worker.name)
            workers.append(WorkerSnapshot(name, config.tier_of(name), worker.nthreads, running, idle))
        for gone in self._idle_since.keys() - self._scheduler.workers.keys():
            del self._idle_since[gone]
        arrived = {worker.name for worker in workers}
        tiers = {
            tier: TierState(
                tuple(name for name in there.get(tier, ()) if name not in arrived),
                self._driver.state.workers.startup_seconds.get(tier),
                tier in self.reclaimed,
                troubles.get(tier, ""),
            )
            for tier in config.tiers
        }
        return Snapshot(now, tuple(self._work.now(now)), tuple(workers), tiers, self._driver.state.spent)

    async def _retire(self, snapshot: Snapshot) -> None:
        """Have workers leave in order: data moved, nothing new sent to them, before their processes end."""
        leaving = {name: address for name, address in self._addresses().items() if name in self.target.stop}
        for address in leaving.values():  # before anything is awaited: what was idle gets no task meanwhile
            dask_api.pause_worker(self._scheduler, address)
        busy = {worker.name for worker in snapshot.workers if worker.running}
        if running := [leaving[name] for name in leaving if name in busy]:
            await self._scheduler.retire_workers(workers=running, close_workers=False, remove=False)
            await self._evict(running)
        if leaving:
            await self._scheduler.retire_workers(workers=list(leaving.values()), close_workers=False)

    async def _remove_ended(self) -> None:
        """The connection of a worker whose node is lost breaks a minute after it is known to have ended."""
        for name, address in self._addresses().items():
            departure = self.departure(name)
            if departure is not None and departure.has_ended:
                await self._scheduler.remove_worker(address, stimulus_id=f"ended-{name}")

    def _have_those_leave_that_are_taken(self) -> None:
        if self.actuator is None:
            return
        there = self._addresses()
        for name in self.actuator.leaving():
            if name not in self._giving_up and name in there:
                self._giving_up[name] = asyncio.create_task(self._give_up(name, there[name]))

    async def _give_up(self, name: str, address: str) -> None:
        """Others are about to end a worker: first its work is given back, then its end comes at once."""
        assert self.actuator is not None
        _logger.info("worker %s gives its work back: %s", name, self.actuator.departure(name))
        try:
            dask_api.pause_worker(self._scheduler, address)
            await self._evict([address])
            await self._scheduler.retire_workers(workers=[address], close_workers=True)
            await self.actuator.stop([name])
        except Exception:
            _logger.exception("worker %s is taken as it is", name)
        finally:
            del self._giving_up[name]

    def _explain(self) -> None:
        """Why a worker has left may become known later."""
        for name in list(self._lost):
            if (departure := self.departure(name)) is not None:
                del self._lost[name]
                self._driver.handle(WorkerExplained(name, departure.reason))

    async def _end_lost(self, there: Collection[str]) -> None:
        """End workers whose processes are of no use: they have left, and do not come back by themselves."""
        assert self.actuator is not None
        now = monotonic()
        useless = [
            name
            for name, (at, has_nanny) in self._lost.items()
            if now - at > _LOST_SECONDS and name in there and not has_nanny
        ]
        await self.actuator.stop(useless)
        for name, (at, _) in list(self._lost.items()):
            if now - at > _EXPLAIN_SECONDS:
                del self._lost[name]

    async def _evict(self, workers: list[str]) -> None:
        """Have the units of these workers give their work back; return when they have, or cannot in time."""
        self._driver.handle(EvictWorkers(tuple(workers)))
        give_up = monotonic() + _EVICTION_SECONDS
        while monotonic() < give_up and (
            set(workers) & set(self._driver.state.batches.workers()) or any(map(self._work.is_on, workers))
        ):
            await asyncio.sleep(_LOOK_SECONDS)

    def _addresses(self) -> dict[str, str]:
        return {str(worker.name): address for address, worker in self._scheduler.workers.items()}
