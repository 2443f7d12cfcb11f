"""Every field of every record has its column, or a reason to have none."""

from __future__ import annotations

from dataclasses import fields
from typing import get_args

from mediadask.pool.history import Attempt, Record
from mediadask.pool.ledger.rows import COLUMNS

NOT_KEPT = {
    "AttemptFlagged.at": "the error says what is wrong, not when it was seen",
    "AttemptEnded.shared_with": "shares",
    "AttemptEnded.is_left_to_others": "shares",
    "Displaced.kind": "its attempt has it",
    "Displaced.frames": "its attempt has it",
    "Displaced.number": "its attempt has it",
}


def test_every_field_is_kept() -> None:
    forgotten = set()
    for kind in get_args(Record):
        kept = {path for _, columns in COLUMNS[kind] for _, path in columns}
        said = {(field.name,) for field in fields(kind)}
        if ("attempt",) in said:
            said = said - {("attempt",)} | {("attempt", field.name) for field in fields(Attempt)}
        forgotten |= {f"{kind.__name__}.{path[-1]}" for path in said - kept}
    assert forgotten == set(NOT_KEPT)
