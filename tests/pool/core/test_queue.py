"""The queue tells whose unit goes next, among thousands of jobs, without a look at each of them."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from mediadask.pool.core.queue import JobQueue
from tests.pool.core.pool import NOON, PlainPool

if TYPE_CHECKING:
    from mediadask.pool.core.jobs import DeliveryJob

HOUR = timedelta(hours=1)


def busy() -> PlainPool:
    """A pool whose only worker is at work and has the next unit of each class, so whatever comes waits."""
    pool = PlainPool()
    pool.submit("busy", ["busy", "next urgent"], priority="urgent")
    pool.submit("normal", ["next normal"])
    pool.submit("background", ["next background"], priority="background")
    assert pool.running == ["busy"]
    return pool


def drained(pool: PlainPool) -> list[str]:
    """Without what was there at the beginning."""
    return [unit for unit in pool.end_all() if not unit.startswith(("busy", "next "))]


def test_classes_go_in_their_order_then_deadlines_then_first_come() -> None:
    pool = busy()
    pool.submit("last", ["last"], priority="background")
    pool.submit("first", ["first"])
    pool.submit("second", ["second"])
    pool.submit("late", ["late"], deadline=NOON + 2 * HOUR)
    pool.submit("soon", ["soon"], deadline=NOON + HOUR)
    pool.submit("urgent", ["urgent"], priority="urgent")
    assert drained(pool) == ["urgent", "soon", "late", "first", "second", "last"]


def test_shows_of_one_class_take_turns() -> None:
    pool = busy()
    pool.submit("first of A", ["A1", "A2", "A3"], show="A")
    pool.submit("second of A", ["A4"], show="A")
    pool.submit("B", ["B1", "B2"], show="B")
    assert drained(pool) == ["A1", "B1", "A2", "B2", "A3", "A4"]


def test_a_small_show_does_not_wait_behind_the_backlog_of_a_large_one() -> None:
    pool = PlainPool(workers=2)
    pool.submit("large", [f"L{number}" for number in range(500)], show="L", seconds=30.0)
    assert pool.running == ["L0", "L1"]
    pool.submit("small", ["S"], show="S", seconds=30.0)
    pool.end("L0", "L1")
    assert sorted(pool.running) == ["L2", "S"], "one slot's next unit was in its way"


def test_a_job_that_changes_its_class_goes_by_its_number_there() -> None:
    pool = busy()
    pool.submit("0", ["0"])
    pool.submit("1", ["1"], priority="background")
    pool.submit("2", ["2"])
    pool.reprioritize("1", "normal")
    assert drained(pool) == ["0", "1", "2"]


def test_a_job_that_gets_a_deadline_goes_before_those_without() -> None:
    pool = busy()
    pool.submit("0", ["0", "00"])
    pool.submit("1", ["1"])
    pool.reprioritize("1", "normal", NOON + HOUR)
    assert drained(pool) == ["1", "0", "00"]


def test_what_has_ended_has_no_turn() -> None:
    pool = busy()
    pool.submit("0", ["0"], deadline=NOON + HOUR)
    pool.submit("1", ["1"])
    pool.cancel("0")
    assert drained(pool) == ["1"]


class Seen:
    """A job that counts how often it is looked at."""

    looks = 0

    def __init__(self, job: DeliveryJob) -> None:
        self._job = job

    def __getattr__(self, name: str) -> object:
        Seen.looks += name == "show"
        return getattr(self._job, name)


def test_few_jobs_are_looked_at_however_many_there_are() -> None:
    pool = busy()
    queue = JobQueue()
    for number in range(3000):
        queue.update(Seen(pool.submit(str(number), [str(number)], show="ABC"[number % 3])))  # type: ignore[arg-type]
    Seen.looks = 0
    assert queue.next(Counter()) is not None
    assert Seen.looks == 3
