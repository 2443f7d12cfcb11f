"""The scheduler: its workers, and what it answers clients and hears from workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from mediadask.dask_api.tasks import STIMULUS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from distributed import Scheduler

__all__ = [
    "RemovedWorker",
    "empty_before_retiring",
    "has_plugin",
    "hear_from_workers",
    "is_idle",
    "keep_paused",
    "pause_worker",
    "removed_worker",
    "serve",
    "serve_target",
    "unpause_worker",
]

_PAUSED_THEMSELVES = "mediadask-paused-themselves"
"""An extension of the scheduler: the addresses of the workers that say they take no task."""


class RemovedWorker(NamedTuple):
    """What Dask notes of a worker that is gone."""

    address: str
    expected: bool
    """Whether it was retired; otherwise its process or its connection ended."""

    reason: str


def removed_worker(topic: str, message: Any) -> RemovedWorker | None:
    """What an event of the scheduler's log tells of a removed worker, or None if it is of something else.

    The plugin's hooks do not say whether a worker was expected to leave; the logged event does, and comes
    before the worker's tasks are given to others.
    """
    if topic != "all" or not isinstance(message, dict) or message.get("action") != "remove-worker":
        return None
    return RemovedWorker(
        message["worker"], bool(message.get("expected")), str(message.get("stimulus_id", ""))
    )


def pause_worker(scheduler: Scheduler, worker: str) -> None:
    """Have Dask send no tasks to a worker: only a worker itself can say that by a documented call."""
    _set_status(scheduler, worker, "paused")


def unpause_worker(scheduler: Scheduler, worker: str) -> None:
    """Have Dask use a worker again, unless it has paused itself, as one does that is short of memory."""
    if worker not in scheduler.extensions.get(_PAUSED_THEMSELVES, ()):
        _set_status(scheduler, worker, "running")


def keep_paused(scheduler: Scheduler, is_kept: Callable[[str], bool]) -> None:
    """Keep workers paused that say themselves that they run, as each new one does after it has joined.

    Parameters
    ----------
    is_kept
        Whether the worker at an address is not to be used yet.
    """

    themselves: set[str] = set()
    scheduler.extensions[_PAUSED_THEMSELVES] = themselves

    def changed(worker: str, status: str, stimulus_id: str) -> None:
        (themselves.add if status == "paused" else themselves.discard)(worker)
        if status == "running" and is_kept(worker):
            status = "paused"
        scheduler.handle_worker_status_change(status, worker, stimulus_id)

    scheduler.stream_handlers["worker-status-change"] = changed


def _set_status(scheduler: Scheduler, worker: str, status: str) -> None:
    from distributed import Status

    scheduler.handle_worker_status_change(Status[status], worker, STIMULUS)


def empty_before_retiring(scheduler: Scheduler, empty: Callable[[list[str]], Awaitable[None]]) -> None:
    """Wait for `empty` before a worker is removed that a client, a tool of Dask or the worker itself retires.

    Dask moves data away first, but does not wait for what the worker runs, and tells plugins when it is gone.
    """
    retire = scheduler.retire_workers

    async def retire_empty(
        workers: list[str] | None = None,
        *,
        names: list[Any] | None = None,
        close_workers: bool = False,
        remove: bool = True,
        **how: Any,
    ) -> dict[str, Any]:
        leaving: dict[str, Any] = {}
        if remove and (workers is not None or names is not None):  # those that Dask picks itself run nothing
            leaving = await retire(workers, names=names, close_workers=False, remove=False)
            await empty(list(leaving))
        gone: dict[str, Any] = await retire(
            workers, names=names, close_workers=close_workers, remove=remove, **how
        )
        stay = leaving.keys() - gone.keys()  # their results have no other place
        for worker in stay & scheduler.stream_comms.keys():
            change = {"op": "worker-status-change", "status": "running", "stimulus_id": STIMULUS}
            scheduler.stream_comms[worker].send(change)
        return gone

    scheduler.handlers["retire_workers"] = retire_empty


def is_idle(scheduler: Scheduler, worker: str) -> bool:
    """Whether a worker runs nothing and holds no result."""
    state = scheduler.workers[worker]
    return not state.processing and not state.has_what


def serve(scheduler: Scheduler, name: str, function: Callable[..., Any]) -> None:
    """Answer clients' calls of ``client.scheduler.NAME(…)``: Dask's extensions do it this way."""
    scheduler.handlers[name] = function


def serve_target(scheduler: Scheduler, target: Callable[..., int]) -> None:
    """Answer how many workers there should be: Dask's own adaptive scaling asks a method of the scheduler."""
    scheduler.adaptive_target = target
    scheduler.handlers["adaptive_target"] = target


def hear_from_workers(scheduler: Scheduler, op: str, function: Callable[..., None]) -> None:
    """Call a function with the worker's address and the fields of each message of this kind."""
    scheduler.stream_handlers[op] = function


def has_plugin(scheduler: Scheduler, name: str) -> bool:
    """Whether a plugin of this name has started."""
    return name in scheduler.plugins
