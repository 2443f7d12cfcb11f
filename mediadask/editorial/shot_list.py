"""Shot lists: CSV files with a row for each plate, whose columns are known by their names."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from mediadask.clips.storage import normalize, read_document
from mediadask.editorial.events import Event, Span
from mediadask.editorial.list_text import list_text
from mediadask.editorial.rates import exact_rate
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
    "in": "in sourcein srcin tcin intc sourcetcin sourceintc start starttc starttimecode sourcestart",
    "out": "out sourceout srcout tcout outtc sourcetcout sourceouttc end endtc endtimecode sourceend srcend",
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
_LOWEST_RATE = 24
_TIMECODE = re.compile(r"\d{1,2}:\d{2}:\d{2}[:;.,]\d{2,3}")


@dataclass(frozen=True)
class ShotRow:
    """A row of a shot list, by the names of `_COLUMNS`; what is empty is not there. Plain data."""

    values: Mapping[str, str]
    where: str
    """Where it stands: ``line 3``."""

    def get(self, column: str) -> str | None:
        """What a column says; None where it is empty."""
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
    lines = text.splitlines()
    heading = next((line for line in lines if line.strip()), "")
    delimiter = max(",;\t", key=heading.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    columns: list[str | None] = []
    rows = []
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        if not columns:
            columns = [_BY_HEADING.get(re.sub(r"[^a-z0-9]", "", cell.casefold())) for cell in cells]
            if not any(columns):
                raise UnreadableMedia(
                    "has no column that is known by its name",
                    where=where,
                    do="name columns shot, reel or clip, in, out",
                )
            continue
        values: dict[str, str] = {}
        for column, cell in zip(columns, cells, strict=False):
            if column and cell.strip():
                values.setdefault(column, cell.strip())
        rows.append(ShotRow(values, f"line {reader.line_num}"))
    return rows


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
    frames = _number(text, "duration") if (text := row.get("duration")) and text.isdecimal() else None
    if len(said) == 2:
        span = Span(said[first], said[last])
        inclusive = frames is not None and _length(span, rate) == frames - 1
        return Span(span.start, _moved(span.stop, 1, rate)) if inclusive else span
    if frames is None or not said:
        raise InvalidRequest("has no in and out", do="fill them in, or one of them and the duration")
    if first in said:
        return Span(said[first], _moved(said[first], frames, rate))
    return Span(_moved(said[last], -frames, rate), said[last])


def _length(span: Span, rate: Fraction | None) -> int | None:
    if isinstance(span.start, int) and isinstance(span.stop, int):
        return span.stop - span.start
    return span.at(rate)[1] if rate is not None else _label_length(span)


def _label_length(span: Span) -> int | None:
    """Frames between two labels that differ by less than what a second holds; None where they do not."""
    start, stop = str(span.start), str(span.stop)
    same = start[:8] == stop[:8]
    return int(stop[9:]) - int(start[9:]) if same else None


def _moved(end: str | int, frames: int, rate: Fraction | None) -> str | int:
    if isinstance(end, int):
        return end + frames
    if rate is None:
        moved = int(end[-2:]) + frames
        if 0 <= moved < _LOWEST_RATE:  # the next frame of the same second, at whatever rate
            return f"{end[:-2]}{moved:02}"
        raise InvalidRequest("has a duration, and no rate to count it at", do="fill in both ends, or fps")
    return str(Timecode.parse(end, rate) + frames)


def _speed(text: str) -> Fraction:
    """``200 %`` or ``2``; -1 is backwards."""
    if text.casefold() in ("freeze", "frozen"):
        return Fraction(0)
    number, percent, _ = text.partition("%")
    try:
        return Fraction(number.strip()) / (100 if percent else 1)
    except (ValueError, ZeroDivisionError):
        raise InvalidRequest(f"speed {text!r} is no number", do="write 200 % or 2") from None
