"""Matching: which clip each event means, by reel and timecode, and which of its frames a plate needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mediadask.editorial.names import PlateName
from mediadask.editorial.plan import PlannedEvent, TurnoverPlan
from mediadask.errors import InvalidRequest
from mediadask.timecode import Timecode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mediadask.editorial.events import Event
    from mediadask.editorial.timeline import Timeline
    from mediadask.metadata import ClipMetadata

__all__ = ["match_events"]


def match_events(
    timeline: Timeline, media: Iterable[ClipMetadata], *, handles: int = 0, name: PlateName | None = None
) -> TurnoverPlan:
    """Plan a turnover: match every event, clamp its handles, name its plate.

    Parameters
    ----------
    media
        The clips there are: the results of `find_media`.
    handles
        Frames asked for on either side of each cut.
    name
        How plates are named.
    """
    if handles < 0:
        raise InvalidRequest(f"{handles} frames of handles", do="give 0 or more")
    name = name or PlateName()
    clips = {(clip.reel or "").casefold(): clip for clip in media}
    events = tuple(
        _planned(event, clips.get((event.reel or "").casefold()), handles, name, number)
        for number, event in enumerate(timeline.events, 1)
    )
    return TurnoverPlan(timeline, events, handles, name)


def _planned(
    event: Event, clip: ClipMetadata | None, handles: int, name: PlateName, number: int
) -> PlannedEvent:
    if clip is None or clip.rate is None or clip.start_timecode is None:
        return PlannedEvent(event, problems=(f"no clip has reel {event.reel}",))
    start = Timecode.parse(clip.start_timecode, clip.rate)
    first, frames = event.source.at(clip.rate, start.drop)
    at = (first.frames - start.frames) % start.frames_per_day
    if at + frames > clip.frames:
        return PlannedEvent(event, clip.path, problems=("is outside its clip",))
    head, tail = min(handles, at), min(handles, clip.frames - at - frames)
    fields = {"shot": event.markers[0] if event.markers else f"{number * 10:04}", "plate": "PL01"}
    return PlannedEvent(
        event,
        clip.path,
        clip.reel,
        clip.rate,
        at - head,
        at + frames + tail,
        head,
        tail,
        str(start + (at - head)),
        fields,
        name(fields, name.first_frame).replace(f"{name.first_frame:04}", "%04d"),
        name.first_frame,
    )
