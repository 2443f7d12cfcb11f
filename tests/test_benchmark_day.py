"""The day's figure tells a pool that follows the work from one that does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from benchmarks.day import TRACE, WORKERS, followed

HOUR = 5.0
DAY = 24 * HOUR
START = datetime(2031, 5, 1, tzinfo=UTC)


def at(seconds: list[float]) -> list[datetime]:
    return [START + timedelta(seconds=each) for each in seconds]


def ends() -> list[float]:
    """When each unit of the trace ends where all workers are there all day."""
    free, found = [0.0] * WORKERS, []
    for arrival in TRACE:
        for _ in range(arrival.units):
            free.sort()
            free[0] = max(free[0], arrival.hour * HOUR) + arrival.seconds
            found.append(free[0])
    return found


def bursts() -> list[tuple[float, float]]:
    """From the first unit of a burst to its last: when there is anything to do."""
    steps = sorted([(each.hour * HOUR, each.units) for each in TRACE] + [(end, -1) for end in ends()])
    open_units, begin, found = 0, 0.0, []
    for moment, change in steps:
        begin = moment if not open_units else begin
        open_units += change
        if not open_units:
            found.append((begin, moment))
    return found


@pytest.mark.parametrize(
    ("workers", "follows"),
    [
        ([(start + 1, stop + 1.5) for start, stop in bursts()], True),
        ([(0, DAY)], False),
        ([(start + 20, stop + 1.5) for start, stop in bursts()], False),
        ([(0, 0.1)], False),
    ],
    ids=["come and go", "kept all day", "come late", "never come"],
)
def test_workers_that_match_the_work(workers: list[tuple[float, float]], follows: bool) -> None:
    spans = [span for span in workers for _ in range(WORKERS)]
    submitted = pd.DataFrame({"submitted": at([each.hour * HOUR for each in TRACE])})
    tried = pd.DataFrame({"ended": at(ends())})
    told = pd.DataFrame(
        {
            "joined": at([start for start, _ in spans]),
            "ended": at([stop for _, stop in spans]),
            "startup_seconds": 1.0,
        }
    )
    assert (followed(submitted, tried, told, DAY) >= 0.95) == follows
