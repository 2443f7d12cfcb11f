"""Jobs that have ended: kept for whoever asks for their results, until they are too many."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mediadask.delivery import Failure
    from mediadask.pool.scheduler.backlog import JobRecord

__all__ = ["Archive"]

_KEPT_JOBS = 1000
_KEPT_BYTES = 128 << 20
"""Of all of them; the latest is kept whatever its size."""

_VALUE_BYTES = 50
"""What Python needs to hold one, besides itself."""

_FAILURE_BYTES = 400


class Archive:
    """The latest of them, by id, first those that ended first."""

    def __init__(self) -> None:
        self._jobs: dict[str, tuple[JobRecord, int]] = {}
        self._bytes = 0

    def __iter__(self) -> Iterator[JobRecord]:
        return (job for job, _ in self._jobs.values())

    def get(self, job: str) -> JobRecord | None:
        """The one with this id, if it is still kept."""
        return self._jobs.get(job, (None, 0))[0]

    def keep(self, ended: JobRecord) -> None:
        """Add one; the oldest go where it is one too many."""
        size = len(ended.payload) + sum(map(_size, ended.values))
        self._jobs[ended.id] = ended, size
        self._bytes += size
        while len(self._jobs) > _KEPT_JOBS or (self._bytes > _KEPT_BYTES and len(self._jobs) > 1):
            _, size = self._jobs.pop(next(iter(self._jobs)))
            self._bytes -= size


def _size(value: bytes | Failure | None) -> int:
    if isinstance(value, bytes):
        return _VALUE_BYTES + len(value)
    return 0 if value is None else _FAILURE_BYTES + len(value.error)
