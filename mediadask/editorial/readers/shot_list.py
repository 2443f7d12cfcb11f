"""Shot lists: CSV files with a row for each plate, whose columns are known by their names."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING

from mediadask.clips.storage import normalize, read_document
from mediadask.editorial.events import Event, Span
from mediadask.editorial.rates import exact_rate
from mediadask.editorial.readers.list_text import list_text
from mediadask.errors import InvalidRequest, UnreadableMedia
from mediadask.timecode import Timecode

if TYPE_CHECKING:
    import os

__all__ = ["ShotRow", "list_events", "read_rows", "shot_rows"]

_COLUMNS = {
    "shot": "shot shotcode shotname shotid vfxid vfxshot vfxshotcode vfxname",
    "show": "show project",
    "episode": "episode ep",
    "sequence": "sequence seq",
    "scene": "scene",
    "plate": "plate platekind platetype platename element elementname kind variant",
    "version": "version ver plateversion",
    "reel": "reel reelname tape tapename sourcereel cameraroll camroll",
    "clip": "clip clipname source sourceclip sourcename cameraclip",
    "file": "file filename sourcefile media",
    "in": "in sourcein srcin srctcin tcin intc sourcetcin sourceintc start starttc starttimecode sourcestart",
    "out": "out sourceout srcout srctcout tcout outtc sourcetcout sourceouttc end endtc endtimecode "
    "sourceend srcend",
    "duration": "duration frames length dur sourceduration",
    "record in": "recordin recin recordtcin rectcin timelinein",
    "record out": "recordout recout recordtcout rectcout timelineout",
    "handles": "handles handle handlelength",
    "head": "head headhandle headhandles handlestart handlein handlehead",
    "tail": "tail tailhandle tailhandles handleend handleout handletail",
    "rate": "rate fps framerate sourcefps sourcerate",
    "speed": "speed retime",
    "track": "track",
    "comment": "comment comments note notes description marker markertext",
}
"""What is known of a row, and what its column may be called, but for case, blanks and signs."""

_BY_HEADING = {heading: column for column, headings in _COLUMNS.items() for heading in headings.split()}
_NAMING = ("shot", "show", "episode", "sequence", "scene", "plate", "version")
_MOST_BYTES = 64 << 20
_LEAST_PER_CENT = 10
"""From this on a speed without a sign is in per cent."""

_MOST_ABOVE = 20
"""Lines above the headings, such as a title."""

_NUMBERED = "its out is taken for the number after its last frame's; a duration of one more says otherwise"
_TIMECODE = re.compile(r"\d{1,2}:\d{2}:\d{2}[:;.,]\d{2,3}")


@dataclass(frozen=True)
class ShotRow:
    """A row of a shot list, by the names of `_COLUMNS`; what is empty is not there. Plain data."""

    values: Mapping[str, str]
    where: str
    """Where it stands: ``line 3``."""

    def get(self, column: str) -> str | None:
        """Return the text of a column; None if it is empty."""
        return self.values.get(column)

    def asks(self) -> tuple[tuple[str, str], ...]:
        """What it says of its plate: fields of the name, and ``head`` and ``tail`` in frames.

        Raises
        ------
        InvalidRequest
            If a version or a number of handles is none.
        """
        asked = {column: text for column in _NAMING if (text := self.get(column))}
        for part in ("show", "episode", "sequence", "scene"):  # what the shot's name says too, it says alone
            if part in asked and asked[part] in re.split(r"[_-]", asked.get("shot", "")):
                del asked[part]
        if "version" in asked:
            asked["version"] = str(_number(asked["version"].lower().removeprefix("v"), "version"))
        if both := self.get("handles"):
            head, _, tail = re.sub(r"\s*[+/,]\s*", "+", both).partition("+")
            asked |= {"head": head, "tail": tail or head}
        asked |= {end: text for end in ("head", "tail") if (text := self.get(end))}
        for end in ("head", "tail"):
            if end in asked:
                asked[end] = str(_number(asked[end], "handles"))
        return tuple(asked.items())


def _number(text: str, what: str) -> int:
    if not re.fullmatch(r"\d{1,6}", text.strip()):
        raise InvalidRequest(f"{what} {text!r} is no number", do="write a whole number")
    return int(text)


def read_rows(text: str, where: str) -> list[ShotRow]:
    """The rows of a shot list.

    Raises
    ------
    UnreadableMedia
        If no column is known by its name.
    """
    best, delimiter, above = max(
        (
            (sum(map(bool, _columns(cells))), delimiter, -at)
            for delimiter in "\t;,"
            for at, cells in enumerate(
                islice(csv.reader(io.StringIO(text), delimiter=delimiter), _MOST_ABOVE)
            )
        ),
        key=lambda one: (one[0], one[2]),
        default=(0, ",", 0),
    )
    if not best:
        raise UnreadableMedia(
            "has no column that is known by its name",
            where=where,
            do="name columns shot, reel or clip, in, out",
        )
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    columns = [_columns(next(reader)) for _ in range(1 - above)][-1]
    rows = []
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        values: dict[str, str] = {}
        for column, cell in zip(columns, cells, strict=False):
            if column and cell.strip():
                values.setdefault(column, cell.strip())
        rows.append(ShotRow(values, f"line {reader.line_num}"))
    return rows


def _columns(headings: Sequence[str]) -> list[str | None]:
    return [_BY_HEADING.get(re.sub(r"[^a-z0-9]", "", heading.casefold())) for heading in headings]


def shot_rows(url: str | os.PathLike[str]) -> list[ShotRow]:
    """The rows of a shot list's file that name a shot.

    Raises
    ------
    MissingMedia
        If there is no such file.
    UnreadableMedia
        If it has no column of shots.
    InvalidRequest
        If a version or a number of handles is none.
    """
    where = normalize(url)
    text = list_text(read_document(where, _MOST_BYTES), where)
    rows = [row for row in read_rows(text, where) if row.get("shot")]
    if not rows:
        raise UnreadableMedia("names no shots", where=where, do="name a column shot")
    for row in rows:
        try:
            row.asks()
        except InvalidRequest as error:
            raise InvalidRequest(error.what, where=f"{where}, {row.where}", do=error.do) from None
    return rows


def list_events(text: str, where: str) -> tuple[Event, ...]:
    """The events of a shot list that is pulled by itself: each row is a plate.

    Raises
    ------
    UnreadableMedia
        If it does not say what is to be pulled.
    """
    rows = read_rows(text, where)
    known = {column for row in rows for column in row.values}
    if rows and not (known & {"reel", "clip", "file"} and known & {"in", "out"}):
        raise UnreadableMedia(
            "does not say what to pull",
            where=where,
            do="name columns shot, reel or clip, in and out",
        )
    return tuple(_events(rows))


def _events(rows: list[ShotRow]) -> Iterator[Event]:
    for number, row in enumerate(rows, 1):
        values, problems = row.values, []
        source, record, rate, speed = Span(0, 0), None, None, None
        asks: tuple[tuple[str, str], ...] = ()
        try:
            asks = row.asks()
            rate = exact_rate(values["rate"]) if "rate" in values else None
            speed = _speed(values["speed"]) if "speed" in values else None
            source = _span(row, "in", "out", rate)
            if "record in" in values and "record out" in values:
                record = Span(_end(values["record in"]), _end(values["record out"]))
        except InvalidRequest as error:
            problems.append(str(error))
        yield Event(
            f"{number:03}",
            source,
            record,
            values.get("track", "V"),
            values.get("reel"),
            values.get("clip"),
            values.get("file"),
            rate,
            speed=speed,
            comments=(values["comment"],) if "comment" in values else (),
            notes=(_NUMBERED,)
            if isinstance(source.start, int) and not problems and not source.length
            else (),
            where=row.where,
            problems=tuple(problems),
            counts_files=isinstance(source.start, int) and not problems,
            asks=asks,
        )


def _end(text: str) -> str | int:
    if _TIMECODE.fullmatch(text):
        return text
    if text.isdecimal():
        return int(text)
    raise InvalidRequest(f"{text!r} is no timecode and no frame", do="write HH:MM:SS:FF")


def _span(row: ShotRow, first: str, last: str, rate: Fraction | None) -> Span:
    """From ``in`` to ``out``, the frame after the last; one of them with a duration will do."""
    said = {column: _end(text) for column in (first, last) if (text := row.get(column))}
    length = _end(text) if (text := row.get("duration")) else None
    if first in said and (last in said or length is not None):
        return Span(said[first], said.get(last, said[first]), length)
    if last not in said or not isinstance(length, int):
        raise InvalidRequest("has no in and out", do="fill them in, or one of them and the duration")
    stop = said[last]
    if isinstance(stop, int):
        return Span(stop - length, stop)
    if rate is None:
        raise InvalidRequest(
            "has an out and a duration, and no rate to count at", do="fill in the in, or fps"
        )
    return Span(str(Timecode.parse(stop, rate) + -length), stop)


def _speed(text: str) -> Fraction:
    """``200 %``, ``200`` or ``2``; -1 is backwards."""
    if text.casefold() in ("freeze", "frozen"):
        return Fraction(0)
    number, percent, _ = text.partition("%")
    try:
        speed = Fraction(number.strip(" xX"))
        return speed / 100 if percent or abs(speed) >= _LEAST_PER_CENT else speed
    except (ValueError, ZeroDivisionError):
        raise InvalidRequest(f"speed {text!r} is no number", do="write 200 % or 2") from None
