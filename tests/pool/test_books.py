"""A pool keeps its books by itself: what its jobs did is in the ledger, on the page and in the metrics."""

from __future__ import annotations

import time
import urllib.request
from functools import partial
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

import mediadask as md
from mediadask.pool import Pool
from mediadask.pool.config import load_config
from mediadask.pool.ledger import reports, tables
from mediadask.pool.ledger.costs import costs
from tests.pool.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from mediadask.pool import Job


def burn(seconds: float) -> float:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.01)
        md.checkpoint()
    return seconds


def burn_until_exists(gate: Path, seconds: float) -> float:
    burn(seconds)
    while not gate.exists():
        burn(0.01)
    return seconds


def fail(item: int) -> None:
    raise ValueError(f"no {item}")


@pytest.fixture
def priced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    import dask.config

    monkeypatch.setenv("MEDIADASK_LEDGER", str(tmp_path / "ledger.sqlite"))
    with dask.config.set({"mediadask.tiers.local.price-per-hour": 3600.0}):
        yield str(tmp_path / "ledger.sqlite")


def test_what_a_pool_did_is_in_its_ledger(priced: str, tmp_path: Path) -> None:
    with Pool.local(workers=1) as pool:
        chore = md.delivery(partial(burn_until_exists, tmp_path / "go"), [1.5], name="chore")
        background = pool.submit(chore, show="BEHIND", priority="background")
        eventually(lambda: background.progress.units_running)
        urgent = pool.submit(md.delivery(burn, [0.1, 0.2], name="pull"), show="FRONT", priority="urgent")
        assert urgent.wait(60)
        (tmp_path / "go").touch()
        assert background.wait(60)
        broken = pool.submit(md.delivery(fail, [1], name="broken"), show="FRONT")
        assert broken.wait(60)
        assert list(pool.turnaround()["priority"]) == ["urgent", "normal", "background"]
        assert set(pool.costs()["show"]) == {"FRONT", "BEHIND"}
        assert pool.costs(by="job").attrs["currency"] == "USD"
        assert background.cost > urgent.cost > 0
        page = pool.dashboard.rsplit("/", 1)[0]
        with urllib.request.urlopen(f"{page}/metrics") as metrics:
            told = metrics.read().decode()
        assert 'mediadask_jobs_running{priority="urgent"} 0.0' in told
        assert urllib.request.urlopen(f"{page}/mediadask").status == 200

    engine = tables.open_database(priced)
    config = load_config()
    history = reports.history(engine).set_index("name")
    assert dict(history["status"]) == {"chore": "done", "pull": "done", "broken": "failed"}
    assert history.loc["chore", "seconds"] == pytest.approx(background.turnaround)
    assert history.loc["chore", "waiting_seconds"] >= 0.2, "it stood aside for two units"

    (delay,) = reports.delays(engine).to_dict("records")
    assert (delay["show"], delay["for_show"]) == ("BEHIND", "FRONT")
    assert delay["seconds"] >= 0.25

    table = costs(engine, config).set_index("show")
    assert table["total"].sum() == pytest.approx(table.attrs["leased"], rel=0.01)
    # One thread at one a second: what it stood aside for is in its turnaround and not in its cost.
    aside = table.loc["BEHIND", "displaced_hours"] * 3600
    assert aside == pytest.approx(delay["seconds"])
    assert table.loc["BEHIND", "compute"] + aside <= history.loc["chore", "seconds"]
    assert table.loc["FRONT", "retries"] > 0
    with engine.connect() as connection:
        (lease,) = connection.execute(select(tables.leases)).all()
        kinds = {row.kind for row in connection.execute(select(tables.learned))}
    assert (lease.tier, lease.reason != "") == ("local", True)
    assert kinds == {"chore", "pull"}
    engine.dispose()


def see_nothing_of(job: Job) -> None:
    """Wait until no unit of it runs, or waits in Dask for a slot."""
    eventually(lambda: not (job.progress.units_running or job.progress.units_queued), job)


@pytest.mark.parametrize("action", ["hold", "background"])
def test_a_spent_budget_holds_a_show_or_puts_it_behind(action: str, priced: str) -> None:
    import dask.config

    with (
        dask.config.set({"mediadask.budgets": {"POOR": {"amount": 0.1, "action": action}}}),
        Pool.local(workers=1) as pool,
    ):
        chores = [0.1 + number / 1e6 for number in range(2_000)]
        poor = pool.submit(md.delivery(burn, chores, name="poor"), show="POOR", priority="urgent")
        rich = pool.submit(md.delivery(burn, [0.1, 0.2], name="rich"), show="RICH", priority="normal")
        assert rich.wait(60), "it goes first as soon as the other's budget is spent"
        assert poor.progress.units_done < 2_000
        assert poor.priority == ("background" if action == "background" else "urgent")
        poor.cancel()
    engine = tables.open_database(priced)
    with engine.connect() as connection:
        changes = connection.execute(select(tables.reprioritizations)).all()
    assert {change.reason for change in changes} == (
        {"the budget of POOR is spent"} if action == "background" else set()
    )
    engine.dispose()
