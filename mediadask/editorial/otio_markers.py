"""Markers of OpenTimelineIO: what they say, and which moment of the timeline they are at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import opentimelineio as otio

__all__ = ["marker_texts", "markers_inside"]


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


def markers_inside(item: Any) -> Iterator[tuple[float, tuple[str, ...]]]:
    """The markers of an item that lie on the part of it that is used: seconds from its beginning, texts.

    A clip's markers count in the clip's own time, as OpenTimelineIO has it; where that cannot be, from the
    beginning of the part.
    """
    used = item.trimmed_range()
    length = used.duration.to_seconds()
    media = _media_range(item)
    for marker in item.markers:
        place = marker.marked_range.start_time.to_seconds()
        into = place - used.start_time.to_seconds()
        if "fcp_xml" in item.metadata and media is not None:  # there they count from the media's beginning
            into += media.start_time.to_seconds()
        elif not _reaches(into, length) and not _is_in(place, media):
            into = place
        if _reaches(into, length):
            yield into, marker_texts(marker)


def _media_range(item: Any) -> otio.opentime.TimeRange | None:
    reference = getattr(item, "media_reference", None)
    return None if reference is None else reference.available_range


def _is_in(place: float, media: otio.opentime.TimeRange | None) -> bool:
    return media is not None and _reaches(place - media.start_time.to_seconds(), media.duration.to_seconds())


def _reaches(into: float, length: float) -> bool:
    return -1e-6 <= into < length - 1e-6
