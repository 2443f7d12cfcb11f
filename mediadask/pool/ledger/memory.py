"""What a process can tell a ledger again if the database loses it."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from mediadask.pool.history import (
    AttemptEnded,
    AttemptFlagged,
    AttemptStarted,
    JobEnded,
    JobReprioritized,
    JobSubmitted,
    WorkerJoined,
    WorkerLeft,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mediadask.pool.history import Record

__all__ = ["Memory"]

_RECENT_SECONDS = 20.0
"""So long may a fault of the database go unnoticed, and records be written to a file that is gone."""

_RECENT_RECORDS = 30_000
"""No more are held than those of some seconds of the shortest units."""


class Memory:
    """Jobs, leases and attempts that have not ended, and all that was written a moment ago.

    What has not ended is held by the scheduler anyway; this holds on to the same values.
    """

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], list[Record]] = {}
        self._recent: deque[tuple[float, Sequence[Record]]] = deque()
        self._recent_records = 0

    def keep(self, records: Sequence[Record]) -> None:
        """These are written."""
        for record in records:
            match record:
                case JobSubmitted():
                    self._open["job", record.job] = [record]
                case JobReprioritized() if ("job", record.job) in self._open:
                    self._open["job", record.job][1:] = [record]
                case JobEnded():
                    self._open.pop(("job", record.job), None)
                case WorkerJoined():
                    self._open["worker", record.worker] = [record]
                case WorkerLeft():
                    self._open.pop(("worker", record.worker), None)
                case AttemptStarted():
                    self._open["attempt", record.attempt.id] = [record]
                case AttemptFlagged() if ("attempt", record.attempt.id) in self._open:
                    self._open["attempt", record.attempt.id][1:] = [record]
                case AttemptEnded():
                    self._open.pop(("attempt", record.attempt.id), None)
        now = time.monotonic()
        self._recent.append((now, records))
        self._recent_records += len(records)
        while self._recent[0][0] < now - _RECENT_SECONDS or (
            self._recent_records > _RECENT_RECORDS and len(self._recent) > 1
        ):
            self._recent_records -= len(self._recent.popleft()[1])

    def all(self) -> list[Record]:
        """In an order in which they may be written again."""
        still_open = [record for records in self._open.values() for record in records]
        return [*still_open, *(record for _, records in self._recent for record in records)]
