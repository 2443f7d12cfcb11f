"""What a pool takes from its ledger it has put there itself; nobody else reads it; two machines are two."""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from mediadask.errors import InvalidRequest
from mediadask.pool.history import (
    AttemptEnded,
    AttemptFlagged,
    AttemptStarted,
    Displaced,
    JobEnded,
    JobReprioritized,
    Learned,
    WorkerJoined,
    WorkerLeft,
)
from mediadask.pool.ledger import tables
from mediadask.pool.ledger.journal import Journal
from mediadask.pool.ledger.ledger import Ledger
from mediadask.pool.ledger.place import Place
from tests.pool.test_ledger import ATTEMPT, DEADLINE, SUBMITTED, rows


def leave_jobs(url: str, *jobs: str) -> None:
    """A pool that dies with these jobs unfinished."""
    with Ledger(url, pool="house") as ledger:
        for job in jobs:
            ledger.record(replace(SUBMITTED, job=job, name=f"turnover {job}", payload=job.encode()))


def change(url: str, job: str, **values: object) -> None:
    engine = tables.open_database(url)
    with engine.begin() as connection:
        connection.execute(update(tables.jobs).where(tables.jobs.c.job == job).values(**values))
    engine.dispose()


def taken(url: str) -> tuple[list[str], dict[str, str]]:
    """The jobs that a new pool goes on with, and why it does not with the others."""
    with Ledger(url, pool="house") as ledger:
        orphans = [orphan.job for orphan in ledger.take_over()]
        jobs = rows(ledger, tables.jobs)
    return orphans, {job.job: job.error for job in jobs if job.status == "failed"}


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("touch owned",)


@pytest.mark.parametrize("forged", ["unsigned", "of another job", "changed"])
def test_a_payload_that_the_key_has_not_signed_is_refused_alone(ledger_url: str, forged: str) -> None:
    leave_jobs(ledger_url, "good", "bad")
    if forged == "unsigned":
        change(ledger_url, "bad", payload=pickle.dumps(Evil()), signature=None)
    elif forged == "of another job":
        engine = tables.open_database(ledger_url)
        with engine.connect() as connection:
            good = connection.execute(tables.jobs.select().where(tables.jobs.c.job == "good")).one()
        engine.dispose()
        change(ledger_url, "bad", payload=good.payload, signature=good.signature)
    else:
        change(ledger_url, "bad", payload=pickle.dumps(Evil()))
    orphans, refused = taken(ledger_url)
    assert orphans == ["good"]
    assert "has not signed it; submit it again" in refused["bad"]


def test_another_key_is_named(ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leave_jobs(ledger_url, "j")
    secret = tmp_path / "secret"
    secret.write_text("0123456789abcdef0123456789abcdef\n")
    monkeypatch.setenv("MEDIADASK_LEDGER_KEY", str(secret))
    orphans, refused = taken(ledger_url)
    assert orphans == []
    assert str(secret) in refused["j"]
    leave_jobs(ledger_url, "k")
    assert taken(ledger_url)[0] == ["k"]
    secret.write_text("short")
    with pytest.raises(InvalidRequest, match=r"secret: the ledger's key has less than 16 bytes; write"):
        Ledger(ledger_url)
    secret.unlink()
    with pytest.raises(InvalidRequest, match=r"secret: the ledger's key cannot be read: No such file"):
        Ledger(ledger_url)


def test_a_job_taken_over_twice_is_still_signed(ledger_url: str) -> None:
    leave_jobs(ledger_url, "j")
    assert taken(ledger_url) == (["j"], {})
    assert taken(ledger_url) == (["j"], {})


def test_nobody_else_reads_any_of_it(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with Ledger(pool="house") as ledger:
            ledger.record(SUBMITTED)
            assert ledger.flush()
            data = tmp_path / "data" / "mediadask"
            modes = {path.relative_to(data).name: path.stat().st_mode & 0o777 for path in data.rglob("*")}
            assert data.stat().st_mode & 0o777 == 0o700
        assert modes.pop("journals") == 0o700
        assert {"ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm", "ledger.key"} < set(modes)
        assert set(modes.values()) == {0o600}
    finally:
        os.umask(before)


RECORDS = [
    replace(SUBMITTED, payload=bytes(range(256)), name="caf\udce9"),
    JobReprioritized(job="j1", priority="urgent", deadline=DEADLINE, reason="the client waits"),
    AttemptStarted(attempt=ATTEMPT),
    AttemptFlagged(attempt=ATTEMPT, reason="it hangs"),
    AttemptEnded(
        attempt=ATTEMPT, outcome="done", run_seconds=1 / 3, shared_with=("j2", "j3"), started=DEADLINE
    ),
    Displaced(displacement="d", attempt=ATTEMPT, for_job="j2"),
    JobEnded(job="j1", status="failed", seconds=9.0, running_seconds=4.0, error="line\nline"),
    WorkerJoined(worker="w1", tier="spot", price_per_hour=0.5, threads=4),
    WorkerLeft(worker="w1", seconds=60.0),
    Learned(kind="proxy", seconds_per_frame=0.5, units=1),
]


def test_a_journal_gives_back_what_it_was_given_and_holds_no_code(tmp_path: Path) -> None:
    with Journal(tmp_path, "url", "s") as journal:
        journal.append(RECORDS)
        assert [record for batch in journal.batches(3) for record in batch] == RECORDS
        assert journal.path.stat().st_mode & 0o777 == 0o600
        lines = journal.path.read_bytes().splitlines()
        assert len(lines) == len(RECORDS)
        assert all(line.startswith(b"{") for line in lines)


def test_lines_that_are_no_records_are_left_out_and_kept(tmp_path: Path) -> None:
    with Journal(tmp_path, "url", "s") as journal:
        journal.append(RECORDS[:1])
        whole = journal.path.read_bytes()
        foreign = [pickle.dumps(Evil()), b'{"@": "system"}', b'{"@": "Learned", "since": 3}', b'["JobEnded"]']
        journal.path.write_bytes(b"\n".join([whole.strip(), *foreign, whole.strip(), whole[:40]]))
        assert [record for batch in journal.batches(9) for record in batch] == [RECORDS[0]] * 2
        unread = journal.path.with_suffix(".unread")
        assert unread.read_bytes().count(b"\n") >= len(foreign)
        assert unread.stat().st_mode & 0o777 == 0o600
    assert not Path("owned").exists()


OTHER = """
import socket, sys
socket.gethostname = lambda: sys.argv[2]
from mediadask.pool.history import JobSubmitted
from mediadask.pool.ledger.ledger import Ledger
ledger = Ledger(sys.argv[1], pool="house")
ledger.record(JobSubmitted(job="j1", name="n", show="", priority="urgent", payload=b"work"))
ledger.flush()
print("there", flush=True)
sys.stdin.read()
"""


def test_two_machines_of_one_host_name_are_two(ledger_url: str, tmp_path: Path) -> None:
    """As two containers of one name have: data folders of their own, and one database."""
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER, ledger_url, socket.gethostname()],
        env={**os.environ, "XDG_DATA_HOME": str(tmp_path / "of the other")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "there\n"
    hidden = tmp_path / "unseen"
    (tmp_path / "of the other").rename(hidden)
    (tmp_path / "of the other" / "mediadask" / "journals").mkdir(
        parents=True
    )  # as a folder of ours by this name
    with Ledger(ledger_url, pool="house") as ledger:
        assert ledger.take_over() == []
        assert all(session.ended is None for session in rows(ledger, tables.sessions)), "it lives"
        (job,) = rows(ledger, tables.jobs)
        assert job.status == "running"
    process.kill()
    process.communicate()


def test_places_are_told_apart() -> None:
    here = Place(folder="f", boot="b", machine="farm-01 m")
    assert Place.read(str(here)) == here
    assert Place.read("") is None
    container = replace(here, folder="g")
    assert not here.shares_locks_with(container), "one host name, one kernel, folders of their own"
    elsewhere = replace(here, boot="c", machine="farm-02 m")
    assert not here.shares_locks_with(elsewhere), "a home on the network"
    assert not here.is_rebooted(since=elsewhere)
    assert here.is_rebooted(since=replace(here, boot="before"))
    assert here.shares_locks_with(replace(here, machine="another-container m")), "one volume, one kernel"


def test_a_folder_keeps_its_id(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    assert Place.here(tmp_path) == Place.here(tmp_path)
    assert Place.here(tmp_path).folder != Place.here(tmp_path / "other").folder


def test_a_killed_process_of_before_a_reboot_is_dead_at_once(tmp_path: Path) -> None:
    with Journal(tmp_path, "url", "s") as journal:
        here = Place.here(tmp_path)
        assert Journal.is_held(str(journal.path), "any", str(here)) is True
        before = replace(here, boot="another")
        assert Journal.is_held(str(journal.path), "any", str(before)) is False
        assert Journal.is_held(str(journal.path), "any", str(replace(here, folder="another"))) is None
    assert Journal.is_held(str(journal.path), "any", str(here)) is False
