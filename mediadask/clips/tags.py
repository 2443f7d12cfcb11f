"""Tags of containers and their streams: bytes that ought to be UTF-8, and now and then are not."""

from __future__ import annotations

from typing import Any

import av

__all__ = ["AS_BYTES", "stored_tags", "tags_of"]

AS_BYTES: dict[str, Any] = {"metadata_errors": "surrogateescape"} if av.__version__.startswith("18.") else {}
"""What `av.open` is told so that tags keep their bytes, whatever these are; PyAV 19 does so by itself."""


def stored_tags(place: Any) -> dict[str, str]:
    """The tags of an open PyAV container or stream, to be copied: surrogates are bytes that are not UTF-8.

    Where a MOV has a date both in its header and among its tags, FFmpeg 9 gives both, joined by a semicolon;
    the tag counts, as in FFmpeg 8.
    """
    tags = dict(place.metadata)
    if "creation_time" in tags:
        tags["creation_time"] = tags["creation_time"].rpartition(";")[2]
    return tags


def tags_of(place: Any) -> dict[str, str]:
    """The tags of an open PyAV container or stream as text; U+FFFD stands for bytes that are not UTF-8."""
    return {_text(name): _text(value) for name, value in stored_tags(place).items()}


def _text(value: str) -> str:
    return value.encode(errors="surrogateescape").decode(errors="replace")
