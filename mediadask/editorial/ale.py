"""Avid Log Exchange: a table of takes, each with its tape and timecode, for pulls of whole takes or selects.

OpenTimelineIO's adapter (otio-ale-adapter 1.1) turns labels into counts before anyone knows whether the clip
counts drop-frame, and refuses the table over one row.
"""

from __future__ import annotations

import io
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

from mediadask.editorial.events import Event, Span
from mediadask.editorial.list_grades import cdl_of
from mediadask.editorial.rates import exact_rate
from mediadask.errors import InvalidRequest, UnreadableMedia

__all__ = ["parse_ale"]

_REELS = ("tape", "reel", "reel name", "camroll", "labroll")
_FILES = ("source file", "source file name", "file name", "filename", "source path")
_MARKERS = ("shot", "vfx shot", "vfx id", "vfx")


def parse_ale(text: str, where: str) -> tuple[tuple[Event, ...], Fraction | None]:
    """The takes of a log, and the frame rate its heading states.

    Raises
    ------
    UnreadableMedia
        If it has no columns Start and End.
    """
    rate: Fraction | None = None
    columns: list[str] = []
    events: list[Event] = []
    section = ""
    for number, raw in enumerate(io.StringIO(text, newline=None), 1):
        line = raw.rstrip("\n")
        cells = [cell.strip() for cell in line.split("\t")]
        if not line.strip():
            continue
        if cells[0].casefold() in ("heading", "column", "data") and not any(cells[1:]):
            section = cells[0].casefold()
        elif section == "heading":  # a line for each name and value, or one for all
            said = {name.upper(): value for name, value in pairwise(cells)}
            rate = exact_rate(said["FPS"], where=f"{where} line {number}") if "FPS" in said else rate
        elif section == "column":
            columns = [cell.casefold() for cell in cells]
            missing = [name for name in ("start", "end") if name not in columns]
            if missing:
                raise UnreadableMedia(
                    f"line {number} has no column {missing[0].title()}",
                    where=where,
                    do="export it with Start and End",
                )
        elif section == "data":
            events.append(
                _event(dict(zip(columns, cells, strict=False)), len(events) + 1, rate, f"line {number}")
            )
    return tuple(events), rate


def _event(row: dict[str, str], number: int, rate: Fraction | None, where: str) -> Event:
    def first(*names: str) -> str | None:
        return next((row[name] for name in names if row.get(name)), None)

    start, stop = row.get("start", ""), row.get("end", "")
    event = Event(
        f"{number:03}",
        Span(start, stop),
        reel=first(*_REELS),
        clip_name=first("name"),
        file=first(*_FILES),
        rate=rate,
        markers=tuple(row[name] for name in _MARKERS if row.get(name)),
        where=where,
    )
    if not (start and stop):
        return replace(event, problems=(f"{where} has no Start and End",))
    try:
        return replace(event, cdl=cdl_of(first("asc_sop"), first("asc_sat")))
    except InvalidRequest as error:
        return replace(event, problems=(f"{where}: {error}",))
