"""Whose unit goes next, among thousands of jobs: told without a look at each of them."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from mediadask.pool.scheduler.backlog import JobRecord
from mediadask.pool.scheduler.turns import Turns

import mediadask as md

SOON = datetime(2030, 1, 1, tzinfo=UTC)


class Counted(JobRecord):
    """A job that counts how often it is looked at."""

    looks = 0

    @property
    def has_ready(self) -> bool:
        Counted.looks += 1
        return super().has_ready


def job(number: int, order: int = 1, show: str = "A", deadline: datetime | None = None) -> JobRecord:
    delivery = md.delivery(abs, [number], name="work")
    record = Counted(str(number), "work", show, "normal", order, deadline, delivery, b"", number)
    record.planned += record.plan(1)
    return record


def turns_of(*jobs: JobRecord, held: str = "") -> Turns:
    turns = Turns(lambda show: show == held)
    for each in jobs:
        turns.add(each)
    return turns


def drained(turns: Turns, in_flight: Counter[tuple[int, str]]) -> list[int]:
    numbers = []
    while (following := turns.next(in_flight)) is not None:
        following.planned.popleft()
        in_flight[following.order, following.show] += 1
        numbers.append(following.number)
    return numbers


def test_classes_then_deadlines_then_shows_in_turn_then_first_come() -> None:
    jobs = [job(0, order=2), job(1), job(2), job(3, show="B"), job(4, deadline=SOON), job(5, order=0)]
    jobs.append(job(6, deadline=SOON - timedelta(hours=1)))
    assert drained(turns_of(*jobs), Counter()) == [5, 6, 4, 3, 1, 2, 0], "A has two in flight when B has none"


def test_a_held_show_has_no_turn() -> None:
    assert drained(turns_of(job(0), job(1, show="B"), held="A"), Counter()) == [1]


def test_a_job_that_changes_its_class_goes_by_its_number_there() -> None:
    raised, others = job(1, order=2), [job(0), job(2)]
    turns = turns_of(raised, *others)
    turns.remove(raised)
    raised.order = 1
    turns.add(raised)
    assert drained(turns, Counter()) == [0, 1, 2]


def test_what_has_ended_has_no_turn() -> None:
    ended, other = job(0, deadline=SOON), job(1)
    turns = turns_of(ended, other)
    turns.remove(ended)
    assert drained(turns, Counter()) == [1]


def test_few_jobs_are_looked_at_however_many_there_are() -> None:
    turns = turns_of(*(job(number, show="ABC"[number % 3]) for number in range(3000)))
    Counted.looks = 0
    assert turns.next(Counter()) is not None
    assert Counted.looks == 3
