"""The jobs of a pool and their units in flight: whose turn it is, who waits for what, where results go."""

from __future__ import annotations

from collections import Counter
from itertools import count
from time import monotonic
from typing import TYPE_CHECKING, Any

from mediadask.delivery import Failure
from mediadask.errors import MediaError
from mediadask.pool.history import JobEnded, JobReprioritized, JobSubmitted, Record
from mediadask.pool.scheduler.archive import Archive
from mediadask.pool.scheduler.backlog import JobRecord, Ticket
from mediadask.pool.scheduler.dispatch import Dispatch
from mediadask.pool.scheduler.graphs import Graphs
from mediadask.pool.scheduler.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from distributed import Client, Scheduler

    from mediadask.delivery import Delivery
    from mediadask.pool.config import PoolConfig
    from mediadask.pool.history import EndedStatus

__all__ = ["Worklist"]


class Worklist:
    """All jobs that have not ended, and the latest of those that have. In the scheduler's event loop.

    Parameters
    ----------
    client
        By which what is in flight enters Dask.
    is_held
        Whether nothing more of this show's work may begin.
    news
        Called where the pool is to be looked at again.
    record
        Takes note of events.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        client: Client,
        config: PoolConfig,
        *,
        is_held: Callable[[str], bool],
        news: Callable[[], None],
        record: Callable[[Record], None],
    ) -> None:
        self.record, self.news = record, news
        self.dispatch = Dispatch(scheduler, client, self)
        self.graphs = Graphs(scheduler, client, self)
        self._config, self._is_held = config, is_held
        self._open: dict[str, JobRecord] = {}
        self._turns = Turns(is_held)
        self._unplanned: dict[str, JobRecord] = {}
        self._archive = Archive()
        self._numbers = count()
        self._shared: dict[str, Ticket] = {}
        self._in_flight: Counter[tuple[int, str]] = Counter()

    # Jobs.

    def __iter__(self) -> Iterator[JobRecord]:
        """All that are known, first come first."""
        return iter(sorted((*self._archive, *self._open.values()), key=lambda job: job.number))

    def open(self) -> list[JobRecord]:
        """Those that have not ended."""
        return list(self._open.values())

    def unplanned(self) -> list[JobRecord]:
        """Those of them that have more to plan, and that no budget holds."""
        for job in [each for each in self._unplanned.values() if each.fully_planned]:
            del self._unplanned[job.id]
        return [job for job in self._unplanned.values() if not self.holds(job)]

    def described(self, job: JobRecord) -> dict[str, Any]:
        """As `JobRecord.description`, with what Dask alone knows of a graph."""
        return {**job.description(), **self.graphs.described(job)}

    def holds(self, job: JobRecord) -> bool:
        """Whether nothing more of it begins."""
        return self._is_held(job.show)

    def job(self, id: str) -> JobRecord:
        """The one with this id.

        Raises
        ------
        MediaError
            It is not known, or not any more.
        """
        job = self._open.get(id) or self._archive.get(id)
        if job is None:
            raise MediaError(
                "the pool no longer keeps this job", where=id, do="`mediadask jobs` tells its end"
            )
        return job

    def add(
        self,
        id: str,
        name: str,
        show: str,
        priority: str,
        deadline: datetime | None,
        delivery: Delivery,
        payload: bytes,
        submitted: datetime,
        waited_seconds: float,
    ) -> JobRecord:
        """A delivery, pickled as `payload`, becomes a job."""
        job = JobRecord(
            id=id,
            name=name,
            show=show,
            priority=priority,
            order=self._config.classes[priority].order,
            deadline=deadline,
            delivery=delivery,
            payload=payload,
            number=next(self._numbers),
            submitted_at=monotonic() - waited_seconds,
        )
        self._open[job.id] = self._unplanned[job.id] = job
        self._turns.add(job)
        self.record(
            JobSubmitted(
                job=job.id,
                name=name,
                show=show,
                priority=priority,
                deadline=deadline,
                groups=job.groups,
                kind=delivery.name,
                payload=payload if self._config.name else None,  # of no use where nobody takes it up
                at=submitted,
            )
        )
        self._end_if_settled(job)
        self.news()
        return job

    def reprioritize(
        self, job: JobRecord, priority: str, deadline: datetime | None, reason: str = ""
    ) -> None:
        """Another class or deadline, at once: units in Dask's queue are called back, running ones stay."""
        if job.status != "running":
            return  # what has been is not counted under another class
        self._turns.remove(job)
        job.priority, job.deadline = priority, deadline
        job.order = self._config.classes[priority].order
        self._turns.add(job)
        self.graphs.reorder(job)
        self.record(JobReprioritized(job=job.id, priority=priority, deadline=deadline, reason=reason))
        self.dispatch.recall(list(job.in_flight))
        self._count(job.in_flight, -1)
        self.dispatch.occupancy.reorder([*job.in_flight, *job.first, *job.planned])
        self._count(job.in_flight, +1)
        self.news()

    def hold(self, job: JobRecord) -> None:
        """What of it waits in Dask for a slot begins no more, unless another job waits for the same."""
        self.dispatch.recall(
            [ticket for ticket in job.in_flight if all(self.holds(each) for each in ticket.payers)]
        )
        self.graphs.withhold(job)

    def let_go_on(self, job: JobRecord) -> None:
        """It is held no more."""
        self.graphs.let_go_on(job)

    def at_rest(self, job: JobRecord) -> bool:
        """Whether nothing of it is on a worker."""
        return not any(ticket.bundle and ticket.bundle.worker for ticket in job.in_flight) and not (
            self.graphs.running(job)
        )

    def cancel(self, job: JobRecord, reason: str = "") -> None:
        """Nothing of it starts any more, and what runs stops at its next checkpoint."""
        if job.status == "running":
            job.error = job.error or reason
            self._end(job, "cancelled")
            self._drop(job.in_flight)
            self.graphs.drop(job)
        self.news()

    def fail(self, job: JobRecord, error: Exception) -> None:
        """It cannot go on."""
        if job.status == "running":
            job.abandon(Failure.of(error))
            self._end(job, "failed")
            for ticket in [each for each in job.in_flight if each.bundle is None]:
                self.came_back(ticket)
            self._drop(job.in_flight)
            self.graphs.drop(job)

    def _end_if_settled(self, job: JobRecord) -> None:
        if job.status == "running" and job.settled:
            self._end(job, "failed" if job.error else "done")

    def _end(self, job: JobRecord, status: EndedStatus) -> None:
        waiting = job.end(status)
        del self._open[job.id]
        self._turns.remove(job)
        self._unplanned.pop(job.id, None)
        self._archive.keep(job)
        for ticket in reversed(waiting):
            self._put_first(ticket)
        self.record(
            JobEnded(
                job=job.id,
                status=status,
                seconds=job.seconds,
                running_seconds=job.seconds,
                groups_done=job.groups_done,
                groups_failed=job.groups_failed,
                error=job.error,
            )
        )

    # Units on their way into Dask.

    def next(self) -> JobRecord | None:
        """The job whose unit goes next."""
        return self._turns.next(self._in_flight)

    def claim(self, ticket: Ticket) -> bool:
        """Enter it as in flight; False if an equal unit is already, which then serves both."""
        twin, raised = self._shared.get(ticket.key), False
        if twin is not None:
            before = twin.order, twin.deadline
            self._count([twin], -1)
            twin.places += ticket.places
            self.dispatch.occupancy.reorder([twin])
            raised = (twin.order, twin.deadline) < before
            ticket, owned = twin, False
        else:
            self._shared[ticket.key] = ticket
            owned = True
        self._count([ticket], +1)
        for place in ticket.places:
            place.group.job.in_flight.add(ticket)
            place.group.tickets.add(ticket)
        if raised:  # in Dask's queue it stands where it was entered: it comes back, and goes first
            self.dispatch.recall([ticket])
        return owned

    # What becomes of them: told by `dispatch` and `graphs`.

    def ended(self, ticket: Ticket, value: bytes | Failure, transient: bool) -> None:
        """A unit returned or failed: try it again, or put its result where it belongs."""
        if isinstance(value, Failure) and transient and ticket.failures < self._config.retries:
            ticket.failures += 1
            self.came_back(ticket)
            return
        self._land(ticket)
        unwanted: list[Ticket] = []
        for place in ticket.places:
            unwanted += place.group.job.settle(place, value, ticket.frames)
        self._drop(unwanted)
        for job in ticket.jobs:
            self._end_if_settled(job)

    def came_back(self, ticket: Ticket) -> None:
        """A unit is off Dask without a result: it goes first when its job is next, if anybody wants it."""
        self._land(ticket)
        self._put_first(ticket)

    def begin_again(self, job: JobRecord) -> None:
        """A graph is to be entered once more."""
        job.next_group = 0
        self._unplanned[job.id] = job
        self.news()

    def computed(self, job: JobRecord, value: bytes | Failure) -> None:
        """A graph has ended."""
        if job.status == "running":
            job.compute(value)
            self._end_if_settled(job)

    def _put_first(self, ticket: Ticket) -> None:
        """In front of the most urgent of the jobs that still wait for it: others may have been cancelled."""
        if wanting := [place for place in ticket.places if place.is_open]:
            ticket.places = wanting
            ticket.reorder()
            job = min(ticket.jobs, key=lambda job: (self.holds(job), job.order))
            job.first.appendleft(ticket)

    def _land(self, ticket: Ticket) -> None:
        self._shared.pop(ticket.key, None)
        self._count([ticket], -1)
        for place in ticket.places:
            place.group.job.in_flight.discard(ticket)
            place.group.tickets.discard(ticket)

    def _count(self, tickets: Iterable[Ticket], by: int) -> None:
        for ticket in tickets:
            self._in_flight[ticket.order, ticket.jobs[0].show] += by

    def _drop(self, tickets: Iterable[Ticket]) -> None:
        tickets = list(tickets)
        self.dispatch.occupancy.reorder(tickets)
        self.dispatch.drop(ticket for ticket in tickets if not ticket.wanted)
