"""A job from its submission to its end: planning, groups, the closing unit, retries, requests at any time."""

from __future__ import annotations

import pytest

from mediadask.delivery import Failure, Unit
from mediadask.errors import MediaError
from mediadask.pool.core import commands as do
from mediadask.pool.core import events as ev
from mediadask.pool.history import AttemptEnded, JobEnded, JobReprioritized, JobSubmitted
from tests.pool.core.pool import NOON, PlainPool


def ended(pool: PlainPool) -> JobEnded:
    (record,) = pool.records(JobEnded)
    return record


def test_a_job_is_done_when_its_groups_are() -> None:
    pool = PlainPool()
    job = pool.submit("job", ["a", "b"])
    assert job.status == "running"
    pool.end("a", value=b"1")
    assert (job.groups_done, job.counts()["fraction"]) == (1, 0.5)
    pool.end("b", value=b"2")
    assert (job.status, job.values, pool.ended) == ("done", [b"1", b"2"], ["job"])
    assert (ended(pool).status, ended(pool).groups_done, ended(pool).groups_failed) == ("done", 2, 0)


def test_values_come_in_the_order_of_groups_whoever_ends_first() -> None:
    pool = PlainPool(workers=3)
    job = pool.submit("job", ["a", "b", "c"])
    for unit in ("c", "a", "b"):
        pool.end(unit, value=unit.encode())
    assert job.values == [b"a", b"b", b"c"]


def test_an_empty_delivery_is_done_at_once() -> None:
    pool = PlainPool()
    job = pool.submit("job", [])
    assert (job.status, job.values, pool.ended) == ("done", [], ["job"])
    assert job.counts()["fraction"] == 1


def test_a_closing_unit_runs_last_with_the_values_of_all_groups() -> None:
    pool = PlainPool(workers=2)
    job = pool.submit("job", ["a", "b"], closing=True)
    pool.fail("b", "no")
    assert pool.ended == []
    pool.end("a", value=b"1")
    assert pool.running == ["job closes"]
    (call,) = pool.done(do.SendUnits)[-1].calls
    assert call.results == (b"1", Failure("no", "ValueError"))
    pool.end("job closes", value=b"all")
    assert job.values == [b"1", Failure("no", "ValueError"), b"all"]
    assert (job.status, job.groups_done, job.groups_failed) == ("failed", 1, 1)


def test_a_closing_unit_that_fails_is_the_job_s_failure() -> None:
    pool = PlainPool()
    job = pool.submit("job", ["a"], closing=True)
    pool.end("a")
    pool.fail("job closes", "no manifest")
    assert (job.status, job.groups_done, job.groups_failed) == ("failed", 1, 0)
    assert job.error == "no manifest"


def test_a_group_of_several_units_is_joined_when_all_are_done() -> None:
    pool = PlainPool(workers=3)
    job = pool.submit("job", [("a", "b"), "c"])
    pool.end("b", value=b"2")
    assert job.counts()["fraction"] == pytest.approx(1 / 6)
    pool.end("a", value=b"1")
    assert "a+b joined" in pool.running
    (call,) = pool.done(do.SendUnits)[-1].calls
    assert call.results == (b"1", b"2")
    pool.end("a+b joined", value=b"12")
    pool.end("c")
    assert job.values == [b"12", b"x"]
    assert job.units_planned == job.units_done == 4


def test_names_of_groups_are_known_as_they_are_planned_and_not_of_a_million(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mediadask.pool.core.jobs._KEPT_NAMES", 3)
    pool = PlainPool()
    job = pool.submit("job", [("a", "b"), "c", "d", "e"])
    before = job.kept_bytes
    assert job.names == ["a+b", "c", "d"]
    pool.end_all()
    assert job.names == ["a+b", "c", "d"]
    assert job.kept_bytes > before >= 3 * 50


def test_a_finish_goes_before_what_is_planned() -> None:
    pool = PlainPool()
    pool.submit("job", [("a", "b"), "c", "d", "e"], seconds=30.0)
    pool.end("a", "b")
    assert pool.end_all()[:2] == ["c", "a+b joined"], "only what has its place in the queue is before it"


def test_a_group_that_fails_stops_its_other_units_and_no_other_group() -> None:
    pool = PlainPool(workers=2)
    job = pool.submit("job", [("a", "b", "c"), "d"])
    assert pool.running == ["a", "b"]
    pool.fail("a", "no")
    pool.checkpoint()
    assert pool.attempts("b") == ["cancelled"]
    assert pool.running == ["d"]
    pool.end("d")
    assert (job.status, job.values) == ("failed", [Failure("no", "ValueError"), b"x"])
    assert pool.attempts("c") == []


def test_a_group_of_no_units_is_what_its_finish_makes_of_nothing() -> None:
    pool = PlainPool()
    job = pool.submit("job", [(), "a"])
    assert pool.running == [" joined"]
    pool.end(" joined", value=b"none")
    pool.end("a")
    assert job.values == [b"none", b"x"]


def test_a_submission_that_comes_twice_is_one_job() -> None:
    pool = PlainPool()
    job = pool.submit("job", ["a", "b"])
    again = ev.SubmitJob(job.spec)
    pool.happens(again)
    pool.end("a")
    pool.happens(again)
    pool.end("b")
    pool.happens(again)
    assert pool.running == []
    assert len(pool.records(JobSubmitted)) == len(pool.records(JobEnded)) == 1
    assert len(pool.state.jobs()) == 1


def test_a_few_units_are_planned_at_first_and_more_as_it_goes_on() -> None:
    pool = PlainPool()
    job = pool.submit("large", [str(number) for number in range(5000)])
    assert (job.units_planned, job.counts()["fully_planned"]) == (16, False)
    for _ in range(40):
        pool.end(pool.running[0])
    planned = [command.units for command in pool.done(do.PlanGroups)]
    assert planned[0] == 16
    assert planned == sorted(planned)
    assert 16 < job.units_planned < 200
    assert [command.start for command in pool.done(do.PlanGroups)][:2] == [0, 16]


def test_thousands_of_waiting_jobs_are_hardly_planned() -> None:
    pool = PlainPool()
    jobs = [pool.submit(f"job {number}", [f"{number} {each}" for each in range(100)]) for number in range(50)]
    assert max(job.units_planned for job in jobs[1:]) == 16


def test_cancelling_a_large_job_touches_few_of_its_units() -> None:
    pool = PlainPool(workers=2)
    pool.submit("large", [str(number) for number in range(100_000)])
    before = len(pool.commands)
    pool.cancel("large")
    assert len(pool.commands) - before < 100
    assert pool.state.job("large").status == "cancelled"


def test_a_delivery_that_cannot_be_planned_fails_with_what_is_still_open() -> None:
    pool = PlainPool()
    job = pool.submit("job", [str(number) for number in range(100)])
    pool.end("0")
    pool.happens(ev.FailJob("job", Failure("the disk is gone", "OutputFailed")))
    assert (job.status, job.groups_done, job.groups_failed) == ("failed", 1, 99)
    assert job.error == "the disk is gone"
    pool.checkpoint()
    assert pool.running == pool.queued == []


# Retries.


def test_what_may_succeed_is_tried_again_at_once_then_after_longer_waits() -> None:
    pool = PlainPool(retries=4)
    job = pool.submit("job", ["a"])
    for seconds in (0.0, 0.5, 2.0, 8.0):
        pool.fail("a", "busy", transient=True)
        if seconds:
            pool.wait(seconds * 0.9)
            assert pool.running == [], f"it waits for {seconds} s"
            pool.wait(seconds * 0.1 + 1e-6)
        assert pool.running == ["a"]
    pool.fail("a", "busy", transient=True)
    assert (job.status, job.error) == ("failed", "busy")
    numbers = [each.attempt.number for each in pool.records(AttemptEnded)]
    assert numbers == [1, 2, 3, 4, 5]


def test_what_cannot_succeed_is_not_tried_again() -> None:
    pool = PlainPool()
    job = pool.submit("job", ["a"])
    pool.fail("a", "no such file")
    assert job.status == "failed"
    assert pool.attempts("a") == ["failed"]


def test_others_run_while_a_unit_waits_for_another_try() -> None:
    pool = PlainPool()
    job = pool.submit("job", ["a"])
    pool.fail("a", transient=True)
    pool.fail("a", transient=True)
    pool.submit("other", ["b"])
    pool.end("b")
    assert (pool.running, job.status) == ([], "running")
    pool.wait(1)
    pool.end("a")
    assert job.status == "done"


def test_a_job_that_is_cancelled_while_a_unit_waits_for_another_try_has_ended() -> None:
    pool = PlainPool()
    pool.submit("job", ["a"])
    pool.fail("a", transient=True)
    pool.fail("a", transient=True)
    pool.cancel("job")
    pool.wait(10)
    assert pool.running == pool.queued == []


def test_units_that_cannot_be_sent_fail_and_their_neighbors_run() -> None:
    pool = PlainPool()
    for _ in range(3):
        pool.predictor.observe("work", 1, 0.01)
    job = pool.submit("job", [str(number) for number in range(8)])
    assert pool.beside("0") == ["0", "1", "2", "3"]
    batch = pool.batch_of("0")
    del pool.seats[batch]  # nothing was sent
    task = next(task for task, of in pool._batch_of.items() if of == batch)
    pool.tell(ev.BatchRefused(batch, {2: Failure("a lock", "TypeError")}))
    pool.finds_no_units(task)
    assert sorted(pool.end_all()) == ["0", "1", "3", "4", "5", "6", "7"]
    assert (job.groups_done, job.groups_failed, job.error) == (7, 1, "a lock")


# Requests at any time.


def waiting(pool: PlainPool) -> None:
    """Its job waits for its turn: nothing of it is in Dask."""
    pool.submit("busy", ["busy", "next"], priority="urgent")
    pool.submit("job", ["a", "b"], priority="background")


def queued(pool: PlainPool) -> None:
    pool.submit("busy", ["busy"], priority="urgent")
    pool.submit("job", ["a", "b"], priority="background")
    assert "a" in pool.queued


def running(pool: PlainPool) -> None:
    pool.submit("job", ["a", "b"], priority="background")
    assert pool.running == ["a"]


def pausing(pool: PlainPool) -> None:
    running(pool)
    pool.submit("busy", ["busy"], priority="urgent")
    assert pool.running == ["a"]


def paused(pool: PlainPool) -> None:
    pausing(pool)
    pool.checkpoint()
    assert pool.paused == ["a"]


def resuming(pool: PlainPool) -> None:
    paused(pool)
    assert "resuming" in [each.state for each in pool.state.batches if each.job.id == "job"]


def resumed(pool: PlainPool) -> None:
    paused(pool)
    pool.end("busy")
    assert pool.running == ["a"]


def retrying(pool: PlainPool) -> None:
    """One of its units waits for another try."""
    running(pool)
    for unit in ("a", "b", "a"):
        pool.fail(unit, transient=True)
    assert pool.running == ["b"]
    assert pool.queued == []


def evicting(pool: PlainPool) -> None:
    running(pool)
    pool.happens(ev.EvictWorkers(("w1",)))


def hanging(pool: PlainPool) -> None:
    pool.submit("job", ["a", "b"], priority="background", seconds=1.0)
    pool.begin("a")
    pool.wait(200)
    assert pool.done(do.ReplaceWorker)


def done(pool: PlainPool) -> None:
    pool.submit("job", ["a", "b"], priority="background")
    pool.end("a", "b")


STATES = [waiting, queued, running, pausing, paused, resuming, resumed, retrying, evicting, hanging, done]


@pytest.mark.parametrize("state", STATES)
def test_a_job_can_be_cancelled_at_any_time(state: object) -> None:
    pool = PlainPool(workers=1)
    state(pool)  # type: ignore[operator]
    was = pool.state.job("job").status
    pool.cancel("job")
    job = pool.state.job("job")
    assert job.status == ("done" if was == "done" else "cancelled")
    assert pool.ended.count("job") == 1
    pool.checkpoint()
    if state is hanging:
        pool.kill("w1")
        pool.join()
    names = pool.end_all()
    assert not {"a", "b"} & set(names), "nothing of it is left"
    pool.wait(60)
    assert pool.running == pool.paused == pool.queued == []
    assert pool.state.is_at_rest(job)
    assert job.slots == 0
    pool.submit("after", ["after"])
    assert pool.running == ["after"]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("priority", ["urgent", "normal"])
def test_a_job_can_be_reprioritized_at_any_time(state: object, priority: str) -> None:
    pool = PlainPool(workers=1)
    state(pool)  # type: ignore[operator]
    pool.reprioritize("job", priority, NOON)
    pool.checkpoint()
    job = pool.state.job("job")
    assert job.priority == ("background" if state is done else priority)
    changes = [(each.priority, each.deadline) for each in pool.records(JobReprioritized)]
    assert changes == ([] if state is done else [(priority, NOON)])
    if state is hanging:
        pool.kill("w1")
        pool.join()
    for _ in range(3):
        pool.end_all()
        pool.checkpoint()
        pool.wait(10)
    assert (job.status, job.groups_done) == ("done", 2)
    assert all(job.status == "done" for job in pool.state.jobs())


@pytest.mark.parametrize("state", STATES)
def test_a_job_can_fail_at_any_time(state: object) -> None:
    pool = PlainPool(workers=1)
    state(pool)  # type: ignore[operator]
    pool.happens(ev.FailJob("job", Failure("no", "ValueError")))
    pool.checkpoint()
    job = pool.state.job("job")
    assert job.status == ("done" if state is done else "failed")
    assert job.groups_done + job.groups_failed == 2
    if state is hanging:
        pool.kill("w1")
        pool.join()
    assert not {"a", "b"} & set(pool.end_all())
    assert pool.running == pool.paused == pool.queued == []


def test_an_unknown_job_is_told_so_and_late_requests_do_no_harm() -> None:
    pool = PlainPool()
    with pytest.raises(MediaError, match="no longer keeps this job"):
        pool.state.job("nobody")
    for event in (
        ev.CancelJob("nobody"),
        ev.ReprioritizeJob("nobody", "urgent", None),
        ev.GroupsPlanned("nobody", ()),
        ev.FailJob("nobody", Failure("no", "ValueError")),
        ev.GraphEnded("nobody", b""),
        ev.BatchRefused("nobody", {}),
    ):
        pool.happens(event)
    assert pool.commands == []


def test_groups_that_are_planned_after_the_end_are_dropped() -> None:
    pool = PlainPool()
    pool.submit("job", ["a"])
    pool.cancel("job")
    unit = Unit(len, name="late")
    pool.happens(ev.GroupsPlanned("job", (ev.PlannedGroup("late", (unit,), ("late",), unit, "", False),)))
    pool.checkpoint()
    assert pool.running == pool.queued == []


# What is kept, and for how long it ran.


def test_running_seconds_are_those_in_which_it_had_a_slot() -> None:
    pool = PlainPool(workers=2)
    pool.submit("busy", ["busy 1", "busy 2"])
    job = pool.submit("job", ["a", "b"], priority="background")
    pool.wait(5)
    pool.end("busy 1")
    pool.wait(3)
    pool.end("busy 2")
    pool.wait(4)  # both at once are counted once
    pool.end("a", "b")
    pool.wait(100)
    record = next(each for each in pool.records(JobEnded) if each.job == "job")
    assert (record.seconds, record.running_seconds) == (12.0, 7.0)
    assert job.description(0.0).seconds == 12.0


def test_it_does_not_run_while_it_is_paused_or_waits_for_another_try() -> None:
    pool = PlainPool()
    pool.submit("job", ["a"], priority="background")
    pool.wait(1)
    pool.submit("urgent", ["urgent"], priority="urgent")
    pool.checkpoint()
    pool.wait(10)
    pool.end("urgent")
    pool.wait(2)
    pool.fail("a", transient=True)
    pool.fail("a", transient=True)
    pool.wait(20)
    pool.wait(4)
    pool.end("a")
    record = next(each for each in pool.records(JobEnded) if each.job == "job")
    assert (record.seconds, record.running_seconds) == (37.0, 7.0)


def test_time_that_a_pool_before_this_one_had_the_job_counts() -> None:
    pool = PlainPool()
    job = pool.submit("job", ["a"])
    spec = ev.JobSpec(
        id="taken up", name="t", show="", priority="normal", groups=0, submitted=NOON, waited_seconds=50.0
    )
    pool.happens(ev.SubmitJob(spec))
    record = next(each for each in pool.records(JobEnded) if each.job == "taken up")
    assert (record.seconds, record.running_seconds) == (50.0, 0.0)
    assert job.is_open


def test_the_oldest_of_the_ended_jobs_go_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mediadask.pool.core.finished.KEPT_BYTES", 1000)
    pool = PlainPool()
    for number in range(4):
        pool.submit(str(number), [f"clip {number}"])
        pool.end(f"clip {number}", value=bytes(300))
    assert [job.id for job in pool.state.jobs()] == ["2", "3"]
    pool.submit("large", ["clip"])
    pool.end("clip", value=bytes(5000))
    assert [job.id for job in pool.state.jobs()] == ["large"], "the latest is kept whatever its size"
