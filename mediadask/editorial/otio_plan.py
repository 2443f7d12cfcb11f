"""A turnover's plan as an OpenTimelineIO timeline: the edit, relinked to the clips that were found."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import opentimelineio as otio

from mediadask.errors import InvalidRequest
from mediadask.timecode import Timecode

if TYPE_CHECKING:
    from mediadask.editorial.plan import PlannedEvent, TurnoverPlan

__all__ = ["plan_timeline"]


def plan_timeline(plan: TurnoverPlan) -> otio.schema.Timeline:
    """The plan as a timeline: a track for each of the edit's and for what lies over it, a clip an event.

    A clip's media reference is the camera's clip, whole; its source range is what the event uses, without
    handles; its metadata ``mediadask`` is the event's row of the plan's table, so that what is wrong with it
    is there too. Events that match nothing have missing media. Retimes are time effects, gaps are gaps.
    """
    rate = float(plan.rate)
    timeline = otio.schema.Timeline(plan.timeline.name)
    tracks: dict[str, list[tuple[int | None, int, otio.schema.Clip]]] = defaultdict(list)
    for one, row in zip(plan.events, plan.rows(), strict=True):
        start, frames = _place(one, plan)
        tracks[one.event.track].append((start, frames, _clip(one, frames, row, rate)))
    starts = [start for items in tracks.values() for start, _, _ in items if start is not None]
    first = min(starts, default=0)
    timeline.global_start_time = otio.opentime.RationalTime(first, rate)
    for name, items in tracks.items():
        for layer, placed in enumerate(_layers(items, first), 1):
            track = otio.schema.Track(
                name if layer == 1 else f"{name} {layer}", kind=otio.schema.TrackKind.Video
            )
            at = first
            for start, frames, clip in placed:
                if start > at:
                    track.append(otio.schema.Gap(duration=otio.opentime.RationalTime(start - at, rate)))
                track.append(clip)
                at = start + frames
            timeline.tracks.append(track)
    return timeline


def _layers(
    items: list[tuple[int | None, int, otio.schema.Clip]], first: int
) -> list[list[tuple[int, int, otio.schema.Clip]]]:
    """The clips of a track in their order; what lies over an earlier one in a further layer.

    Those whose place is not known come one after another from `first`.
    """
    layers: list[list[tuple[int, int, otio.schema.Clip]]] = [[]]
    ends = [first]
    for start, frames, clip in sorted(items, key=lambda item: first if item[0] is None else item[0]):
        begin = ends[0] if start is None else start
        at = next((at for at, end in enumerate(ends) if end <= begin), len(ends))
        if at == len(ends):
            layers.append([])
            ends.append(first)
        layers[at].append((begin, frames, clip))
        ends[at] = begin + frames
    return layers


def _place(one: PlannedEvent, plan: TurnoverPlan) -> tuple[int | None, int]:
    """Where the event is in the timeline (None: not known) and its length, in frames of the timeline."""
    event = one.event
    if event.record is not None:
        try:
            first, frames = event.record.at(plan.rate, drop=event.drops_at(plan.rate))
            return first.frames, frames
        except InvalidRequest:
            return None, 0
    return None, len(one) - one.head - one.tail


def _clip(one: PlannedEvent, frames: int, row: dict[str, object], rate: float) -> otio.schema.Clip:
    name = (one.name or "").rpartition("/")[2].partition(".")[0] or one.event.clip_name or one.event.number
    source_rate = float(one.rate) if one.rate else rate
    reference: otio.core.MediaReference = otio.schema.MissingReference()
    first = 0
    if one.url is not None and one.rate is not None:
        if one.timecode is not None:
            first = Timecode.parse(one.timecode, one.rate).frames
        reference = otio.schema.ExternalReference(
            one.url,
            otio.opentime.TimeRange(
                otio.opentime.RationalTime(first - one.start, source_rate),
                otio.opentime.RationalTime(one.clip_frames, source_rate),
            ),
        )
    clip = otio.schema.Clip(
        name,
        reference,
        otio.opentime.TimeRange(
            otio.opentime.RationalTime(first + one.head, source_rate),
            otio.opentime.RationalTime(frames, source_rate),
        ),
        metadata={"mediadask": row},
    )
    if one.reel:
        clip.metadata["cmx_3600"] = {"reel": one.reel}
    if one.cdl is not None:
        clip.metadata["cdl"] = {
            "asc_sop": {name: list(getattr(one.cdl, name)) for name in ("slope", "offset", "power")},
            "asc_sat": one.cdl.saturation,
        }
    if one.url is not None and one.speed == 0:
        clip.effects.append(otio.schema.FreezeFrame())
    elif one.url is not None and one.speed != 1:
        clip.effects.append(otio.schema.LinearTimeWarp(time_scalar=float(one.speed)))
    clip.markers.extend(otio.schema.Marker(text) for text in one.event.markers)
    return clip
