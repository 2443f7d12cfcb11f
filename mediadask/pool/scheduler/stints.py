"""The Dask tasks that bundles take their slots with: entered, withdrawn, let go, found by their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dask._task_spec import Task
from distributed.protocol.pickle import dumps

from mediadask.pool.worker.workbench import stint

if TYPE_CHECKING:
    from collections.abc import Iterable

    from distributed import Client, Future, Scheduler
    from distributed.scheduler import TaskState

    from mediadask.pool.scheduler.bundle import Bundle

__all__ = ["Stints", "dask_priority"]

_BEFORE_ANY_DEADLINE = 1e10


def dask_priority(order: int, deadline: float) -> float:
    """For Dask, where more goes first: by class, then by deadline."""
    return -(order * _BEFORE_ANY_DEADLINE + deadline)


class Stints:
    """All that are in Dask, by key. Its methods run in the scheduler's event loop.

    Parameters
    ----------
    client
        By which they enter it.
    """

    def __init__(self, scheduler: Scheduler, client: Client) -> None:
        self._scheduler, self._client = scheduler, client
        self._bundles: dict[str, Bundle] = {}
        self._futures: dict[str, Future] = {}

    def bundle_of(self, key: str) -> Bundle | None:
        """Whose stint this key is."""
        return self._bundles.get(key)

    def task_of(self, bundle: Bundle) -> TaskState | None:
        """Dask's own record of the latest stint of `bundle`."""
        return self._scheduler.tasks.get(bundle.stint)

    def threads(self, bundle: Bundle) -> int:
        """Of the worker that has it."""
        threads: int = self._scheduler.workers[bundle.worker].nthreads
        return threads

    def enter(self, bundles: Iterable[Bundle]) -> list[Bundle]:
        """Queue their first, in this order, behind what of their class and deadline is queued already.

        Returns those that cannot be pickled, and so cannot be sent.
        """
        # A graph each for neighbors alike: within one Dask would put keys in the order of their words.
        graphs: list[dict[str, Task]] = []
        latest: tuple[float, str] | None = None
        stuck = []
        for bundle in bundles:
            try:
                task = _with_units(bundle)
            except Exception:
                stuck.append(bundle)  # of its units each is asked by itself what is wrong with it
                continue
            self._bundles[bundle.id] = bundle
            alike = dask_priority(bundle.order, bundle.deadline), bundle.id.partition("-")[0]
            if alike != latest:
                graphs.append({})
                latest = alike
            graphs[-1][bundle.id] = task
        for graph in graphs:
            first = self._bundles[next(iter(graph))]
            self._enter(graph, dask_priority(first.order, first.deadline))
        return stuck

    def enter_next(self, bundle: Bundle) -> None:
        """One more for a bundle that stands aside, to go on by.

        Bound to its worker, so Dask sends it there at once; there it is first in line for the slot.
        """
        bundle.stints += 1
        bundle.stint = f"{bundle.id}-{bundle.stints}"
        self._bundles[bundle.stint] = bundle
        task = _without_units(bundle, bundle.stint, slots=1)
        self._enter({bundle.stint: task}, _BEFORE_ANY_DEADLINE, [bundle.worker])

    def _enter(self, graph: dict[str, Task], priority: float, workers: list[str] | None = None) -> None:
        futures = self._client.get(
            graph, list(graph), sync=False, priority=priority, workers=workers, fifo_timeout=0
        )
        self._futures.update(zip(graph, futures, strict=True))

    def withdraw(self, bundle: Bundle) -> None:
        """Out of Dask's queue, before it got a slot."""
        self._scheduler.client_releases_keys([bundle.stint], client=self._client.id)

    def release(self, key: str) -> None:
        """Let go of one that has ended, or that nobody waits for."""
        self._bundles.pop(key, None)
        if future := self._futures.pop(key, None):
            future.release()

    def begin_again(self, bundle: Bundle) -> None:
        """Dask queues the first one again: with what is left of the bundle."""
        self._scheduler.tasks[bundle.stint].run_spec = _with_units(bundle)

    def empty(self, bundle: Bundle, key: str) -> None:
        """Dask runs it again, and shall do nothing by that: the units were given back already."""
        if (state := self._scheduler.tasks.get(key)) is not None:
            state.run_spec = _without_units(bundle, key, slots=0)


def _with_units(bundle: Bundle) -> Task:
    calls = [(ticket.unit, ticket.results) for ticket in bundle.left.values()]
    # A data producer waits in the scheduler's queue, even in a graph as small as this.
    return Task(bundle.id, stint, bundle.id, len(calls), dumps(calls), _data_producer=True)


def _without_units(bundle: Bundle, key: str, slots: int) -> Task:
    return Task(key, stint, bundle.id, slots, None)
