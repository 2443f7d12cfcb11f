"""Bundles on Dask's slots: sent as stints, followed through the scheduler, paused, resumed, found again."""

from __future__ import annotations

from datetime import timedelta
from itertools import groupby
from operator import attrgetter, itemgetter
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from distributed.protocol.pickle import dumps

from mediadask.delivery import Failure
from mediadask.pool.history import AttemptOutcome, Record, utc_now
from mediadask.pool.scheduler.attempts import Attempts
from mediadask.pool.scheduler.displacement import Displacement
from mediadask.pool.scheduler.occupancy import Occupancy
from mediadask.pool.scheduler.orders import Orders
from mediadask.pool.scheduler.stints import Stints
from mediadask.pool.worker.seat import UnitEnded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from distributed import Client, Scheduler

    from mediadask.pool.scheduler.backlog import Ticket
    from mediadask.pool.scheduler.bundle import Bundle

__all__ = ["Dispatch"]

_KILLS = 2


class Owner(Protocol):
    """Whom a dispatch works for."""

    def record(self, event: Record) -> None:
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
        self.scheduler, self.owner = scheduler, owner
        self.occupancy = Occupancy()
        self.orders = Orders(scheduler)
        self._stints = Stints(scheduler, client)
        self.displacement = Displacement(self.occupancy, self.orders, self._stints)
        self._attempts = Attempts(owner.record)
        self._unwanted: list[Ticket] = []
        self._excused: dict[str, str] = {}
        """Why workers are taken away although they run units that did no harm."""

    # Into Dask and out of it.

    def send(self, bundles: Iterable[Bundle]) -> None:
        """Queue them, in this order, behind what of their class and deadline is queued already."""
        bundles = list(bundles)
        for bundle in bundles:
            self.occupancy.add(bundle)
        for stuck in self._stints.enter(bundles):
            self._forget(stuck)
            for ticket in list(stuck.left.values()):
                try:
                    dumps((ticket.unit, ticket.results))
                except Exception as error:
                    self._end(stuck, ticket, Failure.of(error))
            self._back(stuck)

    def recall(self, tickets: Iterable[Ticket]) -> None:
        """Take those that have no slot yet out of Dask's queue, with their bundles; they come back."""
        bundles = {ticket.bundle.id: ticket.bundle for ticket in tickets if ticket.bundle is not None}
        # The latest first, so that the earliest ends up in front.
        for bundle in sorted(bundles.values(), key=attrgetter("number"), reverse=True):
            if bundle.state == "queued":
                self._stints.withdraw(bundle)
                self._forget(bundle)
                self._back(bundle)

    def drop(self, tickets: Iterable[Ticket]) -> None:
        """Nobody wants them any more: out of the queue at once, off their slots at their next checkpoint."""
        tickets = list(tickets)
        self.recall(tickets)
        for ticket in tickets:
            if (bundle := ticket.bundle) is not None and bundle.worker:
                self.orders.cancel(ticket)

    def drop_unwanted(self) -> None:
        """Take out of the queue what nobody wanted any more before it got there."""
        self.drop(self._unwanted)
        self._unwanted = []

    def _forget(self, bundle: Bundle) -> None:
        self.occupancy.remove(bundle)
        state = self._stints.task_of(bundle)
        if state is None or state.state != "processing":  # else it has its slot until it says that it is done
            self._stints.release(bundle.stint)

    def leave(self, bundles: Iterable[Bundle]) -> None:
        """Their worker goes: they give their work back at their next checkpoint."""
        for bundle in bundles:
            self.orders.tell(bundle, "leave")
        self.orders.send()

    def flag(self, bundle: Bundle, reason: str) -> None:
        """The unit that runs is taken to hang; where its worker ends now, it is to blame."""
        bundle.hangs = reason
        self._attempts.flagged(bundle, reason)

    def excuse(self, worker: str, reason: str) -> None:
        """This worker is taken away now; of what runs there only units that were flagged are to blame."""
        self._excused[worker] = reason

    # What the scheduler tells.

    def transition(self, key: str, start: str, finish: str) -> bool:
        """Follow a key through Dask's states; False if it is none of ours."""
        bundle = self._stints.bundle_of(key)
        if bundle is None:
            return False
        if bundle.stint != key or bundle not in self.occupancy:
            if start == "processing" and finish != "memory":
                self._stints.empty(bundle, key)
            self._stints.release(key)  # of a bundle that has ended: off its slot now, or called back
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
            self.occupancy.move(bundle, "queued")
            self._unwanted += [ticket for ticket in bundle.left.values() if not ticket.wanted]
        return True

    def _seated(self, bundle: Bundle) -> None:
        state = self.scheduler.tasks[bundle.stint]
        bundle.worker, bundle.server = state.processing_on.address, state.processing_on.server_id
        # When its worker dies, Dask shall not run all of it again: who is blamed is decided here.
        state.suspicious = self.scheduler.allowed_failures
        self.occupancy.move(bundle, "running")
        self.drop(ticket for ticket in bundle.left.values() if not ticket.wanted)
        self._to_next(bundle)
        self._attempts.began(bundle, bundle.left[0])

    def _to_next(self, bundle: Bundle) -> None:
        """What is measured from now on is of its next unit."""
        bundle.since = bundle.progress_at = monotonic()
        bundle.run_seconds = bundle.paused_seconds = 0.0

    def _slot_freed(self, bundle: Bundle) -> None:
        self._stints.release(bundle.stint)
        if bundle.state == "leaving":
            self.occupancy.move(bundle, "paused")

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
        if bundle.worker in self._excused and not bundle.hangs:
            self._interrupted(bundle, "rescheduled", self._excused[bundle.worker])
            return
        self._close_current(bundle, "replaced" if bundle.hangs else "lost", bundle.hangs or "its worker died")
        self._forget(bundle)
        for ticket in list(bundle.left.values()):
            ticket.kills += 1
            if ticket.kills >= _KILLS:
                self._end(bundle, ticket, _killer(ticket, bundle.hangs))
        self._back(bundle)

    def _interrupted(self, bundle: Bundle, outcome: AttemptOutcome, reason: str) -> None:
        """Its worker is gone, and not by its fault."""
        self._close_current(bundle, outcome, reason)
        self._forget(bundle)
        self._back(bundle)

    def _lost_its_worker(self, bundle: Bundle) -> None:
        """Its worker left in order, and Dask queues the task again: with what is left of the bundle."""
        if bundle.hangs:
            self._stints.empty(bundle, bundle.stint)
            self._killed(bundle)
            return
        self._close_current(bundle, "rescheduled")
        bundle.worker = ""
        bundle.begin()
        self._stints.begin_again(bundle)
        self.occupancy.move(bundle, "sent")

    def remove_worker(self, worker: str) -> None:
        """A worker is gone: what stood aside there, or had resumed, begins again elsewhere."""
        in_order = self._left_in_order(worker)
        for bundle in self.occupancy.on(worker):
            state = self._stints.task_of(bundle)
            died = state is not None and state.suspicious
            if bundle.state in ("running", "asked") and (died or bundle.hangs):
                self._killed(bundle)
            elif in_order or worker in self._excused:
                self._interrupted(bundle, "rescheduled", self._excused.get(worker, ""))
            else:
                self._interrupted(bundle, "lost", "its worker died")
        self._excused.pop(worker, None)

    def _left_in_order(self, worker: str) -> bool:
        """Whether it was retired, by what Dask has just noted of it; else its process or connection ended."""
        notes = (note for _, note in reversed(self.scheduler.get_events(worker)) if isinstance(note, dict))
        return any(note["expected"] for note in notes if note.get("action") == "remove-worker")

    def restarted(self) -> None:
        """Dask has forgotten all tasks and restarts its workers: everything begins again."""
        # As in `recall`, and in front of all what ran: Dask has taken it off its slots already.
        for bundle in sorted(self.occupancy, key=lambda each: (each.state == "sent", -each.number)):
            self._close_current(bundle, "rescheduled")
            self._forget(bundle)
            self._back(bundle)

    # What the workers tell.

    def report(self, worker: str, bundle: str, events: Iterable[list[Any]]) -> None:
        """A workbench tells what became of units, in order."""
        record = self.occupancy.bundles.get(bundle)
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
                    self._attempts.began(bundle, bundle.left[position])
            case "alone", position:
                self._give_back_behind(bundle, position)
            case "paused", position:
                self._give_back_behind(bundle, position)
                self.occupancy.move(bundle, "leaving")
                self._attempts.stepped_aside(bundle)
            case "resumed", seconds:
                self._attempts.resumed(bundle, seconds)
                # Called back too late to hold it: it will step aside again at its next checkpoint.
                self.occupancy.move(bundle, "asked" if bundle.held else "running")
                bundle.held, bundle.progress_at = False, monotonic()
            case ("held",):
                bundle.held = False
                self.occupancy.move(bundle, "leaving")
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
            self._attempts.ended(bundle, ticket, each.outcome, each.error, started, at)
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

    def _close_current(self, bundle: Bundle, outcome: AttemptOutcome, error: str = "") -> None:
        """The attempt on the unit that runs is over, as far as the scheduler has seen it."""
        if (ticket := bundle.current) is not None and ticket.attempt:
            if bundle.state in ("running", "asked"):
                self.occupancy.move(bundle, bundle.state)
            self._attempts.ended(bundle, ticket, outcome, error)


def _killer(ticket: Ticket, hangs: str) -> Failure:
    name = ticket.unit.name or ticket.key
    if hangs:
        return Failure(f"{name}: {hangs}, {ticket.kills} times; set aside, check its input", "HungWorker")
    error = (
        f"{name}: its worker died {ticket.kills} times while it ran; set aside, check its input and memory"
    )
    return Failure(error, "KilledWorker")
