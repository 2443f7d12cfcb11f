"""A clip's facts as HTML, for notebooks."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from mediadask.text import printable

if TYPE_CHECKING:
    from mediadask.clips.clip import Clip

__all__ = ["facts_html"]


def facts_html(clip: Clip) -> str:
    """A table of what people ask first; of facts that are known only."""
    header = clip.header
    facts = {
        "Frames": f"{len(clip)} at {header.frame_rate} per second" if header.has_pictures else None,
        "Picture": f"{header.width} × {header.height}, {header.pixel_format.name}"
        if header.has_pictures
        else None,
        "Codec": " ".join(filter(None, [header.codec, header.profile, "in", header.container])),
        "Timecode": header.timecode,
        "Reel": header.reel,
        "Sound": ", ".join(f"{stream.channels} × {stream.rate} Hz {stream.codec}" for stream in header.audio),
    }
    rows = "".join(
        f"<tr><th style='text-align:left'>{name}</th><td>{html.escape(printable(fact))}</td></tr>"
        for name, fact in facts.items()
        if fact
    )
    return f"<table>{rows}</table>"
