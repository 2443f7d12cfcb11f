"""The Dask tasks by which batches take slots, entered and released by a client of the scheduler's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mediadask import dask_api
from mediadask.pool.worker.runner import run_batch

if TYPE_CHECKING:
    from distributed import Client, Future

    from mediadask.pool.core.commands import EnterTask

__all__ = ["SlotTasks", "dask_priority"]

_BEFORE_ANY_DEADLINE = 1e10


def dask_priority(priority: tuple[int, float]) -> float:
    """For Dask, where more goes first: by rank, then by deadline in seconds since the epoch."""
    rank, due = priority
    return -(rank * _BEFORE_ANY_DEADLINE + due)


class SlotTasks:
    """All tasks that are entered and not released.

    Parameters
    ----------
    client
        By which they enter Dask.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._futures: dict[str, Future] = {}
        self._entering: dict[str, EnterTask] = {}

    def __contains__(self, task: object) -> bool:
        return task in self._futures

    def enter(self, command: EnterTask) -> None:
        """Enter a task with the next `send`."""
        self._entering[command.task] = command

    def release(self, task: str) -> None:
        """Nobody needs the task any more."""
        self._entering.pop(task, None)
        if (future := self._futures.pop(task, None)) is not None:
            future.release()

    def send(self) -> None:
        """Pass on what is to be entered, in order."""
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
