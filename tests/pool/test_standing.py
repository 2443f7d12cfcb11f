"""A pool that stays, in a process of its own: found by others, drained, killed, up again with its jobs."""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

import mediadask as md
from mediadask import footage
from mediadask.errors import InvalidRequest, MediaError
from mediadask.pool import Pool, standing
from mediadask.pool.ledger import tables
from tests.cli.conftest import COMMAND
from tests.pool.waiting import WAIT, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Command

UP = ("pool", "up", "--dashboard-port", 0)
up = partial(standing.up, dashboard_port=0)


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        (tmp_path / name).mkdir(mode=0o700)
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv("MEDIADASK_POOL", raising=False)
    yield
    for lock in (tmp_path / "XDG_RUNTIME_DIR").rglob("*.json"):
        with suppress(ProcessLookupError):  # one that has crashed
            os.kill(json.loads(lock.read_text())["pid"], signal.SIGTERM)
        standing.wait_until_gone(lock.stem)


def committed(folder: Path, number: int) -> str:
    """A unit as renders are: what is there is not made again; waits for `go` before it is committed."""
    made = folder / f"out {number}"
    with (folder / "ran").open("a") as ran:
        ran.write(f"{number}\n")
    if made.exists():
        return "found"
    while number > 1 and not (folder / "go").exists():
        time.sleep(0.005)
        md.checkpoint()
    with (folder / "made").open("a") as log:
        log.write(f"{number}\n")
    made.touch()
    return "made"


def test_a_pool_stays_for_other_commands_until_it_is_told_to_go(mediadask: Command, tmp_path: Path) -> None:
    nothing = mediadask("pool", "status")
    assert nothing.returncode == 2
    assert nothing.stderr == (
        "mediadask: local: no pool of this name is up; start it with `mediadask pool up`\n"
    )
    up = mediadask(*UP, "--workers", "1", "--json")
    assert (up.returncode, up.stderr) == (0, "")
    told = json.loads(up.stdout)
    again = mediadask(*UP)
    assert (again.returncode, again.stdout) == (2, "")
    assert "local: the pool is up already" in again.stderr

    with Pool.connect("local") as pool:
        assert pool.address == told["address"]
        job = pool.submit(md.delivery(partial(committed, tmp_path), [0, 1], name="first"), show="SHOW")
        assert job.result(WAIT).results == ["made", "made"]
        late = pool.submit(md.delivery(partial(committed, tmp_path), [2], name="late"))
        status = json.loads(mediadask("pool", "status", "--json").stdout)
        assert [each["name"] for each in status["jobs"]] == ["late"]
        assert status["tiers"][0]["workers"] == 1
        assert status["turnaround"][0]["jobs"] == 1
        assert "SHOW" in {each["show"] for each in status["costs"]}
        assert "first" not in mediadask("pool", "status").stdout

        pool.down()
        with pytest.raises(InvalidRequest, match="takes no more jobs"):
            pool.submit(md.delivery(abs, [1], name="too late"))
        assert late.progress.status in ("waiting", "running")
        (tmp_path / "go").touch()
        assert late.result(WAIT).results == ["made"], "what runs ends, and who waits for it gets it"
    standing.wait_until_gone("local")
    with pytest.raises(InvalidRequest, match="no pool of this name is up"):
        Pool.connect("local")


def test_a_pool_shows_itself_while_the_ledger_s_database_is_away(mediadask: Command) -> None:
    up(workers=1)
    with tables.open_database().begin() as connection:
        connection.exec_driver_sql("ALTER TABLE jobs RENAME TO away")
    status = mediadask("pool", "status", "--json")
    assert status.returncode == 0
    assert status.stderr.count("\n") == 1
    assert "the ledger's database does not answer: no such table: jobs; jobs go on" in status.stderr
    assert json.loads(status.stdout)["tiers"][0]["tier"] == "local"


def test_a_pool_that_crashes_under_a_waiting_command_is_one_line_and_leaves_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIADASK_LEDGER", str(tmp_path / "ledger.sqlite"))
    there = up(workers=1)
    footage.write_clip(tmp_path / "A001.mov", codec="prores_ks", pixel_format="yuv422p10le", frames=2)
    with Pool.connect("local") as pool:
        pool.submit(md.delivery(partial(committed, tmp_path), [2], name="holds the worker"))
        words = ["proxy", str(tmp_path / "A001.mov"), "--out", str(tmp_path / "out"), "--pool", "local"]
        command = subprocess.Popen([COMMAND, *words], stderr=subprocess.PIPE, text=True)
        eventually(lambda: len(pool.jobs()) == 2 or command.poll() is not None)
    os.kill(there.pid, signal.SIGSEGV)
    _, said = command.communicate(timeout=WAIT)
    assert command.returncode == 2
    assert "the pool is gone; jobs of a pool with a name go on when it is up again" in said
    assert said.count("\n") == 1
    assert "Fatal Python error: Segmentation fault" in Path(there.log).read_text()


def test_of_a_thousand_open_jobs_the_first_are_shown_and_how_many_more(
    mediadask: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIADASK_LEDGER", str(tmp_path / "ledger.sqlite"))
    up(workers=1)
    with Pool.connect("local") as pool:
        for number in range(2, 1002):
            pool.submit(md.delivery(partial(committed, tmp_path), [number], name=f"job {number}"))
        status, listed = mediadask("pool", "status"), mediadask("jobs")
        pool.down(now=True)
    assert "and 980 more that are open, less urgent; --json has them all" in status.stdout
    assert (status.returncode, listed.returncode) == (0, 0)
    assert max(len(shown.stdout.splitlines()) for shown in (status, listed)) < 80


def test_work_of_a_class_that_the_settings_no_longer_have_is_shown_without_a_target(
    mediadask: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIADASK_LEDGER", str(tmp_path / "ledger.sqlite"))
    spec = tmp_path / "spec.yaml"
    spec.write_text("mediadask: {classes: {rush: {order: 5, target-turnaround: 10min}}}")
    up(spec, workers=1)
    with Pool.connect("local") as pool:
        pool.submit(md.delivery(abs, [-1], name="late"), priority="rush").result(WAIT)
        pool.down()
    standing.wait_until_gone("local")
    up(workers=1)

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    told = json.loads(mediadask("pool", "status", "--json").stdout, parse_constant=refuse)
    (rush,) = told["turnaround"]
    assert (rush["priority"], rush["target_seconds"], rush["target_met"]) == ("rush", None, None)
    shown = mediadask("pool", "status")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "rush" in shown.stdout
    by_itself = mediadask("turnaround")
    assert (by_itself.returncode, "%" in by_itself.stdout) == (0, False)


def test_killed_in_the_middle_of_a_job_it_goes_on_when_it_is_up_again(
    mediadask: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = str(tmp_path / "ledger.sqlite")
    monkeypatch.setenv("MEDIADASK_LEDGER", url)
    first = up(workers=2)
    with Pool.connect("local") as pool:
        job = pool.submit(md.delivery(partial(committed, tmp_path), range(6), name="long"), priority="urgent")
        eventually(lambda: job.progress.units_running == 2 and job.progress.units_done == 2)
        engine = tables.open_database(url)

        def begun() -> bool:
            with engine.connect() as connection:
                return len(connection.execute(select(tables.attempts)).all()) == 4

        eventually(begun)
        last = pool.submit(md.delivery(abs, [-7], name="last"))
        os.kill(first.pid, signal.SIGKILL)  # what it has taken it has kept
        with pytest.raises(MediaError, match="the pool is gone; jobs of a pool with a name go on"):
            job.wait()
    stale = mediadask("pool", "status")
    assert stale.returncode == 2
    assert f"local: the pool (process {first.pid}) has died; `mediadask pool up` goes on" in stale.stderr
    listed = json.loads(mediadask("jobs", "--json").stdout)
    assert [(each["job"], each["status"]) for each in listed] == [
        (last.id, "orphaned"),
        (job.id, "orphaned"),
    ]

    second = up(workers=2)
    assert second.pid != first.pid
    with Pool.connect("local") as pool:
        resumed = pool.job("long")
        assert (resumed.id, resumed.priority) == (job.id, "urgent")
        (tmp_path / "go").touch()
        assert resumed.result(WAIT).results == ["found", "found", "made", "made", "made", "made"]
        assert resumed.turnaround > 0
        assert pool.job("last").result(WAIT).results == [7]
        pool.down()
    standing.wait_until_gone("local")
    made = (tmp_path / "made").read_text().split()
    assert sorted(made) == list("012345"), "nothing is made twice"
    with engine.connect() as connection:
        jobs = connection.execute(select(tables.jobs)).all()
        attempts = connection.execute(select(tables.attempts)).all()
        leases = connection.execute(select(tables.leases)).all()
    engine.dispose()
    assert {(each.job, each.status, each.payload) for each in jobs} == {
        (job.id, "done", None),
        (last.id, "done", None),
    }
    lost = [attempt for attempt in attempts if attempt.outcome == "lost"]
    assert {attempt.error for attempt in lost} == {"pool died"}
    assert len(lost) == 2
    assert sorted(lease.reason == "pool died" for lease in leases) == [False, False, True, True]


def test_who_looks_for_a_pool_is_in_nobody_s_way(tmp_path: Path) -> None:
    first = up(workers=1)
    os.kill(first.pid, signal.SIGKILL)
    standing.wait_until_gone("local")

    def look() -> None:
        while True:
            with suppress(InvalidRequest):
                standing.find("local")

    looker = multiprocessing.get_context("fork").Process(target=look, daemon=True)
    looker.start()
    with next(tmp_path.rglob("local.lock")).open() as lock:

        def stopped_while_it_looks() -> bool:
            os.kill(looker.pid, signal.SIGSTOP)
            os.waitpid(looker.pid, os.WUNTRACED)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            fcntl.flock(lock, fcntl.LOCK_UN)
            os.kill(looker.pid, signal.SIGCONT)
            os.waitpid(looker.pid, os.WCONTINUED)
            return False

        eventually(stopped_while_it_looks)
    with pytest.raises(InvalidRequest, match="has died"):
        standing.find("local")
    with ThreadPoolExecutor(1) as thread:
        second = thread.submit(up, workers=1)
        os.kill(looker.pid, signal.SIGCONT)
        assert second.result(WAIT) == standing.find("local") != first
    looker.kill()
    looker.join()


def test_told_to_go_at_once_its_jobs_wait_for_the_next(mediadask: Command, tmp_path: Path) -> None:
    up(workers=1)
    with Pool.connect("local") as pool:
        job = pool.submit(md.delivery(partial(committed, tmp_path), [5], name="long"))
        eventually(lambda: job.progress.units_running == 1)
    down = mediadask("pool", "down", "--now")
    assert (down.returncode, down.stdout) == (0, "pool local is down\n")
    up(workers=1)
    with Pool.connect("local") as pool:
        (tmp_path / "go").touch()
        assert pool.job("long").result(WAIT).results == ["made"]
    assert (tmp_path / "made").read_text().split() == ["5"]


def test_what_is_wrong_with_a_spec_or_a_port_is_said_in_a_line(mediadask: Command, tmp_path: Path) -> None:
    spec = tmp_path / "house.yaml"
    for text, said in (
        ("mediadask: {tiers: {local: {prise-per-hour: 1}}}", "did you mean price-per-hour?"),
        (
            "mediadsk: {grace: 1s}",
            "has no section `mediadask`; did you mean mediadask where it says mediadsk?",
        ),
        (
            "mediadask: {tiers: {local: null, spot: {kind: on-demand, price-per-hour: 1}}}",
            "no tier is of this",
        ),
        ("mediadask: {name: 'house:2'}", "house:2: no name for a pool that stays"),
        ("{", "is not YAML"),
    ):
        spec.write_text(text)
        refused = mediadask(*UP, "--spec", spec)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert refused.stderr.count("\n") == 1
        assert said in refused.stderr
    missing = mediadask(*UP, "--spec", tmp_path / "none.yaml")
    assert "none.yaml: cannot be read: No such file or directory" in missing.stderr
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = mediadask(*UP, "--port", port)
        assert (refused.returncode, refused.stderr) == (
            2,
            f"mediadask: {port}: the port is taken; give --port another\n",
        )


def test_the_name_in_a_spec_is_the_pool_s(mediadask: Command, tmp_path: Path) -> None:
    spec = tmp_path / "house.yaml"
    spec.write_text("mediadask: {name: house, tiers: {local: {maximum: 1, price-per-hour: 2}}}")
    up = mediadask(*UP, "--spec", spec)
    assert (up.returncode, up.stderr) == (0, "")
    assert up.stdout.startswith("pool house is up at tls://127.0.0.1:")
    status = json.loads(mediadask("pool", "status", "--pool", "house", "--json").stdout)
    assert (status["name"], status["tiers"][0]["price_per_hour"]) == ("house", 2.0)
    assert mediadask("pool", "down", "--pool", "house").stdout == "pool house is down\n"
