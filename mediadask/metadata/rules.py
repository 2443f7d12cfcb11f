"""How each maker's tags become fields of `ClipMetadata`: one table for each family of tags.

A rule names a field, a tag, and how the tag's text is read; a text that cannot be read is no value. Tags are
matched whatever their case. For a field the first rule whose tag is there and readable wins, in the order
below: what a camera wrote beats what a container says of itself, and a file's own tags beat a sidecar's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mediadask.clips.header import Tag

__all__ = ["FAMILIES", "Rule", "apply"]


@dataclass(frozen=True)
class Rule:
    """One tag that one field is read from."""

    field: str
    tag: str
    read: Callable[[str], Any]


def text(value: str) -> str | None:
    """Trimmed; None for what cameras write where they know nothing."""
    value = value.strip().strip("\0").strip()
    return None if value.casefold() in _NOTHING else value


_NOTHING = {"", "n/a", "n.a.", "na", "none", "unknown", "undefined", "not available", "no name", "--", "-"}


def number(value: str) -> float | None:
    """The number the text begins with, whatever unit follows: ``5600K``, ``172.8 deg``, ``24000/1001``."""
    match = re.match(r"\s*([-+]?\d+(?:\.\d+)?)(?:/(\d+))?", value)
    if not match or (match[2] and not int(match[2])):
        return None
    return float(Fraction(match[1]) / int(match[2] or 1))


def positive(value: str) -> float | None:
    """A number above zero: zero is how cameras write unknown."""
    found = number(value)
    return found if found is not None and found > 0 else None


def whole(value: str) -> int | None:
    """A number above zero, rounded."""
    found = positive(value)
    return None if found is None else round(found)


def scaled(scale: float) -> Callable[[str], float | None]:
    """Reads a positive number kept in another unit: value times `scale`."""

    def read(value: str) -> float | None:
        found = positive(value)
        return None if found is None else round(found * scale, 6)

    return read


def is_always(answer: str) -> Callable[[str], str | None]:
    """For a tag that one maker alone writes."""
    return lambda value: answer if text(value) else None


# Apple, QuickTime File Format, "QuickTime metadata keys"; what phones and most MOV cameras write.
QUICKTIME = (
    Rule("camera_make", "com.apple.quicktime.make", text),
    Rule("camera_model", "com.apple.quicktime.model", text),
    Rule("camera_make", "make", text),
    Rule("camera_model", "model", text),
)

FAMILIES: tuple[tuple[Rule, ...], ...] = (QUICKTIME,)


def apply(tags: Iterable[Tag]) -> dict[str, tuple[Any, str]]:
    """The fields found in a clip's tags: field to value and source."""
    by_name: dict[str, list[Tag]] = {}
    for tag in tags:
        by_name.setdefault(tag.name.casefold(), []).append(tag)
    found: dict[str, tuple[Any, str]] = {}
    for rule in _rules():
        if rule.field not in found:
            for tag in by_name.get(rule.tag.casefold(), ()):
                value = rule.read(tag.value)
                if value is not None:
                    found[rule.field] = (value, f"{tag.source}: {tag.name}")
                    break
    return found


def _rules() -> Iterator[Rule]:
    for family in FAMILIES:
        yield from family
