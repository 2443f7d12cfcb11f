"""How every command runs a delivery: where, with what progress, and what its failures mean."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Ge

from mediadask.errors import InvalidRequest
from mediadask.options import Option
from mediadask.text import json_text, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mediadask.delivery import Delivery, Outcome, Report

__all__ = [
    "Work",
    "ended",
    "inspect",
    "run",
    "show_made",
]


_PANEL = "Where and when"


@dataclass(frozen=True)
class Work:
    """Where a command's work runs, and how it is booked."""

    pool: Annotated[
        str | None,
        Option(
            "Where to run: local is what `pool up` keeps, kubernetes:NAME a pool there, tcp://host:8786 "
            "a Dask scheduler. Default: this machine, for this command.",
            metavar="NAME|ADDRESS",
            env="MEDIADASK_POOL",
            panel=_PANEL,
        ),
    ] = None
    workers: Annotated[
        int | None,
        Ge(1),
        Option(
            "Start this many workers on this machine now. Default: start them as work arrives, at most one "
            "per core.",
            panel=_PANEL,
        ),
    ] = None
    show: Annotated[str, Option("Whose work it is, for turnaround and cost.", panel=_PANEL)] = ""
    priority: Annotated[
        str | None, Option("urgent, normal or background, or a class of yours.", panel=_PANEL)
    ] = None
    deadline: Annotated[
        str | None,
        Option("When it must be there: 90m, 2h, 18:30 or 2026-05-01T09:00.", metavar="WHEN", panel=_PANEL),
    ] = None

    def __post_init__(self) -> None:
        if self.pool is not None and self.workers is not None:
            raise InvalidRequest(
                "the workers of a pool that is up are its own",
                where=f"--workers {self.workers}",
                do=f"leave it out, or --pool {self.pool} (MEDIADASK_POOL)",
            )

    @property
    def booking(self) -> dict[str, Any]:
        """What `Pool.submit` is told: show, priority and deadline.

        Raises
        ------
        InvalidRequest
            If the deadline is no time.
        """
        from mediadask.durations import time_ahead

        due = time_ahead(self.deadline, "--deadline") if self.deadline else None
        return {"show": self.show, "priority": self.priority, "deadline": due}


def inspect(delivery: Delivery, work: Work) -> Report:
    """Run an inspection: in this process, unless a pool was asked for or a great many clips are to open."""
    opened = sum(unit.frames for group in delivery.groups for unit in group.units)
    return run(delivery, work, light=opened <= _LIGHT_CLIPS)


# Opening a clip takes 5 ms of one core: this many are opened while processes start.
_LIGHT_CLIPS = 1000


def run(delivery: Delivery, work: Work, *, light: bool = False) -> Report:
    """Run a delivery to its end, with a progress bar on a terminal.

    Parameters
    ----------
    light
        Whether the work is done before a pool of processes would be up: then it runs in threads of this
        process, unless a pool was asked for.

    Returns
    -------
    Report
        What became of each output: the delivery's finish, where it has one, must give a report too.

    Raises
    ------
    MediaError
        If there is no such pool, class or time.
    """
    from mediadask.cli.progress import progress

    booking = work.booking
    with progress(delivery.name) as show:
        if not delivery.groups or (work.pool is None and (light or _nothing_left(delivery))):
            _check_priority(work.priority)
            here: Report = delivery.run(
                work.workers or os.cpu_count() or 1, lambda ended: show(ended / len(delivery), "")
            )
            return here
        from mediadask.pool import Pool

        with Pool.open(work.pool, workers=work.workers) as pool:
            job = pool.submit(delivery, **booking)
            try:
                while not job.wait(timeout=_GLANCE_SECONDS):
                    now = job.progress
                    show(now.fraction, now.notice)
            except KeyboardInterrupt:
                if work.pool is not None:
                    print(f"mediadask: job {job.id} goes on; see mediadask jobs", file=sys.stderr)
                raise
            report: Report = job.result()
            return report


_GLANCE_SECONDS = 0.2

_LOOK_SECONDS = 5.0
"""For so long a command looks by itself. A pool's planners find out what is left of more, side by side."""


def _nothing_left(delivery: Delivery) -> bool:
    """Whether every output is there, or cannot be made: groups say so as they are planned."""
    give_up = monotonic() + _LOOK_SECONDS
    return all(monotonic() < give_up and group.is_settled for group in delivery.groups)


def _check_priority(priority: str | None) -> None:
    if priority is not None:
        from mediadask.pool.config import load_config

        load_config().class_named(priority)


def show_made(report: Report, row: Callable[[Outcome], dict[str, object]] | None) -> None:
    """Print where outputs are, or a JSON list of what `row` says of each; stand-ins are told on stderr."""
    if row is not None:
        print(json_text([row(outcome) for outcome in report.outcomes]))
    else:
        for made in report.results:
            print(printable(made.url))
    for made in report.results:
        if made.stand_ins:
            numbers = ", ".join(map(str, made.stand_ins))
            line = f"{made.url}: did not decode, and stand-ins are shown: frames {numbers}"
            print(printable(line), file=sys.stderr)


def ended(report: Report, beforehand: Sequence[Outcome] = ()) -> int:
    """List what failed, `beforehand` or in the work, one line each on stderr.

    Returns
    -------
    int
        The exit code: 0 where all is done; 2 where nothing is, and only for what was put in; else 1.
    """
    failures = [*beforehand, *report.failures]
    for outcome in failures:
        print(printable(_line(outcome)), file=sys.stderr)
    if not failures:
        return 0
    kinds = {outcome.failure.kind for outcome in failures if outcome.failure}
    return 2 if not report.results and kinds <= _INPUT_KINDS else 1


def _line(outcome: Outcome) -> str:
    error = outcome.failure.error if outcome.failure else ""
    name = printable(outcome.name)
    return error if name in error else f"{name}: {error}"


_INPUT_KINDS = {"InvalidRequest", "MissingMedia", "UnreadableMedia", "UnsupportedMedia"}
