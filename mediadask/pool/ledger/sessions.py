"""Who writes to a ledger and lives. A process that dies leaves leases and attempts without an end."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from mediadask.pool.history import utc_now
from mediadask.pool.ledger.journal import Journal
from mediadask.pool.ledger.tables import displacements, leases, names, packed_attempts, sessions

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Engine

    from mediadask.pool.ledger.place import Place

__all__ = ["Session"]

_SILENCE_SECONDS = 30.0


class Session:
    """This process among those that write to the same database."""

    def __init__(self, engine: Engine, session: str, pool: str, journal: Journal, place: Place) -> None:
        self._engine, self._session, self._pool = engine, session, pool
        self._journal, self._place = journal, place
        self._started_at, self._started = utc_now(), time.monotonic()
        self._beats = 0
        self._seen: dict[str, tuple[int, float]] = {}

    def introduce(self) -> None:
        """Have a row, unless there is one."""
        mine = select(sessions.c.session).where(sessions.c.session == self._session)
        with self._engine.begin() as connection:
            if connection.scalar(mine) is None:
                connection.execute(
                    insert(sessions).values(
                        session=self._session,
                        pool=self._pool,
                        host=socket.gethostname(),
                        place=str(self._place),
                        journal=str(self._journal.path),
                        started=self._started_at,
                        beats=self._beats,
                        seconds=time.monotonic() - self._started,
                    )
                )

    def beat(self) -> None:
        """Say that we live."""
        self._beats += 1
        alive: dict[str, Any] = {"beats": self._beats, "seconds": time.monotonic() - self._started}
        with self._engine.begin() as connection:
            connection.execute(update(sessions).where(sessions.c.session == self._session).values(alive))

    def end(self) -> None:
        """We write no more: what is open ends now."""
        self.beat()
        with self._engine.begin() as connection:
            _end(connection, self._session, "pool closed")

    def settle_the_dead(self) -> None:
        """Give an end to what sessions that died left open: the last moment they were seen alive."""
        with self._engine.begin() as connection:
            others = connection.execute(
                select(sessions).where(sessions.c.ended.is_(None), sessions.c.session != self._session)
            )
            for other in others.all():
                if self._is_dead(other):
                    _end(connection, other.session, "pool died")

    def _is_dead(self, other: Any) -> bool:
        alive = Journal.is_held(other.journal, other.host, other.place)
        if alive is not None:
            return not alive
        # From afar only silence tells, timed by our own monotonic clock: theirs may be wrong.
        beats, since = self._seen.get(other.session, (-1, 0.0))
        if beats != other.beats:
            self._seen[other.session] = other.beats, time.monotonic()
            return False
        return time.monotonic() - since > _SILENCE_SECONDS


def _end(connection: Connection, session: str, reason: str) -> None:
    row = connection.execute(select(sessions).where(sessions.c.session == session)).one()
    known_seconds: float = row.seconds

    def seconds_since(moment: datetime) -> float:
        until_then: float = (moment - row.started).total_seconds()
        return max(0.0, known_seconds - until_then)

    open_leases = connection.execute(
        select(leases.c.worker, leases.c.joined).where(leases.c.session == session, leases.c.ended.is_(None))
    ).all()
    for lease in open_leases:
        seconds = seconds_since(lease.joined)
        mine = (leases.c.worker == lease.worker) & (leases.c.session == session)
        connection.execute(update(leases).where(mine).values(seconds=seconds, ended=utc_now(), reason=reason))
        a = packed_attempts.c
        running = connection.execute(
            select(a.job, a.attempt, a.started)
            .join(names, names.c.id == a.worker)
            .where(names.c.name == lease.worker, a.ended.is_(None))
        ).all()
        for attempt in running:
            spent, paused = seconds_since(attempt.started), 0.0
            d = displacements.c
            for aside in connection.execute(
                select(d.displacement, d.started, d.seconds).where(d.attempt == attempt.attempt)
            ).all():
                stood_aside: float | None = aside.seconds
                if stood_aside is None:
                    stood_aside = seconds_since(aside.started)
                    it = d.displacement == aside.displacement
                    connection.execute(
                        update(displacements).where(it).values(seconds=stood_aside, how="lost")
                    )
                paused += stood_aside
            paused = min(paused, spent)
            figures = {"run_seconds": spent - paused, "paused_seconds": paused}
            connection.execute(
                update(packed_attempts)
                .where(a.job == attempt.job, a.attempt == attempt.attempt)
                .values(outcome="lost", error=reason, ended=utc_now(), **figures)
            )
    connection.execute(update(sessions).where(sessions.c.session == session).values(ended=utc_now()))
