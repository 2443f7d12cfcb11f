"""Tickets on Dask's slots: sent as stints, followed through the scheduler, paused, resumed, found again."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, Protocol

from dask._task_spec import Task

from mediadask.delivery import Failure
from mediadask.pool.displacement import choose_resumed, choose_victims
from mediadask.pool.events import AttemptEnded, AttemptStarted, Displaced, Event, Outcome, new_id, utc_now
from mediadask.pool.workbench import ORDERS, Order, stint

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from distributed import Client, Future, Scheduler

    from mediadask.pool.backlog import Ticket, TicketState

__all__ = ["Dispatch"]

_PATIENCE_SECONDS = 1.0
"""A unit asked to step aside that has made no checkpoint for so long is not counted on: another is asked."""

_KILLS = 2
_BEFORE_ANY_DEADLINE = 1e10


class Owner(Protocol):
    """Whom a dispatch works for."""

    def record(self, event: Event) -> None:
        """Take note."""

    def ended(self, ticket: Ticket, value: bytes | Failure, transient: bool) -> None:
        """The ticket's unit returned, or failed; it is off its slot and forgotten here."""

    def came_back(self, ticket: Ticket) -> None:
        """The ticket's unit must be run again from its start."""


class Dispatch:
    """All tickets that are in Dask, by state.

    Parameters
    ----------
    scheduler
        Read in its own event loop only.
    client
        By which stints enter it.
    owner
        Is told what becomes of them.
    """

    def __init__(self, scheduler: Scheduler, client: Client, owner: Owner) -> None:
        self.scheduler, self.client, self.owner = scheduler, client, owner
        self.tickets: dict[str, Ticket] = {}
        self.count: Counter[tuple[TicketState, int]] = Counter()
        """How many tickets are in each state, by class order."""

        self._stints: dict[str, Ticket] = {}
        self._futures: dict[str, Future] = {}
        self._orders: dict[str, dict[str, Order]] = {}
        self._unwanted: list[Ticket] = []

    def workers_with_units(self) -> set[str]:
        """The addresses of workers that have units, those that stand aside included."""
        return {ticket.worker for ticket in self.tickets.values() if ticket.worker}

    # Into Dask and out of it.

    def send(self, tickets: Iterable[Ticket]) -> None:
        """Queue new attempts, in this order, behind what of their class and deadline is queued already."""
        graphs: dict[float, dict[str, Task]] = {}
        for ticket in tickets:
            ticket.begin()
            self.tickets[ticket.id] = self._stints[ticket.id] = ticket
            self._move(ticket, "sent")
            # A data producer waits in the scheduler's queue, even in a graph as small as this.
            task = Task(ticket.id, stint, ticket.id, ticket.payload, _data_producer=True)
            graphs.setdefault(_priority(ticket), {})[ticket.id] = task
        for priority, graph in graphs.items():
            self._enter(graph, priority)

    def _enter(self, graph: dict[str, Task], priority: float, workers: list[str] | None = None) -> None:
        futures = self.client.get(
            graph, list(graph), sync=False, priority=priority, workers=workers, fifo_timeout=0
        )
        self._futures.update(zip(graph, futures, strict=True))

    def recall(self, ticket: Ticket) -> bool:
        """Take a ticket that has no slot yet out of Dask's queue; False if it is not there."""
        if ticket.state != "queued":
            return False
        self.scheduler.client_releases_keys([ticket.stint], client=self.client.id)
        self._forget(ticket)
        return True

    def drop(self, ticket: Ticket) -> None:
        """Nobody wants it any more: out of the queue at once, off its slot at its next checkpoint."""
        if self.recall(ticket):
            self.owner.came_back(ticket)
        elif ticket.worker:
            self._tell(ticket, "cancel")

    def drop_unwanted(self) -> None:
        """Take out of the queue what nobody wanted any more before it got there."""
        for ticket in self._unwanted:
            self.drop(ticket)
        self._unwanted = []

    def _forget(self, ticket: Ticket) -> None:
        self._move(ticket, "waiting")
        del self.tickets[ticket.id]
        state = self.scheduler.tasks.get(ticket.stint)
        if state is None or state.state != "processing":  # else it has its slot until it says that it is done
            self._release(ticket.stint)

    def _release(self, key: str) -> None:
        self._stints.pop(key, None)
        if future := self._futures.pop(key, None):
            future.release()

    def _move(self, ticket: Ticket, state: TicketState) -> None:
        now = monotonic()
        if ticket.state != "waiting":
            self.count[ticket.state, ticket.order] -= 1
        if ticket.state in ("running", "asked"):
            ticket.run_seconds += now - ticket.since
        ticket.state, ticket.since = state, now
        if state != "waiting":
            self.count[state, ticket.order] += 1

    def reorder(self, ticket: Ticket) -> None:
        """Its jobs' classes have changed."""
        order = min((place.group.job.order for place in ticket.places if place.is_open), default=ticket.order)
        if ticket.state != "waiting":
            self.count[ticket.state, ticket.order] -= 1
            self.count[ticket.state, order] += 1
        ticket.order = order

    def _tell(self, ticket: Ticket, order: Order) -> None:
        self._orders.setdefault(ticket.worker, {})[ticket.id] = order

    def leave(self, workers: Collection[str]) -> None:
        """These workers go: their units give their work back at their next checkpoint."""
        for ticket in self.tickets.values():
            if ticket.worker in workers:
                self._tell(ticket, "leave")
        self.send_orders()

    def send_orders(self) -> None:
        """Pass all orders on, one message for each worker."""
        for worker, orders in self._orders.items():
            if worker in self.scheduler.workers:
                self.scheduler.worker_send(worker, {"op": ORDERS, "orders": orders})
        self._orders = {}

    # Displacement.

    def displace(self, most_urgent: int) -> None:
        """Have lower classes step aside for those that wait for a slot, and resume whom nobody waits for.

        `most_urgent` is the order of the most urgent class that is still to be sent.
        """
        orders = sorted({order for (_, order), number in self.count.items() if number})
        waiting = [order for order in orders if self.count["queued", order]]
        occupied = [order for order in orders if self._on_slots(order)]
        if waiting and occupied and waiting[0] < occupied[-1]:
            self._ask(waiting[0], occupied[-1])
        if any(self.count[state, order] for state in ("paused", "resuming", "asked") for order in orders):
            arriving = [order for order in orders if self.count["queued", order] or self.count["sent", order]]
            self._let_go_on(min([most_urgent, *arriving]))

    def _on_slots(self, order: int) -> int:
        return self.count["running", order] + self.count["resuming", order]

    def _ask(self, highest: int, lowest: int) -> None:
        now = monotonic()
        queued = [t for t in self.tickets.values() if t.state == "queued" and t.order < lowest]
        queued.sort(key=_priority, reverse=True)
        asked = [
            ticket.order
            for ticket in self.tickets.values()
            if ticket.state == "leaving"
            or (ticket.state == "asked" and now - ticket.since < _PATIENCE_SECONDS)
        ]
        running = [
            ticket for ticket in self.tickets.values() if ticket.state == "running" and ticket.order > highest
        ]
        for victim, position in choose_victims([ticket.order for ticket in queued], asked, running):
            victim.displaced_for = queued[position].jobs[0].id
            self._move(victim, "asked")
            self._tell(victim, "pause")
        # One that is called back while it waits on its worker for a slot frees none by that.
        for ticket in self.tickets.values():
            if ticket.state == "resuming" and not ticket.held and ticket.order > highest:
                ticket.held = True
                self._tell(ticket, "pause")

    def _let_go_on(self, most_urgent: int) -> None:
        for ticket in self.tickets.values():
            if ticket.order <= most_urgent and (ticket.state == "asked" or ticket.held):
                self._tell(ticket, "run")
                ticket.held = False
                if ticket.state == "asked":
                    self._move(ticket, "running")
        paused = [ticket for ticket in self.tickets.values() if ticket.state == "paused"]
        resuming = Counter(ticket.worker for ticket in self.tickets.values() if ticket.state == "resuming")
        threads = {ticket.worker: self.scheduler.workers[ticket.worker].nthreads for ticket in paused}
        for ticket in choose_resumed(paused, resuming, threads, most_urgent):
            ticket.stints += 1
            ticket.stint = f"{ticket.id}-{ticket.stints}"
            self._stints[ticket.stint] = ticket
            self._move(ticket, "resuming")
            # Bound to its worker, so Dask sends it there at once; there it is first in line for the slot.
            task = Task(ticket.stint, stint, ticket.id, None)
            self._enter({ticket.stint: task}, _BEFORE_ANY_DEADLINE, [ticket.worker])

    # What the scheduler tells.

    def transition(self, key: str, start: str, finish: str) -> bool:
        """Follow a key through Dask's states; False if it is none of ours."""
        ticket = self._stints.get(key)
        if ticket is None:
            return False
        if ticket.stint != key or ticket.id not in self.tickets:
            self._release(key)  # of an attempt that has ended: off its slot now, or called back
            return True
        first = ticket.stints == 1
        if finish == "memory":
            self._slot_freed(ticket)
        elif finish == "erred":
            self._stint_failed(ticket)
        elif finish == "processing" and first:
            self._seated(ticket)
        elif start == "processing" and first:
            self._lost_its_worker(ticket)
        elif finish == "queued":
            self._move(ticket, "queued")
            if not ticket.wanted:
                self._unwanted.append(ticket)
        return True

    def _seated(self, ticket: Ticket) -> None:
        state = self.scheduler.tasks[ticket.stint]
        ticket.worker, ticket.server = state.processing_on.address, state.processing_on.server_id
        ticket.progress_at = monotonic()
        if ticket.kills:
            state.suspicious = self.scheduler.allowed_failures  # the next worker it kills is its last
        self._move(ticket, "running")
        if not ticket.wanted:
            self._tell(ticket, "cancel")
        self.owner.record(
            AttemptStarted(
                attempt=ticket.attempt,
                job=ticket.jobs[0].id,
                unit=ticket.key,
                kind=ticket.unit.kind,
                frames=ticket.unit.frames,
                worker=ticket.server,
                number=ticket.number,
            )
        )

    def _slot_freed(self, ticket: Ticket) -> None:
        self._release(ticket.stint)
        if ticket.state == "leaving":
            self._move(ticket, "paused")

    def _stint_failed(self, ticket: Ticket) -> None:
        """Dask gave the task up: its worker died again, or the stint never reached the unit."""
        state = self.scheduler.tasks[ticket.stint]
        if ticket.kills:
            ticket.kills += 1
            self._close(ticket, "lost", "its worker died")
            self._end(ticket, _killer(ticket))
        else:
            failure = Failure(f"{ticket.unit.name or ticket.key}: {state.exception_text}", "RuntimeError")
            self._close(ticket, "failed", failure.error)
            self._end(ticket, failure)

    def _lost_its_worker(self, ticket: Ticket) -> None:
        """Dask queues a first stint again when its worker is gone: a new attempt on the same ticket."""
        state = self.scheduler.tasks[ticket.stint]
        died = bool(state.suspicious)
        self._close(ticket, "lost" if died else "rescheduled", "its worker died" if died else "")
        ticket.kills += died
        ticket.number += 1
        ticket.attempt, ticket.worker = new_id(), ""
        ticket.run_seconds = ticket.paused_seconds = 0.0
        self._move(ticket, "sent")

    def remove_worker(self, worker: str) -> None:
        """A worker is gone: what stood aside there, or had resumed, begins again elsewhere."""
        for ticket in [ticket for ticket in self.tickets.values() if ticket.worker == worker]:
            state = self.scheduler.tasks.get(ticket.stint)
            if ticket.state in ("running", "asked") and state is not None and state.suspicious:
                ticket.kills += 1
            self._close(ticket, "lost", "its worker died")
            if ticket.kills < _KILLS:
                self._back(ticket)
            else:
                self._end(ticket, _killer(ticket))

    # What the workers tell.

    def report(self, worker: str, ticket: str, event: str, **what: Any) -> None:
        """A workbench tells what became of a unit."""
        if event == "frames":
            for each, frames in what["frames"].items():
                if (running := self.tickets.get(each)) and running.worker == worker:
                    running.frames, running.progress_at = frames, monotonic()
            return
        record = self.tickets.get(ticket)
        if record is None or record.worker != worker:
            return  # an attempt that was given up
        if event == "ended":
            self._unit_ended(record, **what)
        elif event == "paused":
            self._move(record, "leaving")
            record.displacement = new_id()
            self._displaced(record)
        elif event == "resumed":
            record.paused_seconds += what["seconds"]
            self._displaced(record, what["seconds"], "resumed")
            # Called back too late to hold it: it will step aside again at its next checkpoint.
            self._move(record, "asked" if record.held else "running")
            record.held = False
        elif event == "held":
            record.held = False
            self._move(record, "leaving")

    def _unit_ended(
        self,
        ticket: Ticket,
        outcome: Outcome,
        value: bytes | None,
        error: str,
        kind: str,
        transient: bool,
        frames: int,
        run_seconds: float,
        paused_seconds: float,
    ) -> None:
        if ticket.state in ("running", "asked"):
            self._move(ticket, "leaving")  # what the worker has measured is the whole
        ticket.frames, ticket.run_seconds, ticket.paused_seconds = frames, run_seconds, paused_seconds
        self._close(ticket, outcome, error)
        if value is not None:
            self._end(ticket, value)
        elif outcome == "failed":
            self._end(ticket, Failure(error, kind), transient)
        else:
            self._back(ticket)

    def _end(self, ticket: Ticket, value: bytes | Failure, transient: bool = False) -> None:
        self._forget(ticket)
        self.owner.ended(ticket, value, transient)

    def _back(self, ticket: Ticket) -> None:
        self._forget(ticket)
        ticket.number += 1
        self.owner.came_back(ticket)

    # What the ledger is told.

    def _close(self, ticket: Ticket, outcome: Outcome, error: str = "") -> None:
        """An attempt is over."""
        standing = monotonic() - ticket.since
        if ticket.displacement:
            ended: Literal["lost", "rescheduled", "cancelled"] = (
                outcome if outcome in ("rescheduled", "cancelled") else "lost"
            )
            self._displaced(ticket, standing, ended)
        self.owner.record(
            AttemptEnded(
                attempt=ticket.attempt,
                job=ticket.jobs[0].id,
                unit=ticket.key,
                kind=ticket.unit.kind,
                frames=ticket.unit.frames,
                worker=ticket.server,
                outcome=outcome,
                run_seconds=ticket.run_seconds + (standing if ticket.state in ("running", "asked") else 0.0),
                paused_seconds=ticket.paused_seconds,
                error=error,
                number=ticket.number,
            )
        )

    def _displaced(
        self,
        ticket: Ticket,
        seconds: float | None = None,
        ended: Literal["", "resumed", "rescheduled", "lost", "cancelled"] = "",
    ) -> None:
        self.owner.record(
            Displaced(
                displacement=ticket.displacement,
                attempt=ticket.attempt,
                job=ticket.jobs[0].id,
                unit=ticket.key,
                for_job=ticket.displaced_for,
                worker=ticket.server,
                seconds=seconds,
                ended=ended,
                at=utc_now() - timedelta(seconds=seconds or 0.0),
            )
        )
        if ended:
            ticket.displacement = ""


def _priority(ticket: Ticket) -> float:
    """For Dask, where more goes first: by class, then by deadline."""
    return -(ticket.order * _BEFORE_ANY_DEADLINE + ticket.deadline)


def _killer(ticket: Ticket) -> Failure:
    name = ticket.unit.name or ticket.key
    error = (
        f"{name}: its worker died {ticket.kills} times while it ran; set aside, check its input and memory"
    )
    return Failure(error, "KilledWorker")
