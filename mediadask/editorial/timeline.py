"""Timelines: every kind of list and project an editor hands over, read to the same events."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from mediadask.clips.storage import normalize, open_file, stat
from mediadask.editorial.edl import parse_edl
from mediadask.errors import UnreadableMedia, UnsupportedMedia

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mediadask.editorial.events import Event

__all__ = ["Timeline", "read_timeline"]

_MOST_BYTES = 64 << 20
"""A feature's list of 20,000 events has 4 MB: what is larger is something else."""


@dataclass(frozen=True)
class Timeline:
    """An edit: its events in the order of the list. Plain data."""

    url: str
    name: str
    """The title it was given; the file's name where it has none."""

    events: tuple[Event, ...]
    rate: Fraction | None = None
    """Frames a second; None where the list does not say, as EDLs never do."""

    skipped: tuple[str, ...] = ()
    """What it holds that asks for no picture, one line each: sound, black, titles."""

    def __len__(self) -> int:
        return len(self.events)

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)


def read_timeline(url: str | os.PathLike[str], *, rate: Fraction | float | str | None = None) -> Timeline:
    """Read a timeline; the suffix says of what kind.

    Parameters
    ----------
    url
        An EDL.
    rate
        Frames a second of its timecode where the list does not say. Default: the rate of the clips it matches.

    Raises
    ------
    MissingMedia
        If there is no such file.
    UnreadableMedia
        If it is not what its suffix says, or holds no events: with the line, where lines count.
    UnsupportedMedia
        If nothing here reads its kind.
    """
    where = normalize(url)
    suffix = os.path.splitext(where)[1].lower()
    size = stat(where).size_bytes
    if size > _MOST_BYTES:
        raise UnreadableMedia(f"has {size >> 20} MB, too much for a timeline", where=where)
    with open_file(where) as file:
        data = file.read()
    if suffix != ".edl":
        raise UnsupportedMedia(
            f"{suffix or 'a name without a suffix'} is no timeline that is read", where=where
        )
    found = parse_edl(data.decode("utf-8-sig"), where)
    events, title = found
    if not events:
        raise UnreadableMedia("holds no picture events", where=where, do="check that it is an EDL")
    return Timeline(where, title or os.path.basename(where), events, Fraction(rate) if rate else None)
