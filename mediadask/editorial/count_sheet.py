"""Count sheets: what a turnover holds, shot by shot, in columns that production trackers import.

The headings are those of the standard fields that Flow Production Tracking (ShotGrid) has for cuts ("Standard
fields for tracking cut information", Autodesk), and of AYON's CSV ingest with its default settings. AYON's
data import takes a column for the field of the same name. ftrack's import has columns mapped by hand, once.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mediadask.editorial.names import INVENTED, shot_name
from mediadask.editorial.retime import retime_text
from mediadask.timecode import Timecode

if TYPE_CHECKING:
    from fractions import Fraction

    from mediadask.documents.cdl import Cdl
    from mediadask.editorial.plan import PlannedEvent

__all__ = ["COLUMNS", "count_csv", "count_row", "hashes"]

COLUMNS = {
    "Shot Code": "shot",
    "Episode": "episode",
    "Sequence": "sequence",
    "Plate": "plate",
    "Version": "version",
    "Cut Order": "cut_order",
    "Cut In": "cut_in",
    "Cut Out": "cut_out",
    "Cut Duration": "cut_duration",
    "Head In": "head_in",
    "Tail Out": "tail_out",
    "Working Duration": "working_duration",
    "Frame Start": "cut_in",
    "Frame End": "cut_out",
    "Handle Start": "handle_start",
    "Handle End": "handle_end",
    "FPS": "fps",
    "Source In": "cut_timecode_in",
    "Source Out": "cut_timecode_out",
    "Head TC": "head_timecode",
    "Tail TC": "tail_timecode",
    "Record In": "record_in",
    "Record Out": "record_out",
    "Retime": "retime",
    "CDL": "cdl",
    "Reel": "reel",
    "Clip Name": "clip_name",
    "Source File": "clip",
    "Description": "marker",
    "Notes": "notes",
    "Problems": "problems",
    "Event": "event",
    "Folder Path": "folder_path",
    "Task Name": "task_name",
    "Product Type": "product_type",
    "Variant": "plate",
    "Representation": "representation",
    "File Path": "file_path",
    "Version Thumbnail": "thumbnail",
    "Slate Exists": "slate_exists",
}
"""Headings, and the keys of rows they show."""


def count_row(one: PlannedEvent, order: int, rate: Fraction) -> dict[str, Any]:
    """Return the row of a count sheet for an event, as JSON types; None stands for what is not known.

    Parameters
    ----------
    order
        Its place in the cut, from 1.
    rate
        Frames a second of the timeline.
    """
    event, fields = one.event, one.fields
    known = one.url is not None
    used = len(one) - one.head - one.tail
    recorded = event.recorded(rate)
    invented = fields.get("shot", "").startswith(INVENTED)  # no tracker is to learn of such a shot
    shot = None if invented else shot_name(fields) or None
    folders = [fields.get("episode"), fields.get("sequence"), shot]
    name = (one.name or "").rpartition("/")[2]
    return {
        "shot": shot,
        "episode": fields.get("episode") or None,
        "sequence": fields.get("sequence") or None,
        "plate": fields.get("plate") or None,
        "version": int(fields["version"]) if fields.get("version") else None,
        "cut_order": order,
        "cut_in": one.cut_number if known else None,
        "cut_out": one.cut_number + used - 1 if known else None,
        "cut_duration": recorded[1] if recorded else used if known else None,
        "head_in": one.first_number if known else None,
        "tail_out": one.first_number + len(one) - 1 if known else None,
        "working_duration": len(one) if known else None,
        "handle_start": one.head if known else None,
        "handle_end": one.tail if known else None,
        "fps": round(float(one.rate or rate), 3),
        "cut_timecode_in": _label(one, one.head),
        "cut_timecode_out": _label(one, one.head + used),
        "head_timecode": _label(one, 0),
        "tail_timecode": _label(one, len(one) - 1),
        "retime": retime_text(one.speed) if known else None,
        "cdl": cdl_text(event.cdl) if event.cdl else None,
        "clip_name": event.clip_name,
        "marker": "; ".join(event.markers or event.comments) or None,
        "folder_path": "/" + "/".join(part for part in folders if part) if shot else None,
        "task_name": None,
        "product_type": "plate",
        "representation": name.rpartition(".")[2] or None,
        "file_path": one.name and hashes(one.name),
        "thumbnail": None,
        "slate_exists": False,
    }


def _label(one: PlannedEvent, frame: int) -> str | None:
    """The timecode of a plate's frame, counted from 0."""
    if one.timecode is None or one.rate is None:
        return None
    return str(Timecode.parse(one.timecode, one.rate) + frame)


def hashes(path: str) -> str:
    """A path with ``####`` where the frame's number goes: AYON's check of paths refuses ``%``."""
    before, percent, rest = path.partition("%")
    width, _, after = rest.partition("d")
    return f"{before}{'#' * int(width or 1)}{after}" if percent else path


def cdl_text(cdl: Cdl) -> str:
    """A grade as EDLs have it: ``(1.1 1 0.9)(0 0 0)(1 1 1) 0.95``."""
    sop = "".join(f"({' '.join(f'{one:g}' for one in some)})" for some in (cdl.slope, cdl.offset, cdl.power))
    return f"{sop} {cdl.saturation:g}"


def count_csv(rows: Iterable[Mapping[str, Any]]) -> str:
    """The rows of a plan as CSV, with the headings of `COLUMNS`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow(_cell(row.get(key)) for key in COLUMNS.values())
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = "; ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    # A spreadsheet calculates what begins so, whoever wrote it into the list.
    return f"'{text}" if re.match(r"[=@+]|-(?!\d)", text) else text
