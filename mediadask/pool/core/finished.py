"""Jobs that have ended, kept for whoever asks for their results until there are too many."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mediadask.pool.core.jobs import Job

__all__ = ["FinishedJobs"]

KEPT_JOBS = 1000
KEPT_BYTES = 128 << 20
"""The most bytes of all of them together; the latest is kept whatever its size."""


class FinishedJobs:
    """The latest of them by id, in the order in which they ended."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._bytes = 0

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs.values())

    def get(self, id: str) -> Job | None:
        """The job with this id, if it is still kept."""
        return self._jobs.get(id)

    def keep(self, job: Job) -> None:
        """Keep one more; the oldest go where there are too many."""
        self._jobs[job.id] = job
        self._bytes += job.kept_bytes
        while len(self._jobs) > KEPT_JOBS or (self._bytes > KEPT_BYTES and len(self._jobs) > 1):
            oldest = self._jobs.pop(next(iter(self._jobs)))
            self._bytes -= oldest.kept_bytes
