"""How the text of a tag is read as a value; a text that says nothing is None, never a guess."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "angle",
    "angle_in_minutes",
    "arri_angle",
    "constant",
    "number",
    "percent",
    "positive",
    "text",
    "whole",
]

# What cameras and recorders write where they know nothing.
_NOTHING = {
    "",
    "-",
    "--",
    "n/a",
    "n.a.",
    "na",
    "none",
    "no name",
    "null",
    "unknown",
    "undefined",
    "not available",
}

_NUMBER = re.compile(r"\s*([-+]?\d+(?:\.\d+)?)(?:(e[-+]?\d{1,3})|/(\d+))?", re.IGNORECASE)


def text(value: str) -> str | None:
    """Trimmed."""
    value = value.strip(" \t\r\n\0")
    return None if value.casefold() in _NOTHING else value


def number(value: str) -> float | None:
    """The number the text begins with, whatever unit follows: ``5600K``, ``172.8°``, ``24000/1001``."""
    match = _NUMBER.match(value)
    if not match or (match[3] and not int(match[3])):
        return None
    if match[2]:
        found = float(match[1] + match[2])
        return found if math.isfinite(found) else None
    return float(Fraction(match[1]) / int(match[3] or 1))


def positive(value: str) -> float | None:
    """A number above zero, to six decimals: zero is how many cameras write unknown."""
    found = number(value)
    return (round(found, 6) or None) if found is not None and found > 0 else None


def angle(value: str) -> float | None:
    """Degrees of a shutter: fields that nobody has filled may hold any number."""
    found = positive(value)
    return found if found is not None and found <= 360 else None


def whole(value: str) -> int | None:
    """A positive number, rounded."""
    found = positive(value)
    return None if found is None else round(found) or None


def percent(value: str) -> float | None:
    """A positive number of hundredths: ``200`` is 2.0."""
    found = positive(value)
    return None if found is None else round(found / 100, 6)


def angle_in_minutes(value: str) -> float | None:
    """Degrees from ``10380`` (minutes of arc, as SMPTE RDD 18 counts them) or from ``173.00deg``."""
    found = positive(value)
    if found is None or "deg" in value or "°" in value:
        return found
    return round(found / 60, 6)


def arri_angle(value: str) -> float | None:
    """Degrees from ``172.8``, or from a whole number of tenths or thousandths of a degree.

    Camera generations count differently and do not say how; a whole number is read only where a single one of
    the three readings is a shutter that exists (5 to 360 degrees).
    """
    found = positive(value)
    if found is None or "." in value:
        return found
    possible = [found / scale for scale in (1, 10, 1000) if 5 <= found / scale <= 360]
    return possible[0] if len(possible) == 1 else None


def constant(answer: str) -> Callable[[str], str | None]:
    """Reads `answer` from any text that says something: for tags that one maker alone writes."""
    return lambda value: answer if text(value) else None
