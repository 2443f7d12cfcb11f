"""The worker's side of a pool: runs units, pauses them between frames, reports to the `Foreman`.

A unit runs in *stints*. A stint is one Dask task: it takes one of the worker's slots from the unit's start
(or its resume) until the unit ends or steps aside. Between two stints the unit keeps its thread, its decoder
and its place in the picture, but no slot, so Dask's own count of who is busy is always right, however often a
unit is displaced. (`distributed.rejoin` would not do: after it the scheduler still takes the slot for free.)
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from distributed import Reschedule, WorkerPlugin, get_worker
from distributed.protocol.pickle import dumps, loads
from distributed.threadpoolexecutor import secede

from mediadask.checkpoint import checkpoints_call
from mediadask.delivery import Failure
from mediadask.errors import MediaError

if TYPE_CHECKING:
    from distributed import Worker

__all__ = ["REPORT", "Cancelled", "Order", "Workbench", "stint"]

REPORT = "mediadask-report"
"""Worker to scheduler: what became of a unit."""

ORDERS = "mediadask-orders"
"""Scheduler to worker: what units are to do at their next checkpoint."""

Order = Literal["run", "pause", "leave", "cancel"]
"""``pause``: step aside and wait. ``leave``: give the work back. ``cancel``: nobody wants it any more."""

_ON_THE_WAY = ("waiting", "ready", "executing")
_PULSE_SECONDS = 0.5
_SETUP_SECONDS = 60.0
_MEMORY_FULL = 0.6
"""Above this share of its memory limit a worker gives a unit back rather than hold it paused: Dask's own
spilling starts there, and a paused decoder cannot be spilled."""


class Cancelled(BaseException):
    """Raised by `checkpoint()` in a unit that nobody wants any more.

    Not an `Exception`, like `asyncio.CancelledError`: a unit that survives bad frames must not survive this.
    """


@dataclass(eq=False)
class Seat:
    """One unit on this worker."""

    ticket: str
    order: Order = "run"
    frames: int = 0
    paused: bool = False
    held: bool = False
    """Told to stay paused although a stint to resume it is on its way."""

    seceded: bool = False
    paused_seconds: float = 0.0
    changed: threading.Condition = field(default_factory=threading.Condition)
    slot_free: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, order: Order) -> None:
        """Give an order; the unit's thread sees it at its next checkpoint, or now if it is paused."""
        with self.changed:
            if self.paused and order in ("run", "pause"):
                self.held = order == "pause"  # only a stint, which brings a slot, may resume it
            else:
                self.order = order
                self.changed.notify()

    def resume(self) -> bool:
        """Let the paused unit go on; False if it is held."""
        with self.changed:
            if self.held:
                self.held = False
                return False
            self.slot_free.clear()
            self.paused, self.order = False, "run"
            self.changed.notify()
            return True

    def wait_aside(self) -> None:
        """In the unit's thread: wait until it is resumed, cancelled or told to leave."""
        with self.changed:
            self.changed.wait_for(lambda: not self.paused or self.order in ("leave", "cancel"))


class Workbench(WorkerPlugin):
    """Holds the units of one worker. Its methods run in the worker's event loop unless they say otherwise."""

    name: ClassVar[str] = "mediadask-workbench"
    idempotent: ClassVar[bool] = True

    def setup(self, worker: Worker) -> None:
        """Listen for orders."""
        self.worker = worker
        self.seats: dict[str, Seat] = {}
        self._early: dict[str, Order] = {}
        worker.stream_handlers[ORDERS] = self.obey
        self._pulse = asyncio.create_task(self._report_progress())

    def teardown(self, worker: Worker) -> None:
        """The worker leaves: units give their work back at their next checkpoint."""
        self._pulse.cancel()
        for seat in self.seats.values():
            seat.tell("leave")

    async def stint(self, ticket: str, payload: bytes | None) -> None:
        """Start the unit in `payload`, or resume the one that is here; return when its slot is free again."""
        if payload is not None:
            seat = self.seats[ticket] = Seat(ticket, order=self._early.pop(ticket, "run"))
            loop = asyncio.get_running_loop()
            loop.run_in_executor(self.worker.executors["default"], self._run, seat, payload, loop)
        else:
            seat = self.seats[ticket]
            if not seat.resume():
                self._report(ticket, "held")
                return
        await seat.slot_free.wait()

    def obey(self, orders: dict[str, Order]) -> None:
        """Pass orders on to units, also to those whose stint has not reached this worker's slot yet."""
        for ticket, order in orders.items():
            if ticket in self.seats:
                self.seats[ticket].tell(order)
            elif (task := self.worker.state.tasks.get(ticket)) and task.state in _ON_THE_WAY:
                self._early[ticket] = order

    def _report(self, ticket: str, event: str, **what: Any) -> None:
        self.worker.batched_send({"op": REPORT, "ticket": ticket, "event": event, **what})

    async def _report_progress(self) -> None:
        before: dict[str, int] = {}
        while True:
            await asyncio.sleep(_PULSE_SECONDS)
            frames = {ticket: seat.frames for ticket, seat in self.seats.items() if not seat.paused}
            moved = {ticket: count for ticket, count in frames.items() if before.get(ticket) != count}
            if moved:
                self.worker.batched_send({"op": REPORT, "ticket": "", "event": "frames", "frames": moved})
            before = frames

    # What follows runs in the unit's thread.

    def _run(self, seat: Seat, payload: bytes, loop: asyncio.AbstractEventLoop) -> None:
        started = monotonic()
        value, failure, transient = None, None, False
        ident = threading.get_ident()
        with self.worker.active_threads_lock:  # so that Dask's profile and call stacks show the unit
            self.worker.active_threads[ident] = seat.ticket
        try:
            with checkpoints_call(lambda: self._checkpoint(seat, loop)):
                unit, results = loads(payload)
                before = () if results is None else ([loads(each) for each in results],)
                value = dumps(unit(*before))
            outcome = "done"
        except Reschedule:
            outcome = "rescheduled"
        except Cancelled:
            outcome = "cancelled"
        except BaseException as error:
            outcome, failure = "failed", Failure.of(error)
            transient = not isinstance(error, MediaError)
        with self.worker.active_threads_lock:
            del self.worker.active_threads[ident]
        report = {
            "outcome": outcome,
            "value": value,
            "error": failure.error if failure else "",
            "kind": failure.kind if failure else "",
            "transient": transient,
            "frames": seat.frames,
            "run_seconds": monotonic() - started - seat.paused_seconds,
            "paused_seconds": seat.paused_seconds,
        }
        loop.call_soon_threadsafe(self._ended, seat, report)

    def _checkpoint(self, seat: Seat, loop: asyncio.AbstractEventLoop) -> None:
        seat.frames += 1
        if seat.order == "pause":
            self._step_aside(seat, loop)
        if seat.order == "cancel":
            raise Cancelled
        if seat.order == "leave":
            raise Reschedule

    def _step_aside(self, seat: Seat, loop: asyncio.AbstractEventLoop) -> None:
        if self._short_of_memory():
            raise Reschedule
        with seat.changed:
            if seat.order != "pause":
                return
            seat.paused = True
        if not seat.seceded:  # from here on another thread of the executor serves the slot
            secede()
            seat.seceded = True
        paused_at = monotonic()
        loop.call_soon_threadsafe(self._paused, seat)
        seat.wait_aside()
        seconds = monotonic() - paused_at
        seat.paused_seconds += seconds
        loop.call_soon_threadsafe(self._resumed, seat, seconds)

    def _short_of_memory(self) -> bool:
        limit = self.worker.memory_manager.memory_limit
        return bool(limit) and self.worker.monitor.get_process_memory() > _MEMORY_FULL * limit

    # Called back in the event loop, in the order in which the thread said it.

    def _paused(self, seat: Seat) -> None:
        self._report(seat.ticket, "paused")
        seat.slot_free.set()

    def _resumed(self, seat: Seat, seconds: float) -> None:
        self._report(seat.ticket, "resumed", seconds=seconds)

    def _ended(self, seat: Seat, report: dict[str, Any]) -> None:
        del self.seats[seat.ticket]
        self._report(seat.ticket, "ended", **report)
        seat.slot_free.set()


async def stint(ticket: str, payload: bytes | None) -> None:
    """The function of every Dask task a pool makes; see this module's first lines."""
    worker = get_worker()
    # A worker gets tasks from the moment it is registered, and its plugins a little later.
    async with asyncio.timeout(_SETUP_SECONDS):
        while Workbench.name not in worker.plugins:
            await asyncio.sleep(0.01)
    await worker.plugins[Workbench.name].stint(ticket, payload)
