"""CMX 3600 edit decision lists, and what editing systems write into their comments.

A list is read as a set of requests, each good or bad by itself: labels stay as they are written, every
message names its line, and no line stops the others. OpenTimelineIO's adapter makes one timeline or refuses:
otio-cmx3600-adapter 1.0 refuses a list over one overlap, a dissolve from black or a source across midnight,
loses an M2 that leaves the length as it is (reverse play), and fails on an M2 in drop-frame.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from mediadask.editorial.events import Event, Span, Transition
from mediadask.errors import InvalidRequest
from mediadask.pixels.color.cdl import Cdl

__all__ = ["EditList", "cdl_of", "parse_edl"]

_TIMECODE = r"\d{1,2}:\d{2}:\d{2}[:;.,]\d{2,3}"
_EVENT = re.compile(
    rf"(?P<number>\d+)\s+(?P<reel>\S.*?)\s+(?P<channels>[A-Z]+\d*(?:/[A-Z]+\d*)*)\s+"
    rf"(?P<edit>C|D|KB|KO|K|W\d+)\s+(?:(?P<frames>\d+)\s+)?(?P<labels>{_TIMECODE}(?:\s+{_TIMECODE}){{3}})",
    re.IGNORECASE,
)
_SOUND = re.compile(r"A\d*|AA|NONE", re.IGNORECASE)
_NO_SOURCE = {"BL": "black", "BLACK": "black", "BARS": "color bars"}
_KINDS = {"D": "dissolve", "K": "key foreground", "KB": "key background", "KO": "key overlay"}

_REPLACED = re.compile(r"FINAL CUT PRO REEL:\s*(?P<long>.+?)\s+REPLACED BY:\s*(?P<short>\S+)", re.IGNORECASE)
_MOTION = re.compile(rf"M2\s+(?:(?P<reel>\S.*?)\s+)?(?P<fps>[-+]?\d+(?:\.\d+)?)\s+(?P<entry>{_TIMECODE})")
_COLORS = (
    r"(?:RED|GREEN|BLUE|CYAN|MAGENTA|YELLOW|BLACK|WHITE|PINK|PURPLE|VIOLET|ORANGE|GOLD|GR[AE]Y|BROWN|DENIM"
    r"|FOREST|TEAL|FUCHSIA|ROSE|LAVENDER|SKY|MINT|LEMON|SAND|COCOA|CREAM)(?!\S)"
)
"""Of markers, in Avid and in Resolve."""

_COMMENT = re.compile(
    r"(?P<side>FROM|TO)\s+CLIP\s+NAME\s*:\s*(?P<clip_name>.*)"
    r"|(?:(?P<file_side>FROM|TO)\s+(?:CLIP|FILE)|SOURCE\s+FILE)\s*:\s*(?P<file>.*)"
    r"|(?:TAPE|REEL)(?:\s+NAME)?\s*:\s*(?P<reel>.*)"
    rf"|LOC\s*:\s*{_TIMECODE}(?:\s+{_COLORS})?(?:\s+(?P<marker>.*))?"
    r"|(?P<note>.*?)\s*\|C:\w*\s*\|M:\s*(?P<label>.*?)\s*\|D:\d+.*"
    r"|ASC_SOP\s*:?\s*(?P<sop>.*)"
    r"|ASC_SAT\s*:?\s*(?P<sat>.*)"
    r"|(?P<freeze>FREEZE\s+FRAME.*)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class EditList:
    """What an EDL holds."""

    title: str
    events: tuple[Event, ...]
    skipped: tuple[str, ...]
    """Events that ask for no picture of a source, one line each."""


@dataclass
class _Statement:
    """An event's line and the lines below it."""

    where: str
    line: str
    drop: bool | None
    found: re.Match[str] | None
    below: list[tuple[str, str]] = field(default_factory=list)
    """(where, line) of comments and effects."""

    @property
    def number(self) -> str:
        return re.match(r"\d*", self.line)[0]  # type: ignore[index]

    @property
    def nothing(self) -> str | None:
        """What it has instead of the picture of a source; None where it has one."""
        if self.found is None:
            return None
        return (
            "sound"
            if _SOUND.fullmatch(self.found["channels"])
            else _NO_SOURCE.get(self.found["reel"].upper())
        )


def parse_edl(text: str) -> EditList:
    """Read a list; a line that should be an event and is none becomes an event with that problem."""
    title, reels, statements = _statements(text)
    events: list[Event] = []
    skipped: list[str] = []
    for before, statement in zip([None, *statements], statements, strict=False):
        event = _event(statement)
        if event.head is not None:
            _let_out(events, event, before)
        if statement.nothing:
            skipped.append(f"{statement.where}: event {statement.number} is {statement.nothing}")
        elif event.problems or event.head or _has_length(event):
            events.append(replace(event, reel=reels.get(event.reel or "", event.reel)))
        # Else it is the first line of a transition: it names what is left, and asks for nothing itself.
    return EditList(title, tuple(events), tuple(skipped))


def _has_length(event: Event) -> bool:
    """In the source or, of a frozen frame, in the timeline alone."""
    spans = (span for span in (event.source, event.record) if span is not None)
    return any(span.start != span.stop for span in spans)


def _statements(text: str) -> tuple[str, dict[str, str], list[_Statement]]:
    """The title, long reel names by their short ones, and the events' lines with what is below each."""
    title, drop = "", None
    reels: dict[str, str] = {}
    statements: list[_Statement] = []
    for number, raw in enumerate(io.StringIO(text, newline=None), 1):
        line, where = raw.strip(), f"line {number}"
        if not line:
            continue
        if line[0].isdigit():
            statements.append(_Statement(where, line, drop, _EVENT.fullmatch(line)))
        elif line.startswith("TITLE:"):
            title = line[6:].strip()
        elif line.upper().startswith("FCM"):
            drop = "NON" not in line.upper()
        elif replaced := _REPLACED.search(line):
            reels[replaced["short"]] = replaced["long"]
        elif statements:
            statements[-1].below.append((where, line))
    return title, reels, statements


def _event(statement: _Statement) -> Event:
    found = statement.found
    if found is None:
        what = f"{statement.where} is no event: {statement.line[:72]!r}"
        return Event(statement.number, Span(0, 0), where=statement.where, problems=(what,))
    labels = found["labels"].split()
    edit, head = found["edit"].upper(), None
    if edit != "C":
        head = Transition(_KINDS.get(edit) or f"wipe {edit[1:]}", int(found["frames"] or 0), 0)
    event = Event(
        statement.number,
        Span(labels[0], labels[1]),
        Span(labels[2], labels[3]),
        found["channels"].upper() if found["channels"].upper().startswith("V") else "V",
        None if found["reel"] == "AX" else found["reel"],
        drop=statement.drop,
        head=head,
        where=statement.where,
    )
    return _commented(event, statement.below)


def _commented(event: Event, below: list[tuple[str, str]]) -> Event:
    """The event with what the lines below it say."""
    said: dict[str, Any] = {}
    grade: dict[str, str] = {}
    markers, comments, problems = [], [], []
    for where, line in below:
        text = line.lstrip("* \t")
        motion, comment = _MOTION.fullmatch(line), _COMMENT.fullmatch(text)
        if motion:
            said |= {"source_fps": Fraction(motion["fps"]), "entry": motion["entry"]}
        elif line.startswith("M2"):
            problems.append(f"{where} is no motion effect: {line[:72]!r}")
        elif not comment:
            comments.append(text)
        elif comment["marker"] or comment["label"] is not None:
            texts = (comment["marker"], comment["label"], comment["note"])
            markers += [text.strip() for text in texts if text and text.strip()]
        elif comment["freeze"]:
            said["speed"] = Fraction(0)
        elif comment["sop"] is not None or comment["sat"] is not None:
            grade |= {
                name: value for name, value in comment.groupdict().items() if value and name in ("sop", "sat")
            }
        else:
            # Of a transition, FROM names what is left: that is the event before.
            side = (comment["side"] or comment["file_side"] or "").upper()
            if not (event.head and side == "FROM"):
                said |= {
                    name: comment[name].strip() for name in ("clip_name", "file", "reel") if comment[name]
                }
    try:
        said["cdl"] = cdl_of(grade.get("sop"), grade.get("sat"))
    except InvalidRequest as error:
        problems.append(f"{event.where}: {error}")
    return replace(
        event, **said, markers=tuple(markers), comments=tuple(comments), problems=(*event.problems, *problems)
    )


def _let_out(events: list[Event], event: Event, before: _Statement | None) -> None:
    """Give what a transition leaves the frames it needs beyond its end.

    That is the event that ends where this one begins; where the list holds no such event but names the source
    in the transition's first line, an event of those frames alone.
    """
    assert event.head is not None
    assert event.record is not None
    tail = replace(event.head, beyond=event.head.frames)
    named = None
    if before is not None and before.found and before.number == event.number:
        if before.nothing:
            return
        named = _event(before)
    for at in range(len(events) - 1, -1, -1):
        other = events[at]
        meets = other.track == event.track and other.record and other.record.stop == event.record.start
        if meets and (named is None or other.reel == named.reel or other.source.stop == named.source.start):
            events[at] = replace(other, tail=tail)
            return
    if named is not None:
        events.append(replace(named, tail=tail))


def cdl_of(sop: str | None, sat: str | None) -> Cdl | None:
    """The grade of ``(1 1 1) (0 0 0) (1 1 1)`` and ``1.0``; None where there is neither."""
    if sop is None and sat is None:
        return None
    try:
        groups = re.findall(r"\(([^()]*)\)", sop) if sop is not None else ["1 1 1", "0 0 0", "1 1 1"]
        slope, offset, power = (_triple(group) for group in groups)
        return Cdl(slope, offset, power, 1.0 if sat is None else float(sat))
    except InvalidRequest:
        raise
    except ValueError:
        said = " ".join(part for part in (sop, sat) if part)
        raise InvalidRequest(
            f"{said!r} is no CDL", do="write ASC_SOP (s s s) (o o o) (p p p), ASC_SAT s"
        ) from None


def _triple(text: str) -> tuple[float, float, float]:
    red, green, blue = (float(word) for word in re.split(r"[\s,]+", text.strip()))
    return red, green, blue
