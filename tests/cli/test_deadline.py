"""Deadlines as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mediadask.cli.deadline import parse_deadline
from mediadask.errors import InvalidRequest

NOW = datetime(2026, 5, 1, 17, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("90m", timedelta(minutes=90)),
        ("2h", timedelta(hours=2)),
        ("1h30m", timedelta(minutes=90)),
        ("1.5h", timedelta(minutes=90)),
        ("18:30", timedelta(minutes=90)),
        ("16:30", timedelta(hours=23, minutes=30)),
        ("2026-05-01T18:30", timedelta(minutes=90)),
        ("2026-05-01T20:30+02:00", timedelta(minutes=90)),
    ],
)
def test_readings(text: str, after: timedelta) -> None:
    assert parse_deadline(text, NOW) == NOW + after


@pytest.mark.parametrize("text", ["", "soon", "25:00", "90", "-2h", "2026-13-01", "1e9"])
def test_refusals(text: str) -> None:
    with pytest.raises(InvalidRequest, match="is not a time"):
        parse_deadline(text, NOW)
