"""CMX 3600 edit decision lists, and what editing systems write into their comments.

A list is read as a set of requests, each good or bad by itself: labels stay as they are written, every
message names its line, and no line stops the others. OpenTimelineIO's adapter makes one timeline or refuses:
otio-cmx3600-adapter 1.0 refuses a list over one overlap, a dissolve from black or a source across midnight,
loses an M2 that leaves the length as it is (reverse play), and fails on an M2 in drop-frame.
"""

from __future__ import annotations

import io
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from operator import itemgetter

from mediadask.editorial.events import Event, Span, Transition
from mediadask.editorial.readers.edl_lines import comments_of, event_line, in_order
from mediadask.editorial.readers.edl_pairs import Statement, pair_up, same_label
from mediadask.editorial.readers.list_grades import grade_of

__all__ = ["EditList", "parse_edl"]

_KEYS = {"K": "key foreground", "KB": "key background", "KO": "key overlay"}
_BLACK = ("BL", "BLK", "BLACK", "BLACK VIDEO", "SLUG")


@dataclass(frozen=True)
class EditList:
    """The content of an EDL."""

    title: str
    events: tuple[Event, ...]
    skipped: tuple[str, ...]
    """Events that ask for no picture of a source, or for the same as an earlier one: one line each."""


def parse_edl(text: str) -> EditList:
    """Read a list; a line that should be an event and is none becomes an event with that problem."""
    title, statements = _statements(text)
    pair_up(statements)
    reels = _long_reels(statements)
    found = _Gathered()
    for one in statements:
        found.add(one, reels)
    return EditList(title, tuple(found.events), tuple(found.skipped))


def _statements(text: str) -> tuple[str, list[Statement]]:
    """The title, and the events' lines with what is below each."""
    title, drop = "", None
    ahead: list[tuple[str, str]] = []
    statements: list[Statement] = []
    for number, raw in enumerate(io.StringIO(text, newline=None), 1):
        line, where = raw.strip(), f"line {number}"
        if not line:
            continue
        if line[0].isdigit():
            statements.append(Statement(event_line(line, where, drop)))
        elif line.startswith("TITLE:"):
            title = line[6:].strip()
        elif line.upper().startswith("FCM"):
            drop = "NON" not in line.upper()
        elif statements:
            statements[-1].below.append((where, line))
        elif "REPLACED BY" in line.upper():
            ahead.append((where, line))
    _share_with_sound(statements)
    for one in statements:
        one.said = comments_of(one.below)
    _place_markers(statements)
    if statements:
        statements[0].said.long_reels = comments_of(ahead).long_reels | statements[0].said.long_reels
    return title, statements


def _long_reels(statements: Sequence[Statement]) -> dict[str, str]:
    """Long reel names by their short ones, where one short name stands for one long one in the whole list."""
    longs: dict[str, set[str]] = defaultdict(set)
    for one in statements:
        for short, long in one.said.long_reels.items():
            longs[short].add(long)
    return {short: next(iter(long)) for short, long in longs.items() if len(long) == 1}


def _place_markers(statements: Sequence[Statement]) -> None:
    """Give events without markers those that lie over them and stand below another, as at a list's end."""
    pictures = [one for one in statements if one.line.edit and one.line.track is not None]
    places = [(in_order(one.line.record.start), in_order(one.line.record.stop), one) for one in pictures]
    bare = sorted((place for place in places if not place[2].said.markers), key=itemgetter(0))
    for start, stop, one in places:
        # A marker alone is the event's own, whatever its timecode counts.
        for marker in [*one.said.markers] if bare and len(one.said.markers) > 1 else ():
            at = in_order(marker[0]) if marker[0] else start
            before = bisect_right(bare, at, key=itemgetter(0)) - 1
            if not start <= at < stop and before >= 0 and at < bare[before][1]:
                one.said.markers.remove(marker)
                bare[before][2].said.markers.append(marker)


def _share_with_sound(statements: Sequence[Statement]) -> None:
    """Give a picture what stands below the sound of the same event, where a list splits it into two lines."""
    for before, after in pairwise(statements):
        picture, sound = before.line, after.line
        same = picture.number == sound.number and picture.reel.upper() == sound.reel.upper()
        if same and picture.track and sound.nothing == "sound" and not before.below:
            before.below = after.below


class _Gathered:
    """Events, in the order of the list, as they are found."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.skipped: list[str] = []
        self._black: dict[tuple[str | None, str | int], str | int] = {}
        """Where black ends: its source's last label by track and place in the timeline."""

        self._asked: dict[Event, Event] = {}
        """Events without their numbers and places in the list."""

    def add(self, one: Statement, reels: dict[str, str]) -> None:
        event, line = _event(one, reels), one.line
        nothing = one.nothing
        if nothing is None and _is_black(one):
            nothing = "black: it names no source"
        if line.is_transition and line.track is not None:
            event = self._leave(event, one, reels)
        if nothing:
            self.skipped.append(f"{line.where}: event {line.number} is {nothing}")
            self._black[line.track, line.record.stop] = line.source.stop
        elif event.problems or event.head or _has_length(event):
            self._ask(event)
        elif not one.is_before:
            self.skipped.append(f"{line.where}: event {line.number} has no length")

    def _ask(self, event: Event) -> None:
        bare = replace(event, number="", where="", head=None, tail=None, notes=())
        earlier = None if event.problems else self._asked.get(bare)
        if earlier is not None:
            what = f"event {event.number} repeats event {earlier.number} ({earlier.where})"
            self.skipped.append(f"{event.where}: {what}")
        else:
            self._asked[bare] = event
            self.events.append(event)

    def _leave(self, event: Event, one: Statement, reels: dict[str, str]) -> Event:
        """Give what a transition leaves the frames it needs beyond its end; the event that it brings in.

        That is the event that ends where this one begins, if it is of the same source; else an event of those
        frames alone, of the source that the transition's first line names.
        """
        assert event.record is not None
        frames = one.line.frames
        tail = Transition(_kind(one), frames, beyond=frames)
        before = one.before
        meets = [
            at
            for at, other in enumerate(self.events)
            if other.track == event.track and other.record and other.record.stop == event.record.start
        ]
        if not frames:
            event = _noted(event, f"its {tail.kind} has no length: what it leaves gets no frames for it")
        if before is None:
            left = one.said.name("FROM")
            known = [at for at in meets if not _differ(left, self.events[at].clip_name)]
            if known:
                self.events[known[-1]] = replace(self.events[known[-1]], tail=tail)
            elif left is not None and left.upper() not in _BLACK:
                what = f"the {tail.kind} begins in {left}, whose timecode the list does not say"
                event = _noted(event, what)
            return event
        if before.nothing or self._is_black(before, one):
            return event
        leaving = _event(before, reels)
        same = [at for at in meets if _goes_on(self.events[at], leaving, event)]
        if _has_length(leaving):  # it is an event itself
            same = [at for at in meets if self.events[at].where == leaving.where]
        if same:
            other = self.events[same[-1]]
            self.events[same[-1]] = replace(other, tail=tail)
            if event.cdl is not None and event.cdl == other.cdl and not _is_of_one(event, other):
                # Avid gives a transition the grade of what is left, as it gives it the file.
                what = f"the grade is that of the clip before the {tail.kind}, and is left out"
                event = _noted(replace(event, cdl=None), what)
        elif before.is_named:
            self.events.append(replace(leaving, tail=tail))
        else:
            what = f"event {before.line.number} leaves a source without a name"
            self.skipped.append(f"{before.line.where}: {what}")
        return event

    def _is_black(self, before: Statement, one: Statement) -> bool:
        """Whether what a transition leaves is the black before it: it goes on from there, or says no file.

        Avid then gives what is left the clip name of what comes.
        """
        line = before.line
        stop = self._black.get((line.track, line.record.stop))
        goes_on = (
            same_label(stop, line.source.start)
            or before.clip_name == one.clip_name
            or ("", "") in one.said.files
        )
        return line.reel.upper() == "AX" and stop is not None and goes_on


def _noted(event: Event, what: str) -> Event:
    return replace(event, notes=(*event.notes, f"{event.where}: {what}"))


def _is_black(one: Statement) -> bool:
    """Whether it is called so, or comes in by a transition that names what it leaves and nothing else."""
    if one.line.reel.upper() == "AX" and (one.clip_name or "").upper() in _BLACK:
        return True
    return (
        one.line.is_transition and one.before is not None and one.before.nothing is None and not one.is_named
    )


def _goes_on(event: Event, leaving: Event, entering: Event) -> bool:
    """Whether what a transition leaves is that event: of the same source, and going on from its end."""
    retimed = (event.speed, event.source_fps) != (None, None)
    # Of a retime lists give the end to within a frame or two, and of reverse play and freezes not at all.
    one_speed = leaving.source_fps in (None, event.source_fps)
    still = event.speed == 0 or (event.source_fps or 1) <= 0
    goes_on = same_label(event.source.stop, leaving.source.start) and one_speed
    near = one_speed and (still or _about_there(event.source.stop, leaving.source.start))
    # Some systems write what comes in for the reel of both lines: then the label alone tells.
    both = goes_on and leaving.reel is not None and leaving.reel == entering.reel
    return both or ((goes_on or (retimed and near)) and _is_of_one(event, leaving))


def _about_there(one: str | int, other: str | int) -> bool:
    """Whether two labels are in one second, or in seconds beside one another."""
    if isinstance(one, int) or isinstance(other, int):
        return one == other
    return abs(_seconds(one) - _seconds(other)) <= 1


def _seconds(label: str) -> int:
    hours, minutes, seconds = map(int, re.split(r"\D", label)[:3])
    return (hours * 60 + minutes) * 60 + seconds


def _is_of_one(one: Event, other: Event) -> bool:
    """Whether nothing says that two events are of different sources: AX is no name of a reel."""
    if one.reel or other.reel:
        return not _differ(one.reel, other.reel)
    return not _differ(one.clip_name, other.clip_name)


def _differ(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one.casefold() != other.casefold()


def _has_length(event: Event) -> bool:
    """In the source or, of a frozen frame, in the timeline alone."""
    spans = (span for span in (event.source, event.record) if span is not None)
    return any(span.start != span.stop for span in spans)


def _kind(one: Statement) -> str:
    return "dissolve" if one.line.edit == "D" else f"wipe {one.line.edit[1:]}"


def _event(one: Statement, reels: dict[str, str]) -> Event:
    line, said, motion = one.line, one.said, one.motion
    if not line.edit:
        what = f"{line.where} is no event: {line.text[:72]!r}"
        return Event(line.number, Span(0, 0), where=line.where, problems=(what,))
    reel = said.reel or (None if line.reel.upper() == "AX" else line.reel)
    notes = [*one.notes, *([_KEYS[line.edit]] if line.edit in _KEYS else [])]
    if said.warps:
        what = "a TIMEWARP EFFECT" + (", and its speed an average" if motion else ", and no speed is given")
        notes.append(f"{said.warps[0]}: {what}: it may change as it plays, see that all frames are there")
    cdl, grade_notes = grade_of(one.sop, one.saturation, line.where)
    return Event(
        line.number,
        line.source,
        line.record,
        line.track or "V",
        one.long_reel or reels.get(reel or "", reel),
        one.clip_name or None,
        one.file,
        drop=line.drop,
        speed=Fraction(0) if said.freeze else None,
        source_fps=motion.fps if motion else None,
        entry=motion.entry if motion else None,
        head=Transition(_kind(one), line.frames, 0) if line.is_transition else None,
        cdl=cdl,
        markers=tuple(text for _, text in said.markers),
        comments=tuple(said.others),
        where=line.where,
        problems=(*one.problems, *said.problems),
        notes=(*notes, *grade_notes),
        counts_files=line.counts_frames,
    )
