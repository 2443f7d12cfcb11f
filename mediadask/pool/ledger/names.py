"""The numbers that stand for jobs, workers and kinds of units in packed rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from mediadask.pool.ledger.tables import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Connection

__all__ = ["Names"]

_KEPT = 100_000
_AT_ONCE = 500
"""SQLite took at most 999 parameters for long."""


class Names:
    """Gives names their numbers, and remembers those that the database has for certain.

    Not for several threads.
    """

    def __init__(self) -> None:
        self._known: dict[str, int] = {}
        self._new: dict[str, int] = {}

    def numbers(self, connection: Connection, wanted: Iterable[str]) -> Mapping[str, int]:
        """The number of each, given now to those that had none; call `keep` when that is committed."""
        wanted = set(wanted)
        # In order: two pools that give numbers to the same names must not wait for each other in a circle.
        unknown = sorted(wanted - self._known.keys())
        for start in range(0, len(unknown), _AT_ONCE):
            some = unknown[start : start + _AT_ONCE]
            self._read(connection, some)
            missing = [name for name in some if name not in self._new]
            if missing:
                is_postgres = connection.dialect.name == "postgresql"
                adding = (postgresql if is_postgres else sqlite).insert(names).on_conflict_do_nothing()
                connection.execute(adding, [{"name": name} for name in missing])
                self._read(connection, missing)
        return {name: self._new[name] if name in self._new else self._known[name] for name in wanted}

    def keep(self) -> None:
        """What was given since is committed."""
        if len(self._known) > _KEPT:
            self._known.clear()
        self._known |= self._new
        self._new.clear()

    def forget(self, *, all_of_them: bool = False) -> None:
        """What was given since is not committed; or the database is another."""
        self._new.clear()
        if all_of_them:
            self._known.clear()

    def _read(self, connection: Connection, some: list[str]) -> None:
        rows = connection.execute(select(names.c.name, names.c.id).where(names.c.name.in_(some)))
        self._new |= dict(rows.all())
