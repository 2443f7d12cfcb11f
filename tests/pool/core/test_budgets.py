"""What a spent budget means for a show's jobs, and back."""

from __future__ import annotations

import pytest

from mediadask.pool.core import commands as do
from mediadask.pool.history import JobReprioritized
from tests.pool.core.pool import PlainPool

LEFT, SPENT = 1.0, 5.0


def pool_with(action: str, workers: int = 1) -> PlainPool:
    return PlainPool(workers, budgets={"POOR": {"amount": 5, "action": action}})


def changes(pool: PlainPool) -> list[tuple[str, str]]:
    return [(each.priority, each.reason) for each in pool.records(JobReprioritized)]


def test_a_held_show_begins_nothing_and_what_runs_ends() -> None:
    pool = pool_with("hold")
    pool.submit("poor", ["a", "b", "c"], show="POOR")
    pool.spend(POOR=SPENT)
    assert (pool.running, pool.queued) == (["a"], [])
    pool.end("a")
    assert pool.running == []
    pool.submit("rich", ["d"], show="RICH")
    assert pool.running == ["d"]
    pool.end("d")
    pool.spend(POOR=LEFT)
    assert pool.end_all() == ["b", "c"]
    assert pool.state.job("poor").status == "done"


def test_a_job_that_is_submitted_to_a_held_show_waits() -> None:
    pool = pool_with("hold")
    pool.spend(POOR=SPENT)
    poor = pool.submit("poor", ["a"], show="poor")
    assert (poor.status, pool.running, poor.units_planned) == ("waiting", [], 0)
    pool.spend(POOR=LEFT)
    assert pool.running == ["a"]


def test_a_held_job_can_be_cancelled() -> None:
    pool = pool_with("hold")
    pool.spend(POOR=SPENT)
    pool.submit("poor", ["a"], show="POOR")
    pool.cancel("poor")
    pool.spend(POOR=LEFT)
    assert (pool.running, pool.ended) == ([], ["poor"])


def test_an_empty_job_of_a_held_show_is_done() -> None:
    pool = pool_with("hold")
    pool.spend(POOR=SPENT)
    assert pool.submit("poor", [], show="POOR").status == "done"


def test_what_another_show_wants_too_runs_for_both() -> None:
    pool = pool_with("hold")
    pool.submit("busy", ["busy"], show="RICH")
    poor = pool.submit("poor", ["clip", "own"], show="POOR")
    pool.submit("rich", ["clip"], show="RICH")
    pool.spend(POOR=SPENT)
    assert pool.end_all() == ["busy", "clip"]
    assert (poor.groups_done, poor.status) == (1, "running")
    pool.spend(POOR=LEFT)
    assert pool.end_all() == ["own"]


def test_a_unit_of_a_held_show_that_was_given_back_waits() -> None:
    pool = pool_with("hold", workers=2)
    pool.submit("poor", ["a"], show="POOR")
    pool.spend(POOR=SPENT)
    pool.retire(pool.worker_of("a"))
    assert pool.running == pool.queued == []
    pool.spend(POOR=LEFT)
    assert pool.running == ["a"]


def test_a_held_show_s_unit_that_fails_for_now_waits_for_money() -> None:
    pool = pool_with("hold")
    pool.submit("poor", ["a"], show="POOR")
    pool.spend(POOR=SPENT)
    pool.fail("a", transient=True)
    pool.wait(10)
    assert pool.running == pool.queued == []
    pool.spend(POOR=LEFT)
    assert pool.running == ["a"]


def test_what_was_paused_when_its_show_was_held_goes_on() -> None:
    """It has begun; what is on a worker ends."""
    pool = pool_with("hold")
    pool.submit("poor", ["a", "b"], show="POOR", priority="background")
    pool.submit("rich", ["c"], show="RICH", priority="urgent")
    pool.checkpoint()
    pool.spend(POOR=SPENT)
    pool.end("c")
    assert pool.running == ["a"]
    pool.end("a")
    assert pool.running == []


def test_a_spent_budget_puts_a_show_behind_all_others_and_back() -> None:
    pool = pool_with("background")
    poor = pool.submit("poor", ["a", "b"], show="POOR", priority="urgent")
    pool.submit("rich", ["c", "d"], show="RICH")
    pool.spend(POOR=SPENT)
    pool.checkpoint()
    assert (poor.priority, poor.own_priority) == ("background", "urgent")
    assert (pool.running, pool.paused) == (["c"], ["a"])
    pool.spend(POOR=LEFT)
    pool.checkpoint()
    assert (poor.priority, poor.own_priority) == ("urgent", "")
    assert pool.running == ["a"]
    assert changes(pool) == [
        ("background", "the budget of POOR is spent"),
        ("urgent", "the budget of POOR is spent no more"),
    ]


def test_a_job_that_is_submitted_to_a_spent_budget_is_behind() -> None:
    pool = pool_with("background")
    pool.spend(POOR=SPENT)
    poor = pool.submit("poor", ["a"], show="POOR", priority="urgent")
    assert poor.priority == "background"
    pool.spend(POOR=LEFT)
    assert poor.priority == "urgent"


def test_a_class_that_is_asked_for_while_the_budget_is_spent_counts_afterwards() -> None:
    pool = pool_with("background")
    pool.spend(POOR=SPENT)
    poor = pool.submit("poor", ["a"], show="POOR", priority="normal")
    pool.reprioritize("poor", "urgent")
    assert poor.priority == "background"
    pool.spend(POOR=LEFT)
    assert poor.priority == "urgent"


def test_a_background_job_stays_where_it_is() -> None:
    pool = pool_with("background")
    poor = pool.submit("poor", ["a"], show="POOR", priority="background")
    pool.spend(POOR=SPENT)
    pool.spend(POOR=LEFT)
    assert poor.priority == "background"
    assert changes(pool) == []


def test_a_background_job_that_is_raised_while_the_budget_is_spent_is_raised_afterwards() -> None:
    pool = pool_with("background")
    poor = pool.submit("poor", ["a"], show="POOR", priority="background")
    pool.spend(POOR=SPENT)
    pool.reprioritize("poor", "urgent")
    assert poor.priority == "background", "a spent budget has it behind all others"
    pool.spend(POOR=LEFT)
    assert poor.priority == "urgent"


@pytest.mark.parametrize("action", ["hold", "background"])
def test_an_ended_job_is_not_touched(action: str) -> None:
    pool = pool_with(action)
    poor = pool.submit("poor", ["a"], show="POOR")
    pool.end("a")
    pool.spend(POOR=SPENT)
    assert (poor.priority, poor.is_held) == ("normal", False)


def test_a_warning_changes_nothing() -> None:
    pool = pool_with("warn")
    poor = pool.submit("poor", ["a", "b"], show="POOR")
    pool.spend(POOR=SPENT)
    assert pool.end_all() == ["a", "b"]
    assert (poor.status, pool.state.budget_state("POOR"), pool.state.budget_state("RICH")) == (
        "done",
        "warn",
        "ok",
    )


def test_a_held_graph_is_suspended_and_one_that_was_never_entered_waits() -> None:
    pool = pool_with("hold")
    pool.submit_graph("entered", show="POOR")
    pool.spend(POOR=SPENT)
    pool.submit_graph("waits", show="POOR")
    assert pool.done(do.StartGraph) == [do.StartGraph("entered", (1, 9e9))]
    assert pool.done(do.SuspendGraph) == [do.SuspendGraph("entered")]
    pool.spend(POOR=LEFT)
    assert pool.done(do.ResumeGraph) == [do.ResumeGraph("entered")]
    assert pool.done(do.StartGraph)[1:] == [do.StartGraph("waits", (1, 9e9))]
