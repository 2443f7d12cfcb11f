"""Batches on Dask's scheduler: tasks by which they take slots, and messages to the workers that have them.

Tasks are entered and released by a client of the scheduler's own. The units of a batch are sent at once when
its task has got a slot; instructions are collected into one message a worker.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from distributed.protocol.pickle import dumps

from mediadask import dask_api
from mediadask.delivery import Failure
from mediadask.pool.core.events import (
    BatchRefused,
    TaskEnded,
    TaskFailed,
    TaskLost,
    TaskQueued,
    TaskStarted,
)
from mediadask.pool.worker.runner import INSTRUCTIONS, UNITS, run_batch

if TYPE_CHECKING:
    from collections.abc import Callable

    from distributed import Client, Future, Scheduler

    from mediadask.pool.core.commands import BatchCall, EnterTask, Instruction, SendUnits
    from mediadask.pool.core.events import Event

__all__ = ["DaskSlots", "dask_priority"]

_BEFORE_ANY_DEADLINE = 1e10


def dask_priority(priority: tuple[int, float]) -> float:
    """Return Dask's priority, where more goes first: by rank, then by deadline in seconds since the epoch."""
    rank, due = priority
    return -(rank * _BEFORE_ANY_DEADLINE + due)


class DaskSlots:
    """All batches that are in Dask. Its methods run in the scheduler's event loop.

    Parameters
    ----------
    client
        By which tasks enter Dask.
    handle
        Is told what happens to them.
    """

    def __init__(self, scheduler: Scheduler, client: Client, handle: Callable[[Event], None]) -> None:
        self._scheduler, self._client, self._handle = scheduler, client, handle
        self._futures: dict[str, Future] = {}
        self._entering: dict[str, EnterTask] = {}
        self._messages: dict[str, dict[str, Any]] = defaultdict(lambda: {"instructions": {}, "cancelled": {}})

    def __contains__(self, task: object) -> bool:
        return task in self._futures

    def transition(self, key: Any, start: str, finish: str) -> bool:
        """Follow a task through Dask's states; False if it is no batch's."""
        if key not in self._futures:
            return False
        if finish == "memory":
            self._handle(TaskEnded(key))
        elif finish == "erred":
            self._handle(TaskFailed(key, self._scheduler.tasks[key].exception_text))
        elif finish == "processing":
            self._handle(TaskStarted(key, self._scheduler.tasks[key].processing_on.address))
        elif start == "processing":
            self._handle(TaskLost(key))
        elif finish == "queued":
            self._handle(TaskQueued(key))
        return True

    def send_units(self, command: SendUnits) -> None:
        """Send the units of a batch to its worker, ahead of what Dask sends there from now on."""
        try:
            payload = dumps([_call(each) for each in command.calls])
        except Exception:  # of its units each is asked by itself what is wrong with it
            failures = {
                position: failure
                for position, call in enumerate(command.calls)
                if (failure := _refusal(call)) is not None
            }
            self._handle(BatchRefused(command.batch, failures))
            return
        message = {"op": UNITS, "batch": command.batch, "units": len(command.calls), "payload": payload}
        self._scheduler.worker_send(command.worker, message)

    # What is kept until `send`.

    def enter(self, command: EnterTask) -> None:
        """Enter the task of a batch."""
        self._entering[command.task] = command

    def release(self, task: str) -> None:
        """Nobody needs the task any more."""
        self._entering.pop(task, None)
        if (future := self._futures.pop(task, None)) is not None:
            future.release()

    def instruct(self, worker: str, batch: str, instruction: Instruction) -> None:
        """Tell a batch what to do at its next checkpoint; the latest instruction counts."""
        self._messages[worker]["instructions"][batch] = instruction

    def cancel(self, worker: str, batch: str, positions: tuple[int, ...]) -> None:
        """Nobody wants these units of a batch any more."""
        self._messages[worker]["cancelled"].setdefault(batch, []).extend(positions)

    def send(self) -> None:
        """Pass on what has been kept, in order."""
        # Neighbors alike share a graph, within which Dask would order keys by their first words.
        graphs: list[list[EnterTask]] = []
        latest = None
        for command in self._entering.values():
            alike = command.priority, command.worker, command.task.partition("-")[0]
            if alike != latest:
                graphs.append([])
                latest = alike
            graphs[-1].append(command)
        self._entering = {}
        for commands in graphs:
            self._enter(commands)
        for worker, message in self._messages.items():
            if worker in self._scheduler.workers:
                self._scheduler.worker_send(worker, {"op": INSTRUCTIONS, **message})
        self._messages.clear()

    def _enter(self, commands: list[EnterTask]) -> None:
        first = commands[0]
        graph = {each.task: dask_api.slot_task(each.task, run_batch, each.batch) for each in commands}
        futures = self._client.get(
            graph,
            list(graph),
            sync=False,
            # What goes on is first in line on its worker.
            priority=_BEFORE_ANY_DEADLINE if first.worker else dask_priority(first.priority),
            workers=[first.worker] if first.worker else None,
            fifo_timeout=0,
        )
        self._futures.update(zip(graph, futures, strict=True))


def _call(call: BatchCall) -> tuple[Any, list[bytes] | None]:
    if call.results is None:
        return call.unit, None
    return call.unit, [dumps(value) if isinstance(value, Failure) else value for value in call.results]


def _refusal(call: BatchCall) -> Failure | None:
    try:
        dumps(_call(call))
    except Exception as error:
        return Failure.of(error)
    return None
