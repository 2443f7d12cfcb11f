"""Workers that die, leave, are evicted or restarted: what begins again, and who is to blame."""

from __future__ import annotations

import pytest

from mediadask.pool import reports
from mediadask.pool.core import commands as do
from mediadask.pool.core import events as ev
from mediadask.pool.history import AttemptEnded, Displaced, WorkerJoined, WorkerLeft
from tests.pool.core.pool import PlainPool


def test_work_waits_for_workers() -> None:
    pool = PlainPool(workers=0)
    job = pool.submit("job", ["a", "b"])
    assert (pool.running, job.status) == ([], "waiting")
    pool.join()
    assert pool.end_all() == ["a", "b"]


def test_what_ran_on_a_worker_that_died_runs_elsewhere() -> None:
    pool = PlainPool(workers=2)
    job = pool.submit("job", ["a", "b"])
    pool.kill(pool.worker_of("a"))
    assert pool.running == ["b"]
    pool.end("b")
    assert pool.running == ["a"]
    pool.end("a")
    assert (pool.attempts("a"), pool.attempts("b"), job.status) == (["lost", "done"], ["done"], "done")
    lost = next(each for each in pool.records(AttemptEnded) if each.outcome == "lost")
    assert lost.error == "its worker died"


def test_a_unit_whose_workers_die_twice_is_set_aside() -> None:
    pool = PlainPool(workers=3)
    job = pool.submit("job", ["deadly", "a", "b", "c"])
    pool.kill(pool.worker_of("deadly"))
    pool.end("a", "b")
    assert "deadly" in pool.running
    pool.kill(pool.worker_of("deadly"))
    pool.end_all()
    assert (job.groups_done, job.groups_failed) == (3, 1)
    assert "deadly: its worker died 2 times while it ran; set aside" in job.error
    assert pool.attempts("deadly") == ["lost", "lost"]


def test_who_was_paused_on_a_worker_that_died_is_not_blamed() -> None:
    pool = PlainPool(workers=2)
    behind = pool.submit("behind", ["a"], priority="background")
    pool.submit("urgent", ["b", "c", "d"], priority="urgent")
    pool.checkpoint()
    for _ in range(3):
        paused_on = next((each.worker for each in pool.state.batches if each.job is behind), None)
        if paused_on in pool.workers:
            pool.kill(paused_on)
            pool.join()
            pool.checkpoint()
    pool.end_all()
    pool.wait(5)
    pool.end_all()
    assert behind.status == "done"
    assert pool.attempts("a")[-1] == "done"


def test_the_displacement_of_what_was_lost_while_paused_is_over() -> None:
    pool = PlainPool()
    pool.submit("behind", ["a"], priority="background")
    pool.submit("urgent", ["b"], priority="urgent")
    pool.checkpoint()
    pool.wait(7)
    pool.kill("w1")
    over = pool.records(Displaced)[-1]
    assert (over.seconds, over.ended) == (7.0, "lost")
    ended = next(each for each in pool.records(AttemptEnded) if each.attempt.unit == "a")
    assert (ended.outcome, ended.run_seconds) == ("lost", 0.0)


def test_a_retired_worker_hands_its_units_on_and_nobody_is_blamed() -> None:
    pool = PlainPool(workers=2)
    job = pool.submit("job", ["a"])
    for _ in range(4):
        pool.retire(pool.worker_of("a"))
        pool.join()
    pool.end("a")
    assert (pool.attempts("a"), job.status) == (["rescheduled"] * 4 + ["done"], "done")


def test_what_is_handed_on_goes_before_what_has_not_begun() -> None:
    pool = PlainPool(workers=1)
    pool.submit("job", ["a", "b", "c", "d"], seconds=30.0)
    pool.retire("w1")
    pool.join()
    assert pool.end_all()[:2] == ["b", "a"], "only what has its place in the queue is before it"


def test_an_evicted_unit_gives_its_work_back_at_its_next_checkpoint() -> None:
    pool = PlainPool(workers=2)
    job = pool.submit("job", ["a", "b"])
    there = pool.worker_of("a")
    pool.happens(ev.EvictWorkers((there,)))
    assert "a" in pool.running
    pool.checkpoint("a")
    assert pool.attempts("a") == ["rescheduled"]
    pool.end_all()
    assert job.status == "done"


def test_a_paused_unit_gives_its_work_back_at_once_where_it_is_evicted() -> None:
    pool = PlainPool()
    pool.submit("behind", ["a"], priority="background")
    pool.submit("urgent", ["b"], priority="urgent")
    pool.checkpoint()
    pool.happens(ev.EvictWorkers(("w1",)))
    pool.checkpoint("a")
    assert pool.paused == []
    assert pool.records(Displaced)[-1].ended == "rescheduled"
    assert pool.end_all() == ["b", "a"]


def test_a_worker_short_of_memory_may_give_back_what_is_paused() -> None:
    pool = PlainPool()
    behind = pool.submit("behind", ["a"], priority="background")
    pool.submit("urgent", ["b"], priority="urgent")
    pool.checkpoint()
    pool.seats[pool.batch_of("a")].instruction = "evict"  # its worker's own idea
    pool.checkpoint("a")
    assert pool.end_all() == ["b", "a"]
    assert (behind.status, pool.attempts("a")) == ("done", ["rescheduled", "done"])


def test_dask_restarted_loses_no_job() -> None:
    pool = PlainPool(workers=2)
    behind = pool.submit("behind", ["a", "b"], priority="background")
    urgent = pool.submit("urgent", ["c"], priority="urgent")
    pool.submit("normal", ["d", "e"])
    pool.checkpoint()
    assert len(pool.paused) == 2
    pool.restart_dask()
    pool.checkpoint()
    assert "c" in pool.running
    assert not {"a", "b"} & set(pool.running)
    pool.end_all()
    assert sorted(pool.ended) == ["behind", "normal", "urgent"]
    assert (behind.groups_done, urgent.groups_done) == (2, 1)
    assert all(pool.attempts(unit) == ["rescheduled", "done"] for unit in "abc")


def test_dask_restarted_again_and_again_blames_nobody() -> None:
    pool = PlainPool()
    job = pool.submit("job", ["a"])
    for _ in range(4):
        pool.restart_dask()
    pool.end("a")
    assert job.status == "done"


def test_a_lost_task_s_units_go_with_another_batch() -> None:
    """Dask took the slot away, as when a worker is closed: the batch there gives its work back."""
    pool = PlainPool()
    job = pool.submit("job", ["a"])
    old = pool.batch_of("a")
    task = next(task for task, batch in pool._runs.items() if batch == old)
    pool._forget(task)
    pool.happens(ev.TaskLost(task))
    assert do.Instruct("w1", old, "evict") in pool.commands
    pool.seats.pop(old)
    pool.end("a")
    assert (pool.attempts("a"), job.status) == (["rescheduled", "done"], "done")


def test_a_task_that_dask_gave_up_fails_its_units() -> None:
    pool = PlainPool()
    job = pool.submit("job", ["a", "b"])
    batch = pool.batch_of("a")
    (task,) = pool._runs
    pool._forget(task)
    del pool.seats[batch]
    pool.happens(ev.TaskFailed(task, "KilledWorker"))
    pool.end("b")
    assert (job.status, job.groups_failed) == ("failed", 1)
    assert job.error == "a: KilledWorker"


def test_a_task_that_ends_before_its_units_has_them_run_again() -> None:
    pool = PlainPool()
    job = pool.submit("job", ["a"])
    batch = pool.batch_of("a")
    del pool.seats[batch]
    pool._free(batch)
    pool.settle()
    pool.end("a")
    assert (pool.attempts("a"), job.status) == (["rescheduled", "done"], "done")


def test_a_task_that_dask_moved_to_another_worker_has_its_units_run_again() -> None:
    pool = PlainPool(workers=2)
    job = pool.submit("job", ["a"])
    batch, there = pool.batch_of("a"), pool.worker_of("a")
    (other,) = set(pool.workers) - {there}
    del pool.seats[batch]
    pool.tell(ev.UnitsReported(other, batch, (reports.BatchUnknown(),)))
    pool._free(batch)
    pool.settle()
    assert do.Instruct(there, batch, "evict") in pool.commands
    pool.end("a")
    assert (pool.attempts("a"), job.status) == (["rescheduled", "done"], "done")


@pytest.mark.parametrize("begins", [True, False])
def test_a_unit_that_waited_for_a_thread_until_it_had_to_leave_used_no_slot(begins: bool) -> None:
    pool = PlainPool()
    pool.submit("job", ["a"])
    batch, there = pool.batch_of("a"), pool.worker_of("a")
    if begins:
        pool.begin("a")
    pool.wait(3)
    del pool.seats[batch]
    pool.tell(ev.UnitsReported(there, batch, (reports.BatchUnknown(),)))
    (ended,) = pool.records(AttemptEnded)
    assert (ended.outcome, ended.run_seconds) == ("rescheduled", 3 if begins else 0)


@pytest.mark.parametrize("batch", ["old", "nonsense"])
@pytest.mark.parametrize(
    "late",
    [
        reports.UnitBegan(0), reports.FramesDone(0, 5), reports.OthersReturned(0), reports.UnitPaused(0),
        reports.UnitResumed(1.0), reports.StayedPaused(), reports.UnitEnded(0, "done", b"late"),
        reports.BatchDone(), reports.BatchUnknown(),
    ],
)  # fmt: skip
def test_late_reports_of_what_was_given_up_do_no_harm(batch: str, late: reports.Report) -> None:
    pool = PlainPool(workers=2)
    job = pool.submit("job", ["a"])
    old, there = pool.batch_of("a"), pool.worker_of("a")
    pool.kill(there)
    assert pool.running == ["a"]
    pool.happens(ev.UnitsReported(there, old if batch == "old" else batch, (late,)))
    assert pool.running == ["a"]
    pool.end("a", value=b"new")
    assert (job.values, pool.attempts("a")) == ([b"new"], ["lost", "done"])


def test_reports_of_another_worker_than_the_batch_s_do_no_harm() -> None:
    pool = PlainPool(workers=2)
    job = pool.submit("job", ["a"])
    (other,) = set(pool.workers) - {pool.worker_of("a")}
    pool.happens(ev.UnitsReported(other, pool.batch_of("a"), (reports.UnitEnded(0, "done", b"wrong"),)))
    assert pool.running == ["a"]
    pool.end("a")
    assert job.values == [b"x"]


def test_reports_that_come_twice_count_once() -> None:
    pool = PlainPool()
    job = pool.submit("job", ["a", "b"])
    told = reports.UnitEnded(0, "done", b"x")
    batch = pool.batch_of("a")
    pool.tell(ev.UnitsReported("w1", batch, (told, told)))
    pool.tell(ev.UnitsReported("w1", batch, (told,)))
    assert job.groups_done == 1
    assert pool.attempts("a") == ["done"]


def test_leases_begin_and_end() -> None:
    pool = PlainPool(workers=1)
    pool.wait(30)
    pool.retire("w1")
    (joined,) = pool.records(WorkerJoined)
    (left,) = pool.records(WorkerLeft)
    assert (joined.worker, joined.tier, joined.threads) == ("server 1", "local", 1)
    assert (left.worker, left.seconds) == ("server 1", 30.0)
    pool.happens(ev.WorkerLeft("w1", True))
    assert len(pool.records(WorkerLeft)) == 1


def test_slots_are_counted_by_threads() -> None:
    pool = PlainPool(workers=1, threads=3)
    pool.submit("job", ["a", "b", "c", "d"], seconds=30.0)
    assert pool.running == ["a", "b", "c"]
    pool.kill("w1")
    assert pool.state.workers.threads == 0


def test_units_of_thirty_seconds_do_not_pile_up_in_dask_s_queue() -> None:
    pool = PlainPool(workers=4)
    pool.submit("large", [str(number) for number in range(500)], show="L", seconds=30.0)
    assert len(pool.running) == 4
    assert len(pool.queued) <= 4, "no more than one a thread"
    short = PlainPool(workers=4)
    short.submit("large", [str(number) for number in range(500)], show="L", seconds=0.01)
    assert 8 <= len(short.queued) <= 16, "as many as the window has"


def test_why_a_worker_has_left_may_become_known_later() -> None:
    pool = PlainPool(workers=1)
    (address,) = pool.workers
    worker = pool.state.workers.get(address)
    assert worker is not None
    pool.kill(address)
    pool.tell(ev.WorkerExplained(worker.name, "out of memory"))
    pool.tell(ev.WorkerExplained("who never was", "out of memory"))
    first, second = pool.records(WorkerLeft)
    assert (second.reason, second.worker, second.seconds) == ("out of memory", first.worker, first.seconds)
