"""The worker's side of a pool: runs units, pauses them between frames, reports to the `Foreman`.

Units run in *stints*. A stint is one Dask task: it takes a slot of the worker from the start of a bundle's
first unit (or the resume of one that stood aside) until its last has ended or one steps aside. Between two
stints the unit keeps its thread, its decoder and its place in the picture, but no slot, so Dask's own count
of who is busy is always right, however often a unit is displaced. (`distributed.rejoin` would not do: after
it the scheduler still takes the slot for free.)

What becomes of short units is reported a tenth of a second's worth at a time.
"""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from distributed import Reschedule, WorkerPlugin, get_worker
from distributed.protocol.pickle import dumps, loads
from distributed.threadpoolexecutor import secede
from distributed.worker_state_machine import FreeKeysEvent

from mediadask.checkpoint import checkpoints_call
from mediadask.delivery import Failure
from mediadask.errors import MediaError
from mediadask.pool.worker.seat import Seat, UnitEnded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from distributed import Worker

    from mediadask.delivery import Unit
    from mediadask.pool.history import AttemptOutcome
    from mediadask.pool.worker.seat import Order

__all__ = ["GRAPH_JOB", "ORDERS", "REPORT", "Cancelled", "Workbench", "stint"]

REPORT = "mediadask-report"
"""Worker to scheduler: what became of a unit."""

ORDERS = "mediadask-orders"
"""Scheduler to worker: what units are to do at their next checkpoint."""

GRAPH_JOB = "mediadask_job"
"""The annotation of tasks of a graph: its job's id."""

_NOT_BEGUN = ("waiting", "ready", "constrained")
_ON_THE_WAY = (*_NOT_BEGUN, "executing")
_PULSE_SECONDS = 0.5
_REPORT_SECONDS = 0.1
_SETUP_SECONDS = 60.0
_MEMORY_FULL = 0.6
"""Above this share of its memory limit a worker gives a unit back rather than hold it paused: Dask's own
spilling starts there, and a paused decoder cannot be spilled."""


class Cancelled(BaseException):
    """Raised by `checkpoint()` in a unit that nobody wants any more.

    Not an `Exception`, like `asyncio.CancelledError`: a unit that survives bad frames must not survive this.
    """


class Workbench(WorkerPlugin):
    """Holds the units of one worker. Its methods run in the worker's event loop unless they say otherwise."""

    name: ClassVar[str] = "mediadask-workbench"
    idempotent: ClassVar[bool] = True

    def setup(self, worker: Worker) -> None:
        """Listen for orders."""
        self.worker = worker
        self.seats: dict[str, Seat] = {}
        self._early: dict[str, Seat] = {}
        worker.stream_handlers[ORDERS] = self.obey
        self._pulse = asyncio.create_task(self._look_after_units())

    def teardown(self, worker: Worker) -> None:
        """The worker leaves: units give their work back at their next checkpoint."""
        self._pulse.cancel()
        for seat in self.seats.values():
            seat.tell("leave")

    async def stint(self, bundle: str, units: int, payload: bytes | None) -> None:
        """Start the units in `payload`, or resume the one that is here; return when the slot is free."""
        if payload is not None:
            seat = self.seats[bundle] = self._early.pop(bundle, Seat(bundle))
            loop = asyncio.get_running_loop()
            loop.run_in_executor(self.worker.executors["default"], self._run, seat, units, payload, loop)
        elif bundle not in self.seats:
            return  # it was cancelled, or had to leave, before it could resume
        else:
            seat = self.seats[bundle]
            if not seat.resume():
                seat.note("held")
                self._report(seat)
                return
        await seat.slot_free.wait()

    def obey(self, orders: dict[str, Order], cancelled: dict[str, list[int]], graphs: list[str]) -> None:
        """Pass orders on to units, also to those whose stint has not reached this worker's slot yet."""
        for bundle, order in orders.items():
            if seat := self._seat(bundle):
                seat.tell(order)
        for bundle, positions in cancelled.items():
            if seat := self._seat(bundle):
                seat.cancel(positions)
        if graphs:
            self._give_back_tasks(graphs)

    def _give_back_tasks(self, graphs: list[str]) -> None:
        """Have tasks of these graphs that have not begun wait with the scheduler."""
        keys = [
            task.key
            for task in self.worker.state.tasks.values()
            if task.state in _NOT_BEGUN and (task.annotations or {}).get(GRAPH_JOB) in graphs
        ]
        self.worker.handle_stimulus(FreeKeysEvent(keys=keys, stimulus_id=GRAPH_JOB))
        for key in keys:
            self.worker.batched_send({"op": "reschedule", "key": key, "stimulus_id": GRAPH_JOB})

    def _seat(self, bundle: str) -> Seat | None:
        if bundle in self.seats:
            return self.seats[bundle]
        return self._early.setdefault(bundle, Seat(bundle)) if self._is_on_the_way(bundle) else None

    def _is_on_the_way(self, bundle: str) -> bool:
        task = self.worker.state.tasks.get(bundle)
        return task is not None and task.state in _ON_THE_WAY

    def _report(self, seat: Seat) -> None:
        if events := seat.take_events():
            self.worker.batched_send({"op": REPORT, "bundle": seat.bundle, "events": events})

    async def _look_after_units(self) -> None:
        while True:
            await asyncio.sleep(_PULSE_SECONDS)
            for seat in self.seats.values():
                seat.look_after()
                self._report(seat)
            for bundle in [bundle for bundle in self._early if not self._is_on_the_way(bundle)]:
                del self._early[bundle]
            self._make_room()

    def _make_room(self) -> None:
        """Short of memory, have the unit that has done least of those that stand aside give its work back."""
        paused = [seat for seat in self.seats.values() if seat.paused and seat.order != "leave"]
        if paused and self._short_of_memory():
            min(paused, key=lambda seat: seat.frames).tell("leave")

    # What follows runs in the units' thread.

    def _run(self, seat: Seat, units: int, payload: bytes, loop: asyncio.AbstractEventLoop) -> None:
        ident = threading.get_ident()
        with self.worker.active_threads_lock:  # so that Dask's profile and call stacks show the units
            self.worker.active_threads[ident] = seat.bundle
        try:
            with checkpoints_call(lambda: self._checkpoint(seat, loop)):
                for position, call in enumerate(_calls(payload, units)):
                    if not seat.begin(position):
                        break
                    if seat.end(_attempt(seat, call)):
                        loop.call_soon_threadsafe(loop.call_later, _REPORT_SECONDS, self._report, seat)
        finally:  # whatever happened here, the slot is free
            with self.worker.active_threads_lock:
                del self.worker.active_threads[ident]
            seat.note("done")
            loop.call_soon_threadsafe(self._done, seat)

    def _checkpoint(self, seat: Seat, loop: asyncio.AbstractEventLoop) -> None:
        seat.frames += 1
        if seat.order == "pause" and not seat.is_cancelled:
            self._step_aside(seat, loop)
        if seat.is_cancelled:
            raise Cancelled
        if seat.order == "leave":
            raise Reschedule

    def _step_aside(self, seat: Seat, loop: asyncio.AbstractEventLoop) -> None:
        if self._short_of_memory():
            raise Reschedule
        if not seat.step_aside():
            return
        if not seat.seceded:  # from here on another thread of the executor serves the slot
            secede()
            seat.seceded = True
        paused_at = monotonic()
        loop.call_soon_threadsafe(self._stands_aside, seat)
        seat.wait_aside()
        seconds = monotonic() - paused_at
        seat.paused_seconds += seconds
        if not seat.paused:
            seat.note("resumed", seconds)
            loop.call_soon_threadsafe(self._report, seat)

    def _short_of_memory(self) -> bool:
        limit = self.worker.memory_manager.memory_limit
        return bool(limit) and self.worker.monitor.get_process_memory() > _MEMORY_FULL * limit

    # Called back in the event loop.

    def _stands_aside(self, seat: Seat) -> None:
        self._report(seat)
        seat.slot_free.set()

    def _done(self, seat: Seat) -> None:
        del self.seats[seat.bundle]
        self._report(seat)
        seat.slot_free.set()


def _calls(payload: bytes, units: int) -> Iterator[Callable[[], bytes]]:
    """One by one, each a call that gives the pickled result."""
    try:
        bundle = loads(payload)
    except BaseException as error:
        # If one of several is to blame the next try shows which: each then goes alone.
        failure = error
        yield from [partial(_raise, failure)] * units
        return
    for unit, results in bundle:
        yield partial(_call, unit, results)


def _raise(error: BaseException) -> bytes:
    raise error


def _call(unit: Unit, results: list[bytes] | None) -> bytes:
    before = () if results is None else ([loads(each) for each in results],)
    return bytes(dumps(unit(*before)))


def _attempt(seat: Seat, call: Callable[[], bytes]) -> UnitEnded:
    value, failure, transient = None, None, False
    outcome: AttemptOutcome = "done"
    try:
        if seat.is_cancelled:
            raise Cancelled
        value = call()
    except Reschedule:
        outcome = "rescheduled"
    except Cancelled:
        outcome = "cancelled"
    except BaseException as error:
        outcome, failure = "failed", Failure.of(error)
        transient = not isinstance(error, MediaError)
    return UnitEnded(
        seat.position,
        outcome,
        value,
        failure.error if failure else "",
        failure.kind if failure else "",
        transient,
        seat.frames,
        monotonic() - seat.since - seat.paused_seconds,
        seat.paused_seconds,
    )


async def stint(bundle: str, units: int, payload: bytes | None) -> None:
    """The function of every Dask task a pool makes; see this module's first lines."""
    worker = get_worker()
    # A worker gets tasks from the moment it is registered, and its plugins a little later.
    async with asyncio.timeout(_SETUP_SECONDS):
        while Workbench.name not in worker.plugins:
            await asyncio.sleep(0.01)
    await worker.plugins[Workbench.name].stint(bundle, units, payload)
