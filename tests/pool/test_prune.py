"""Old jobs lose their units and keep their figures."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from sqlalchemy import func, select

from mediadask.errors import InvalidRequest
from mediadask.pool.config import load_config
from mediadask.pool.history import (
    Attempt,
    AttemptEnded,
    AttemptStarted,
    Displaced,
    JobEnded,
    JobSubmitted,
    WorkerJoined,
    WorkerLeft,
    new_id,
    utc_now,
)
from mediadask.pool.ledger import reports, tables
from mediadask.pool.ledger.costs import costs
from mediadask.pool.ledger.ledger import Ledger
from mediadask.pool.ledger.prune import Pruned, prune
from tests.pool.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Table

START = datetime(2026, 5, 1, 8, tzinfo=UTC)
OUTCOMES = ("done", "done", "done", "failed", "lost", "rescheduled")


def fill(ledger: Ledger) -> list[str]:
    """Jobs of four shows, one an hour, on three workers; shared units, retries, displacements."""
    rng, workers = random.Random(7), [new_id() for _ in range(3)]
    for number, worker in enumerate(workers):
        price = 1.0 + number
        ledger.record(
            WorkerJoined(
                worker=worker, tier="it", price_per_hour=price, threads=2, at=START - timedelta(hours=1)
            )
        )
        ledger.record(WorkerLeft(worker=worker, seconds=14 * 3600, at=START + timedelta(hours=13)))
    jobs = [f"j{number}" for number in range(12)]
    for number, job in enumerate(jobs):
        at = START + timedelta(hours=number)
        ledger.record(
            JobSubmitted(
                job=job, name=f"n{number}", show="ABCD"[number % 4], kind=("pull", "proxy")[number % 2],
                priority=("urgent", "normal")[number % 2], at=at, deadline=at + timedelta(minutes=40),
            )
        )  # fmt: skip
        for unit in range(10):
            which = Attempt(
                id=f"{job}-{unit}", job=job, unit=f"u{unit}", kind="k", frames=1, worker=rng.choice(workers)
            )
            seconds = rng.uniform(10, 100)
            begun = at + timedelta(seconds=100 * unit)
            ledger.record(AttemptStarted(attempt=which, at=begun))
            ledger.record(
                AttemptEnded(
                    attempt=which, outcome=rng.choice(OUTCOMES), run_seconds=seconds,
                    paused_seconds=float(unit),
                    shared_with=(rng.choice(jobs[:number]),) if number and unit == 3 else (),
                    at=begun + timedelta(seconds=seconds),
                )
            )  # fmt: skip
            if unit < 3 and number:
                ledger.record(
                    Displaced(
                        displacement=new_id(), attempt=which, for_job=jobs[number - 1], seconds=2.0, at=begun,
                        ended="resumed",
                    )
                )  # fmt: skip
        if number != 11:
            end = at + timedelta(seconds=1100)
            ledger.record(JobEnded(job=job, status="done", seconds=1100, running_seconds=900, at=end))
    assert ledger.flush()
    return jobs


def told(ledger: Ledger, **window: Any) -> dict[str, pd.DataFrame]:
    engine, config = ledger.engine, load_config()
    found = {
        f"costs by {by}": costs(engine, config, by=by, **window).sort_values(by, ignore_index=True)
        for by in ("show", "job", "priority", "kind")
    }
    if not window:
        found |= {
            f"turnaround by {by}": reports.turnaround(engine, config, by=by) for by in ("priority", "show")
        }
        found["delays"] = reports.delays(engine).sort_values(["name", "for_name"], ignore_index=True)
    return found


def count(ledger: Ledger, table: Table) -> int:
    with ledger.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def assert_same(before: dict[str, pd.DataFrame], after: dict[str, pd.DataFrame]) -> None:
    for name in before:
        pd.testing.assert_frame_equal(before[name], after[name], check_dtype=False, obj=name)


def test_reports_tell_the_same_before_and_after(ledger_url: str) -> None:
    with Ledger(ledger_url) as ledger:
        fill(ledger)
        before = told(ledger)
        assert before["costs by show"]["total"].gt(0).all()
        until = START + timedelta(hours=6)
        in_part = told(ledger, until=until)

        displacements = count(ledger, tables.displacements)
        pruned = prune(ledger.engine, START + timedelta(hours=5, minutes=30))
        assert count(ledger, tables.displacements) < displacements
        assert pruned == Pruned(jobs=6, attempts=60)
        assert count(ledger, tables.packed_attempts) == 60
        assert_same(before, told(ledger))
        assert_same(in_part, told(ledger, until=until))

        assert prune(ledger.engine, utc_now()).jobs == 5
        assert count(ledger, tables.packed_attempts) == 10, "those of a job that has not ended"
        assert_same(before, told(ledger))
        assert prune(ledger.engine, utc_now()) == Pruned(0, 0)


def test_a_window_counts_a_pruned_job_by_how_much_of_its_time_it_has(ledger_url: str) -> None:
    with Ledger(ledger_url) as ledger:
        ledger.record(WorkerJoined(worker="w", tier="it", price_per_hour=1.0, threads=1, at=START))
        ledger.record(WorkerLeft(worker="w", seconds=4 * 3600, at=START + timedelta(hours=4)))
        ledger.record(JobSubmitted(job="j", name="n", show="A", priority="urgent", at=START))
        for hour in range(4):
            which = Attempt(id=f"a{hour}", job="j", unit="u", kind="k", frames=1, worker="w")
            ended = AttemptEnded(attempt=which, outcome="done", run_seconds=3600.0)
            begun = START + timedelta(hours=hour)
            ledger.record(replace(ended, started=begun, at=begun + timedelta(hours=1)))
        end = START + timedelta(hours=4)
        ledger.record(JobEnded(job="j", status="done", seconds=4 * 3600, running_seconds=4 * 3600, at=end))
        assert ledger.flush()
        prune(ledger.engine, utc_now())
        window = {"since": START + timedelta(minutes=30), "until": START + timedelta(hours=2)}
        (row,) = costs(ledger.engine, load_config(), **window).to_dict("records")
    assert row["compute"] == pytest.approx(1.5)


def test_what_comes_late_to_a_pruned_job_is_added_to_its_sums(ledger_url: str) -> None:
    with Ledger(ledger_url) as ledger:
        fill(ledger)
        prune(ledger.engine, utc_now())
        late = Attempt(id="late", job="j0", unit="u", kind="k", frames=1, worker="w")
        ledger.record(AttemptEnded(attempt=late, outcome="done", run_seconds=3600.0))
        assert ledger.flush()
        before = told(ledger)
        assert prune(ledger.engine, utc_now()) == Pruned(jobs=1, attempts=1)
        assert_same(before, told(ledger))


def test_a_pool_prunes_by_itself(tmp_path: Path) -> None:
    with Ledger(str(tmp_path / "ledger.sqlite"), keep_seconds=3600.0) as ledger:
        fill(ledger)
        eventually(lambda: count(ledger, tables.packed_attempts) == 10)
        ledger.record(
            AttemptEnded(
                attempt=Attempt(id="new", job="j11", unit="u", kind="k", frames=1, worker="w"),
                outcome="done",
                run_seconds=1.0,
            )
        )
        assert ledger.flush()
        assert ledger.trouble == ""


def test_how_long_to_keep_is_a_setting() -> None:
    assert load_config().ledger.keep is None
    assert load_config({"ledger": {"keep": "90d"}}).ledger.keep == 90 * 24 * 3600
    with pytest.raises(InvalidRequest, match=r"mediadask.ledger.kept: no such setting; did you mean keep\?"):
        load_config({"ledger": {"kept": "90d"}})
    with pytest.raises(InvalidRequest, match="'long' is not a duration"):
        load_config({"ledger": {"keep": "long"}})
