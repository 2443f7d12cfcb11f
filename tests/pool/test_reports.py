"""Reports: turnaround against targets and deadlines, every job, who made way for whom."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from mediadask.pool.config import load_config
from mediadask.pool.history import (
    Attempt,
    Displaced,
    JobEnded,
    JobReprioritized,
    JobSubmitted,
    new_id,
)
from mediadask.pool.ledger import reports
from mediadask.pool.ledger.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

START = datetime(2031, 5, 1, 8, tzinfo=UTC)


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    with Ledger(ledger_url) as ledger:
        yield ledger


def run_job(
    ledger: Ledger,
    seconds: float,
    *,
    at: datetime = START,
    show: str = "A",
    priority: str = "urgent",
    waiting: float = 0.0,
    kind: str = "pull exr",
    status: str = "done",
    deadline: float | None = None,
) -> str:
    job = new_id()
    due = None if deadline is None else at + timedelta(seconds=deadline)
    ledger.record(
        JobSubmitted(
            job=job,
            name=f"job {seconds}",
            show=show,
            priority=priority,
            kind=kind,
            at=at,
            deadline=due,
            groups=2,
        )
    )
    if status != "running":
        ledger.record(
            JobEnded(
                job=job, status=status, seconds=seconds, running_seconds=seconds - waiting,
                groups_done=2, at=at + timedelta(seconds=seconds),
            )
        )  # fmt: skip
    return job


def test_turnaround_by_class_against_its_target(ledger: Ledger) -> None:
    for seconds in (100, 200, 300, 400, 1000):
        run_job(ledger, seconds, waiting=50)
    run_job(ledger, 5000, priority="background", show="B")
    run_job(ledger, 9999, status="cancelled")
    run_job(ledger, 9999, status="running")
    ledger.flush()
    table = reports.turnaround(ledger.engine, load_config())
    assert list(table["priority"]) == ["urgent", "background"], "most urgent first"
    urgent = table.iloc[0]
    assert (urgent["jobs"], urgent["p50_seconds"], urgent["max_seconds"]) == (5, 300, 1000)
    assert urgent["p90_seconds"] == pytest.approx(760)
    assert (urgent["waiting_p50_seconds"], urgent["running_p50_seconds"]) == (50, 250)
    assert (urgent["target_seconds"], urgent["target_met"]) == (900, 0.8)


def test_turnaround_by_show_and_kind(ledger: Ledger) -> None:
    run_job(ledger, 100, show="A", kind="pull exr")
    run_job(ledger, 300, show="A", kind="proxy h264")
    run_job(ledger, 500, show="B", kind="proxy h264")
    ledger.flush()
    by_show = reports.turnaround(ledger.engine, load_config(), by="show").set_index("show")
    assert by_show.loc["A", "p50_seconds"] == 200
    by_kind = reports.turnaround(ledger.engine, load_config(), by="kind").set_index("kind")
    assert by_kind.loc["proxy h264", "max_seconds"] == 500


def test_a_class_that_the_settings_no_longer_have_has_no_target_to_meet(ledger: Ledger) -> None:
    run_job(ledger, 100, show="A", priority="rush")
    run_job(ledger, 100, show="B", priority="rush")
    run_job(ledger, 100, show="B")
    ledger.flush()
    by_class = reports.turnaround(ledger.engine, load_config()).set_index("priority")
    assert by_class["target_met"].isna().to_dict() == {"urgent": False, "rush": True}
    by_show = reports.turnaround(ledger.engine, load_config(), by="show").set_index("show")
    assert pd.isna(by_show.loc["A", "target_met"])
    assert by_show.loc["B", "target_met"] == 1, "of the jobs that have a target"


def test_deadlines_are_judged_by_measured_seconds_whatever_the_clock_did(ledger: Ledger) -> None:
    run_job(ledger, 100, deadline=101)
    run_job(ledger, 100, deadline=99)
    run_job(ledger, 100)
    job = run_job(ledger, 0, deadline=100, status="running")
    stepped = START - timedelta(hours=5)
    ledger.record(JobEnded(job=job, status="done", seconds=200, running_seconds=200, at=stepped))
    ledger.flush()
    (row,) = reports.turnaround(ledger.engine, load_config()).to_dict("records")
    assert (row["jobs"], row["deadlines"], row["deadlines_met"]) == (4, 3, 1)


def test_an_empty_ledger_gives_empty_tables(ledger: Ledger) -> None:
    for by in ("priority", "show", "kind"):
        assert reports.turnaround(ledger.engine, load_config(), by=by).empty
    assert reports.history(ledger.engine).empty
    assert reports.delays(ledger.engine).empty


def test_history_is_newest_first_and_since(ledger: Ledger) -> None:
    old = run_job(ledger, 10)
    new = run_job(ledger, 20, at=START + timedelta(days=1), waiting=5)
    ledger.flush()
    table = reports.history(ledger.engine)
    assert list(table["job"]) == [new, old]
    assert list(table["waiting_seconds"]) == [5, 0]
    assert list(reports.history(ledger.engine, limit=1)["job"]) == [new]
    assert list(reports.history(ledger.engine, since=START + timedelta(hours=1))["job"]) == [new]
    assert table.loc[0, "submitted"] == pd.Timestamp(START + timedelta(days=1))


def test_a_job_counts_for_the_class_it_ended_in(ledger: Ledger) -> None:
    job = run_job(ledger, 0, priority="background", status="running")
    ledger.record(JobReprioritized(job=job, priority="urgent"))
    ledger.record(JobEnded(job=job, status="done", seconds=5, running_seconds=5))
    ledger.flush()
    assert list(reports.turnaround(ledger.engine, load_config())["priority"]) == ["urgent"]


def test_a_job_whose_pool_died_is_orphaned(ledger_url: str) -> None:
    with Ledger(ledger_url) as ledger:
        run_job(ledger, 0, status="running")
    with Ledger(ledger_url) as ledger:
        (row,) = reports.history(ledger.engine).to_dict("records")
        assert row["status"] == "orphaned"
        ledger.take_over()
        (row,) = reports.history(ledger.engine).to_dict("records")
        assert row["status"] == "running"


def test_delays_name_who_made_way_for_whom(ledger: Ledger) -> None:
    front, behind = run_job(ledger, 10, show="FRONT"), run_job(ledger, 50, show="BEHIND")
    for seconds in (2.0, 3.0, None):
        ledger.record(
            Displaced(
                displacement=new_id(),
                attempt=Attempt(id="a", job=behind, unit="u", kind="k", frames=1, worker="w"),
                for_job=front,
                seconds=seconds,
            )
        )
    ledger.flush()
    (row,) = reports.delays(ledger.engine).to_dict("records")
    assert (row["show"], row["for_show"], row["times"], row["seconds"]) == ("BEHIND", "FRONT", 3, 5.0)
