"""A worker, in its own process: its threads, its tasks, its memory, and how its process ends."""

from __future__ import annotations

import logging
from asyncio import timeout
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mediadask.dask_api.tasks import STIMULUS

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator
    from contextlib import AbstractContextManager

    from distributed import Nanny, Worker

__all__ = [
    "executor_of",
    "give_back_tasks",
    "kill_worker_process",
    "listen_to_scheduler",
    "process_memory",
    "runs_on_thread",
    "secede_thread",
    "tell_scheduler",
    "workers_here",
]

_logger = logging.getLogger(__name__)

_KILL_SECONDS = 5.0


def listen_to_scheduler(worker: Worker, op: str, function: Callable[..., None]) -> None:
    """Call a function with the fields of each message of this kind from the scheduler."""
    worker.stream_handlers[op] = function


def tell_scheduler(worker: Worker, message: dict[str, Any]) -> None:
    """Send a message after those that were sent before, and before what Dask sends later."""
    worker.batched_send(message)


def workers_here() -> list[Worker]:
    """The workers of this process: `get_worker` knows one only in a Dask task's thread, not in a unit's."""
    from distributed import Worker

    return list(Worker._instances)


def executor_of(worker: Worker) -> Any:
    """The threads in which tasks run."""
    return worker.executors["default"]


def give_back_tasks(worker: Worker, is_meant: Callable[[Hashable, dict[str, Any]], bool]) -> None:
    """Have tasks that have not begun wait with the scheduler again. Dask only lets a running task ask for it.

    Parameters
    ----------
    is_meant
        Whether a task with this key and these annotations is.
    """
    from distributed.worker_state_machine import FreeKeysEvent

    keys = [
        task.key
        for task in worker.state.tasks.values()
        if task.state in ("waiting", "ready", "constrained") and is_meant(task.key, task.annotations or {})
    ]
    if not keys:
        return
    worker.handle_stimulus(FreeKeysEvent(keys=keys, stimulus_id=STIMULUS))
    for key in keys:
        worker.batched_send({"op": "reschedule", "key": key, "stimulus_id": STIMULUS})


def process_memory(worker: Worker) -> tuple[int, int]:
    """Bytes that the worker's process holds, and its limit; 0 where it has none."""
    try:
        return worker.monitor.get_process_memory(), worker.memory_manager.memory_limit or 0
    except AttributeError as error:  # a worker that cannot say it does not run out sooner
        _logger.debug("this release of Dask tells no memory: %s", error)
        return 0, 0


def secede_thread() -> None:
    """Let another thread serve the slot. The documented `secede` wants a Dask task on its own thread."""
    from distributed.threadpoolexecutor import secede

    secede()


def runs_on_thread(worker: Worker, key: str) -> AbstractContextManager[None]:
    """Have Dask's profile and call stacks show what runs on this thread as the task `key`."""
    import threading
    from contextlib import contextmanager, nullcontext

    if not hasattr(worker, "active_threads_lock"):
        return nullcontext()

    @contextmanager
    def shown() -> Iterator[None]:
        ident = threading.get_ident()
        with worker.active_threads_lock:
            worker.active_threads[ident] = key
        try:
            yield
        finally:
            with worker.active_threads_lock:
                worker.active_threads.pop(ident, None)

    return shown()


async def kill_worker_process(nanny: Nanny) -> None:
    """End the process of a nanny that may not have come up yet. `Nanny.kill` waits until it has."""
    worker = nanny.process
    if worker is not None and worker.process is not None:
        with suppress(TimeoutError):  # it may not even have been forked
            async with timeout(_KILL_SECONDS):
                await worker.process.kill()
                await worker.stopped.wait()
