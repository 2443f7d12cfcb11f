"""Tells what happened in a simulation, in plain words."""

from __future__ import annotations

import re
from dataclasses import fields as fields_of
from dataclasses import is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mediadask.pool.core.commands import BatchCall, Write
from mediadask.pool.core.events import JobSpec, PlannedGroup, Round, UnitsReported
from mediadask.pool.history import Attempt, Learned
from mediadask.pool.reports import FramesDone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mediadask.pool.core.commands import Command
    from mediadask.pool.core.events import Event
    from mediadask.pool.simulation.run import Ran
    from mediadask.pool.simulation.scenario import Scenario

__all__ = ["told"]


def told(ran: Ran, most_lines: int = 60) -> str:
    """The story of a run: what it was of, its last lines, and which invariant broke."""
    lines = [line for seconds, event, answer in ran.story for line in _lines(seconds, event, answer)]
    left_out = len(lines) - most_lines
    told = [f"seed {ran.scenario.seed}", *_described(ran.scenario), ""]
    if left_out > 0:
        told.append(f"… {left_out} lines before …")
    end = [f"BROKEN: {ran.invariant}", f"  {ran.how}"] if ran.invariant else ["All is well."]
    return "\n".join([*told, *lines[-most_lines:], "", *end])


def _described(scenario: Scenario) -> Iterator[str]:
    """What a scenario is of, a line a part."""
    for worker in scenario.workers:
        nanny = "" if worker.has_nanny else ", no nanny"
        yield f"  worker {worker.name}: {worker.threads} slots{nanny}"
    for job in scenario.jobs:
        what = f"graph {job.graph.layers}" if job.graph else f"{len(job.groups)} groups"
        show = f" of {job.show}" if job.show else ""
        yield f"  {job.id}{show}, {job.priority}, at {job.at:.3f} s: {what}"
        for index, group in enumerate(job.groups):
            units = ", ".join(
                f"{unit.key} {unit.seconds:.3g} s{'' if unit.endings == ('done',) else f' {unit.endings}'}"
                for unit in (*group.units, *([group.finish] if group.finish else []))
            )
            yield f"    group {index}: {units or 'empty'}"
    for show, action in scenario.budgets:
        yield f"  {show} may spend 100, then: {action}"
    for happening in scenario.happenings:
        yield f"  at {happening.at:.3f} s {happening.kind} ({happening.which})"
    yield f"  nothing goes wrong after {scenario.calm_after:.3f} s"


def _lines(seconds: float, event: Event, answer: list[Command]) -> Iterator[str]:
    done = [_words(command) for command in answer if not _is_dull(command)]
    if done or not _is_dull(event):
        yield f"{seconds:9.3f}  {_words(event)}"
        for line in done:
            yield f"             -> {line}"


def _is_dull(value: Event | Command) -> bool:
    match value:
        case UnitsReported(reports=told):
            return all(isinstance(report, FramesDone) for report in told)
        case Write(record):
            return isinstance(record, Learned)
        case _:
            return isinstance(value, Round)


def _words(value: Any) -> str:
    """What stands for a value: of most its name and its fields."""
    match value:
        case Attempt():
            return f"{value.id} of {value.unit} on {value.worker}"
        case JobSpec():
            return f"{value.id} of {value.priority}"
        case BatchCall():
            return value.unit.name
        case PlannedGroup():
            return value.name
        case tuple() | dict():
            return "; ".join(_words(each) for each in value)
        case float():
            return f"{value:.3f}" if value else ""
        case bytes() | datetime() | None | False | "":
            return ""
        case _ if is_dataclass(value):
            name = re.sub("(?=[A-Z])", " ", type(value).__name__).strip().lower()
            fields = [_field(field.name, getattr(value, field.name)) for field in fields_of(value)]
            return f"{name} {', '.join(field for field in fields if field)}".rstrip()
        case _:
            return str(value)


def _field(name: str, value: Any) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{name} {_words(value)}" if is_number and value else _words(value)
