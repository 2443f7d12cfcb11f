"""Jobs on a simulated pool in which nothing goes wrong: what they take, for quotes and replays."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from mediadask.errors import InvalidRequest
from mediadask.pool.config import load_config
from mediadask.pool.history import Attempt, AttemptEnded, JobEnded, JobSubmitted, new_id
from mediadask.pool.ledger.ledger import Ledger
from mediadask.pool.simulation import GroupModel, JobModel, UnitModel, jobs_from_ledger, simulate

if TYPE_CHECKING:
    from pathlib import Path

    from mediadask.pool.config import PoolConfig

START = datetime(2031, 5, 1, 8, tzinfo=UTC)


def config(maximum: int = 2, startup: str = "10s", **more: object) -> PoolConfig:
    tier = {"kind": "on-demand", "price-per-hour": 3.6, "maximum": maximum, "startup": startup}
    return load_config({"tiers": {"local": None, "farm": tier}, **more})


def job(name: str, units: int, seconds: float = 10.0, **more: object) -> JobModel:
    groups = tuple(
        GroupModel((UnitModel(f"{name}-{n}", seconds, "proxy", 48, told_seconds=seconds),))
        for n in range(units)
    )
    return JobModel(id=name, groups=groups, **more)  # type: ignore[arg-type]


def test_a_job_takes_its_work_over_the_workers_and_their_start() -> None:
    outcome = simulate([job("a", 20, priority="urgent", deadline_seconds=100.0)], config())
    (ended,) = outcome.jobs
    assert ended.status == "done"
    assert ended.turnaround_seconds == pytest.approx(10.0 + 20 * 10.0 / 2, rel=0.2)
    assert ended.waiting_seconds == pytest.approx(10.0, rel=0.2)
    assert ended.in_time is False
    (tier,) = outcome.tiers
    assert tier.most_workers == 2
    assert tier.cost == pytest.approx(20 * 10.0 * 0.001, rel=0.3)
    assert tier.busy_share > 0.8


def test_more_workers_make_it_in_time_where_they_are_allowed() -> None:
    late = job("a", 40, priority="urgent", deadline_seconds=90.0)
    assert not simulate([late], config(maximum=2)).jobs[0].in_time
    outcome = simulate([late], config(maximum=20))
    assert outcome.jobs[0].in_time
    assert 5 <= outcome.tiers[0].most_workers <= 20


def test_urgent_work_displaces_and_nothing_is_lost() -> None:
    jobs = [
        job("long", 20, 60.0, priority="background"),
        job("now", 4, 5.0, priority="urgent", at=200.0),
    ]
    long, now = simulate(jobs, config()).jobs
    assert now.turnaround_seconds < 30.0  # a unit of the other takes a minute
    assert long.status == now.status == "done"
    alone = simulate(jobs[:1], config()).jobs[0]
    assert 0 < long.turnaround_seconds - alone.turnaround_seconds < 4 * 5.0 + 1.0


def test_the_same_jobs_give_the_same_outcome() -> None:
    jobs = [job(f"j{number}", 10, at=number * 7.0, priority="normal") for number in range(5)]
    assert simulate(jobs, config()) == simulate(jobs, config())


def test_workers_go_when_nobody_needs_them_and_come_again() -> None:
    outcome = simulate([job("day", 4), replace(job("next day", 4), at=86400.0)], config(grace="60s"))
    assert outcome.tiers[0].worker_hours < 0.2
    assert len(outcome.table) == 2
    assert list(outcome.table["job"]) == ["day", "next day"]


def test_a_pool_that_may_have_no_worker_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="no tier may have a worker"):
        simulate([job("a", 1)], config(maximum=0))


def record(
    ledger: Ledger, name: str, at: datetime, seconds: list[float], shared_with: tuple[str, ...]
) -> str:
    id = new_id()
    ledger.record(
        JobSubmitted(
            job=id, name=name, show="nova", priority="normal", deadline=at + timedelta(hours=1), groups=2,
            kind="proxy", at=at,
        )
    )  # fmt: skip
    for number, each in enumerate(seconds):
        attempt = Attempt(
            id=new_id(), job=id, unit=f"{name}-{number}", kind="proxy h264", frames=48, worker="w"
        )
        ended = at + timedelta(seconds=60.0 + number)
        ledger.record(
            AttemptEnded(
                attempt=attempt,
                outcome="done",
                run_seconds=each,
                shared_with=shared_with,
                started=at,
                at=ended,
            )
        )
        lost = replace(attempt, id=new_id())
        ledger.record(AttemptEnded(attempt=lost, outcome="lost", run_seconds=3.0, started=at, at=ended))
    ledger.record(JobEnded(job=id, status="done", seconds=60.0, running_seconds=30.0, groups_done=2))
    return id


def test_a_ledger_gives_its_jobs_to_be_run_again(tmp_path: Path) -> None:
    url = str(tmp_path / "ledger.sqlite")
    with Ledger(url) as ledger:
        first = record(ledger, "a", START, [8.0, 9.0], ())
        second = record(ledger, "b", START + timedelta(minutes=5), [4.0], (first,))
        assert ledger.flush()
        one, two = jobs_from_ledger(ledger.engine)
        assert [one.id, two.id] == [first, second]
        assert (one.at, two.at) == (0.0, 300.0)
        assert (one.show, one.priority, one.deadline_seconds) == ("nova", "normal", 3600.0)
        assert [group.units[0].seconds for group in one.groups] == [8.0, 9.0, 4.0]
        assert one.groups[2].units == two.groups[0].units  # they shared it
        assert [each.id for each in jobs_from_ledger(ledger.engine, since=START + timedelta(minutes=1))] == [
            second
        ]
        assert jobs_from_ledger(ledger.engine, since=START + timedelta(days=1)) == ()
    outcome = simulate([one, two], config())
    assert [ended.status for ended in outcome.jobs] == ["done", "done"]
    assert all(ended.in_time for ended in outcome.jobs)
