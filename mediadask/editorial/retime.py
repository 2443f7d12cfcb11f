"""Retimes and transitions: which frames of its source an event touches."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from mediadask.editorial.events import Span

if TYPE_CHECKING:
    from mediadask.editorial.events import Event, Transition
    from mediadask.timecode import Timecode

__all__ = ["Use", "frames_shown", "source_use"]


@dataclass(frozen=True)
class Use:
    """The source frames a plate must have, handles aside, in the order the camera recorded them."""

    first: Timecode
    frames: int
    speed: Fraction
    """Source frames a timeline frame."""

    notes: tuple[str, ...] = ()
    """What whoever receives the plate should know."""


def frames_shown(frames: int, speed: Fraction) -> int:
    """How many source frames so many frames of the timeline touch, first and last shown included."""
    return math.floor((frames - 1) * abs(speed)) + 1 if frames else 0


def source_use(event: Event, rate: Fraction, timeline_rate: Fraction, *, drop: bool) -> Use:
    """What an event touches of a source of this rate that counts drop-frame or not.

    Raises
    ------
    InvalidRequest
        If a label does not exist at the rate.
    """
    first, frames = event.source.at(rate, drop=drop)
    speed = event.speed_at(timeline_rate)
    notes: list[str] = []
    shown = frames
    if event.record is not None:
        _, recorded = event.record.at(timeline_rate, drop=event.drops_at(timeline_rate))
        shown = math.ceil(recorded * rate / timeline_rate)
    if speed == 0:
        frames = 1
        notes.append("a frozen frame: that one is delivered")
    elif speed == 1:
        if shown != frames and event.record is not None:
            notes.append(f"the source has {frames} frames, the record {shown}, and no speed is given")
    else:
        first, frames, unsure = _retimed(event, first, frames, shown, speed, rate)
        way = "backwards at" if speed < 0 else "at"
        notes.append(f"plays {way} {float(abs(speed)) * 100:.4g} %: frames are at native speed{unsure}")
    before, after = (_beyond(transition, speed) for transition in (event.head, event.tail))
    if speed < 0:
        before, after = after, before
    notes += [f"{way} a {end}" for way, end in (("begins in", event.head), ("ends in", event.tail)) if end]
    return Use(first + -before, frames + before + after, speed, tuple(notes))


def _retimed(
    event: Event, first: Timecode, listed: int, shown: int, speed: Fraction, rate: Fraction
) -> tuple[Timecode, int, str]:
    """First frame, frames, and what is not sure, of an event that does not play at 100 %.

    Lists differ: most give the source frames touched; some as many as the record has, from where play begins;
    some, of reverse play, the later label first.
    """
    needed = frames_shown(shown, speed)
    day = first.frames_per_day
    if speed < 0 and listed > day // 2:
        return first + listed + 1, day - listed, ""
    if listed == shown != needed:
        if speed < 0 and event.entry is not None:
            entry, _ = Span(event.entry, event.entry).at(rate, drop=first.drop)
            return entry + (1 - needed), needed, ""
        return first, needed, ""
    # Speeds are printed with one decimal of source frames a second.
    if abs(listed - needed) <= 1 + shown * Fraction(1, 20) / rate:
        return first, listed, ""
    return first, max(listed, needed), f"; {needed} frames would show, the list has {listed}"


def _beyond(transition: Transition | None, speed: Fraction) -> int:
    """Source frames a transition needs outside the event's span."""
    return math.ceil(transition.beyond * abs(speed)) if transition else 0
