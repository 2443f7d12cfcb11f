"""Tags of containers and their streams: bytes that ought to be UTF-8, and now and then are not."""

from __future__ import annotations

from typing import Any

import av

__all__ = ["AS_BYTES", "tags_of"]

AS_BYTES: dict[str, Any] = {"metadata_errors": "surrogateescape"} if av.__version__.startswith("18.") else {}
"""What `av.open` is told so that tags keep their bytes, whatever these are; PyAV 19 does so by itself."""


def tags_of(place: Any) -> dict[str, str]:
    """The tags of an open PyAV container or stream as text; U+FFFD stands for bytes that are not UTF-8."""
    return {_text(name): _text(value) for name, value in place.metadata.items()}


def _text(value: str) -> str:
    return value.encode(errors="surrogateescape").decode(errors="replace")
