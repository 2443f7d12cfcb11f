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

    def noted(self, note: str) -> Use:
        """The same with a note more."""
        return replace(self, notes=(*self.notes, note))


def frames_shown(frames: int, speed: Fraction) -> int:
    """How many source frames so many frames of the timeline touch, first and last shown included."""
    return math.floor((frames - 1) * abs(speed)) + 1 if frames else 0


def fits_speed(event: Event, rate: Fraction, timeline_rate: Fraction, *, drop: bool) -> bool:
    """Whether an event has a motion effect by which its labels count a source of this rate.

    Avid lists a clip of 24 frames a second in a list of 30 with its own labels, and M2 024.0.
    """
    if not event.source_fps or event.record is None:
        return False
    try:
        _, listed = event.source.at(rate, drop=drop)
        _, recorded = event.record.at(timeline_rate, drop=event.drops_at(timeline_rate))
    except InvalidRequest:  # a label that the rate does not have
        return False
    shown = math.ceil(recorded * rate / timeline_rate)
    return _about(listed, frames_shown(shown, event.speed_at(rate)), shown, rate)


def source_use(event: Event, rate: Fraction, timeline_rate: Fraction, *, drop: bool) -> Use:
    """What an event touches of a source of this rate that counts drop-frame or not.

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
    if speed == 0:
        first, frames, what = _frozen(event, first, frames, rate)
        notes.append(what)
    elif speed == 1:
        if shown != frames and event.record is not None:
            notes.append(f"the source has {frames} frames, the record {shown}, and no speed is given")
    else:
        retimed = _reversed if speed < 0 else _retimed
        first, frames, unsure = retimed(event, first, frames, shown, speed, rate)
        way = "backwards at" if speed < 0 else "at"
        notes.append(f"plays {way} {float(abs(speed)) * 100:.4g} %: frames are at native speed{unsure}")
    before, after = (_beyond(transition, speed) for transition in (event.head, event.tail))
    if speed < 0:
        before, after = after, before
    notes += [f"{way} a {end}" for way, end in (("begins in", event.head), ("ends in", event.tail)) if end]
    return Use(first + -before, frames + before + after, speed, tuple(notes))


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
) -> tuple[Timecode, int, str]:
    """First frame, frames, and what is not sure, of an event that plays forward, but not at 100 %.

    Lists differ: most give the source frames touched; some as many as the record has, from where play begins.
    """
    needed = frames_shown(shown, speed)
    into = _into(event, first, rate)
    unsure = f"; its motion effect begins at {event.entry}, its source at {first}" if into else ""
    if listed == shown != needed and not into:
        return first, needed, ""
    if _about(listed, needed, shown, rate):
        return first, listed, unsure
    return first, max(listed, needed), f"; {needed} frames would show, the list has {listed}{unsure}"


def _reversed(
    event: Event, first: Timecode, listed: int, shown: int, speed: Fraction, rate: Fraction
) -> tuple[Timecode, int, str]:
    """The same of one that plays backwards, whose motion effect names the frame that play begins with.

    Avid lists that frame alone, some systems as many from it on as the record has, others the frames that are
    touched, in the camera's order or the later label first.
    """
    needed = frames_shown(shown, speed)
    day = first.frames_per_day
    into = _into(event, first, rate)
    if listed > day // 2:
        return _downward(first, day - listed, needed, into)
    if into is None:
        if listed == shown != needed:
            return first, needed, ""
        close = _about(listed, needed, shown, rate)
        unsure = "" if close else f"; {needed} frames would show, the list has {listed}"
        return first, listed if close else max(listed, needed), unsure
    elsewhere = f"; its motion effect begins at {event.entry}, its source at {first}" if into else ""
    if (listed <= 1 and not into) or listed == shown != needed:
        return first + (into + 1 - needed), needed, elsewhere
    if _about(listed, needed, shown, rate):
        if into in (listed - 1, listed):
            return first, listed, ""
        return (
            first,
            listed,
            f"; its motion effect begins at {event.entry}, not at the last frame of the list's",
        )
    begin, end = min(0, into + 1 - needed), max(listed, into + 1)
    what = f"; {needed} frames down from {event.entry} would show, the list has {listed} from {first}"
    return first + begin, end - begin, what


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
