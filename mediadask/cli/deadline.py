"""Deadlines as people write them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from mediadask.errors import InvalidRequest

__all__ = ["parse_deadline"]

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_SPAN = re.compile(r"(?:\d+(?:\.\d+)?[smhd])+")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")


def parse_deadline(text: str, now: datetime | None = None) -> datetime:
    """A point in time, aware of its zone, from ``90m``, ``1h30m``, ``18:30`` (today, or tomorrow if that is
    over) or ISO 8601 (local time where it names no zone).

    Raises
    ------
    InvalidRequest
        If it is none of them.
    """
    now = now or datetime.now().astimezone()
    text = text.strip()
    try:
        if _SPAN.fullmatch(text):
            parts = re.findall(r"([\d.]+)([smhd])", text)
            return now + sum(
                (timedelta(**{_UNITS[unit]: float(count)}) for count, unit in parts), timedelta()
            )
        # What clocks show here, without a zone: the offset of that day may be another than today's.
        if clock := _CLOCK.fullmatch(text):
            today = now.astimezone().replace(tzinfo=None, second=0, microsecond=0)
            due = today.replace(hour=int(clock[1]), minute=int(clock[2]))
            return due.astimezone() if due.astimezone() > now else (due + timedelta(days=1)).astimezone()
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):  # the latter for days outside the calendar
        raise InvalidRequest(
            "is not a time", where=f"--deadline {text}", do="write 90m, 2h, 18:30 or 2026-05-01T09:00"
        ) from None
