"""What the ledger tells of the last hour: who had the slots, what was paused, what failed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mediadask.pool.history import (
    Attempt,
    AttemptEnded,
    AttemptStarted,
    Displaced,
    JobEnded,
    JobSubmitted,
    WorkerJoined,
    WorkerLeft,
)
from mediadask.pool.ledger.ledger import Ledger
from mediadask.pool.ledger.recent import recent_failures, slot_history
from mediadask.pool.view.timeline import timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mediadask.pool.history import Record

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
CLASSES = ("urgent", "normal", "background")


def at(minutes: float) -> datetime:
    """So many minutes after the hour began that ends now."""
    return NOW - timedelta(minutes=60 - minutes)


def attempt(id: str, began: float, job: str = "j") -> Attempt:
    stamp = int(at(began).timestamp() * 1000)
    return Attempt(id=f"{stamp:012x}{id}", job=job, unit=id, kind="k", frames=1, worker="w")


def ended(id: str, began: float, minutes: float, *, paused: float = 0.0, **more: Any) -> AttemptEnded:
    return AttemptEnded(
        attempt=attempt(id, began, more.pop("job", "j")),
        outcome=more.pop("outcome", "done"),
        run_seconds=60 * (minutes - paused),
        paused_seconds=60 * paused,
        started=at(began),
        at=at(began + minutes),
        **more,
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Callable[..., Ledger]]:
    opened = Ledger(str(tmp_path / "ledger.sqlite"))

    def write(*records: Record) -> Ledger:
        jobs = (("j", "normal", "SHOW_A"), ("u", "urgent", "SHOW_B"))
        for job, priority, show in jobs:
            opened.record(
                JobSubmitted(job=job, name=f"<b>{job}</b>", show=show, priority=priority, at=at(-400))
            )
        for record in records:
            opened.record(record)
        assert opened.flush()
        return opened

    yield write
    opened.close()


def test_slots_by_class_and_show(ledger: Callable[..., Ledger]) -> None:
    history = slot_history(
        ledger(
            WorkerJoined(worker="w", tier="local", price_per_hour=1, threads=4, at=at(-30)),
            WorkerLeft(worker="w", seconds=60 * 50, at=at(20)),
            ended("long", 1.5, 2.0),
            ended("before", -120, 121),
            *(ended(f"short {n}", 10 + n / 10, 0.1, job="u") for n in range(5)),
            AttemptStarted(attempt=attempt("open", 58), at=at(58)),
            ended("too early", -50, 10),
        ).engine,
        NOW,
    )
    normal, urgent = history.ran["normal", "SHOW_A"], history.ran["urgent", "SHOW_B"]
    assert normal[:5] == pytest.approx([1, 0.5, 1, 0.5, 0])
    assert normal[57:] == pytest.approx([0, 1, 1])
    assert urgent[10] == pytest.approx(0.5)
    assert sum(urgent) == pytest.approx(0.5)
    assert history.there == pytest.approx([4.0] * 20 + [0.0] * 40)
    assert not history.paused


def test_what_is_paused_has_no_slot(ledger: Callable[..., Ledger]) -> None:
    aside = Displaced(displacement="d", attempt=attempt("a", 10), for_job="u", seconds=180, at=at(11))
    still = Displaced(displacement="e", attempt=attempt("b", 50), for_job="u", at=at(55))
    short = Displaced(displacement="f", attempt=attempt("c", 30), for_job="u", seconds=12, at=at(30.2))
    history = slot_history(
        ledger(
            ended("a", 10, 5, paused=3),
            AttemptStarted(attempt=attempt("b", 50), at=at(50)),
            ended("c", 30, 0.9, paused=0.2),
            aside, still, short,
        ).engine,
        NOW,
    )  # fmt: skip
    ran, paused = history.ran["normal", "SHOW_A"], history.paused["normal", "SHOW_A"]
    assert ran[10:16] == pytest.approx([1, 0, 0, 0, 1, 0])
    assert paused[10:16] == pytest.approx([0, 1, 1, 1, 0, 0])
    assert (ran[30], paused[30]) == pytest.approx((0.7, 0.2))
    assert ran[50:] == pytest.approx([1] * 5 + [0] * 5)
    assert paused[50:] == pytest.approx([0] * 5 + [1] * 5)


def test_failures_are_told_once_each(ledger: Callable[..., Ledger]) -> None:
    engine = ledger(
        *(ended(f"a{n}", 10 + n, 0.5, outcome="failed", error="no such codec") for n in range(3)),
        ended("b", 40, 0.5, job="u", outcome="failed", error="no such codec"),
        ended("c", 50, 0.5, outcome="lost", error="its worker died"),
        ended("d", -30, 1, outcome="failed", error="of before"),
        ended("e", 50, 1),
        JobEnded(job="u", status="failed", seconds=1, running_seconds=1, at=at(41)),
    ).engine
    lost, codec = recent_failures(engine, at(0))
    assert (lost["error"], lost["outcome"], lost["attempts"], lost["jobs"]) == (
        "its worker died",
        "lost",
        1,
        1,
    )
    assert (codec["error"], codec["attempts"], codec["jobs"], codec["name"]) == (
        "no such codec", 4, 2, "<b>u</b>",
    )  # fmt: skip
    assert codec["last"] == at(40.5)


def test_the_picture_has_a_band_for_each_and_words_where_there_is_nothing(
    ledger: Callable[..., Ledger],
) -> None:
    assert "Reading" in timeline(None, CLASSES, NOW)
    engine = ledger().engine
    assert "Nothing ran in the last hour" in timeline(slot_history(engine, NOW), CLASSES, NOW)
    assert "<svg" not in timeline(slot_history(engine, NOW), CLASSES, NOW)
    engine = ledger(
        JobSubmitted(job="x", name="x", show="<i>X</i>", priority="background", at=at(0)),
        ended("x", 10, 5, job="x"),
        ended("a", 10, 5, paused=3),
        Displaced(displacement="d", attempt=attempt("a", 10), for_job="u", seconds=180, at=at(11)),
    ).engine
    drawn = timeline(slot_history(engine, NOW), CLASSES, NOW)
    for band in ("normal, SHOW_A", "background, &lt;i&gt;X&lt;/i&gt;", "normal, paused", "slots there"):
        assert band in drawn
    assert "<i>X" not in drawn
    assert f"{NOW:%H:%M}" in drawn
