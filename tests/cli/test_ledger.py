"""`mediadask ledger check`, `backup` and `prune`, on real ledgers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from mediadask.cli.main import run
from mediadask.pool.ledger.ledger import Ledger
from tests.cli.test_reports import ledger  # noqa: F401 - a fixture
from tests.pool.conftest import PostgresServer, postgres  # noqa: F401 - a fixture
from tests.pool.test_ledger import SUBMITTED

if TYPE_CHECKING:
    from pathlib import Path


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> list[dict]:
    assert run([*arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_a_sound_ledger_is_found_so(ledger: str, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: F811
    findings = {each["check"]: each for each in told(capsys, "ledger", "check")}
    assert all(each["is_sound"] for each in findings.values())
    assert findings["rows"]["found"].startswith("1 jobs, 1 units")
    assert run(["ledger", "check"]) == 0
    assert "ok" in capsys.readouterr().out


def test_what_is_wrong_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    path = tmp_path / "ledger.sqlite"
    with Ledger(str(path)) as written:
        written.record(SUBMITTED)
    (tmp_path / "data" / "mediadask" / "ledger.key").unlink()
    path.chmod(0o644)
    findings = {
        each["check"]: each for each in told(capsys, "ledger", "check", "--ledger", str(path), code=1)
    }
    assert "has not signed 1 of them: turnover 7" in findings["unfinished jobs"]["found"]
    assert findings["permissions"]["do"] == f"chmod 600 {path}"
    assert findings["file"]["is_sound"]

    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 8192)
    assert run(["ledger", "check", "--ledger", str(path)]) in (1, 2)
    streams = capsys.readouterr()
    assert "put a backup in its place" in " ".join((streams.out + streams.err).split())


def test_a_backup_tells_what_the_ledger_tells(
    ledger: str,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    copy = tmp_path / "backup.sqlite"
    with Ledger(ledger) as writing:
        writing.record(SUBMITTED)
        assert writing.flush()
        assert run(["ledger", "backup", str(copy)]) == 0
        capsys.readouterr()
        assert len(told(capsys, "jobs", "--ledger", str(copy))) == 2
    assert told(capsys, "costs", "--ledger", str(copy)) == told(capsys, "costs")
    assert copy.stat().st_mode & 0o777 == 0o600
    assert run(["ledger", "backup", str(copy)]) == 2
    assert "there is such a file already" in capsys.readouterr().err


def test_a_ledger_in_postgresql_is_backed_up_to_a_file(
    postgres: PostgresServer,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    url, copy = postgres.new_database(), tmp_path / "backup.sqlite"
    with Ledger(url) as written:
        written.record(SUBMITTED)
    assert run(["ledger", "backup", str(copy), "--ledger", url]) == 0
    capsys.readouterr()
    assert (
        told(capsys, "jobs", "--ledger", str(copy))[0]["submitted"]
        == told(capsys, "jobs", "--ledger", url)[0]["submitted"]
    )
    assert told(capsys, "ledger", "check", "--ledger", url)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup.sqlite", "data"]


def test_pruning_keeps_costs(ledger: str, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: F811
    before = told(capsys, "costs"), told(capsys, "turnaround")
    assert told(capsys, "ledger", "prune", "--keep", "90d") == [{"jobs": 0, "attempts": 0}]
    assert told(capsys, "ledger", "prune", "--keep", "1ms") == [{"jobs": 1, "attempts": 1}]
    assert (told(capsys, "costs"), told(capsys, "turnaround")) == before
    assert run(["ledger", "prune", "--keep", "some"]) == 2
    assert "--keep some: is not a time" in capsys.readouterr().err
