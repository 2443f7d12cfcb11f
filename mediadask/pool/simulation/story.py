"""Tells what happened in a simulation, in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mediadask.pool import history, reports
from mediadask.pool.core import commands, events

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mediadask.pool.core.commands import Command
    from mediadask.pool.core.events import Event
    from mediadask.pool.simulation.run import Ran
    from mediadask.pool.simulation.scenario import Scenario

__all__ = ["described", "told"]

_DULL = (reports.FramesDone,)


def told(ran: Ran, most_lines: int = 60) -> str:
    """The story of a run: what it was of, its last lines, and which invariant broke."""
    lines = [line for seconds, event, answer in ran.story for line in _lines(seconds, event, answer)]
    left_out = len(lines) - most_lines
    told = [f"seed {ran.scenario.seed}", *described(ran.scenario), ""]
    if left_out > 0:
        told.append(f"… {left_out} lines before …")
    end = [f"BROKEN: {ran.invariant}", f"  {ran.how}"] if ran.invariant else ["All is well."]
    return "\n".join([*told, *lines[-most_lines:], "", *end])


def described(scenario: Scenario) -> Iterator[str]:
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
    what = _event(event)
    done = [line for line in (_command(each) for each in answer) if line]
    if what or done:
        yield f"{seconds:9.3f}  {what or 'round'}"
        for line in done:
            yield f"             -> {line}"


def _event(event: Event) -> str:
    match event:
        case events.Round():
            return ""
        case events.SubmitJob(spec):
            return f"{spec.id} is submitted, {spec.priority}"
        case events.CancelJob(job):
            return f"{job} is cancelled"
        case events.ReprioritizeJob(job, priority, deadline):
            return f"{job} becomes {priority}" + (f", due {deadline:%H:%M:%S}" if deadline else "")
        case events.GroupsPlanned(job, groups):
            return f"{len(groups)} groups of {job} are planned"
        case events.FailJob(job):
            return f"{job} cannot be planned"
        case events.BatchRefused(batch, failures):
            return f"{batch} cannot be sent: {', '.join(str(at) for at in failures)}"
        case events.TaskQueued(task):
            return f"task {task} waits in Dask's queue"
        case events.TaskStarted(task, worker):
            return f"task {task} gets a slot of {worker}"
        case events.TaskEnded(task):
            return f"task {task} has ended"
        case events.TaskFailed(task, error):
            return f"Dask gives task {task} up: {error}"
        case events.TaskLost(task):
            return f"task {task} lost its worker"
        case events.DaskRestarted():
            return "Dask is restarted"
        case events.WorkerJoined():
            return f"worker {event.address} comes with {event.threads} slots"
        case events.WorkerLeft(address, expected, reason):
            return f"worker {address} is gone, {'as expected' if expected else 'unexpected'}: {reason}"
        case events.UnitsReported(worker, batch, told):
            kept = [_report(report) for report in told if not isinstance(report, _DULL)]
            return f"{worker} reports of {batch}: {'; '.join(kept)}" if kept else ""
        case events.SpendingChanged(spent):
            return f"spent so far: {dict(spent)}"
        case events.EvictWorkers(workers):
            return f"{', '.join(workers)} must leave"
        case events.GraphChanged():
            return (
                f"graph {event.job}: {event.done} of {event.tasks} tasks done, {event.running} run, "
                f"{event.queued} wait"
            )
        case _:
            return _plain(event)


def _report(report: Any) -> str:
    match report:
        case reports.UnitEnded(position, outcome):
            return f"unit {position} ended, {outcome}"
        case _:
            return _plain(report)


def _command(command: Command) -> str:
    match command:
        case commands.Write(history.AttemptStarted() as record):
            attempt = record.attempt
            return f"write: attempt {attempt.id} of {attempt.unit} begins on {attempt.worker}"
        case commands.Write(history.AttemptEnded() as record):
            return f"write: attempt {record.attempt.id} of {record.attempt.unit} ends, {record.outcome}"
        case commands.Write(history.Displaced() as record):
            how = record.ended or "begins"
            return f"write: {record.attempt.unit} is displaced for {record.for_job}: {how}"
        case commands.Write(history.JobEnded() as record):
            return f"write: {record.job} has ended, {record.status}"
        case commands.Write(history.Learned()):
            return ""
        case commands.Write(record):
            return f"write: {type(record).__name__}"
        case commands.EnterTask():
            where = f", bound to {command.worker}" if command.worker else ""
            return f"enter task {command.task} of rank {command.priority[0]}{where}"
        case commands.SendUnits(worker, batch, calls):
            return f"send {batch} to {worker}: {', '.join(call.unit.name for call in calls)}"
        case _:
            return _plain(command)


def _plain(value: Any) -> str:
    """A dataclass in words: its name and its fields."""
    fields = ", ".join(str(getattr(value, name)) for name in value.__dataclass_fields__)
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in type(value).__name__)
    return f"{words.strip()} {fields}".rstrip()
