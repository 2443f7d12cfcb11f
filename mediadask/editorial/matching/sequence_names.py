"""How systems name an image sequence in a list: ``x.[1001-1024].exr``, ``x.1001.exr``, ``x.####.exr``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mediadask.clips.pattern import IMAGE_SUFFIXES

__all__ = ["NamedSequence", "named_sequence"]

_PADDING = r"(?:%0?\d*d|#+|@+|\$F\d*|\*(?=\.)|<\w+>)"
_BETWEEN = r"\s*(?:-|\.\.|,|:)\s*"
_BRACKETED = re.compile(rf"(?P<stem>.*?)[\[{{](?P<first>\d+){_BETWEEN}\d+[^\]}}]*[\]}}](?:\.\w+)*")
_PADDED = re.compile(
    rf"(?P<stem>.*?)(?:(?<!\d)(?P<first>\d+)-\d+)?(?:{_PADDING})(?P<suffix>\.\w+)?"
    r"(?:\s+[\[({]?(?P<behind>\d+)-\d+[\])}]?)?"
)
_COUNTED = re.compile(r"(?P<stem>.*?)(?P<first>\d+)(?:-(?P<last>\d+)(?:x\d+)?)?(?P<suffix>\.\w+)")
_RANGED = re.compile(r"(?P<stem>.*)[. ](?P<first>\d{3,})-\d{3,}")
_OTHER_SUFFIXES = (
    ".ari",
    ".arx",
    ".bmp",
    ".cin",
    ".dng",
    ".hdr",
    ".j2c",
    ".j2k",
    ".jp2",
    ".psd",
    ".sgi",
    ".tga",
)
"""Suffixes of images that lists name and nothing here reads: the files pulled may be of another kind."""


@dataclass(frozen=True)
class NamedSequence:
    """An image sequence as its name tells it."""

    stem: str
    """The name without number and suffix."""

    first: int | None
    """The number of the first file; None where it does not say."""

    is_one_file: bool = False
    """Whether it names the first file alone, and might be a still."""


def named_sequence(name: str) -> NamedSequence | None:
    """The sequence that a name or path means; None where it means none."""
    name = name.replace("\\", "/").rpartition("/")[2].strip()
    found = _PADDED.fullmatch(name) or _BRACKETED.fullmatch(name)
    if found:
        stem = found["stem"].rstrip("._- ")
        numbers = found.groupdict()
        first = numbers["first"] or numbers.get("behind")
        return NamedSequence(stem, int(first) if first else None) if stem else None
    if ranged := _RANGED.fullmatch(name):
        return NamedSequence(ranged["stem"], int(ranged["first"]))
    found = _COUNTED.fullmatch(name)
    if found and found["suffix"].lower() in {*IMAGE_SUFFIXES, *_OTHER_SUFFIXES}:
        stem = found["stem"].rstrip("._- ")
        return NamedSequence(stem, int(found["first"]), not found["last"]) if stem else None
    return None
