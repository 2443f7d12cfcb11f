"""What must hold of the records that a pool writes: attempts begin and end once, share slots, fill leases."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mediadask.pool import history
from mediadask.pool.simulation.invariants import Broken

if TYPE_CHECKING:
    from mediadask.pool.core.clock import Now
    from mediadask.pool.history import Attempt, Record

__all__ = ["Bookkeeper", "Lease"]

_ROUNDING = 1e-6


@dataclass(eq=False, slots=True)
class Lease:
    """A worker in the records."""

    threads: int
    joined_at: float
    seconds: float | None = None
    """How long it was there, once it is gone."""

    reason: str | None = None
    """Why it is gone."""

    run_seconds: float = 0.0
    """The seconds that its attempts which have ended ran."""

    unseen: int = 0
    """How many of them ended unseen, so that their seconds are an estimate."""

    lost_graph_tasks: bool = False
    """Whether a task of a graph did not return: nobody tells how long it really ran."""

    open: dict[str, bool] = field(default_factory=dict)
    """The ids of attempts that run there, and whether each is displaced."""


class Bookkeeper:
    """Checks the records of one life of a pool as they are written.

    Parameters
    ----------
    slack_seconds
        What a message takes at most.
    """

    def __init__(self, slack_seconds: float) -> None:
        self._slack_seconds = slack_seconds
        self.leases: dict[str, Lease] = {}
        """By the workers' own identities."""

        self._attempts: dict[str, Attempt] = {}
        """Those that have begun and not ended, by id."""

        self._ended: set[str] = set()
        self._displaced: dict[str, str] = {}
        """The attempts of displacements that are not over, by displacement."""

        self.submitted: dict[str, history.JobSubmitted] = {}
        self.priority: dict[str, history.JobReprioritized] = {}
        """The latest of each job."""

        self.jobs_ended: dict[str, history.JobEnded] = {}

    def write(self, record: Record, now: Now) -> None:
        """A record is written.

        Raises
        ------
        Broken
            It does not go with those before it.
        """
        match record:
            case history.AttemptStarted():
                self._started(record)
            case history.AttemptEnded():
                self._ended_attempt(record, now.seconds)
            case history.AttemptFlagged() if record.attempt.id not in self._attempts:
                raise Broken("an attempt that is flagged runs", f"{record.attempt}")
            case history.Displaced():
                self._displacement(record)
            case history.JobSubmitted() if record.job in self.submitted:
                raise Broken("a job is submitted once", record.job)
            case history.JobSubmitted():
                self.submitted[record.job] = record
            case history.JobReprioritized() if record.job in self.jobs_ended:
                raise Broken("a job that has ended does not change", record.job)
            case history.JobReprioritized():
                self.priority[record.job] = record
            case history.JobEnded():
                self._job_ended(record)
            case history.WorkerJoined() if record.worker in self.leases:
                raise Broken("a lease begins once", record.worker)
            case history.WorkerJoined():
                self.leases[record.worker] = Lease(record.threads, now.seconds)
            case history.WorkerLeft():
                self._left(record, now.seconds)

    def settled(self) -> None:
        """Nothing runs any more.

        Raises
        ------
        Broken
            Something is still open in the records.
        """
        if self._attempts:
            raise Broken("an attempt ends exactly once", f"{next(iter(self._attempts.values()))} never ended")
        if self._displaced:
            raise Broken("a displacement ends", f"{next(iter(self._displaced))} never did")

    def slots_are_shared(self) -> None:
        """Whether no worker has more attempts on its slots than it has slots, and none that has left has any.

        Raises
        ------
        Broken
            One has.
        """
        for worker, lease in self.leases.items():
            if lease.seconds is not None and lease.open:
                raise Broken("an attempt ends with its worker", f"{self._attempts[next(iter(lease.open))]}")
            # A task of a graph may wait on its worker for a thread, or for data: nobody tells.
            running = [
                attempt
                for attempt, displaced in lease.open.items()
                if not displaced and self._attempts[attempt].kind != "graph"
            ]
            if len(running) > lease.threads and not lease.lost_graph_tasks:
                units = ", ".join(self._attempts[attempt].unit for attempt in running)
                raise Broken(
                    "attempts are disjoint on a slot", f"{worker} has {lease.threads} slots, and runs {units}"
                )

    # Records.

    def _job_ended(self, record: history.JobEnded) -> None:
        if record.job in self.jobs_ended or record.job not in self.submitted:
            raise Broken("a job ends exactly once", record.job)
        groups = self.submitted[record.job].groups
        if record.status != "cancelled" and record.groups_done + record.groups_failed != groups:
            raise Broken("a job ends when all its groups have", f"{record}")
        if (record.status == "done") != (not record.groups_failed and not record.error):
            raise Broken("a job is done if nothing of it failed", f"{record}")
        if not -_ROUNDING <= record.running_seconds <= record.seconds + _ROUNDING:
            raise Broken("a job does not run for longer than it took", f"{record}")
        self.jobs_ended[record.job] = record

    def _started(self, record: history.AttemptStarted) -> None:
        attempt = record.attempt
        if attempt.id in self._attempts or attempt.id in self._ended:
            raise Broken("an attempt begins once", f"{attempt}")
        self._attempts[attempt.id] = attempt
        if (lease := self.leases.get(attempt.worker)) is None or lease.seconds is not None:
            raise Broken("an attempt runs on a worker that is there", f"{attempt}")
        lease.open[attempt.id] = False

    def _ended_attempt(self, record: history.AttemptEnded, now: float) -> None:
        attempt = record.attempt
        if attempt.id in self._ended:
            raise Broken("an attempt ends exactly once", f"{attempt}")
        if (attempt.id in self._attempts) == (record.started is not None):
            raise Broken("an attempt's beginning is told once", f"{record}")
        if self._attempts.pop(attempt.id, attempt) != attempt:  # the ledger would keep both
            raise Broken("an attempt ends as what it began", f"{record}")
        self._ended.add(attempt.id)
        if attempt.id in self._displaced.values():
            raise Broken("a displacement ends with its attempt", f"{record}")
        lease = self.leases.get(attempt.worker)
        if lease is None:
            raise Broken("an attempt runs on a worker that is there", f"{attempt}")
        lease.open.pop(attempt.id, None)
        lease.run_seconds += record.run_seconds
        lease.lost_graph_tasks |= record.outcome != "done" and attempt.kind == "graph"
        lease.unseen += record.outcome not in ("done", "cancelled")
        if record.run_seconds < 0 or record.paused_seconds < 0:
            raise Broken("durations are not negative", f"{record}")
        self._fits(attempt.worker, lease, now)

    def _displacement(self, record: history.Displaced) -> None:
        attempt = record.attempt.id
        if attempt not in self._attempts:
            raise Broken("only an attempt that runs is displaced", f"{record}")
        lease = self.leases[record.attempt.worker]
        if record.ended:
            if self._displaced.pop(record.displacement, "") != attempt or record.seconds is None:
                raise Broken("a displacement ends once", f"{record}")
            lease.open[attempt] = False
        else:
            if record.displacement in self._displaced or lease.open[attempt]:
                raise Broken("a displacement begins once", f"{record}")
            if not record.for_job:
                raise Broken("a displacement is for a job", f"{record}")
            self._displaced[record.displacement] = attempt
            lease.open[attempt] = True

    def _left(self, record: history.WorkerLeft, now: float) -> None:
        lease = self.leases.get(record.worker)
        if lease is None or lease.reason == record.reason:
            raise Broken("a lease ends once", record.worker)
        if lease.seconds is None:
            lease.seconds = now - lease.joined_at
        lease.reason = record.reason  # it is written again when more is known of it
        if abs(record.seconds - lease.seconds) > _ROUNDING:
            raise Broken("a lease is as long as the worker was there", f"{record}")
        self._fits(record.worker, lease, now)

    def _fits(self, worker: str, lease: Lease, now: float) -> None:
        seconds = (now - lease.joined_at if lease.seconds is None else lease.seconds) * lease.threads
        # What ended unseen is measured by when messages of it arrived.
        if lease.run_seconds > seconds + lease.unseen * self._slack_seconds + _ROUNDING:
            raise Broken(
                "attempts fit into their lease",
                f"{worker}: {lease.run_seconds} s in {seconds} s of its slots",
            )
