"""Whatever becomes of the database while a pool writes to it: it is noticed and told, and nothing is lost."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select, text

from mediadask.errors import OutputFailed
from mediadask.pool.history import JobEnded, WorkerLeft
from mediadask.pool.ledger import tables
from mediadask.pool.ledger.ledger import Ledger
from mediadask.pool.ledger.tables import open_database
from tests.pool.test_ledger import JOINED, STARTED, SUBMITTED, ended, rows
from tests.pool.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

BEFORE, AFTER = 400, 300


def delete(path: Path) -> None:
    path.unlink()


def delete_all(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def delete_folder(path: Path) -> None:
    shutil.rmtree(path.parent)


def move_away(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))


def empty_in_its_place(path: Path) -> None:
    path.unlink()
    path.touch()


def text_in_its_place(path: Path) -> None:
    path.unlink()
    path.write_text("somebody's notes")


def head_overwritten(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\xff" * 4096)


def garbage_in_pages(path: Path) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 8192 * 4096)


def tables_dropped(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "DROP VIEW attempts; DROP TABLE packed_attempts; DROP TABLE jobs; DROP TABLE leases"
        )


def checkpoint(path: Path) -> None:
    """All that is written in the file itself, none of it in the log beside."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def attempts(ledger: Ledger) -> set[str]:
    with ledger.engine.connect() as connection:
        return set(connection.scalars(select(tables.attempts.c.attempt)))


def live(ledger: Ledger, path: Path, fault: Callable[[Path], None]) -> None:
    """A job and a worker, units before the fault, units after it, and the end of both."""
    for what in (SUBMITTED, JOINED, replace(STARTED, attempt=replace(STARTED.attempt, id="long"))):
        ledger.record(what)
    for number in range(BEFORE):
        ledger.record(ended(f"before{number}"))
    assert ledger.flush()
    checkpoint(path)
    fault(path)
    for number in range(AFTER):
        ledger.record(ended(f"after{number}"))
        if number == AFTER // 2:
            assert ledger.flush(60)
    ledger.record(ended("long"))
    ledger.record(JobEnded(job="j1", status="done", seconds=9.0, running_seconds=4.0))
    ledger.record(WorkerLeft(worker="w1", seconds=60.0))
    assert ledger.flush(60)


WHOLE = [delete, delete_all, delete_folder, move_away, empty_in_its_place, text_in_its_place]
DAMAGED = [head_overwritten, garbage_in_pages, cut]


@pytest.mark.parametrize("fault", [*WHOLE, *DAMAGED, tables_dropped])
def test_all_after_the_fault_is_kept(
    fault: Callable[[Path], None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "house" / "ledger.sqlite"
    with Ledger(str(path), pool="house") as ledger:
        live(ledger, path, fault)
        eventually(lambda: bool(ledger.trouble))
        lines = [record.message for record in caplog.records if record.levelname == "ERROR"]
        assert lines == [ledger.trouble], "it is told once"
        assert ledger.refused == 0
        kept = attempts(ledger)
        expected = {f"after{number}" for number in range(AFTER)} | {"long"}
        if fault in WHOLE:  # the open file had it
            expected |= {f"before{number}" for number in range(BEFORE)}
        assert expected <= kept
        (job,) = rows(ledger, tables.jobs)
        (lease,) = rows(ledger, tables.leases)
        assert (job.status, job.name, lease.seconds) == ("done", SUBMITTED.name, 60.0)
    with Ledger(str(path), pool="house") as again:
        assert again.trouble == ""
        assert expected <= attempts(again)


def test_a_fault_is_noticed_though_nothing_happens(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(str(path)) as ledger:
        ledger.record(SUBMITTED)
        assert ledger.flush()
        path.unlink()
        eventually(lambda: "was deleted" in ledger.trouble)
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT job FROM jobs").fetchall() == [("j1",)]
        checkpoint(path)
        head_overwritten(path)
        eventually(lambda: "was damaged and is now" in ledger.trouble)
    (damaged,) = tmp_path.glob("ledger.sqlite.damaged-*Z")
    assert damaged.read_bytes().startswith(b"\xff")


def test_another_ledger_in_its_place_is_used_and_the_one_before_is_kept(tmp_path: Path) -> None:
    path, backup = tmp_path / "ledger.sqlite", tmp_path / "backup.sqlite"
    open_database(str(backup)).dispose()
    with Ledger(str(path), pool="house") as ledger:
        ledger.record(SUBMITTED)
        for number in range(BEFORE):
            ledger.record(ended(f"before{number}"))
        assert ledger.flush()
        delete_all(path)
        backup.rename(path)
        for number in range(AFTER):
            ledger.record(ended(f"after{number}"))
        assert ledger.flush(60)
        assert "was replaced by another ledger" in ledger.trouble
        assert {f"after{number}" for number in range(AFTER)} <= attempts(ledger)
        (job,) = rows(ledger, tables.jobs)
        assert (job.job, job.payload) == ("j1", b"work"), "what has not ended is told again"
    (before,) = tmp_path.glob("ledger.sqlite.replaced-*")
    with closing(sqlite3.connect(before)) as connection:
        assert connection.execute("SELECT count(*) FROM attempts").fetchone() == (BEFORE,)


def test_two_pools_that_lose_their_file_agree_on_one(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(str(path), pool="one") as one, Ledger(str(path), pool="two") as two:
        for ledger, job in ((one, "j1"), (two, "j2")):
            ledger.record(replace(SUBMITTED, job=job))
            assert ledger.flush()
        delete_all(path)
        for number in range(200):
            for ledger, name in ((one, "one"), (two, "two")):
                ledger.record(ended(f"{name}{number}"))
                if number % 50 == 0:
                    assert ledger.flush(60)
        assert one.flush(60)
        assert two.flush(60)
        assert len(attempts(one)) == 400
        assert attempts(one) == attempts(two)
        assert {job.job for job in rows(one, tables.jobs)} == {"j1", "j2"}


def test_a_journal_or_key_that_is_deleted_is_there_again(tmp_path: Path) -> None:
    data = tmp_path / "data" / "mediadask"
    with Ledger(pool="house") as ledger:
        ledger.record(SUBMITTED)
        assert ledger.flush()
        key = (data / "ledger.key").read_bytes()
        shutil.rmtree(data / "journals")
        (data / "ledger.key").unlink()
        eventually(lambda: any((data / "journals").glob("*.journal")) and (data / "ledger.key").exists())
        assert (data / "ledger.key").read_bytes() == key
        with Ledger(pool="another") as another:
            assert another.take_over() == []
            (session, _) = rows(another, tables.sessions)
        assert session.ended is None, "it lives"


@pytest.mark.parametrize("fault", [head_overwritten, garbage_in_pages, cut])
def test_a_ledger_found_damaged_is_set_aside_and_read_as_far_as_it_can_be(
    fault: Callable[[Path], None], tmp_path: Path
) -> None:
    with Ledger() as ledger:
        ledger.record(SUBMITTED)
        for number in range(2_000):
            ledger.record(ended(f"before{number}"))
    path = tmp_path / "data" / "mediadask" / "ledger.sqlite"
    fault(path)
    with Ledger() as ledger:
        assert "was damaged and is now" in ledger.trouble
        ledger.record(ended("after"))
        assert ledger.flush()
        assert "after" in attempts(ledger)
        if fault is cut:
            assert len(attempts(ledger)) > 100
    with Ledger() as ledger:
        assert ledger.trouble == ""


def test_a_file_that_may_never_have_been_a_ledger_is_left_alone(tmp_path: Path) -> None:
    picture = tmp_path / "A001.dpx"
    picture.write_bytes(b"SDPX" * 1000)
    with pytest.raises(OutputFailed, match="not a database; move it away"):
        Ledger(str(picture))
    assert picture.read_bytes() == b"SDPX" * 1000


def test_a_postgresql_database_that_is_emptied_is_filled_again(postgres: Any) -> None:
    with Ledger(postgres.new_database(), pool="house") as ledger:
        ledger.record(SUBMITTED)
        ledger.record(JOINED)
        assert ledger.flush()
        with ledger.engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        for number in range(AFTER):
            ledger.record(ended(f"after{number}"))
        assert ledger.flush(60)
        with ledger.engine.connect() as connection:
            assert connection.scalar(select(func.count()).select_from(tables.attempts)) == AFTER
        assert len(rows(ledger, tables.jobs)) == len(rows(ledger, tables.leases)) == 1
        assert "tables were gone" in ledger.trouble
        assert ledger.refused == 0


def test_a_newer_ledger_in_its_place_is_left_alone_and_records_wait(tmp_path: Path) -> None:
    path, newer = tmp_path / "ledger.sqlite", tmp_path / "newer.sqlite"
    open_database(str(newer)).dispose()
    with closing(sqlite3.connect(newer)) as connection:
        connection.execute("UPDATE mediadask_schema SET version = 99")
        connection.commit()
    with Ledger(str(path), pool="house") as ledger:
        ledger.record(SUBMITTED)
        assert ledger.flush()
        delete_all(path)
        shutil.copy(newer, path)
        ledger.record(ended("after"))
        eventually(lambda: "has schema 99" in ledger.trouble and "wait in a journal" in ledger.trouble)
        delete_all(path)
        assert ledger.flush(60)
        assert attempts(ledger) == {"after"}
        assert ledger.away_seconds == 0
