"""Plates that stand in a folder already, as their manifests describe them."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mediadask.clips.storage import listing, open_file
from mediadask.errors import MissingMedia
from mediadask.render.output import Mark

if TYPE_CHECKING:
    from mediadask.editorial.names import PlateName

__all__ = ["DeliveredPlate", "DeliveredPlates"]

_HEAD_BYTES = 1 << 16
"""What a manifest says of its plate comes before its list of files, and is a few kilobytes."""

_READERS = 16
"""Manifests are read side by side: on an object store each is a request."""


@dataclass(frozen=True)
class DeliveredPlate:
    """A plate that is there whole: its manifest's facts. Plain data."""

    path: str
    """Inside the folder that was searched, without frame number and suffix: ``ABC_0010_PL01_v001``."""

    facts: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The last part of its path, which people call it by."""
        return self.path.rpartition("/")[2]

    @property
    def clip(self) -> str:
        """URL of the clip it was made of."""
        return str(self.facts["clip"])

    @property
    def start(self) -> int:
        """The clip's frame that is its first, handles included."""
        return int(self.facts["source_frames"][0])

    @property
    def stop(self) -> int:
        """The clip's frame after its last, handles included."""
        return int(self.facts["source_frames"][1])

    @property
    def first_number(self) -> int:
        """The number of its first frame."""
        return int(self.facts["first_frame"])

    @property
    def handles(self) -> tuple[int, int]:
        """Frames before and after what the edit used."""
        head, tail = self.facts["handles"]
        return int(head), int(tail)

    @property
    def speed(self) -> Fraction:
        """Source frames a frame of the timeline."""
        return Fraction(self.facts["speed"])

    @property
    def version(self) -> int:
        """Its version; 0 where it has none."""
        named = re.findall(r"v(\d+)", self.name)
        return int(self.facts.get("version") or (named[-1] if named else 0))

    @property
    def frames_text(self) -> str:
        """The numbers of its frames, for people."""
        return f"{self.first_number:04}-{self.first_number + self.stop - self.start - 1:04}"

    @classmethod
    def of_manifest(cls, url: str, path: str) -> DeliveredPlate | None:
        """Read a manifest; None if the file is none, or is damaged."""
        with open_file(url) as file:
            text = file.read(_HEAD_BYTES).decode(errors="replace")
            facts, files, _ = text.partition('\n "files": [')
            if not files:
                text += file.read().decode(errors="replace")
                facts, files, _ = text.partition('\n "files": [')
        document = f"{facts.rstrip().rstrip(',')}\n}}"
        if not files or Mark.parse(document) is None:
            return None
        plate = cls(path, json.loads(document))
        try:
            plate.clip, plate.start, plate.stop, plate.first_number, plate.handles, plate.speed  # noqa: B018
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            return None
        return plate


@dataclass(frozen=True)
class DeliveredPlates:
    """The plates of a folder, in every version. Plain data."""

    plates: tuple[DeliveredPlate, ...] = ()
    """Sorted by path."""

    @classmethod
    def read(cls, folder: str) -> DeliveredPlates:
        """Find the plates of a folder and of all folders inside it; none if it does not exist.

        Raises
        ------
        MissingMedia
            If a folder may not be read.
        """
        with ThreadPoolExecutor(_READERS) as pool:
            found = pool.map(lambda place: DeliveredPlate.of_manifest(*place), list(_manifests(folder)))
            plates = [plate for plate in found if plate is not None]
        return cls(tuple(sorted(plates, key=lambda plate: plate.path)))

    @cached_property
    def _paths(self) -> list[str]:
        return [plate.path for plate in self.plates]

    def versions(self, name: PlateName, fields: Mapping[str, str]) -> dict[int, DeliveredPlate]:
        """The versions of one plate, by number, in order; 0 for one whose name has no version.

        Parameters
        ----------
        name, fields
            What the plate is called, and what fills the template.
        """
        if not self.plates:  # of a thousand events each would have its pattern compiled
            return {}
        begin, pattern = name.any_version(fields)
        found: dict[int, DeliveredPlate] = {}
        for at in range(bisect_left(self._paths, begin), len(self.plates)):
            if not self._paths[at].startswith(begin):
                break
            if match := pattern.fullmatch(self._paths[at]):
                found[int(match.groupdict().get("version") or 0)] = self.plates[at]
        return dict(sorted(found.items()))


def _manifests(folder: str, inside: str = "") -> Iterator[tuple[str, str]]:
    """URL and plate's path of what may be manifests; hidden folders are where plates are in the making."""
    try:
        folders, files = listing(folder)
    except MissingMedia as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return
        raise
    for file in files:
        name = file.url.rpartition("/")[2]
        if re.fullmatch(r"[^.].*\.json", name) and not name.endswith(".retime.json"):
            yield file.url, inside + name.removesuffix(".json")
    for inner in folders:
        name = inner.rpartition("/")[2]
        if not name.startswith("."):
            yield from _manifests(inner, f"{inside}{name}/")
