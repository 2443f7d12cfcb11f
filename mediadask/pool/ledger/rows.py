"""From events to the statements that write them: each idempotent, so that a retry never counts twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, update
from sqlalchemy.dialects import postgresql, sqlite

from mediadask.delivery import sendable
from mediadask.pool.events import (
    AttemptEnded,
    AttemptFlagged,
    AttemptStarted,
    Displaced,
    Event,
    JobEnded,
    JobReprioritized,
    JobSubmitted,
    Learned,
    WorkerJoined,
    WorkerLeft,
)
from mediadask.pool.ledger import tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Executable, Table

__all__ = ["statements"]

Row = dict[str, Any]


def statements(
    events: Iterable[Event], dialect: str, *, pool: str, session: str
) -> Iterator[tuple[Executable, list[Row]]]:
    """Statements with their rows, in an order that may run as one transaction.

    Events about the same thing are merged first: an attempt that started and ended within a batch is one row.
    A row that knows all that its table demands is inserted or completes the one that is there; one that knows
    less, such as a job's end, can only complete.
    """
    merged: dict[Table, dict[tuple[Any, ...], Row]] = {}
    for event in events:
        for table, row in _rows(event, pool, session):
            key = tuple(row[column.name] for column in table.primary_key)
            merged.setdefault(table, {}).setdefault(key, {}).update(row)
    for table, rows in merged.items():
        alike: dict[frozenset[str], list[Row]] = {}
        for row in rows.values():
            alike.setdefault(frozenset(row), []).append(row)
        for columns, group in alike.items():
            yield _statement(table, columns, dialect), _renamed(table, columns, group)


def _rows(event: Event, pool: str, session: str) -> Iterator[tuple[Table, Row]]:
    match event:
        case JobSubmitted():
            yield (
                tables.jobs,
                {
                    "job": event.job,
                    "pool": pool,
                    "session": session,
                    "name": _clean(event.name),
                    "show": _clean(event.show),
                    "kind": _clean(event.kind),
                    "priority": event.priority,
                    "deadline": event.deadline,
                    "groups": event.groups,
                    "submitted": event.at,
                    "payload": event.payload,
                    "status": "running",
                },
            )
        case JobReprioritized():
            change = {"job": event.job, "priority": event.priority, "deadline": event.deadline}
            yield tables.jobs, change
            yield tables.reprioritizations, {**change, "at": event.at, "reason": _clean(event.reason)}
        case JobEnded():
            yield (
                tables.jobs,
                {
                    "job": event.job,
                    "status": event.status,
                    "ended": event.at,
                    "seconds": event.seconds,
                    "running_seconds": event.running_seconds,
                    "groups_done": event.groups_done,
                    "groups_failed": event.groups_failed,
                    "error": _clean(event.error),
                    "payload": None,
                },
            )
        case AttemptStarted():
            yield tables.attempts, {**_attempt(event), "started": event.at}
        case AttemptFlagged():
            yield tables.attempts, {**_attempt(event), "error": _clean(event.reason)}
        case AttemptEnded():
            yield (
                tables.attempts,
                {
                    **_attempt(event),
                    **({"started": event.started} if event.started else {}),
                    "ended": event.at,
                    "outcome": event.outcome,
                    "run_seconds": event.run_seconds,
                    "paused_seconds": event.paused_seconds,
                    "error": _clean(event.error),
                },
            )
            if event.shared_with:
                jobs = (event.job, *event.shared_with)
                for job in jobs:
                    yield tables.shares, {"attempt": event.attempt, "job": job, "part": 1 / len(jobs)}
        case Displaced():
            yield (
                tables.displacements,
                {
                    "displacement": event.displacement,
                    "attempt": event.attempt,
                    "job": event.job,
                    "unit": event.unit,
                    "for_job": event.for_job,
                    "worker": event.worker,
                    "started": event.at,
                    "seconds": event.seconds,
                    "how": event.ended,
                },
            )
        case WorkerJoined():
            yield (
                tables.leases,
                {
                    "worker": event.worker,
                    "session": session,
                    "pool": pool,
                    "name": _clean(event.name),
                    "tier": event.tier,
                    "price_per_hour": event.price_per_hour,
                    "threads": event.threads,
                    "startup_seconds": event.startup_seconds,
                    "joined": event.at,
                },
            )
        case WorkerLeft():
            yield (
                tables.leases,
                {
                    "worker": event.worker,
                    "session": session,
                    "ended": event.at,
                    "seconds": event.seconds,
                    "reason": _clean(event.reason),
                },
            )
        case Learned():
            yield (
                tables.learned,
                {
                    "kind": _clean(event.kind),
                    "seconds_per_frame": event.seconds_per_frame,
                    "units": event.units,
                    "at": event.at,
                },
            )


def _attempt(event: AttemptStarted | AttemptFlagged | AttemptEnded) -> Row:
    return {
        "attempt": event.attempt,
        "job": event.job,
        "unit": event.unit,
        "kind": _clean(event.kind),
        "frames": event.frames,
        "worker": event.worker,
        "number": event.number,
    }


def _clean(text: str) -> str:
    """What both databases take: PostgreSQL takes no NUL."""
    return sendable(text).replace("\0", "\\0")


def _statement(table: Table, columns: frozenset[str], dialect: str) -> Executable:
    keys = [column.name for column in table.primary_key]
    demanded = {column.name for column in table.columns if not column.nullable}
    if not demanded <= columns:
        return (
            update(table)
            .where(*(table.c[key] == bindparam(f"key_{key}") for key in keys))
            .values({name: bindparam(name) for name in columns if name not in keys})
        )
    insert = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    known = {name: insert.excluded[name] for name in columns if name not in keys}
    return insert.on_conflict_do_update(index_elements=keys, set_=known)


def _renamed(table: Table, columns: frozenset[str], rows: list[Row]) -> list[Row]:
    keys = {column.name for column in table.primary_key}
    if {column.name for column in table.columns if not column.nullable} <= columns:
        return rows
    return [{f"key_{name}" if name in keys else name: value for name, value in row.items()} for row in rows]
