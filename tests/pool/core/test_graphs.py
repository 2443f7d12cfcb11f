"""Dask graphs as jobs: Dask schedules their tasks; class, budget and attempts are the pool's."""

from __future__ import annotations

import pytest

from mediadask.delivery import Failure
from mediadask.pool.core import commands as do
from mediadask.pool.core import events as ev
from mediadask.pool.history import AttemptEnded, AttemptStarted, JobEnded
from tests.pool.core.pool import PlainPool

BUDGET = {"POOR": {"amount": 5, "action": "hold"}}


def changed(job: str, queued: int = 0, running: int = 0, done: int = 0, demand: int = 0) -> ev.GraphChanged:
    tasks = queued + running + done
    return ev.GraphChanged(job, tasks=tasks, done=done, running=running, queued=queued, demand=demand)


def started(pool: PlainPool, task: str, worker: str = "w1") -> None:
    pool.happens(ev.GraphTaskStarted("graph", task, "graph sum", worker))


def ended(pool: PlainPool, task: str, outcome: str = "done", seconds: float = 2.0) -> None:
    pool.happens(ev.GraphTaskEnded("graph", task, outcome, seconds))  # type: ignore[arg-type]


def test_a_graph_is_entered_with_its_class_and_ends_with_its_value() -> None:
    pool = PlainPool()
    job = pool.submit_graph("graph", priority="urgent")
    assert pool.done(do.StartGraph) == [do.StartGraph("graph", (0, 9e9))]
    pool.happens(changed("graph", queued=3, running=1))
    assert job.counts()["units_queued"] == 3
    pool.happens(ev.GraphEnded("graph", b"value"))
    assert (job.status, job.values, pool.ended) == ("done", [b"value"], ["graph"])
    assert pool.done(do.CancelGraph) == []


def test_a_graph_that_fails_says_why() -> None:
    pool = PlainPool()
    job = pool.submit_graph("graph")
    pool.happens(ev.GraphEnded("graph", Failure("by nothing", "ZeroDivisionError")))
    assert (job.status, job.error) == ("failed", "by nothing")


def test_its_tasks_are_attempts() -> None:
    pool = PlainPool()
    job = pool.submit_graph("graph")
    started(pool, "sum-1")
    assert not pool.state.is_at_rest(job)
    pool.wait(3)
    ended(pool, "sum-1")
    (begun,), (over,) = pool.records(AttemptStarted), pool.records(AttemptEnded)
    assert (begun.attempt.unit, begun.attempt.kind, begun.attempt.worker) == (
        "sum-1",
        "graph sum",
        "server 1",
    )
    assert (over.attempt.id, over.outcome, over.run_seconds) == (begun.attempt.id, "done", 2.0)
    assert pool.state.is_at_rest(job)
    pool.wait(10)
    pool.happens(ev.GraphEnded("graph", b""))
    (record,) = pool.records(JobEnded)
    assert (record.seconds, record.running_seconds) == (13.0, 3.0)


@pytest.mark.parametrize("how", ["cancel", "end", "forget"])
def test_no_attempt_outlives_its_graph(how: str) -> None:
    pool = PlainPool()
    job = pool.submit_graph("graph")
    started(pool, "sum-1")
    if how == "cancel":
        pool.cancel("graph")
        assert pool.done(do.CancelGraph) == [do.CancelGraph("graph")]
        ended(pool, "sum-1", "cancelled")
        pool.happens(ev.GraphForgotten("graph"))
    elif how == "end":
        pool.happens(ev.GraphEnded("graph", b""))
    else:
        pool.happens(ev.GraphForgotten("graph"))
    assert pool.state.is_at_rest(job)
    outcome = {"cancel": "cancelled", "end": "failed", "forget": "rescheduled"}[how]
    assert [each.outcome for each in pool.records(AttemptEnded)] == [outcome]
    assert not next(iter(pool.state.workers)).graphs
    assert job.slots == 0


def test_a_graph_that_dask_forgot_begins_again_while_it_is_wanted() -> None:
    pool = PlainPool()
    job = pool.submit_graph("graph")
    pool.happens(changed("graph", queued=2, done=2))
    pool.happens(ev.GraphForgotten("graph"))
    assert len(pool.done(do.StartGraph)) == 2
    assert job.counts()["units"] == 0
    pool.happens(ev.GraphEnded("graph", b"value"))
    pool.happens(ev.GraphForgotten("graph"))
    assert len(pool.done(do.StartGraph)) == 2


def test_a_cancelled_graph_that_dask_forgot_does_not_begin_again() -> None:
    pool = PlainPool()
    pool.submit_graph("graph")
    pool.cancel("graph")
    pool.happens(ev.GraphForgotten("graph"))
    assert len(pool.done(do.StartGraph)) == 1
    assert pool.state.job("graph").status == "cancelled"


def test_a_held_graph_that_dask_forgot_begins_again_when_there_is_money() -> None:
    pool = PlainPool(budgets=BUDGET)
    pool.submit_graph("graph", show="POOR")
    pool.spend(POOR=5.0)
    pool.happens(ev.GraphForgotten("graph"))
    assert len(pool.done(do.StartGraph)) == 1
    pool.spend(POOR=1.0)
    assert len(pool.done(do.StartGraph)) == 2


def test_a_graph_takes_its_new_class_into_dask() -> None:
    pool = PlainPool()
    pool.submit_graph("graph", priority="background")
    pool.reprioritize("graph", "urgent")
    assert pool.done(do.ReorderGraph) == [do.ReorderGraph("graph", (0, 9e9))]
    pool.happens(ev.GraphEnded("graph", b""))
    pool.reprioritize("graph", "normal")
    assert len(pool.done(do.ReorderGraph)) == 1


def test_units_of_a_lower_class_pause_for_a_graph_and_go_on_after_it() -> None:
    pool = PlainPool(workers=2)
    pool.submit("behind", ["a", "b"], priority="background")
    pool.submit_graph("graph", priority="urgent")
    pool.happens(changed("graph", queued=5, demand=5))
    pool.checkpoint()
    assert pool.paused == ["a", "b"]
    pool.happens(changed("graph", running=2, done=3))
    assert pool.running == ["a", "b"]


def test_no_more_pause_than_a_graph_would_take() -> None:
    pool = PlainPool(workers=3)
    pool.submit("behind", ["a", "b", "c"], priority="background")
    pool.submit_graph("graph", priority="urgent")
    pool.happens(changed("graph", queued=1, demand=1))
    assert len(pool.done(do.Instruct)) == 1


def test_a_task_that_was_sent_to_a_busy_worker_gets_a_slot_there() -> None:
    """Dask sends what needs results of others at once, and by then the graph has nothing in Dask's queue."""
    pool = PlainPool(workers=3)
    pool.submit("behind", ["a", "b", "c"], priority="background")
    pool.submit_graph("graph", priority="urgent")
    started(pool, "sum-1", pool.worker_of("b"))
    pool.checkpoint()
    assert (pool.running, pool.paused) == (["a", "c"], ["b"]), "no other slot is of use to it"
    pool.checkpoint()
    assert pool.paused == ["b"], "it does not go on while the task is there, not even to wait"
    ended(pool, "sum-1")
    assert sorted(pool.running) == ["a", "b", "c"]


def test_what_goes_on_where_a_task_has_come_meanwhile_pauses_again() -> None:
    """The task waits there for data: when they have come a unit of a lower class runs in its slot."""
    pool = PlainPool()
    pool.submit("behind", ["a"], priority="background")
    pool.submit_graph("graph", priority="urgent")
    pool.happens(changed("graph", queued=1, demand=1))
    pool.checkpoint()
    assert pool.paused == ["a"]
    pool.happens(changed("graph", done=1))
    assert pool.running == ["a"]
    started(pool, "sum-2", pool.worker_of("a"))
    pool.happens(changed("graph", done=1, running=1))
    pool.checkpoint()
    assert pool.paused == ["a"]
    ended(pool, "sum-2")
    assert pool.running == ["a"]


def test_a_task_that_waits_on_its_worker_displaces_when_its_graph_becomes_more_urgent() -> None:
    pool = PlainPool()
    pool.submit("job", ["a"])
    pool.submit_graph("graph")
    started(pool, "sum-1", pool.worker_of("a"))
    pool.reprioritize("graph", "urgent")
    pool.checkpoint()
    assert pool.paused == ["a"]


def test_another_pauses_for_a_task_where_one_does_not_hear() -> None:
    pool = PlainPool(threads=2)
    pool.submit("behind", ["deaf", "b"], priority="background")
    pool.submit_graph("graph", priority="urgent")
    started(pool, "sum-1")
    told = [pool.batch_of("deaf")]
    assert [each.batch for each in pool.done(do.Instruct)] == told
    pool.wait(1.5)
    assert [each.batch for each in pool.done(do.Instruct)] == [*told, pool.batch_of("b")]


def test_another_pauses_for_a_task_where_one_is_still_to_leave() -> None:
    """It was told so beside a unit that was taken to hang, and has made no checkpoint since."""
    pool = PlainPool(threads=2)
    pool.submit("behind", ["slow", "leaves"], priority="background", seconds=1.0)
    pool.begin("slow")
    pool.begin("leaves")
    pool.wait(40)
    pool.frames("leaves", 1)
    pool.wait(40)
    pool.frames("slow", 1)
    pool.submit_graph("graph", priority="urgent")
    started(pool, "sum-1")
    told = [(each.batch, each.instruction) for each in pool.done(do.Instruct)]
    assert told == [(pool.batch_of("leaves"), "evict"), (pool.batch_of("slow"), "pause")]


def test_a_task_takes_a_free_thread_before_it_displaces() -> None:
    pool = PlainPool(threads=2)
    pool.submit("behind", ["a"], priority="background")
    pool.submit_graph("graph", priority="urgent")
    started(pool, "sum-1")
    pool.checkpoint()
    assert pool.running == ["a"]
    started(pool, "sum-2")
    pool.checkpoint()
    assert pool.paused == ["a"]
    ended(pool, "sum-1")
    assert pool.running == ["a"]


def test_tasks_of_a_graph_displace_no_equal_or_higher_class() -> None:
    pool = PlainPool()
    pool.submit("before", ["a"])
    pool.submit_graph("graph")
    started(pool, "sum-1", pool.worker_of("a"))
    pool.checkpoint()
    assert pool.running == ["a"]


def test_tasks_that_no_worker_fits_stop_nobody() -> None:
    pool = PlainPool()
    pool.submit("behind", ["a"], priority="background")
    pool.submit_graph("graph", priority="urgent")
    pool.happens(changed("graph", queued=5, demand=0))
    pool.checkpoint()
    assert pool.running == ["a"]


@pytest.mark.parametrize("how", ["cancel", "hold", "end"])
def test_nobody_waits_for_a_graph_that_wants_nothing_more(how: str) -> None:
    pool = PlainPool(budgets=BUDGET)
    pool.submit("behind", ["a"], priority="background")
    pool.submit_graph("graph", priority="urgent", show="POOR")
    pool.happens(changed("graph", queued=1, demand=1))
    pool.checkpoint()
    assert pool.paused == ["a"]
    if how == "cancel":
        pool.cancel("graph")
    elif how == "hold":
        pool.spend(POOR=5.0)
    else:
        pool.happens(ev.GraphEnded("graph", b""))
    assert pool.running == ["a"]


def test_late_news_of_an_ended_graph_do_no_harm() -> None:
    pool = PlainPool()
    pool.submit("behind", ["a"], priority="background")
    job = pool.submit_graph("graph", priority="urgent")
    pool.happens(ev.GraphEnded("graph", b"value"))
    pool.happens(changed("graph", queued=1, demand=1))
    started(pool, "late")
    ended(pool, "late")
    ended(pool, "never began")
    pool.happens(ev.GraphEnded("graph", b"another"))
    pool.checkpoint()
    assert pool.running == ["a"]
    assert (job.values, job.status, pool.ended) == ([b"value"], "done", ["graph"])


def test_a_unit_that_hangs_beside_a_graph_s_task_waits_for_it() -> None:
    pool = PlainPool(threads=2)
    pool.submit("job", ["sticky"], seconds=1.0)
    pool.begin("sticky")
    pool.submit_graph("graph")
    started(pool, "sum-1")
    pool.wait(70)
    assert pool.done(do.ReplaceWorker) == []
    ended(pool, "sum-1")
    assert [each.worker for each in pool.done(do.ReplaceWorker)] == ["w1"]
