"""Workers that are processes of this machine."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
from time import monotonic
from typing import TYPE_CHECKING, Any

import dask.config
from distributed import Nanny, Status
from distributed.comm.addressing import get_address_host, unparse_host_port

from mediadask import dask_api
from mediadask.pool import guard

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from mediadask.pool.config import Tier

__all__ = ["LocalWorkers"]

_logger = logging.getLogger(__name__)
_numbers = itertools.count(1)
_LONGEST_START_SECONDS = 60.0
_LONGEST_BACKOFF_SECONDS = 60.0
_FAILURES = 2
"""In a row, before it is called trouble."""


class _Nanny(Nanny):
    """One that ends a process which does not come up, and goes with it, so that the pool starts another.

    Dask's waits for it as long as it takes, and so does whoever closes the nanny.
    """

    async def instantiate(self) -> Status:
        try:
            async with asyncio.timeout(_LONGEST_START_SECONDS):
                return await super().instantiate()
        except TimeoutError:
            await dask_api.kill_worker_process(self)
            await self.close(reason="its worker does not come up")
            raise


class LocalWorkers:
    """An `Actuator`. Each worker is a process under a nanny, which starts it again when it dies.

    They listen where the scheduler does, and nowhere else: without a host Dask's workers listen on every
    interface of the machine, and run what anybody sends them. Their metrics are served on loopback.

    All methods run in one event loop, the one in which it was made.

    Parameters
    ----------
    scheduler
        The scheduler's address.
    tiers
        Their threads for each worker; prices and limits are the policy's.
    nanny
        What else `distributed.Nanny` shall know, such as ``security`` or ``local_directory``.
    """

    def __init__(self, scheduler: str, tiers: Mapping[str, Tier], **nanny: Any) -> None:
        self._scheduler, self._tiers = scheduler, tiers
        host = unparse_host_port(get_address_host(scheduler))  # in brackets if it is of IPv6
        self._options = {"host": host, "dashboard_address": "127.0.0.1:0", **_guarded(), **nanny}
        self._workers: dict[str, dict[str, tuple[Nanny, asyncio.Task[None]]]] = {tier: {} for tier in tiers}
        self.news = asyncio.Event()
        self._failures = 0
        self._not_before = 0.0

    async def start(self, n: int, tier: str) -> None:
        """Spawn `n` worker processes; they join the scheduler a second or two later.

        After some that did not come up it waits for a while, and then tries one.
        """
        if monotonic() < self._not_before:
            return
        for _ in range(min(n, 1) if self._failures else n):
            name = f"{tier}-{os.getpid()}-{next(_numbers)}"
            nanny = _Nanny(self._scheduler, name=name, nthreads=self._tiers[tier].threads, **self._options)
            run = asyncio.create_task(self._start(nanny, tier, name))
            self._workers[tier][name] = nanny, run

    async def _start(self, nanny: Nanny, tier: str, name: str) -> None:
        try:
            await nanny
        except Exception as error:
            _logger.info("worker %s does not start: %s", name, error)
            self._workers[tier].pop(name, None)
            await nanny.close()
            if monotonic() >= self._not_before:  # of several started together the first to fail counts
                self._failures += 1
                self._not_before = monotonic() + min(2.0**self._failures, _LONGEST_BACKOFF_SECONDS)
        else:
            self._failures = 0

    def leaving(self) -> set[str]:
        """Nobody announces their end."""
        return set()

    def departure(self, worker: str) -> None:
        """Nobody tells of it."""

    def troubles(self) -> dict[str, str]:
        """Why none starts; empty where the latest did, or only one did not."""
        if self._failures < _FAILURES:
            return {}
        trouble = "worker processes of this machine end as they start; what they print says why"
        return dict.fromkeys(self._tiers, trouble)

    async def stop(self, workers: Collection[str]) -> None:
        """End these processes."""
        found = [group.pop(name) for name in workers for group in self._workers.values() if name in group]
        await asyncio.gather(*(_end(nanny, starting) for nanny, starting in found))

    async def state(self) -> dict[str, list[str]]:
        """Return the workers of each tier whose nannies live."""
        for group in self._workers.values():
            for name, (nanny, _) in list(group.items()):
                if nanny.status in (Status.closed, Status.failed):
                    del group[name]
        return {tier: list(group) for tier, group in self._workers.items()}

    async def close(self) -> None:
        """End all of them."""
        await self.stop([name for group in self._workers.values() for name in group])


def _guarded() -> dict[str, Any]:
    """Options of a nanny: what `dask.config` has workers load, and before it the guard of their metrics."""
    modules = dask.config.get("distributed.worker.preload")
    modules = [modules] if isinstance(modules, str) else modules
    words = dask.config.get("distributed.worker.preload-argv")
    of_each = [words] * len(modules) if not words or isinstance(words[0], str) else words
    return {"preload": [guard.__name__, *modules], "preload_argv": [[], *of_each]}


async def _end(nanny: Nanny, starting: asyncio.Task[None]) -> None:
    # A nanny that is closed while its process comes up leaves the process behind.
    await starting
    await nanny.close()
