"""Frame rates as lists and projects write them: ``23.98``, 23.976, ``24000/1001``."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

from mediadask.errors import InvalidRequest
from mediadask.timecode import HIGHEST_RATE

__all__ = ["exact_rate", "rate_text"]


@lru_cache  # a media list of 5,000 clips has two or three
def exact_rate(rate: Fraction | float | str, *, where: object = None) -> Fraction:
    """The rate that is meant: 23.98, 23.976 and 24000/1001 are one.

    Raises
    ------
    InvalidRequest
        If it is no rate.
    """
    try:
        given = Fraction(rate.strip() if isinstance(rate, str) else rate)
    except (ValueError, ZeroDivisionError, OverflowError):
        given = Fraction(0)
    if not 1 <= given <= HIGHEST_RATE:
        raise InvalidRequest(
            f"{rate!r} is no frame rate", where=where, do="write 24, 25, 23.976 or 24000/1001"
        )
    for exact in (Fraction(round(given)), Fraction(round(given) * 1000, 1001)):
        if abs(given - exact) < Fraction(6, 1000):
            return exact
    return given.limit_denominator(1001)


def rate_text(rate: Fraction) -> str:
    """Write a rate for people: ``23.976``, ``25``."""
    return f"{float(rate):.5g}"
