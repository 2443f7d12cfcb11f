"""Carries out what a scenario lets happen, and calms the world at its end."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from mediadask.pool.core.events import CancelJob, ReprioritizeJob, SpendingChanged, SubmitJob
from mediadask.pool.simulation.model import WorkerModel, spec_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from mediadask.pool.simulation.model import JobModel
    from mediadask.pool.simulation.pool import SimulatedPool
    from mediadask.pool.simulation.scenario import Happening, Scenario
    from mediadask.pool.simulation.watch import Watch
    from mediadask.pool.simulation.world import Process, World

__all__ = ["Script"]

_RESTART_SECONDS = 1.0
"""Until a pool that was killed is started again."""

_PATIENCE_SECONDS = 3.0
"""So much later than the pool, workers come again."""


class Script:
    """A scenario on its way through a world."""

    def __init__(self, scenario: Scenario, world: World, watch: Watch) -> None:
        self._scenario, self._world, self._watch = scenario, world, watch
        self._spent: dict[str, float] = {}
        self._is_down = False
        self._missed: list[Callable[[], None]] = []
        """What clients asked for while no pool was there: they ask again."""

    def begin(self) -> None:
        """Have everything happen at its time."""
        clock = self._world.clock
        for model in self._scenario.workers:
            self._world.add_worker(model)
        for job in self._scenario.jobs:
            clock.at(job.at, self._submit, job)
        for happening in self._scenario.happenings:
            clock.at(happening.at, self._happen, happening)
        clock.at(self._scenario.calm_after, self._calm)

    def _submit(self, job: JobModel) -> None:
        if self._is_down:
            self._missed.append(lambda: self._submit(job))
            return
        self._world.pool.handle(SubmitJob(spec_of(job, self._world.clock.now())))

    def _happen(self, happening: Happening) -> None:
        if self._is_down:
            return
        world = self._world
        match happening.kind:
            case "a worker comes":
                assert happening.worker is not None
                world.add_worker(happening.worker, startup_seconds=1.0)
            case "a worker dies":
                self._with_worker(happening, world.kill_worker)
            case "a worker is retired":
                self._with_worker(happening, world.retire_worker)
            case "a worker is closed":
                self._with_worker(happening, world.close_worker)
            case "a tier is reclaimed":
                for process in list(world.processes.values()):
                    world.retire_worker(process)
            case "memory runs short":
                self._with_worker(happening, lambda process: self._run_short(process, happening.seconds))
            case "a job is cancelled":
                self._with_job(happening, lambda job: world.pool.handle(CancelJob(job, "not needed")))
            case "a job is reprioritized":
                self._with_job(happening, lambda job: self._reprioritize(job, happening))
            case "money is spent":
                self._spent = dict(happening.spent)
                world.pool.handle(SpendingChanged(self._spent))
            case "Dask is restarted":
                world.restart_dask()
            case "a worker is full":
                self._with_worker(happening, lambda process: self._fill_up(process, happening.seconds))
            case "strangers come":
                for _ in range(1 + happening.which):
                    world.pool.strangers.enter(happening.seconds)
            case "a client vanishes":
                for graph in list(world.pool.graphs.values()):
                    graph.vanish()
            case "a message comes twice":
                self._with_job(happening, lambda job: self._submit(world.jobs[job]))
            case "the pool is killed":
                self._is_down = True
                self._watch.pool_killed()
                world.kill_pool()
                world.clock.after(_RESTART_SECONDS, self._start_again)

    def _with_worker(self, happening: Happening, do: Callable[[Process], None]) -> None:
        there = [
            process
            for process in self._world.processes.values()
            if process.is_known and process.worker.is_alive
        ]
        if there:
            do(there[happening.which % len(there)])

    def _with_job(self, happening: Happening, do: Callable[[str], None]) -> None:
        if jobs := self._watch.open_jobs():
            do(jobs[happening.which % len(jobs)])

    def _run_short(self, process: Process, seconds: float) -> None:
        process.worker.is_short_of_memory = True
        self._world.clock.after(seconds, self._enough_again, process)

    def _enough_again(self, process: Process) -> None:
        process.worker.is_short_of_memory = False

    def _fill_up(self, process: Process, seconds: float) -> None:
        """Dask sends it no more tasks for a while."""
        pool = self._world.pool
        pool.dask.set_running(process.worker.address, False)
        if not process.is_leaving:
            self._world.clock.after(seconds, self._empty_again, process, pool)

    def _empty_again(self, process: Process, pool: SimulatedPool) -> None:
        address = process.worker.address
        if process.worker.is_alive and not process.is_leaving and address not in pool.paused:
            pool.dask.set_running(address, True)

    def _reprioritize(self, job: str, happening: Happening) -> None:
        deadline = None
        if happening.seconds:
            deadline = self._world.clock.now().utc + timedelta(seconds=happening.seconds)
        self._world.pool.handle(ReprioritizeJob(job, happening.priority, deadline))

    def _start_again(self) -> None:
        self._world.start_pool()
        self._is_down = False
        for job, priority, deadline, waited in self._watch.unfinished():
            model = self._world.jobs[job]
            spec = spec_of(
                model,
                self._world.clock.now(),
                waited_seconds=waited,
                priority=priority,
                deadline=deadline,
            )
            self._world.pool.handle(SubmitJob(spec))
        if self._spent:
            self._world.pool.handle(SpendingChanged(self._spent))
        missed, self._missed = self._missed, []
        for ask in missed:
            ask()
        for number, worker in enumerate(self._scenario.workers):
            self._world.clock.after(number * _PATIENCE_SECONDS / 4, self._world.add_worker, worker)

    def _calm(self) -> None:
        """There is money again, and a worker that stays; those that cannot be replaced when they hang, go."""
        if self._is_down:
            self._world.clock.after(_PATIENCE_SECONDS, self._calm)
            return
        self._spent = {}
        self._world.pool.handle(SpendingChanged({}))
        self._world.add_worker(WorkerModel("local-stays", 1, has_nanny=True))
