"""The worker's side of a pool: runs units, pauses them between frames, reports what becomes of them.

A batch takes a slot by a Dask task, from the start of its first unit until its last has ended or one pauses;
a paused one takes a slot again by another task. Meanwhile the unit keeps its thread, its decoder and its
place in the picture, but no slot, so that Dask's own count of who is busy is always right, however often a
unit is displaced. (`distributed.rejoin` would not do: after it the scheduler still takes the slot for free.)

The scheduler sends the units of a batch just before Dask sends the task, on the same stream. A task for which
there are no units ends at once. What becomes of short units is reported a tenth of a second's worth at a
time.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

from distributed import Reschedule, Status, WorkerPlugin, get_worker
from distributed.protocol.pickle import dumps, loads

from mediadask import dask_api
from mediadask.checkpoint import checkpoints_call
from mediadask.delivery import Failure
from mediadask.errors import MediaError, OutputFailed
from mediadask.pool.reports import BatchDone, BatchUnknown, StayedPaused, UnitEnded, UnitResumed, to_wire
from mediadask.pool.worker.batch import RunningBatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from distributed import Worker

    from mediadask.delivery import Unit
    from mediadask.pool.core.commands import Instruction
    from mediadask.pool.history import AttemptOutcome

__all__ = [
    "GIVE_BACK",
    "GRAPH_JOB",
    "INSTRUCTIONS",
    "READY",
    "REPORTS",
    "UNITS",
    "Cancelled",
    "UnitRunner",
    "run_batch",
]

READY = "mediadask-ready"
"""Worker to scheduler: it can run units."""

REPORTS = "mediadask-reports"
"""Worker to scheduler: what became of units."""

UNITS = "mediadask-units"
"""Scheduler to worker: the units of a batch."""

INSTRUCTIONS = "mediadask-instructions"
"""Scheduler to worker: what batches are to do at their next checkpoint."""

GIVE_BACK = "mediadask-give-back"
"""Scheduler to worker: tasks of a graph that have not begun are to wait with the scheduler again."""

GRAPH_JOB = "mediadask_job"
"""The annotation of tasks of a graph: its job's id."""

_PULSE_SECONDS = 0.5
_REPORT_SECONDS = 0.1
_FAREWELL_SECONDS = 2.0
"""A nanny gives its worker four seconds to close."""

_MEMORY_FULL = 0.6
"""Above this share of its memory limit a worker gives a unit back rather than keep it paused: Dask's own
spilling starts there, and a paused decoder cannot be spilled."""


class Cancelled(BaseException):
    """Raised by `checkpoint()` in a unit that nobody wants any more.

    Not an `Exception`, like `asyncio.CancelledError`: a unit that survives bad frames must not survive this.
    """


class UnitRunner(WorkerPlugin):
    """Holds the batches of one worker. Its methods run in the worker's event loop unless noted."""

    name: ClassVar[str] = "mediadask-units"
    idempotent: ClassVar[bool] = True

    def setup(self, worker: Worker) -> None:
        """Listen to the scheduler, and tell it that units may come."""
        self.worker = worker
        self.batches: dict[str, RunningBatch] = {}
        """Those that have a thread."""

        self.arrived: dict[str, RunningBatch] = {}
        """Those whose task has not begun yet."""

        self._is_empty = asyncio.Event()
        """Set where the last batch has left."""

        self._left_at: float | None = None

        dask_api.listen_to_scheduler(worker, UNITS, self.take)
        dask_api.listen_to_scheduler(worker, INSTRUCTIONS, self.obey)
        dask_api.listen_to_scheduler(worker, GIVE_BACK, self.give_back)
        self._pulse = asyncio.create_task(self._look_after_units())
        dask_api.tell_scheduler(worker, {"op": READY, "version": version("mediadask")})

    async def teardown(self, worker: Worker) -> None:
        """The worker leaves: units give their work back at their next checkpoint, if that comes soon."""
        self._pulse.cancel()
        await self._leave()

    async def _leave(self) -> None:
        """What ends until then is told, so that it is not done again elsewhere."""
        if self._left_at is None:
            self._left_at = monotonic()
        for batch in self.batches.values():
            self._report(batch)
            batch.instruct("evict")
        if self.batches:
            with suppress(TimeoutError):
                await asyncio.wait_for(
                    self._is_empty.wait(), max(0.0, self._left_at + _FAREWELL_SECONDS - monotonic())
                )

    def take(self, batch: str, units: int, payload: bytes) -> None:
        """Keep the units of a batch until its task begins."""
        self.arrived[batch] = RunningBatch(batch, units, payload)

    async def run(self, batch_id: str) -> None:
        """Start the batch, or resume it if it is paused here; return when the slot is free."""
        if (batch := self.arrived.pop(batch_id, None)) is not None:
            self.batches[batch_id] = batch
            self._is_empty.clear()
            loop = asyncio.get_running_loop()
            loop.run_in_executor(dask_api.executor_of(self.worker), self._run, batch, loop)
        elif (batch := self.batches.get(batch_id)) is None:
            self._send(batch_id, [to_wire(BatchUnknown())])
            return
        elif not batch.resume():
            batch.note(StayedPaused())
            self._report(batch)
            return
        try:
            await batch.slot_free.wait()
        except asyncio.CancelledError:  # the worker is told to end, and Dask waits for its tasks
            await self._leave()
            if not batch.slot_free.is_set():
                raise

    def obey(self, instructions: dict[str, Instruction], cancelled: dict[str, list[int]]) -> None:
        """Pass instructions on to batches."""
        for batch_id, positions in cancelled.items():
            if batch := self.batches.get(batch_id) or self.arrived.get(batch_id):
                batch.cancel(positions)
        for batch_id, instruction in instructions.items():
            if batch := self.batches.get(batch_id) or self.arrived.get(batch_id):
                batch.instruct(instruction)
            if instruction == "evict":
                self.arrived.pop(batch_id, None)

    def give_back(self, graph: str) -> None:
        """Have tasks of a job's graph that have not begun wait with the scheduler."""
        dask_api.give_back_tasks(self.worker, lambda key, annotations: annotations.get(GRAPH_JOB) == graph)

    def _report(self, batch: RunningBatch) -> None:
        if reports := batch.take_reports():
            self._send(batch.id, [to_wire(report) for report in reports])

    def _send(self, batch_id: str, reports: list[list[Any]]) -> None:
        dask_api.tell_scheduler(self.worker, {"op": REPORTS, "batch": batch_id, "reports": reports})

    async def _look_after_units(self) -> None:
        while True:
            await asyncio.sleep(_PULSE_SECONDS)
            for batch in self.batches.values():
                batch.look_after()
                self._report(batch)
            self._make_room()
            if self.worker.status == Status.paused:  # full; the scheduler may not have known
                dask_api.give_back_tasks(
                    self.worker, lambda key, annotations: key in self.arrived or GRAPH_JOB in annotations
                )

    def _make_room(self) -> None:
        """Short of memory, have the paused unit that has done least give its work back."""
        paused = [
            batch for batch in self.batches.values() if batch.is_paused and batch.instruction != "evict"
        ]
        if paused and self._is_short_of_memory():
            min(paused, key=lambda batch: batch.frames).instruct("evict")

    # What follows runs in the units' thread.

    def _run(self, batch: RunningBatch, loop: asyncio.AbstractEventLoop) -> None:
        try:
            with (
                dask_api.runs_on_thread(self.worker, batch.id),
                checkpoints_call(lambda: self._checkpoint(batch, loop), batch.prepare),
            ):
                for position, call in enumerate(_calls(batch)):
                    if not batch.begin(position):
                        break
                    if batch.end(_attempt(batch, call)):
                        loop.call_soon_threadsafe(loop.call_later, _REPORT_SECONDS, self._report, batch)
        finally:  # whatever happened here, the slot is free
            batch.note(BatchDone())
            loop.call_soon_threadsafe(self._done, batch)

    def _checkpoint(self, batch: RunningBatch, loop: asyncio.AbstractEventLoop) -> None:
        batch.frames += 1
        if batch.instruction == "pause" and not batch.is_cancelled:
            self._pause(batch, loop)
        if batch.is_cancelled:
            raise Cancelled
        if batch.instruction == "evict":
            raise Reschedule

    def _pause(self, batch: RunningBatch, loop: asyncio.AbstractEventLoop) -> None:
        if self._is_short_of_memory():
            raise Reschedule
        if not batch.pause():
            return
        if not batch.has_seceded:  # from here on another thread of the executor serves the slot
            dask_api.secede_thread()
            batch.has_seceded = True
        paused_at = monotonic()
        loop.call_soon_threadsafe(self._paused, batch)
        batch.wait_while_paused()
        seconds = monotonic() - paused_at
        batch.paused_seconds += seconds
        if not batch.is_paused:
            batch.note(UnitResumed(seconds))
            loop.call_soon_threadsafe(self._report, batch)

    def _is_short_of_memory(self) -> bool:
        held, limit = dask_api.process_memory(self.worker)
        return bool(limit) and held > _MEMORY_FULL * limit

    # Called back in the event loop.

    def _paused(self, batch: RunningBatch) -> None:
        self._report(batch)
        batch.slot_free.set()

    def _done(self, batch: RunningBatch) -> None:
        del self.batches[batch.id]
        self._report(batch)
        batch.slot_free.set()
        if not self.batches:
            self._is_empty.set()


def _calls(batch: RunningBatch) -> Iterator[Callable[[], bytes]]:
    """One by one, each a call that gives the pickled result."""
    try:
        calls = loads(batch.payload)
    except BaseException as error:
        # If one of several is to blame the next try shows which: each then goes alone.
        failure = error
        yield from [partial(_raise, failure)] * batch.units
        return
    batch.payload = b""
    for unit, results in calls:
        yield partial(_call, unit, results)


def _raise(error: BaseException) -> bytes:
    raise error


def _call(unit: Unit, results: list[bytes] | None) -> bytes:
    before = () if results is None else ([loads(each) for each in results],)
    result = unit(*before)
    try:
        return bytes(dumps(result))
    except Exception as error:
        raise MediaError(
            f"its result cannot be sent: {error}", where=unit.name or unit.key, do="return plain data"
        ) from error


def _attempt(batch: RunningBatch, call: Callable[[], bytes]) -> UnitEnded:
    value, failure, transient = None, None, False
    outcome: AttemptOutcome = "done"
    try:
        if batch.is_cancelled:
            raise Cancelled
        value = call()
    except Reschedule:
        outcome = "rescheduled"
    except Cancelled:
        outcome = "cancelled"
    except BaseException as error:
        outcome, failure = "failed", Failure.of(error)
        # A disk that is full may have room again; what is wrong with an input stays so.
        transient = isinstance(error, OutputFailed) or not isinstance(error, MediaError)
    return UnitEnded(
        batch.position,
        outcome,
        value,
        failure.error if failure else "",
        failure.kind if failure else "",
        transient,
        batch.frames,
        monotonic() - batch.since - batch.paused_seconds,
        batch.paused_seconds,
    )


async def run_batch(batch: str) -> None:
    """Run or resume a batch: the function of every Dask task by which one takes a slot."""
    runner = get_worker().plugins.get(UnitRunner.name)
    if runner is not None:  # else the scheduler hears that no unit began
        await runner.run(batch)
