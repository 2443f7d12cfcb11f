"""What crosses between workers, scheduler and clients: typed, and survived where one side is newer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mediadask.pool import reports
from mediadask.pool.descriptions import PoolStatus, TierStatus

if TYPE_CHECKING:
    from mediadask.pool.reports import Report

SAID: tuple[Report, ...] = (
    reports.UnitBegan(0),
    reports.FramesDone(0, 12),
    reports.OthersReturned(0),
    reports.UnitPaused(0),
    reports.UnitResumed(1.5),
    reports.StayedPaused(),
    reports.UnitEnded(0, "done", b"value", frames=48, run_seconds=2.0),
    reports.BatchDone(),
    reports.BatchUnknown(),
)


def test_reports_arrive_as_they_were_made() -> None:
    assert reports.from_wire("w", [reports.to_wire(report) for report in SAID]) == SAID


def test_a_report_that_this_version_does_not_know_is_one_line_and_stops_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    messages = [["UnitSlept", 0, 3.0], ["FramesDone", 1, 2, 3, 4], reports.to_wire(SAID[0])]
    assert reports.from_wire("tcp://w", messages) == (SAID[0],)
    assert [record.message for record in caplog.records] == [
        "worker tcp://w reports 'UnitSlept', which this version does not know",
        "worker tcp://w reports 'FramesDone', which this version does not know",
    ]


def test_what_a_newer_pool_tells_more_is_left_out() -> None:
    tier = TierStatus(tier="local", workers=1, requested=0, target=2, price_per_hour=0.5)
    assert TierStatus.from_wire({**tier.to_wire(), "spot": True}) == tier


def test_a_pool_s_status_is_plain_data() -> None:
    tier = TierStatus(tier="local", workers=1, requested=0, target=2, price_per_hour=0.5)
    status = PoolStatus(
        name="house", going_down=False, waits_for=[], trouble="", because="", ledger_away_seconds=0.0,
        ledger_trouble="", tiers=[tier], jobs=[],
    )  # fmt: skip
    assert status.to_wire()["tiers"] == [tier.to_wire()]
