"""Units that take a slot together, and where all of them are.

A Dask task costs a scheduler about as much processor as a short unit costs a worker. So short units of one
job share a task, sized by what they are predicted to take, and run in it one after another. Every instruction
takes effect between two of them as between two frames. Those behind one that takes longer than predicted,
pauses or kills its worker are handed out again.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mediadask.pool.core.jobs import DeliveryJob
    from mediadask.pool.core.units import ScheduledUnit

__all__ = ["ASIDE", "ON_SLOT", "WAITING", "Batch", "BatchState", "BatchTable"]

BatchState = Literal[
    "gone", "entering", "queued", "running", "pausing", "leaving", "yielding", "paused", "resuming"
]
"""``entering``: its task is on its way into Dask. ``queued``: it waits there for a slot. ``pausing``: it runs
and was told to pause. ``leaving``: it runs and was told to give its work back. ``yielding``: paused, its slot
not free yet. ``resuming``: paused, its next task on the way to a slot. ``gone``: it is no longer in Dask."""

WAITING: tuple[BatchState, ...] = ("entering", "queued")
ON_SLOT: tuple[BatchState, ...] = ("running", "pausing", "leaving")
ASIDE: tuple[BatchState, ...] = ("pausing", "yielding", "paused", "resuming")
_TAKES_SLOT: tuple[BatchState, ...] = (*ON_SLOT, "yielding")

_STEPS = 16
"""Running batches are told apart by how many sixteenths of their unit are done."""


@dataclass(eq=False, slots=True)
class Batch:
    """Units of one job on their way through Dask: mostly one, and always one when it is paused."""

    job: DeliveryJob
    """The job whose turn it was."""

    number: int
    """In order of making."""

    units: dict[int, ScheduledUnit]
    """Those that have not ended, by the position by which the worker knows them; the first is the current."""

    seconds: float
    """What all of them are predicted to take."""

    id: str = field(init=False)
    task: str = field(init=False)
    """The key of its latest Dask task; the first has the batch's own id."""

    tasks: int = 1
    rank: int = field(init=False)
    due: float = field(init=False)
    state: BatchState = "gone"
    worker: str = ""
    """The address of the worker that has it."""

    server_id: str = ""
    """That worker's identity for the ledger."""

    since: float = 0.0
    """When its state began, or its current unit, if that was later."""

    run_seconds: float = 0.0
    """How long its current unit has had a slot, until `since`."""

    paused_seconds: float = 0.0
    paused_at: float = 0.0
    """When its current unit paused, if it has."""

    progress_at: float = 0.0
    """When its current unit began or last reported a checkpoint."""

    has_begun: bool = False
    """Whether its worker has reported that it is at work."""

    is_held: bool = False
    """Told to stay paused although it is resuming."""

    told_at: float = 0.0
    """When it was told to pause."""

    is_deaf: bool = False
    """Told to pause for so long that it is not counted on."""

    must_leave: bool = False
    """Told to give its work back: it is told nothing else any more, which would take the place of that."""

    displacement: str = ""
    displaced_for: str = ""
    """The id of the job for which it pauses."""

    hangs: str = ""
    """Why its current unit is taken to hang, once it is."""

    step: int = 0

    def __post_init__(self) -> None:
        word = re.sub(r"[^a-zA-Z]", "", self.units[0].unit.kind.partition(" ")[0]).lower() or "unit"
        # Within one graph Dask runs the last key first, and groups keys by their first word.
        self.id = self.task = f"{word}-{10**12 - 1 - self.number:012d}"
        for position, unit in self.units.items():
            unit.batch, unit.position = self, position
        self.reorder()

    @property
    def current(self) -> ScheduledUnit | None:
        """The unit that runs, or will run first."""
        return next(iter(self.units.values()), None)

    def reorder(self) -> None:
        """Take the rank and the deadline of its most urgent units."""
        self.rank = min(unit.rank for unit in self.units.values())
        self.due = min(unit.due for unit in self.units.values())

    def progress_step(self) -> int:
        """How far its only unit is; several lose nothing by giving their slot up."""
        if len(self.units) != 1:
            return 0
        (unit,) = self.units.values()
        return min(_STEPS - 1, int(unit.fraction_done * _STEPS))


class BatchTable:
    """All batches, by state and rank, so that nobody has to look at each."""

    def __init__(self) -> None:
        self.count: Counter[tuple[BatchState, int]] = Counter()
        """How many batches are in each state, by rank."""

        self.waiting_seconds: defaultdict[int, float] = defaultdict(float)
        """What the batches that wait for a slot are predicted to take, by rank."""

        self.deaf: Counter[int] = Counter()
        """How many pausing batches are not counted on, by rank."""

        self._dues: defaultdict[int, Counter[float]] = defaultdict(Counter)
        """How many batches wait for a slot, by rank and deadline."""

        self._told: deque[tuple[float, Batch]] = deque()
        """What was told to pause, first told first."""

        self._touched: dict[str, None] = {}
        self._by_id: dict[str, Batch] = {}
        self._on_worker: dict[str, dict[Batch, None]] = {}
        self._in_state: dict[tuple[BatchState, int], dict[Batch, None]] = defaultdict(dict)
        self._running: dict[int, list[dict[Batch, None]]] = defaultdict(lambda: [{} for _ in range(_STEPS)])

    def __contains__(self, batch: Batch) -> bool:
        return batch.id in self._by_id

    def __iter__(self) -> Iterator[Batch]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, id: str) -> Batch | None:
        """The batch with this id."""
        return self._by_id.get(id)

    def on(self, worker: str) -> list[Batch]:
        """The batches that this worker has."""
        return list(self._on_worker.get(worker, ()))

    def workers(self) -> list[str]:
        """The addresses of workers that have batches, paused ones included."""
        return list(self._on_worker)

    def ranks(self) -> list[int]:
        """The ranks of all batches, most urgent first."""
        return sorted({rank for (_, rank), number in self.count.items() if number})

    def in_state(self, state: BatchState, rank: int) -> Iterable[Batch]:
        """The batches of this rank in this state, those that came into it first in front."""
        if state == "running":
            return chain.from_iterable(self._running[rank])
        return self._in_state.get((state, rank), {})

    def least_done(self, rank: int, number: int) -> list[Batch]:
        """So many running batches of this rank, those least done first, to a sixteenth."""
        return list(islice(self.in_state("running", rank), number))

    def jobs_waiting(self, rank: int, skip: int, number: int) -> list[str]:
        """The ids of the jobs whose batches wait for a slot, in the order in which they will get one."""
        queued = list(self.in_state("queued", rank))
        queued.sort(key=lambda batch: batch.due)
        return [batch.job.id for batch in queued[skip : skip + number]]

    def latest_waiting(self, rank: int, *, show: str = "", after: float | None = None) -> Batch | None:
        """The batch of a show, or of the latest deadline after this one, that came last into Dask's queue."""
        queued = reversed(self._in_state.get(("queued", rank), {}))
        if after is None:
            return next((batch for batch in queued if batch.job.show == show), None)
        due = max(self._dues[rank], default=after)
        return next((batch for batch in queued if batch.due == due), None) if due > after else None

    def set_aside(self, rank: int) -> int:
        """How many batches of this rank and more urgent ones pause, are about to, or are about to go on."""
        return sum(many for (state, other), many in self.count.items() if state in ASIDE and other <= rank)

    def on_slots(self) -> int:
        """How many slots batches have."""
        return sum(many for (state, _), many in self.count.items() if state in _TAKES_SLOT)

    def last_queued(self, rank: int) -> Batch | None:
        """The batch of this rank that came last into Dask's queue."""
        return next(reversed(self._in_state.get(("queued", rank), {})), None)

    def waiting(self, rank: int) -> tuple[int, float]:
        """How many batches of this rank and more urgent ones wait for a slot, and their predicted seconds."""
        number = sum(
            many for (state, other), many in self.count.items() if state in WAITING and other <= rank
        )
        return number, sum(seconds for other, seconds in self.waiting_seconds.items() if other <= rank)

    def take_touched(self) -> dict[str, None]:
        """The workers on which something has changed since the last call."""
        touched, self._touched = self._touched, {}
        return touched

    def touch(self, worker: str) -> None:
        """Something else has changed on a worker."""
        self._touched[worker] = None

    def add(self, batch: Batch, now: float) -> None:
        """A batch is on its way into Dask."""
        self._by_id[batch.id] = batch
        self.move(batch, "entering", now)

    def remove(self, batch: Batch, now: float) -> None:
        """A batch is gone."""
        self.move(batch, "gone", now)
        self.place(batch, "", "")
        del self._by_id[batch.id]

    def place(self, batch: Batch, worker: str, server_id: str) -> None:
        """A batch is on this worker from now on."""
        if batch.worker:
            batches = self._on_worker[batch.worker]
            del batches[batch]
            if not batches:
                del self._on_worker[batch.worker]
        batch.worker, batch.server_id = worker, server_id
        if worker:
            self._on_worker.setdefault(worker, {})[batch] = None

    def move(self, batch: Batch, state: BatchState, now: float) -> None:
        """A batch is in this state from now on, or again."""
        before = batch.state
        self._take_out(batch)
        if before in ON_SLOT:
            batch.run_seconds += now - batch.since
            if state not in ON_SLOT:
                batch.job.leave_slot(now)
        elif state in ON_SLOT:
            batch.job.take_slot(now)
        if state == "pausing":
            batch.told_at = now
            self._told.append((now, batch))
        batch.state, batch.since, batch.is_deaf = state, now, False
        self._put_in(batch)
        if batch.worker:
            self._touched[batch.worker] = None

    def give_up_on(self, before: float) -> None:
        """Those that were told to pause before this, and have not, are not counted on."""
        while self._told and self._told[0][0] <= before:
            told_at, batch = self._told.popleft()
            if batch.state == "pausing" and batch.told_at == told_at and not batch.is_deaf:
                batch.is_deaf = True
                self.deaf[batch.rank] += 1
                self._touched[batch.worker] = None

    def progressed(self, batch: Batch) -> None:
        """A batch's current unit has come further."""
        if batch.state == "running" and batch.progress_step() != batch.step:
            self._take_out(batch)
            self._put_in(batch)

    def reorder(self, units: Iterable[ScheduledUnit]) -> list[Batch]:
        """Classes of these units' jobs have changed, or who wants them. Returns batches of another rank."""
        batches: dict[Batch, None] = {}
        for unit in units:
            unit.reorder()
            if unit.batch is not None:
                batches[unit.batch] = None
        changed = []
        for batch in batches:
            self._take_out(batch)
            before = batch.rank, batch.due
            batch.reorder()
            self._put_in(batch)
            if (batch.rank, batch.due) != before:
                changed.append(batch)
                if batch.worker:
                    self._touched[batch.worker] = None
        return changed

    def _take_out(self, batch: Batch) -> None:
        if batch.state == "gone":
            return
        self.count[batch.state, batch.rank] -= 1
        self.deaf[batch.rank] -= batch.is_deaf
        if batch.state in WAITING:
            self.waiting_seconds[batch.rank] -= batch.seconds
            self._dues[batch.rank][batch.due] -= 1
            if not self._dues[batch.rank][batch.due]:
                del self._dues[batch.rank][batch.due]
        if batch.state == "running":
            del self._running[batch.rank][batch.step][batch]
        else:
            del self._in_state[batch.state, batch.rank][batch]

    def _put_in(self, batch: Batch) -> None:
        if batch.state == "gone":
            return
        self.count[batch.state, batch.rank] += 1
        self.deaf[batch.rank] += batch.is_deaf
        if batch.state in WAITING:
            self.waiting_seconds[batch.rank] += batch.seconds
            self._dues[batch.rank][batch.due] += 1
        if batch.state == "running":
            batch.step = batch.progress_step()
            self._running[batch.rank][batch.step][batch] = None
        else:
            self._in_state[batch.state, batch.rank][batch] = None
