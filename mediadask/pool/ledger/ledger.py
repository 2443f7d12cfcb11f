"""The durable record of a pool: jobs, attempts, displacements and worker leases, in SQLite or PostgreSQL.

`Ledger.record` appends to a queue and returns. A thread of the ledger's own turns records into rows and
writes them in batches, four times a second. What cannot be written because the database is away goes to a
journal, a file that is read back when the database answers again, or by the next ledger that opens here if
this process dies first.
"""

from __future__ import annotations

import atexit
import logging
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError, SQLAlchemyError

from mediadask.errors import OutputFailed
from mediadask.pool.history import Learned, Record, new_id, utc_now
from mediadask.pool.ledger.journal import Journal, abandoned
from mediadask.pool.ledger.rows import statements
from mediadask.pool.ledger.tables import (
    attempts,
    data_folder,
    displacements,
    jobs,
    learned,
    leases,
    open_database,
    sessions,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

__all__ = ["Ledger", "OrphanedJob"]

_logger = logging.getLogger(__name__)

_TICK_SECONDS = 0.25
_ATTEMPT_SECONDS = 2.0
_BEAT_SECONDS = 5.0
_SILENCE_SECONDS = 30.0
_BATCH = 5_000
_BACKLOG_LIMIT = 500_000


@dataclass(frozen=True, slots=True)
class OrphanedJob:
    """A job whose scheduler died before it ended."""

    job: str
    name: str
    show: str
    priority: str
    deadline: datetime | None
    submitted: datetime
    payload: bytes | None


class Ledger:
    """Where a pool's records are kept. One for each process that runs a pool; closed with it.

    Parameters
    ----------
    url
        A path, ``sqlite:///…`` or ``postgresql://…``; by default ``MEDIADASK_LEDGER``, else a SQLite file in
        the user's data folder. SQLite needs a local disk: its write-ahead log fails on a network share.
    pool
        The name of the pool that writes: a restarted scheduler takes up the jobs of its own name only.

    Raises
    ------
    InvalidRequest, OutputFailed
        The URL is wrong or the database does not open. Later troubles of the database are survived.
    """

    def __init__(self, url: str | None = None, *, pool: str = "local") -> None:
        self.pool = pool
        self.engine = open_database(url)
        self.session = new_id()
        self.refused = 0
        """Records that the database refused for good, or that found no room; each is in the log."""

        journals = data_folder() / "journals"
        try:
            self._journal = Journal(journals, str(self.engine.url), self.session)
        except OSError as error:
            raise OutputFailed(
                f"the ledger cannot keep a journal: {error.strerror}", where=journals, do="set XDG_DATA_HOME"
            ) from None
        self._queue: deque[Record | threading.Event] = deque()
        self._pending: list[Record] = []
        self._flushing: list[threading.Event] = []
        self._started = time.monotonic()
        self._beats = 0
        self._next_beat = self._next_attempt = 0.0
        self._away_since: float | None = None
        self._seen: dict[str, tuple[int, float]] = {}
        self._stop = threading.Event()
        self._wake = threading.Event()
        with self.engine.begin() as connection:
            self._introduce(connection)
        for orphan in abandoned(journals, str(self.engine.url)):
            with orphan:
                self._replay(orphan)
        self._settle_the_dead()
        self._thread = threading.Thread(target=self._run, name="mediadask-ledger", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def record(self, record: Record) -> None:
        """Keep `record`: about a microsecond, never blocks, never raises; durable within a second."""
        self._queue.append(record)

    def flush(self, timeout_seconds: float | None = 10.0) -> bool:
        """Wait until all that was recorded before is in the database; False where it is not in time."""
        done = threading.Event()
        self._queue.append(done)
        self._wake.set()
        return done.wait(timeout_seconds)

    def close(self) -> None:
        """End the leases that are open, write what is left, and let go of the database.

        Where the database is away, what is left stays in the journal for the next ledger that opens here.
        """
        if self._stop.is_set():
            return
        self._stop.set()
        self._wake.set()
        self._thread.join()
        atexit.unregister(self.close)
        self.engine.dispose()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def backlog(self) -> int:
        """How many records wait to be written."""
        return len(self._queue) + len(self._pending) + self._journal.events

    @property
    def away_seconds(self) -> float:
        """How long the database has been away; 0 while it answers."""
        since = self._away_since
        return 0.0 if since is None else time.monotonic() - since

    def learned(self) -> list[Learned]:
        """What units of each kind were seen to take, for `Predictor`."""
        with self.engine.connect() as connection:
            return [Learned(**row._mapping) for row in connection.execute(select(learned))]

    def take_over(self) -> list[OrphanedJob]:
        """The unfinished jobs of this pool's dead schedulers, now ours; nobody gets the same job twice."""
        self._settle_the_dead()
        ours = sessions.c.pool == self.pool
        dead = select(sessions.c.session).where(sessions.c.ended.is_not(None), ours)
        fields = (jobs.c.job, jobs.c.name, jobs.c.show, jobs.c.priority, jobs.c.deadline, jobs.c.submitted)
        with self.engine.begin() as connection:
            taken = connection.execute(
                update(jobs)
                .where(jobs.c.status == "running", jobs.c.session.in_(dead))
                .values(session=self.session)
                .returning(*fields, jobs.c.payload)
            )
            return sorted((OrphanedJob(*row) for row in taken), key=lambda job: job.submitted)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(_TICK_SECONDS)
            self._wake.clear()
            self._write_all()
        self._write_all(last=True)
        self._journal.close(keep=self._journal.events > 0)

    def _write_all(self, *, last: bool = False) -> None:
        self._drain()
        if self._away_since is not None:
            # To the journal first: an attempt on a database that does not answer may take seconds.
            self._put_aside()
            if time.monotonic() < self._next_attempt and not last:
                return
        try:
            if self._journal.events:
                self._replay(self._journal)
            while self._pending:
                self._write(self._pending[:_BATCH], pool=self.pool, session=self.session)
                del self._pending[:_BATCH]
            self._beat(last=last)
        except (SQLAlchemyError, OSError) as error:
            if self._away_since is None:
                self._away_since = time.monotonic()
                reason = " ".join(str(error.orig if isinstance(error, DBAPIError) else error).split())
                _logger.warning(
                    "the ledger's database is away, events go to %s: %s", self._journal.path, reason
                )
            self._next_attempt = time.monotonic() + _ATTEMPT_SECONDS
            self._put_aside()
        else:
            if self._away_since is not None:
                _logger.warning("the ledger's database is back after %.0f s", self.away_seconds)
                self._away_since = None
            for done in self._flushing:
                done.set()
            self._flushing.clear()

    def _drain(self) -> None:
        while self._queue:
            item = self._queue.popleft()
            if isinstance(item, threading.Event):
                self._flushing.append(item)
            else:
                self._pending.append(item)

    def _put_aside(self) -> None:
        try:
            self._journal.append(self._pending)
            self._pending.clear()
        except OSError as full:
            excess = len(self._pending) - _BACKLOG_LIMIT
            if excess > 0:
                self.refused += excess
                del self._pending[:excess]
                _logger.error("the ledger lost %d events: no database and no journal: %s", excess, full)

    def _replay(self, journal: Journal) -> None:
        pool = self.pool
        if journal.session != self.session:
            with self.engine.connect() as connection:
                theirs = select(sessions.c.pool).where(sessions.c.session == journal.session)
                pool = connection.scalar(theirs) or pool
        for batch in journal.batches(_BATCH):
            self._write(batch, pool=pool, session=journal.session)
        journal.clear()

    def _write(self, batch: Sequence[Record], *, pool: str, session: str) -> None:
        try:
            with self.engine.begin() as connection:
                for statement, rows in statements(
                    batch, self.engine.dialect.name, pool=pool, session=session
                ):
                    connection.execute(statement, rows)
        except (OperationalError, InternalError, InterfaceError):
            raise
        except Exception as error:
            # Something in it can never be written: all but that must be.
            if len(batch) > 1:
                self._write(batch[: len(batch) // 2], pool=pool, session=session)
                self._write(batch[len(batch) // 2 :], pool=pool, session=session)
            else:
                self.refused += 1
                _logger.error("the ledger refuses %r: %s", batch[0], error)

    # Sessions: who is alive. A process that dies leaves leases and attempts without an end.

    def _introduce(self, connection: Connection) -> None:
        connection.execute(
            insert(sessions).values(
                session=self.session,
                pool=self.pool,
                host=socket.gethostname(),
                journal=str(self._journal.path),
                started=utc_now(),
                beats=0,
                seconds=0.0,
            )
        )

    def _beat(self, *, last: bool) -> None:
        now = time.monotonic()
        if now < self._next_beat and not last:
            return
        self._next_beat = now + _BEAT_SECONDS
        self._beats += 1
        alive: dict[str, Any] = {"beats": self._beats, "seconds": now - self._started}
        with self.engine.begin() as connection:
            connection.execute(update(sessions).where(sessions.c.session == self.session).values(alive))
            if last:
                _end_session(connection, self.session, "pool closed")
        if not last:
            self._settle_the_dead()

    def _settle_the_dead(self) -> None:
        """Give an end to what sessions that died left open: the last moment they were seen alive."""
        with self.engine.begin() as connection:
            others = connection.execute(
                select(sessions).where(sessions.c.ended.is_(None), sessions.c.session != self.session)
            )
            for other in others.all():
                if self._is_dead(other):
                    _end_session(connection, other.session, "pool died")

    def _is_dead(self, other: Any) -> bool:
        alive = Journal.is_held(other.journal, other.host)
        if alive is not None:
            return not alive
        # From afar only silence tells, timed by our own monotonic clock: theirs may be wrong.
        beats, since = self._seen.get(other.session, (-1, 0.0))
        if beats != other.beats:
            self._seen[other.session] = other.beats, time.monotonic()
            return False
        return time.monotonic() - since > _SILENCE_SECONDS


def _end_session(connection: Connection, session: str, reason: str) -> None:
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
        running = connection.execute(
            select(attempts.c.attempt, attempts.c.started).where(
                attempts.c.worker == lease.worker, attempts.c.outcome.is_(None)
            )
        ).all()
        for attempt in running:
            aside = connection.execute(
                select(displacements.c.started, displacements.c.seconds).where(
                    displacements.c.attempt == attempt.attempt
                )
            ).all()
            spent = seconds_since(attempt.started)
            paused = sum(seconds_since(at) if seconds is None else seconds for at, seconds in aside)
            paused = min(paused, spent)
            figures = {"run_seconds": spent - paused, "paused_seconds": paused}
            connection.execute(
                update(attempts)
                .where(attempts.c.attempt == attempt.attempt)
                .values(outcome="lost", error=reason, ended=utc_now(), **figures)
            )
    connection.execute(update(sessions).where(sessions.c.session == session).values(ended=utc_now()))
