"""Who pauses for whom, and who goes on where: the decisions, without a cluster."""

from __future__ import annotations

import pytest

from mediadask.pool import reports
from mediadask.pool.core import commands as do
from mediadask.pool.core import events as ev
from mediadask.pool.core.displacement import Victims, choose_victims
from mediadask.pool.history import AttemptEnded, Displaced
from tests.pool.core.pool import PlainPool


def names(job: str, number: int) -> list[str]:
    return [f"{job} {each}" for each in range(number)]


def behind(workers: int = 1, units: int = 1, **settings: object) -> PlainPool:
    """A pool whose workers run background work."""
    pool = PlainPool(workers, **settings)
    pool.submit("behind", names("behind", units), priority="background")
    assert pool.running == names("behind", min(units, workers))
    return pool


def test_the_lowest_class_pauses_first() -> None:
    assert choose_victims({0: 2}, {}, {1: 1, 2: 2}) == [Victims(2, 2, 0, 0)]
    assert choose_victims({0: 5}, {}, {1: 1, 2: 2}) == [Victims(2, 2, 0, 0), Victims(1, 1, 0, 2)]


def test_nobody_pauses_for_an_equal_or_lower_class() -> None:
    assert choose_victims({1: 1, 2: 1}, {}, {0: 1, 1: 1}) == []


def test_those_who_have_been_told_to_pause_count() -> None:
    assert choose_victims({0: 1}, {2: 1}, {2: 1}) == []
    assert choose_victims({0: 2}, {2: 1}, {2: 1}) == [Victims(2, 1, 0, 1)]
    assert choose_victims({1: 1}, {1: 1}, {2: 1}) == [Victims(2, 1, 1, 0)], "it gives its place to no equal"


def test_the_least_done_pauses_first() -> None:
    pool = PlainPool(workers=3)
    pool.submit("behind", names("behind", 3), priority="background", frames=100)
    for unit, frames in zip(pool.running, (50, 10, 90), strict=True):
        pool.frames(unit, frames)
    pool.submit("urgent", ["urgent"], priority="urgent")
    pool.checkpoint()
    assert pool.paused == ["behind 1"]


def test_urgent_work_passes_at_the_next_checkpoint_and_what_paused_goes_on_where_it_was() -> None:
    pool = behind(workers=2, units=4)
    where = {unit: pool.worker_of(unit) for unit in pool.running}
    pool.submit("urgent", names("urgent", 3), priority="urgent")
    assert pool.running == ["behind 0", "behind 1"], "no frame is cut off"
    pool.checkpoint()
    assert pool.running == ["urgent 0", "urgent 1"]
    pool.wait(5)
    pool.end("urgent 0")
    pool.end("urgent 1")
    assert "urgent 2" in pool.running
    assert len(pool.running) == 2, "one slot was left over"
    pool.end("urgent 2")
    assert sorted(pool.running) == ["behind 0", "behind 1"]
    assert {unit: pool.worker_of(unit) for unit in pool.running} == where
    assert pool.end_all() == ["behind 0", "behind 1", "behind 2", "behind 3"]
    assert [pool.attempts(unit) for unit in names("behind", 4)] == [["done"]] * 4, "nothing ran twice"


def test_the_ledger_hears_for_whom_and_for_how_long_a_unit_stood_aside() -> None:
    pool = behind()
    pool.wait(2)
    pool.submit("urgent", ["urgent"], priority="urgent")
    pool.checkpoint()
    pool.wait(5)
    pool.end("urgent")
    paused, resumed = pool.records(Displaced)
    assert paused.displacement == resumed.displacement
    assert (paused.for_job, paused.seconds, paused.ended) == ("urgent", None, "")
    assert (resumed.for_job, resumed.seconds, resumed.ended) == ("urgent", 5.0, "resumed")
    assert paused.at == resumed.at
    assert paused.attempt.id == resumed.attempt.id


def test_three_classes_stack() -> None:
    pool = behind(workers=2, units=2)
    pool.submit("normal", names("normal", 2))
    pool.checkpoint()
    pool.submit("urgent", names("urgent", 2), priority="urgent")
    pool.checkpoint()
    assert pool.paused == [*names("behind", 2), *names("normal", 2)]
    assert pool.running == names("urgent", 2)
    pool.end("urgent 0", "urgent 1")
    assert pool.running == names("normal", 2)
    pool.end("normal 0", "normal 1")
    assert pool.end_all() == names("behind", 2)
    assert pool.ended == ["urgent", "normal", "behind"]


def test_nobody_goes_on_while_a_higher_class_waits() -> None:
    pool = behind()
    pool.submit("urgent", names("urgent", 10), priority="urgent")
    pool.checkpoint()
    for unit in names("urgent", 10):
        assert pool.running == [unit]
        pool.end(unit)
    assert pool.running == ["behind 0"]


def test_what_paused_goes_on_before_its_job_begins_anything_new() -> None:
    pool = behind(units=5)
    pool.submit("urgent", ["urgent"], priority="urgent")
    pool.checkpoint()
    pool.end("urgent")
    assert pool.running == ["behind 0"]


def test_nothing_new_of_its_class_waits_for_the_slots_of_what_paused() -> None:
    """Dask gives a slot that is free to what is in its queue, before anybody can call a paused unit back."""
    pool = behind(workers=2, units=6)
    assert pool.queued, "some wait in Dask"
    pool.submit("urgent", names("urgent", 2), priority="urgent")
    pool.checkpoint()
    assert (pool.running, pool.paused) == (names("urgent", 2), names("behind", 2))
    assert pool.queued == []
    pool.end("urgent 0")
    pool.end("urgent 1")
    assert sorted(pool.running) == names("behind", 2)
    assert pool.queued, "they are back"
    assert sorted(pool.end_all()) == names("behind", 6)


def test_where_there_is_a_free_slot_new_units_begin_beside_what_paused() -> None:
    pool = behind(units=6)
    pool.submit("urgent", ["urgent"], priority="urgent")
    pool.checkpoint()
    assert (pool.running, pool.paused, pool.queued) == (["urgent"], ["behind 0"], [])
    pool.join()
    assert pool.running == ["urgent", "behind 1"]


def test_a_worker_goes_on_with_the_highest_class_then_the_longest_paused() -> None:
    pool = PlainPool(threads=2)
    pool.submit("behind", names("behind", 2), priority="background", frames=100)
    pool.frames("behind 0", 50)
    for job in ("first", "second"):
        pool.submit(job, [job])
        pool.checkpoint()
        pool.wait(1)
    assert pool.paused == ["behind 1", "behind 0"]
    pool.submit("urgent", names("urgent", 2), priority="urgent")
    pool.checkpoint()
    assert sorted(pool.paused) == ["behind 0", "behind 1", "first", "second"]
    pool.end("urgent 0", "urgent 1")
    assert sorted(pool.running) == ["first", "second"]
    pool.end("first")
    assert sorted(pool.running) == ["behind 1", "second"]


def test_what_was_told_to_pause_runs_on_where_nobody_waits_any_more() -> None:
    pool = behind()
    pool.submit("urgent", ["urgent"], priority="urgent")
    pool.cancel("urgent")
    pool.checkpoint()
    assert (pool.running, pool.paused) == (["behind 0"], [])


def test_another_pauses_where_one_does_not_hear() -> None:
    pool = behind(workers=2, units=2)
    pool.submit("urgent", ["urgent"], priority="urgent")
    deaf = next(each.batch for each in pool.commands if getattr(each, "instruction", "") == "pause")
    (hearing,) = [unit for unit in pool.running if pool.batch_of(unit) != deaf]
    pool.checkpoint(hearing)
    assert pool.paused == [], "one that was told is enough for a while"
    pool.wait(1.0)
    pool.checkpoint(hearing)
    assert pool.paused == [hearing]
    assert "urgent" in pool.running


def told_to_pause(pool: PlainPool) -> list[str]:
    return [each.batch for each in pool.done(do.Instruct) if each.instruction == "pause"]


def test_another_pauses_where_one_went_on_to_its_next_unit_and_does_not_hear() -> None:
    """It had begun that unit before it was told to pause, but reports so later."""
    pool = PlainPool(threads=2)
    for _ in range(3):
        pool.predictor.observe("work", 1, 0.01)
    pool.submit("behind", names("behind", 12), priority="background")
    pool.submit("urgent", ["urgent"], priority="urgent", kind="new")
    (deaf,) = told_to_pause(pool)
    (hearing,) = {pool.batch_of(unit) for unit in pool.running} - {deaf}
    ended, begun = reports.UnitEnded(0, "done", b"x", run_seconds=0.01), reports.UnitBegan(1)
    pool.wait(0.1)
    pool.happens(ev.UnitsReported("w1", deaf, (ended, begun)))
    pool.wait(1.5)
    assert told_to_pause(pool) == [deaf, hearing]


def test_one_that_was_told_too_late_to_stay_paused_is_not_counted_on_for_ever() -> None:
    pool = behind()
    deaf = pool.batch_of("behind 0")
    pool.submit("urgent", ["urgent"], priority="urgent")
    pool.checkpoint()
    pool.submit("again", ["again"], priority="urgent")
    assert told_to_pause(pool) == [deaf, deaf]
    pool.wait(0.1)
    pool.happens(ev.UnitsReported("w1", deaf, (reports.UnitResumed(0.1),)))
    batch = pool.state.batches.get(deaf)
    assert batch is not None
    assert (batch.state, batch.is_deaf) == ("pausing", False)
    pool.wait(1.5)
    assert batch.is_deaf


def test_a_job_that_is_raised_passes_what_runs() -> None:
    pool = PlainPool()
    pool.submit("running", ["running"])
    pool.submit("raised", ["raised"], priority="background")
    pool.checkpoint()
    assert pool.running == ["running"]
    pool.reprioritize("raised", "urgent")
    pool.checkpoint()
    assert (pool.running, pool.paused) == (["raised"], ["running"])


def test_a_job_that_is_lowered_makes_way() -> None:
    pool = PlainPool()
    pool.submit("lowered", ["lowered"])
    pool.submit("waits", ["waits"])
    pool.checkpoint()
    assert pool.running == ["lowered"]
    pool.reprioritize("lowered", "background")
    pool.checkpoint()
    assert (pool.running, pool.paused) == (["waits"], ["lowered"])


def test_a_paused_job_that_is_raised_goes_on() -> None:
    pool = behind()
    pool.submit("normal", names("normal", 2))
    pool.checkpoint()
    pool.reprioritize("behind", "urgent")
    pool.checkpoint()
    assert (pool.running, pool.paused) == (["behind 0"], ["normal 0"])


def test_a_paused_unit_can_be_cancelled() -> None:
    pool = behind()
    pool.submit("urgent", names("urgent", 2), priority="urgent")
    pool.checkpoint()
    pool.cancel("behind")
    pool.checkpoint()
    assert pool.paused == []
    assert pool.attempts("behind 0") == ["cancelled"]
    assert pool.end_all() == names("urgent", 2)


def test_what_goes_on_waits_on_its_worker_where_a_lower_class_makes_room() -> None:
    """Its slot was taken while it was paused: its worker is the only one that has its frames."""
    pool = PlainPool(workers=2)
    pool.submit("normal", names("normal", 2))
    pool.submit("urgent", names("urgent", 2), priority="urgent")
    pool.checkpoint()
    assert pool.paused == names("normal", 2)
    pool.submit("background", names("background", 2), priority="background")
    pool.end("urgent 0")
    pool.end("urgent 1")
    pool.checkpoint()
    assert sorted(pool.running) == names("normal", 2)


@pytest.mark.parametrize("units", [1, 3])
def test_told_too_late_to_stay_paused_it_pauses_again(units: int) -> None:
    pool = behind()
    pool.submit("first", ["first"], priority="urgent")
    pool.checkpoint()
    pool.end("first")
    assert pool.running == ["behind 0"]
    pool.submit("second", names("second", units), priority="urgent")
    pool.checkpoint()
    assert (pool.running, pool.paused) == (["second 0"], ["behind 0"])
    assert pool.end_all() == [*names("second", units), "behind 0"]
    (ended,) = [each for each in pool.records(AttemptEnded) if each.attempt.unit == "behind 0"]
    assert ended.outcome == "done"
