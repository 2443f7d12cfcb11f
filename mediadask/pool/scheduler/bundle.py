"""Units that take a slot together: what Dask sees of a pool's work.

A Dask task costs a scheduler about as much processor as a short unit costs a worker. So short units of one
job share a task, sized by what they are predicted to take, and run in it one after another. Every order takes
effect between two of them as between two frames; those behind one that takes longer than thought, steps aside
or kills its worker are handed out again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import count
from time import monotonic
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from mediadask.delivery import Unit
    from mediadask.pool.scheduler.backlog import JobRecord, Ticket

__all__ = ["BUNDLE_UNITS", "Bundle", "BundleState", "take_bundle"]

BundleState = Literal["waiting", "sent", "queued", "running", "asked", "leaving", "paused", "resuming"]
"""``sent``: on its way into the scheduler. ``queued``: there, without a slot. ``asked``: running, told to
step aside. ``leaving``: paused, its slot not free yet. ``resuming``: paused, its next stint under way."""

BUNDLE_SECONDS = 0.25
"""So much work goes together: a hundred times what a Dask task costs, yet soon over."""

BUNDLE_UNITS = 100

_numbers = count()


@dataclass(eq=False, slots=True)
class Bundle:
    """Units of one job on their way through Dask; mostly one, and when it is paused always."""

    tickets: list[Ticket]
    """As they were sent: a worker names them by their positions here."""

    left: dict[int, Ticket] = field(init=False)
    """Those that have not ended, by position; the first is the one that runs."""

    number: int = field(default_factory=_numbers.__next__)
    """Of those made in this process: the lower was made first."""

    id: str = field(init=False)
    """The Dask key of its first stint."""

    stint: str = field(init=False)
    """The Dask key of its latest stint."""

    order: int = field(init=False)
    """The most urgent of its units'."""

    state: BundleState = "waiting"
    stints: int = 1
    worker: str = ""
    """The address of the worker that has it."""

    server: str = ""
    """That worker's own id, which no other ever has."""

    held: bool = False
    """Called back while resuming."""

    since: float = field(default_factory=monotonic)
    """When its present state began, or the present unit after it, monotonic."""

    run_seconds: float = 0.0
    """Of the unit that runs, on slots, until `since`."""

    paused_seconds: float = 0.0
    progress_at: float = 0.0
    """When that unit began or last reported a checkpoint, monotonic."""

    begun: bool = False
    """Whether its worker has told that it is at work on it."""

    displacement: str = ""
    displaced_for: str = ""
    """The id of the job it steps aside for."""

    hangs: str = ""
    """Why its unit is taken to hang, once it is."""

    def __post_init__(self) -> None:
        word = re.sub(r"[^a-zA-Z]", "", self.tickets[0].unit.kind.partition(" ")[0]).lower() or "unit"
        # Of the tasks of one graph Dask runs the last key first; it groups keys by their first word.
        self.id = self.stint = f"{word}-{10**12 - 1 - self.number:012d}"
        self.left = dict(enumerate(self.tickets))
        self.begin()
        self.reorder()

    def begin(self) -> None:
        """Start with what is left of it."""
        self.begun = False
        self.left = dict(enumerate(self.left.values()))
        for position, ticket in self.left.items():
            ticket.bundle, ticket.position, ticket.frames = self, position, 0
            ticket.number += bool(ticket.attempt)
            ticket.attempt = ""

    @property
    def current(self) -> Ticket | None:
        """The unit that runs, or will first."""
        return next(iter(self.left.values()), None)

    @property
    def deadline(self) -> float:
        """The earliest of its units', in seconds since the epoch."""
        return min(ticket.deadline for ticket in self.left.values())

    def reorder(self) -> None:
        """Take on the most urgent order of its units."""
        self.order = min(ticket.order for ticket in self.left.values())

    def fraction_done(self) -> float:
        """Of its only unit; several lose nothing by giving their slot up."""
        return self.left[next(iter(self.left))].fraction_done() if len(self.left) == 1 else 0.0


def take_bundle(
    job: JobRecord,
    most_units: int,
    seconds_of: Callable[[Unit], float | None],
    claim: Callable[[Ticket], bool],
) -> list[Ticket]:
    """The next units of a job that go together; none where all that were ready are in flight already.

    Parameters
    ----------
    most_units
        So many at most, that other slots get their share.
    seconds_of
        What a unit takes where that is known; another goes alone.
    claim
        Enters a unit as in flight; False where an equal one is already.
    """
    tickets: list[Ticket] = []
    seconds = 0.0
    while len(tickets) < max(1, most_units) and (ticket := job.peek()) is not None:
        takes = None if ticket.suspect else seconds_of(ticket.unit)
        if tickets and (takes is None or seconds + takes >= BUNDLE_SECONDS):
            break
        job.take()
        if claim(ticket):
            tickets.append(ticket)
            seconds += BUNDLE_SECONDS if takes is None else takes
    return tickets
