"""A client's hold on a job that the pool's scheduler runs."""

from __future__ import annotations

import html
from dataclasses import dataclass, fields
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

from distributed.protocol.pickle import loads

from mediadask.checkpoint import checkpoint
from mediadask.delivery import Delivery, Failure
from mediadask.errors import InvalidRequest, MediaError
from mediadask.pool.descriptions import JobDescription
from mediadask.pool.history import JobStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from mediadask.pool.pool import Pool

__all__ = ["Job", "Jobs", "Progress", "written"]

_POLL_SECONDS = 2.0

_WITHOUT_WORKERS = 'in a script, start the pool under `if __name__ == "__main__":`'

_COLUMNS = (
    "id", "name", "show", "priority", "status", "groups", "groups_done", "groups_failed", "units_running",
    "units_paused", "seconds", "error",
)  # fmt: skip


@dataclass(frozen=True)
class Progress:
    """How far a job is. ``units`` are those known so far: a long delivery is planned as it goes."""

    status: JobStatus
    groups: int
    groups_done: int
    groups_failed: int
    fraction: float
    """From 0 to 1, counted by groups, and by units inside the groups that are open."""

    units: int
    units_done: int
    units_queued: int
    """Units that are planned and wait for a slot; none while a spent budget holds the job."""

    units_running: int
    units_paused: int
    frames: int
    seconds: float
    """Seconds since the submission; for a job that has ended, its turnaround."""

    error: str
    """The first failure."""

    notice: str = ""
    """What its owner should know while it runs: its show's budget is nearly spent, or no worker comes."""

    def __str__(self) -> str:
        parts = [f"{self.groups_done} of {self.groups} done"]
        parts += [f"{self.groups_failed} failed"] if self.groups_failed else []
        parts += [f"{self.units_running} running"] if self.units_running else []
        parts += [f"{self.units_paused} paused"] if self.units_paused else []
        line = f"{self.status}: {', '.join(parts)}, {self.seconds:.1f} s"
        return f"{line}; {self.notice}" if self.notice else line


class Job:
    """A delivery that a pool works on. It outlives this object and the process that submitted it."""

    def __init__(self, pool: Pool, told: Mapping[str, Any], delivery: Delivery | None = None) -> None:
        self._pool, self._delivery = pool, delivery
        self._description = JobDescription.from_wire(told)
        self.id = self._description.id
        self.name = self._description.name
        self.show = self._description.show

    @property
    def priority(self) -> str:
        """Its class."""
        return self._describe().priority

    @property
    def status(self) -> JobStatus:
        """The state that the job is in."""
        return self.progress.status

    @property
    def progress(self) -> Progress:
        """How far the job is now."""
        return _progress(self._describe())

    @property
    def turnaround(self) -> float | None:
        """Seconds from submission to the last committed result; None while it runs."""
        progress = self.progress
        return None if self._is_open else progress.seconds

    @property
    def cost(self) -> float:
        """What it has cost so far, its share of idle workers included, in the configured currency."""
        table = self._pool.costs(by="job")
        return float(table.loc[table["job"] == self.id, "total"].sum())

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the job has ended.

        Interrupting the wait leaves the job running. A unit that waits makes way for higher classes only.

        Parameters
        ----------
        timeout
            Seconds to wait at most. None: as long as it takes.

        Returns
        -------
        bool
            Whether it has ended.

        Raises
        ------
        MediaError
            The pool is gone, or cannot get a single worker.
        """
        until = None if timeout is None else monotonic() + timeout
        while self._is_open:
            left = _POLL_SECONDS if until is None else min(_POLL_SECONDS, until - monotonic())
            if left < 0:
                return False
            checkpoint()  # in a unit, which has a slot that what it waits for may need
            self._description = JobDescription.from_wire(self._pool.ask("wait", job=self.id, timeout=left))
            if trouble := self._description.trouble:
                raise MediaError(trouble, where=self.name, do=_WITHOUT_WORKERS)
        return True

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the job, and fetch its result.

        Parameters
        ----------
        timeout
            Seconds to wait at most. None: as long as it takes.

        Returns
        -------
        Any
            What computing the delivery would have returned, usually its `Report`.

        Raises
        ------
        MediaError
            It was cancelled, the pool is gone or without workers, or the result is no longer kept.
        TimeoutError
            It has not ended within `timeout` seconds.
        """
        if not self.wait(timeout):
            raise TimeoutError(f"{self.name}: still running after {timeout} s; it goes on")
        if self._description.status == "cancelled":
            raise MediaError(self._description.error or "the job was cancelled", where=self.name)
        if self._delivery is None:
            self._delivery = loads(self._pool.ask("delivery", job=self.id))
        values: list[Any] = []
        while len(values) < self._delivery.steps:
            page = loads(self._pool.ask("values", job=self.id, start=len(values)))
            values += [value if isinstance(value, Failure) else loads(value) for value in page]
        return self._delivery.report(values)

    def cancel(self) -> None:
        """Start no more of its units, and stop those that run at their next frame. Committed outputs stay."""
        self._pool.ask("cancel", job=self.id)

    def reprioritize(self, priority: str | None = None, *, deadline: datetime | None = None) -> None:
        """Move the job to another class, or give it another deadline, at once.

        Parameters
        ----------
        priority
            A class, such as ``urgent``. None: it keeps its own.
        deadline
            When its results are needed. None: it keeps its own.

        Raises
        ------
        InvalidRequest
            There is no such class, or neither is given.
        """
        if priority is None and deadline is None:
            raise InvalidRequest(
                "nothing to change", where="reprioritize", do="give a priority or a deadline"
            )
        self._pool.ask("reprioritize", job=self.id, priority=priority, deadline=written(deadline))

    def _describe(self) -> JobDescription:
        # Of a cancelled job some units may still be on their way to their next frame.
        known = self._description
        if known.units_running or known.units_paused or self._is_open:
            (told,) = self._pool.ask("describe", jobs=[self.id])
            self._description = JobDescription.from_wire(told)
        return self._description

    @property
    def _is_open(self) -> bool:
        return self._description.status in ("waiting", "running")

    def _known(self) -> tuple[str, Progress, str]:
        """Its class, how far it is, and that: of a pool that is gone what was known of it last."""
        gone = ""
        try:
            self._describe()
        except MediaError:
            gone = " when its pool was last seen"
        progress = _progress(self._description)
        return self._description.priority, progress, f"{progress}{gone}"

    def __repr__(self) -> str:
        priority, _, line = self._known()
        return f"<Job {self.name!r} {priority}, {line}>"

    def _repr_html_(self) -> str:
        priority, progress, line = self._known()
        bar = f'<progress max="1" value="{progress.fraction:.4f}" style="width: 20em"></progress>'
        show = f" · {html.escape(self.show)}" if self.show else ""
        error = f"<br><small>{html.escape(progress.error)}</small>" if progress.error else ""
        title = f"<b>{html.escape(self.name)}</b>{show} · {html.escape(priority)}"
        return f"<div>{title}<br>{bar} {html.escape(line)}{error}</div>"


class Jobs(list[Job]):
    """Jobs in the order of their submission; notebooks and terminals show them as a table."""

    @property
    def table(self) -> pd.DataFrame:
        """One row a job, as when they were listed: id, name, show, priority, status, groups, groups_done,
        groups_failed, units_running, units_paused, seconds since its submission (its turnaround, if it has
        ended), error.
        """
        import pandas as pd

        rows = [[getattr(job._description, column) for column in _COLUMNS] for job in self]
        return pd.DataFrame(rows, columns=list(_COLUMNS))

    def __repr__(self) -> str:
        return self.table.to_string() if self else "[]"

    def _repr_html_(self) -> str:
        return str(self.table.to_html())


def written(deadline: datetime | None) -> str | None:
    """A deadline as text, with its zone: where it names none, that of this place.

    Raises
    ------
    InvalidRequest
        It is no point in time.
    """
    if deadline is None:
        return None
    if not isinstance(deadline, datetime):
        raise InvalidRequest(
            "is no datetime", where=f"deadline {deadline!r}", do="give datetime.now() + timedelta(hours=2)"
        )
    return deadline.astimezone().isoformat()


def _progress(described: JobDescription) -> Progress:
    return Progress(**{field.name: getattr(described, field.name) for field in fields(Progress)})
