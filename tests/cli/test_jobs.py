"""`mediadask jobs`: how far jobs are and when they end, one job whole, and both watched, on a real pool."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import struct
import subprocess
import termios
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import mediadask as md
from mediadask.cli.main import run
from mediadask.pool import Pool, standing
from mediadask.pool.history import (
    Attempt,
    AttemptEnded,
    JobEnded,
    JobSubmitted,
    WorkerJoined,
)
from mediadask.pool.ledger.ledger import Ledger
from tests.cli.conftest import COMMAND
from tests.pool.waiting import WAIT, eventually, see

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import MakeClip

LONG = "a_turnover_whose_name_is_as_long_as_those_of_real_editors_are_by_friday_evening"


@pytest.fixture(autouse=True)
def _ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATA", "RUNTIME"):
        monkeypatch.setenv(f"XDG_{name}_{'DIR' if name == 'RUNTIME' else 'HOME'}", str(tmp_path / name))
    (tmp_path / "RUNTIME").mkdir(mode=0o700)
    monkeypatch.setenv("MEDIADASK_LEDGER", str(tmp_path / "ledger.sqlite"))
    monkeypatch.delenv("MEDIADASK_POOL", raising=False)


@pytest.fixture
def past() -> None:
    """Two jobs that ended, one of them with failures."""
    at = datetime.now(UTC) - timedelta(hours=2)
    with Ledger() as ledger:
        ledger.record(WorkerJoined(worker="w", tier="it", price_per_hour=2.0, threads=1, at=at))
        for number, name in enumerate(("dailies", LONG)):
            id = f"00000000000{number}"
            ledger.record(
                JobSubmitted(
                    job=id, name=name, show="SHOW_A", priority="normal", kind="proxy", groups=3, at=at
                )
            )
            for attempt, error in enumerate(("no such codec", "no such codec", "")):
                what = Attempt(
                    id=f"{id}-{attempt}", job=id, unit=f"u{attempt}", kind="k", frames=1, worker="w"
                )
                ledger.record(
                    AttemptEnded(
                        attempt=what, outcome="failed" if error else "done", run_seconds=1.0, error=error,
                        at=at + timedelta(minutes=90),
                    )
                )  # fmt: skip
            ledger.record(
                JobEnded(
                    job=id, status="failed", seconds=6000, running_seconds=5000, groups_done=1,
                    groups_failed=2, error="no such codec",
                )
            )  # fmt: skip


@pytest.fixture
def pool() -> Iterator[Pool]:
    standing.up(workers=1, dashboard_port=0)
    with Pool.connect("local") as pool:
        yield pool
        pool.down(now=True)
    standing.wait_until_gone("local")


def in_terminal(*words: str, columns: int = 100, **environment: str) -> str:
    """What the command prints in a terminal of so many columns."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    plain = {
        name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")
    }
    process = subprocess.Popen(
        [COMMAND, *words], stdout=theirs, stdin=theirs, env={**plain, "TERM": "xterm-256color", **environment}
    )
    os.close(theirs)
    printed = b""
    while True:
        try:
            read = os.read(ours, 65536)
        except OSError:  # Linux: nobody has the other end any more
            break
        if not read:
            break
        printed += read
    os.close(ours)
    assert process.wait(WAIT) == 0
    return printed.decode().replace("\r\n", "\n")


def without_escapes(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


@pytest.mark.usefixtures("past")
def test_a_pipe_gets_every_column_a_row_a_line_and_no_color() -> None:
    told = subprocess.run([COMMAND, "jobs"], capture_output=True, text=True, check=True)
    head, *rows = told.stdout.splitlines()
    assert len(rows) == 2
    assert "\x1b" not in told.stdout
    for column in ("job", "name", "show", "class", "status", "progress", "submitted", "took", "error"):
        assert column in head
    assert "no such codec" in told.stdout
    assert not re.search(r"\bago\b", told.stdout), "a file outlives what is relative"


@pytest.mark.usefixtures("past")
@pytest.mark.parametrize("columns", [40, 60, 80, 120, 200])
def test_a_terminal_gets_the_columns_that_fit(columns: int) -> None:
    shown = without_escapes(in_terminal("jobs", columns=columns))
    assert max(map(len, shown.splitlines())) <= columns
    assert "dailies" in shown
    assert "failed" in shown
    assert bool(re.search(r"\b2 h (\d\d min )?ago", shown)) == (columns >= 80)
    assert "..." not in shown
    assert "…" not in shown


@pytest.mark.usefixtures("past")
def test_color_is_for_those_who_want_it() -> None:
    assert "\x1b[31m" in in_terminal("jobs", columns=120)
    plain = in_terminal("jobs", columns=120, NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*3\d", plain)
    assert _timeless(without_escapes(in_terminal("jobs", columns=120))) == _timeless(without_escapes(plain))


def _timeless(shown: str) -> list[str]:
    """The words of a table, whichever minute it is."""
    return re.sub(r"2 h (\d\d min )?ago", "2 h ago", shown).split()


@pytest.mark.usefixtures("past")
def test_one_job_is_shown_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["jobs", "dailies"]) == 0
    shown = capsys.readouterr().out
    for fact in (
        "dailies  000000000000", "SHOW_A  normal  proxy", "2 h ago", "1h40m", "1 done, 2 failed",
        "1 of 3 made, 2 failed", "2 × no such codec (failed, 30 min ago)", "USD",
    ):  # fmt: skip
        assert fact in shown, fact
    assert run(["jobs", "00000000000", "--json"]) == 2
    assert "several jobs have such an id; write more of it" in capsys.readouterr().err
    assert run(["jobs", "000000000000", "--json"]) == 0
    job = json.loads(capsys.readouterr().out)
    assert (job["name"], job["progress"], job["failures"][0]["attempts"]) == ("dailies", 1.0, 2)
    assert job["attempts"] == {"done": 1, "failed": 2}
    assert job["cost"]["total"] > 0
    assert job["submitted"].endswith("+00:00")


@pytest.mark.usefixtures("past")
@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["dailys"], "dailys: the ledger knows no such job; did you mean dailies?"),
        (["xyz"], "xyz: the ledger knows no such job; `mediadask jobs` lists those it knows"),
        (["--watch", "--json"], "--watch shows text only; leave out --json and --plot"),
        (["dailies", "--plot", "x.html"], "--plot draws the list of jobs; leave out JOB or --plot"),
        (["--pool", "nowhere"], "nowhere: no pool of this name is up; start it with `mediadask pool up`"),
    ],
)
def test_what_cannot_be_shown_is_one_line(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["jobs", *words]) == 2
    assert capsys.readouterr().err == f"mediadask: {complaint}\n"


def made(folder: Path, number: int) -> str:
    """Waits, but for the first three, for a file."""
    while number > 2 and not (folder / "go").exists():
        time.sleep(0.005)
        md.checkpoint()
    if number == 9:
        raise ValueError("the ninth is broken")
    return "made"


def test_jobs_that_run_say_how_far_they_are_and_when_they_end(
    pool: Pool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deadline = datetime.now(UTC) + timedelta(hours=1)
    work = md.delivery(partial(made, tmp_path), range(10), name="dailies", seconds=60.0)
    job = pool.submit(work, show="SHOW", deadline=deadline)
    see(job, groups_done=3, units_running=1)
    pool.submit(md.delivery(partial(made, tmp_path), [30], name="behind", seconds=60.0))
    eventually(lambda: all(each["expected_seconds"] for each in pool.status()["jobs"]))

    assert run(["jobs", "--json"]) == 0
    behind, dailies = json.loads(capsys.readouterr().out)
    assert (dailies["status"], dailies["progress"], dailies["units_running"]) == ("running", 0.3, 1)
    assert 0 < dailies["expected_seconds"] <= behind["expected_seconds"]
    assert (behind["status"], behind["waits_for"]) == ("waiting", "dailies")
    shown = without_escapes(in_terminal("jobs", columns=200))
    assert "30 %" in shown
    assert re.search(r"in \d+ (s|min|h)", shown)
    assert run(["jobs", "dailies"]) == 0
    whole = capsys.readouterr().out
    assert "3 done, 1 running, 0 paused, 6 queued" in whole
    assert "will be met" in whole

    watch = subprocess.Popen(
        [COMMAND, "jobs", "--watch"],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # also where a shell ignores it
    )
    one = subprocess.Popen([COMMAND, "jobs", "dailies", "--watch"], stdout=subprocess.PIPE, text=True)
    assert watch.stdout is not None
    assert "dailies  running 30 %  ends in" in watch.stdout.readline()
    assert "waits for dailies" in watch.stdout.readline()
    (tmp_path / "go").touch()
    job.result(WAIT)
    while "dailies  failed 100 %" not in watch.stdout.readline():
        pass
    watch.send_signal(signal.SIGINT)
    assert watch.wait(WAIT) == 0
    watch.stdout.close()
    told, _ = one.communicate(timeout=WAIT)
    assert one.returncode == 0, "it ends with its job"
    assert "\x1b" not in told
    assert "dailies  failed 100 %  ended" in told.splitlines()[-1]

    assert run(["jobs", "dailies", "--json", "--pool", "local"]) == 0
    whole_again = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in whole_again["outputs"] if each["error"]] == ["9"]
    assert whole_again["failures"][0]["error"] == "ValueError: the ninth is broken"


def test_one_job_lists_where_its_outputs_stand(
    pool: Pool, make_clip: MakeClip, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.mov").write_bytes(b"no clip")
    clips = [make_clip(f"A00{n}C001.mov", codec="libx264", frames=2, size=(64, 36)) for n in range(2)]
    job = pool.submit(md.proxy([*clips, tmp_path / "bad.mov"], tmp_path / "out"))
    assert job.wait(WAIT)

    def told() -> str:
        assert run(["jobs", "proxy"]) == 0
        return "".join(capsys.readouterr().out.split())

    eventually(lambda: "2of3made,1failed" in told())
    places = [str(tmp_path / "out" / f"{clip.stem}.mp4") for clip in clips]
    shown = told()
    assert all(place in shown for place in places)
    assert run(["jobs", "proxy", "--json"]) == 0
    *made, bad = json.loads(capsys.readouterr().out)["outputs"]
    assert [(each["state"], each["paths"]) for each in made] == [("done", [place]) for place in places]
    assert (bad["state"], bad["paths"]) == ("failed", [])
    assert "bad.mov" in bad["error"]


def test_watched_in_a_terminal_one_job_ends_as_it_ends() -> None:
    with Ledger() as ledger:
        ledger.record(JobSubmitted(job="j", name="dailies", show="", priority="normal"))
        ledger.record(JobEnded(job="j", status="done", seconds=60, running_seconds=60))
    shown = without_escapes(in_terminal("jobs", "dailies", "--watch", columns=60))
    assert "done 100 %" in shown
    assert max(map(len, shown.splitlines())) <= 60
