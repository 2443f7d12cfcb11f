"""The outputs of a job, group by group: their state, where they stand, and thumbnails.

What a result tells of itself is read in a process apart, once, when somebody looks: nothing is unpickled or
decoded in the scheduler. Thumbnails are made one at a time, of results that the pool's own jobs returned.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from mediadask.apart import apart
from mediadask.delivery import Failure
from mediadask.pool.core.batches import ASIDE, ON_SLOT
from mediadask.pool.core.jobs import DeliveryJob, GraphJob
from mediadask.pool.descriptions import OutputStatus, UnknownJob
from mediadask.results import Told, tell, thumbnail

if TYPE_CHECKING:
    from collections.abc import Callable

    from mediadask.pool.core import PoolState
    from mediadask.pool.core.jobs import Job

__all__ = ["PAGE_OUTPUTS", "Outputs"]

_logger = logging.getLogger(__name__)

PAGE_OUTPUTS = 48
"""So many are listed at a time."""

_MOST_RESULT_BYTES = 1 << 16
"""A larger result is data, and tells only its size."""

_TELL_SECONDS, _PICTURE_SECONDS = 20.0, 10.0
_AGAIN_SECONDS = 600.0
"""A thumbnail that could not be made is tried again after so long."""

_MOST_TOLD, _MOST_PICTURES = 4000, 500
"""So many are kept: some 2 MB, and 10 MB at 20 kB a thumbnail."""

Key = tuple[str, int]
"""A job's id, and a group's place in it."""

V = TypeVar("V")


class _Latest(Generic[V]):
    """So many values, those that were used last."""

    def __init__(self, most: int) -> None:
        self._most, self._values = most, OrderedDict[Key, V]()

    def get(self, key: Key) -> V | None:
        if key in self._values:
            self._values.move_to_end(key)
        return self._values.get(key)

    def keep(self, key: Key, value: V) -> None:
        self._values[key] = value
        while len(self._values) > self._most:
            self._values.popitem(last=False)


@dataclass(frozen=True)
class _Picture:
    """A thumbnail, or that there is none."""

    jpeg: bytes | None
    made_at: float = field(default_factory=monotonic)

    @property
    def is_due(self) -> bool:
        """Whether it may be tried again."""
        return monotonic() >= self.made_at + _AGAIN_SECONDS


class Outputs:
    """What is known of jobs' outputs. The methods run in the scheduler's event loop.

    Parameters
    ----------
    state
        Has the jobs that are open, and those that are kept.
    """

    def __init__(self, state: PoolState) -> None:
        self._state = state
        self._told = _Latest[Told](_MOST_TOLD)
        self._pictures = _Latest[_Picture](_MOST_PICTURES)

        self._one_at_a_time = asyncio.Semaphore()
        self._reading: dict[Key, asyncio.Task[None]] = {}

    def listed(self, job: Job, start: int = 0) -> list[OutputStatus]:
        """Return the outputs of a page of a job's groups, without those that are not planned.

        Parameters
        ----------
        start
            The first group's place, 0-based.
        """
        stop = min(start + PAGE_OUTPUTS, job.spec.groups)
        if isinstance(job, DeliveryJob):
            stop = min(stop, job.next_group)
        under_way = _under_way(job)
        return [self._status(job, index, under_way) for index in range(start, stop)]

    def _status(self, job: Job, index: int, under_way: dict[int, _UnderWay]) -> OutputStatus:
        unnamed = job.spec.name if job.spec.is_graph else f"{job.spec.name} {index + 1}"
        name = job.names[index] if index < len(job.names) else unnamed
        value = job.values[index]
        if value is None:
            if job.ended is not None:
                return OutputStatus(index=index, name=name, state="cancelled")
            known = under_way.get(index, _UnderWay())
            return OutputStatus(index=index, name=name, state=known.state, fraction=min(1.0, known.fraction))
        if isinstance(value, Failure):
            return OutputStatus(index=index, name=name, state="failed", error=value.error)
        if len(value) > _MOST_RESULT_BYTES:
            text = f"a result of {len(value) / 1e6:.1f} MB"
            return OutputStatus(index=index, name=name, state="done", fraction=1.0, text=text)
        told = self._told.get((job.id, index)) or Told()
        made = self._pictures.get((job.id, index))
        return OutputStatus(
            index=index,
            name=name,
            state="done",
            fraction=1.0,
            paths=told.paths,
            text=told.text,
            has_picture=told.has_picture and (made is None or made.jpeg is not None or made.is_due),
        )

    def read_soon(self, job: Job, start: int = 0) -> None:
        """Have the results of a page read, unless they were."""
        key = job.id, start
        if key not in self._reading and self._unread(job, start):
            self._reading[key] = task = asyncio.create_task(self.read(job, start))
            task.add_done_callback(lambda _: self._reading.pop(key, None))

    async def read(self, job: Job, start: int = 0) -> None:
        """Read what the results of a page tell; those that cannot be read tell nothing."""
        if not (unread := self._unread(job, start)):
            return
        results = list(unread.values())
        told = await self._apart(tell, results, seconds=_TELL_SECONDS) or [Told()] * len(unread)
        for index, each in zip(unread, told, strict=True):
            self._told.keep((job.id, index), each)

    def _unread(self, job: Job, start: int) -> dict[int, bytes]:
        stop = min(start + PAGE_OUTPUTS, job.spec.groups)
        return {
            index: value
            for index, value in enumerate(job.values[start:stop], start)
            if isinstance(value, bytes)
            and len(value) <= _MOST_RESULT_BYTES
            and self._told.get((job.id, index)) is None
        }

    async def picture(self, job: str, index: int) -> bytes | None:
        """Return a thumbnail of a group's output as a JPEG; None where there is none.

        Parameters
        ----------
        job
            The job's id.
        index
            The group's place, 0-based.
        """
        key = job, index
        async with self._one_at_a_time:
            made = self._pictures.get(key)
            if made is None or (made.jpeg is None and made.is_due):
                if (result := self._result(job, index)) is None:
                    return None
                made = _Picture(await self._apart(thumbnail, result, seconds=_PICTURE_SECONDS))
                self._pictures.keep(key, made)
            return made.jpeg

    def _result(self, job: str, index: int) -> bytes | None:
        try:
            known = self._state.job(job)
        except UnknownJob:
            return None
        value = known.values[index] if 0 <= index < known.spec.groups else None
        return value if isinstance(value, bytes) and len(value) <= _MOST_RESULT_BYTES else None

    async def _apart(self, function: Callable[..., V], argument: object, *, seconds: float) -> V | None:
        try:
            return await asyncio.to_thread(apart, function, argument, seconds=seconds, where="a result")
        except Exception as error:  # of somebody's object or file: the page goes on without it
            _logger.debug("a result tells nothing: %s", error)
            return None


@dataclass
class _UnderWay:
    """A group of which units are on their way."""

    state: Literal["running", "paused", "waiting"] = "waiting"
    fraction: float = 0.0
    """How much of it is done."""


def _under_way(job: Job) -> dict[int, _UnderWay]:
    """The groups under way, by their places: how far each is, by units and the frames of those that run."""
    if isinstance(job, GraphJob):
        return {0: _UnderWay("running" if job.running else "waiting", job.tasks_done / max(job.tasks, 1))}
    assert isinstance(job, DeliveryJob)
    found = {index: _UnderWay(fraction=fraction) for index, fraction in job.progress.items()}
    for unit in job.in_flight:
        for group in (target.group for target in unit.targets if target.group.job is job):
            each = found.setdefault(group.index, _UnderWay())
            each.fraction += unit.fraction_done / (len(group.results) + group.plan.joins)
            if unit.batch is not None and unit.batch.current is unit:
                if unit.batch.state in ON_SLOT:
                    each.state = "running"
                elif unit.batch.state in ASIDE and each.state == "waiting":
                    each.state = "paused"
    return found
