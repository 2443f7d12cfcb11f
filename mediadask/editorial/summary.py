"""What a turnover's folder says for itself: the timeline it was made of, and a page for people."""

from __future__ import annotations

import hashlib
import html
import os
import re
from base64 import b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mediadask.clips.storage import filesystem_of, is_local, open_file
from mediadask.delivery import Failure
from mediadask.editorial.bundles import document_name, document_url, timeline_document
from mediadask.editorial.timeline import MOST_BYTES
from mediadask.errors import InvalidRequest
from mediadask.render.output import Mark, Output, committed, exists, join_url, output_errors
from mediadask.render.plate_folder import PulledPlate
from mediadask.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mediadask.editorial.plan import PlannedEvent, TurnoverPlan

__all__ = ["read_turnover", "summary_html", "turnover_time", "write_turnover"]

_STYLE = """
body { background: #121214; color: #bebec4; font: 14px/1.5 system-ui, sans-serif; margin: 2em; }
h1 { color: #f0f0f2; font-size: 20px; margin: 0; } p { margin: .3em 0 1.5em; }
table { border-collapse: collapse; }
td, th { padding: .4em .9em .4em 0; text-align: left; vertical-align: top; }
th { color: #78787f; font-weight: 400; } tr { border-top: 1px solid #26262a; }
td:nth-child(2) { color: #f0f0f2; } .failed td { color: #e85c50; } img { display: block; width: 160px; }
"""


def read_turnover(plan: TurnoverPlan, out: str) -> bytes:
    """The timeline's file, for `write_turnover`: where plates are made it may be out of reach.

    Raises
    ------
    MissingMedia
        If it is gone.
    InvalidRequest
        If something stands in `out` that `write_turnover` would refuse to replace.
    """
    content = timeline_document(plan.timeline.url, MOST_BYTES)
    summary = _summary(plan, out, "")
    summary.is_done(_read_mark(summary.url))
    _is_copied(plan, out, content)
    return content


def turnover_time(plan: TurnoverPlan, out: str, content: bytes) -> datetime:
    """When a turnover was made: the time of its list's file, which AMFs carry.

    The copy in `out` keeps that time. So the same list gives the same AMFs again, wherever it has been copied
    meanwhile.
    """
    url, copy = document_url(plan.timeline.url), join_url(out, document_name(plan.timeline.url))
    place = copy if is_local(copy) and _is_copied(plan, out, content) else url
    if is_local(place):
        return datetime.fromtimestamp(int(os.stat(place).st_mtime), UTC)
    filesystem, path = filesystem_of(place)
    try:
        when: datetime = filesystem.modified(path)
    except NotImplementedError:  # of http://, for one
        return datetime.fromtimestamp(0, UTC)
    return when.astimezone(UTC).replace(microsecond=0)


def write_turnover(
    values: Sequence[PulledPlate | Failure], plan: TurnoverPlan, out: str, content: bytes, made: datetime
) -> None:
    """Copy the timeline into the folder and write the summary beside it, where any plate is there.

    A copy of the timeline as it was before is replaced: the page beside it has its hash.

    Parameters
    ----------
    content, made
        As `read_turnover` and `turnover_time` give them.

    Raises
    ------
    InvalidRequest
        If a file that was not made here stands in their place.
    """
    if all(isinstance(value, Failure) for value in values):
        return
    page = f"<!-- timeline {hashlib.sha256(content).hexdigest()} -->\n{summary_html(plan, values)}"
    summary = _summary(plan, out, page)
    done = summary.is_done(_read_mark(summary.url))
    if not _is_copied(plan, out, content):
        copy = join_url(out, document_name(plan.timeline.url))
        with output_errors(copy), committed(copy, summary.workspace) as path:
            path.write_bytes(content)
            os.utime(path, (made.timestamp(), made.timestamp()))
    if not done:
        with summary.making(summary.url, _read_mark) as path:
            path.write_text(f"<!-- {summary.mark} -->\n{page}", encoding="utf-8")
    summary.clear()


def _summary(plan: TurnoverPlan, out: str, page: str) -> Output:
    name = document_name(plan.timeline.url).rpartition(".")[0]
    stem = re.sub(r"[^\w.-]+", "_", name).strip("._") or "turnover"
    return Output.of(join_url(out, f"{stem}.html"), plan.timeline.url, page)


def _is_copied(plan: TurnoverPlan, out: str, content: bytes) -> bool:
    """Whether the timeline's copy is there; refuses what else is, but for the copy that our page knows."""
    page = _summary(plan, out, "").url
    copy = join_url(out, document_name(plan.timeline.url))
    if not exists(copy):
        return False
    with open_file(copy) as file:
        there = file.read()
    if there != content and hashlib.sha256(there).hexdigest() != _copied(page):
        raise InvalidRequest(
            "is another timeline of the same name", where=copy, do="choose another folder, or move it"
        )
    return there == content


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


def summary_html(plan: TurnoverPlan, values: Sequence[PulledPlate | Failure]) -> str:
    """A page with a row for each event: a picture, the plate, where it is from, what to know of it."""
    rows = "".join(_row(one, value) for one, value in zip(plan.events, values, strict=True))
    plates = [value for value in values if isinstance(value, PulledPlate)]
    failed = len(values) - len(plates)
    facts = f"{len(plates)} plates, {sum(made.frames for made in plates)} frames"
    facts += f", {failed} not delivered" if failed else ""
    facts += f" · {plan.handles} frames of handles"
    title = html.escape(printable(plan.timeline.name))
    heads = "".join(
        f"<th>{head}</th>" for head in ("", "plate", "frames", "cut", "reel", "timecode", "event", "notes")
    )
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{title}</title>\n"
        f"<style>{_STYLE}</style>\n"
        f"<h1>{title}</h1><p>{facts}</p>\n<table><tr>{heads}</tr>\n{rows}</table></html>\n"
    )


def _row(one: PlannedEvent, made: PulledPlate | Failure) -> str:
    if isinstance(made, Failure):
        name = (one.name or "").partition(".%")[0]
        return _cells(["", name, "", "", one.event.reel or "", "", one.title, made.error], "failed")
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
    rest = "".join(f"<td>{html.escape(printable(text))}</td>" for text in texts[1:])
    return f"<tr class='{kind}'><td>{first}</td>{rest}</tr>\n"
