"""A pool's log names jobs and units by the ids that the ledger has."""

from __future__ import annotations

import logging

import pytest

from mediadask.pool.history import Attempt, AttemptEnded, JobEnded, JobSubmitted
from mediadask.pool.scheduler.log import log


def test_a_line_for_each_job_s_ends_and_each_unit_that_was_not_done(caplog: pytest.LogCaptureFixture) -> None:
    unit = Attempt(id="a1", job="j1", unit="A001-0-48", kind="proxy", frames=48, worker="spot-3")
    with caplog.at_level(logging.INFO, "mediadask"):
        log(JobSubmitted(job="j1", name="turnover 7", show="ECLIPSE", priority="urgent"))
        log(AttemptEnded(attempt=unit, outcome="done", run_seconds=1.0))
        log(AttemptEnded(attempt=unit, outcome="lost", run_seconds=1.0, error="its worker died"))
        log(JobEnded(job="j1", status="done", seconds=61.25, running_seconds=60.0))
    assert [record.getMessage() for record in caplog.records] == [
        "job j1: turnover 7 of show ECLIPSE is submitted, urgent",
        "job j1 unit A001-0-48: lost on worker spot-3: its worker died",
        "job j1: done after 61.2 s",
    ]
