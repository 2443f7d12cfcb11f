from __future__ import annotations

import pickle
from pathlib import Path

import dask
import pytest
from distributed import Client

import mediadask as md
from mediadask.delivery import Delivery, Failure, Group, Report, Unit


def half(number: int) -> float:
    if number == 13:
        raise md.MediaError("is unlucky", where=str(number))
    return number / 2


def total(results: list[float], unit: str) -> str:
    return f"{sum(results)} {unit}"


def joined(*numbers: int) -> Group:
    return Group(
        f"sum of {numbers}",
        tuple(Unit(half, (n,), kind="half") for n in numbers),
        Unit(total, ("kg",), kind="sum"),
    )


def test_any_function_is_a_delivery() -> None:
    (report,) = dask.compute(md.delivery(half, [1, 2, 3], name="halves"))
    assert report.results == [0.5, 1.0, 1.5]
    assert str(report) == "halves: 3 done, 0 failed"


def test_a_delivery_needs_no_name() -> None:
    (report,) = dask.compute(md.delivery(half, [1], name=""))
    assert report.results == [0.5]


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_units_are_joined_on_any_scheduler(scheduler: str) -> None:
    delivery = Delivery("weights", [joined(1, 2), joined(4)])
    (report,) = dask.compute(delivery, scheduler=scheduler)
    assert report.results == ["1.5 kg", "2.0 kg"]


def test_units_are_joined_on_a_cluster(processes: str) -> None:
    with Client(processes):
        (report,) = dask.compute(Delivery("weights", [joined(1, 2), joined(4)]))
    assert report.results == ["1.5 kg", "2.0 kg"]


def test_one_bad_unit_fails_its_group_and_no_other() -> None:
    (report,) = dask.compute(
        Delivery("weights", [joined(1, 13), joined(4), Group.failed("x", md.MissingMedia("gone"))])
    )
    assert report.results == ["2.0 kg"]
    assert [(bad.name, bad.failure.error, bad.failure.kind) for bad in report.failures] == [
        ("sum of (1, 13)", "13: is unlucky", "MediaError"),
        ("x", "gone", "MissingMedia"),
    ]


@pytest.mark.parametrize("threads", [1, 4])
def test_without_dask_it_is_the_same(threads: int) -> None:
    groups = [joined(1, 13), joined(4), Group("three", tuple(Unit(half, (n,)) for n in (1, 2, 3)))]
    groups += [Group("none", ()), Group.failed("x", md.MissingMedia("gone"))]
    closing = Unit(len, ("one argument too many",), name="count")
    there = Delivery("weights", groups, closing=closing)
    ended: list[int] = []
    assert there.run(threads, ended.append) == there.compute()
    assert ended == [1, 2, 3, 4, 5]
    assert [bad.name for bad in there.compute().failures] == ["sum of (1, 13)", "x", "count"]


def test_an_unforeseen_error_is_named() -> None:
    (report,) = dask.compute(md.delivery(Path.read_text, [1], name="oops"))
    assert report.failures[0].failure.error.startswith("AttributeError: ")


def test_equal_calls_have_equal_keys_in_every_process() -> None:
    unit = Unit(half, (1,), kind="half 4K", name="one")
    assert unit.key == pickle.loads(pickle.dumps(Unit(half, (1,), kind="half 4K", name="other"))).key
    assert unit.key.startswith("half-")
    assert unit.key != Unit(half, (2,), kind="half 4K").key


def test_the_last_step_makes_the_result_of_the_report() -> None:
    def count(report: Report) -> int:
        return len(report.results)

    (number,) = dask.compute(Delivery("weights", [joined(1), joined(13)], finish=count))
    assert number == 1


def weighed(values: list[str | Failure], path: Path) -> None:
    if path.exists():
        raise md.InvalidRequest("is there already", where=path)
    path.write_text(" ".join("?" if isinstance(value, Failure) else value for value in values))


@pytest.mark.parametrize("scheduler", ["synchronous", "processes"])
def test_what_closes_a_delivery_has_all_values_and_may_fail_alone(scheduler: str, tmp_path: Path) -> None:
    closing = Unit(weighed, (tmp_path / "weights",), name="the list")
    delivery = Delivery("weights", [joined(1, 2), joined(13), joined(4)], closing=closing)
    (report,) = dask.compute(delivery, scheduler=scheduler)
    assert (tmp_path / "weights").read_text() == "1.5 kg ? 2.0 kg"
    assert [bad.name for bad in report.failures] == ["sum of (13,)"]
    assert len(report.outcomes) == 3
    (report,) = dask.compute(delivery, scheduler="synchronous")
    assert [bad.name for bad in report.failures] == ["sum of (13,)", "the list"]
    assert report.results == ["1.5 kg", "2.0 kg"]


def test_a_delivery_of_nothing_is_closed_by_nothing(tmp_path: Path) -> None:
    (report,) = dask.compute(Delivery("none", [], closing=Unit(weighed, (tmp_path / "weights",))))
    assert report.outcomes == ()
    assert not (tmp_path / "weights").exists()


def test_a_delivery_of_a_million_units_holds_none_of_them() -> None:
    delivery = md.delivery(half, range(10**6), name="many")
    assert len(delivery) == 10**6
    assert delivery.groups[10**6 - 1].units[0].args == (10**6 - 1,)
    assert len(pickle.dumps(delivery.groups)) < 1000
