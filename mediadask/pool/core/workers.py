"""The workers of a pool, with their leases."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mediadask.pool import history
from mediadask.pool.core.commands import Write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mediadask.pool.config import PoolConfig
    from mediadask.pool.core.clock import Now
    from mediadask.pool.core.commands import Command
    from mediadask.pool.core.events import WorkerExplained, WorkerJoined, WorkerLeft
    from mediadask.pool.core.jobs import GraphJob

__all__ = ["Worker", "Workers"]

_KEPT_ENDS = 1000


@dataclass(eq=False, slots=True)
class Worker:
    """A worker that is there."""

    address: str
    server_id: str
    name: str
    tier: str
    threads: int
    has_nanny: bool
    is_brought: bool
    joined_at: float

    replaced_because: str = ""
    """Why the pool ends its process, once it does: units that run there did no harm."""

    paused_at: float | None = None
    """When it got no more work because a unit hangs there."""

    must_leave: bool = False
    """Whether it is to leave: it is never used again."""

    graphs: Counter[GraphJob] = field(default_factory=Counter)
    """The jobs of whose graphs it has tasks, and how many. Those that wait for data have no thread yet."""

    @property
    def is_replaceable(self) -> bool:
        """Whether the pool can end its process so that another comes."""
        return self.has_nanny or self.is_brought


class Workers:
    """All workers by address."""

    def __init__(self, config: PoolConfig, out: list[Command]) -> None:
        self._config, self._out = config, out
        self._workers: dict[str, Worker] = {}
        self._left: dict[str, history.WorkerLeft] = {}
        """The latest ends of leases, by the workers' names."""

        self.threads = 0
        """How many threads all of them have."""

        self.startup_seconds: dict[str, float] = {}
        """What the latest worker of each tier took to arrive."""

    def __iter__(self) -> Iterator[Worker]:
        return iter(self._workers.values())

    def __len__(self) -> int:
        return len(self._workers)

    def get(self, address: str) -> Worker | None:
        """The worker at this address, if there is one."""
        return self._workers.get(address)

    def emptied(self) -> list[str]:
        """The addresses of workers that get no more work, because a unit hangs there."""
        return [worker.address for worker in self._workers.values() if worker.paused_at is not None]

    def join(self, event: WorkerJoined, now: Now) -> Worker:
        """A worker has come: its lease begins."""
        tier = self._config.tier_of(event.name)
        worker = Worker(
            event.address,
            event.server_id,
            event.name,
            tier,
            event.threads,
            event.has_nanny,
            event.is_brought,
            now.seconds,
        )
        self._workers[event.address] = worker
        self.threads += event.threads
        if event.startup_seconds is not None:
            self.startup_seconds[tier] = event.startup_seconds
        self._out.append(
            Write(
                history.WorkerJoined(
                    worker=event.server_id,
                    name=event.name,
                    tier=tier,
                    price_per_hour=self._config.tiers[tier].price_per_hour,
                    threads=event.threads,
                    startup_seconds=event.startup_seconds,
                    at=now.utc,
                )
            )
        )
        return worker

    def dismiss(self, address: str) -> None:
        """A worker is to leave."""
        if (worker := self._workers.get(address)) is not None:
            worker.must_leave = True

    def leave(self, event: WorkerLeft, now: Now) -> None:
        """A worker is gone: its lease ends."""
        worker = self._workers.pop(event.address, None)
        if worker is not None:
            self.threads -= worker.threads
            self._end_lease(worker, event.reason, now)

    def explain(self, event: WorkerExplained) -> None:
        """Why a worker has left becomes known: its lease says so."""
        if (left := self._left.pop(event.name, None)) is not None:
            self._out.append(Write(replace(left, reason=event.reason)))

    def end_leases(self, reason: str, now: Now) -> None:
        """The pool closes: every lease ends."""
        for worker in self._workers.values():
            self._end_lease(worker, reason, now)

    def _end_lease(self, worker: Worker, reason: str, now: Now) -> None:
        seconds = now.seconds - worker.joined_at
        left = history.WorkerLeft(worker=worker.server_id, seconds=seconds, reason=reason, at=now.utc)
        self._out.append(Write(left))
        self._left[worker.name] = left
        if len(self._left) > _KEPT_ENDS:
            del self._left[next(iter(self._left))]
