"""What the ledger is told of units in their bundles: attempts that began and ended, displacements, flags."""

from __future__ import annotations

from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Literal

from mediadask.pool.history import (
    Attempt,
    AttemptEnded,
    AttemptFlagged,
    AttemptOutcome,
    AttemptStarted,
    Displaced,
    Record,
    new_id,
    utc_now,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from mediadask.pool.scheduler.backlog import Ticket
    from mediadask.pool.scheduler.bundle import Bundle

__all__ = ["Attempts"]


class Attempts:
    """Turns what happens to bundles into events.

    Parameters
    ----------
    record
        Takes note of each.
    """

    def __init__(self, record: Callable[[Record], None]) -> None:
        self._record = record

    def began(self, bundle: Bundle, ticket: Ticket) -> None:
        """A unit is on a thread."""
        ticket.attempt = new_id()
        self._record(AttemptStarted(attempt=_attempt(bundle, ticket)))

    def flagged(self, bundle: Bundle, reason: str) -> None:
        """Something is wrong with the unit that runs."""
        if (ticket := bundle.current) is not None:
            if not ticket.attempt:
                self.began(bundle, ticket)
            self._record(AttemptFlagged(attempt=_attempt(bundle, ticket), reason=reason))

    def ended(
        self,
        bundle: Bundle,
        ticket: Ticket,
        outcome: AttemptOutcome,
        error: str = "",
        started: datetime | None = None,
        at: datetime | None = None,
    ) -> None:
        """An attempt is over, and with it its displacement; `started` where its beginning was not told."""
        if bundle.displacement:
            ended: Literal["lost", "rescheduled", "cancelled"] = (
                outcome if outcome in ("rescheduled", "cancelled") else "lost"
            )
            self._displaced(bundle, monotonic() - bundle.since, ended)
        ticket.attempt = ticket.attempt or new_id()
        self._record(
            AttemptEnded(
                attempt=_attempt(bundle, ticket),
                outcome=outcome,
                run_seconds=bundle.run_seconds,
                paused_seconds=bundle.paused_seconds,
                error=error,
                shared_with=tuple(job.id for job in ticket.payers[1:]),
                started=started,
                at=at or utc_now(),
            )
        )

    def stepped_aside(self, bundle: Bundle) -> None:
        """The unit that runs has paused."""
        bundle.displacement = new_id()
        self._displaced(bundle)

    def resumed(self, bundle: Bundle, seconds: float) -> None:
        """It goes on, after so long."""
        bundle.paused_seconds += seconds
        self._displaced(bundle, seconds, "resumed")

    def _displaced(
        self,
        bundle: Bundle,
        seconds: float | None = None,
        ended: Literal["", "resumed", "rescheduled", "lost", "cancelled"] = "",
    ) -> None:
        ticket = bundle.current
        assert ticket is not None, "only a unit that runs can stand aside"
        self._record(
            Displaced(
                displacement=bundle.displacement,
                attempt=_attempt(bundle, ticket),
                for_job=bundle.displaced_for,
                seconds=seconds,
                ended=ended,
                at=utc_now() - timedelta(seconds=seconds or 0.0),
            )
        )
        if ended:
            bundle.displacement = ""


def _attempt(bundle: Bundle, ticket: Ticket) -> Attempt:
    return Attempt(
        id=ticket.attempt,
        job=ticket.payers[0].id,
        unit=ticket.key,
        kind=ticket.unit.kind,
        frames=ticket.unit.frames,
        worker=bundle.server,
        number=ticket.number,
    )
