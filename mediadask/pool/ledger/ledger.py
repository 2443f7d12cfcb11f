"""The durable record of a pool: jobs, attempts, displacements and worker leases, in SQLite or PostgreSQL.

`Ledger.record` appends to a queue and returns. A thread of the ledger's own turns records into rows and
writes them in batches, four times a second. What cannot be written because the database is away goes to a
journal, a file that is read back when the database answers again, or by the next ledger that opens here if
this process dies first.
"""

from __future__ import annotations

import atexit
import logging
import sqlite3
import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError, SQLAlchemyError

from mediadask.errors import MediaError, OutputFailed
from mediadask.pool.history import JobEnded, JobSubmitted, Learned, Record, new_id, utc_now
from mediadask.pool.ledger.care import Care, open_sound
from mediadask.pool.ledger.journal import Journal, abandoned
from mediadask.pool.ledger.memory import Memory
from mediadask.pool.ledger.names import Names
from mediadask.pool.ledger.place import Place
from mediadask.pool.ledger.prune import Pruning
from mediadask.pool.ledger.rows import statements
from mediadask.pool.ledger.sessions import Session
from mediadask.pool.ledger.signing import Key
from mediadask.pool.ledger.tables import data_folder, jobs, learned, sessions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

__all__ = ["Ledger", "OrphanedJob"]

_logger = logging.getLogger(__name__)

_TICK_SECONDS = 0.25
_ATTEMPT_SECONDS = 2.0
_BEAT_SECONDS = 5.0
_BATCH = 5_000
_BACKLOG_LIMIT = 500_000
_TRIES = 3


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
    keep_seconds
        Units of jobs that ended longer ago are pruned to sums; None keeps them.

    Raises
    ------
    InvalidRequest, OutputFailed
        The URL or the key is wrong, or the database does not open. Later troubles of it are survived.
    """

    def __init__(
        self, url: str | None = None, *, pool: str = "local", keep_seconds: float | None = None
    ) -> None:
        self.pool = pool
        self._key = Key(data_folder())
        self.engine, trouble = open_sound(url)
        self.session = new_id()
        self.refused = 0
        """Records that the database refused for good, or that found no room; each is in the log."""

        journals = data_folder() / "journals"
        try:
            self._journal = Journal(journals, str(self.engine.url), self.session)
            place = Place.here(journals)
        except OSError as error:
            self.engine.dispose()
            raise OutputFailed(
                f"the ledger cannot keep a journal: {error.strerror}", where=journals, do="set XDG_DATA_HOME"
            ) from None
        self._queue: deque[Record | threading.Event | Future[None]] = deque()
        self._pending: list[Record] = []
        self._flushing: list[threading.Event] = []
        self._keeping: list[Future[None]] = []
        self._next_beat = self._next_attempt = 0.0
        self._away_since: float | None = None
        self._away_reason = ""
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._names, self._memory = Names(), Memory()
        self._care = Care(self.engine, self._journal, self._key, self.session, trouble)
        self._pruning = None if keep_seconds is None else Pruning(self.engine, keep_seconds)
        self._sessions = Session(self.engine, self.session, pool, self._journal, place)
        self._is_complete = True
        self._sessions.introduce()
        for orphan in abandoned(journals, str(self.engine.url)):
            with orphan:
                self._replay(orphan)
        self._sessions.settle_the_dead()
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

    def kept(self) -> Future[None]:
        """Done once all that was recorded before outlives this process: in the database, or in the journal
        while that is away.
        """
        kept: Future[None] = Future()
        self._queue.append(kept)
        self._wake.set()
        return kept

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
        self._care.close()
        self.engine.dispose()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def backlog(self) -> int:
        """How many records wait to be written."""
        return len(self._queue) + len(self._pending) + self._journal.records

    @property
    def away_seconds(self) -> float:
        """How long the database has been away; 0 while it answers."""
        since = self._away_since
        return 0.0 if since is None else time.monotonic() - since

    @property
    def trouble(self) -> str:
        """What whoever runs the pool should know of the ledger, in one line; empty while all is well."""
        parts = [self._care.trouble] if self._care.trouble else []
        if away := self.away_seconds:
            what = f"the ledger's database has been away for {away:.0f} s ({self._away_reason})"
            parts.append(f"{what}; records wait in a journal")
        if self.refused:
            parts.append(f"{self.refused} records could not be kept; the log names them")
        return "; ".join(parts)

    def learned(self) -> list[Learned]:
        """What units of each kind were seen to take, for `Predictor`."""
        with self.engine.connect() as connection:
            return [Learned(**row._mapping) for row in connection.execute(select(learned))]

    def take_over(self) -> list[OrphanedJob]:
        """The unfinished jobs of this pool's dead schedulers, now ours; nobody gets the same job twice.

        What such a job holds is unpickled. One that no pool with our key has kept is not handed on: it has
        failed, and says why.
        """
        self._sessions.settle_the_dead()
        ours = sessions.c.pool == self.pool
        dead = select(sessions.c.session).where(sessions.c.ended.is_not(None), ours)
        with self.engine.begin() as connection:
            taken = connection.execute(
                update(jobs)
                .where(jobs.c.status == "running", jobs.c.session.in_(dead))
                .values(session=self.session)
                .returning(jobs)
            ).all()
        orphans = []
        for row in sorted(taken, key=lambda job: job.submitted):
            if self._key.has_signed(row.job, row.payload or b"", row.signature):
                priority = row.own_priority or row.priority  # whether its budget is spent will be seen again
                fields = row.job, row.name, row.show, priority, row.deadline
                orphans.append(OrphanedJob(*fields, row.submitted, row.payload))
                self.record(
                    JobSubmitted(
                        job=row.job, name=row.name, show=row.show, kind=row.kind, priority=priority,
                        deadline=row.deadline, groups=row.groups, payload=row.payload, at=row.submitted,
                    )
                )  # fmt: skip
                continue
            error = f"the ledger's key {self._key.path} has not signed it; submit it again"
            _logger.error("job %s (%s) is not taken up: %s", row.job, row.name, error)
            seconds = max(0.0, (utc_now() - row.submitted).total_seconds())
            self.record(
                JobEnded(job=row.job, status="failed", seconds=seconds, running_seconds=0.0, error=error)
            )
        return orphans

    def has_others(self) -> bool:
        """Whether another scheduler of this pool's name may live: it may die, and leave us its jobs."""
        others = select(sessions.c.session).where(
            sessions.c.pool == self.pool, sessions.c.session != self.session, sessions.c.ended.is_(None)
        )
        with self.engine.connect() as connection:
            return connection.execute(others.limit(1)).first() is not None

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(_TICK_SECONDS)
            self._wake.clear()
            self._write_all()
        self._write_all(last=True)
        self._journal.close(keep=self._journal.records > 0)

    def _write_all(self, *, last: bool = False) -> None:
        self._drain()
        if self._away_since is not None:
            # To the journal first: an attempt on a database that does not answer may take seconds.
            self._put_aside()
            if time.monotonic() < self._next_attempt and not last:
                return
        try:
            for _ in range(_TRIES):
                try:
                    self._write_pending(last=last)
                    break
                except DBAPIError as error:
                    if not self._care.put_right(error):
                        raise
                    self._is_complete = False
        except Exception as error:  # whatever it is, records are kept, and it is tried again
            self._away_reason = " ".join(str(error.orig if isinstance(error, DBAPIError) else error).split())
            if self._away_since is None:
                self._away_since = time.monotonic()
                what = "the ledger's database is away, records go to %s: %s"
                is_expected = isinstance(error, SQLAlchemyError | OSError | sqlite3.Error | MediaError)
                _logger.warning(what, self._journal.path, self._away_reason, exc_info=not is_expected)
            self._next_attempt = time.monotonic() + _ATTEMPT_SECONDS
            self._put_aside()
        else:
            if self._away_since is not None:
                _logger.warning("the ledger's database is back after %.0f s", self.away_seconds)
                self._away_since = None
            for done in self._flushing:
                done.set()
            self._flushing.clear()
            self._tell_keeping()

    def _write_pending(self, *, last: bool) -> None:
        is_beat = last or time.monotonic() >= self._next_beat
        if self._care.look(closely=is_beat):
            self._is_complete = False
        if not self._is_complete:
            self._names.forget(all_of_them=True)
            self._sessions.introduce()
            again = self._memory.all()
            for start in range(0, len(again), _BATCH):
                self._write(again[start : start + _BATCH], pool=self.pool, session=self.session)
            self._is_complete = True
        if self._journal.records:
            self._replay(self._journal)
        while self._pending:
            batch = self._pending[:_BATCH]
            self._write(batch, pool=self.pool, session=self.session)
            self._memory.keep(batch)
            del self._pending[:_BATCH]
        if last:
            self._sessions.end()
        elif is_beat:
            self._next_beat = time.monotonic() + _BEAT_SECONDS
            self._sessions.beat()
            self._sessions.settle_the_dead()
            if self._pruning is not None:
                self._pruning.go_on()

    def _drain(self) -> None:
        while self._queue:
            item = self._queue.popleft()
            if isinstance(item, threading.Event):
                self._flushing.append(item)
            elif isinstance(item, Future):
                self._keeping.append(item)
            else:
                self._pending.append(item)

    def _tell_keeping(self) -> None:
        for kept in self._keeping:
            if kept.set_running_or_notify_cancel():
                kept.set_result(None)
        self._keeping.clear()

    def _put_aside(self) -> None:
        try:
            self._journal.append(self._pending)
            self._pending.clear()
            self._tell_keeping()
        except OSError as full:
            excess = len(self._pending) - _BACKLOG_LIMIT
            if excess > 0:
                self.refused += excess
                del self._pending[:excess]
                _logger.error("the ledger lost %d records: no database and no journal: %s", excess, full)

    def _replay(self, journal: Journal) -> None:
        pool, is_ours = self.pool, journal.session == self.session
        if not is_ours:
            with self.engine.connect() as connection:
                theirs = select(sessions.c.pool).where(sessions.c.session == journal.session)
                pool = connection.scalar(theirs) or pool
        for batch in journal.batches(_BATCH):
            self._write(batch, pool=pool, session=journal.session)
            if is_ours:
                self._memory.keep(batch)
        journal.clear()

    def _write(self, batch: Sequence[Record], *, pool: str, session: str) -> None:
        try:
            with self.engine.begin() as connection:
                for statement, rows in statements(
                    batch,
                    self.engine.dialect.name,
                    pool=pool,
                    session=session,
                    sign=self._key.sign,
                    numbers=lambda names: self._names.numbers(connection, names),
                ):
                    connection.execute(statement, rows)
            self._names.keep()
        except (OperationalError, InternalError, InterfaceError):
            self._names.forget()
            raise
        except Exception as error:
            self._names.forget()
            if self._care.is_fault(error):
                raise
            # Something in it can never be written: all but that must be.
            if len(batch) > 1:
                self._write(batch[: len(batch) // 2], pool=pool, session=session)
                self._write(batch[len(batch) // 2 :], pool=pool, session=session)
            else:
                self.refused += 1
                _logger.error("the ledger refuses %r: %s", batch[0], error)
