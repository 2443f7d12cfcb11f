"""How every command runs a delivery: where, with what progress, and what its failures mean."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from mediadask.delivery import Delivery, Outcome, Report

__all__ = [
    "Deadline",
    "Json",
    "Pool",
    "Priority",
    "Show",
    "Work",
    "Workers",
    "exit_code",
    "list_failures",
    "run",
]

_PANEL = "Where and when"

Pool = Annotated[
    str | None,
    typer.Option(
        "--pool",
        metavar="ADDRESS",
        envvar="MEDIADASK_POOL",
        help="A Dask scheduler to run on: tcp://host:8786. Default: this machine, for this command.",
        rich_help_panel=_PANEL,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Worker processes of this machine's pool. Default: one for each core.",
        rich_help_panel=_PANEL,
    ),
]
Show = Annotated[str, typer.Option(help="Whose work it is, for turnaround and cost.", rich_help_panel=_PANEL)]
Priority = Annotated[str, typer.Option(help="urgent, normal or background.", rich_help_panel=_PANEL)]
Deadline = Annotated[
    str | None,
    typer.Option(
        metavar="WHEN",
        help="When it must be there: 2h, 45m, 18:30 or 2026-05-01T09:00.",
        rich_help_panel=_PANEL,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print a JSON list instead of a table.")]


@dataclass(frozen=True)
class Work:
    """Where a command's work runs, and how it is booked."""

    pool: str | None
    workers: int | None
    show: str
    priority: str
    deadline: str | None


def run(delivery: Delivery, work: Work) -> Report:
    """Run a delivery to its end, with a progress bar on a terminal.

    Returns
    -------
    Report
        What became of each group; the delivery's own finish is not called.
    """
    from mediadask.cli.progress import progress
    from mediadask.delivery import Delivery

    plain = Delivery(delivery.name, delivery.groups)
    with progress(delivery.name, len(plain)) as advance:
        return _on_threads(plain, work.workers, advance)


def _on_threads(delivery: Delivery, workers: int | None, advance: Any) -> Report:
    import dask
    from dask.callbacks import Callback

    report: Report
    last = set(delivery.__dask_keys__())

    def done(key: Any, *_: Any) -> None:
        if key in last:
            advance()

    with Callback(posttask=done):
        (report,) = dask.compute(delivery, scheduler="threads", num_workers=workers or os.cpu_count())
    return report


def list_failures(report: Report) -> None:
    """One line on stderr for each group that failed."""
    for outcome in report.failures:
        print(_line(outcome), file=sys.stderr)


def _line(outcome: Outcome) -> str:
    error = outcome.failure.error if outcome.failure else ""
    return error if outcome.name in error else f"{outcome.name}: {error}"


_INPUT_KINDS = {"MissingMedia", "UnreadableMedia", "UnsupportedMedia", "InvalidRequest"}


def exit_code(report: Report) -> int:
    """0 where all is done; 2 where nothing is, and only for what was put in; else 1."""
    if not report.failures:
        return 0
    kinds = {outcome.failure.kind for outcome in report.failures if outcome.failure}
    return 2 if not report.results and kinds <= _INPUT_KINDS else 1
