"""Runs scenarios, and finds the smallest one that still breaks an invariant."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any

from mediadask.pool.core.state import PoolState
from mediadask.pool.scaling.predict import Predictor
from mediadask.pool.simulation.happen import Script
from mediadask.pool.simulation.invariants import Broken
from mediadask.pool.simulation.scenario import make_scenario
from mediadask.pool.simulation.watch import Watch
from mediadask.pool.simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mediadask.pool.core.commands import Command
    from mediadask.pool.core.events import Event
    from mediadask.pool.simulation.pool import Handles
    from mediadask.pool.simulation.scenario import Scenario

__all__ = ["Ran", "make_state", "run", "run_seed", "shrink"]

_PATIENCE_SECONDS = 600.0
"""So long after nothing goes wrong any more every job has ended."""

_QUIET_SECONDS = 75.0
"""So long after the last job has ended nothing of it is left."""

_SURE_SECONDS = 3.0
"""What is quiet for so long stays so."""

_MOST_STEPS = 200_000


@dataclass(frozen=True)
class Ran:
    """What became of a scenario."""

    scenario: Scenario
    invariant: str = ""
    """The one that broke, if one did."""

    how: str = ""
    story: tuple[tuple[float, Event, list[Command]], ...] = ()
    """Every event with the commands that it led to."""

    events: int = 0
    seconds: float = 0.0
    """The moment in virtual time."""


def make_state(scenario: Scenario) -> PoolState:
    """The state of one life of the scenario's pool."""
    config = scenario.config().model_copy(update={"name": "simulated"})
    numbers = count(1)
    return PoolState(config, Predictor(config.seconds_per_frame), lambda: f"id-{next(numbers)}")


def run(scenario: Scenario, make: Callable[[Scenario], Handles] = make_state) -> Ran:
    """Run a scenario to its end, or until an invariant breaks or the state raises."""
    watch = Watch(scenario.config())
    world = World(
        scenario.jobs, scenario.timing, partial(make, scenario), random=Random(scenario.seed), observer=watch
    )
    watch.world = world
    Script(scenario, world, watch).begin()
    invariant, how = "", ""
    try:
        _to_the_end(scenario, world, watch)
    except Broken as broken:
        invariant, how = broken.invariant, broken.how
    except Exception as error:
        invariant, how = "the state raises nothing", f"{type(error).__name__}: {error}{_where(error)}"
    return Ran(
        scenario,
        invariant,
        how,
        tuple(watch.story),
        watch.events,
        world.clock.seconds,
    )


def _where(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    code = trace.tb_frame.f_code
    return f" in {code.co_qualname}, {code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"


def _to_the_end(scenario: Scenario, world: World, watch: Watch) -> None:
    until = scenario.calm_after + _PATIENCE_SECONDS
    clock = world.clock
    for _ in range(_MOST_STEPS):
        if watch.is_over and clock.seconds > scenario.calm_after:
            break
        if clock.seconds > until:
            left = [job for job in world.jobs if job not in watch.ended]
            raise Broken("every open job makes progress", f"{', '.join(left)} never ended")
        clock.step()
    else:
        raise Broken("every open job makes progress", f"{_MOST_STEPS} steps were not enough")
    until = clock.seconds + _QUIET_SECONDS
    quiet_since = None
    while clock.seconds < until:
        clock.step()
        if not watch.is_quiet:
            quiet_since = None
        elif quiet_since is None:
            quiet_since = clock.seconds
        elif clock.seconds - quiet_since > _SURE_SECONDS:
            break
    watch.all_is_quiet()


def run_seed(seed: int) -> Ran:
    """Run the scenario of a seed."""
    return run(make_scenario(seed))


def shrink(ran: Ran, make: Callable[[Scenario], Handles] = make_state, most_runs: int = 400) -> Ran:
    """Leave out of a scenario whatever is not needed for the same invariant to break."""
    runs = 0
    progress = True
    while progress and runs < most_runs:
        progress = False
        for smaller in _smaller(ran.scenario):
            runs += 1
            tried = run(smaller, make)
            if tried.invariant == ran.invariant:
                ran, progress = tried, True
                break
            if runs >= most_runs:
                break
    return ran


def _smaller(scenario: Scenario) -> Iterator[Scenario]:
    """The scenario without one of its parts, the largest first."""
    for jobs in _without_one(scenario.jobs):
        yield replace(scenario, jobs=jobs)
    for happenings in _without_one(scenario.happenings):
        yield replace(scenario, happenings=happenings)
    for workers in _without_one(scenario.workers):
        yield replace(scenario, workers=workers)
    for number, job in enumerate(scenario.jobs):
        for groups in _without_one(job.groups):
            yield _with_job(scenario, number, replace(job, groups=groups))
        if job.closing is not None:
            yield _with_job(scenario, number, replace(job, closing=None))
        for index, group in enumerate(job.groups):
            for units in _without_one(group.units):
                smaller = replace(group, units=units)
                groups = (*job.groups[:index], smaller, *job.groups[index + 1 :])
                yield _with_job(scenario, number, replace(job, groups=groups))


def _without_one(parts: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    for index in range(len(parts)):
        yield (*parts[:index], *parts[index + 1 :])


def _with_job(scenario: Scenario, number: int, job: object) -> Scenario:
    jobs = (*scenario.jobs[:number], job, *scenario.jobs[number + 1 :])
    return replace(scenario, jobs=jobs)  # type: ignore[arg-type]
