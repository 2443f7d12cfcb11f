"""Retimes and transitions: which frames of its source an event touches."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from mediadask.editorial.events import Span
from mediadask.errors import InvalidRequest

if TYPE_CHECKING:
    from mediadask.editorial.events import Event, Transition
    from mediadask.timecode import Timecode

__all__ = ["Use", "fits_speed", "frames_shown", "retime_text", "source_use"]


@dataclass(frozen=True)
class Use:
    """The source frames a plate must have, handles aside, in the order the camera recorded them."""

    first: Timecode
    frames: int
    speed: Fraction
    """Source frames a timeline frame."""

    notes: tuple[str, ...] = ()
    """What whoever receives the plate should know."""

    other: Use | None = None
    """What else the list may mean: for a clip that does not hold this."""

    def noted(self, note: str) -> Use:
        """Return the same with one more note."""
        other = None if self.other is None else self.other.noted(note)
        return replace(self, notes=(*self.notes, note), other=other)


def frames_shown(frames: int, speed: Fraction) -> int:
    """How many source frames so many frames of the timeline touch, first and last shown included."""
    return math.floor((frames - 1) * abs(speed)) + 1 if frames else 0


def fits_speed(event: Event, rate: Fraction, timeline_rate: Fraction, *, drop: bool) -> bool:
    """Whether an event is as long as its record where its labels count a source of this rate.

    Avid lists a clip of 24 frames a second in a list of 30 with its own labels, and M2 024.0; others without.
    """
    if event.record is None or event.source_fps == 0:
        return False
    try:
        _, listed = event.source.at(rate, drop=drop)
        _, recorded = event.record.at(timeline_rate, drop=event.drops_at(timeline_rate))
    except InvalidRequest:  # a label that the rate does not have
        return False
    shown = math.ceil(recorded * rate / timeline_rate)
    if event.source_fps is None:
        return listed == shown != recorded
    return _about(listed, frames_shown(shown, event.speed_at(rate)), shown, rate)


def source_use(event: Event, rate: Fraction, timeline_rate: Fraction, *, drop: bool) -> Use:
    """Return the frames that an event touches of a source of this rate, drop-frame or not.

    A speed is of real time: a source of 24 frames a second whose motion effect (M2) says 24 plays at 100 %
    in a timeline of 30, too.

    Raises
    ------
    InvalidRequest
        If a label does not exist at the rate, or a frame is frozen that the event does not use.
    """
    first, frames = event.source.at(rate, drop=drop)
    speed = event.speed_at(rate)
    notes: list[str] = []
    shown = frames
    if event.record is not None:
        _, recorded = event.record.at(timeline_rate, drop=event.drops_at(timeline_rate))
        shown = math.ceil(recorded * rate / timeline_rate)
    ranges = [(first, frames, "")]
    if speed == 0:
        first, frames, what = _frozen(event, first, frames, rate)
        ranges = [(first, frames, "")]
        notes.append(what)
    elif speed == 1:
        if event.counts_files and shown == frames + 1:
            ranges, frames = [(first, shown, "")], shown
            notes.append("its out is taken for the number of the last frame, as the record has one more")
        if shown != frames and event.record is not None:
            notes.append(f"the source has {frames} frames, the record {shown}, and no speed is given")
    else:
        if not event.exact and event.record is not None:
            ranges = (_reversed if speed < 0 else _retimed)(event, first, frames, shown, speed, rate)
        way = "backwards at" if speed < 0 else "at"
        notes.append(f"plays {way} {float(abs(speed)) * 100:.4g} %: frames are at native speed")
    before, after = (_beyond(transition, speed) for transition in (event.head, event.tail))
    if speed < 0:
        before, after = after, before
    ends = [f"{way} a {end}" for way, end in (("begins in", event.head), ("ends in", event.tail)) if end]
    uses: list[Use] = []
    for first, frames, unsure in reversed(ranges):
        said = (*notes[:-1], *(f"{note}{unsure}" for note in notes[-1:]), *ends)
        uses.append(Use(first + -before, frames + before + after, speed, said, uses[-1] if uses else None))
    return uses[-1]


def _frozen(event: Event, first: Timecode, listed: int, rate: Fraction) -> tuple[Timecode, int, str]:
    """First frame, frames and what to know of an event that stands still."""
    into = _into(event, first, rate)
    if not into:
        return first, 1, "a frozen frame: that one is delivered"
    if not 0 < into < listed:
        raise InvalidRequest(
            f"freezes {event.entry}, which is outside of what it uses ({event.source})",
            do="correct its motion effect (M2)",
        )
    return first, listed, f"{event.entry} is a frozen frame: all that the list has are delivered"


def _retimed(
    event: Event, first: Timecode, listed: int, shown: int, speed: Fraction, rate: Fraction
) -> list[tuple[Timecode, int, str]]:
    """First frame, frames, and what is not sure, of an event that plays forward, but not at 100 %.

    Lists differ: most give the source frames touched; some as many as the record has, from where play begins.
    """
    needed = frames_shown(shown, speed)
    into = _into(event, first, rate)
    if into:
        begin, end = min(0, into), max(listed, into + needed)
        if end - begin > 2 * max(listed, needed):
            raise InvalidRequest(
                f"begins its motion effect at {event.entry}, far from its source at {first}",
                do="correct its motion effect (M2)",
            )
        what = f"; its motion effect begins at {event.entry}, its source at {first}: both are there"
        return [(first + begin, end - begin, what)]
    close = _about(listed, needed, shown, rate)
    if listed == shown != needed and (needed > listed or not close):
        return [(first, needed, "")]
    if close:
        return [(first, listed, "")]
    return [(first, max(listed, needed), f"; {needed} frames would show, the list has {listed}")]


def _reversed(
    event: Event, first: Timecode, listed: int, shown: int, speed: Fraction, rate: Fraction
) -> list[tuple[Timecode, int, str]]:
    """The same of one that plays backwards; where that may mean two things the likelier first.

    A motion effect names the frame that play begins with, and what shows is what lies before it. Avid lists
    that frame alone, Final Cut Pro 7 as many from it on as the record has; Premiere those that show, in the
    camera's order, with the first of them in the motion effect; others list the later label first.
    """
    needed = frames_shown(shown, speed)
    day = first.frames_per_day
    into = _into(event, first, rate)
    if listed > day // 2:
        return [_downward(first, day - listed, needed, into)]
    close = _about(listed, needed, shown, rate)
    at = into or 0
    entry = event.entry or first
    down = first + (at + 1 - needed), needed
    elsewhere = f"; its motion effect begins at {entry}, its source at {first}" if into else ""
    if into is None and event.source_fps is None:  # no list of lines
        if listed == shown != needed:
            return [(first, needed, "")]
        unsure = "" if close else f"; {needed} frames would show, the list has {listed}"
        return [(first, listed if close else max(listed, needed), unsure)]
    if (listed <= 1 and not into) or (listed == shown != needed and into is not None):
        return [(*down, elsewhere)]
    if close and into is not None and into in (listed - 1, listed):
        return [(first, listed, "")]
    if close and not into:
        as_listed = first, listed, f"; taken as listed, though play may go down from {entry}"
        downward = *down, f"; taken down from {entry}, though {first} to {first + listed} are listed"
        return [as_listed, downward] if into is None else [downward, as_listed]
    begin, end = min(0, at + 1 - needed), max(listed, at + 1)
    what = f"; {needed} frames down from {entry} would show, the list has {listed} from {first}"
    return [(first + begin, end - begin, what)]


def _downward(first: Timecode, down: int, needed: int, into: int | None) -> tuple[Timecode, int, str]:
    """Frames of a list that goes down from the label `first` to one `down` frames before it."""
    if down + 1 == needed:  # both are shown
        return first + -down, needed, ""
    unsure = "" if down == needed else f"; {needed} frames would show, the list has {down}"
    if into != 0:
        unsure += f"; it is listed downwards, and {first} taken for the first frame shown"
    return first + (1 - max(down, needed)), max(down, needed), unsure


def _into(event: Event, first: Timecode, rate: Fraction) -> int | None:
    """How many frames behind the source's first the motion effect begins; None where it does not say."""
    if event.entry is None:
        return None
    entry, _ = Span(event.entry, event.entry).at(rate, drop=first.drop)
    day = first.frames_per_day
    return (entry.frames - first.frames + day // 2) % day - day // 2


def _about(listed: int, needed: int, shown: int, rate: Fraction) -> bool:
    """Whether as many frames are listed as a speed needs, which is printed with one decimal."""
    return abs(listed - needed) <= 1 + shown * Fraction(1, 20) / rate


def _beyond(transition: Transition | None, speed: Fraction) -> int:
    """Source frames a transition needs outside the event's span."""
    return math.ceil(transition.beyond * abs(speed)) if transition else 0


def retime_text(speed: Fraction) -> str | None:
    """A speed for people, ``200 %``; None for real time, ``freeze`` for a frozen frame."""
    if speed == 1:
        return None
    return f"{float(speed) * 100:.4g} %" if speed else "freeze"
