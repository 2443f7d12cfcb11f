"""How the text of a tag is read as a value; a text that says nothing is None, never a guess.

`READERS` names the ways, for the tables that map tags to fields.
"""

from __future__ import annotations

import math
import re
from datetime import datetime
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["READERS", "angle", "exact_rate", "number", "positive", "text"]

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
    "no scene name",
    "null",
    "unknown",
    "undefined",
    "not available",
}

_NUMBER = re.compile(r"\s*([-+]?\d+(?:\.\d+)?)(?:(e[-+]?\d{1,3})|/(\d+(?:\.\d+)?))?", re.IGNORECASE)


def text(value: str) -> str | None:
    """Trimmed."""
    value = value.strip(" \t\r\n\0")
    return None if value.casefold() in _NOTHING else value


def number(value: str) -> float | None:
    """The number the text begins with, whatever unit follows: ``5600K``, ``172.8°``, ``24000/1001``."""
    match = _NUMBER.match(value)
    if not match or (match[3] and not float(match[3])):
        return None
    if match[2]:
        found = float(match[1] + match[2])
    else:
        found = float(Fraction(match[1]) / Fraction(match[3] or 1))
    return found if math.isfinite(found) else None


def positive(value: str) -> float | None:
    """A number above zero, to six decimals: zero is how many cameras write unknown."""
    found = number(value)
    return (round(found, 6) or None) if found is not None and found > 0 else None


def angle(value: str) -> float | None:
    """Degrees of a shutter: fields that nobody has filled may hold any number."""
    found = positive(value)
    return found if found is not None and found <= 360 else None


def _signed(value: str) -> float | None:
    found = number(value)
    return None if found is None else round(found, 6)


def _whole(value: str) -> int | None:
    """A positive number, rounded."""
    found = positive(value)
    return None if found is None else round(found) or None


def _percent(value: str) -> float | None:
    """A positive number of hundredths: ``200`` is 2.0."""
    found = positive(value)
    return None if found is None else round(found / 100, 6)


def _angle_in_minutes(value: str) -> float | None:
    """Degrees from ``10380`` (minutes of arc, as SMPTE RDD 18 counts them) or from ``173.00deg``."""
    found = positive(value)
    if found is None or "deg" in value or "°" in value:
        return found
    return round(found / 60, 6)


def _arri_angle(value: str) -> float | None:
    """Degrees from ``172.8``, or from a whole number of tenths or thousandths of a degree.

    Camera generations count differently and do not say how; a whole number is read only where a single one of
    the three readings is a shutter that exists (5 to 360 degrees).
    """
    found = positive(value)
    if found is None or "." in value:
        return found
    possible = [found / scale for scale in (1, 10, 1000) if 5 <= found / scale <= 360]
    return possible[0] if len(possible) == 1 else None


def _degrees_only(value: str) -> float | None:
    """Degrees of a shutter that may as well be told as a time: ``180°``, but not ``1/50``."""
    return angle(value) if "°" in value or "deg" in value.casefold() else None


_SECONDS = {"": 1.0, "s": 1.0, "sec": 1.0, "ms": 1e-3, "us": 1e-6}


def _seconds(value: str) -> float | None:
    """Seconds from ``1/48``, ``1/640.0``, ``0.0208`` or ``20.000 ms``; None for angles."""
    match = _NUMBER.match(value)
    found = number(value)
    if match is None or found is None or found <= 0:
        return None
    scale = _SECONDS.get(value[match.end() :].strip(" \t\0").casefold())
    return None if scale is None else round(found * scale, 9)


def _per_second(value: str) -> float | None:
    """Seconds from ``48``: the denominator of a shutter speed."""
    found = positive(value)
    return None if found is None else round(1 / found, 9)


def _ratio(value: str) -> float | None:
    """A number from ``28/10``, from ``28 10`` as headers show rationals, or from ``2.8``."""
    found = number(re.sub(r"^\s*(\d+)\s+(\d+)\s*$", r"\1/\2", value))
    return round(found, 9) if found is not None and found > 0 else None


_METERS = {"": 1.0, "m": 1.0, "mm": 1e-3, "cm": 1e-2, "ft": 0.3048, "'": 0.3048, "in": 0.0254, '"': 0.0254}


def _meters(value: str) -> float | None:
    """Meters from ``4.812``, ``991mm`` or ``5.83 ft``."""
    match = _NUMBER.match(value)
    found = positive(value)
    if match is None or found is None:
        return None
    scale = _METERS.get(value[match.end() :].strip(" \t\0").casefold())
    return None if scale is None else round(found * scale, 6)


_STOP = re.compile(
    r"(?P<kind>[TF]?)/?\s*(?P<stop>\d+(?:\.\d+)?)(?:\s*\+?\s+(?P<tenths>\d)/10)?\s*", re.IGNORECASE
)


def _stop(value: str, other: str) -> float | None:
    """The number of a lens stop: ``T2.3``, ``f/2.8``, ``1.4 + 7/10`` (tenths of a stop more), ``28/10``."""
    if re.fullmatch(r"\s*\d+/\d+\s*", value):
        found = positive(value)
        return None if found is None else round(found, 2)
    match = _STOP.match(value)
    if match is None or match["kind"].upper() == other or not float(match["stop"]):
        return None
    return round(float(match["stop"]) * 2 ** (int(match["tenths"] or 0) / 20), 2)


_NO_FILTER = {"clear", "no filter", "off", "nd off"}


def _stops(value: str) -> float | None:
    """Stops of a filter; 0 is none."""
    if value.strip().casefold() in _NO_FILTER:
        return 0.0
    found = number(value)
    return None if found is None or not 0 <= found <= 20 else round(found, 2)


def _density(value: str) -> float | None:
    """Stops of a filter from its optical density: ``0.6`` is 2 stops."""
    found = _stops(value)
    return None if found is None else round(found / math.log10(2), 1)


def _filter_factor(value: str) -> float | None:
    """Stops of a filter from what it lets through: ``1`` is all, ``4`` and ``1/4`` a quarter (2 stops)."""
    found = positive(value)
    return None if found is None else round(abs(math.log2(found)), 2)


def exact_rate(frames_per_second: float) -> Fraction | None:
    """The exact rate that decimals such as 23.98 stand for."""
    if not 0.1 <= frames_per_second <= 100_000:
        return None
    whole = round(frames_per_second)
    choices = (Fraction(whole), Fraction(whole * 1000, 1001))
    near = min(choices, key=lambda rate: abs(float(rate) - frames_per_second))
    if abs(float(near) - frames_per_second) < 0.005:
        return near
    return Fraction(frames_per_second).limit_denominator(1001)


def _rate(value: str) -> str | None:
    """Frames a second, exact, from ``23.98p``, ``24000/1001``, ``59.94i`` (fields) or ``48,1,``."""
    match = _NUMBER.match(value)
    found = number(value.replace(",", "/", 1) if re.match(r"\s*\d+,\d", value) else value)
    if match is None or found is None:
        return None
    if value[match.end() :].strip().casefold().startswith("i"):
        found /= 2
    rate = exact_rate(found)
    return f"{rate.numerator}/{rate.denominator}" if rate else None


def _arri_rate(value: str) -> str | None:
    """The same, where a whole number above 1000 counts thousandths: ``23976``."""
    found = number(value)
    return (
        _rate(str(found / 1000)) if found is not None and found > 1000 and "/" not in value else _rate(value)
    )


_MOMENT = re.compile(
    r"\s*(\d{4})([-:/]?)(\d{1,2})\2(\d{1,2})"
    r"(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2}))?(?:[.,]\d+)?\s*(Z|[-+]\d{2}:?\d{2})?)?"
)


def _moment(value: str) -> str | None:
    """A date, with time and zone where they are told, as ISO 8601: ``2021-07-16T11:46:22-08:00``.

    Nothing was shot with these before 1980: what says so is a clock that nobody set.
    """
    match = _MOMENT.match(value)
    if not match or int(match[1]) < 1980:
        return None
    year, _, month, day, hour, minute, second, zone = match.groups()
    date = f"{year}-{int(month):02}-{int(day):02}"
    if hour is not None:
        zone = "+00:00" if zone == "Z" else zone or ""
        zone = zone if not zone or ":" in zone else f"{zone[:3]}:{zone[3:]}"
        date += f"T{int(hour):02}:{minute}:{second or '00'}{zone}"
    try:
        datetime.fromisoformat(date)
    except ValueError:
        return None
    return date


_ISO_6709 = re.compile(r"\s*([-+]\d{1,2}(?:\.\d+)?)([-+]\d{1,3}(?:\.\d+)?)([-+]\d+(?:\.\d+)?)?")


def _part_of_place(value: str, part: int) -> float | None:
    """Degrees or meters of ISO 6709: ``+37.3318-122.0312+010.500/`` is latitude, longitude, altitude."""
    match = _ISO_6709.match(value)
    return float(match[part]) if match and match[part] else None


def _sides(value: str, side: int) -> int | None:
    """Pixels of a size: ``7680,6408,``, ``4096x2160``, ``4608 x 3164``."""
    match = re.match(r"\s*(\d+)\s*[,xX×*: ]\s*(\d+)", value)
    return (int(match[side]) or None) if match else None


def _letter(value: str) -> str | None:
    """A camera's letter, in capitals: ``A``, ``AA``."""
    word = (text(value) or "").upper()
    return word if re.fullmatch(r"[A-Z]{1,2}", word) else None


def _timecode(value: str) -> str | None:
    """``HH:MM:SS:FF``, or with ``;`` for drop-frame."""
    match = re.fullmatch(r"\s*(\d{1,2}):(\d{2}):(\d{2})([:;.])(\d{2,3})\s*", value)
    return (
        f"{int(match[1]):02}:{match[2]}:{match[3]}{':' if match[4] == ':' else ';'}{match[5]}"
        if match
        else None
    )


def _sony_ltc(value: str) -> str | None:
    """Sony's LTC: frames, seconds, minutes, hours in binary coded decimal with the flags of ST 12-1."""
    if not re.fullmatch(r"[0-9A-Fa-f]{8}", value):
        return None
    frames, seconds, minutes, hours = bytes.fromhex(value)
    mark = ";" if frames & 0x40 else ":"
    return _timecode(f"{hours & 0x3F:02x}:{minutes & 0x7F:02x}:{seconds & 0x7F:02x}{mark}{frames & 0x3F:02x}")


READERS: dict[str, Callable[[str], Any]] = {
    "text": text,
    "number": _signed,
    "positive": positive,
    "whole": _whole,
    "percent": _percent,
    "angle": angle,
    "angle in minutes": _angle_in_minutes,
    "angle with its unit": _degrees_only,
    "arri angle": _arri_angle,
    "seconds": _seconds,
    "per second": _per_second,
    "ratio": _ratio,
    "meters": _meters,
    "t-stop": lambda value: _stop(value, "F"),
    "f-number": lambda value: _stop(value, "T"),
    "stops": _stops,
    "density": _density,
    "filter factor": _filter_factor,
    "rate": _rate,
    "arri rate": _arri_rate,
    "moment": _moment,
    "latitude": lambda value: _part_of_place(value, 1),
    "longitude": lambda value: _part_of_place(value, 2),
    "altitude": lambda value: _part_of_place(value, 3),
    "width": lambda value: _sides(value, 1),
    "height": lambda value: _sides(value, 2),
    "letter": _letter,
    "timecode": _timecode,
    "sony timecode": _sony_ltc,
}
"""The ways to read a tag's text, by the names that tables use; each gives None where it says nothing."""
