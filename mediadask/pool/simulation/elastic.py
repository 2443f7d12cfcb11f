"""Brings and takes simulated workers as the scaling policy wants them."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from mediadask.pool.scaling.policy import ScalingPolicy, Snapshot, TierState, WorkerSnapshot
from mediadask.pool.simulation.model import WorkerModel

if TYPE_CHECKING:
    from mediadask.pool.config import PoolConfig
    from mediadask.pool.simulation.tally import Tally
    from mediadask.pool.simulation.world import Process, World

__all__ = ["Elastic"]

_LOOK_SECONDS = 1.0


class Elastic:
    """Looks at the pool once a second, for as long as it has jobs or workers."""

    def __init__(self, world: World, config: PoolConfig, tally: Tally) -> None:
        self._world, self._config, self._tally = world, config, tally
        self._policy = ScalingPolicy(config)
        self._requested: dict[str, dict[str, None]] = {tier: {} for tier in config.tiers}
        """Workers that are on their way, by tier."""

        self._workers: dict[str, Process] = {}
        """Those that have been started, by name."""

        self._idle_since: dict[str, float] = {}
        self._numbers = count(1)
        self._is_looking = False

    def look_soon(self) -> None:
        """There is work."""
        if not self._is_looking:
            self._is_looking = True
            self._world.clock.after(0.0, self._look)

    def _look(self) -> None:
        snapshot = self._snapshot()
        target = self._policy.decide(snapshot)
        for name in target.stop:
            self._stop(name)
        for tier, wanted in target.workers.items():
            there = sum(worker.tier == tier and worker.name in self._workers for worker in snapshot.workers)
            for _ in range(wanted - there - len(self._requested[tier])):
                self._request(tier)
        self._is_looking = bool(self._tally.open or self._workers or any(self._requested.values()))
        if self._is_looking:
            self._world.clock.after(_LOOK_SECONDS, self._look)

    def _snapshot(self) -> Snapshot:
        now = self._world.clock.seconds
        dask = self._world.pool.dask
        workers = []
        for name, process in self._workers.items():
            worker = process.worker
            in_dask = dask.workers.get(worker.address)
            running = len(worker.seats) + len(worker.executing)
            running = max(running, len(in_dask.processing) if in_dask is not None else 0)
            idle = 0.0
            if running:
                self._idle_since.pop(name, None)
            else:
                idle = now - self._idle_since.setdefault(name, now)
            workers.append(WorkerSnapshot(name, self._config.tier_of(name), worker.threads, running, idle))
        tiers = {tier: TierState(tuple(names)) for tier, names in self._requested.items()}
        return Snapshot(now, tuple(self._tally.work(now)), tuple(workers), tiers)

    def _request(self, tier: str) -> None:
        name = f"{tier}-{next(self._numbers)}"
        self._requested[tier][name] = None
        self._world.clock.after(self._config.tiers[tier].startup, self._arrive, tier, name)

    def _arrive(self, tier: str, name: str) -> None:
        if name in self._requested[tier]:  # else the request was taken back
            del self._requested[tier][name]
            settings = self._config.tiers[tier]
            model = WorkerModel(name, settings.threads, has_nanny=False)
            self._workers[name] = self._world.add_worker(model, startup_seconds=settings.startup)

    def _stop(self, name: str) -> None:
        self._requested[self._config.tier_of(name)].pop(name, None)
        if (process := self._workers.pop(name, None)) is not None:
            self._idle_since.pop(name, None)
            self._world.close_worker(process)
