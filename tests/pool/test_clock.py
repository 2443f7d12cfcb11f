"""The wall clock may step: it labels what happened, and measures nothing."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, tzinfo
from functools import partial
from typing import TYPE_CHECKING

import dask.config
import pytest
from sqlalchemy import select

import mediadask as md
from mediadask.pool import Pool
from mediadask.pool.config import load_config
from mediadask.pool.ledger import tables
from mediadask.pool.ledger.costs import costs
from tests.pool.waiting import WAIT, see

if TYPE_CHECKING:
    from pathlib import Path


def until_exists(folder: Path, number: int) -> int:
    while not (folder / "go").exists():
        time.sleep(0.005)
        md.checkpoint()
    return number


class Clock(datetime):
    """The wall clock, as somebody has set it."""

    wrong = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        return datetime.now(tz) + cls.wrong


@pytest.mark.parametrize("step", [timedelta(hours=-5), timedelta(days=3)], ids=["back", "ahead"])
def test_a_clock_that_steps_moves_labels_and_no_figures(
    step: timedelta, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("history", "core.clock"):
        monkeypatch.setattr(f"mediadask.pool.{module}.datetime", Clock)
    monkeypatch.setattr(Clock, "wrong", timedelta())
    begun = time.monotonic()
    with dask.config.set({"mediadask.tiers.local.price-per-hour": 3600.0}), Pool.local(workers=1) as pool:
        job = pool.submit(md.delivery(partial(until_exists, tmp_path), range(2), name="work"))
        see(job, units_running=1)
        Clock.wrong = step
        (tmp_path / "go").touch()
        assert job.result(WAIT).results == [0, 1]
    lasted = time.monotonic() - begun
    engine = tables.open_database()
    with engine.connect() as connection:
        (record,) = connection.execute(select(tables.jobs)).all()
        attempts = connection.execute(select(tables.attempts)).all()
        (lease,) = connection.execute(select(tables.leases)).all()
    spent = costs(engine, load_config({"tiers": {"local": {"price-per-hour": 3600.0}}}))
    engine.dispose()
    assert abs((record.ended - record.submitted) - step) < timedelta(hours=1), "the labels have moved"
    assert 0 < record.running_seconds <= record.seconds < lasted
    assert all(0 <= attempt.run_seconds < lasted for attempt in attempts)
    assert sum(attempt.run_seconds for attempt in attempts) <= lease.seconds < lasted
    assert spent["total"].sum() == pytest.approx(lease.seconds, rel=0.01)
