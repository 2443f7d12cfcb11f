"""What a turnover's folder says for itself: the timeline it was made of, and a page for people."""

from __future__ import annotations

import hashlib
import html
import os
import re
from base64 import b64encode
from typing import TYPE_CHECKING

from mediadask.clips.storage import open_file
from mediadask.errors import InvalidRequest
from mediadask.render.output import Mark, Output, exists, join_url
from mediadask.render.plate_units import PulledPlate

if TYPE_CHECKING:
    from mediadask.delivery import Outcome, Report
    from mediadask.editorial.plan import PlannedEvent, TurnoverPlan

__all__ = ["summary_html", "write_turnover"]

_STYLE = """
body { background: #121214; color: #bebec4; font: 14px/1.5 system-ui, sans-serif; margin: 2em; }
h1 { color: #f0f0f2; font-size: 20px; margin: 0; } p { margin: .3em 0 1.5em; }
table { border-collapse: collapse; }
td, th { padding: .4em .9em .4em 0; text-align: left; vertical-align: top; }
th { color: #78787f; font-weight: 400; } tr { border-top: 1px solid #26262a; }
td:nth-child(2) { color: #f0f0f2; } .failed td { color: #e85c50; } img { display: block; width: 160px; }
"""


def write_turnover(plan: TurnoverPlan, out: str, report: Report) -> Report:
    """Copy the timeline into the folder and write the summary beside it; the report as it was.

    A copy of the timeline as it was before is replaced: the page beside it has its hash.

    Raises
    ------
    InvalidRequest
        If a file that was not made here stands in their place.
    """
    if not report.results:
        return report
    name = os.path.basename(plan.timeline.url)
    with open_file(plan.timeline.url) as file:
        content = file.read()
    stem = re.sub(r"[^\w.-]+", "_", name.rpartition(".")[0]).strip("._") or "turnover"
    page = f"<!-- timeline {hashlib.sha256(content).hexdigest()} -->\n{summary_html(plan, report)}"
    output = Output.of(join_url(out, f"{stem}.html"), plan.timeline.url, page)
    done = output.is_done(_read_mark(output.url))
    _write(join_url(out, name), content, _copied(output.url))
    if not done:
        with output.making(output.url, _read_mark) as path:
            path.write_text(f"<!-- {output.mark} -->\n{page}", encoding="utf-8")
        output.clear()
    return report


def _write(url: str, content: bytes, known: str) -> None:
    """A copy, unless it is there; of what is there only the copy with the hash `known` is replaced."""
    output = Output.of(url, url)
    if exists(url):
        with open_file(url) as file:
            there = file.read()
        if there == content:
            return
        if hashlib.sha256(there).hexdigest() != known:
            raise InvalidRequest(
                "is another timeline of the same name", where=url, do="choose another folder, or move it"
            )
    with output.making(url, lambda _: Mark("", output.mark.source)) as path:
        path.write_bytes(content)
    output.clear()


def _copied(page: str) -> str:
    """The hash of the timeline that stands beside a page; empty where there is no page."""
    if not exists(page):
        return ""
    with open_file(page) as file:
        found = re.search(rb"<!-- timeline ([0-9a-f]{64}) -->", file.read(4096))
    return found[1].decode() if found else ""


def _read_mark(url: str) -> Mark | None:
    if not exists(url):
        return None
    with open_file(url) as file:
        found = re.match(rb"<!-- (\{.*?\}) -->", file.read(4096))
    return Mark.parse(found[1].decode(errors="replace")) if found else None


def summary_html(plan: TurnoverPlan, report: Report) -> str:
    """A page with a row for each event: a picture, the plate, where it is from, what to know of it."""
    rows = "".join(_row(one, outcome) for one, outcome in zip(plan.events, report.outcomes, strict=True))
    done, failed = len(report.results), len(report.failures)
    frames = sum(made.frames for made in report.results)
    facts = f"{done} plates, {frames} frames" + (f", {failed} not delivered" if failed else "")
    facts += f" · {plan.handles} frames of handles"
    title = html.escape(plan.timeline.name)
    heads = "".join(
        f"<th>{head}</th>" for head in ("", "plate", "frames", "cut", "reel", "timecode", "event", "notes")
    )
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{title}</title>\n"
        f"<style>{_STYLE}</style>\n"
        f"<h1>{title}</h1><p>{facts}</p>\n<table><tr>{heads}</tr>\n{rows}</table></html>\n"
    )


def _row(one: PlannedEvent, outcome: Outcome) -> str:
    made = outcome.value if isinstance(outcome.value, PulledPlate) else None
    if made is None:
        error = outcome.failure.error if outcome.failure else ""
        cells = ["", (one.name or "").partition(".%")[0], "", "", one.event.reel or "", "", one.title, error]
        return _cells(cells, "failed")
    last = made.first_number + made.frames - 1
    cut = f"{one.cut_number}–{last - one.tail}"
    notes = [*one.notes]
    if made.stand_ins:
        notes.append(f"did not decode: {', '.join(map(str, made.stand_ins))}")
    name = made.stem.rpartition("/")[2]
    cells = [
        "",
        name,
        f"{made.first_number}–{last} ({made.frames})",
        cut,
        one.reel or "",
        one.timecode or "",
        f"{one.event.number}, {one.event.where}",
        "; ".join(notes),
    ]
    picture = b64encode(made.thumbnail).decode()
    return _cells(cells, "", f"<img alt='' src='data:image/jpeg;base64,{picture}'>" if picture else "")


def _cells(texts: list[str], kind: str, first: str = "") -> str:
    rest = "".join(f"<td>{html.escape(text)}</td>" for text in texts[1:])
    return f"<tr class='{kind}'><td>{first}</td>{rest}</tr>\n"
