"""Rolls: names, places and manifests of a folder, against the habits that deliveries of camera files rely on.

A roll is a folder that is an image of one card: ``A001`` or ``A001R2EC``, the camera's letter and the card's
number first. Its clips have the roll's name first, too: ``A001C001_240101_R2EC.mxf``. Names of
``A-Z a-z 0-9 . _ -`` are legal everywhere:
https://partnerhelp.netflixstudios.com/hc/en-us/articles/360001937127-Production-Assets-Folder-File-Naming
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mediadask.integrity.folder import Listing
    from mediadask.integrity.records import Records

__all__ = ["Structure", "clip_roll", "roll_of_name", "structure_of", "unusable"]

_ROLL = re.compile(r"(?P<roll>[A-Z]\d{3})(?!\d|_?C\d{3})[A-Za-z0-9_-]*(?:\.RDM)?")
_CLIP = re.compile(r"(?P<roll>[A-Z]\d{3})_?C\d{3}(?!\d)")
_PLAIN = re.compile(r"[A-Za-z0-9._-]+")
_QUOTES = "'\"`‘’“”"
_REFUSED = "<>:|?*\\"
"""What Windows and exFAT refuse in a name, or take for a separator."""


@dataclass
class Structure:
    """What is wrong with a folder's names and rolls, and what is unusual."""

    names: dict[str, str] = field(default_factory=dict)
    """Names that do not survive every disk, by path: what is wrong, and what to do."""

    rolls: dict[str, str] = field(default_factory=dict)
    """Rolls and clips that are mixed up, by path."""

    notes: list[str] = field(default_factory=list)


def structure_of(listing: Listing, records: Records) -> Structure:
    """Look at the names and the rolls of a folder."""
    found = Structure()
    _check_names(listing, found)
    rolls = _Rolls(listing)
    _check_clips(rolls, found)
    _check_names_of_rolls(rolls, found)
    for roll in rolls.places:
        found.notes += _manifest_notes(roll, listing, records)
    return found


def roll_of_name(name: str) -> str | None:
    """The camera's letter and the card's number of a folder that is named as a roll; None of any other."""
    match = _ROLL.fullmatch(name)
    return match["roll"] if match else None


def clip_roll(name: str) -> str | None:
    """The same of a file or folder that is named as a clip."""
    match = _CLIP.match(name)
    return match["roll"] if match else None


def unusable(name: str) -> str | None:
    """Why a name does not survive every disk, script and list; None where it does."""
    if _PLAIN.fullmatch(name):
        return "ends in a dot" if name.endswith(".") else None
    if any("\ud800" <= char <= "\udfff" for char in name):
        return "has bytes that are not UTF-8"
    if not name.isprintable():
        return "has a line break or another control character"
    if wrong := next((char for char in name if char in _QUOTES), None):
        return f"has a quote ({wrong})"
    if wrong := next((char for char in name if char in _REFUSED), None):
        return f"has a character that other systems refuse ({wrong})"
    if name != name.strip() or name.endswith("."):
        return "begins or ends with a blank, or ends in a dot"
    return None


def _check_names(listing: Listing, found: Structure) -> None:
    odd = []
    alike: dict[tuple[str, str], str] = {}
    for path in (*listing.folders, *listing.files):
        folder, _, name = path.rpartition("/")
        if why := unusable(name):
            found.names[path] = f"{why} in its name; rename it, and seal the new name"
        elif not _PLAIN.fullmatch(name):
            odd.append(path)
        first = alike.setdefault((folder, name.casefold()), name)
        if first != name:
            found.names[path] = f"is one file with {first} on disks that ignore case; rename one of them"
    if odd:
        more = f" and {len(odd) - 1} more have" if len(odd) > 1 else " has"
        besides = "characters besides A-Z, a-z, 0-9, dot, _ and - in the name"
        found.notes.append(f"{odd[0]}{more} {besides}, which some deliveries refuse")


class _Rolls:
    """The outermost folders that are named as rolls; the folder itself may be one."""

    def __init__(self, listing: Listing) -> None:
        self.listing = listing
        own = roll_of_name(listing.root.rpartition("/")[2])
        self.places: dict[str, str] = {"": own} if own else {}
        """Camera letter and card number by path."""
        for path in listing.folders:
            roll = roll_of_name(path.rpartition("/")[2])
            if roll and self.around(path) is None:
                self.places[path] = roll

    def around(self, path: str) -> str | None:
        """The roll that a path lies in; None where it lies in none."""
        while path:
            path = path.rpartition("/")[0]
            if path in self.places:
                return path
        return None

    def name(self, place: str) -> str:
        return (place or self.listing.root).rpartition("/")[2]

    @cached_property
    def contents(self) -> dict[str, set[tuple[str, int]]]:
        found: dict[str, set[tuple[str, int]]] = defaultdict(set)
        for path, file in self.listing.files.items():
            place = self.around(path)
            if place is not None:
                found[place].add((path[len(place) :].lstrip("/"), file.size_bytes))
        return found


def _check_clips(rolls: _Rolls, found: Structure) -> None:
    """Each clip in its own roll, and no roll in another."""
    for path in _outermost((*rolls.listing.folders, *rolls.listing.files), found.rolls):
        place = rolls.around(path)
        if place is None:
            continue
        name, here = path.rpartition("/")[2], rolls.places[place]
        if (clip := clip_roll(name)) and clip != here:
            found.rolls[path] = (
                f"is named as a clip of roll {clip}, and lies in {rolls.name(place)}; move it there"
            )
        elif path in rolls.listing.folders and (roll := roll_of_name(name)) and roll != here:
            found.rolls[path] = f"is a roll inside the roll {rolls.name(place)}; move it beside that"


def _outermost(paths: Iterable[str], told: dict[str, str]) -> Iterator[str]:
    """Paths but those below one that has been told of meanwhile."""
    for path in paths:
        above = path
        while above and above not in told:
            above = above.rpartition("/")[0]
        if not above:
            yield path


def _check_names_of_rolls(rolls: _Rolls, found: Structure) -> None:
    """Rolls of one name are copies of each other, or two cards that somebody will mix up."""
    by_name: dict[str, str] = {}
    for place in rolls.places:
        first = by_name.setdefault(rolls.name(place).casefold(), place)
        if first != place and rolls.contents[first] != rolls.contents[place]:
            found.rolls[place] = (
                f"has the name of the roll {first} and other content; give one of them another name"
            )


def _manifest_notes(roll: str, listing: Listing, records: Records) -> Iterator[str]:
    """One manifest at the roll's root is what those who receive it look for."""

    def inside(path: str) -> bool:
        return not roll or path == roll or path.startswith(f"{roll}/")

    name = (roll or listing.root).rpartition("/")[2]
    legacy = [path for path in records.legacy if inside(path)]
    at_root = [path for path in legacy if path.rpartition("/")[0] == roll]
    deeper = [path or name for path in records.histories if inside(path) and path != roll]
    deeper += [path for path in legacy if path not in at_root]
    if roll in records.histories or len(at_root) == 1:
        if deeper:
            yield f"{name} has manifests inside, beside the one at its root: {', '.join(deeper[:3])}"
    elif at_root:
        listed = ", ".join(at_root[:3])
        yield f"{name} has {len(at_root)} manifests at its root, where one is expected: {listed}"
    elif deeper:
        yield f"{name} has no manifest at its root, where one is expected, but in {', '.join(deeper[:3])}"
    elif records.histories or records.legacy:
        yield f"{name} has no manifest at its root, where one is expected: seal the roll itself"
