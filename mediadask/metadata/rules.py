"""What tags say, by a table: each field's value, where it is from, and who says something else."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from mediadask.metadata.table import built_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mediadask.clips.header import Tag
    from mediadask.metadata.table import Table

__all__ = ["Said", "agree", "apply", "disagreements"]


@dataclass(frozen=True)
class Said:
    """A value of a field, and where it is from."""

    value: Any
    source: str


def apply(groups: Iterable[Iterable[Tag]], table: Table | None = None) -> dict[str, list[Said]]:
    """What tags say: field to all that is said of it, the most trusted first.

    Parameters
    ----------
    groups
        Tags of one place each, in order of trust: the clip's own file, then files beside it, then its name.
        Of a group the first rule in the table's order is heard: a file's other tags mean something else.
    """
    table = table or built_in()
    found: defaultdict[str, list[Said]] = defaultdict(list)
    for group in groups:
        named: dict[str, list[Tag]] = {}
        for tag in group:
            named.setdefault(tag.name.casefold(), []).append(tag)
        meant = [
            (place, field, when, read, tags)
            for name, tags in named.items()
            for place, field, when, read in table.by_tag.get(name, ())
        ]
        heard: set[str] = set()
        for _, field, when, read, tags in sorted(meant, key=lambda each: each[0]):
            if field in heard or not all(_says(named, *condition) for condition in when.items()):
                continue
            for tag in tags:
                value = read(tag.value)
                if value is not None:
                    found[field].append(Said(value, f"{tag.source}: {tag.name}"))
                    heard.add(field)
                    break
    return dict(found)


def _says(named: Mapping[str, Sequence[Tag]], name: str, answer: str) -> bool:
    return any(tag.value.strip() == answer for tag in named.get(name.casefold(), ()))


def disagreements(field: str, said: Sequence[Said]) -> dict[str, Any]:
    """The sources that say something else than the first, and what."""
    first, *others = said
    return {other.source: other.value for other in others if not agree(field, first.value, other.value)}


_ONE_DAY = timedelta(hours=26)
"""Clocks of cameras, and zones that nobody has told, differ by so much without anything being wrong."""


def agree(field: str, one: Any, other: Any) -> bool:
    """Whether two values of a field are the same for all that matters.

    A longer name of the same thing agrees with a shorter one, and numbers agree within half a percent.
    """
    if one == other:
        return True
    if field == "created":
        times = [datetime.fromisoformat(each).replace(tzinfo=None) for each in (one, other)]
        return abs(times[0] - times[1]) <= _ONE_DAY
    if field.endswith("_rate"):
        return abs(Fraction(one) / Fraction(other) - 1) < 0.0005
    if isinstance(one, int | float):
        least = {"gps_altitude_m": 100.0}.get(field, 0.01 if field.startswith("gps_") else 0.0)
        return bool(abs(one - other) <= max(0.005 * max(abs(one), abs(other)), least))
    first, second = (re.sub(r"[\W_]", "", str(each).casefold()) for each in (one, other))
    return bool(first and second) and (first in second or second in first)
