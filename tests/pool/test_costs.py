"""Costs: every second of every lease is somebody's, and the sum is what the leases cost."""

from __future__ import annotations

import random
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediadask.pool.config import load_config
from mediadask.pool.history import (
    Attempt,
    AttemptEnded,
    AttemptStarted,
    Displaced,
    JobSubmitted,
    WorkerJoined,
    WorkerLeft,
    new_id,
)
from mediadask.pool.ledger.costs import budgets, costs, spent
from mediadask.pool.ledger.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

START = datetime(2031, 5, 1, 8, tzinfo=UTC)


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    with Ledger(ledger_url) as ledger:
        yield ledger


def submit(ledger: Ledger, show: str) -> str:
    job = new_id()
    ledger.record(JobSubmitted(job=job, name=f"of {show}", show=show, priority="urgent", at=START))
    return job


def lease(ledger: Ledger, hours: float, price: float = 1.0, threads: int = 1, at: datetime = START) -> str:
    worker = new_id()
    ledger.record(WorkerJoined(worker=worker, tier="it", price_per_hour=price, threads=threads, at=at))
    ledger.record(WorkerLeft(worker=worker, seconds=hours * 3600, at=at + timedelta(hours=hours)))
    return worker


def one(job: str, worker: str) -> Attempt:
    return Attempt(id=new_id(), job=job, unit="u", kind="k", frames=1, worker=worker)


def attempt(ledger: Ledger, job: str, worker: str, hours: float, outcome: str = "done", **more) -> None:
    after, paused, others = more.pop("after", 0.0), more.pop("paused", 0.0), more.pop("others", ())
    left = more.pop("left", False)
    begun = START + timedelta(hours=after)
    what = one(job, worker)
    ledger.record(AttemptStarted(attempt=what, at=begun))
    ledger.record(
        AttemptEnded(
            attempt=what, outcome=outcome, run_seconds=hours * 3600, paused_seconds=paused * 3600,
            shared_with=tuple(others), is_left_to_others=left, at=begun + timedelta(hours=hours + paused),
        )
    )  # fmt: skip


def test_a_lease_is_split_between_its_users_and_their_idle_share(ledger: Ledger) -> None:
    worker = lease(ledger, hours=10, price=2.0)
    one, two = submit(ledger, "A"), submit(ledger, "B")
    attempt(ledger, one, worker, 3)
    attempt(ledger, one, worker, 1, "failed", after=3)
    attempt(ledger, one, worker, 2, "rescheduled", after=4)
    attempt(ledger, two, worker, 2, after=6, paused=1)
    ledger.flush()
    table = costs(ledger.engine, load_config())
    assert table.attrs == {"currency": "USD", "leased": 20.0}
    a, b = table.to_dict("records")
    assert (a["show"], a["compute"], a["retries"], a["displaced"], a["idle"]) == ("A", 6, 2, 4, 3)
    assert (b["show"], b["compute"], b["idle"], b["total"], b["displaced_hours"]) == ("B", 4, 1, 5, 1)
    assert (a["compute_hours"], a["idle_hours"]) == (6, 1.5)


def test_what_several_jobs_wanted_costs_each_its_part(ledger: Ledger) -> None:
    worker = lease(ledger, hours=10, price=3.0)
    one, two, three = (submit(ledger, show) for show in "ABB")
    attempt(ledger, one, worker, 3, others=[two, three])
    attempt(ledger, two, worker, 2, "failed", after=3, others=[one])
    attempt(ledger, one, worker, 1, after=5)
    ledger.flush()
    table = costs(ledger.engine, load_config()).set_index("show")
    assert list(table.loc["A", ["compute", "retries"]]) == pytest.approx([6, 3])
    assert list(table.loc["B", ["compute", "retries"]]) == pytest.approx([6, 3])
    assert table["idle"].to_dict() == pytest.approx({"A": 6, "B": 6})
    until = START + timedelta(hours=1.5)
    table = costs(ledger.engine, load_config(), until=until).set_index("show")
    assert table["compute"].to_dict() == pytest.approx({"A": 1.5, "B": 3}), "half of the first"


def test_by_job_class_and_kind(ledger: Ledger) -> None:
    worker = lease(ledger, hours=3)
    for show in ("A", "A", "B"):
        attempt(ledger, submit(ledger, show), worker, 1)
    ledger.flush()
    assert list(costs(ledger.engine, load_config(), by="job")["total"]) == [1, 1, 1]
    (row,) = costs(ledger.engine, load_config(), by="priority").to_dict("records")
    assert (row["priority"], row["total"]) == ("urgent", 3)
    assert len(costs(ledger.engine, load_config(), by="kind")) == 1


def test_a_worker_of_several_threads_costs_its_share_for_each(ledger: Ledger) -> None:
    worker = lease(ledger, hours=1, price=4.0, threads=4)
    job = submit(ledger, "A")
    for _ in range(3):
        attempt(ledger, job, worker, 1)
    ledger.flush()
    (row,) = costs(ledger.engine, load_config()).to_dict("records")
    assert (row["compute"], row["idle"], row["total"]) == (3, 1, 4)


def test_what_a_cancelled_job_began_for_others_is_theirs_to_pay(ledger: Ledger) -> None:
    worker = lease(ledger, hours=4, price=2.0)
    one, two, three = submit(ledger, "A"), submit(ledger, "B"), submit(ledger, "C")
    attempt(ledger, one, worker, 4, others=[two, three], left=True)
    assert ledger.flush()
    table = costs(ledger.engine, load_config()).set_index("show")
    assert table["total"].to_dict() == pytest.approx({"A": 0, "B": 4, "C": 4})
    table = costs(ledger.engine, load_config(), until=START + timedelta(hours=2)).set_index("show")
    assert table["compute"].to_dict() == pytest.approx({"A": 0, "B": 2, "C": 2})


def test_a_worker_nobody_used_is_shared_by_all(ledger: Ledger) -> None:
    used = lease(ledger, hours=4)
    lease(ledger, hours=8)
    attempt(ledger, submit(ledger, "A"), used, 3)
    attempt(ledger, submit(ledger, "B"), used, 1, after=3)
    ledger.flush()
    table = costs(ledger.engine, load_config()).set_index("show")
    assert (table.loc["A", "idle"], table.loc["B", "idle"]) == (6, 2)


def test_leases_without_any_work_are_not_hidden(ledger: Ledger) -> None:
    lease(ledger, hours=2)
    ledger.flush()
    (row,) = costs(ledger.engine, load_config()).to_dict("records")
    assert (row["show"], row["idle"], row["total"]) == ("(unused)", 2, 2)


def test_an_empty_ledger_costs_nothing(ledger: Ledger) -> None:
    for by in ("show", "job", "priority", "kind"):
        assert costs(ledger.engine, load_config(), by=by).empty


def test_a_window_takes_the_part_inside_it(ledger: Ledger) -> None:
    worker = lease(ledger, hours=10)
    job = submit(ledger, "A")
    attempt(ledger, job, worker, 4)
    attempt(ledger, job, worker, 4, after=5)
    ledger.flush()
    since, until = START + timedelta(hours=2), START + timedelta(hours=6)
    (row,) = costs(ledger.engine, load_config(), since=since, until=until).to_dict("records")
    assert (row["compute"], row["idle"]) == pytest.approx((3, 1))


def test_free_workers_still_have_hours(ledger: Ledger) -> None:
    worker = lease(ledger, hours=10, price=0)
    attempt(ledger, submit(ledger, "A"), worker, 4)
    ledger.flush()
    (row,) = costs(ledger.engine, load_config()).to_dict("records")
    assert (row["total"], row["compute_hours"], row["idle_hours"]) == (0, 4, 6)


def test_what_runs_now_counts_so_far(ledger: Ledger) -> None:
    worker, job = new_id(), submit(ledger, "A")
    now = datetime.now(UTC)
    begun = {"at": now - timedelta(hours=1)}
    ledger.record(
        WorkerJoined(worker=worker, tier="it", price_per_hour=2.0, threads=1, at=now - timedelta(hours=2))
    )
    ledger.record(AttemptStarted(attempt=one(job, worker), **begun))
    ledger.flush()
    (row,) = costs(ledger.engine, load_config()).to_dict("records")
    assert row["compute"] == pytest.approx(2, abs=0.1)
    assert row["idle"] == pytest.approx(2, abs=0.1)


def test_what_stands_aside_now_costs_nothing_meanwhile(ledger: Ledger) -> None:
    worker, behind, front = new_id(), submit(ledger, "BEHIND"), submit(ledger, "FRONT")
    now = datetime.now(UTC)
    ago = [now - timedelta(hours=hours) for hours in range(5)]
    ledger.record(WorkerJoined(worker=worker, tier="it", price_per_hour=2.0, threads=1, at=ago[4]))
    first = one(behind, worker)
    ledger.record(AttemptStarted(attempt=first, at=ago[4]))
    ledger.record(AttemptStarted(attempt=one(front, worker), at=ago[1]))
    aside = Displaced(displacement="1", attempt=first, for_job=front, at=ago[3])
    ledger.record(replace(aside, seconds=3600, ended="resumed"))
    ledger.record(replace(aside, displacement="2", at=ago[1]))
    ledger.flush()
    table = costs(ledger.engine, load_config()).set_index("show")
    figures = ["compute", "idle", "compute_hours", "displaced_hours"]
    assert list(table.loc["BEHIND", figures]) == pytest.approx([4, 1.33, 2, 2], abs=0.01)
    assert list(table.loc["FRONT", figures]) == pytest.approx([2, 0.67, 1, 0], abs=0.01)
    assert table["total"].sum() == pytest.approx(table.attrs["leased"], rel=1e-3)
    first = costs(ledger.engine, load_config(), until=ago[2]).set_index("show")
    assert list(first.loc["BEHIND", figures]) == pytest.approx([2, 2, 1, 1], abs=0.01)


def test_work_of_next_to_no_time_bears_all_that_its_worker_stood_idle(ledger: Ledger) -> None:
    worker, job = lease(ledger, hours=10), submit(ledger, "A")
    attempt(ledger, job, worker, hours=1e-315)
    ledger.flush()
    (row,) = costs(ledger.engine, load_config()).to_dict("records")
    assert (row["show"], row["idle"]) == ("A", pytest.approx(10))


def test_a_clock_step_changes_no_figure(ledger: Ledger) -> None:
    worker, job = new_id(), submit(ledger, "A")
    back = START - timedelta(hours=9)
    ledger.record(WorkerJoined(worker=worker, tier="it", price_per_hour=1.0, threads=1, at=START))
    what = one(job, worker)
    ledger.record(AttemptStarted(attempt=what, at=START))
    ledger.record(AttemptEnded(attempt=what, outcome="done", run_seconds=3600, at=back))
    ledger.record(WorkerLeft(worker=worker, seconds=7200, at=back))
    ledger.flush()
    (row,) = costs(ledger.engine, load_config()).to_dict("records")
    assert (row["compute"], row["idle"]) == (1, 1)


def test_budgets_warn_before_they_bite(ledger: Ledger) -> None:
    config = load_config(
        {
            "budgets": {
                "A": {"amount": 10, "action": "hold"},
                "B": {"amount": 4, "action": "background"},
                "C": {"amount": 100},
            }
        }
    )
    worker = lease(ledger, hours=12)
    attempt(ledger, submit(ledger, "A"), worker, 8)
    attempt(ledger, submit(ledger, "B"), worker, 4, after=8)
    ledger.flush()
    assert spent(ledger.engine, config) == {"A": 8, "B": 4}
    table = budgets(ledger.engine, config).set_index("show")
    assert list(table["state"]) == ["warn", "background", "ok"]
    assert table.loc["A", "warning"] == "A has spent 8.00 of 10.00 USD; its work then waits"
    assert table.loc["B", "warning"] == "B has spent 4.00 of 4.00 USD; its work goes behind all other"
    assert table.loc["C", "warning"] == ""
    assert budgets(ledger.engine, load_config()).empty


def test_shows_in_upper_and_lower_case_share_a_budget(ledger: Ledger) -> None:
    config = load_config({"budgets": {"agm": {"amount": 5, "action": "hold"}}})
    worker = lease(ledger, hours=12)
    for after, show in enumerate(["AGM", "agm", "Agm", "OTHER"]):
        attempt(ledger, submit(ledger, show), worker, 3, after=3 * after)
    ledger.flush()
    assert spent(ledger.engine, config) == {"agm": 9}
    assert list(budgets(ledger.engine, config)["state"]) == ["hold"]


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 8), st.integers(1, 4))
def test_whatever_happened_the_shares_add_up_to_the_leases(
    rng: random.Random, workers: int, shows: int
) -> None:
    with tempfile.TemporaryDirectory() as folder, Ledger(str(Path(folder) / "ledger.sqlite")) as ledger:
        jobs = [submit(ledger, f"show {n % shows}") for n in range(shows * 2)]
        for _ in range(workers):
            threads, hours = rng.randint(1, 4), rng.uniform(0.01, 5)
            worker = lease(ledger, hours, rng.choice([0.0, 0.5, 3.0]), threads)
            for _ in range(threads):
                at = 0.0
                while rng.random() < 0.8 and at < hours:
                    run = min(rng.expovariate(1), hours - at)
                    outcome = rng.choice(
                        ["done", "done", "failed", "lost", "rescheduled", "replaced", "cancelled"]
                    )
                    # The worker's own clock and the scheduler's do not agree to the last thousandth.
                    job, *others = rng.sample(jobs, rng.choice([1, 1, 1, 2, min(3, len(jobs))]))
                    run_seconds = run * rng.uniform(0.998, 1.002)
                    attempt(ledger, job, worker, run_seconds, outcome, after=at, others=others)
                    at += run + rng.choice([0.0, rng.expovariate(3)])
        ledger.flush()
        for by in ("show", "job"):
            table = costs(ledger.engine, load_config(), by=by)
            leased = table.attrs["leased"]
            assert table["total"].sum() == pytest.approx(leased, rel=0.01)
            assert (table[["compute", "retries", "displaced", "idle"]] >= 0).all(axis=None)
