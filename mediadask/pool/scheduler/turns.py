"""Whose turn it is: all jobs that have not ended, in the order in which they go, without a look at each."""

from __future__ import annotations

from bisect import insort
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from mediadask.pool.scheduler.backlog import JobRecord

__all__ = ["Turns"]


class Turns:
    """Highest class, earliest deadline, least busy show, first come.

    Parameters
    ----------
    is_held
        Whether nothing more of this show's work may begin.
    """

    def __init__(self, is_held: Callable[[str], bool]) -> None:
        self._is_held = is_held
        # A pool has many jobs of few shows, and mostly of few deadlines.
        self._lanes: dict[tuple[int, float], dict[str, dict[int, JobRecord]]] = {}
        """By class order and deadline, then by show, then by number, lowest first."""

        self._order: list[tuple[int, float]] = []
        """The lanes in theirs."""

    def add(self, job: JobRecord) -> None:
        """It goes in its turn."""
        place = job.order, job.due
        if place not in self._lanes:
            self._lanes[place] = {}
            insort(self._order, place)
        jobs = self._lanes[place].setdefault(job.show, {})
        latest = next(reversed(jobs), job.number)
        jobs[job.number] = job
        if latest > job.number:  # it was of another class or deadline before
            self._lanes[place][job.show] = dict(sorted(jobs.items()))

    def remove(self, job: JobRecord) -> None:
        """It has ended, or its class or deadline is about to change."""
        place = job.order, job.due
        lane = self._lanes[place]
        del lane[job.show][job.number]
        if not lane[job.show]:
            del lane[job.show]
        if not lane:
            del self._lanes[place]
            self._order.remove(place)

    def next(self, in_flight: Counter[tuple[int, str]]) -> JobRecord | None:
        """The job whose unit goes next.

        Parameters
        ----------
        in_flight
            How many units are, by class order and show.
        """
        for place in self._order:
            shows = self._lanes[place].items()
            first = [_first_ready(jobs) for show, jobs in shows if not self._is_held(show)]
            ready = [job for job in first if job is not None]
            if ready:
                return min(ready, key=lambda job: (in_flight[job.order, job.show], job.number))
        return None


def _first_ready(jobs: dict[int, JobRecord]) -> JobRecord | None:
    # Before it are jobs whose units are all in flight, or about to be planned: not many.
    return next((job for job in jobs.values() if job.has_ready), None)
