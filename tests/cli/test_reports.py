"""`mediadask jobs`, `turnaround`, `costs`: tables, JSON, plots, from a ledger whose pool is long gone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from mediadask.cli.main import run
from mediadask.pool.history import (
    Attempt,
    AttemptEnded,
    AttemptStarted,
    JobEnded,
    JobSubmitted,
    WorkerJoined,
    WorkerLeft,
)
from mediadask.pool.ledger.ledger import Ledger
from mediadask.pool.ledger.tables import open_database

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Zone


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("MEDIADASK_LEDGER", str(tmp_path / "ledger.sqlite"))
    at = datetime.now(UTC) - timedelta(hours=2)
    what = Attempt(id="a", job="j", unit="u", kind="pull exr", frames=1, worker="w")
    with Ledger() as ledger:
        for event in (
            JobSubmitted(job="j", name="turn\x1b[31mover", show="SHOW", priority="urgent", at=at, groups=1),
            WorkerJoined(worker="w", tier="it", price_per_hour=2.0, threads=1, at=at),
            AttemptStarted(attempt=what, at=at),
            AttemptEnded(attempt=what, outcome="done", run_seconds=1800, at=at + timedelta(seconds=1800)),
            JobEnded(job="j", status="done", seconds=2000, running_seconds=1800, groups_done=1),
            WorkerLeft(worker="w", seconds=3600, at=at + timedelta(hours=1)),
        ):
            ledger.record(event)
    return str(tmp_path / "ledger.sqlite")


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict]:
    assert run([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_json_for_scripts(ledger: str, capsys: pytest.CaptureFixture[str]) -> None:
    (job,) = told(capsys, "jobs")
    assert (job["status"], job["seconds"], job["waiting_seconds"]) == ("done", 2000, 200)
    (urgent,) = told(capsys, "turnaround")
    assert (urgent["priority"], urgent["p50_seconds"], urgent["target_met"]) == ("urgent", 2000, 0)
    (show,) = told(capsys, "costs")
    assert (show["show"], show["compute"], show["idle"], show["total"]) == ("SHOW", 1, 1, 2)
    assert told(capsys, "costs", "--by", "job")[0]["job"] == "j"


def test_tables_for_people(ledger: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["turnaround"]) == 0
    assert "33m20s" in capsys.readouterr().out
    assert run(["costs"]) == 0
    assert "USD; the workers cost 2.00" in capsys.readouterr().out
    assert run(["jobs"]) == 0
    out = capsys.readouterr().out
    assert "turn\\x1b[31mover" in out, "names are other people's: nothing in them obeys"


def test_tables_show_the_time_of_this_place_as_since_takes_it(
    ledger: str, zone: Zone, capsys: pytest.CaptureFixture[str]
) -> None:
    zone("IST-5:30")
    (job,) = told(capsys, "jobs")
    submitted = datetime.fromisoformat(job["submitted"])
    assert submitted.utcoffset() == timedelta(0), "JSON says its zone"
    there = f"{submitted + timedelta(hours=5, minutes=30):%Y-%m-%d %H:%M:%S}"
    assert run(["jobs"]) == 0
    assert there in capsys.readouterr().out
    assert len(told(capsys, "jobs", "--since", there)) == 1


def test_since_leaves_out_what_was_before(ledger: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "jobs", "--since", "1h") == []
    assert len(told(capsys, "jobs", "--since", "2000-01-01")) == 1
    for nonsense in ("yesterday-ish", "99999999999d", "1e400d", "0001-01-01T00:00+14:00"):
        assert run(["jobs", "--since", nonsense]) == 2
        assert f"--since {nonsense}: is not a time; write 7d, 12h" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["jobs", "turnaround", "costs"])
def test_a_plot_of_each(
    command: str, ledger: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / f"{command}.html"
    assert run([command, "--plot", str(page)]) == 0
    assert "bokeh" in page.read_text()
    assert run([command, "--plot", str(tmp_path / "no" / "folder.html")]) == 2
    assert "the plot cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["jobs", "turnaround", "costs"])
def test_an_empty_ledger_says_so(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MEDIADASK_LEDGER", str(tmp_path / "new.sqlite"))
    assert run([command, "--plot", str(tmp_path / "plot.html")]) == 0
    assert capsys.readouterr().err == (
        f"mediadask: sqlite:///{tmp_path / 'new.sqlite'}: the ledger has nothing of that yet\n"
    )
    assert told(capsys, command) == []


def test_a_budget_that_is_nearly_spent_is_named(
    ledger: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import dask.config

    with dask.config.set({"mediadask.budgets": {"SHOW": {"amount": 2.2, "action": "hold"}}}):
        assert run(["costs"]) == 0
    assert "SHOW has spent 2.00 of 2.20 USD; its work then waits" in capsys.readouterr().err


def test_a_ledger_that_does_not_open_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["jobs", "--ledger", "mysql://nope/x"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "not a ledger's URL" in line


def test_a_ledger_that_does_not_answer_is_one_line(ledger: str, capsys: pytest.CaptureFixture[str]) -> None:
    with open_database().begin() as connection:
        connection.exec_driver_sql("ALTER TABLE jobs RENAME COLUMN show TO film")
    assert run(["costs"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert "the ledger does not answer: no such column: jobs.show; try again" in told.err
