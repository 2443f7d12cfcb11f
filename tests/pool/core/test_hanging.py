"""Units that hang: noticed by their silence, and ended with their worker where nothing else is lost by it."""

from __future__ import annotations

import pytest

from mediadask.pool.core import commands as do
from mediadask.pool.core import events as ev
from mediadask.pool.history import AttemptEnded, AttemptFlagged
from tests.pool.core.pool import PlainPool

HANGS = 200.0
"""Seconds: longer than `hang-after` and twenty times what these units take."""


def silent(workers: int = 1, *, begin: bool = True, **settings: object) -> PlainPool:
    """A pool in which a unit of one second has made no checkpoint for long."""
    pool = PlainPool(workers, **settings)
    pool.submit("job", ["sticky"], seconds=1.0)
    if begin:
        pool.begin("sticky")
    pool.wait(HANGS)
    return pool


def replaced(pool: PlainPool) -> list[str]:
    return [command.worker for command in pool.done(do.ReplaceWorker)]


def replace(pool: PlainPool, how: str = "close") -> None:
    """The nanny has the process end, which gives its tasks back, or kills it, and starts another."""
    (worker,) = replaced(pool)[-1:]
    getattr(pool, how)(worker)
    pool.join()


either_way = pytest.mark.parametrize("how", ["close", "kill"])


def test_a_unit_that_hangs_is_flagged_and_its_worker_replaced() -> None:
    pool = silent()
    (flagged,) = pool.records(AttemptFlagged)
    assert flagged.reason == "no checkpoint for 200 s: taken to hang"
    assert pool.done(do.PauseWorker) == [do.PauseWorker("w1")], "it gets no more work meanwhile"
    assert replaced(pool) == ["w1"]
    pool.wait(100)
    assert replaced(pool) == ["w1"], "once"


@either_way
def test_it_is_tried_again_and_set_aside_when_it_hangs_twice(how: str) -> None:
    pool = silent()
    replace(pool, how)
    pool.begin("sticky")
    pool.wait(HANGS)
    replace(pool, how)
    job = pool.state.job("job")
    assert job.status == "failed"
    assert job.error.startswith("sticky: no checkpoint for 200 s: taken to hang, 2 times; set aside")
    assert pool.attempts("sticky") == ["replaced", "replaced"]


def test_a_unit_that_goes_on_after_all_is_left_alone() -> None:
    pool = PlainPool()
    pool.submit("job", ["slow"], seconds=1.0)
    pool.begin("slow")
    for frames in range(1, 10):
        pool.wait(50)
        pool.frames("slow", frames)
    assert pool.records(AttemptFlagged) == []
    pool.end("slow")
    assert pool.state.job("job").status == "done"


def test_a_unit_that_makes_something_ready_does_not_hang() -> None:
    """Its worker reports no more frames, but again and again."""
    pool = PlainPool()
    pool.submit("job", ["compiles"], seconds=1.0)
    pool.begin("compiles")
    for _ in range(10):
        pool.wait(50)
        pool.frames("compiles", 0)
    assert pool.records(AttemptFlagged) == []
    pool.wait(HANGS)
    assert len(pool.records(AttemptFlagged)) == 1


def test_a_worker_is_used_again_where_what_hung_goes_on() -> None:
    pool = PlainPool(threads=2)
    pool.submit("job", ["sticky", "other"], seconds=1.0)
    pool.begin("sticky")
    pool.begin("other")
    pool.wait(40)
    pool.frames("other", 1)
    pool.wait(40)
    assert pool.done(do.PauseWorker) == [do.PauseWorker("w1")]
    assert replaced(pool) == [], "another still runs there"
    pool.frames("sticky", 1)
    assert pool.done(do.UnpauseWorker) == [do.UnpauseWorker("w1")]
    pool.end("sticky")
    assert "replaced" not in pool.attempts("sticky")


def test_a_worker_that_is_to_leave_is_not_used_again() -> None:
    """Dask would send it tasks, which it would have to give back."""
    pool = PlainPool(threads=2)
    pool.submit("job", ["sticky", "other"], seconds=1.0)
    pool.begin("sticky")
    pool.begin("other")
    pool.wait(40)
    pool.frames("other", 1)
    pool.wait(40)
    pool.happens(ev.EvictWorkers(("w1",)))
    pool.frames("sticky", 1)
    assert pool.done(do.UnpauseWorker) == []
    assert replaced(pool) == []


def test_what_runs_beside_it_gives_its_work_back_first() -> None:
    pool = PlainPool(threads=2)
    pool.submit("job", ["sticky", "beside"], seconds=1.0)
    pool.begin("sticky")
    pool.begin("beside")
    pool.wait(50)
    pool.frames("beside", 1)
    pool.wait(20)
    assert replaced(pool) == []
    pool.checkpoint("beside")
    assert pool.attempts("beside") == ["rescheduled"]
    assert replaced(pool) == ["w1"]


@either_way
def test_what_does_not_hear_beside_it_is_excused(how: str) -> None:
    pool = PlainPool(threads=2)
    job = pool.submit("job", ["sticky", "deaf"], seconds=1.0)
    pool.begin("sticky")
    pool.begin("deaf")
    pool.wait(50)
    pool.frames("deaf", 1)
    pool.wait(20)
    for _ in range(25):
        pool.wait(1)
    assert replaced(pool) == ["w1"], "it had twenty seconds"
    replace(pool, how)
    assert pool.attempts("deaf") == ["rescheduled"]
    assert pool.attempts("sticky") == ["replaced"]
    excused = next(each for each in pool.records(AttemptEnded) if each.attempt.unit == "deaf")
    assert excused.error == "its worker was replaced: another unit hung there"
    pool.end_all()
    assert job.status == "done"


def test_tasks_of_others_beside_it_are_waited_for() -> None:
    pool = PlainPool(threads=2)
    pool.foreign = {"w1": 1}
    pool.submit("job", ["sticky"], seconds=1.0)
    pool.begin("sticky")
    pool.wait(70)
    assert replaced(pool) == []
    pool.foreign = {}
    pool.wait(1)
    assert replaced(pool) == ["w1"]


def test_nothing_hangs_that_nobody_knows_the_length_of() -> None:
    pool = PlainPool()
    pool.submit("job", ["new"], kind="new")
    pool.begin("new")
    pool.wait(10_000)
    assert pool.records(AttemptFlagged) == []


def test_what_the_slowest_of_its_kind_took_is_known() -> None:
    pool = PlainPool()
    for seconds in (1.0, 1.0, 50.0):
        pool.predictor.observe("work", 1, seconds)
    pool.submit("job", ["slow"], seconds=1.0)
    pool.begin("slow")
    pool.wait(900)
    assert pool.records(AttemptFlagged) == []
    pool.wait(200)
    assert len(pool.records(AttemptFlagged)) == 1


def test_a_unit_that_is_paused_does_not_hang() -> None:
    pool = PlainPool()
    pool.submit("behind", ["a"], priority="background", seconds=1.0)
    pool.begin("a")
    pool.submit("urgent", ["b"], priority="urgent", kind="new")
    pool.checkpoint()
    pool.wait(10_000)
    assert pool.records(AttemptFlagged) == []
    pool.end("b")
    pool.wait(30)
    assert pool.records(AttemptFlagged) == []
    pool.wait(HANGS)
    pool.wait(HANGS)
    assert len(pool.records(AttemptFlagged)) == 1


def test_a_unit_that_loads_its_libraries_for_a_minute_does_not_hang() -> None:
    pool = PlainPool()
    pool.submit("job", ["a"], seconds=1.0)
    pool.wait(100)
    assert pool.records(AttemptFlagged) == []
    pool.wait(30)
    assert len(pool.records(AttemptFlagged)) == 1


def test_one_that_hangs_soon_after_it_has_loaded_its_libraries_is_seen_soon() -> None:
    pool = PlainPool(hang_after="2s", hang_factor=2)
    pool.submit("job", ["a"], seconds=1.0)
    pool.wait(2.5)
    pool.begin("a")
    pool.wait(2.5)
    assert len(pool.records(AttemptFlagged)) == 1


def test_without_a_nanny_it_is_only_flagged() -> None:
    pool = silent(nanny=False)
    assert len(pool.records(AttemptFlagged)) == 1
    assert pool.done(do.PauseWorker) == pool.done(do.ReplaceWorker) == []


def test_without_a_nanny_it_is_replaced_where_the_pool_brings_workers() -> None:
    assert replaced(silent(nanny=False, brought=True)) == ["w1"]


def test_a_hanging_unit_that_nobody_wants_still_has_its_worker_replaced() -> None:
    """Its thread would never be free again."""
    pool = PlainPool()
    pool.submit("job", ["sticky"], seconds=1.0)
    pool.begin("sticky")
    pool.cancel("job")
    pool.wait(HANGS)
    pool.wait(HANGS)
    assert replaced(pool) == ["w1"]
    replace(pool)
    assert pool.running == []


def test_a_batch_s_next_unit_is_measured_from_its_own_beginning() -> None:
    pool = PlainPool()
    for _ in range(3):
        pool.predictor.observe("work", 1, 0.01)
    pool.submit("job", ["a", "b", "c", "d", "e", "f"])
    assert pool.beside("a") == ["a", "b", "c"]
    pool.begin("a")
    pool.wait(50)
    pool.end("a")
    pool.wait(50)
    assert pool.records(AttemptFlagged) == []
    pool.wait(HANGS)
    (flagged,) = pool.records(AttemptFlagged)
    assert flagged.attempt.unit == "b"


def test_a_worker_that_dies_with_a_unit_that_hangs_is_no_death_more() -> None:
    pool = silent()
    pool.happens(ev.WorkerLeft("w1", False))
    assert pool.attempts("sticky") == ["replaced"]
