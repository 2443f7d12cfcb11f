"""Equal units of two jobs are one while in flight: who gets the result, who pays, how urgent it is."""

from __future__ import annotations

import pytest

from mediadask.pool.history import AttemptEnded, AttemptStarted
from tests.pool.core.pool import PlainPool


def shared(**second: str) -> PlainPool:
    """A pool on whose worker a unit runs that two jobs want."""
    pool = PlainPool()
    pool.submit("first", ["clip"])
    pool.submit("second", ["clip"], **second)
    return pool


def test_equal_units_run_once_and_serve_both() -> None:
    pool = shared()
    pool.end("clip", value=b"result")
    assert pool.ended == ["first", "second"]
    assert [pool.state.job(job).values for job in pool.ended] == [[b"result"]] * 2
    assert pool.attempts("clip") == ["done"]


def test_both_pay_for_what_both_wanted() -> None:
    pool = shared()
    pool.end("clip")
    (ended,) = pool.records(AttemptEnded)
    assert (ended.attempt.job, ended.shared_with) == ("first", ("second",))


def test_who_no_longer_wants_it_does_not_pay() -> None:
    pool = shared()
    (started,) = pool.records(AttemptStarted)
    assert started.attempt.job == "first"
    pool.cancel("first")
    pool.checkpoint()
    assert pool.running == ["clip"], "the other still waits for it"
    pool.end("clip")
    (ended,) = pool.records(AttemptEnded)
    assert ended.attempt == started.attempt, "the record of one attempt"
    assert (ended.shared_with, ended.is_left_to_others) == (("second",), True)


def test_it_stops_when_nobody_wants_it_any_more() -> None:
    pool = shared()
    pool.cancel("first")
    pool.cancel("second")
    pool.checkpoint()
    assert pool.running == []
    assert pool.attempts("clip") == ["cancelled"]


def test_a_failure_is_one_for_both() -> None:
    pool = shared()
    pool.fail("clip", "no such clip")
    assert [pool.state.job(job).error for job in ("first", "second")] == ["no such clip"] * 2
    assert pool.ended == ["first", "second"]


def test_a_waiting_unit_is_raised_by_an_urgent_twin() -> None:
    pool = PlainPool()
    pool.submit("busy", ["busy"], priority="urgent")
    pool.submit("behind", ["clip"], priority="background")
    pool.submit("normal", ["normal"])
    assert pool.queued == ["normal", "clip"]
    pool.submit("urgent", ["clip"], priority="urgent")
    assert pool.end_all() == ["busy", "clip", "normal"]
    assert pool.ended == ["busy", "behind", "urgent", "normal"]


def test_a_running_unit_with_an_urgent_twin_is_not_displaced() -> None:
    pool = PlainPool(workers=2)
    pool.submit("behind", ["shared", "alone"], priority="background")
    pool.submit("urgent", ["shared", "urgent"], priority="urgent")
    pool.checkpoint()
    assert pool.paused == ["alone"]
    assert sorted(pool.running) == ["shared", "urgent"]


def test_a_paused_unit_goes_on_for_an_urgent_twin() -> None:
    pool = PlainPool()
    pool.submit("behind", ["clip"], priority="background")
    pool.submit("normal", ["normal"])
    pool.checkpoint()
    assert pool.paused == ["clip"]
    pool.submit("urgent", ["clip"], priority="urgent")
    pool.checkpoint()
    assert (pool.running, pool.paused) == (["clip"], ["normal"])


@pytest.mark.parametrize("gone", ["cancel", "lower"])
def test_it_is_no_more_urgent_than_those_who_still_want_it(gone: str) -> None:
    pool = PlainPool()
    pool.submit("busy", ["busy"], priority="urgent")
    pool.submit("behind", ["clip"], priority="background")
    pool.submit("urgent", ["clip"], priority="urgent")
    pool.submit("normal", ["normal"])
    if gone == "cancel":
        pool.cancel("urgent")
    else:
        pool.reprioritize("urgent", "background")
    assert pool.end_all() == ["busy", "normal", "clip"]


def test_a_twin_of_a_unit_that_waits_for_another_try_joins_it_or_runs() -> None:
    pool = PlainPool()
    pool.submit("first", ["clip"])
    pool.fail("clip", transient=True)
    pool.fail("clip", transient=True)
    assert pool.running == [], "it waits for its third try"
    pool.submit("second", ["clip"])
    pool.end_all()
    pool.wait(10)
    pool.end_all()
    assert sorted(pool.ended) == ["first", "second"]
    assert [pool.state.job(job).status for job in pool.ended] == ["done", "done"]


def test_units_of_one_job_that_are_equal_are_one_too() -> None:
    pool = PlainPool()
    job = pool.submit("job", ["clip", "clip", "other"])
    assert pool.end_all() == ["clip", "other"]
    assert (job.status, job.groups_done, job.values) == ("done", 3, [b"x"] * 3)


def test_a_twin_that_comes_after_the_end_runs_again() -> None:
    pool = PlainPool()
    pool.submit("first", ["clip"])
    pool.end("clip")
    pool.submit("second", ["clip"])
    assert pool.running == ["clip"]


def test_a_unit_that_was_given_back_goes_with_a_twin_that_comes_first() -> None:
    pool = PlainPool(workers=2, budgets={"POOR": {"amount": 5, "action": "hold"}})
    pool.submit("poor", ["clip", "own"], show="POOR")
    pool.spend(POOR=6)
    pool.retire(pool.worker_of("clip"))
    assert "clip" not in pool.running, "its show is held"
    pool.submit("rich", ["clip"], show="RICH")
    pool.end_all()
    assert pool.attempts("clip") == ["rescheduled", "done"]
    assert sorted(pool.ended) == ["poor", "rich"]


def test_a_failure_is_one_for_a_twin_that_waits_for_another_try_too() -> None:
    pool = PlainPool()
    pool.submit("first", ["clip"])
    pool.fail("clip", transient=True)
    pool.fail("clip", transient=True)
    pool.submit("second", ["clip"])
    pool.fail("clip", "no such clip")
    pool.wait(30)
    assert pool.running == []
    assert sorted(pool.ended) == ["first", "second"]
