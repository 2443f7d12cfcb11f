"""The scheduler's side of a pool: holds the jobs, feeds their units to Dask in order, hands out results.

It lives inside the scheduler, so a job outlives the client that submitted it. Units enter Dask through a
bounded window and wait there in the scheduler's own queue, most urgent first, until a slot is free. All
methods run in the scheduler's event loop; what may take long (loading a delivery, planning) runs in threads.

``dask scheduler --preload mediadask.pool.foreman`` brings a scheduler up as a pool.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from importlib import import_module
from itertools import count
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

from distributed import Client, SchedulerPlugin
from distributed.protocol.pickle import dumps, loads

from mediadask.delivery import Failure
from mediadask.errors import InvalidRequest, MediaError
from mediadask.pool.backlog import JobRecord, Ticket, next_job
from mediadask.pool.bundle import BUNDLE_UNITS, Bundle, take_bundle
from mediadask.pool.config import load_config
from mediadask.pool.dispatch import Dispatch
from mediadask.pool.events import Event, JobEnded, JobReprioritized, JobSubmitted, new_id, utc_now
from mediadask.pool.graphs import Computation, Graphs
from mediadask.pool.local_workers import LocalWorkers
from mediadask.pool.watch import Watch
from mediadask.pool.workbench import REPORT, Workbench

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distributed import Scheduler

    from mediadask.delivery import Delivery, Unit
    from mediadask.pool.config import PoolConfig
    from mediadask.pool.ledger import OrphanedJob

__all__ = ["Foreman", "dask_setup"]

_logger = logging.getLogger(__name__)
_PULSE_SECONDS = 0.5
_EVACUATION_SECONDS = 20.0
"""A unit that makes no checkpoint for so long is lost with its worker, and begins again elsewhere."""

_FAREWELL_SECONDS = 5.0
_OWN_CLIENTS = 2
"""The foreman's, and the one that a Dask scheduler always has for work that nobody waits for."""

_LOOK_SECONDS = 0.05
_KEPT_JOBS = 1000
_KEPT_BYTES = 128 << 20
"""Of the results of jobs that have ended; those of the latest are kept whatever their size."""

_VALUE_BYTES = 50
"""What Python needs to hold one, besides itself."""

_PAGE_BYTES = 4 << 20
_LAST = 1 << 30


class Foreman(SchedulerPlugin):
    """Runs the jobs of a pool on the scheduler it is registered with.

    Parameters
    ----------
    config
        By default what `dask.config` says where the scheduler runs.
    local
        Whether the pool brings its workers itself, as processes of the scheduler's machine.
    at_once
        So many of them without waiting for work.
    """

    name: ClassVar[str] = "mediadask-foreman"
    idempotent: ClassVar[bool] = True

    def __init__(self, config: PoolConfig | None = None, *, local: bool = False, at_once: int = 0) -> None:
        self._given, self._local, self._at_once = config, local, at_once

    async def start(self, scheduler: Scheduler) -> None:
        """Take up work on this scheduler."""
        if (starting := scheduler.extensions.get(self.name)) is not None:
            await starting.wait()  # two clients came at once; the other one's foreman serves both
            return
        starting = scheduler.extensions[self.name] = asyncio.Event()
        config = load_config() if self._given is None else self._given
        workers = LocalWorkers(
            scheduler.address, config.tiers, security=scheduler.security, silence_logs=logging.CRITICAL
        )
        try:
            await self._start(scheduler, config, workers if self._local else None)
        except BaseException:
            del scheduler.extensions[self.name]
            await workers.close()
            raise
        finally:
            starting.set()

    async def _start(self, scheduler: Scheduler, config: PoolConfig, actuator: LocalWorkers | None) -> None:
        asked_at = monotonic()
        if actuator is not None:
            await actuator.start(self._at_once, next(iter(config.tiers)))
        self.scheduler, self.config = scheduler, config
        self.jobs: dict[str, JobRecord] = {}
        self._open: dict[str, JobRecord] = {}
        self._ended: deque[tuple[JobRecord, int]] = deque()
        self._kept_bytes = 0
        self._numbers = count()
        self._shared: dict[str, Ticket] = {}
        self._in_flight: Counter[tuple[int, str]] = Counter()
        self._planners = ThreadPoolExecutor(4, thread_name_prefix="mediadask-plan")
        self._tasks: set[asyncio.Task[None]] = set()
        self._round_due = self._draining = False
        self._generation = 0
        self._name = config.name or scheduler.address
        # With 1.0 no unit is sent to a worker before its slot is free; at Dask's 1.1 every thread
        # holds one more low unit than it runs, and an urgent one waits for it.
        scheduler.WORKER_SATURATION = 1.0
        client = await Client(
            scheduler.address,
            asynchronous=True,
            set_as_default=False,
            security=scheduler.security,
            name=self.name,
        )
        self._dispatch = Dispatch(scheduler, client, self)
        self._graphs = Graphs(scheduler, client, self)
        # Workers import this package too, and have no use for databases.
        steward = await asyncio.to_thread(import_module, "mediadask.pool.steward")
        self._steward = await steward.Steward.attach(
            scheduler,
            self.config,
            self.jobs.values,
            client.id,
            name=self.config.name or "embedded",
            actuator=actuator,
            asked_at=asked_at,
            kept=self._dispatch.workers_with_units,
            evacuate=self._evacuate,
        )
        self._watch = Watch(scheduler, self._dispatch, self._steward.books.predictor, config)
        for serve in (
            self.submit,
            self.describe,
            self.wait,
            self.values,
            self.delivery,
            self.cancel,
            self.reprioritize,
            self.report_table,
            self.reclaim,
            self.status,
            self.down,
            self.dashboard,
        ):
            scheduler.handlers[f"mediadask_{serve.__name__}"] = serve
        scheduler.stream_handlers[REPORT] = self.report
        await scheduler.register_worker_plugin(None, dumps(Workbench()), name=Workbench.name, idempotent=True)
        if config.name is not None:
            for orphan in await asyncio.to_thread(self._steward.books.ledger.take_over):
                await self._take_up(orphan)
        self._spawn(self._pulse())

    async def before_close(self) -> None:
        """The scheduler closes. What is unfinished ends with it, unless a pool of its name can go on."""
        if self.config.name is None:
            for job in list(self._open.values()):
                job.error = job.error or "its pool was closed"
                self._end(job, "cancelled")
        for task in self._tasks:
            task.cancel()
        self._watch.close()
        self._planners.shutdown(wait=False, cancel_futures=True)
        await self._dispatch.client.close()
        await self._steward.close()

    def record(self, event: Event) -> None:
        """Take note of what happened."""
        self._steward.record(event)

    # What clients ask for.

    async def submit(
        self, name: str, show: str, priority: str | None, deadline: str | None, payload: bytes
    ) -> dict[str, Any]:
        """A delivery becomes a job. Returns its description."""
        if self._draining:
            raise InvalidRequest("the pool takes no more jobs: it is going down", where=self._name)
        priority = self.config.class_named(priority)
        delivery = await asyncio.to_thread(loads, payload)
        due = datetime.fromisoformat(deadline) if deadline else None
        job = self._begin(new_id(), name, show, priority, due, delivery, payload, utc_now())
        return self._described(job)

    def _begin(
        self,
        id: str,
        name: str,
        show: str,
        priority: str,
        deadline: datetime | None,
        delivery: Delivery,
        payload: bytes,
        submitted: datetime,
    ) -> JobRecord:
        job = JobRecord(
            id=id,
            name=name,
            show=show,
            priority=priority,
            order=self.config.classes[priority].order,
            deadline=deadline,
            delivery=delivery,
            number=next(self._numbers),
            submitted_at=monotonic() - max(0.0, (utc_now() - submitted).total_seconds()),
        )
        self.jobs[job.id] = self._open[job.id] = job
        self.record(
            JobSubmitted(
                job=job.id,
                name=name,
                show=show,
                priority=priority,
                deadline=deadline,
                groups=len(delivery),
                kind=delivery.name,
                payload=payload if self.config.name else None,  # of no use where nobody takes it up
                at=submitted,
            )
        )
        self._end_if_settled(job)
        self.round_soon()
        return job

    async def _take_up(self, orphan: OrphanedJob) -> None:
        """Go on with a job that a pool of this name left unfinished. What it has committed is found again."""
        priority = orphan.priority if orphan.priority in self.config.classes else self.config.default_class
        try:
            delivery = await asyncio.to_thread(loads, orphan.payload)
        except Exception as error:
            reason = f"the restarted pool cannot read it: {Failure.of(error).error}"
            seconds = max(0.0, (utc_now() - orphan.submitted).total_seconds())
            self.record(
                JobEnded(job=orphan.job, status="failed", seconds=seconds, running_seconds=0.0, error=reason)
            )
            return
        fields = orphan.name, orphan.show, priority, orphan.deadline, delivery, orphan.payload or b""
        self._begin(orphan.job, *fields, orphan.submitted)

    async def describe(self, jobs: list[str] | None = None) -> list[dict[str, Any]]:
        """What is known of these jobs, or of all, first come first."""
        return [
            self._described(job) for job in (self.jobs.values() if jobs is None else map(self._job, jobs))
        ]

    def _job(self, job: str) -> JobRecord:
        if job not in self.jobs:
            raise MediaError(
                "the pool no longer keeps this job", where=job, do="`mediadask jobs` tells its end"
            )
        return self.jobs[job]

    async def wait(self, job: str, timeout: float) -> dict[str, Any]:
        """Its description when it has ended, or after `timeout` seconds."""
        record = self._job(job)
        with suppress(TimeoutError):
            await asyncio.wait_for(record.ended.wait(), timeout)
        return self._described(record)

    def _described(self, job: JobRecord) -> dict[str, Any]:
        scaler, described = self._steward.scaler, {**job.description(), **self._graphs.described(job)}
        if job.status != "running":
            return {**described, "notice": "", "trouble": ""}
        begun = any(
            described[key] for key in ("units_running", "units_paused", "units_done", "groups_failed")
        )
        return {
            **described,
            "status": "running" if begun else "waiting",
            "notice": scaler.notice(job.show),
            "trouble": scaler.trouble(),
        }

    async def values(self, job: str, start: int) -> bytes:
        """Pickled: groups' values from `start` on, as many as fit a message, each bytes or a `Failure`."""
        page, size = [], 0
        for value in self._job(job).values[start:]:
            page.append(value)
            size += len(value) if isinstance(value, bytes) else 200
            if size > _PAGE_BYTES:
                break
        return bytes(dumps(page))

    async def delivery(self, job: str) -> bytes:
        """The delivery itself, for a client that did not submit it."""
        return bytes(dumps(self._job(job).delivery))

    async def cancel(self, job: str) -> None:
        """Nothing of it starts any more, and what runs stops at its next checkpoint."""
        record = self._job(job)
        if record.status == "running":
            self._end(record, "cancelled")
            self._drop(record.in_flight)
            self._graphs.drop(record)
        self.round_soon()

    async def reprioritize(
        self, job: str, priority: str | None, deadline: str | None, reason: str = ""
    ) -> None:
        """Another class or deadline, at once: units in Dask's queue are called back, running ones stay."""
        record = self._job(job)
        if priority is not None:
            record.priority = self.config.class_named(priority)
        if deadline is not None:
            record.deadline = datetime.fromisoformat(deadline)
        record.order = self.config.classes[record.priority].order
        self._graphs.reorder(record)
        self.record(
            JobReprioritized(job=job, priority=record.priority, deadline=record.deadline, reason=reason)
        )
        self._dispatch.recall(list(record.in_flight))
        self._count(record.in_flight, -1)
        self._dispatch.reorder([*record.in_flight, *record.first, *record.planned])
        self._count(record.in_flight, +1)
        self.round_soon()

    async def report_table(self, report: str, by: str) -> bytes:
        """Pickled: the table `turnaround` or `costs` from the ledger."""
        table = await self._steward.table(report, by)
        return bytes(dumps(table))

    async def reclaim(self, tier: str, reclaimed: bool) -> None:
        """A tier's workers go, whatever they run, or may come again."""
        self._steward.scaler.reclaim(tier, reclaimed)

    async def status(self) -> dict[str, Any]:
        """Tiers with their workers, the jobs that have not ended, and what is wrong."""
        view = self._steward.view
        return {
            "name": self._name,
            "going_down": self._draining,
            "trouble": self._steward.scaler.trouble(),
            "because": self._steward.scaler.wish.because,
            "ledger_away_seconds": self._steward.books.ledger.away_seconds,
            "tiers": [
                {**tier, "reclaimed": tier["tier"] in self._steward.scaler.reclaimed} for tier in view.tiers()
            ],
            "jobs": [self._described(self.jobs[job["id"]]) for job in view.running()],
        }

    async def down(self, now: bool) -> None:
        """Take no more jobs; close the scheduler when those that run have ended, or now.

        What is not done by then is done by the next pool of the same name.
        """
        self._draining = True
        self._spawn(self._close_after(list(self._open.values()) if not now else []))

    async def _close_after(self, jobs: list[JobRecord]) -> None:
        for job in jobs:
            await job.ended.wait()
        give_up = monotonic() + _FAREWELL_SECONDS
        while jobs and len(self.scheduler.clients) > _OWN_CLIENTS and monotonic() < give_up:
            await asyncio.sleep(_LOOK_SECONDS)  # who waits for a result still fetches it
        self._closing = asyncio.create_task(self.scheduler.close(reason="pool down"))

    async def dashboard(self) -> None:
        """Serve the dashboard from now on."""
        await asyncio.to_thread(import_module, "mediadask.pool.dashboard")
        self._steward.show_page()

    async def _evacuate(self, workers: Sequence[str]) -> None:
        """Have the units of these workers give their work back; return when they have, or cannot in time."""
        self._dispatch.leave([each for each in self._dispatch.bundles.values() if each.worker in workers])
        give_up = monotonic() + _EVACUATION_SECONDS
        while self._dispatch.workers_with_units() & set(workers) and monotonic() < give_up:
            await asyncio.sleep(_LOOK_SECONDS)

    # What the scheduler and the workers tell.

    def transition(self, key: str, start: str, finish: str, *args: Any, **kwargs: Any) -> None:
        """A Dask task changed its state."""
        ours = self._dispatch.transition(key, start, finish)
        if ours or self._graphs.transition(key, start, finish, kwargs):
            self.round_soon()

    def report(self, worker: str, bundle: str, events: list[Any]) -> None:
        """A workbench tells what became of units."""
        self._dispatch.report(worker, bundle, events)
        self.round_soon()

    def add_worker(self, scheduler: Scheduler, worker: str) -> None:
        """A worker has come."""
        self.round_soon()

    def restart(self, scheduler: Scheduler) -> None:
        """Some client had Dask forget everything: jobs are not among it."""
        self._generation = self._dispatch.client.generation + 1
        self._dispatch.restarted()
        self.round_soon()

    def remove_worker(self, scheduler: Scheduler, worker: str, **kwargs: Any) -> None:
        """A worker is gone."""
        self._dispatch.remove_worker(worker)
        self.round_soon()

    # What becomes of units.

    def ended(self, ticket: Ticket, value: bytes | Failure, transient: bool) -> None:
        """A unit returned or failed: try it again, or put its result where it belongs."""
        if isinstance(value, Failure) and transient and ticket.failures < self.config.retries:
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

    def computed(self, job: JobRecord, value: bytes | Failure) -> None:
        """A graph has ended."""
        if job.status != "running":
            return
        job.values = [value]
        if isinstance(value, Failure):
            job.groups_failed, job.error = 1, value.error
        else:
            job.groups_done = 1
        self._end_if_settled(job)

    def came_back(self, ticket: Ticket) -> None:
        """A unit is off Dask without a result: it goes first when its job is next, if anybody wants it."""
        self._land(ticket)
        self._put_first(ticket)

    def _put_first(self, ticket: Ticket) -> None:
        """In front of the most urgent of the jobs that still wait for it: others may have been cancelled."""
        if wanting := [place for place in ticket.places if place.is_open]:
            ticket.places = wanting
            self._dispatch.reorder([ticket])
            job = min(ticket.jobs, key=lambda job: (self._is_held(job), job.order))
            job.first.appendleft(ticket)

    def _land(self, ticket: Ticket) -> None:
        self._shared.pop(ticket.key, None)
        self._count([ticket], -1)
        for place in ticket.places:
            place.group.job.in_flight.discard(ticket)
            place.group.tickets.discard(ticket)

    def _count(self, tickets: Any, by: int) -> None:
        for ticket in tickets:
            self._in_flight[ticket.order, ticket.jobs[0].show] += by

    def _drop(self, tickets: Any) -> None:
        tickets = list(tickets)
        self._dispatch.reorder(tickets)
        self._dispatch.drop(ticket for ticket in tickets if not ticket.wanted)

    def _end_if_settled(self, job: JobRecord) -> None:
        if job.status == "running" and job.settled:
            self._end(job, "failed" if job.groups_failed or job.error else "done")

    def _end(self, job: JobRecord, status: Any) -> None:
        job.status, job.seconds = status, monotonic() - job.submitted_at
        del self._open[job.id]
        self._keep(job)
        job.planned.clear()
        shared = list(job.first)
        job.first.clear()
        for ticket in reversed(shared):
            self._put_first(ticket)
        job.ended.set()
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

    def _keep(self, ended: JobRecord) -> None:
        """Results stay until they are too many: the oldest are dropped with their jobs."""
        size = sum(len(value) if isinstance(value, bytes) else 0 for value in ended.values)
        size += _VALUE_BYTES * len(ended.values)
        self._ended.append((ended, size))
        self._kept_bytes += size
        while len(self._ended) > _KEPT_JOBS or (self._kept_bytes > _KEPT_BYTES and len(self._ended) > 1):
            oldest, size = self._ended.popleft()
            self._kept_bytes -= size
            del self.jobs[oldest.id]

    # Rounds: whatever happened, look at everything once, soon.

    def round_soon(self) -> None:
        """Have a round when the loop has handled what it is handling."""
        if not self._round_due:
            self._round_due = True
            asyncio.get_running_loop().call_soon(self._round)

    def _round(self) -> None:
        self._round_due = False
        self._dispatch.drop_unwanted()
        self._feed()
        waiting = min((job.order for job in self._allowed() if job.has_ready), default=_LAST)
        self._dispatch.displace(waiting, self._graphs.waiting())
        self._dispatch.send_orders()
        for job in self._allowed():
            if isinstance(job.delivery, Computation) and not job.fully_planned:
                self._graphs.begin(job)
            if not job.planning and not job.fully_planned and len(job.planned) < self._window * job.bundled:
                job.planning = True
                self._spawn(self._plan(job))

    @property
    def _window(self) -> int:
        """How many bundles of a class and those above may wait in Dask's queue."""
        return self._threads * self.config.window

    @property
    def _threads(self) -> int:
        return max(int(self.scheduler.total_nthreads), 1)

    def _feed(self) -> None:
        """Fill the window: every class has one that only it and more urgent classes fill."""
        if self._dispatch.client.generation < self._generation:
            return  # it would drop what is entered before it hears of the restart
        batch: list[Bundle] = []
        allowed = self._allowed()
        counted = self._dispatch.count
        while (job := next_job(allowed, self._in_flight)) is not None:
            ahead = sum(
                number
                for (state, order), number in counted.items()
                if state in ("sent", "queued") and order <= job.order
            )
            if ahead + len(batch) >= self._window or (not batch and ahead > self._window // 2):
                break
            share = job.units_left // (2 * self._threads)
            if tickets := take_bundle(job, min(share, BUNDLE_UNITS), self._seconds_of, self._claim):
                batch.append(Bundle(tickets))
                job.bundled = len(tickets)
        self._dispatch.send(batch)

    def _seconds_of(self, unit: Unit) -> float | None:
        seconds: float | None = self._steward.books.predictor.average_seconds(unit.kind, unit.frames)
        return seconds

    def _allowed(self) -> list[JobRecord]:
        """The open jobs whose shows' budgets do not hold them."""
        return [job for job in self._open.values() if not self._is_held(job)]

    def _is_held(self, job: JobRecord) -> bool:
        return bool(self._steward.scaler.budget_state(job.show) == "hold")

    async def _heed_budgets(self) -> None:
        last = self.config.class_names[-1]
        for job in list(self._open.values()):
            state = self._steward.scaler.budget_state(job.show)
            if state == "background" and job.priority != last:
                await self.reprioritize(job.id, last, None, reason=f"the budget of {job.show} is spent")
            elif state == "hold":
                self._call_back(job)

    def _call_back(self, held: JobRecord) -> None:
        """Units that wait in Dask for slots begin no more, unless another job waits for the same."""
        allowed = set(map(id, self._allowed()))
        self._dispatch.recall(
            [ticket for ticket in held.in_flight if not any(id(job) in allowed for job in ticket.jobs)]
        )

    def _claim(self, ticket: Ticket) -> bool:
        """Enter it as in flight; False if an equal unit is already, which then serves both."""
        twin = self._shared.get(ticket.key)
        if twin is not None:
            self._count([twin], -1)
            twin.places += ticket.places
            self._dispatch.reorder([twin])
            ticket, owned = twin, False
        else:
            self._shared[ticket.key] = ticket
            owned = True
        self._count([ticket], +1)
        for place in ticket.places:
            place.group.job.in_flight.add(ticket)
            place.group.tickets.add(ticket)
        return owned

    async def _plan(self, job: JobRecord) -> None:
        # In threads of its own: where planning waits for a slow disk, nobody's submission does.
        many = 2 * self._window * job.bundled
        tickets = await asyncio.get_running_loop().run_in_executor(self._planners, job.plan, many)
        job.planning = False
        if job.status == "running":
            job.units_planned += len(tickets)
            job.planned += tickets
            self._steward.scaler.look_soon()
            self.round_soon()

    async def _pulse(self) -> None:
        while True:
            await asyncio.sleep(_PULSE_SECONDS)
            try:
                await self._heed_budgets()
                self._watch.look()
            except Exception:  # the pool goes on, and looks again
                _logger.exception("budgets or hanging units could not be looked at")
            self.round_soon()

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def dask_setup(scheduler: Scheduler) -> None:
    """Called by ``dask scheduler --preload mediadask.pool.foreman``."""
    await scheduler.register_scheduler_plugin(Foreman(), name=Foreman.name, idempotent=True)
