"""Grades that come with a turnover in a file of their own: which correction is for which event."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from mediadask.documents.cdl import Cdl
from mediadask.editorial.matching.reels import bare_name, names_of_file
from mediadask.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mediadask.editorial.plan import PlannedEvent

__all__ = ["TurnoverGrades"]


@dataclass(frozen=True)
class TurnoverGrades:
    """The corrections of a ``.cc``, ``.ccc`` or ``.cdl`` file, as plain data."""

    url: str = ""
    corrections: tuple[Cdl, ...] = ()

    @classmethod
    def read(cls, url: str | None) -> TurnoverGrades:
        """Read the grades of a file; none without one.

        Raises
        ------
        MissingMedia
            If there is no such file.
        UnreadableMedia
            If it is no CDL file.
        """
        return cls() if url is None else cls(url, tuple(Cdl.read_all(url)))

    def of(self, planned: PlannedEvent, plate: str) -> Cdl | None:
        """The only one, for every event; of several the one called like the plate or its shot, else like the
        reel, else like the clip. None where no file was given.

        Raises
        ------
        InvalidRequest
            If none of several is called so, or more than one.
        """
        if len(self.corrections) < 2:
            return next(iter(self.corrections), None)
        names = _names(planned, plate)
        for name in names:
            key = name.casefold()
            found = self._by_name.get(key) or self._by_name.get(bare_name(key))
            if found and len(set(found)) > 1:
                what = f"holds {len(found)} corrections {found[0].id!r}"
                raise InvalidRequest(what, where=self.url, do="leave one of them")
            if found:
                return found[0]
        what = f"holds {len(self.corrections)} corrections, and none for it"
        raise InvalidRequest(what, where=self.url, do=f"call its one of {', '.join(names)}")

    @cached_property
    def _by_name(self) -> Mapping[str, list[Cdl]]:
        """By the name in lower case, and without a suffix where nothing else is called so."""
        exact: dict[str, list[Cdl]] = defaultdict(list)
        bare: dict[str, list[Cdl]] = defaultdict(list)
        for cdl in self.corrections:
            name = cdl.id.strip().casefold()
            exact[name].append(cdl)
            bare[bare_name(name)].append(cdl)
        return bare | exact


def _names(planned: PlannedEvent, plate: str) -> list[str]:
    """What people call an event's grade by, the most particular first."""
    event, fields = planned.event, planned.fields
    shot = "_".join(fields[part] for part in ("show", "episode", "sequence", "shot") if fields.get(part))
    files = [names_of_file(url)[0] for url in (planned.url, event.file) if url]
    names = (plate, shot, fields.get("shot"), planned.reel, event.reel, event.clip_name, *files)
    return list(dict.fromkeys(name for name in names if name))
