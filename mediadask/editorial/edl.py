"""CMX 3600 edit decision lists and what editing systems write into their comments."""

from __future__ import annotations

import re
from dataclasses import replace

from mediadask.editorial.events import Event, Span

__all__ = ["parse_edl"]

_TIMECODE = r"\d{1,2}:\d{2}:\d{2}[:;.,]\d{2,3}"
_LINE = re.compile(
    rf"(?P<number>\d+)\s+(?P<reel>\S+)\s+(?P<channels>\S+)\s+(?P<edit>C|D|K[BO]?|W\d+)\s+(?:(?P<frames>\d+)\s+)?"
    rf"(?P<tc>{_TIMECODE}\s+{_TIMECODE}\s+{_TIMECODE}\s+{_TIMECODE})\s*"
)


def parse_edl(text: str, where: str) -> tuple[tuple[Event, ...], str]:
    """The events and the title of a list."""
    events: list[Event] = []
    title = ""
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if line.startswith("TITLE:"):
            title = line[6:].strip()
        elif found := _LINE.fullmatch(line):
            labels = found["tc"].split()
            reel = None if found["reel"] == "AX" else found["reel"]
            event = Event(found["number"], Span(*labels[:2]), Span(*labels[2:]), found["channels"], reel)
            events.append(replace(event, where=f"line {number}"))
        elif events and (name := re.match(r"\*\s*FROM CLIP NAME:\s*(.+)", line)):
            events[-1] = replace(events[-1], clip_name=name[1])
        elif events and (loc := re.match(rf"\*\s*LOC:\s*{_TIMECODE}\s+\w+\s+(.+)", line)):
            events[-1] = replace(events[-1], markers=(*events[-1].markers, loc[1]))
    return tuple(events), title
