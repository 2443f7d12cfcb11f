"""Markers of OpenTimelineIO: what they say, and which moment of the timeline they are at."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import opentimelineio as otio

if TYPE_CHECKING:
    from mediadask.editorial.events import Event

__all__ = ["Mark", "frame_at", "marker_texts", "markers_inside", "marks_over", "with_marks"]


@dataclass(frozen=True)
class Mark:
    """A marker that is not on a clip, in the timeline."""

    frames: tuple[int, ...]
    """The frames that it may lie over, in the timeline's count, the likeliest first."""

    texts: tuple[str, ...]
    track: int | None = None
    """Its track; None: all."""


def marks_over(markers: Any, start: otio.opentime.RationalTime, track: int | None) -> Iterator[Mark]:
    """Give the markers of a timeline or track. They count from its beginning, or by its timecode."""
    for marker in markers:
        place = marker.marked_range.start_time.to_seconds()
        if math.isfinite(place):
            frames = frame_at(start, place), frame_at(start, place - start.to_seconds())
            yield Mark(frames, marker_texts(marker), track)


def frame_at(start: otio.opentime.RationalTime, seconds: float) -> int:
    """The frame of a timeline that shows at a time from its beginning."""
    rate = start.rate if start.rate > 1 else 24
    return int(start.rescaled_to(rate).value + seconds * rate + 1e-3)


def with_marks(events: Sequence[tuple[int, Event]], marks: Sequence[Mark]) -> Iterator[Event]:
    """Events, each given with the number of its track, with the marks that lie over them."""
    places = sorted((frame, number) for number, mark in enumerate(marks) for frame in mark.frames)
    for track, event in events:
        if event.record is None or event.problems:
            yield event
            continue
        first, last = (bisect_left(places, (int(end), 0)) for end in (event.record.start, event.record.stop))
        over = [marks[number] for number in sorted({number for _, number in places[first:last]})]
        texts = [text for mark in over if mark.track in (None, track) for text in mark.texts]
        yield replace(event, markers=tuple(dict.fromkeys((*event.markers, *texts)))) if texts else event


def marker_texts(marker: Any) -> tuple[str, ...]:
    """Its name and its comment, as far as it has them."""
    metadata = marker.metadata
    of_adapter, of_resolve = metadata.get("fcp_xml", {}), metadata.get("Resolve_OTIO", {})
    said = (
        marker.name,
        getattr(marker, "comment", ""),  # since OpenTimelineIO 0.15
        of_adapter.get("comment") if hasattr(of_adapter, "get") else "",
        metadata.get("comment"),
        of_resolve.get("Note") if hasattr(of_resolve, "get") else "",
    )
    return tuple(dict.fromkeys(text.strip() for text in said if isinstance(text, str) and text.strip()))


def markers_inside(
    item: Any, before: float = 0.0, behind: float = 0.0
) -> Iterator[tuple[float, tuple[str, ...]]]:
    """The markers of an item that lie on the part of it that is used: seconds from its beginning, texts.

    A clip's markers count in the clip's own time, as OpenTimelineIO has it; where that cannot be, from the
    beginning of the part.

    Parameters
    ----------
    before, behind
        Seconds around the part that show, too: in transitions.
    """
    used = item.trimmed_range()
    length = used.duration.to_seconds()
    media = _media_range(item)
    for marker in item.markers:
        place = marker.marked_range.start_time.to_seconds()
        into = place - used.start_time.to_seconds()
        if "fcp_xml" in item.metadata and media is not None:  # there they count from the media's beginning
            into += media.start_time.to_seconds()
        elif not _reaches(into + before, length + before + behind) and not _is_in(place, media):
            into = place
        if _reaches(into + before, length + before + behind):
            yield into, marker_texts(marker)


def _media_range(item: Any) -> otio.opentime.TimeRange | None:
    reference = getattr(item, "media_reference", None)
    return None if reference is None else reference.available_range


def _is_in(place: float, media: otio.opentime.TimeRange | None) -> bool:
    return media is not None and _reaches(place - media.start_time.to_seconds(), media.duration.to_seconds())


def _reaches(into: float, length: float) -> bool:
    return -1e-6 <= into < length - 1e-6
