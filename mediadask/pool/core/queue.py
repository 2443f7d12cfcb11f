"""The order in which jobs get their turns. Only jobs with units to hand out are in it."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections import Counter

    from mediadask.pool.core.jobs import DeliveryJob

__all__ = ["JobQueue"]


class JobQueue:
    """Jobs by class, then deadline; then the show with the fewest units in flight, then first come."""

    def __init__(self) -> None:
        self._place: dict[str, tuple[int, float]] = {}
        """Where each job stands, by its id."""

        self._lanes: dict[tuple[int, float], dict[str, list[tuple[int, DeliveryJob]]]] = {}
        """By rank and deadline, then by show: jobs with their numbers, in order."""

        self._order: list[tuple[int, float]] = []

    def update(self, job: DeliveryJob) -> None:
        """Give the job its place, or none if it has no unit to hand out or must wait."""
        place = (job.rank, job.due) if job.is_open and job.has_ready and not job.is_held else None
        before = self._place.get(job.id)
        if before == place:
            return
        if before is not None:
            self._remove(job, before)
        if place is not None:
            self._add(job, place)

    def next(self, in_flight: Counter[tuple[int, str]]) -> DeliveryJob | None:
        """The job whose unit goes next.

        Parameters
        ----------
        in_flight
            How many units are in flight, by rank and show.
        """
        if not self._order:
            return None
        rank, due = self._order[0]
        firsts = (jobs[0] for jobs in self._lanes[rank, due].values())
        _, job = min(firsts, key=lambda first: (in_flight[rank, first[1].show], first[0]))
        return job

    def _add(self, job: DeliveryJob, place: tuple[int, float]) -> None:
        self._place[job.id] = place
        if place not in self._lanes:
            self._lanes[place] = {}
            insort(self._order, place)
        insort(self._lanes[place].setdefault(job.show, []), (job.number, job))

    def _remove(self, job: DeliveryJob, place: tuple[int, float]) -> None:
        del self._place[job.id]
        lane = self._lanes[place]
        jobs = lane[job.show]
        del jobs[bisect_left(jobs, job.number, key=lambda each: each[0])]
        if not jobs:
            del lane[job.show]
        if not lane:
            del self._lanes[place]
            del self._order[bisect_left(self._order, place)]
