"""Bundles on Dask's slots: sent as stints, followed through the scheduler, paused, resumed, found again."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import groupby
from operator import itemgetter
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, Protocol

from dask._task_spec import Task
from distributed.protocol.pickle import dumps

from mediadask.delivery import Failure
from mediadask.pool.bundle import Bundle
from mediadask.pool.displacement import choose_resumed, choose_victims
from mediadask.pool.events import (
    AttemptEnded,
    AttemptFlagged,
    AttemptStarted,
    Displaced,
    Event,
    Outcome,
    new_id,
    utc_now,
)
from mediadask.pool.workbench import ORDERS, Order, UnitEnded, stint

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from distributed import Client, Future, Scheduler

    from mediadask.pool.backlog import Ticket
    from mediadask.pool.bundle import BundleState

__all__ = ["Dispatch", "dask_priority"]

_PATIENCE_SECONDS = 1.0
"""A unit asked to step aside that has made no checkpoint for so long is not counted on: another is asked."""

_KILLS = 2
_BEFORE_ANY_DEADLINE = 1e10


class Owner(Protocol):
    """Whom a dispatch works for."""

    def record(self, event: Event) -> None:
        """Take note."""

    def ended(self, ticket: Ticket, value: bytes | Failure, transient: bool) -> None:
        """The ticket's unit returned, or failed; it is forgotten here."""

    def came_back(self, ticket: Ticket) -> None:
        """The ticket's unit must be run again from its start, or never began."""


class Dispatch:
    """All bundles that are in Dask, by state.

    Parameters
    ----------
    scheduler
        Read in its own event loop only.
    client
        By which stints enter it.
    owner
        Is told what becomes of units.
    """

    def __init__(self, scheduler: Scheduler, client: Client, owner: Owner) -> None:
        self.scheduler, self.client, self.owner = scheduler, client, owner
        self.bundles: dict[str, Bundle] = {}
        self.count: Counter[tuple[BundleState, int]] = Counter()
        """How many bundles are in each state, by class order."""

        self._stints: dict[str, Bundle] = {}
        self._futures: dict[str, Future] = {}
        self._orders: dict[str, dict[str, Order]] = {}
        self._cancelled: dict[str, dict[str, list[int]]] = {}
        self._unwanted: list[Ticket] = []

    def workers_with_units(self) -> set[str]:
        """The addresses of workers that have units, those that stand aside included."""
        return {bundle.worker for bundle in self.bundles.values() if bundle.worker}

    # Into Dask and out of it.

    def send(self, bundles: Iterable[Bundle]) -> None:
        """Queue them, in this order, behind what of their class and deadline is queued already."""
        graphs: dict[float, dict[str, Task]] = {}
        for bundle in bundles:
            self.bundles[bundle.id] = self._stints[bundle.id] = bundle
            self._move(bundle, "sent")
            graphs.setdefault(_priority(bundle), {})[bundle.id] = _first_stint(bundle)
        for priority, graph in graphs.items():
            self._enter(graph, priority)

    def _enter(self, graph: dict[str, Task], priority: float, workers: list[str] | None = None) -> None:
        futures = self.client.get(
            graph, list(graph), sync=False, priority=priority, workers=workers, fifo_timeout=0
        )
        self._futures.update(zip(graph, futures, strict=True))

    def recall(self, tickets: Iterable[Ticket]) -> None:
        """Take those that have no slot yet out of Dask's queue, with their bundles; they come back."""
        bundles = {ticket.bundle.id: ticket.bundle for ticket in tickets if ticket.bundle is not None}
        for _, bundle in sorted(bundles.items()):  # the latest first, so that the earliest ends up in front
            if bundle.state == "queued":
                self.scheduler.client_releases_keys([bundle.stint], client=self.client.id)
                self._forget(bundle)
                self._back(bundle)

    def drop(self, tickets: Iterable[Ticket]) -> None:
        """Nobody wants them any more: out of the queue at once, off their slots at their next checkpoint."""
        tickets = list(tickets)
        self.recall(tickets)
        for ticket in tickets:
            if (bundle := ticket.bundle) is not None and bundle.worker:
                orders = self._cancelled.setdefault(bundle.worker, {})
                orders.setdefault(bundle.id, []).append(ticket.position)

    def drop_unwanted(self) -> None:
        """Take out of the queue what nobody wanted any more before it got there."""
        self.drop(self._unwanted)
        self._unwanted = []

    def _forget(self, bundle: Bundle) -> None:
        self._move(bundle, "waiting")
        del self.bundles[bundle.id]
        state = self.scheduler.tasks.get(bundle.stint)
        if state is None or state.state != "processing":  # else it has its slot until it says that it is done
            self._release(bundle.stint)

    def _release(self, key: str) -> None:
        self._stints.pop(key, None)
        if future := self._futures.pop(key, None):
            future.release()

    def _move(self, bundle: Bundle, state: BundleState) -> None:
        now = monotonic()
        if bundle.state != "waiting":
            self.count[bundle.state, bundle.order] -= 1
        if bundle.state in ("running", "asked"):
            bundle.run_seconds += now - bundle.since
        bundle.state, bundle.since = state, now
        if state != "waiting":
            self.count[state, bundle.order] += 1

    def reorder(self, tickets: Iterable[Ticket]) -> None:
        """Their jobs' classes have changed."""
        bundles: set[Bundle] = set()
        for ticket in tickets:
            orders = (place.group.job.order for place in ticket.places if place.is_open)
            ticket.order = min(orders, default=ticket.order)
            if ticket.bundle is not None:
                bundles.add(ticket.bundle)
        for bundle in bundles:
            before = bundle.order
            bundle.reorder()
            if bundle.state != "waiting":
                self.count[bundle.state, before] -= 1
                self.count[bundle.state, bundle.order] += 1

    def _tell(self, bundle: Bundle, order: Order) -> None:
        self._orders.setdefault(bundle.worker, {})[bundle.id] = order

    def leave(self, bundles: Iterable[Bundle]) -> None:
        """Their worker goes: they give their work back at their next checkpoint."""
        for bundle in bundles:
            self._tell(bundle, "leave")
        self.send_orders()

    def flag(self, bundle: Bundle, reason: str) -> None:
        """The unit that runs is taken to hang; where its worker ends now, it is to blame."""
        bundle.hangs = reason
        if (ticket := bundle.current) is not None:
            if not ticket.attempt:
                self._began(bundle, ticket)
            self.owner.record(AttemptFlagged(**_attempt(bundle, ticket), reason=reason))

    def send_orders(self) -> None:
        """Pass all orders on, one message for each worker."""
        for worker in self._orders.keys() | self._cancelled.keys():
            if worker in self.scheduler.workers:
                orders, cancelled = self._orders.get(worker, {}), self._cancelled.get(worker, {})
                self.scheduler.worker_send(worker, {"op": ORDERS, "orders": orders, "cancelled": cancelled})
        self._orders, self._cancelled = {}, {}

    # Displacement.

    def displace(self, most_urgent: int, guests: Sequence[tuple[int, str]] = ()) -> None:
        """Have lower classes step aside for those that wait for a slot, and resume whom nobody waits for.

        Parameters
        ----------
        most_urgent
            The order of the most urgent class that is still to be sent.
        guests
            The orders and jobs of tasks that are no bundles and wait for a slot, too.
        """
        orders = sorted({order for (_, order), number in self.count.items() if number})
        expected = {order for order, _ in guests}
        waiting = sorted(expected.union(order for order in orders if self.count["queued", order]))
        occupied = [order for order in orders if self._on_slots(order)]
        if waiting and occupied and waiting[0] < occupied[-1]:
            self._ask(waiting[0], occupied[-1], guests)
        if any(self.count[state, order] for state in ("paused", "resuming", "asked") for order in orders):
            arriving = [order for order in orders if self.count["queued", order] or self.count["sent", order]]
            self._let_go_on(min([most_urgent, *arriving, *expected]))

    def _on_slots(self, order: int) -> int:
        return self.count["running", order] + self.count["resuming", order]

    def _ask(self, highest: int, lowest: int, guests: Sequence[tuple[int, str]]) -> None:
        now = monotonic()
        queued = [each for each in self.bundles.values() if each.state == "queued" and each.order < lowest]
        queued.sort(key=_priority, reverse=True)
        waiting = [(bundle.order, bundle.tickets[0].jobs[0].id) for bundle in queued] + list(guests)
        asked = [
            bundle.order
            for bundle in self.bundles.values()
            if bundle.state == "leaving"
            or (bundle.state == "asked" and now - bundle.since < _PATIENCE_SECONDS)
        ]
        running = [
            bundle for bundle in self.bundles.values() if bundle.state == "running" and bundle.order > highest
        ]
        for victim, position in choose_victims([order for order, _ in waiting], asked, running):
            victim.displaced_for = waiting[position][1]
            self._move(victim, "asked")
            self._tell(victim, "pause")
        # One that is called back while it waits on its worker for a slot frees none by that.
        for bundle in self.bundles.values():
            if bundle.state == "resuming" and not bundle.held and bundle.order > highest:
                bundle.held = True
                self._tell(bundle, "pause")

    def _let_go_on(self, most_urgent: int) -> None:
        for bundle in self.bundles.values():
            if bundle.order <= most_urgent and (bundle.state == "asked" or bundle.held):
                self._tell(bundle, "run")
                bundle.held = False
                if bundle.state == "asked":
                    self._move(bundle, "running")
        paused = [bundle for bundle in self.bundles.values() if bundle.state == "paused"]
        resuming = Counter(bundle.worker for bundle in self.bundles.values() if bundle.state == "resuming")
        threads = {bundle.worker: self.scheduler.workers[bundle.worker].nthreads for bundle in paused}
        for bundle in choose_resumed(paused, resuming, threads, most_urgent):
            bundle.stints += 1
            bundle.stint = f"{bundle.id}-{bundle.stints}"
            self._stints[bundle.stint] = bundle
            self._move(bundle, "resuming")
            # Bound to its worker, so Dask sends it there at once; there it is first in line for the slot.
            task = Task(bundle.stint, stint, bundle.id, 1, None)
            self._enter({bundle.stint: task}, _BEFORE_ANY_DEADLINE, [bundle.worker])

    # What the scheduler tells.

    def transition(self, key: str, start: str, finish: str) -> bool:
        """Follow a key through Dask's states; False if it is none of ours."""
        bundle = self._stints.get(key)
        if bundle is None:
            return False
        if bundle.stint != key or bundle.id not in self.bundles:
            if start == "processing" and finish != "memory" and (state := self.scheduler.tasks.get(key)):
                # Its worker left with its units given back already: where Dask sends it now it does nothing.
                state.run_spec = _empty_stint(bundle)
            self._release(key)  # of a bundle that has ended: off its slot now, or called back
            return True
        first = bundle.stints == 1
        if finish == "memory":
            self._slot_freed(bundle)
        elif finish == "erred":
            self._stint_failed(bundle)
        elif finish == "processing" and first:
            self._seated(bundle)
        elif start == "processing" and first:
            self._lost_its_worker(bundle)
        elif finish == "queued":
            self._move(bundle, "queued")
            self._unwanted += [ticket for ticket in bundle.left.values() if not ticket.wanted]
        return True

    def _seated(self, bundle: Bundle) -> None:
        state = self.scheduler.tasks[bundle.stint]
        bundle.worker, bundle.server = state.processing_on.address, state.processing_on.server_id
        # When its worker dies, Dask shall not run all of it again: who is blamed is decided here.
        state.suspicious = self.scheduler.allowed_failures
        self._move(bundle, "running")
        self.drop(ticket for ticket in bundle.left.values() if not ticket.wanted)
        self._to_next(bundle)
        self._began(bundle, bundle.left[0])

    def _to_next(self, bundle: Bundle) -> None:
        """What is measured from now on is of its next unit."""
        bundle.since = bundle.progress_at = monotonic()
        bundle.run_seconds = bundle.paused_seconds = 0.0

    def _began(self, bundle: Bundle, ticket: Ticket) -> None:
        ticket.attempt = new_id()
        self.owner.record(AttemptStarted(**_attempt(bundle, ticket)))

    def _slot_freed(self, bundle: Bundle) -> None:
        self._release(bundle.stint)
        if bundle.state == "leaving":
            self._move(bundle, "paused")

    def _stint_failed(self, bundle: Bundle) -> None:
        """Dask gave the task up: its worker died, or the stint never reached the units."""
        state = self.scheduler.tasks[bundle.stint]
        if state.suspicious > self.scheduler.allowed_failures:
            self._killed(bundle)
            return
        self._close_current(bundle, "failed", state.exception_text)
        self._forget(bundle)
        for ticket in list(bundle.left.values()):
            error = f"{ticket.unit.name or ticket.key}: {state.exception_text}"
            self._end(bundle, ticket, Failure(error, "RuntimeError"))

    def _killed(self, bundle: Bundle) -> None:
        """Its worker died. Any of the units whose end was not reported may be the reason: each goes alone
        from now on, and who is there when it happens again is set aside."""
        self._close_current(bundle, "replaced" if bundle.hangs else "lost", bundle.hangs or "its worker died")
        self._forget(bundle)
        for ticket in list(bundle.left.values()):
            ticket.kills += 1
            if ticket.kills >= _KILLS:
                self._end(bundle, ticket, _killer(ticket, bundle.hangs))
        self._back(bundle)

    def _lost_its_worker(self, bundle: Bundle) -> None:
        """Its worker left in order, and Dask queues the task again: with what is left of the bundle."""
        if bundle.hangs:
            self.scheduler.tasks[bundle.stint].run_spec = _empty_stint(bundle)
            self._killed(bundle)
            return
        self._close_current(bundle, "rescheduled")
        bundle.worker = ""
        bundle.begin()
        self.scheduler.tasks[bundle.stint].run_spec = _first_stint(bundle)
        self._move(bundle, "sent")

    def remove_worker(self, worker: str) -> None:
        """A worker is gone: what stood aside there, or had resumed, begins again elsewhere."""
        for bundle in [bundle for bundle in self.bundles.values() if bundle.worker == worker]:
            state = self.scheduler.tasks.get(bundle.stint)
            died = state is not None and state.suspicious
            if bundle.state in ("running", "asked") and (died or bundle.hangs):
                self._killed(bundle)
            else:
                self._close_current(bundle, "lost", "its worker died")
                self._forget(bundle)
                self._back(bundle)

    def restarted(self) -> None:
        """Dask has forgotten all tasks and restarts its workers: everything begins again."""
        # As in `recall`, and in front of all what ran: Dask has taken it off its slots already.
        for bundle in sorted(self.bundles.values(), key=lambda each: (each.state == "sent", each.id)):
            self._close_current(bundle, "rescheduled")
            self._forget(bundle)
            self._back(bundle)

    # What the workers tell.

    def report(self, worker: str, bundle: str, events: Iterable[list[Any]]) -> None:
        """A workbench tells what became of units, in order."""
        record = self.bundles.get(bundle)
        if record is None or record.worker != worker:
            return  # one that was given up
        for event, alike in groupby(events, key=itemgetter(0)):
            if event == "ended":
                self._units_ended(record, [UnitEnded(*each) for _, *each in alike])
            else:
                for _, *what in alike:
                    self._heard(record, event, *what)

    def _heard(self, bundle: Bundle, event: str, *what: Any) -> None:
        match event, *what:
            case "frames", position, frames if position in bundle.left:
                bundle.left[position].frames, bundle.progress_at = frames, monotonic()
            case "began", position if position in bundle.left:
                bundle.begun, bundle.progress_at = True, monotonic()
                if not bundle.left[position].attempt:  # of the first, getting the slot was its start
                    self._began(bundle, bundle.left[position])
            case "alone", position:
                self._give_back_behind(bundle, position)
            case "paused", position:
                self._give_back_behind(bundle, position)
                self._move(bundle, "leaving")
                bundle.displacement = new_id()
                self._displaced(bundle)
            case "resumed", seconds:
                bundle.paused_seconds += seconds
                self._displaced(bundle, seconds, "resumed")
                # Called back too late to hold it: it will step aside again at its next checkpoint.
                self._move(bundle, "asked" if bundle.held else "running")
                bundle.held, bundle.progress_at = False, monotonic()
            case ("held",):
                bundle.held = False
                self._move(bundle, "leaving")
            case ("done",):
                self._forget(bundle)
                self._back(bundle)

    def _units_ended(self, bundle: Bundle, ended: list[UnitEnded]) -> None:
        """In the order in which they did, the last just now."""
        at = utc_now() - timedelta(seconds=sum(each.run_seconds + each.paused_seconds for each in ended))
        for each in ended:
            ticket = bundle.left.get(each.position)
            begun, at = at, at + timedelta(seconds=each.run_seconds + each.paused_seconds)
            if ticket is None:
                continue
            started = None if ticket.attempt else begun
            ticket.frames = each.frames
            bundle.run_seconds, bundle.paused_seconds = each.run_seconds, each.paused_seconds
            self._close(bundle, ticket, each.outcome, each.error, started, at)
            if each.value is not None:
                self._end(bundle, ticket, each.value)
            elif each.outcome == "failed":
                self._end(bundle, ticket, Failure(each.error, each.kind), each.transient)
            else:
                self._give_back(bundle, ticket)
        self._to_next(bundle)

    def _give_back_behind(self, bundle: Bundle, position: int) -> None:
        for ticket in reversed([ticket for place, ticket in bundle.left.items() if place > position]):
            self._give_back(bundle, ticket)

    def _back(self, bundle: Bundle) -> None:
        for ticket in reversed(list(bundle.left.values())):
            self._give_back(bundle, ticket)

    def _give_back(self, bundle: Bundle, ticket: Ticket) -> None:
        self._take_out(bundle, ticket)
        self.owner.came_back(ticket)

    def _end(self, bundle: Bundle, ticket: Ticket, value: bytes | Failure, transient: bool = False) -> None:
        self._take_out(bundle, ticket)
        self.owner.ended(ticket, value, transient)

    def _take_out(self, bundle: Bundle, ticket: Ticket) -> None:
        del bundle.left[ticket.position]
        ticket.bundle = None

    # What the ledger is told.

    def _close_current(self, bundle: Bundle, outcome: Outcome, error: str = "") -> None:
        """The attempt on the unit that runs is over, as far as the scheduler has seen it."""
        if (ticket := bundle.current) is not None and ticket.attempt:
            if bundle.state in ("running", "asked"):
                self._move(bundle, bundle.state)
            self._close(bundle, ticket, outcome, error)

    def _close(
        self,
        bundle: Bundle,
        ticket: Ticket,
        outcome: Outcome,
        error: str = "",
        started: datetime | None = None,
        at: datetime | None = None,
    ) -> None:
        """An attempt is over."""
        if bundle.displacement:
            ended: Literal["lost", "rescheduled", "cancelled"] = (
                outcome if outcome in ("rescheduled", "cancelled") else "lost"
            )
            self._displaced(bundle, monotonic() - bundle.since, ended)
        ticket.attempt = ticket.attempt or new_id()
        self.owner.record(
            AttemptEnded(
                **_attempt(bundle, ticket),
                outcome=outcome,
                run_seconds=bundle.run_seconds,
                paused_seconds=bundle.paused_seconds,
                error=error,
                started=started,
                at=at or utc_now(),
            )
        )

    def _displaced(
        self,
        bundle: Bundle,
        seconds: float | None = None,
        ended: Literal["", "resumed", "rescheduled", "lost", "cancelled"] = "",
    ) -> None:
        ticket = bundle.current
        assert ticket is not None, "only a unit that runs can stand aside"
        self.owner.record(
            Displaced(
                displacement=bundle.displacement,
                attempt=ticket.attempt,
                job=ticket.jobs[0].id,
                unit=ticket.key,
                for_job=bundle.displaced_for,
                worker=bundle.server,
                seconds=seconds,
                ended=ended,
                at=utc_now() - timedelta(seconds=seconds or 0.0),
            )
        )
        if ended:
            bundle.displacement = ""


def _first_stint(bundle: Bundle) -> Task:
    calls = [(ticket.unit, ticket.results) for ticket in bundle.left.values()]
    # A data producer waits in the scheduler's queue, even in a graph as small as this.
    return Task(bundle.id, stint, bundle.id, len(calls), dumps(calls), _data_producer=True)


def _empty_stint(bundle: Bundle) -> Task:
    return Task(bundle.stint, stint, bundle.id, 0, None)


def _attempt(bundle: Bundle, ticket: Ticket) -> dict[str, Any]:
    """What both of an attempt's events say."""
    return {
        "attempt": ticket.attempt,
        "job": ticket.jobs[0].id,
        "unit": ticket.key,
        "kind": ticket.unit.kind,
        "frames": ticket.unit.frames,
        "worker": bundle.server,
        "number": ticket.number,
    }


def dask_priority(order: int, deadline: float) -> float:
    """For Dask, where more goes first: by class, then by deadline."""
    return -(order * _BEFORE_ANY_DEADLINE + deadline)


def _priority(bundle: Bundle) -> float:
    return dask_priority(bundle.order, bundle.deadline)


def _killer(ticket: Ticket, hangs: str) -> Failure:
    name = ticket.unit.name or ticket.key
    if hangs:
        return Failure(f"{name}: {hangs}, {ticket.kills} times; set aside, check its input", "HungWorker")
    error = (
        f"{name}: its worker died {ticket.kills} times while it ran; set aside, check its input and memory"
    )
    return Failure(error, "KilledWorker")
