"""The pool's state in simulated worlds: its invariants hold whatever happens, and faults are found."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mediadask.pool import history
from mediadask.pool.core import commands, events
from mediadask.pool.core.commands import Instruct, ReleaseTask, SendUnits, Write
from mediadask.pool.core.events import TaskLost, UnitsReported, WorkerLeft
from mediadask.pool.history import AttemptEnded
from mediadask.pool.reports import Report, StayedPaused, UnitEnded
from mediadask.pool.simulation.run import make_state, run, run_seed, shrink
from mediadask.pool.simulation.scenario import make_scenario
from mediadask.pool.simulation.story import told

if TYPE_CHECKING:
    from collections.abc import Callable

    from mediadask.pool.core.clock import Now
    from mediadask.pool.core.commands import Command
    from mediadask.pool.core.events import Event
    from mediadask.pool.simulation.scenario import Scenario


def command(*arguments: str, **environment: str) -> str:
    program = [sys.executable, "-m", "mediadask.pool.simulation", *arguments]
    done = subprocess.run(
        program, capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_2000_seeds_break_nothing() -> None:
    assert "2000 seeds" in command("--seeds", "0-1999", "--jobs", "2")


def test_a_seed_tells_the_same_story_in_every_process() -> None:
    """Nothing depends on how Python orders a set or hashes a text."""
    seeds = (3, 17, 92, 176)
    stories = [
        [command("--seed", str(seed), "--story", "--lines", "4000", PYTHONHASHSEED=salt) for seed in seeds]
        for salt in ("1", "2")
    ]
    assert stories[0] == stories[1]
    assert all(len(story.splitlines()) > 20 for story in stories[0])


class Planted:
    """A state with a fault: commands are lost on their way, or events never arrive."""

    def __init__(
        self,
        scenario: Scenario,
        *,
        loses: Callable[[Command], bool] = lambda command: False,
        misses: Callable[[Event], bool] = lambda event: False,
    ) -> None:
        self._state = make_state(scenario)
        self._loses, self._misses = loses, misses
        self.job, self.batches = self._state.job, self._state.batches

    def handle(self, event: Event, now: Now) -> list[Command]:
        if self._misses(event):
            return []
        return [command for command in self._state.handle(event, now) if not self._loses(command)]


def reports(event: Event, kind: type) -> bool:
    return isinstance(event, UnitsReported) and any(isinstance(report, kind) for report in event.reports)


LOST = {
    "a task is never released": lambda command: isinstance(command, ReleaseTask),
    "units are not sent": lambda command: isinstance(command, SendUnits) and len(command.calls) > 1,
    "nobody is told to pause": lambda command: (
        isinstance(command, Instruct) and command.instruction == "pause"
    ),
    "nobody is told to leave": lambda command: (
        isinstance(command, Instruct) and command.instruction == "evict"
    ),
    "the end of a lost attempt is not recorded": lambda command: (
        isinstance(command, Write)
        and isinstance(command.record, AttemptEnded)
        and command.record.outcome == "lost"
    ),
}
MISSED = {
    "a unit's end is not heard": lambda event: reports(event, UnitEnded),
    "that one stayed paused is not heard": lambda event: reports(event, StayedPaused),
    "a lost task is not noticed": lambda event: isinstance(event, TaskLost),
    "a worker's end is not noticed": lambda event: isinstance(event, WorkerLeft),
}


@pytest.mark.parametrize("fault", [*LOST, *MISSED])
def test_a_planted_fault_is_found(fault: str) -> None:
    def planted(scenario: Scenario) -> Planted:
        if fault in LOST:
            return Planted(scenario, loses=LOST[fault])
        return Planted(scenario, misses=MISSED[fault])

    assert any(run(make_scenario(seed), planted).invariant for seed in range(300))


def test_a_failing_seed_is_cut_down_to_a_short_story() -> None:
    def planted(scenario: Scenario) -> Planted:
        return Planted(scenario, loses=LOST["a task is never released"])

    ran = next(ran for ran in (run(make_scenario(seed), planted) for seed in range(100)) if ran.invariant)
    least = shrink(ran, planted)
    assert least.invariant == ran.invariant
    assert len(least.story) < len(ran.story)
    assert len(least.scenario.jobs) <= 2
    assert len(least.scenario.happenings) <= len(ran.scenario.happenings)
    story = told(least)
    assert f"BROKEN: {ran.invariant}" in story
    assert told(shrink(ran, planted)) == story  # it is as random as the first time: not at all


def test_what_the_state_raises_is_a_failure_with_its_place() -> None:
    class Raises(Planted):
        def handle(self, event: Event, now: Now) -> list[Command]:
            if isinstance(event, TaskLost):
                raise KeyError(event.task)
            return super().handle(event, now)

    found = [run(make_scenario(seed), Raises) for seed in range(100)]
    assert any("KeyError" in ran.how and "test_seeds.py" in ran.how for ran in found)


def test_seeds_make_what_pools_meet() -> None:
    """Each kind of event, command and report comes up often, or the seeds would hold nothing."""
    seen: dict[str, int] = {}
    for seed in range(400):
        for _, event, answer in run_seed(seed).story:
            for each in (event, *answer, *getattr(event, "reports", ())):
                name = type(each.record if isinstance(each, Write) else each).__name__
                seen[name] = seen.get(name, 0) + 1
    kinds = (*events.Event.__args__, *commands.Command.__args__, *Report.__args__, *history.Record.__args__)
    missing = {kind.__name__ for kind in kinds} - seen.keys() - {"Write", "UnpauseWorker"}
    assert not missing
