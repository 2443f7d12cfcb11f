"""A simulated world: a scheduler's process, workers' processes that come and go, the network between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mediadask.pool.core.events import EvictWorkers, UnitsReported, WorkerExplained, WorkerJoined, WorkerLeft
from mediadask.pool.simulation.clock import Clock, Stream
from mediadask.pool.simulation.dask import DaskWorker
from mediadask.pool.simulation.pool import SimulatedPool
from mediadask.pool.simulation.worker import SimulatedWorker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from random import Random

    from mediadask.pool.reports import Report
    from mediadask.pool.simulation.dask import DaskTask
    from mediadask.pool.simulation.model import Ending, JobModel, Timing, UnitModel, WorkerModel
    from mediadask.pool.simulation.pool import Handles, Observer

__all__ = ["Process", "World"]

_LEAVE_SECONDS = 30.0
"""A worker that is to leave may take so long to give its work back; then its process ends all the same."""

_LOOK_SECONDS = 0.5
_SMALL = 0.0005
"""What a message takes where nothing is drawn."""


@dataclass(eq=False, slots=True)
class Process:
    """A worker's process, and its two streams."""

    model: WorkerModel
    worker: SimulatedWorker
    to_worker: Stream
    to_pool: Stream
    is_known: bool = False
    """Whether the scheduler has it among its workers."""

    is_leaving: bool = False
    stays_away: bool = False
    """Whether nobody starts another in its place."""

    is_replaced: bool = False


class World:
    """Everything around a `PoolState`.

    Parameters
    ----------
    new_state
        Makes the state of each of the pool's lives.
    random
        Draws delays and where tasks go; without it nothing is left to chance.
    observer
        Sees what each state is told and answers.
    """

    def __init__(
        self,
        jobs: Iterable[JobModel],
        timing: Timing,
        new_state: Callable[[], Handles],
        *,
        random: Random | None = None,
        observer: Observer | None = None,
        start: datetime | None = None,
    ) -> None:
        self.clock = Clock() if start is None else Clock(start)
        self.jobs = {job.id: job for job in jobs}
        self.timing, self.observer = timing, observer
        self._new_state, self._random = new_state, random
        self.choose = None if random is None else random.randrange
        """Chooses one of so many workers, as of `SimulatedDask`."""

        self.processes: dict[str, Process] = {}
        """By address: those that live, and those whose end was not noticed yet."""

        self.tries: dict[str, int] = {}
        self.committed_keys: set[str] = set()
        self.run_seconds: dict[str, float] = {}
        """How long units had slots, by the server id of their worker."""

        self._ports = 0
        self.pool = SimulatedPool(new_state(), self)

    # The pool.

    def kill_pool(self) -> None:
        """The scheduler's process ends, and its workers with it."""
        self.pool.close()
        for process in self.processes.values():
            self._end(process)
            process.to_pool.is_open = False
        self.processes.clear()

    def start_pool(self) -> None:
        """Another process of the scheduler starts, without workers."""
        self.pool = SimulatedPool(self._new_state(), self)

    def restart_dask(self) -> None:
        """A client has Dask forget everything and restart all workers."""
        self.pool.forget_tasks()
        for process in list(self.processes.values()):
            process.is_replaced = True
            self._end(process)
            self._gone(process, expected=True, reason="restarted")

    def delay(self) -> float:
        """How long a message takes."""
        if self._random is None:
            return _SMALL
        timing = self.timing
        slow = self._random.random() < timing.slow_share
        return self._random.random() * (timing.slow_message_seconds if slow else timing.message_seconds)

    def _draw(self, seconds: float) -> float:
        return seconds if self._random is None else self._random.random() * seconds

    # Workers.

    def add_worker(
        self, model: WorkerModel, address: str = "", startup_seconds: float | None = None
    ) -> Process:
        """A worker's process starts, and registers."""
        self._ports += 1
        if not address or address in self.processes:
            address = f"tcp://w{self._ports}"
        worker = SimulatedWorker(address, f"worker-{self._ports}", model.threads, self)
        process = Process(model, worker, Stream(self.clock, self.delay), Stream(self.clock, self.delay))
        self.processes[address] = process
        process.to_pool.send(self._register, process, startup_seconds)
        return process

    def _register(self, process: Process, startup_seconds: float | None) -> None:
        worker, pool = process.worker, self.pool
        if not pool.client.is_open:  # it waits for the scheduler
            self.clock.after(_LOOK_SECONDS, self._register, process, startup_seconds)
            return
        process.is_known = True
        pool.workers[worker.address] = worker, process.to_worker
        stream = process.to_worker
        in_dask = DaskWorker(
            worker.address,
            worker.threads,
            lambda task: stream.send(worker.compute, task),
            lambda key: stream.send(worker.free, key),
        )
        joined = WorkerJoined(
            address=worker.address,
            server_id=worker.server_id,
            name=process.model.name,
            threads=worker.threads,
            has_nanny=process.model.has_nanny,
            startup_seconds=startup_seconds,
        )
        if process.model.is_early:
            pool.dask.add_worker(in_dask)
        pool.handle(joined)
        if not process.model.is_early:
            pool.dask.add_worker(in_dask)

    def kill_worker(self, process: Process) -> None:
        """A worker's process ends all of a sudden; that is noticed a while later."""
        if not process.worker.is_alive:
            return
        self._end(process)
        self.clock.after(self._draw(self.timing.notice_seconds), self._gone, process, False, "died")

    def retire_worker(self, process: Process) -> None:
        """A worker is to leave: it gets no more tasks, gives its work back, then its process ends."""
        if process.is_known and not process.is_leaving:
            process.is_leaving = process.stays_away = True
            self.pool.dask.set_running(process.worker.address, False)
            self.pool.handle(EvictWorkers((process.worker.address,)))
            self.clock.after(_LOOK_SECONDS, self._leave, process, self.clock.seconds + _LEAVE_SECONDS)

    def close_worker(self, process: Process) -> None:
        """A worker that runs nothing leaves at once."""
        process.stays_away = True
        self._end(process)
        self._gone(process, expected=True, reason="idle")

    def _leave(self, process: Process, until: float) -> None:
        if not process.worker.is_alive:
            return
        worker = process.worker
        dask = self.pool.dask.workers.get(worker.address)
        is_busy = worker.seats or process.to_pool.in_flight or (dask and dask.processing)
        if is_busy and self.clock.seconds < until:
            self.clock.after(_LOOK_SECONDS, self._leave, process, until)
            return
        self._end(process)
        self._gone(process, expected=True, reason="reclaimed")

    def replace_worker(self, address: str, reason: str) -> None:
        """The pool has a worker's process ended."""
        process = self.processes.get(address)
        if process is not None and process.worker.is_alive:
            process.is_replaced = True
            self.clock.after(self.delay(), self._end, process)
            self.clock.after(self._draw(self.timing.notice_seconds) + 0.3, self._gone, process, False, reason)

    def _end(self, process: Process) -> None:
        process.worker.die()
        process.to_worker.is_open = False
        # What was sent before may still arrive, or not.
        process.to_pool.is_open = self._random is not None and self._random.random() < 0.5

    def _gone(self, process: Process, expected: bool, reason: str) -> None:
        address = process.worker.address
        if self.processes.get(address) is not process:
            return
        self._end(process)
        process.to_pool.is_open = False
        del self.processes[address]
        if process.is_known:
            del self.pool.workers[address]
            self.pool.paused.pop(address, None)
            self.pool.handle(WorkerLeft(address, expected, reason))
            self.pool.dask.remove_worker(address, expected=expected)
            if not expected:
                explained = WorkerExplained(process.model.name, "its machine has failed")
                self.clock.after(self.timing.notice_seconds, self.pool.handle, explained)
        if (process.model.has_nanny or process.is_replaced) and not process.stays_away:
            again = address if process.model.fixed_port else ""
            pool = self.pool
            self.clock.after(
                self._draw(self.timing.restart_seconds), self._restart, process.model, again, pool
            )

    def _restart(self, model: WorkerModel, address: str, pool: SimulatedPool) -> None:
        if pool is self.pool and pool.client.is_open:  # else it went down with its nanny
            self.add_worker(model, address)

    # What workers do.

    def reported(self, worker: SimulatedWorker, batch: str, reports: tuple[Report, ...]) -> None:
        """A worker sends reports."""
        stream = self.processes[worker.address].to_pool
        stream.send(self.pool.handle, UnitsReported(worker.address, batch, reports))

    def task_ended(self, worker: SimulatedWorker, task: DaskTask, error: str) -> None:
        """A worker sends that a task has ended, or failed."""
        self.processes[worker.address].to_pool.send(self.pool.dask.ended, worker.address, task.key, error)

    def task_fails(self) -> bool:
        """Whether the next task fails before it has come to its units."""
        share = self.timing.failing_share
        return bool(share) and self._random is not None and self._random.random() < share

    def try_of(self, unit: UnitModel) -> Ending:
        """How the next try of a unit goes: every further one like the last."""
        number = self.tries.get(unit.key, 0)
        self.tries[unit.key] = number + 1
        return unit.endings[min(number, len(unit.endings) - 1)]

    def committed(self, unit: UnitModel) -> bool:
        """Whether the unit's output is there already."""
        return unit.key in self.committed_keys

    def returned(self, unit: UnitModel) -> None:
        """A unit has committed its output."""
        self.committed_keys.add(unit.key)

    def ran(self, worker: SimulatedWorker, seconds: float) -> None:
        """A unit had a slot for so long."""
        self.run_seconds[worker.server_id] = self.run_seconds.get(worker.server_id, 0.0) + seconds

    def died(self, worker: SimulatedWorker) -> None:
        """A unit took its worker down."""
        process = self.processes.get(worker.address)
        if process is not None and process.worker is worker:
            self.kill_worker(process)
