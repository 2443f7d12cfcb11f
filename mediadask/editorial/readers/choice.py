"""What a file of timelines leaves to whoever reads it: which of them, and how other rates play."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mediadask.errors import InvalidRequest, UnreadableMedia

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mediadask.choices import Conform

__all__ = ["Choice"]


@dataclass(frozen=True)
class Choice:
    """What a reader of timelines is asked for. Plain data."""

    name: str | None = None
    """What the timeline is called, or its number from 1, where its file has several."""

    conform: Conform | None = None
    """How media of another rate plays where FCPXML leaves it open."""

    def of(self, names: Sequence[str], where: str) -> int:
        """Return which of the timelines of these names is meant, counted from 0.

        Raises
        ------
        InvalidRequest
            If none has the name, or several have it.
        UnreadableMedia
            If there is none, or there are several and no name is given.
        """
        listed = ", ".join(f"{number} {name!r}" for number, name in enumerate(names[:9], 1))
        more = ", …" if len(names) > 9 else ""
        if self.name is None:
            if len(names) == 1:
                return 0
            raise UnreadableMedia(
                f"holds {len(names)} timelines" + (f": {listed}{more}" if names else ""),
                where=where,
                do="choose one: --timeline NAME, or its number" if names else "export a timeline",
            )
        wanted = self.name.strip()
        for same in (str, str.casefold):
            found = [number for number, name in enumerate(names) if same(name.strip()) == same(wanted)]
            if len(found) == 1:
                return found[0]
            if found:
                what = f"holds {len(found)} timelines called {wanted!r}"
                raise InvalidRequest(what, where=where, do=f"give its number: {listed}{more}")
        if wanted.isdecimal() and 0 < int(wanted) <= len(names):
            return int(wanted) - 1
        raise InvalidRequest(f"holds no timeline {wanted!r}", where=where, do=f"use one of {listed}{more}")
