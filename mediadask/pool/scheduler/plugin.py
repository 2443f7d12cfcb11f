"""The scheduler's side of a pool: its parts, brought up in order, and Dask's hooks as their events.

It lives inside the scheduler, so a job outlives the client that submitted it. ``dask scheduler --preload
mediadask.pool.scheduler`` brings a scheduler up as a pool.
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

from mediadask import dask_api
from mediadask.delivery import Failure
from mediadask.errors import MediaError
from mediadask.pool.config import load_config
from mediadask.pool.core import Now, PoolState
from mediadask.pool.core.commands import Write
from mediadask.pool.core.events import DaskRestarted, WorkerJoined, WorkerLeft
from mediadask.pool.history import JobEnded, new_id, utc_now
from mediadask.pool.scaling.kubernetes_names import address_of
from mediadask.pool.scaling.local_workers import LocalWorkers
from mediadask.pool.scheduler.driver import Driver
from mediadask.pool.scheduler.planning import job_spec
from mediadask.pool.scheduler.services import Services
from mediadask.pool.scheduler.watchdog import Watchdog
from mediadask.pool.worker.runner import READY, REPORTS, UnitRunner

if TYPE_CHECKING:
    from distributed import Scheduler

    from mediadask.pool.config import PoolConfig
    from mediadask.pool.ledger.ledger import OrphanedJob
    from mediadask.pool.scaling.actuator import Actuator
    from mediadask.pool.scaling.kubernetes_cluster import OwnCluster

__all__ = ["PoolPlugin", "dask_setup"]

_logger = logging.getLogger(__name__)
_TAKE_OVER_SECONDS = 5.0
"""So often a pool looks whether another of its name, which may live, has fallen silent."""


class PoolPlugin(SchedulerPlugin):
    """Runs a pool on the scheduler it is registered with.

    Parameters
    ----------
    config
        By default what `dask.config` says where the scheduler runs.
    local
        Whether the pool brings its workers itself, as processes of the scheduler's machine.
    at_once
        So many of them without waiting for work.
    """

    name: ClassVar[str] = "mediadask-pool"
    idempotent: ClassVar[bool] = True

    def __init__(self, config: PoolConfig | None = None, *, local: bool = False, at_once: int = 0) -> None:
        self._given, self._local, self._at_once = config, local, at_once

    async def start(self, scheduler: Scheduler) -> None:
        """Take up work on this scheduler."""
        if (starting := scheduler.extensions.get(self.name)) is not None:
            await starting.wait()  # two clients came at once; the other one's plugin serves both
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
        asked_at, actuator = monotonic(), await self._actuator(scheduler, config)
        if actuator is not None:
            opened.push_async_callback(actuator.close)
            if self._at_once:
                await actuator.start(self._at_once, next(iter(config.tiers)))
        self.scheduler, self.config = scheduler, config
        dask_api.queue_on_scheduler(scheduler)
        self._client = await Client(
            scheduler.address,
            asynchronous=True,
            set_as_default=False,
            security=scheduler.security,
            name=self.name,
        )
        opened.push_async_callback(self._client.close)

        # In order: the database, the state, what drives it, what scales the workers, what is seen of it all.
        # Workers import this package too, and have no use for databases.
        bookkeeping = await asyncio.to_thread(import_module, "mediadask.pool.ledger.ledger")
        predict = await asyncio.to_thread(import_module, "mediadask.pool.scaling.predict")
        scaling = await asyncio.to_thread(import_module, "mediadask.pool.scheduler.scaler")
        view = await asyncio.to_thread(import_module, "mediadask.pool.view.pool_view")
        metrics = await asyncio.to_thread(import_module, "mediadask.pool.view.metrics")
        self.ledger = await asyncio.to_thread(
            bookkeeping.Ledger, pool=config.name or "embedded", keep_seconds=config.ledger.keep
        )
        opened.push_async_callback(asyncio.to_thread, self.ledger.close)
        predictor = predict.Predictor(config.seconds_per_frame, await asyncio.to_thread(self.ledger.learned))
        self.state = PoolState(config, predictor, new_id)
        self.driver = Driver(scheduler, self._client, self.state, self.ledger, actuator)
        self.scaler = scaling.Scaler(
            scheduler, self.driver, self.ledger, actuator, ours=self._client.id, asked_at=asked_at
        )
        self.watchdog = Watchdog(scheduler, self.driver)
        self.view = view.PoolView(config, self.state, self.ledger, self.scaler)
        self._metrics = metrics.PoolMetrics(self.view)
        cluster = await self._cluster(config)
        self.services = Services(
            scheduler, self.driver, self.scaler, self.watchdog, self.ledger, self.view, cluster
        )

        scheduler.add_plugin(self.driver, name=self.driver.name)
        opened.callback(scheduler.remove_plugin, self.driver.name)
        dask_api.hear_from_workers(scheduler, REPORTS, self.driver.report)
        dask_api.hear_from_workers(scheduler, READY, self.ready)
        for worker in list(scheduler.workers):
            self.add_worker(scheduler, worker)
        try:
            await scheduler.register_worker_plugin(
                None, dumps(UnitRunner()), name=UnitRunner.name, idempotent=False
            )
        except Exception as error:  # the watchdog tells of workers that cannot load it
            _logger.debug("a worker cannot run units: %s", error)
        self._metrics.register()
        self.services.register()
        if config.name is not None:
            await self._take_over()
        await self.scaler.start()
        taken_over = asyncio.create_task(self._take_over_later())
        going_down = self.services.go_on_going_down(taken_over)
        others = (self.driver.look_again(), self.watchdog.run(), going_down)
        self._beating = [taken_over, *map(asyncio.create_task, others)]

    async def _actuator(self, scheduler: Scheduler, config: PoolConfig) -> Actuator | None:
        if self._local:
            return LocalWorkers(
                scheduler.address, config.tiers, security=scheduler.security, silence_logs=logging.CRITICAL
            )
        if (place := config.kubernetes) is None:
            return None
        pods = await asyncio.to_thread(import_module, "mediadask.pool.scaling.kubernetes_workers")
        address = address_of(place.cluster, place.namespace, scheduler.address.partition("://")[0])
        workers: Actuator = pods.KubernetesWorkers(address, config.tiers, place)
        return workers

    async def _cluster(self, config: PoolConfig) -> OwnCluster | None:
        if (place := config.kubernetes) is None:
            return None
        own = await asyncio.to_thread(import_module, "mediadask.pool.scaling.kubernetes_cluster")
        cluster: OwnCluster = own.OwnCluster(place)
        return cluster

    async def _take_over(self) -> None:
        """Go on with the jobs of pools of this name that are dead."""
        for orphan in await asyncio.to_thread(self.ledger.take_over):
            await self._take_up(orphan)

    async def _take_over_later(self) -> None:
        """Do so again while one may live: of one on another machine only silence tells that it is dead."""
        from sqlalchemy.exc import SQLAlchemyError  # workers import this package, too

        while self.config.name is not None:
            try:
                if not await asyncio.to_thread(self.ledger.has_others):
                    return
                await asyncio.sleep(_TAKE_OVER_SECONDS)
                await self._take_over()
            except SQLAlchemyError as error:  # the ledger itself says in the log that it is away
                _logger.debug("it is not known whether another pool of this name lives: %s", error)
                await asyncio.sleep(_TAKE_OVER_SECONDS)

    async def _take_up(self, orphan: OrphanedJob) -> None:
        """Go on with a job that a pool of this name left unfinished. What it has committed is found again."""
        waited_seconds = max(0.0, (utc_now() - orphan.submitted).total_seconds())
        payload = orphan.payload or b""
        try:
            delivery = await asyncio.to_thread(loads, payload)
            spec = job_spec(
                delivery,
                id=orphan.job,
                name=orphan.name,
                show=orphan.show,
                priority=(
                    orphan.priority if orphan.priority in self.config.classes else self.config.default_class
                ),
                deadline=orphan.deadline,
                payload=payload,
                submitted=orphan.submitted,
                waited_seconds=waited_seconds,
            )
        except Exception as error:  # it fails alone, and the pool starts
            reason = f"the restarted pool cannot read it: {Failure.of(error).error}"
            self.ledger.record(
                JobEnded(
                    job=orphan.job, status="failed", seconds=waited_seconds, running_seconds=0.0, error=reason
                )
            )
            return
        self.driver.submit(spec, delivery)

    async def before_close(self) -> None:
        """The scheduler closes. What is unfinished ends with it, unless a pool of its name can go on."""
        for task in self._beating:
            task.cancel()
        if self.config.name is None:
            self.driver.cancel_all("its pool was closed")
        self.driver.end()
        await self.scaler.close()
        await self._client.close()
        self._metrics.unregister()
        self.state.workers.end_leases("pool closed", Now.read())
        for command in self.state.take_commands():
            if isinstance(command, Write):
                self.ledger.record(command.record)
        await asyncio.to_thread(self.ledger.close)

    # Workers that come and go.

    def add_worker(self, scheduler: Scheduler, worker: str) -> None:
        """A worker has come: it gets no task before it has said that it can run units."""
        self.watchdog.expect(worker)

    def ready(self, worker: str, version: str) -> None:
        """A worker can run units, with this version of mediadask."""
        if (there := self.scheduler.workers.get(worker)) is None:
            return
        if not self.watchdog.is_fit(worker, version):
            return
        self.driver.handle(
            WorkerJoined(
                address=worker,
                server_id=there.server_id,
                name=str(there.name),
                threads=there.nthreads,
                has_nanny=bool(there.nanny),
                is_brought=self.scaler.brings(str(there.name)),
                startup_seconds=self.scaler.arrived(str(there.name)),
            )
        )
        self.watchdog.use(worker)

    def log_event(self, topic: str, message: Any) -> None:
        """Something is noted in Dask's log: a worker that is gone, before its tasks are given to others."""
        removed = dask_api.removed_worker(topic, message)
        if removed is not None:
            worker = self.state.workers.get(removed.address)
            known = None if worker is None else self.scaler.departure(worker.name)
            expected = removed.expected or (known is not None and known.is_taken)
            reason = removed.reason if known is None else known.reason
            self.driver.handle(WorkerLeft(removed.address, expected, reason))
            self.watchdog.forget(removed.address)
            if worker is not None and not expected and known is None:
                self.scaler.lost(worker.name, worker.has_nanny)
            self.scaler.look_soon()

    def restart(self, scheduler: Scheduler) -> None:
        """A client had Dask forget everything: jobs are not among it."""
        self.driver.restarted()
        self.driver.handle(DaskRestarted())

    def valid_workers_downscaling(self, scheduler: Scheduler, workers: list[Any]) -> list[Any]:
        """The workers that Dask's own tools may take: none that runs something."""
        kept = set(self.state.batches.workers())
        return [worker for worker in workers if not worker.processing and worker.address not in kept]


async def dask_setup(scheduler: Scheduler) -> None:
    """Called by ``dask scheduler --preload mediadask.pool.scheduler``."""
    # Preloads run while the scheduler starts, which answers nobody before they return.
    scheduler.extensions["mediadask-setup"] = asyncio.create_task(_begin(scheduler))


async def _begin(scheduler: Scheduler) -> None:
    await scheduler
    plugin = PoolPlugin()
    try:
        await scheduler.register_scheduler_plugin(plugin, name=plugin.name, idempotent=True)
        if dask_api.has_dashboard(scheduler):
            await plugin.services.dashboard()
    except MediaError as error:
        _logger.error("%s", error)
        await scheduler.close()
