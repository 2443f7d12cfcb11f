"""When jobs are expected to end, from a snapshot: in the order of service, on threads there and to come."""

from __future__ import annotations

import pytest

from mediadask.pool.config import load_config
from mediadask.pool.scaling.expect import expected_seconds
from mediadask.pool.scaling.policy import Snapshot, Target, TierState, Work, WorkerSnapshot

CONFIG = load_config(
    {"tiers": {"it": {"kind": "on-demand", "threads": 2, "startup": 100, "price-per-hour": 1}}}
)
ONE = (WorkerSnapshot("it-1", "it", 2),)


def work(job: str, seconds: float, priority: str = "normal", **more: float) -> Work:
    return Work(priority, 10, seconds, job=job, **more)


def expected(*left: Work, workers: tuple[WorkerSnapshot, ...] = ONE, target: int = 1) -> dict[str, float]:
    requested = tuple(f"new-{number}" for number in range(target - len(workers)))
    tiers = {"it": TierState(requested)}
    return expected_seconds(Snapshot(0.0, left, workers, tiers), Target({"it": target}), CONFIG)


def test_jobs_end_in_the_order_in_which_they_are_served() -> None:
    ends = expected(
        work("later", 60, waited_seconds=1),
        work("first", 60, waited_seconds=9),
        work("due", 60, deadline_seconds=500),
        work("urgent", 20, "urgent"),
        Work("normal", 5, 1000),  # Dask's own tasks take slots, too
        work("background", 20, "background"),
    )
    assert ends == {"urgent": 10, "due": 40, "first": 70, "later": 100, "background": 610}


def test_no_job_ends_before_its_longest_unit() -> None:
    assert expected(work("one", 60, longest_seconds=60)) == {"one": 60}


@pytest.mark.parametrize(("seconds", "ends"), [(100, 50), (200, 100), (400, 150)])
def test_workers_on_their_way_count_from_when_they_have_started(seconds: float, ends: float) -> None:
    """Two threads do 200 seconds of work until the two that were asked for are there."""
    assert expected(work("job", seconds), target=2) == {"job": ends}


def test_without_a_worker_it_ends_after_one_has_started_and_else_nobody_knows() -> None:
    assert expected(work("job", 10), workers=(), target=1) == {"job": 105}
    assert expected(work("job", 10), workers=(), target=0) == {}
    assert expected(work("unknown", 0)) == {}
