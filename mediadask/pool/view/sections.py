"""The parts of the pool's page as HTML: jobs, workers, spend, turnaround, failures; each in words where it
has nothing to show. What others have named is text in them, never markup.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mediadask.moments import about, ago, clock, span
from mediadask.pool.view.style import class_color
from mediadask.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mediadask.pool.config import PoolConfig
    from mediadask.pool.descriptions import JobDescription, TierStatus

__all__ = [
    "MOST_JOBS",
    "card",
    "delays",
    "failures",
    "job_facts",
    "job_failures",
    "jobs",
    "progress",
    "spend",
    "text",
    "tiers",
    "turnaround",
    "units",
]

MOST_JOBS = 15
_MOST_ROWS = 8

Row = dict[str, Any]


def card(title: str, body: str) -> str:
    """Return a part with its title."""
    return f'<div class="card"><h2>{title}</h2>{body}</div>'


def jobs(
    first: Sequence[JobDescription], numbers: Mapping[str, int], config: PoolConfig, now: datetime
) -> str:
    """Return the jobs that are served first, and how many more there are of each class."""
    if not first:
        return '<p class="soft">No job is open. Submit one, and it is here within a second.</p>'
    rows = [_job_cells(job, config, now) for job in first]
    head = ["job", "show", "class", "progress", "outputs", "now", "expected end", "deadline"]
    told = _table(head, rows, kinds=("name", "cut", "short", "", "short", "", "short", "short"))
    if (more := sum(numbers.values()) - len(first)) > 0:
        shown = Counter(job.priority for job in first)
        rest = {name: number - shown[name] for name, number in numbers.items()}
        each = ", ".join(f"{number} {escape(name)}" for name, number in rest.items() if number)
        told += f'<p class="soft">and {more} more that are served later: {each}</p>'
    return told


def _job_cells(job: JobDescription, config: PoolConfig, now: datetime) -> list[str]:
    color = (
        class_color(config.class_names.index(job.priority))
        if job.priority in config.classes
        else "var(--soft)"
    )
    failed = f' <span class="bad">{job.groups_failed} failed</span>' if job.groups_failed else ""
    return [
        f'<a href="?job={quote(job.id)}">{text(job.name)}</a>',
        text(job.show),
        f'<span class="dot" style="background:{color}"></span>{text(job.priority)}',
        progress(job.fraction, color),
        f"{job.groups_done} / {job.groups}{failed}",
        _now(job),
        _end(job, now),
        _deadline(job, now),
    ]


def _now(job: JobDescription) -> str:
    busy = [f"{job.units_running} running"] if job.units_running else []
    busy += [f"{job.units_paused} paused"] if job.units_paused else []
    if job.waits_for:
        busy.append(f'<span class="{"warn" if job.held else "soft"}">waits for {text(job.waits_for)}</span>')
    return ", ".join(busy) or '<span class="soft">waits for a slot</span>'


def _end(job: JobDescription, now: datetime) -> str:
    if job.expected_seconds is None:
        return '<span class="soft">not known</span>'
    at = now + timedelta(seconds=job.expected_seconds)
    return f'{about(job.expected_seconds)} <span class="soft">{clock(at, now)}</span>'


def _deadline(job: JobDescription, now: datetime) -> str:
    if job.deadline is None:
        return ""
    deadline = datetime.fromisoformat(job.deadline)
    left = (deadline - now).total_seconds()
    word = ""
    if left < 0:
        word = '<span class="bad">missed</span> '
    elif job.expected_seconds is not None and job.expected_seconds > left:
        word = '<span class="warn">at risk</span> '
    return f"{word}{ago(-left)}"


def tiers(known: Sequence[TierStatus], because: str, troubles: Mapping[str, str], currency: str) -> str:
    """Return the workers of each tier against the target, and what sets it."""
    rows = []
    for tier in known:
        most = max(tier.workers + tier.requested, tier.target, 1)
        there, coming = 100 * tier.workers / most, 100 * tier.requested / most
        bar = (
            f'<div class="bar"><i style="width:{there:.1f}%;background:var(--good)"></i>'
            f'<i style="width:{coming:.1f}%;background:var(--soft);opacity:.5"></i></div>'
        )
        said = f"{tier.workers}, target {tier.target}"
        said += f", {tier.requested} starting" if tier.requested else ""
        said += ', <span class="warn">reclaimed</span>' if tier.reclaimed else ""
        rows.append([text(tier.tier), bar, said, f"{tier.price_per_hour:.2f} {escape(currency)} / h"])
        if tier.tier in troubles:
            rows[-1][2] += f'<br><span class="bad">{text(troubles[tier.tier])}</span>'
    why = text(because) if because else "no work that needs more workers"
    return _table(["tier", "", "workers", "price"], rows, kinds=("short", "", "", "short right")) + (
        f'<p class="soft">Reason: {why}</p>'
    )


def spend(costs: Sequence[Row], currency: str) -> str:
    """Return what each show has spent, against its budget where it has one."""
    spent = [row for row in costs if row["total"] > 0 or row["budget"] == row["budget"]]
    if not spent:
        return '<p class="soft">Nothing has been spent.</p>'
    most = max(row["total"] for row in spent) or 1.0
    rows = []
    for row in spent[:_MOST_ROWS]:
        has_budget = row["budget"] is not None and row["budget"] == row["budget"]  # no NaN
        share = row["total"] / row["budget"] if has_budget and row["budget"] else row["total"] / most
        state = "bad" if has_budget and share >= 1 else "warn" if has_budget and share >= 0.8 else "link"
        bar = f'<div class="bar"><i style="width:{min(share, 1):.1%};background:var(--{state})"></i></div>'
        of = f"of {row['budget']:,.2f} ({share * 100:.0f} %)" if has_budget else "no budget"
        rows.append(
            [text(row["show"]) or "no show", bar, f"{row['total']:,.2f}", f'<span class="soft">{of}</span>']
        )
    more = f'<p class="soft">and {len(spent) - _MOST_ROWS} more shows</p>' if len(spent) > _MOST_ROWS else ""
    return (
        _table(
            ["show", "", f"spent, {escape(currency)}", ""], rows, kinds=("cut", "", "right short", "short")
        )
        + more
    )


def turnaround(ended: Sequence[Row], config: PoolConfig) -> str:
    """Return how long jobs of each class took against its target."""
    known = [row for row in ended if row["priority"] in config.classes]
    if not known:
        return '<p class="soft">No job has ended.</p>'
    rows = []
    for row in known:
        color = class_color(config.class_names.index(row["priority"]))
        met = row["target_met"]
        said = f'<span class="{"good" if met >= 0.9 else "warn"}">{met * 100:.0f} %</span>'
        rows.append(
            [
                f'<span class="dot" style="background:{color}"></span>{text(row["priority"])}',
                str(row["jobs"]),
                span(row["p50_seconds"]),
                span(row["p90_seconds"]),
                f"{about(row['target_seconds'])}: {said} met",
            ]
        )
    return _table(
        ["class", "jobs", "half within", "90 % within", "target"],
        rows,
        kinds=("short", "right", "right", "right", ""),
    )


def failures(known: Sequence[Row], now: datetime) -> str:
    """Return what went wrong lately, each error once."""
    if not known:
        return '<p class="soft">Nothing has failed in the last hour.</p>'
    rows = [
        [
            f"{row['attempts']} ×",
            f'<span class="bad">{text(row["error"] or row["outcome"])}</span>',
            f'<a href="?job={quote(row["job"])}">{text(row["name"])}</a>'
            + (f' <span class="soft">and {row["jobs"] - 1} more</span>' if row["jobs"] > 1 else ""),
            ago((now - row["last"]).total_seconds()) if row["last"] else "",
        ]
        for row in known[:_MOST_ROWS]
    ]
    more = f'<p class="soft">and {len(known) - _MOST_ROWS} more</p>' if len(known) > _MOST_ROWS else ""
    return _table(["", "what", "job", "last"], rows, kinds=("short", "name", "name", "short")) + more


def delays(known: Sequence[Row]) -> str:
    """Return who paused for whom."""
    if not known:
        return '<p class="soft">No unit has paused for a more urgent one.</p>'
    rows = [
        [
            text(row["name"]),
            text(row["for_name"] or "a job of before"),
            f"{row['times']} ×",
            span(row["seconds"]),
        ]
        for row in known[:_MOST_ROWS]
    ]
    return _table(["paused", "for", "", "together"], rows, kinds=("name", "name", "short", "short right"))


def job_facts(job: Row, now: datetime) -> str:
    """Return one job as lines of what and how: from `PoolView.one_job`."""
    rows = [[f'<span class="soft">{name}</span>', value] for name, value in _facts(job, now) if value]
    return _table(["", ""], rows, kinds=("short", "name"))


def _facts(job: Row, now: datetime) -> list[tuple[str, str]]:
    live: JobDescription | None = job["live"]
    facts = [
        ("status", text(live.status if live else job["status"])),
        ("for", text(", ".join(filter(None, (job["show"], job["priority"], job["kind"]))))),
        ("submitted", f"{ago((now - job['submitted']).total_seconds())}, {clock(job['submitted'], now)}"),
    ]
    if live is not None:
        facts += [
            ("progress", f"{int(live.fraction * 100)} %, {live.groups_done} of {live.groups} outputs made"
             + (f', <span class="bad">{live.groups_failed} failed</span>' if live.groups_failed else "")),
            ("units", f"{live.units_done} done, {live.units_running} running, {live.units_paused} paused, "
             f"{live.units_queued} queued"),
            ("expected end", _end(live, now)),
            ("deadline", _deadline(live, now)),
            ("waits for", text(live.waits_for)),
        ]  # fmt: skip
    elif job["seconds"] is not None:
        made = f"{job['groups_done']} of {job['groups']} outputs made"
        failed = f', <span class="bad">{job["groups_failed"]} failed</span>' if job["groups_failed"] else ""
        facts += [("took", span(job["seconds"])), ("outputs", made + failed)]
        facts += [("deadline", clock(job["deadline"], now) if job["deadline"] else "")]
    attempts = ", ".join(f"{number} {how}" for how, number in sorted(job["attempts"].items()))
    facts += [
        ("attempts", attempts),
        ("paused", span(job["paused_seconds"]) if job["paused_seconds"] else ""),
    ]
    return facts


def job_failures(known: Sequence[Row], now: datetime) -> str:
    """Return what went wrong in one job, each error once: from `one_job.failures`."""
    if not known:
        return '<p class="soft">No attempt of it has failed.</p>'
    rows = [
        [
            f"{row['attempts']} ×",
            f'<span class="bad">{text(row["error"] or row["outcome"])}</span>',
            f"{row['units']} {'unit' if row['units'] == 1 else 'units'}",
            ago((now - row["last"]).total_seconds()) if row["last"] else "",
        ]
        for row in known
    ]
    return _table(["", "what", "met by", "last"], rows, kinds=("short", "name", "short", "short"))


def units(known: Sequence[tuple[str, str, float]]) -> str:
    """Return units on their way: name, state, how much of each is done, 0 to 1."""
    if not known:
        return '<p class="soft">No unit of it is on its way.</p>'
    rows = [
        [
            text(name),
            escape(state),
            progress(done, "var(--good)"),
        ]
        for name, state, done in known
    ]
    return _table(["unit", "", "frames done"], rows, kinds=("name", "short", ""))


def text(what: object) -> str:
    """Return what others have named as text in HTML."""
    return escape(printable(str(what)))


def progress(fraction: float, color: str) -> str:
    """Return how much is done, 0 to 1, as a bar and a number."""
    done = f'<i style="width:{fraction:.1%};background:{color}"></i>'
    return f'<div class="with"><div class="bar">{done}</div><span>{int(fraction * 100)} %</span></div>'


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], kinds: Sequence[str]) -> str:
    """Return a table of cells that are HTML; `kinds` are the classes of each column's cells."""
    top = "".join(f'<th class="{kind}">{name}</th>' for name, kind in zip(head, kinds, strict=True))
    body = "".join(
        "<tr>"
        + "".join(f'<td class="{kind}">{cell}</td>' for cell, kind in zip(row, kinds, strict=True))
        + "</tr>"
        for row in rows
    )
    return f"<table>{f'<tr>{top}</tr>' if any(head) else ''}{body}</table>"
