"""Durations and points in time as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from mediadask.durations import seconds_of, time_ago, time_ahead
from mediadask.errors import InvalidRequest
from mediadask.pool.config import load_config

if TYPE_CHECKING:
    from tests.conftest import Zone

CENTRAL_EUROPE = "CET-1CEST,M3.5.0,M10.5.0/3"
MAY = datetime(2026, 5, 1, 15, 0, tzinfo=UTC)
"""17:00 of summer time."""

NOVEMBER = datetime(2026, 11, 2, 16, 0, tzinfo=UTC)
"""17:00 of standard time."""


@pytest.fixture(autouse=True)
def _in_central_europe(zone: Zone) -> None:
    zone(CENTRAL_EUROPE)


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
        ("2026-05-01T21:30+05:00", timedelta(minutes=90)),
    ],
)
def test_readings(text: str, after: timedelta) -> None:
    assert time_ahead(text, "--deadline", MAY) == MAY + after


@pytest.mark.parametrize(
    ("now", "text", "due"),
    [
        (NOVEMBER, "2027-07-01T09:00", "2027-07-01T09:00+02:00"),
        (MAY, "2027-01-07T09:00", "2027-01-07T09:00+01:00"),
        (datetime(2027, 3, 27, 17, tzinfo=UTC), "09:00", "2027-03-28T09:00+02:00"),
        (datetime(2027, 3, 27, 17, tzinfo=UTC), "24h", "2027-03-28T19:00+02:00"),
        (datetime(2026, 10, 24, 17, tzinfo=UTC), "09:00", "2026-10-25T09:00+01:00"),
    ],
)
def test_clocks_show_the_deadline_on_the_other_side_of_their_change(
    now: datetime, text: str, due: str
) -> None:
    assert time_ahead(text, "--deadline", now) == datetime.fromisoformat(due)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "25:00",
        "90",
        "-2h",
        "2026-13-01",
        "1e9",
        "99999999999d",
        "9999999d",
        "0001-01-01T00:00+14:00",
    ],
)
def test_refusals(text: str) -> None:
    with pytest.raises(InvalidRequest, match="is not a time"):
        time_ahead(text, "--deadline", MAY)


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("90m", timedelta(minutes=90)),
        ("7 days", timedelta(days=7)),
        ("16:30", timedelta(minutes=30)),
        ("18:30", timedelta(hours=22, minutes=30)),
        ("2026-05-01T16:30", timedelta(minutes=30)),
    ],
)
def test_looking_back(text: str, before: timedelta) -> None:
    assert time_ago(text, "--since", MAY) == MAY - before


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("15min", 900),
        ("1h30m", 5400),
        ("2 hours", 7200),
        ("1.5h", 5400),
        ("100ms", 0.1),
        ("2w", 1209600),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert seconds_of(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", " ", "90", "-2h", "2x", "h", "1h x", "ever", "1,5h", "1h-30m"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration such as 90s, 15min or 2h"):
        seconds_of(text)


def test_settings_deadlines_and_reports_read_one_grammar() -> None:
    assert load_config({"grace": "1h30m"}).grace == seconds_of("1h30m")
    assert time_ahead("1h30m", "--deadline", MAY) - MAY == MAY - time_ago("1h30m", "--since", MAY)
