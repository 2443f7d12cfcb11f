"""Jobs on a real cluster: results in order, failures apart, shared units, classes, cancelling."""

from __future__ import annotations

import errno
import os
import re
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import mediadask as md
from mediadask.delivery import Delivery, Failure, Group, Unit
from mediadask.errors import InvalidRequest, MediaError, OutputFailed, UnreadableMedia
from mediadask.pool import Pool
from mediadask.pool.worker.runner import UnitRunner
from tests.pool.waiting import WAIT, eventually, see

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Scheduler, Worker

    from mediadask.pool import Job


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool.local(workers=2) as pool:
        yield pool


@pytest.fixture
def one_slot(pool: Pool, tmp_path: Path) -> Iterator[Pool]:
    """The pool while one of its two slots is held: of two, either may be late with what it began."""
    held = pool.submit(
        md.delivery(partial(until_exists, tmp_path / "free"), [0], name="held"), priority="urgent"
    )
    see(held, units_running=1)
    yield pool
    (tmp_path / "free").touch()
    assert held.wait(WAIT)


def double(number: int) -> int:
    if number == 7:
        raise UnreadableMedia("is a seven", where=number)
    return 2 * number


def note(folder: Path, number: int) -> int:
    """One line for every time a unit runs, in order."""
    with (folder / "ran").open("a") as ran:
        ran.write(f"{number}\n")
    return number


def until_exists(gate: Path, number: int) -> int:
    while not gate.exists():
        time.sleep(0.005)
        md.checkpoint()
    return number


def noted_after(gate: Path, number: int) -> int:
    note(gate.parent, number)
    return until_exists(gate, number)


def one_long_frame(gate: Path, number: int) -> int:
    note(gate.parent, number)
    while not gate.exists():
        time.sleep(0.005)
    md.checkpoint()
    return number


def fails_until(folder: Path, tries: int) -> int:
    note(folder, 0)
    if len(ran(folder)) < tries:
        raise ConnectionError("the volume is away")
    return tries


def total(parts: list[int], start: int) -> int:
    return sum(parts, start)


def told_to_stop(dask_worker: Worker) -> int:
    """How many running units of a worker have been told that nobody wants them."""
    return sum(batch.is_cancelled for batch in dask_worker.plugins[UnitRunner.name].batches.values())


def ran(folder: Path) -> list[int]:
    noted = folder / "ran"
    return [int(line) for line in noted.read_text().split()] if noted.exists() else []


def test_results_come_in_order_and_a_failure_stays_alone(pool: Pool) -> None:
    report = pool.submit(md.delivery(double, range(12), name="doubles")).result(WAIT)
    assert report.results == [2 * number for number in range(12) if number != 7]
    (failed,) = report.failures
    assert (failed.name, failed.failure.error) == ("7", "7: is a seven")


class Nameless:
    def __dask_tokenize__(self) -> None:
        raise RuntimeError("has no name")


def test_a_unit_that_cannot_be_named_fails_alone(pool: Pool) -> None:
    groups = [Group("odd", (Unit(double, (Nameless(),)),)), Group("good", (Unit(double, (2,)),))]
    report = pool.submit(Delivery("names", groups)).result(WAIT)
    assert report.results == [4]
    assert "has no name" in report.failures[0].failure.error


def test_the_pool_gives_what_dask_gives(pool: Pool) -> None:
    groups = [
        Group(f"sum {start}", tuple(Unit(double, (n,)) for n in range(start, start + 3)), Unit(total, (100,)))
        for start in range(0, 12, 3)
    ]
    delivery = Delivery("sums", [*groups, Group("list", groups[0].units), Group("none", ())])
    there = delivery.compute()
    here = pool.submit(delivery).result(WAIT)
    assert here == there
    assert [outcome.name for outcome in here.failures] == ["sum 6"]


def test_what_the_network_broke_is_tried_again_and_what_the_medium_broke_is_not(
    pool: Pool, tmp_path: Path
) -> None:
    assert pool.submit(md.delivery(partial(fails_until, tmp_path), [3], name="flaky")).result(
        WAIT
    ).results == [3]
    assert len(ran(tmp_path)) == 3
    (failure,) = (
        pool.submit(md.delivery(partial(fails_until, tmp_path), [99], name="flaky")).result(WAIT).failures
    )
    assert failure.failure.error == "ConnectionError: the volume is away"
    assert len(ran(tmp_path)) == 3 + 4, "three retries are configured"


ERRORS = {
    "ours": OutputFailed("cannot be written: no space left on device", where="a.mov"),
    "Python's": OSError(errno.ENOSPC, "No space left on device"),
    "of the input": UnreadableMedia("is cut off", where="a.mov"),
}


def fails_with(folder: Path, error: str) -> None:
    note(folder, 0)
    raise ERRORS[error]


@pytest.mark.parametrize(("error", "runs"), [("ours", 4), ("Python's", 4), ("of the input", 1)])
def test_a_full_disk_is_tried_again_and_told_whoever_says_it(
    error: str, runs: int, pool: Pool, tmp_path: Path
) -> None:
    report = pool.submit(md.delivery(partial(fails_with, tmp_path), [error], name="full")).result(WAIT)
    assert len(ran(tmp_path)) == runs
    assert str(ERRORS[error]) in report.failures[0].failure.error


def a_lock(number: int) -> Any:
    return threading.Lock() if number == 1 else number


def test_a_result_that_cannot_be_sent_names_its_unit(pool: Pool) -> None:
    report = pool.submit(md.delivery(a_lock, range(3), name="locks")).result(WAIT)
    assert report.results == [0, 2]
    (failed,) = report.failures
    assert re.fullmatch(r"1: its result cannot be sent: .*lock.*; return plain data", failed.failure.error)


def test_equal_units_of_two_clients_run_once_and_each_pays_half(pool: Pool, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with Pool.connect(pool.address) as other:
        jobs = [
            client.submit(md.delivery(partial(noted_after, gate), range(6), name="shared"), show=show)
            for client, show in ((pool, "ONE TWIN"), (other, "OTHER TWIN"))
        ]
        see(jobs[0], units_running=2)
        see(jobs[1], units_running=2)
        gate.touch()
        assert [job.result(WAIT).results for job in jobs] == [list(range(6))] * 2
    assert sorted(ran(tmp_path)) == list(range(6))
    hours = pool.costs().set_index("show")["compute_hours"]
    assert 0 < hours["ONE TWIN"] == pytest.approx(hours["OTHER TWIN"])


def is_in_line(dask_scheduler: Scheduler) -> bool:
    """Whether what waits in Dask's queue is of two priorities."""
    return len({task.priority[0] for task in dask_scheduler.queued}) == 2


@pytest.mark.parametrize("urgent", [True, False])
def test_a_unit_that_waits_already_goes_as_soon_as_its_most_urgent_job_asks(
    one_slot: Pool, tmp_path: Path, urgent: bool
) -> None:
    gate = tmp_path / "gate"
    block = one_slot.submit(md.delivery(partial(until_exists, gate), [0], name="block"), priority="urgent")
    see(block, units_running=1)
    each = partial(md.delivery, partial(note, tmp_path), name="shared")
    behind = one_slot.submit(each(range(3)), priority="background")
    see(behind, units_queued=3)
    soon = {"priority": "urgent"} if urgent else {"deadline": datetime.now(UTC) + timedelta(hours=1)}
    pull = one_slot.submit(each([2]), **{"priority": "background", **soon})
    see(pull, units_queued=1)
    eventually(lambda: one_slot.client.run_on_scheduler(is_in_line))
    gate.touch()
    assert pull.result(WAIT).results == [2]
    assert behind.result(WAIT).results == [0, 1, 2]
    assert ran(tmp_path) == [2, 0, 1], "each once, for both"


def test_a_job_that_has_ended_stays_in_the_class_it_was_of(pool: Pool) -> None:
    job = pool.submit(md.delivery(double, [1], name="over"), priority="background")
    assert job.wait(WAIT)
    before = pool.turnaround().set_index("priority")["jobs"].to_dict()
    job.reprioritize("urgent")
    assert pool.job("over").priority == "background"
    assert pool.turnaround().set_index("priority")["jobs"].to_dict() == before


def test_units_of_several_kinds_keep_their_order_when_they_are_called_back(
    one_slot: Pool, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    blocker = one_slot.submit(md.delivery(partial(until_exists, gate), [0], name="block"), priority="urgent")
    see(blocker, units_running=1)
    kinds = ("zebra", "ant")
    units = [Unit(note, (tmp_path, number), kind=kinds[number % 2]) for number in range(8)]
    job = one_slot.submit(Delivery("mixed", [Group(unit.kind, (unit,)) for unit in units]))
    see(job, units_queued=8)
    job.reprioritize("urgent")
    see(job, units_queued=8)
    gate.touch()
    assert job.wait(WAIT)
    assert ran(tmp_path) == list(range(8))


class Locked(Sequence):
    """Groups made as they are asked for; one cannot be sent to any worker."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> Group:
        if index >= len(self):
            raise IndexError(index)
        arg = threading.Lock() if index == 1 else index
        return Group(f"group {index}", (Unit(double, (arg,)),))


def test_a_unit_that_cannot_be_sent_fails_alone(pool: Pool) -> None:
    report = pool.submit(Delivery("locked", Locked())).result(WAIT)
    assert report.results == [0, 4]
    assert "cannot pickle" in report.failures[0].failure.error


class Unheard(Exception):
    def __dask_tokenize__(self) -> None:
        raise RuntimeError("has no name either")


class Unplanned(Sequence):
    """Groups that cannot be made, for reasons that cannot be told."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> Group:
        raise Unheard


def test_a_job_whose_planning_breaks_fails_with_a_line_and_stops_no_other(pool: Pool) -> None:
    broken = pool.submit(Delivery("broken", Unplanned()))
    assert pool.submit(md.delivery(double, range(3), name="whole")).result(WAIT).results == [0, 2, 4]
    assert broken.wait(WAIT)
    assert broken.status == "failed"
    assert re.fullmatch(r"broken \d: Unheard", broken.progress.error or "")


def test_what_was_cancelled_may_be_submitted_again_at_once(pool: Pool, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    delivery = md.delivery(partial(one_long_frame, gate), [0, 1], name="again")
    first = pool.submit(delivery)
    eventually(lambda: sorted(ran(tmp_path)) == [0, 1], first)
    first.cancel()
    again = pool.submit(delivery)
    see(again, units_running=2)
    # One that ends before its worker has heard of it would serve as it is.
    eventually(lambda: sum(pool.client.run(told_to_stop).values()) == 2)
    gate.touch()
    assert again.result(WAIT).results == [0, 1]
    assert sorted(ran(tmp_path)) == [0, 0, 1, 1]


def test_cancelling_one_of_two_jobs_leaves_the_other_their_units(pool: Pool, tmp_path: Path) -> None:
    gate, front = tmp_path / "gate", tmp_path / "front"
    delivery = md.delivery(partial(noted_after, gate), range(6), name="shared")
    one, other = pool.submit(delivery), pool.submit(delivery)
    see(one, units_running=2, units_queued=4)
    see(other, units_running=2, units_queued=4)
    urgent = pool.submit(md.delivery(partial(until_exists, front), range(30), name="f"), priority="urgent")
    see(urgent, units_running=2)  # and the window is full of the others
    other.reprioritize("background")
    see(one, units_queued=4)
    one.cancel()
    front.touch()
    gate.touch()
    assert other.result(WAIT).results == list(range(6))
    assert sorted(ran(tmp_path)) == list(range(6))


def test_the_first_failure_of_a_group_drops_its_other_units(pool: Pool, tmp_path: Path) -> None:
    units = [Unit(until_exists, (tmp_path / "never", 0)), Unit(double, (7,)), Unit(note, (tmp_path, 1))]
    many = [Unit(note, (tmp_path, number), kind="late") for number in range(2, 40)]
    report = pool.submit(
        Delivery("one bad", [Group("bad", (*units, *many)), Group("good", (Unit(double, (1,)),))])
    )
    assert [outcome.value for outcome in report.result(WAIT).outcomes] == [None, 2]


def test_classes_then_deadlines_then_first_come(one_slot: Pool, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    blocker = one_slot.submit(md.delivery(partial(until_exists, gate), [0], name="block"), priority="urgent")
    see(blocker, units_running=1)
    soon = datetime.now(UTC) + timedelta(hours=1)

    def submit(name: str, numbers: Sequence[int], **how: Any) -> Job:
        job = one_slot.submit(md.delivery(partial(note, tmp_path), numbers, name=name), **how)
        see(job, units_queued=len(numbers))
        return job

    jobs = [
        submit("low", [40, 41], priority="background"),
        submit("first", [20, 21]),
        submit("second", [30, 31]),
        submit("due", [10, 11], deadline=soon),
        submit("raised", range(50, 58), priority="background"),
    ]
    jobs[-1].reprioritize("urgent")
    see(jobs[-1], units_queued=8)
    gate.touch()
    for job in jobs:
        assert job.wait(WAIT)
    assert ran(tmp_path) == [*range(50, 58), 10, 11, 20, 21, 30, 31, 40, 41]


def test_cancelling_stops_running_units_at_their_next_frame(pool: Pool, tmp_path: Path) -> None:
    job = pool.submit(md.delivery(partial(noted_after, tmp_path / "never"), range(50), name="endless"))
    see(job, units_running=2)
    eventually(lambda: sorted(ran(tmp_path)) == [0, 1], job)
    job.cancel()
    assert job.wait(WAIT)
    assert (job.status, job.progress.fraction) == ("cancelled", 0)
    with pytest.raises(MediaError, match="was cancelled"):
        job.result()
    # Both slots are free again, and nothing else of it ever starts.
    assert pool.submit(md.delivery(double, range(4), name="after")).result(WAIT).failures == []
    assert sorted(ran(tmp_path)) == [0, 1]


def test_progress_moves_inside_the_groups_that_are_open(pool: Pool, tmp_path: Path) -> None:
    def group(name: str) -> Group:
        units = [Unit(double, (number,)) for number in range(3)]
        last = Unit(partial(until_exists, tmp_path / name), (8,))
        return Group(name, (*units, last), Unit(total, (0,)))

    job = pool.submit(Delivery("two clips", [group("a"), group("b")]))
    # Of four units and what joins them, three are done in each.
    eventually(lambda: job.progress.fraction == pytest.approx(3 / 5), job)
    (tmp_path / "a").touch()
    eventually(lambda: job.progress.fraction == pytest.approx((1 + 3 / 5) / 2), job)
    (tmp_path / "b").touch()
    assert job.wait(WAIT)
    assert job.progress.fraction == 1


def test_another_client_finds_the_job_and_its_result(pool: Pool) -> None:
    with Pool.connect(pool.address) as mine:
        job = mine.submit(md.delivery(double, range(5), name="left alone"), show="A")
    found = pool.job("left alone")
    assert (found.id, found.show) == (job.id, "A")
    assert found.result(WAIT).results == [0, 2, 4, 6, 8]
    with pytest.raises(InvalidRequest, match="knows no such job"):
        pool.job("never submitted")


def closed(values: list[int | Failure], place: Path) -> None:
    with place.open("x") as file:
        file.write(" ".join("failed" if isinstance(value, Failure) else str(value) for value in values))


def test_what_closes_a_delivery_needs_no_client(pool: Pool, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    groups = [
        Group(str(number), (Unit(partial(until_exists, gate), (number,)),), Unit(total, (0,)))
        for number in (1, 2)
    ]
    groups.append(Group("seven", (Unit(double, (7,)),)))
    closing = Unit(closed, (tmp_path / "list",), name="the list")
    delivery = Delivery("closed", groups, closing=closing)
    with Pool.connect(pool.address) as mine:
        id = mine.submit(delivery).id
    gate.touch()
    job = pool.job(id)
    job.wait(WAIT)
    assert (tmp_path / "list").exists(), "nobody has asked for the result"
    assert job.status == "failed"
    assert (job.progress.groups, job.progress.groups_done, job.progress.fraction) == (3, 2, 1.0)
    assert [outcome.name for outcome in job.result().failures] == ["seven"]


def test_what_cannot_be_closed_is_a_failure_of_its_own(pool: Pool, tmp_path: Path) -> None:
    (tmp_path / "list").touch()
    closing = Unit(closed, (tmp_path / "list",), name="the list")
    job = pool.submit(Delivery("closed", [Group("1", (Unit(double, (1,)),))], closing=closing))
    report = job.result(WAIT)
    assert report.results == [2]
    assert [outcome.name for outcome in report.failures] == ["the list"]
    assert job.status == "failed"


def test_what_cannot_be_is_refused(pool: Pool) -> None:
    with pytest.raises(InvalidRequest, match="urgent"):
        pool.submit(md.delivery(double, [1], name="x"), priority="urgnt")
    with pytest.raises(InvalidRequest, match="nothing to change"):
        pool.submit(md.delivery(double, [1], name="x")).reprioritize()


def test_a_job_shows_itself(pool: Pool) -> None:
    job = pool.submit(md.delivery(double, range(8), name="a <b> job"))
    job.wait(WAIT)
    assert "7 of 8 done, 1 failed" in repr(job)
    assert "a &lt;b&gt; job" in job._repr_html_()
    assert job.progress.fraction == 1
    assert job.turnaround is not None


def test_units_run_in_other_processes(pool: Pool) -> None:
    pids = pool.submit(Delivery("pids", [Group("pid", (Unit(os.getpid),))])).result(WAIT).results
    assert os.getpid() not in pids
