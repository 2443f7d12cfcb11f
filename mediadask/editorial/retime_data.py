"""Retimes as data: which source frame the cut shows in each frame of the timeline, for whoever repeats it.

Plates hold frames as the camera shot them, so a comp has to do the retime: by the table in ``.retime.json``,
or by the Nuke node in ``.retime.nk``. Its curve is written as Foundry's NDK developer's guide has it ("Curve
serialisation format").
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from mediadask.editorial.events import Span
from mediadask.editorial.retime import retime_text
from mediadask.errors import InvalidRequest
from mediadask.timecode import Timecode

if TYPE_CHECKING:
    from mediadask.editorial.plan import PlannedEvent

__all__ = ["Shown", "nuke_timewarp", "retime_documents", "shown_frames"]


@dataclass(frozen=True)
class Shown:
    """A frame of the timeline, and the source frame that it shows."""

    record: str
    """Its timecode in the timeline."""

    frame: int
    """Its number in a comp that begins with the plate's first frame after the handle."""

    plate_frame: int
    """The number of the plate's frame that is shown."""

    source_frame: int
    """The same as frame of the clip, from 0."""

    source_timecode: str | None = None
    """The same as timecode of the clip, where it has one."""


def shown_frames(one: PlannedEvent, rate: Fraction) -> list[Shown]:
    """The source frame for each frame that an event has in its timeline, transitions included; in order.

    Where a frame of the timeline falls between two of the source, the earlier one in play is shown. None
    where the list is no timeline, or its event matches no clip.

    Parameters
    ----------
    rate
        Frames a second of the timeline.
    """
    event = one.event
    if one.url is None or event.record is None:
        return []
    try:
        begin, recorded = event.record.at(rate, drop=event.drops_at(rate))
    except InvalidRequest:
        return []
    source_rate = one.rate or rate
    step = abs(one.speed) * source_rate / rate
    before, after = (end.beyond if end else 0 for end in (event.head, event.tail))
    start, way = _first_shown(one, before)
    first, last = one.start + one.head, one.stop - one.tail - 1
    label = None if one.timecode is None else Timecode.parse(one.timecode, source_rate)
    found = []
    for row in range(-before, recorded + after):
        source = min(max(start + way * math.floor(row * step), first), last)
        found.append(
            Shown(
                str(begin + row),
                one.cut_number + row,
                one.first_number + source - one.start,
                source,
                None if label is None else str(label + (source - one.start)),
            )
        )
    return found


def _first_shown(one: PlannedEvent, before: int) -> tuple[int, int]:
    """The clip's frame that the cut begins with, and which way play goes from there: 1, -1, or 0."""
    lead = math.ceil(before * abs(one.speed))
    first, stop = one.start + one.head, one.stop - one.tail
    entry = _entry(one)
    if one.speed > 0:
        return first + lead, 1
    if entry is not None and first <= entry < stop:
        return entry, -1 if one.speed else 0
    return (stop - 1 - lead, -1) if one.speed else (first, 0)


def _entry(one: PlannedEvent) -> int | None:
    """The clip's frame that a motion effect names for the first one shown."""
    if one.event.entry is None or one.timecode is None or one.rate is None:
        return None
    begin = Timecode.parse(one.timecode, one.rate)
    try:
        entry, _ = Span(one.event.entry, one.event.entry).at(one.rate, drop=begin.drop)
    except InvalidRequest:
        return None
    day = begin.frames_per_day
    return one.start + (entry.frames - begin.frames + day // 2) % day - day // 2


def retime_documents(one: PlannedEvent, plate: str, rate: Fraction) -> tuple[tuple[str, bytes], ...]:
    """Suffix and content of the files that describe a plate's retime; none where it plays as it is."""
    shown = shown_frames(one, rate)
    if all(frame.frame == frame.plate_frame for frame in shown):
        return ()
    table = {
        "plate": plate,
        "retime": retime_text(one.speed),
        "speed": str(one.speed),
        "source_rate": str(one.rate or rate),
        "timeline_rate": str(rate),
        "frames": [asdict(frame) for frame in shown],
    }
    return (
        (".retime.json", (json.dumps(table, indent=1) + "\n").encode()),
        (".retime.nk", nuke_timewarp(shown, plate).encode()),
    )


def nuke_timewarp(shown: list[Shown], plate: str) -> str:
    """A Nuke script of one TimeWarp node, to be pasted behind the Read node of a plate."""
    keys = " ".join(f"x{frame.frame} {frame.plate_frame}" for frame in shown)
    name = re.sub(r"\W", "_", plate)
    return (
        "set cut_paste_input [stack 0]\n"
        "version 12.0 v1\n"
        "push $cut_paste_input\n"
        "TimeWarp {\n"
        f" lookup {{{{curve L {keys}}}}}\n"
        " filter none\n"  # every frame that is shown is in the plate: none is made of two
        f" name Retime_{name}\n"
        " selected true\n"
        "}\n"
    )
