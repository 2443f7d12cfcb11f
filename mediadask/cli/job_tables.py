"""How jobs look on a screen and in a pipe: a list that fits, one job whole, and what has changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from mediadask.moments import about, ago, clock, span
from mediadask.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["changes", "job_list", "one_job"]

Known = dict[str, Any]

_RIGHT = {"progress", "took", "failed"}
_LEAVE_OUT = (
    "error", "job", "waits for", "kind", "took", "failed", "deadline", "show", "submitted", "class",
)  # fmt: skip
"""Columns that go where the terminal is too narrow, the first first."""

_COLORS = {"running": "cyan", "done": "green", "failed": "red", "orphaned": "yellow", "cancelled": "dim"}
_GAP = 2
_NAME_WIDTH = 24
_MOST_LINES = 20


def job_list(jobs: Sequence[Known], now: datetime, width: int | None) -> Table:
    """Return the jobs as a table no wider than `width`, if that is possible.

    Parameters
    ----------
    now
        The moment to which times are relative, in the zone of this place.
    width
        Of the terminal; None in a pipe, where all columns are there and times are of the clock.
    """
    rows = [_cells(job, now, relative=width is not None) for job in jobs]
    columns = list(rows[0]) if rows else ["name", "status"]
    columns = [name for name in columns if any(row[name] for row in rows) or name in ("name", "status")]
    for name in _LEAVE_OUT:
        if width is None or _wide(columns, rows) <= width:
            break
        columns = [column for column in columns if column != name]
    table = Table(box=None, pad_edge=False)
    for name in columns:
        table.add_column(
            name,
            justify="right" if name in _RIGHT else "left",
            overflow="fold",
            no_wrap=name != "name" and width is not None,
        )
    for row in rows:
        table.add_row(*(_text(name, row[name]) for name in columns))
    return table


def one_job(job: Known, now: datetime) -> Table:
    """Return all that is known of a job: a line for each fact, failures grouped by what they say."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _facts(job, now):
        table.add_row(Text(name, style="bold" if name else ""), _text(name, value))
    return table


def changes(jobs: Sequence[Known], told: dict[str, str], now: datetime) -> Iterator[str]:
    """Give a printable line for each job that has changed since it was last `told`, oldest first."""
    for job in reversed(jobs):
        what = " ".join(filter(None, (job["status"], _progress(job))))
        if told.get(job["job"]) != what:
            told[job["job"]] = what
            more = ", ".join(filter(None, (_end(job, now), job["waits_for"] and f"waits for {_waits(job)}")))
            yield printable(f"{now:%H:%M:%S}  {job['name']}  {what}{f'  {more}' if more else ''}")


def _cells(job: Known, now: datetime, *, relative: bool) -> dict[str, str]:
    def moment(name: str) -> str:
        at = job[name]
        if at is None:
            return ""
        return ago((now - at).total_seconds()) if relative else f"{at.astimezone():%Y-%m-%d %H:%M:%S}"

    expected = _expected(job, now)
    return {
        "job": job["job"],
        "name": job["name"],
        "show": job["show"],
        "kind": job["kind"],
        "class": job["priority"],
        "status": job["status"],
        "progress": _progress(job),
        "ends": "" if expected is None else _when(expected, now, relative=relative),
        "deadline": moment("deadline"),
        "submitted": moment("submitted"),
        "took": "" if job["seconds"] is None else span(job["seconds"]),
        "failed": str(job["groups_failed"] or ""),
        "waits for": _waits(job),
        "error": job["error"] or "",
    }


def _facts(job: Known, now: datetime) -> Iterator[tuple[str, str]]:
    yield "job", f"{job['name']}  {job['job']}"
    yield (
        "for",
        "  ".join(filter(None, (job["show"] or "no show", job["priority"], job["kind"], job["pool"]))),
    )
    yield "status", " ".join(filter(None, (job["status"], _progress(job))))
    submitted = job["submitted"]
    yield "submitted", f"{ago((now - submitted).total_seconds())}, {_at(submitted)}"
    if end := _end(job, now):
        yield "end", end
    yield (
        "took",
        f"{span(job['seconds'])}, of which it waited {span(job['waiting_seconds'])}"
        if job["waiting_seconds"] is not None
        else f"{span(job['seconds'])} so far",
    )
    if job["deadline"] is not None:
        yield "deadline", _deadline(job, now)
    for name, value in (("waits for", job["waits_for"]), ("notice", job["notice"])):
        if value:
            yield name, value
    if job["units"] is not None:
        states = ("done", "running", "paused", "queued")
        yield "units", ", ".join(f"{job[f'units_{state}']} {state}" for state in states)
    if job["attempts"]:
        yield "attempts", ", ".join(f"{number} {how}" for how, number in sorted(job["attempts"].items()))
    if job["paused_seconds"]:
        yield "paused", f"{span(job['paused_seconds'])} for more urgent jobs, over all units"
    made, failed = job["groups_done"], job["groups_failed"]
    if made is not None:
        yield "outputs", f"{made} of {job['groups']} made" + (f", {failed} failed" if failed else "")
    yield from _listed(list(filter(None, map(_output, job["outputs"]))), made)
    cost = job["cost"]
    parts = ", ".join(
        f"{name} {cost[name]:.2f}" for name in ("compute", "retries", "displaced", "idle") if cost[name]
    )
    yield "cost", f"{cost['total']:.2f} {cost['currency']}" + (f" ({parts})" if parts else "")
    failures = [_failure(each, now) for each in job["failures"]]
    if failures:
        yield "failures", failures[0]
        yield from _listed(failures[1:])
    elif job["error"]:
        yield "error", job["error"]


def _listed(lines: Sequence[str], number: int | None = None) -> Iterator[tuple[str, str]]:
    """The first lines, and how many more there are of so many."""
    for line in lines[:_MOST_LINES]:
        yield "", line
    if len(lines) > _MOST_LINES:
        yield "", f"and {max(len(lines), number or 0) - _MOST_LINES} more; --json has them all"


def _output(output: Known) -> str:
    """An output that is made, by where it stands if it is a file, or under way; empty for all others."""
    if output["state"] == "done":
        return ", ".join(output["paths"]) or str(output["name"])
    if output["state"] in ("running", "paused"):
        return f"{output['name']}  {output['state']} {int(output['fraction'] * 100)} %"
    return ""


def _failure(failure: Known, now: datetime) -> str:
    times = f"{failure['attempts']} × " if failure["attempts"] > 1 else ""
    when = f", {ago((now - failure['last']).total_seconds())}" if failure["last"] else ""
    return f"{times}{failure['error'] or failure['outcome']} ({failure['outcome']}{when})"


def _progress(job: Known) -> str:
    return "" if job["progress"] is None else f"{int(job['progress'] * 100)} %"


def _expected(job: Known, now: datetime) -> datetime | None:
    seconds = job["expected_seconds"]
    return None if seconds is None else now + timedelta(seconds=seconds)


def _when(at: datetime, now: datetime, *, relative: bool = True) -> str:
    seconds = (at - now).total_seconds()
    return f"in {about(seconds)}, {clock(at, now)}" if relative else f"{at.astimezone():%Y-%m-%d %H:%M:%S}"


def _end(job: Known, now: datetime) -> str:
    """When it is expected to end, or when it ended."""
    if (expected := _expected(job, now)) is not None:
        return f"ends {_when(expected, now)}"
    if job["status"] not in ("done", "failed", "cancelled"):
        return ""
    ended = job["submitted"] + timedelta(seconds=job["seconds"])
    return f"ended {ago((now - ended).total_seconds())}, {_at(ended)}"


def _deadline(job: Known, now: datetime) -> str:
    deadline = job["deadline"]
    said = f"{ago((now - deadline).total_seconds())}, {_at(deadline)}"
    is_over = job["status"] in ("done", "failed", "cancelled")
    ends = job["submitted"] + timedelta(seconds=job["seconds"]) if is_over else _expected(job, now)
    if ends is None:
        return said
    word = ("met" if is_over else "will be met") if ends <= deadline else ("missed" if is_over else "at risk")
    return f"{said}: {word}"


def _waits(job: Known) -> str:
    return job["waits_for"] or ""


def _at(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def _text(name: str, value: str) -> Text:
    style = _COLORS.get(value.split(" ")[0], "") if name == "status" else ""
    return Text(printable(value), style=style)


def _wide(columns: Sequence[str], rows: Sequence[dict[str, str]]) -> int:
    widths = {name: max([len(name), *(len(printable(row[name])) for row in rows)]) for name in columns}
    widths["name"] = min(widths["name"], _NAME_WIDTH)  # a long one takes several lines, and no column's place
    return sum(widths.values()) + _GAP * (len(columns) - 1)
