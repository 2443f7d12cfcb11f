"""Short units that share a slot: which go together, and that nobody waits behind them."""

from __future__ import annotations

import pytest

from mediadask.pool.core.commands import SendUnits
from mediadask.pool.core.deliveries import BATCH_UNITS
from mediadask.pool.history import AttemptEnded, AttemptStarted
from tests.pool.core.pool import PlainPool


def knowing(seconds: float, workers: int = 1) -> PlainPool:
    """A pool that has seen what units take."""
    pool = PlainPool(workers)
    for _ in range(3):
        pool.predictor.observe("work", 1, seconds)
    return pool


def names(number: int) -> list[str]:
    return [str(each) for each in range(number)]


@pytest.mark.parametrize(("seconds", "together"), [(0.01, 24), (0.1, 2), (3.0, 1), (0.0, BATCH_UNITS)])
def test_units_go_together_up_to_a_quarter_of_a_second(seconds: float, together: int) -> None:
    pool = knowing(seconds)
    pool.submit("job", names(1000))
    pool.end_all()
    assert max(len(sent.calls) for sent in pool.done(SendUnits)) == together


def test_units_that_nobody_knows_go_alone() -> None:
    pool = PlainPool()
    pool.submit("job", names(50), seconds=0.001)
    assert pool.beside("0") == ["0"]


def test_a_slot_takes_no_more_than_its_share() -> None:
    pool = knowing(0.001, workers=4)
    pool.submit("job", names(56))
    assert len(pool.beside("0")) == 7
    pool = knowing(0.001, workers=4)
    pool.submit("job", names(4))
    assert pool.running == names(4)


def test_units_of_one_batch_run_one_after_another() -> None:
    pool = knowing(0.01)
    job = pool.submit("job", names(10))
    assert len(pool.beside("0")) == 5
    assert pool.running == ["0"]
    assert pool.end_all() == names(10)
    assert job.status == "done"


def test_a_unit_that_did_harm_goes_alone() -> None:
    pool = knowing(0.001, workers=1)
    pool.submit("job", names(10))
    pool.end("0", "1")
    assert pool.running == ["2"]
    pool.kill("w1")
    pool.join()
    pool.end_all()
    for unit in ("2", "3", "4"):
        assert pool.sent(unit) == [names(5), [unit]], "anyone whose end was not reported may have done it"
    assert pool.sent("0") == pool.sent("1") == [names(5)]


def test_a_unit_that_takes_longer_than_predicted_gives_back_those_behind_it() -> None:
    pool = knowing(0.01, workers=2)
    pool.submit("job", names(12))
    assert pool.beside("0") == ["0", "1", "2"]
    pool.takes_long("0")
    ended = []
    while pool.running != ["0"]:
        (unit,) = [unit for unit in pool.running if unit != "0"]
        ended.append(unit)
        pool.end(unit)
    assert sorted(ended, key=int) == names(12)[1:]
    assert pool.attempts("1") == ["done"], "it did not run before"


def test_a_batch_is_as_urgent_as_its_most_urgent_unit() -> None:
    pool = knowing(0.01)
    pool.submit("busy", ["busy"], priority="urgent")
    pool.submit("job", names(6), priority="background")
    pool.submit("normal", ["normal"])
    assert pool.queued == ["normal", *names(6)]
    pool.submit("urgent", ["1"], priority="urgent")
    assert pool.end_all()[:3] == ["busy", "1", "normal"]


def test_cancelling_stops_between_units_of_a_batch() -> None:
    pool = knowing(0.01)
    pool.submit("job", names(12))
    pool.end("0")
    pool.cancel("job")
    pool.checkpoint()
    assert pool.running == pool.queued == []
    assert pool.attempts("0") == ["done"]
    assert {*pool.attempts("1"), *pool.attempts("2")} == {"cancelled"}
    pool.submit("after", ["after"])
    assert pool.running == ["after"]


def test_a_batch_pauses_between_two_units_as_between_two_frames() -> None:
    pool = knowing(0.01)
    pool.submit("behind", names(12), priority="background")
    pool.submit("urgent", ["urgent"], priority="urgent")
    assert pool.running == ["0"], "it has not seen that it is to pause"
    pool.end("0")
    assert pool.running == ["urgent"], "what was behind it was given back"
    assert sorted(pool.end_all()[1:], key=int) == names(12)[1:]
    assert pool.attempts("1") == ["done"]


def test_of_a_batch_every_unit_has_its_own_record() -> None:
    pool = knowing(0.01)
    pool.submit("job", names(4))
    assert pool.beside("0") == ["0", "1"]
    pool.end("0", seconds=0.25)
    pool.end("1", seconds=0.5)
    pool.end_all()
    ended = {each.attempt.unit: each for each in pool.records(AttemptEnded)}
    assert [ended[unit].run_seconds for unit in ("0", "1")] == [0.25, 0.5]
    assert len({each.attempt.id for each in ended.values()}) == 4
    started = {each.attempt.unit for each in pool.records(AttemptStarted)}
    assert all(unit in started or ended[unit].started is not None for unit in names(4))
