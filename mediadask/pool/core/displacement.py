"""Who pauses for whom, and who goes on: preemption in place, at the next checkpoint.

A batch of a lower class pauses where one of a higher class waits for a slot. It goes on where it paused, as
soon as nothing of a higher class waits. Tasks of graphs may wait for a slot on a worker, too: those that need
the results of others are sent there at once.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from mediadask.pool.core.batches import ON_SLOT
from mediadask.pool.core.commands import Instruct

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mediadask.pool.core.batches import Batch, BatchTable
    from mediadask.pool.core.clock import Now
    from mediadask.pool.core.commands import Command
    from mediadask.pool.core.slots import Slots
    from mediadask.pool.core.workers import Worker, Workers

__all__ = ["Demand", "Displacement", "Victims", "choose_resumed", "choose_victims"]

_PATIENCE_SECONDS = 1.0
"""A batch told to pause that has made no checkpoint for so long is not counted on: another is told."""


class Victims(NamedTuple):
    """So many batches of one rank pause for those of another."""

    rank: int
    number: int
    waiting_rank: int
    skip: int
    """So many of those that wait get a slot without them."""


def choose_victims(
    waiting: Mapping[int, int], pausing: Mapping[int, int], running: Mapping[int, int]
) -> list[Victims]:
    """Which batches pause, by rank; a lower rank goes first. The lowest class pauses first.

    Parameters
    ----------
    waiting
        How many wait for a slot, by rank.
    pausing
        How many have been told to pause already: each serves one that waits.
    running
        How many may be told to pause.
    """
    freed, runs = Counter(pausing), Counter(running)
    chosen = []
    for rank in sorted(waiting):
        missing = skip = waiting[rank]
        for source in (freed, runs):
            for other in sorted((each for each in source if each > rank and source[each] > 0), reverse=True):
                number = min(missing, source[other])
                if source is runs and number:
                    chosen.append(Victims(other, number, rank, skip - missing))
                source[other] -= number
                missing -= number
    return chosen


def choose_resumed(
    paused: Sequence[Batch], resuming: int, tasks: Sequence[int], threads: int, most_urgent: float
) -> list[Batch]:
    """Which paused batches of a worker go on: no more than its threads, none before a higher class.

    Parameters
    ----------
    paused
        Those of one worker.
    resuming
        How many of its batches are about to go on already.
    tasks
        The ranks of tasks of graphs that it has.
    threads
        Of the worker.
    most_urgent
        The rank of the most urgent class that waits for a slot anywhere.
    """
    chosen: list[Batch] = []
    for batch in sorted(paused, key=lambda batch: (batch.rank, batch.paused_at)):
        ahead = resuming + len(chosen) + sum(rank < batch.rank for rank in tasks)
        if batch.rank <= most_urgent and ahead < threads:
            chosen.append(batch)
    return chosen


class Demand(NamedTuple):
    """Tasks of a job's graph that wait for a slot."""

    rank: int
    job: str
    tasks: int


class Displacement:
    """Has batches pause and go on by instructions to their workers."""

    def __init__(self, table: BatchTable, workers: Workers, slots: Slots, out: list[Command]) -> None:
        self._table, self._workers, self._slots, self._out = table, workers, slots, out
        self._most_urgent: float = float("-inf")

    def displace(self, next_rank: float, demands: Sequence[Demand], now: Now) -> None:
        """Have lower classes pause for those that wait for a slot, and go on where nobody does.

        Parameters
        ----------
        next_rank
            The rank of the most urgent job with units to hand out; infinite without one.
        demands
            Of graphs.
        """
        ranks = self._table.ranks()
        count = self._table.count
        self._table.give_up_on(now.seconds - _PATIENCE_SECONDS)
        waiting = {rank: number for rank in ranks if (number := count["queued", rank])}
        for demand in demands:
            waiting[demand.rank] = waiting.get(demand.rank, 0) + demand.tasks
        if waiting and ranks and min(waiting) < ranks[-1]:
            self._ask(waiting, ranks, demands, now)
        arriving = [rank for rank in ranks if count["queued", rank] or count["entering", rank]]
        most_urgent = min([next_rank, *arriving, *(demand.rank for demand in demands)])
        touched = self._table.take_touched()
        if any(count[state, rank] for state in ("pausing", "paused", "resuming") for rank in ranks):
            self._go_on(most_urgent, ranks, touched, now)
        else:
            touched = {address: None for address in touched if self._has_graphs(address)}
        for address in touched:
            if (worker := self._workers.get(address)) is not None:
                self._settle(worker, most_urgent, now)
        self._most_urgent = most_urgent

    def _ask(self, waiting: Mapping[int, int], ranks: list[int], demands: Sequence[Demand], now: Now) -> None:
        count = self._table.count
        freed = {
            rank: count["yielding", rank] + count["pausing", rank] - self._table.deaf[rank] for rank in ranks
        }
        running = {rank: count["running", rank] for rank in ranks}
        for victims in choose_victims(waiting, freed, running):
            jobs = self._table.jobs_waiting(victims.waiting_rank, victims.skip, victims.number)
            graphs = [each.job for each in demands if each.rank == victims.waiting_rank]
            for position, batch in enumerate(self._table.least_done(victims.rank, victims.number)):
                batch.displaced_for = jobs[position] if position < len(jobs) else (graphs or jobs)[-1]
                self._pause(batch, now)
        # One that is told to pause while it waits on its worker for a slot frees none by that.
        highest = min(waiting)
        for rank in ranks:
            if rank > highest:
                for batch in self._table.in_state("resuming", rank):
                    if not batch.is_held:
                        batch.is_held = True
                        self._tell(batch, "pause")

    def _has_graphs(self, address: str) -> bool:
        worker = self._workers.get(address)
        return worker is not None and bool(worker.graphs)

    def _go_on(self, most_urgent: float, ranks: list[int], touched: dict[str, None], now: Now) -> None:
        for rank in ranks:
            if rank <= most_urgent:
                for batch in list(self._table.in_state("pausing", rank)):
                    if not self._is_in_the_way(batch):
                        self._tell(batch, "run")
                        self._table.move(batch, "running", now.seconds)
                for batch in self._table.in_state("resuming", rank):
                    if batch.is_held:
                        batch.is_held = False
                        self._tell(batch, "run")
        if most_urgent > self._most_urgent:
            for rank in (rank for rank in ranks if rank <= most_urgent):
                paused = self._table.in_state("paused", rank)
                touched |= dict.fromkeys(batch.worker for batch in paused)

    def _is_in_the_way(self, batch: Batch) -> bool:
        """Whether one of a higher class waits for a slot of its worker."""
        others = self._table.on(batch.worker)
        if any(other.state == "resuming" and other.rank < batch.rank for other in others):
            return True
        worker = self._workers.get(batch.worker)
        if worker is None or not worker.graphs:
            return False
        running = sum(other.state in ON_SLOT for other in others if other is not batch)
        return running + sum(rank < batch.rank for rank, _ in _tasks(worker)) >= worker.threads

    def _settle(self, worker: Worker, most_urgent: float, now: Now) -> None:
        batches = self._table.on(worker.address)
        tasks, threads = _tasks(worker), worker.threads
        paused = [batch for batch in batches if batch.state == "paused" and not batch.must_leave]
        resuming = sum(batch.state == "resuming" for batch in batches)
        for batch in choose_resumed(paused, resuming, [rank for rank, _ in tasks], threads, most_urgent):
            self._slots.resume(batch, now)
        # What waits for a slot of this very worker: a lower class that took it makes room.
        going = [(batch.rank, batch.job.id) for batch in batches if batch.state == "resuming"]
        stay = [each for each in batches if each.state in ("running", "leaving") or each.is_deaf]
        victims = sorted(
            (each for each in stay if each.state == "running"), key=lambda each: (-each.rank, each.step)
        )
        for rank, job in sorted([*going, *tasks])[max(0, threads - len(stay)) :]:
            if victims and victims[0].rank > rank:
                victim = victims.pop(0)
                victim.displaced_for = job
                self._pause(victim, now)

    def _pause(self, batch: Batch, now: Now) -> None:
        self._table.move(batch, "pausing", now.seconds)
        self._tell(batch, "pause")

    def _tell(self, batch: Batch, instruction: str) -> None:
        if batch.must_leave:
            return
        self._out.append(Instruct(batch.worker, batch.id, instruction))  # type: ignore[arg-type]


def _tasks(worker: Worker) -> list[tuple[int, str]]:
    """The ranks and jobs of the tasks of graphs that a worker has, of each job no more than its threads."""
    return [
        (job.rank, job.id) for job, tasks in worker.graphs.items() for _ in range(min(tasks, worker.threads))
    ]
