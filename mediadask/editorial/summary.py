"""What a turnover's folder says for itself: the timeline it was made of, and its count sheet."""

from __future__ import annotations

import hashlib
import html
import os
import re
from base64 import b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mediadask.clips.storage import filesystem_of, is_local, open_file
from mediadask.delivery import Failure
from mediadask.editorial.count_sheet import count_csv, hashes
from mediadask.editorial.readers.bundles import document_name, document_url, timeline_document
from mediadask.errors import InvalidRequest
from mediadask.render.output import Format, Output, committed, exists, join_url, output_errors
from mediadask.render.plate_folder import PulledPlate
from mediadask.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mediadask.editorial.plan import PlannedEvent, TurnoverPlan

__all__ = ["read_turnover", "summary_html", "turnover_time", "write_turnover"]

_STYLE = """
body { background: #121214; color: #bebec4; font: 14px/1.5 system-ui, sans-serif; margin: 2em; }
h1 { color: #f0f0f2; font-size: 20px; margin: 0; } p { margin: .3em 0 1.5em; }
table { border-collapse: collapse; }
td, th { padding: .4em .9em .4em 0; text-align: left; vertical-align: top; }
th { color: #78787f; font-weight: 400; } tr { border-top: 1px solid #26262a; }
td:nth-child(3) { color: #f0f0f2; } .failed td { color: #e85c50; } img { display: block; width: 160px; }
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
    content = timeline_document(plan.timeline.url)
    summary = _summary(plan, out, "")
    summary.is_done()
    _is_copied(plan, out, content)
    _is_counted(plan, out, None)
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
    """Copy the timeline into the folder and write the count sheet beside it, as a page and as CSV, where any
    plate is there.

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
    sheet = count_csv(_counted(plan, values, out)).encode()
    page = f"{_known('timeline', content)}{_known('count sheet', sheet)}{summary_html(plan, values)}"
    summary = _summary(plan, out, page)
    done = summary.is_done()
    if not _is_copied(plan, out, content):
        copy = join_url(out, document_name(plan.timeline.url))
        with output_errors(copy), committed(copy, summary.workspace) as path:
            path.write_bytes(content)
            os.utime(path, (made.timestamp(), made.timestamp()))
    if not _is_counted(plan, out, sheet):
        place = _sheet(plan, out)
        with output_errors(place), committed(place, summary.workspace) as path:
            path.write_bytes(sheet)
    if not done:
        with summary.making(summary.url) as path:
            path.write_text(f"<!-- {summary.mark} -->\n{page}", encoding="utf-8")
    summary.clear()


def _summary(plan: TurnoverPlan, out: str, page: str) -> Output:
    name = document_name(plan.timeline.url).rpartition(".")[0]
    stem = re.sub(r"[^\w.-]+", "_", name).strip("._") or "turnover"
    return Output.of(join_url(out, f"{stem}.html"), PAGE, plan.timeline.url, page)


def _is_copied(plan: TurnoverPlan, out: str, content: bytes) -> bool:
    """Whether the timeline's copy is there; refuses what else is, but for the copy that our page knows."""
    page = _summary(plan, out, "").url
    copy = join_url(out, document_name(plan.timeline.url))
    if not exists(copy):
        return False
    with open_file(copy) as file:
        there = file.read()
    if there != content and hashlib.sha256(there).hexdigest() != _told(page, "timeline"):
        raise InvalidRequest(
            "is another timeline of the same name", where=copy, do="choose another folder, or move it"
        )
    return there == content


def _sheet(plan: TurnoverPlan, out: str) -> str:
    return f"{_summary(plan, out, '').url.removesuffix('.html')}_count_sheet.csv"


def _is_counted(plan: TurnoverPlan, out: str, content: bytes | None) -> bool:
    """Whether the count sheet is there; refuses what else is, but for the one that our page knows."""
    sheet = _sheet(plan, out)
    if not exists(sheet):
        return False
    with open_file(sheet) as file:
        there = file.read()
    told = _told(_summary(plan, out, "").url, "count sheet")
    if there != content and hashlib.sha256(there).hexdigest() != told:
        raise InvalidRequest(
            "is there already and was not made here", where=sheet, do="choose another folder, or move it"
        )
    return there == content


def _known(what: str, content: bytes) -> str:
    return f"<!-- {what} {hashlib.sha256(content).hexdigest()} -->\n"


def _told(page: str, what: str) -> str:
    """The hash of a file that stands beside a page; empty where the page does not tell."""
    if not exists(page):
        return ""
    with open_file(page) as file:
        found = re.search(rf"<!-- {what} ([0-9a-f]{{64}}) -->".encode(), file.read(4096))
    return found[1].decode() if found else ""


def _read_text(url: str) -> str | None:
    with open_file(url) as file:
        found = re.match(rb"<!-- (\{.*?\}) -->", file.read(4096))
    return found[1].decode(errors="replace") if found else None


PAGE = Format("page", _read_text)
"""HTML that begins with its mark as a comment."""


def _counted(
    plan: TurnoverPlan, values: Sequence[PulledPlate | Failure], out: str
) -> Iterator[dict[str, Any]]:
    """The plan's rows with what was made: the file's place in the folder and its thumbnail, or why not."""
    for row, made in zip(plan.rows(), values, strict=True):
        if isinstance(made, Failure):
            yield {**row, "file_path": None, "problems": [made.error]}
            continue
        version = re.search(r"v(\d+)$", made.stem)
        yield {
            **row,
            "version": int(version[1]) if version else row["version"],
            "file_path": hashes(made.url[len(out) + 1 :]),
            "thumbnail": f"{made.stem[len(out) + 1 :]}.jpg" if made.thumbnail else None,
            "notes": [*row["notes"], *_stand_ins(made)],
        }


def _stand_ins(made: PulledPlate) -> list[str]:
    return [f"did not decode: {', '.join(map(str, made.stand_ins))}"] if made.stand_ins else []


_HEADS = (
    "",
    "shot",
    "plate",
    "frames",
    "cut",
    "handles",
    "source",
    "record",
    "retime",
    "grade",
    "reel and clip",
    "marker",
)


def summary_html(plan: TurnoverPlan, values: Sequence[PulledPlate | Failure]) -> str:
    """The count sheet as a page, with a row for each event: a picture, the plate, where it is from."""
    rows = "".join(
        _row(one, row, value) for one, row, value in zip(plan.events, plan.rows(), values, strict=True)
    )
    plates = [value for value in values if isinstance(value, PulledPlate)]
    failed = len(values) - len(plates)
    facts = f"{len(plates)} plates, {sum(made.frames for made in plates)} frames"
    facts += f", {failed} not delivered" if failed else ""
    facts += f" · {plan.handles} frames of handles"
    title = html.escape(printable(plan.timeline.name))
    heads = "".join(f"<th>{head}</th>" for head in (*_HEADS, "event", "notes"))
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{title}</title>\n"
        f"<style>{_STYLE}</style>\n"
        f"<h1>{title}</h1><p>{facts}</p>\n<table><tr>{heads}</tr>\n{rows}</table></html>\n"
    )


def _row(one: PlannedEvent, row: Mapping[str, Any], made: PulledPlate | Failure) -> str:
    source = " – ".join(filter(None, (row["cut_timecode_in"], row["cut_timecode_out"])))
    record = " – ".join(filter(None, (row["record_in"], row["record_out"])))
    used = ", ".join(dict.fromkeys(filter(None, (one.reel or one.event.reel, one.event.clip_name))))
    told = [
        row["retime"] or "",
        row["cdl"] or "",
        used,
        row["marker"] or "",
        f"{one.event.number}, {one.event.where}",
    ]
    if isinstance(made, Failure):
        name = (one.name or "").rpartition("/")[2].partition(".%")[0]
        return _cells(["", row["shot"] or "", name, "", "", "", source, record, *told, made.error], "failed")
    last = made.first_number + made.frames - 1
    cells = [
        "",
        row["shot"] or "",
        made.stem.rpartition("/")[2],
        f"{made.first_number}–{last} ({made.frames})",
        f"{one.cut_number}–{last - one.tail}",
        f"{one.head} + {one.tail}",
        source,
        record,
        *told,
        "; ".join([*one.notes, *_stand_ins(made)]),
    ]
    picture = b64encode(made.thumbnail).decode()
    return _cells(cells, "", f"<img alt='' src='data:image/jpeg;base64,{picture}'>" if picture else "")


def _cells(texts: list[str], kind: str, first: str = "") -> str:
    rest = "".join(f"<td>{html.escape(printable(text))}</td>" for text in texts[1:])
    return f"<tr class='{kind}'><td>{first}</td>{rest}</tr>\n"
