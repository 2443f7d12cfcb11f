"""The scheduler's side of a pool: brings its parts up on a scheduler, and has them look at what happened.

It lives inside the scheduler, so a job outlives the client that submitted it. Clients ask its `Services`;
jobs are in its `Worklist`; its `Feed` enters their units into Dask through a bounded window, where they wait
in the scheduler's own queue, most urgent first, until a slot is free; `Dispatch` follows them there, and
tells the worklist what became of them. All methods run in the scheduler's event loop; what may take long
(loading a delivery, planning) runs in threads.

``dask scheduler --preload mediadask.pool.scheduler`` brings a scheduler up as a pool.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from importlib import import_module
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

from distributed import Client, SchedulerPlugin
from distributed.protocol.pickle import dumps, loads

from mediadask.delivery import Failure
from mediadask.errors import MediaError
from mediadask.pool.config import load_config
from mediadask.pool.history import JobEnded, Record, utc_now
from mediadask.pool.scaling.local_workers import LocalWorkers
from mediadask.pool.scheduler.feed import Feed
from mediadask.pool.scheduler.graphs import Computation
from mediadask.pool.scheduler.services import Services
from mediadask.pool.scheduler.watch import Watch
from mediadask.pool.scheduler.worklist import Worklist
from mediadask.pool.worker.workbench import REPORT, Workbench

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distributed import Scheduler

    from mediadask.delivery import Unit
    from mediadask.pool.config import PoolConfig
    from mediadask.pool.ledger.ledger import OrphanedJob

__all__ = ["Foreman", "dask_setup"]

_logger = logging.getLogger(__name__)
_PULSE_SECONDS = 0.5
_EVACUATION_SECONDS = 20.0
"""A unit that makes no checkpoint for so long is lost with its worker, and begins again elsewhere."""

_LOOK_SECONDS = 0.05
_LAST = 1 << 30


class Foreman(SchedulerPlugin):
    """Runs the jobs of a pool on the scheduler it is registered with.

    Parameters
    ----------
    config
        By default what `dask.config` says where the scheduler runs.
    local
        Whether the pool brings its workers itself, as processes of the scheduler's machine.
    at_once
        So many of them without waiting for work.
    """

    name: ClassVar[str] = "mediadask-foreman"
    idempotent: ClassVar[bool] = True

    def __init__(self, config: PoolConfig | None = None, *, local: bool = False, at_once: int = 0) -> None:
        self._given, self._local, self._at_once = config, local, at_once

    async def start(self, scheduler: Scheduler) -> None:
        """Take up work on this scheduler."""
        if (starting := scheduler.extensions.get(self.name)) is not None:
            await starting.wait()  # two clients came at once; the other one's foreman serves both
            return
        starting = scheduler.extensions[self.name] = asyncio.Event()
        try:
            async with AsyncExitStack() as opened:
                await self._start(scheduler, opened)
                opened.pop_all()  # it has begun: `before_close` ends it
        except BaseException:
            del scheduler.extensions[self.name]
            raise
        finally:
            starting.set()

    async def _start(self, scheduler: Scheduler, opened: AsyncExitStack) -> None:
        config = load_config() if self._given is None else self._given
        asked_at, actuator = monotonic(), None
        if self._local:
            actuator = LocalWorkers(
                scheduler.address, config.tiers, security=scheduler.security, silence_logs=logging.CRITICAL
            )
            opened.push_async_callback(actuator.close)
            await actuator.start(self._at_once, next(iter(config.tiers)))
        self.scheduler, self.config = scheduler, config
        self._round_due = False
        self._generation = 0
        # With 1.0 no unit is sent to a worker before its slot is free; at Dask's 1.1 every thread
        # holds one more low unit than it runs, and an urgent one waits for it.
        scheduler.WORKER_SATURATION = 1.0
        self._client = await Client(
            scheduler.address,
            asynchronous=True,
            set_as_default=False,
            security=scheduler.security,
            name=self.name,
        )
        opened.push_async_callback(self._client.close)
        self._worklist = Worklist(
            scheduler,
            self._client,
            config,
            is_held=lambda show: bool(self._steward.scaler.held(show)),
            news=self.round_soon,
            record=self.record,
        )
        self._dispatch, self._graphs = self._worklist.dispatch, self._worklist.graphs
        # Workers import this package too, and have no use for databases.
        steward = await asyncio.to_thread(import_module, "mediadask.pool.scheduler.steward")
        self._steward = await steward.Steward.attach(
            scheduler,
            config,
            self._worklist.open,
            self._worklist.described,
            self._client.id,
            name=config.name or "embedded",
            actuator=actuator,
            asked_at=asked_at,
            kept=self._dispatch.occupancy.workers,
            evacuate=self._evacuate,
        )
        self._feed = Feed(
            scheduler, config, self._worklist, seconds_of=self._seconds_of, planned=self._planned
        )
        self._watch = Watch(scheduler, self._dispatch, self._steward.books.predictor, config)
        self.services = Services(scheduler, config, self._worklist, self._steward)
        self.services.register()
        scheduler.stream_handlers[REPORT] = self.report
        await scheduler.register_worker_plugin(None, dumps(Workbench()), name=Workbench.name, idempotent=True)
        if config.name is not None:
            for orphan in await asyncio.to_thread(self._steward.books.ledger.take_over):
                await self._take_up(orphan)
        self._beating = asyncio.create_task(self._pulse())

    async def _take_up(self, orphan: OrphanedJob) -> None:
        """Go on with a job that a pool of this name left unfinished. What it has committed is found again."""
        priority = orphan.priority if orphan.priority in self.config.classes else self.config.default_class
        waited_seconds = max(0.0, (utc_now() - orphan.submitted).total_seconds())
        payload = orphan.payload or b""
        try:
            delivery = await asyncio.to_thread(loads, payload)
        except Exception as error:
            reason = f"the restarted pool cannot read it: {Failure.of(error).error}"
            self.record(
                JobEnded(
                    job=orphan.job, status="failed", seconds=waited_seconds, running_seconds=0.0, error=reason
                )
            )
            return
        fields = orphan.name, orphan.show, priority, orphan.deadline, delivery, payload, orphan.submitted
        self._worklist.add(orphan.job, *fields, waited_seconds)

    async def before_close(self) -> None:
        """The scheduler closes. What is unfinished ends with it, unless a pool of its name can go on."""
        self._graphs.close()
        if self.config.name is None:
            for job in self._worklist.open():
                self._worklist.cancel(job, "its pool was closed")
        self._beating.cancel()
        self._watch.close()
        self._feed.close()
        await self._client.close()
        await self._steward.close()

    def record(self, event: Record) -> None:
        """Take note of what happened."""
        self._steward.record(event)

    async def _evacuate(self, workers: Sequence[str]) -> None:
        """Have the units of these workers give their work back; return when they have, or cannot in time."""
        occupancy = self._dispatch.occupancy
        self._dispatch.leave([bundle for bundle in occupancy if bundle.worker in workers])
        give_up = monotonic() + _EVACUATION_SECONDS
        while occupancy.workers() & set(workers) and monotonic() < give_up:
            await asyncio.sleep(_LOOK_SECONDS)

    def _seconds_of(self, unit: Unit) -> float | None:
        seconds: float | None = self._steward.books.predictor.average_seconds(unit.kind, unit.frames)
        return seconds

    def _planned(self) -> None:
        self._steward.scaler.look_soon()
        self.round_soon()

    # What the scheduler and the workers tell.

    def transition(self, key: str, start: str, finish: str, *args: Any, **kwargs: Any) -> None:
        """A Dask task changed its state."""
        ours = self._dispatch.transition(key, start, finish)
        if ours or self._graphs.transition(key, start, finish, kwargs):
            self.round_soon()

    def report(self, worker: str, bundle: str, events: list[Any]) -> None:
        """A workbench tells what became of units."""
        self._dispatch.report(worker, bundle, events)
        self.round_soon()

    def add_worker(self, scheduler: Scheduler, worker: str) -> None:
        """A worker has come."""
        self.round_soon()

    def remove_worker(self, scheduler: Scheduler, worker: str, **kwargs: Any) -> None:
        """A worker is gone."""
        self._dispatch.remove_worker(worker)
        self.round_soon()

    def restart(self, scheduler: Scheduler) -> None:
        """Some client had Dask forget everything: jobs are not among it."""
        self._generation = self._client.generation + 1
        self._dispatch.restarted()
        self.round_soon()

    # Rounds: whatever happened, look at everything once, soon.

    def round_soon(self) -> None:
        """Have a round when the loop has handled what it is handling."""
        if not self._round_due:
            self._round_due = True
            asyncio.get_running_loop().call_soon(self._round)

    def _round(self) -> None:
        self._round_due = False
        self._dispatch.drop_unwanted()
        if self._client.generation >= self._generation:  # else it drops what is entered: it has not heard yet
            self._feed.fill()
        waiting = self._worklist.next()
        self._dispatch.displacement.displace(
            _LAST if waiting is None else waiting.order, self._graphs.waiting()
        )
        self._dispatch.orders.send()
        for job in self._worklist.unplanned():
            if isinstance(job.delivery, Computation):
                self._graphs.begin(job)
            else:
                self._feed.plan(job)

    async def _pulse(self) -> None:
        while True:
            await asyncio.sleep(_PULSE_SECONDS)
            try:
                self._heed_budgets()
                self._watch.look()
            except Exception:  # the pool goes on, and looks again
                _logger.exception("budgets or hanging units could not be looked at")
            self.round_soon()

    def _heed_budgets(self) -> None:
        if not self.config.budgets:
            return
        last = self.config.class_names[-1]
        for job in self._worklist.open():
            state = self._steward.scaler.budget_state(job.show)
            if state == "background" and job.priority != last:
                job.own_priority = job.priority
                reason = f"the budget of {job.show} is spent"
                self._worklist.reprioritize(job, last, job.deadline, reason)
            if state != "background" and job.own_priority:
                reason = f"the budget of {job.show} is spent no more"
                self._worklist.reprioritize(job, job.own_priority, job.deadline, reason)
                job.own_priority = ""
            if state == "hold":
                self._worklist.hold(job)
            else:
                self._worklist.let_go_on(job)


async def dask_setup(scheduler: Scheduler) -> None:
    """Called by ``dask scheduler --preload mediadask.pool.scheduler``."""
    # Preloads run while the scheduler starts, which answers nobody before they return.
    scheduler.extensions["mediadask-setup"] = asyncio.create_task(_begin(scheduler))


async def _begin(scheduler: Scheduler) -> None:
    await scheduler
    try:
        await scheduler.register_scheduler_plugin(Foreman(), name=Foreman.name, idempotent=True)
        if scheduler.http_application.applications:  # Dask's own dashboard is there
            await scheduler.handlers["mediadask_dashboard"]()
    except MediaError as error:
        _logger.error("%s", error)
        await scheduler.close()
