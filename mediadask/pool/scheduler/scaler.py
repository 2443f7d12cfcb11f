"""Keeps a scheduler's workers at what the policy wishes, and has Dask's own tools hear the same wish."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from contextlib import suppress
from dataclasses import replace
from itertools import chain, islice
from time import monotonic, time
from typing import TYPE_CHECKING, ClassVar, Literal

from distributed import SchedulerPlugin
from sqlalchemy.exc import SQLAlchemyError

from mediadask.pool.scaling.actuator import adjust
from mediadask.pool.scaling.policy import ScalingPolicy, Snapshot, TierState, Wish, Work, WorkerState
from mediadask.pool.scheduler.graphs import is_withheld
from mediadask.pool.worker.workbench import GRAPH_JOB

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from distributed import Scheduler
    from distributed.scheduler import TaskState
    from distributed.scheduler import WorkerState as DaskWorker

    from mediadask.pool.scaling.actuator import Actuator
    from mediadask.pool.scaling.predict import Predictor
    from mediadask.pool.scheduler.backlog import JobRecord
    from mediadask.pool.scheduler.bookkeeping import Bookkeeper

__all__ = ["Scaler", "dask_work", "remaining_work"]

_logger = logging.getLogger(__name__)

_INTERVAL_SECONDS = 1.0
_PAUSE_SECONDS = 0.1
"""Between two looks, however much happens."""

_SAMPLE = 100
_UNKNOWN_TASK_SECONDS = 0.5
"""As Dask takes it."""

_SPENT_SHARE = 0.05
"""So much of the time may go into adding up what was spent."""


class Scaler(SchedulerPlugin):
    """Register it with the scheduler after the `Bookkeeper`.

    Parameters
    ----------
    actuator
        Brings and takes workers. Without one the wish is only told: to ``adaptive_target``, to metrics.
    work
        What every open job still has to do; called in the event loop once a second.
    kept
        The addresses of workers that must stay although Dask sees nothing running on them, such as those with
        units that stand aside.
    evacuate
        Called with the addresses of workers that must leave although they run something; returns when their
        units have given their work back.
    """

    name: ClassVar[str] = "mediadask-scaler"
    idempotent: ClassVar[bool] = True

    def __init__(
        self,
        books: Bookkeeper,
        actuator: Actuator | None,
        work: Callable[[], Iterable[Work]],
        *,
        kept: Callable[[], Iterable[str]] = tuple,
        evacuate: Callable[[Sequence[str]], Awaitable[None]] | None = None,
    ) -> None:
        self.books, self.actuator = books, actuator
        self.policy = ScalingPolicy(books.config)
        self.wish = Wish(dict.fromkeys(books.config.tiers, 0))
        self.reclaimed: set[str] = set()
        """Tiers whose owner wants them back."""

        self.spent: dict[str, float] = {}
        """By the names of budgets, as of some seconds ago."""

        self._work, self._kept, self._evacuate = work, kept, evacuate
        self._idle_since: dict[str, float] = {}
        self._next_spent = 0.0
        self._adding_up: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    async def start(self, scheduler: Scheduler) -> None:
        """Look at the pool once a second from now on."""
        self.scheduler = scheduler
        scheduler.adaptive_target = self.adaptive_target
        scheduler.handlers["adaptive_target"] = self.adaptive_target
        self._task = asyncio.create_task(self._run())

    def adaptive_target(self, target_duration: float | None = None) -> int:
        """How many workers there should be, for tools that ask Dask; the policy knows the durations."""
        return self.wish.total

    def budget_state(self, show: str) -> Literal["ok", "warn", "background", "hold"]:
        """What a show's budget says of its work now."""
        name = self.books.config.budgeted(show)
        return "ok" if name is None else self.books.config.budgets[name].state(self.spent.get(name, 0.0))

    def held(self, show: str) -> str:
        """Why nothing more of a show's work begins; empty where it may."""
        return self._of_budget(show) if self.budget_state(show) == "hold" else ""

    def notice(self, show: str) -> str:
        """What whoever works for `show` shall know: its budget is nearly spent, or no worker comes."""
        parts = (self._of_budget(show), self.trouble() or self._nobody())
        return "; ".join(part for part in parts if part)

    def _nobody(self) -> str:
        if self.actuator is not None or self.scheduler.workers:
            return ""
        return (
            f"no worker is there: start `dask worker {self.scheduler.address}`; work goes on when one comes"
        )

    def _of_budget(self, show: str) -> str:
        name = self.books.config.budgeted(show)
        if name is None:
            return ""
        return self.books.config.budgets[name].notice(show, self.spent.get(name, 0.0), self.currency)

    def trouble(self) -> str:
        """Why there is no worker although there should be; empty where all is well."""
        return "" if self.actuator is None or self.scheduler.workers else self.actuator.trouble()

    @property
    def currency(self) -> str:
        """As configured."""
        return self.books.config.currency

    def reclaim(self, tier: str, reclaimed: bool = True) -> None:
        """The owner of a tier's workers wants them back, or gives them again.

        Raises
        ------
        InvalidRequest
            There is no such tier.
        """
        self.books.config.tier_named(tier)
        if reclaimed:
            self.reclaimed.add(tier)
        else:
            self.reclaimed.discard(tier)
        self.look_soon()

    def look_soon(self) -> None:
        """There is news: do not wait for the second to pass."""
        self._news.set()

    def valid_workers_downscaling(self, scheduler: Scheduler, workers: list[DaskWorker]) -> list[DaskWorker]:
        """The workers that Dask's own tools may take: none that runs something."""
        kept = set(self._kept())
        return [worker for worker in workers if not worker.processing and worker.address not in kept]

    async def before_close(self) -> None:
        """The scheduler closes: so do the workers."""
        self._task.cancel()
        if self._adding_up is not None:
            self._adding_up.cancel()
        if self.actuator is not None:
            await self.actuator.close()

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except Exception:
                # Workers may be hard to get for a while; the pool goes on with those it has.
                _logger.exception("scaling failed, trying again")
            await asyncio.sleep(_PAUSE_SECONDS)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), _INTERVAL_SECONDS - _PAUSE_SECONDS)
            self._news.clear()

    async def look(self) -> None:
        """Look at the pool, decide, act."""
        if self.books.config.budgets and self._adding_up is None and monotonic() >= self._next_spent:
            self._adding_up = asyncio.create_task(self._add_up())
        there = {} if self.actuator is None else await self.actuator.state()
        snapshot = self.snapshot(there)
        self.wish = self.policy.decide(snapshot)
        if self.actuator is None:
            return
        await self._retire(snapshot)
        before = {name for names in there.values() for name in names}
        await adjust(self.actuator, self.wish)
        listed = {name for names in (await self.actuator.state()).values() for name in names}
        for name in listed - before:
            self.books.requested_at.setdefault(name, monotonic())
        for never_came in self.books.requested_at.keys() - listed:
            del self.books.requested_at[never_came]

    async def _add_up(self) -> None:
        # Beside the looks: neither a slow database nor loading pandas holds up a worker.
        seconds = await asyncio.to_thread(self._read_spent)
        self._next_spent = monotonic() + seconds / _SPENT_SHARE
        self._adding_up = None
        self.look_soon()

    def _read_spent(self) -> float:
        """Set `spent`. Returns the seconds that this took."""
        from mediadask.pool.ledger.costs import spent  # pandas: only pools that keep budgets need it

        begun = monotonic()
        try:
            self.spent = spent(self.books.ledger.engine, self.books.config)
        except SQLAlchemyError as error:
            # Workers come and go by what was known: the ledger itself says in the log that it is away.
            _logger.debug("what was spent is not to be had: %s", error)
        return monotonic() - begun

    def snapshot(self, there: Mapping[str, Sequence[str]]) -> Snapshot:
        """What the policy decides on; `there` are the workers of each tier that were asked for."""
        now, kept = monotonic(), set(self._kept())
        config = self.books.config
        workers = []
        for address, worker in self.scheduler.workers.items():
            # What it holds in memory is the result of somebody's future: units hand theirs over.
            running = len(worker.processing) + (address in kept) + bool(worker.has_what)
            if running:
                self._idle_since.pop(address, None)
            idle = now - self._idle_since.setdefault(address, now) if not running else 0.0
            name = str(worker.name)
            workers.append(WorkerState(name, config.tier_of(name), worker.nthreads, running, idle))
        for gone in self._idle_since.keys() - self.scheduler.workers.keys():
            del self._idle_since[gone]
        arrived = {worker.name for worker in workers}
        tiers = {
            tier: TierState(
                tuple(name for name in there.get(tier, ()) if name not in arrived),
                self.books.startup_seconds.get(tier),
                tier in self.reclaimed,
            )
            for tier in config.tiers
        }
        return Snapshot(now, tuple(self._work()), tuple(workers), tiers, self.spent)

    async def _retire(self, snapshot: Snapshot) -> None:
        """Have workers leave in order: data moved, nothing new sent to them, before their processes end."""
        leaving = {name: address for name, address in self._addresses().items() if name in self.wish.stop}
        busy = {worker.name for worker in snapshot.workers if worker.running}
        if self._evacuate is not None and (running := [leaving[name] for name in leaving if name in busy]):
            await self.scheduler.retire_workers(workers=running, close_workers=False, remove=False)
            await self._evacuate(running)
        if leaving:
            await self.scheduler.retire_workers(workers=list(leaving.values()), close_workers=False)

    def _addresses(self) -> dict[str, str]:
        return {str(worker.name): address for address, worker in self.scheduler.workers.items()}


def dask_work(scheduler: Scheduler, priority: str, ours: str) -> dict[str, Work]:
    """What Dask's own tasks still have to do: of each job that is a graph, by its id; of all others under "".

    Parameters
    ----------
    priority
        The class they are sized for.
    ours
        The client whose tasks are jobs': those that are no graph's are units, and counted there.
    """

    def by_job(tasks: Iterable[TaskState]) -> dict[str, list[TaskState]]:
        found = defaultdict(list)
        for task in tasks:
            job = (task.annotations or {}).get(GRAPH_JOB, "")
            if job or all(client.client_key != ours for client in task.who_wants or ()):
                found[job].append(task)
        return found

    running = by_job(task for worker in scheduler.workers.values() for task in worker.processing)
    without_worker = [task for task in scheduler.unrunnable if not is_withheld(task)]
    sample = list(islice(chain(scheduler.queued, without_worker), _SAMPLE))
    waiting = by_job(sample)
    # Like Dask's own estimate: the first hundred stand for all.
    each_stands_for = (len(scheduler.queued) + len(without_worker)) / max(len(sample), 1)
    work = {}
    for job in {"", *running, *waiting}:
        now = [_dask_seconds(task) for task in running.get(job, ())]
        later = [_dask_seconds(task) for task in waiting.get(job, ())]
        units = len(now) + round(len(later) * each_stands_for)
        seconds = sum(now) + sum(later) * each_stands_for
        longest = max((*now, *later), default=0.0)
        work[job] = Work(priority, units, seconds, longest_seconds=longest, running=len(now))
    return work


def _dask_seconds(task: TaskState) -> float:
    known: float = task.prefix.duration_average
    return known if known >= 0 else _UNKNOWN_TASK_SECONDS


def remaining_work(job: JobRecord, predictor: Predictor, tasks: Work | None = None) -> Work:
    """What `job` still has to do, as far as it is planned, and in proportion beyond.

    Parameters
    ----------
    tasks
        Those of Dask's own, if it is a graph.
    """
    tickets = [*job.first, *job.planned, *job.in_flight]
    each = [
        predictor.seconds(ticket.unit.kind, ticket.unit.frames, ticket.unit.seconds)
        * (1 - min(0.95, ticket.fraction_done()))
        for ticket in tickets
    ]
    groups_left = job.groups - job.next_group
    units_a_group = job.units_planned / job.next_group if job.next_group else 1.0
    unplanned = groups_left * max(units_a_group, 1.0)
    mean = sum(each) / len(each) if each else predictor.seconds("", 1)
    work = Work(
        priority=job.priority,
        units=len(tickets) + round(unplanned),
        seconds=sum(each) + unplanned * mean,
        longest_seconds=max(each, default=mean),
        running=sum(ticket.state in ("running", "asked") for ticket in job.in_flight),
        waited_seconds=monotonic() - job.submitted_at,
        deadline_seconds=None if job.deadline is None else job.deadline.timestamp() - time(),
        show=job.show,
    )
    if tasks is None:
        return work
    return replace(
        work,
        units=work.units + tasks.units,
        seconds=work.seconds + tasks.seconds,
        longest_seconds=tasks.longest_seconds,
        running=tasks.running,
    )
