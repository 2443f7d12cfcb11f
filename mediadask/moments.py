"""Times as people write them: ``3m20s``, ``3 min ago``, ``in 2 h``, ``today 14:05``."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["about", "ago", "clock", "span"]


def span(seconds: float) -> str:
    """Return a measured length of time: ``4.2s``, ``3m20s``, ``2h05m``."""
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, left = divmod(round(seconds), 60)
    return f"{minutes}m{left:02}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02}m"


def about(seconds: float) -> str:
    """Return a length of time to the nearest unit: ``40 s``, ``3 min``, ``5 h``, ``2 days``."""
    if seconds < 59.5:
        return f"{max(0, round(seconds))} s"
    if seconds < 59.5 * 60:
        return f"{round(seconds / 60)} min"
    if seconds < 47.5 * 3600:
        hours, minutes = divmod(round(seconds / 60), 60)
        return f"{hours} h {minutes:02} min" if hours < 4 and minutes else f"{round(seconds / 3600)} h"
    return f"{round(seconds / 86400)} days"


def ago(seconds: float) -> str:
    """Return how far a moment is in the past, or with negative seconds in the future."""
    if abs(seconds) < 0.5:
        return "now"
    return f"in {about(-seconds)}" if seconds < 0 else f"{about(seconds)} ago"


def clock(moment: datetime, now: datetime) -> str:
    """Return the clock time of a moment in the zone of `now`, with as much of the date as it needs."""
    there = moment.astimezone(now.tzinfo)
    if there.date() == now.date():
        return f"{there:%H:%M}"
    if there.date() == now.date() + timedelta(days=1):
        return f"tomorrow {there:%H:%M}"
    if abs(there - now) < timedelta(days=300):
        return f"{there.day} {there:%b %H:%M}"
    return f"{there:%Y-%m-%d}"
