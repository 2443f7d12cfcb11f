"""Avid Log Exchange: a table of takes, each with its tape and timecode, for pulls of whole takes or selects.

OpenTimelineIO's adapter (otio-ale-adapter 1.1) turns labels into counts before anyone knows whether the clip
counts drop-frame, and refuses the table over one row.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from mediadask.editorial.events import Event, Span
from mediadask.editorial.rates import exact_rate
from mediadask.editorial.readers.list_grades import grade_of
from mediadask.errors import UnreadableMedia

__all__ = ["Log", "parse_ale"]

_NAMES = ("name", "clipname", "clip", "displayname")
_REELS = (
    "tape",
    "tapeid",
    "tapename",
    "reel",
    "reelname",
    "reelid",
    "reelnumber",
    "sourcetape",
    "sourcereel",
    "camroll",
    "cameraroll",
    "camerareel",
    "labroll",
)
_FILES = (
    "sourcefile",
    "sourcefilename",
    "filename",
    "originalfile",
    "sourcepath",
    "filepath",
    "unc",
    "uncpath",
)
_MARKERS = ("shot", "vfxshot", "vfxid", "vfx")
_TRACKS = ("tracks", "track")
"""Columns by their names without blanks, underscores and case, in which systems differ."""

_LABELS = {
    **dict.fromkeys(("starttc", "starttimecode", "tcstart", "tcin", "sourcein", "in"), "start"),
    **dict.fromkeys(("endtc", "endtimecode", "tcend", "tcout", "sourceout", "out"), "end"),
}

_SOUND = re.compile(r"[A\d\s,;/&+-]+", re.IGNORECASE)
"""Tracks of sound alone: ``A1A2``, ``1,2,3,4``."""

_SOUND_FILE = re.compile(r".*\.(?:aiff?|bwf|m4a|mp3|wav)", re.IGNORECASE)


@dataclass(frozen=True)
class Log:
    """The content of an ALE."""

    events: tuple[Event, ...]
    rate: Fraction | None
    """Frames a second, as its heading states."""

    skipped: tuple[str, ...]
    """Rows of sound, one line each."""


def parse_ale(text: str, where: str) -> Log:
    """The takes of a log.

    Raises
    ------
    UnreadableMedia
        If it has no columns Start and End.
    """
    rate: Fraction | None = None
    columns: list[str] = []
    events: list[Event] = []
    skipped: list[str] = []
    section, tape = "", None
    for number, raw in enumerate(io.StringIO(text, newline=None), 1):
        line = raw.rstrip("\n")
        cells = [cell.strip() for cell in line.split("\t")]
        if not line.strip():
            continue
        if cells[0].casefold() in ("heading", "column", "data") and not any(cells[1:]):
            section = cells[0].casefold()
        elif section == "heading":  # a line for each name and value, or one for all
            said = {name.upper(): value for name, value in pairwise(cells)}
            rate = exact_rate(said["FPS"], where=f"{where} line {number}") if said.get("FPS") else rate
            tape = said.get("TAPE") or tape
        elif section == "column":
            columns = [_column(cell) for cell in cells]
            missing = [name for name in ("start", "end") if name not in columns]
            if missing:
                raise UnreadableMedia(
                    f"line {number} has no column {missing[0].title()}",
                    where=where,
                    do="export it with Start and End",
                )
        elif section == "data":
            row = _Row(dict(zip(columns, cells, strict=False)))
            count = len(events) + len(skipped) + 1
            if row.is_sound:
                skipped.append(f"line {number}: event {count:03} is sound")
            else:
                event = _event(row, count, rate, f"line {number}")
                events.append(replace(event, reel=event.reel or tape))
    return Log(tuple(events), rate, tuple(skipped))


def _column(name: str) -> str:
    plain = re.sub(r"[^a-z0-9]", "", name.casefold())
    return _LABELS.get(plain, plain)


@dataclass(frozen=True)
class _Row:
    cells: dict[str, str]

    def first(self, *columns: str) -> str | None:
        """The first of some columns that says anything."""
        return next((self.cells[name] for name in columns if self.cells.get(name)), None)

    @property
    def is_sound(self) -> bool:
        tracks = self.first(*_TRACKS)
        if tracks is not None:
            return bool(_SOUND.fullmatch(tracks))
        return any(_SOUND_FILE.fullmatch(name) for name in (self.first(*_FILES), self.first(*_NAMES)) if name)


def _event(row: _Row, number: int, rate: Fraction | None, where: str) -> Event:
    start, stop = row.first("start") or "", row.first("end") or ""
    event = Event(
        f"{number:03}",
        Span(start, stop),
        reel=row.first(*_REELS),
        clip_name=row.first(*_NAMES),
        file=row.first(*_FILES),
        rate=rate,
        markers=tuple(row.cells[name] for name in _MARKERS if row.cells.get(name)),
        where=where,
    )
    if not (start and stop):
        return replace(event, problems=(f"{where} has no Start and End",))
    cdl, notes = grade_of(row.first("ascsop"), row.first("ascsat"), where)
    return replace(event, cdl=cdl, notes=notes)
