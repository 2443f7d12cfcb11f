"""The ledger keeps what happened, once each, whatever happens to the database or to the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event, func, insert, select, text

from mediadask.errors import InvalidRequest, OutputFailed
from mediadask.pool.history import (
    Attempt,
    AttemptEnded,
    AttemptStarted,
    Displaced,
    JobEnded,
    JobReprioritized,
    JobSubmitted,
    Learned,
    WorkerJoined,
    WorkerLeft,
    new_id,
    utc_now,
)
from mediadask.pool.ledger import tables
from mediadask.pool.ledger.ledger import Ledger
from tests.pool.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Table

DEADLINE = datetime(2031, 5, 1, 12, tzinfo=UTC)
SUBMITTED = JobSubmitted(
    job="j1", name="turnover 7", show="SHOW", priority="normal", deadline=DEADLINE, groups=3, payload=b"work"
)
JOINED = WorkerJoined(worker="w1", name="spot-1", tier="spot", price_per_hour=0.5, threads=4)
ATTEMPT = Attempt(id="a1", job="j1", unit="u1", kind="pull exr", frames=8, worker="w1")
STARTED = AttemptStarted(attempt=ATTEMPT)
ENDED = AttemptEnded(attempt=ATTEMPT, outcome="done", run_seconds=4.0, paused_seconds=1.5)
PAUSED = Displaced(displacement="d1", attempt=ATTEMPT, for_job="j2")


def ended(attempt: str, frames: int = 1) -> AttemptEnded:
    return replace(ENDED, attempt=replace(ATTEMPT, id=attempt, frames=frames))


def rows(ledger: Ledger, table: Table) -> list[Any]:
    assert ledger.flush()
    with ledger.engine.connect() as connection:
        return list(connection.execute(select(table)))


def test_a_job_s_whole_life_is_kept(ledger_url: str) -> None:
    with Ledger(ledger_url, pool="house") as ledger:
        for what in (SUBMITTED, JOINED, STARTED):
            ledger.record(what)
        (attempt,) = rows(ledger, tables.attempts)
        assert (attempt.outcome, attempt.started) == (None, STARTED.at)

        for what in (
            PAUSED,
            replace(PAUSED, seconds=1.5, ended="resumed"),
            JobReprioritized(job="j1", priority="urgent", reason="the client waits"),
            ENDED,
            JobEnded(job="j1", status="done", seconds=9.0, running_seconds=4.0, groups_done=3),
            WorkerLeft(worker="w1", seconds=60.0, reason="idle"),
        ):
            ledger.record(what)
        (job,) = rows(ledger, tables.jobs)
        assert (job.pool, job.show, job.status, job.seconds) == ("house", "SHOW", "done", 9.0)
        assert (job.submitted, job.priority, job.deadline) == (SUBMITTED.at, "urgent", None)
        assert job.payload is None
        (attempt,) = rows(ledger, tables.attempts)
        assert (attempt.started, attempt.ended) == (STARTED.at, ENDED.at)
        assert (attempt.outcome, attempt.run_seconds, attempt.paused_seconds) == ("done", 4.0, 1.5)
        (displacement,) = rows(ledger, tables.displacements)
        assert (displacement.for_job, displacement.seconds, displacement.how) == ("j2", 1.5, "resumed")
        (lease,) = rows(ledger, tables.leases)
        assert (lease.tier, lease.price_per_hour, lease.seconds, lease.reason) == ("spot", 0.5, 60.0, "idle")
        (change,) = rows(ledger, tables.reprioritizations)
        assert change.reason == "the client waits"


def test_recording_again_counts_once(ledger_url: str) -> None:
    life = [SUBMITTED, JOINED, STARTED, ENDED, PAUSED, WorkerLeft(worker="w1", seconds=60.0)]
    with Ledger(ledger_url) as ledger:
        for what in life + life:
            ledger.record(what)
        assert ledger.flush()
        ledger.record(ENDED)
        for table in (tables.jobs, tables.attempts, tables.displacements, tables.leases):
            assert len(rows(ledger, table)) == 1, table.name


def test_what_was_learned_comes_back(ledger_url: str) -> None:
    with Ledger(ledger_url) as ledger:
        ledger.record(Learned(kind="proxy h264", seconds_per_frame=0.5, units=1))
        ledger.record(Learned(kind="proxy h264", seconds_per_frame=0.4, units=2))
    with Ledger(ledger_url) as ledger:
        (known,) = ledger.learned()
    assert (known.kind, known.seconds_per_frame, known.units) == ("proxy h264", 0.4, 2)


def test_text_that_a_database_does_not_take_is_kept_legibly(ledger_url: str) -> None:
    with Ledger(ledger_url) as ledger:
        ledger.record(replace(SUBMITTED, name="caf\udce9\0.mov"))
        (job,) = rows(ledger, tables.jobs)
    assert job.name == "caf\\udce9\\0.mov"


def test_an_event_that_can_never_be_written_does_not_hold_up_the_others(ledger_url: str) -> None:
    with Ledger(ledger_url) as ledger:
        for number in range(20):
            ledger.record(ended(f"a{number}", frames=10**30 if number == 13 else 1))
        assert len(rows(ledger, tables.attempts)) == 19
        assert ledger.refused == 1


def test_ten_thousand_units_recorded_from_several_threads_are_all_there(ledger_url: str) -> None:
    with Ledger(ledger_url) as ledger:
        threads = [
            threading.Thread(target=lambda: [ledger.record(ended(new_id())) for _ in range(2_500)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert ledger.flush(60)
        with ledger.engine.connect() as connection:
            assert connection.scalar(select(func.count()).select_from(tables.attempts)) == 10_000
        assert ledger.backlog == 0


DYING = """
import sys, signal
from mediadask.pool.ledger.ledger import Ledger
from tests_events import record
ledger = Ledger(sys.argv[1], pool="house")
record(ledger)
print("recorded", flush=True)
signal.pause()
"""

EVENTS = """
from mediadask.pool.history import *
def record(ledger):
    ledger.record(JobSubmitted(job="j1", name="n", show="SHOW", priority="urgent", payload=b"work"))
    ledger.record(JobSubmitted(job="j2", name="n", show="SHOW", priority="urgent"))
    ledger.record(JobEnded(job="j2", status="done", seconds=1.0, running_seconds=1.0))
    ledger.record(WorkerJoined(worker="w1", tier="spot", price_per_hour=0.5, threads=4))
    attempt = Attempt(id="a1", job="j1", unit="u", kind="k", frames=1, worker="w1")
    ledger.record(AttemptStarted(attempt=attempt))
"""


def start_process(url: str, tmp_path: Path) -> subprocess.Popen[str]:
    (tmp_path / "tests_events.py").write_text(EVENTS)
    process = subprocess.Popen(
        [sys.executable, "-c", DYING, url],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "recorded\n"
    return process


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_a_killed_process_leaves_a_ledger_that_is_settled_and_its_job_is_taken_over(
    ledger_url: str, tmp_path: Path
) -> None:
    with Ledger(ledger_url, pool="house") as ledger:
        process = start_process(ledger_url, tmp_path)
        eventually(lambda: len(rows(ledger, tables.attempts)) == 1)
        assert ledger.take_over() == [], "its process lives"
        kill(process)

        with Ledger(ledger_url, pool="another") as another:
            assert another.take_over() == []
        (orphan,) = ledger.take_over()
        assert (orphan.job, orphan.payload, orphan.priority) == ("j1", b"work", "urgent")
        assert ledger.take_over() == []
        (lease,) = rows(ledger, tables.leases)
        assert lease.reason == "pool died"
        assert lease.seconds >= 0
        (attempt,) = rows(ledger, tables.attempts)
        assert (attempt.outcome, attempt.error) == ("lost", "pool died")


def test_the_leases_of_another_pool_that_lives_are_left_alone(ledger_url: str) -> None:
    with Ledger(ledger_url) as one:
        one.record(JOINED)
        assert one.flush()
        with Ledger(ledger_url) as two:
            assert two.take_over() == []
            (lease,) = rows(two, tables.leases)
            assert lease.ended is None


def test_closing_ends_what_is_open(ledger_url: str) -> None:
    with Ledger(ledger_url) as ledger:
        ledger.record(JOINED)
        ledger.record(STARTED)
    with Ledger(ledger_url) as ledger:
        (lease,) = rows(ledger, tables.leases)
        (attempt,) = rows(ledger, tables.attempts)
    assert lease.reason == "pool closed"
    assert attempt.outcome == "lost"


def test_a_unit_that_stood_aside_to_the_end_has_not_run_meanwhile(ledger_url: str) -> None:
    hours_ago = [utc_now() - timedelta(hours=hours) for hours in range(4)]
    with Ledger(ledger_url) as ledger:
        ledger.record(replace(JOINED, at=hours_ago[3]))
        ledger.record(replace(STARTED, at=hours_ago[3]))
        ledger.record(replace(PAUSED, seconds=600, ended="resumed", at=hours_ago[2]))
        ledger.record(replace(PAUSED, displacement="d2", at=hours_ago[1]))
    with Ledger(ledger_url) as ledger:
        (attempt,) = rows(ledger, tables.attempts)
        aside = {row.displacement: row for row in rows(ledger, tables.displacements)}
    assert attempt.run_seconds == pytest.approx(2 * 3600 - 600)
    assert attempt.paused_seconds >= 3600 + 600
    assert (aside["d1"].seconds, aside["d1"].how) == (600, "resumed")
    assert (aside["d2"].seconds, aside["d2"].how) == (pytest.approx(3600, rel=0.1), "lost")


def test_a_database_that_is_away_loses_nothing(postgres: Any) -> None:
    with Ledger(postgres.new_database()) as ledger:
        ledger.record(SUBMITTED)
        assert ledger.flush()
        postgres.stop()
        try:
            ledger.record(JOINED)
            eventually(lambda: ledger.away_seconds > 0)
            for number in range(1_000):
                ledger.record(ended(f"a{number:04}"))
            assert not ledger.flush(0.6)
            ledger.kept().result(60)  # in the journal
            assert ledger.backlog >= 1_001
        finally:
            postgres.start()
        assert ledger.flush(60)
        assert ledger.away_seconds == 0
        assert len(rows(ledger, tables.attempts)) == 1_000
        assert len(rows(ledger, tables.leases)) == 1


def test_killed_while_the_database_is_away_the_next_ledger_writes_what_it_left(
    postgres: Any, tmp_path: Path
) -> None:
    url = postgres.new_database()
    (tmp_path / "late.py").write_text(
        EVENTS.replace("def record(ledger):", "def record(ledger):\n    input()\n")
    )
    process = subprocess.Popen(
        [sys.executable, "-c", DYING.replace("tests_events", "late"), url],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    journals = tmp_path / "data" / "mediadask" / "journals"
    eventually(lambda: any(journals.glob("*.journal")))
    with Ledger(url) as ledger:
        eventually(lambda: len(rows(ledger, tables.sessions)) == 2)
    postgres.stop()
    try:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        eventually(lambda: any(path.stat().st_size for path in journals.glob("*.journal")))
        eventually(lambda: sum(path.stat().st_size for path in journals.glob("*.journal")) > 500)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    finally:
        postgres.start()
    with Ledger(url, pool="house") as ledger:
        assert len(rows(ledger, tables.jobs)) == 2
        (lease,) = rows(ledger, tables.leases)
        assert (lease.pool, lease.reason) == ("house", "pool died")
        assert [orphan.job for orphan in ledger.take_over()] == ["j1"]
    assert not list(journals.glob("*.journal"))


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    with Ledger(str(tmp_path / "ledger.sqlite")) as ledger:
        ledger.record(SUBMITTED)
        assert ledger.flush()

        def fill(connection: Any, record: Any) -> None:
            # SQLite's own limit: it answers "database or disk is full", as the disk would.
            connection.execute("PRAGMA max_page_count = 1")

        event.listen(ledger.engine, "connect", fill)
        ledger.engine.dispose()
        for number in range(2_000):
            ledger.record(ended(f"a{number:04}"))
        assert not ledger.flush(1.0)
        assert ledger.away_seconds > 0

        event.remove(ledger.engine, "connect", fill)
        ledger.engine.dispose()
        assert ledger.flush(60)
        assert len(rows(ledger, tables.attempts)) == 2_000
        assert ledger.refused == 0


def test_first_users_at_once_make_one_schema(ledger_url: str) -> None:
    opened: list[int] = []

    def open_it() -> None:
        engine = tables.open_database(ledger_url)
        with engine.connect() as connection:
            opened.append(len(connection.execute(select(tables.schema)).all()))
        engine.dispose()

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert opened == [1, 1, 1, 1]


def test_a_newer_ledger_is_refused(ledger_url: str) -> None:
    engine = tables.open_database(ledger_url)
    with engine.begin() as connection:
        connection.execute(insert(tables.schema).values(version=99))
    engine.dispose()
    with pytest.raises(InvalidRequest, match="has schema 99, this version knows 3; upgrade mediadask"):
        Ledger(ledger_url)


def test_a_wrong_address_is_refused_in_one_line_and_tells_no_password(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="not a ledger's URL"):
        Ledger("mysql://u:secret@host/x")
    with pytest.raises(OutputFailed, match="the ledger does not open") as refused:
        Ledger("postgresql://u:secret@127.0.0.1:1/x")
    assert "secret" not in str(refused.value)
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OutputFailed, match="the ledger does not open"):
        Ledger(str(tmp_path / "file" / "ledger.sqlite"))
    (tmp_path / "not.sqlite").write_bytes(b"not a database at all" * 100)
    with pytest.raises(OutputFailed, match="not a database"):
        Ledger(str(tmp_path / "not.sqlite"))


def test_the_environment_says_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIADASK_LEDGER", str(tmp_path / "here.sqlite"))
    with Ledger() as ledger:
        ledger.record(SUBMITTED)
    assert (tmp_path / "here.sqlite").exists()
    monkeypatch.delenv("MEDIADASK_LEDGER")
    with Ledger() as ledger:
        assert rows(ledger, tables.jobs) == []
    assert (tmp_path / "data" / "mediadask" / "ledger.sqlite").exists()


def test_reports_read_while_the_pool_writes(ledger_url: str) -> None:
    with Ledger(ledger_url) as ledger, ledger.engine.connect() as reader:
        reader.execute(text("SELECT count(*) FROM jobs")).all()
        ledger.record(SUBMITTED)
        assert ledger.flush()
