"""From records to the statements that write them: each idempotent, so that a retry never counts twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, update
from sqlalchemy.dialects import postgresql, sqlite

from mediadask.delivery import sendable
from mediadask.pool import history
from mediadask.pool.ledger import tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from sqlalchemy import Executable, Table

__all__ = ["COLUMNS", "statements"]

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Place:
    """The table that a kind of record is written to: each field to the column of its name, if any.

    The field `attempt` gives its own fields.
    """

    table: Table
    named: Mapping[str, str] = field(default_factory=dict)
    """Fields whose column has another name."""

    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Columns that this kind of record sets whatever it says."""

    owner: tuple[str, ...] = ()
    """Which of ``pool`` and ``session`` it sets."""


_PLACES: dict[type[history.Record], tuple[_Place, ...]] = {
    history.JobSubmitted: (
        _Place(tables.jobs, {"at": "submitted"}, {"status": "running"}, ("pool", "session")),
    ),
    history.JobReprioritized: (_Place(tables.jobs), _Place(tables.reprioritizations)),
    history.JobEnded: (_Place(tables.jobs, {"at": "ended"}, {"payload": None, "signature": None}),),
    history.AttemptStarted: (_Place(tables.packed_attempts, {"at": "started"}),),
    history.AttemptFlagged: (_Place(tables.packed_attempts, {"reason": "error"}),),
    history.AttemptEnded: (_Place(tables.packed_attempts, {"at": "ended"}),),
    history.Displaced: (_Place(tables.displacements, {"at": "started", "ended": "how"}),),
    history.WorkerJoined: (_Place(tables.leases, {"at": "joined"}, owner=("pool", "session")),),
    history.WorkerLeft: (_Place(tables.leases, {"at": "ended"}, owner=("session",)),),
    history.Learned: (_Place(tables.learned),),
}

_KEYS = {table: [column.name for column in table.primary_key] for table in tables.metadata.tables.values()}


def statements(
    records: Iterable[history.Record],
    dialect: str,
    *,
    pool: str,
    session: str,
    sign: Callable[[str, bytes], bytes],
    numbers: Callable[[Iterable[str]], Mapping[str, int]],
) -> Iterator[tuple[Executable, list[Row]]]:
    """Statements with their rows, in an order that may run as one transaction.

    Records of the same thing are merged first: an attempt that started and ended within a batch is one row. A
    row that knows all that its table demands is inserted or completes the one that is there; one that knows
    less, such as a job's end, can only complete.

    Parameters
    ----------
    sign
        The signature of a job's payload.
    numbers
        The numbers that stand for names in the database: see `Names`.
    """
    owner = {"pool": pool, "session": session}
    merged: dict[Table, dict[tuple[Any, ...], Row]] = {}
    for record in records:
        for table, row in _rows(record, owner):
            key = tuple(row[name] for name in _KEYS[table])
            merged.setdefault(table, {}).setdefault(key, {}).update(row)
    for row in merged.get(tables.jobs, {}).values():
        if row.get("payload") is not None:
            row["signature"] = sign(row["job"], row["payload"])
    number = numbers(
        {
            row[column]
            for table, columns in tables.NAMED.items()
            for row in merged.get(table, {}).values()
            for column in columns
        }
    )
    for table, rows in merged.items():
        alike: dict[frozenset[str], list[Row]] = {}
        for row in rows.values():
            row.update((column, number[row[column]]) for column in tables.NAMED.get(table, ()))
            alike.setdefault(frozenset(row), []).append(row)
        for columns, group in alike.items():
            yield _statement(table, columns, dialect), _renamed(table, columns, group)


def _rows(record: history.Record, owner: Mapping[str, str]) -> Iterator[tuple[Table, Row]]:
    for place, columns in COLUMNS[type(record)]:
        row = {column: _value(record, path) for column, path in columns}
        row.update(place.fixed)
        row.update((name, owner[name]) for name in place.owner)
        if isinstance(record, history.AttemptEnded) and record.started is None:
            del row["started"]  # an earlier record said it
        yield place.table, row
    if isinstance(record, history.AttemptEnded) and record.shared_with:
        own, others = record.attempt.job, record.shared_with
        part = 1 / (len(others) + (not record.is_left_to_others))
        parts = {own: 0.0 if record.is_left_to_others else part, **dict.fromkeys(others, part)}
        for job, part in parts.items():
            yield tables.shares, {"owner": own, "attempt": record.attempt.id, "job": job, "part": part}


def _columns(kind: type[history.Record], place: _Place) -> list[tuple[str, tuple[str, ...]]]:
    """The columns that a kind of record fills, each with the way to its value."""
    fields: dict[str, tuple[str, ...]] = {name: (name,) for name in kind.__dataclass_fields__}
    if fields.pop("attempt", None):
        fields |= {name: ("attempt", name) for name in history.Attempt.__dataclass_fields__}
    named = {"id": "attempt", **place.named}
    columns = {named.get(name, name): path for name, path in fields.items()}
    return [(name, path) for name, path in columns.items() if name in place.table.c]


COLUMNS = {kind: [(place, _columns(kind, place)) for place in places] for kind, places in _PLACES.items()}


def _value(record: history.Record, path: tuple[str, ...]) -> Any:
    value: Any = record
    for name in path:
        value = getattr(value, name)
    return _clean(value) if isinstance(value, str) else value


def _clean(text: str) -> str:
    """What both databases take: PostgreSQL takes no NUL."""
    return sendable(text).replace("\0", "\\0")


def _statement(table: Table, columns: frozenset[str], dialect: str) -> Executable:
    keys = [column.name for column in table.primary_key]
    if not _demanded(table) <= columns:
        return (
            update(table)
            .where(*(table.c[key] == bindparam(f"key_{key}") for key in keys))
            .values({name: bindparam(name) for name in columns if name not in keys})
        )
    insert = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    known = {name: insert.excluded[name] for name in columns if name not in keys}
    return insert.on_conflict_do_update(index_elements=keys, set_=known)


def _demanded(table: Table) -> set[str]:
    return {column.name for column in table.columns if not (column.nullable or column.server_default)}


def _renamed(table: Table, columns: frozenset[str], rows: list[Row]) -> list[Row]:
    keys = {column.name for column in table.primary_key}
    if _demanded(table) <= columns:
        return rows
    return [{f"key_{name}" if name in keys else name: value for name, value in row.items()} for row in rows]
