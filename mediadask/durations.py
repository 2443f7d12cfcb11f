"""Durations and points in time as people write them, on the command line and in settings.

A duration is one or more numbers with units: ``90s``, ``15min``, ``1h30m``, ``2 hours``, ``7d``. A point in
time is a duration from now or ago, a time of day (``18:30``), or a date in ISO 8601, of the local time zone
where it names none.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from mediadask.errors import InvalidRequest

__all__ = ["seconds_of", "time_ago", "time_ahead"]

_SECONDS = {
    ("ms", "millisecond", "milliseconds"): 1e-3,
    ("s", "sec", "second", "seconds"): 1,
    ("m", "min", "minute", "minutes"): 60,
    ("h", "hr", "hour", "hours"): 3600,
    ("d", "day", "days"): 86400,
    ("w", "week", "weeks"): 604800,
}
_UNITS = {name: seconds for names, seconds in _SECONDS.items() for name in names}
_LONGEST_FIRST = "|".join(sorted(_UNITS, key=len, reverse=True))
_PART = re.compile(rf"\s*(\d+(?:\.\d+)?)\s*({_LONGEST_FIRST})\s*", re.ASCII)
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")


def seconds_of(text: str) -> float:
    """The seconds of a duration.

    Raises
    ------
    ValueError
        If it is none. A number without a unit is none either.
    """
    if not _is_duration(text):
        raise ValueError(f"{text!r} is not a duration such as 90s, 15min or 2h")
    return sum(float(count) * _UNITS[unit] for count, unit in _PART.findall(text))


def _is_duration(text: str) -> bool:
    return bool(text.strip()) and not _PART.sub("", text)


def time_ahead(text: str, option: str, now: datetime | None = None) -> datetime:
    """The next point in time that a text means, aware of its zone; a date may be any.

    Parameters
    ----------
    option
        What the text was given for, for the error: ``--deadline``.

    Raises
    ------
    InvalidRequest
        If it means none.
    """
    return _point(text, option, now, 1, "90m, 2h, 18:30 or 2026-05-01T09:00")


def time_ago(text: str, option: str, now: datetime | None = None) -> datetime:
    """The last point in time that a text means: as `time_ahead`, looking back."""
    return _point(text, option, now, -1, "7d, 12h, 18:30 or 2026-05-01T09:00")


def _point(text: str, option: str, now: datetime | None, direction: int, examples: str) -> datetime:
    now = now or datetime.now().astimezone()
    try:
        if clock := _CLOCK.fullmatch(text.strip()):
            return _clock(int(clock[1]), int(clock[2]), now, direction)
        if not _is_duration(text):
            return datetime.fromisoformat(text.strip()).astimezone()
        return now + direction * timedelta(seconds=seconds_of(text))
    except (ValueError, OverflowError):  # the latter for days outside the calendar
        raise InvalidRequest("is not a time", where=f"{option} {text}", do=f"write {examples}") from None


def _clock(hour: int, minute: int, now: datetime, direction: int) -> datetime:
    # What clocks show here, without a zone: the offset of that day may be another than today's.
    shown = now.astimezone().replace(tzinfo=None, hour=hour, minute=minute, second=0, microsecond=0)
    if (shown.astimezone() - now) * direction <= timedelta():
        shown += timedelta(days=direction)
    return shown.astimezone()
