"""Planning of deliveries: their groups are made into units a few at a time, in threads."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from dask.base import tokenize

from mediadask.delivery import Failure, Group, Unit
from mediadask.pool.core.events import FailJob, GroupsPlanned, JobSpec, PlannedGroup

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from mediadask.delivery import Delivery
    from mediadask.pool.core.commands import PlanGroups

__all__ = ["Planner", "job_spec"]


def job_spec(
    delivery: Delivery,
    *,
    id: str,
    name: str,
    show: str,
    priority: str,
    deadline: datetime | None,
    payload: bytes,
    submitted: datetime,
    waited_seconds: float = 0.0,
) -> JobSpec:
    """What the pool's state has to know of a delivery that is submitted."""
    closing = delivery.closing
    return JobSpec(
        id=id,
        name=name,
        show=show,
        priority=priority,
        deadline=deadline,
        kind=delivery.name,
        groups=len(delivery),
        closing=closing,
        closing_key=f"{closing.key}-{tokenize(id)}" if closing is not None else "",
        is_graph=delivery.is_graph,
        payload=payload,
        submitted=submitted,
        waited_seconds=waited_seconds,
    )


class Planner:
    """Plans groups of deliveries for as long as their jobs are open.

    Parameters
    ----------
    done
        Is given `GroupsPlanned` or `FailJob`, in the event loop.
    """

    def __init__(self, done: Callable[[GroupsPlanned | FailJob], None]) -> None:
        self._done = done
        self._deliveries: dict[str, Delivery] = {}
        # Threads of its own: where planning waits for a slow disk, nobody's submission does.
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="mediadask-plan")
        self._running: set[asyncio.Task[None]] = set()

    def add(self, job: str, delivery: Delivery) -> None:
        """Know the delivery of a job."""
        self._deliveries[job] = delivery

    def delivery(self, job: str) -> Delivery | None:
        """The delivery of an open job."""
        return self._deliveries.get(job)

    def forget(self, job: str) -> None:
        """The job has ended."""
        self._deliveries.pop(job, None)

    def plan(self, command: PlanGroups) -> None:
        """Plan in a thread."""
        if (delivery := self._deliveries.get(command.job)) is not None:
            self._running.add(task := asyncio.create_task(self._plan(delivery, command)))
            task.add_done_callback(self._running.discard)

    async def _plan(self, delivery: Delivery, command: PlanGroups) -> None:
        loop = asyncio.get_running_loop()
        try:
            groups = await loop.run_in_executor(
                self._threads, _plan_groups, delivery, command.start, command.units
            )
        except Exception as error:
            self._done(FailJob(command.job, Failure.of(error)))
        else:
            self._done(GroupsPlanned(command.job, groups))

    def close(self) -> None:
        """Plan no more."""
        for task in self._running:
            task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)


def _plan_groups(delivery: Delivery, start: int, units: int) -> tuple[PlannedGroup, ...]:
    groups: list[PlannedGroup] = []
    planned = 0
    for index in range(start, len(delivery)):
        if planned >= units:
            break
        try:
            group = _planned(delivery.groups[index])
        except Exception as error:  # one bad group stops no other
            group = _planned(Group.failed(f"{delivery.name} {index}", error))
        groups.append(group)
        planned += max(1, len(group.units))
    return tuple(groups)


def _planned(group: Group) -> PlannedGroup:
    keys = tuple(unit.key for unit in group.units)
    finish = group.finish or Unit(list, name=group.name, kind="join", frames=0)
    joins = group.finish is not None or len(group.units) != 1
    finish_key = f"{finish.key}-{tokenize(list(keys))}" if joins else ""
    return PlannedGroup(group.name, group.units, keys, finish, finish_key, joins)
