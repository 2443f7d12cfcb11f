"""Who ran when: from events on plain values, and from a real displacement on a real cluster."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import mediadask as md
from mediadask.pool import Pool
from mediadask.pool.config import load_config
from mediadask.pool.history import (
    Attempt,
    AttemptEnded,
    AttemptStarted,
    Displaced,
    JobSubmitted,
    WorkerJoined,
    WorkerLeft,
)
from mediadask.pool.ledger import plots
from mediadask.pool.ledger.ledger import Ledger
from mediadask.pool.ledger.reports import history
from mediadask.pool.ledger.schedule import schedule, workers_over_time
from mediadask.pool.ledger.tables import open_database
from tests.pool.test_dashboard import browser
from tests.pool.waiting import eventually, see

if TYPE_CHECKING:
    from pathlib import Path

START = datetime(2031, 5, 1, 8, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def attempt(ledger: Ledger, name: str, job: str, start: float, end: float, paused: float = 0.0) -> None:
    which = Attempt(id=name, job=job, unit=name, kind="k", frames=1, worker="w")
    ledger.record(AttemptStarted(attempt=which, at=at(start)))
    ledger.record(
        AttemptEnded(
            attempt=which,
            outcome="done",
            run_seconds=end - start - paused,
            paused_seconds=paused,
            at=at(end),
        )
    )


def test_workers_of_each_tier_over_time_and_what_they_ran(ledger_url: str, tmp_path: Path) -> None:
    """Tiers in the order in which they were used: the cheapest is first."""
    with Ledger(ledger_url) as ledger:
        ledger.record(JobSubmitted(job="low", name="low", show="A", priority="background", at=START))
        for worker, tier, joined, seconds in (
            ("w", "spot", 0, 100), ("v", "spot", 2, 8), ("u", "on-demand", 5, 5), ("before", "spot", -90, 30)
        ):  # fmt: skip
            each = WorkerJoined(worker=worker, tier=tier, price_per_hour=1.0, threads=1, at=at(joined))
            ledger.record(each)
            ledger.record(WorkerLeft(worker=worker, seconds=seconds, at=at(joined + seconds)))
        attempt(ledger, "a", "low", 1, 10)
        assert ledger.flush()
        table = workers_over_time(ledger.engine, START)
        plot = plots.spike_plot(
            table, schedule(ledger.engine, load_config(), ["low"]), history(ledger.engine)
        )
    assert list(table.columns) == ["spot", "on-demand"]
    assert [(moment - START).total_seconds() for moment in table.index] == [0, 2, 5, 10, 100]
    assert table["spot"].tolist() == [1, 2, 2, 1, 0]
    assert table["on-demand"].tolist() == [0, 0, 1, 0, 0]
    plots.save(plot, tmp_path / "spike.html")
    assert "on-demand" in (tmp_path / "spike.html").read_text()


def test_stretches_lie_on_the_slots_they_ran_on(ledger_url: str) -> None:
    with Ledger(ledger_url) as ledger:
        for job, priority in (("low", "background"), ("high", "urgent"), ("other", "normal")):
            ledger.record(JobSubmitted(job=job, name=job, show="A", priority=priority, at=START))
        ledger.record(WorkerJoined(worker="w", name="local-1", tier="local", price_per_hour=0.0, threads=2))
        attempt(ledger, "a", "low", 0, 10, paused=4)
        attempt(ledger, "b", "low", 0.5, 9)
        attempt(ledger, "c", "high", 3, 7)
        attempt(ledger, "d", "other", 1, 2)
        which = Attempt(id="a", job="low", unit="a", kind="k", frames=1, worker="w")
        aside = Displaced(displacement="d1", attempt=which, for_job="high", at=at(3))
        ledger.record(replace(aside, seconds=4.0, ended="resumed"))
        assert ledger.flush()
        table = schedule(ledger.engine, load_config(), ["low", "high"])
    table["started"] = (table["started"] - START).dt.total_seconds()
    table["ended"] = (table["ended"] - START).dt.total_seconds()
    columns = ["slot", "state", "attempt", "started", "ended", "priority"]
    assert table[columns].values.tolist() == [
        ["local-1.1", "ran", "a", 0, 3, "background"],
        ["local-1.2", "ran", "b", 0.5, 9, "background"],
        ["local-1.1", "paused", "a", 3, 7, "background"],
        ["local-1.1", "ran", "c", 3, 7, "urgent"],
        ["local-1.1", "ran", "a", 7, 10, "background"],
    ]
    assert table["priority"].max() == "background", "the most urgent class comes first"


def hold(folder: Path, number: int) -> int:
    """Runs until it is let go, one frame after another."""
    (folder / f"began {number}").touch()
    while not (folder / "go").exists():
        time.sleep(0.002)
        md.checkpoint()
    time.sleep(0.05)  # one more frame
    return number


def half_a_second(number: int) -> int:
    time.sleep(0.5)
    return number


def test_a_real_displacement_is_drawn(tmp_path: Path) -> None:
    with Pool.local(workers=1) as pool:
        low = pool.submit(md.delivery(partial(hold, tmp_path), [0], name="low"), priority="background")
        eventually((tmp_path / "began 0").exists)
        high = pool.submit(md.delivery(half_a_second, range(3), name="high"), show="B", priority="urgent")
        assert high.result().results == [0, 1, 2]
        see(low, units_running=1)
        (tmp_path / "go").touch()
        assert low.result().results == [0]
    engine = open_database()
    table = schedule(engine, load_config(), [low.id, high.id])
    known = history(engine)
    engine.dispose()
    (aside,) = table[table["state"] == "paused"].itertuples()
    front = table[table["name"] == "high"]
    assert len(front) == 3
    travels = timedelta(seconds=1)  # what is told of a moment is told a message later
    assert aside.started <= front["started"].min() + travels
    assert front["ended"].max() <= aside.ended + travels
    running = table[table["state"] == "ran"]
    overlaps = running["ended"].to_numpy()[:-1] - running["started"].to_numpy()[1:]
    assert max(overlaps) <= travels, "one slot, one unit"
    assert running["name"].tolist() == ["low", "high", "high", "high", "low"]

    page = tmp_path / "spike.html"
    plots.save(plots.schedule_plot(table, known[known["job"] == high.id]), page)
    text = page.read_text()
    assert "high submitted" in text
    assert "high done" in text
    assert "background is paused" in text


def test_a_picture_of_a_plot_is_what_a_browser_shows(tmp_path: Path) -> None:
    browser()
    table = pd.DataFrame(
        {"show": ["A"], "compute": [3.0], "retries": [1.0], "displaced": [0.5], "idle": [1.0]}
    )
    plots.save(plots.costs_plot(table), tmp_path / "c.png")
    picture = np.asarray(Image.open(tmp_path / "c.png").convert("RGB"))
    assert picture.shape[1] == 2200
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 4, "bars, not an empty page"


def test_a_plot_is_a_page_or_a_picture(tmp_path: Path) -> None:
    with pytest.raises(md.InvalidRequest, match=r"name it \.html or \.png"):
        plots.save(None, tmp_path / "c.pdf")
