"""Grades as lists write them, in many spellings: ``ASC_SOP (1 1 1) (0 0 0) (1 1 1)``, ``ASC_SAT 1.0``."""

from __future__ import annotations

import re

from mediadask.documents.cdl import Cdl
from mediadask.errors import InvalidRequest

__all__ = ["cdl_of", "grade_of"]

_SATURATION = re.compile(r"(?:ASC_|\b)SAT(?:URATION)?", re.IGNORECASE)
_MARKS = " \t:=,;*"


def grade_of(sop: str | None, sat: str | None, where: str) -> tuple[Cdl | None, tuple[str, ...]]:
    """`cdl_of`, and a note in its place where it is none: the plate is not graded, and needs none."""
    try:
        return cdl_of(sop, sat), ()
    except InvalidRequest as error:
        return None, (f"{where}: its grade is left out: {error}",)


def cdl_of(sop: str | None, sat: str | None) -> Cdl | None:
    """The grade of ``(1 1 1) (0 0 0) (1 1 1)`` and ``1.0``; None where there is neither.

    The saturation may stand behind the other nine numbers, which may do without their parentheses.

    Raises
    ------
    InvalidRequest
        If these are no such numbers.
    """
    sop, behind, inline = _parted(sop or "")
    sat = (sat or "").strip(f"{_MARKS}()") or (inline.strip(f"{_MARKS}()") if behind else "")
    if not sop and not sat:
        return None
    try:
        slope, offset, power = _triples(sop) if sop else ((1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
        return Cdl(slope, offset, power, float(sat) if sat else 1.0)
    except InvalidRequest:
        raise
    except ValueError:
        said = " ".join(part for part in (sop, sat) if part)
        raise InvalidRequest(
            f"{said!r} is no CDL", do="write ASC_SOP (s s s) (o o o) (p p p), ASC_SAT s"
        ) from None


def _parted(text: str) -> tuple[str, bool, str]:
    """The nine numbers, and the saturation behind them."""
    found = _SATURATION.search(text)
    if found is None:
        return text.strip(_MARKS), False, ""
    return text[: found.start()].strip(_MARKS), True, text[found.end() :]


def _triples(text: str) -> list[tuple[float, float, float]]:
    groups = re.findall(r"\(([^()]*)\)", text)
    if re.sub(r"\([^()]*\)", "", text).strip(_MARKS):
        groups = [] if groups else [text]
    numbers = [[float(word) for word in re.split(r"[\s,;]+", group.strip(_MARKS))] for group in groups]
    if len(numbers) == 1 and len(numbers[0]) == 9:
        numbers = [numbers[0][at : at + 3] for at in (0, 3, 6)]
    (a, b, c), (d, e, f), (g, h, i) = numbers
    return [(a, b, c), (d, e, f), (g, h, i)]
