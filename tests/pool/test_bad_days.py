"""What goes wrong on a real cluster: the work completes, nothing twice, and who is to blame is named."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import dask
import pytest
from distributed.protocol.pickle import dumps
from sqlalchemy import select, update

import mediadask as md
from mediadask.delivery import Delivery, Group, Unit
from mediadask.errors import MediaError
from mediadask.pool import Pool
from mediadask.pool.history import JobSubmitted, new_id
from mediadask.pool.ledger.ledger import Ledger
from mediadask.pool.ledger.tables import attempts, displacements, jobs, open_database, sessions
from tests.pool.waiting import WAIT, eventually, see

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from distributed import Nanny


@pytest.fixture
def pool() -> Iterator[Pool]:
    with Pool.local(workers=2) as pool:
        yield pool


def murderous(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def until_exists(folder: Path, number: int) -> int:
    with (folder / f"pids {number}").open("a") as pids:
        pids.write(f"{os.getpid()}\n")
    while not (folder / "go").exists():
        time.sleep(0.005)
        md.checkpoint()
    return number


def short(number: int) -> int:
    return number


def pids(folder: Path, number: int) -> list[int]:
    path = folder / f"pids {number}"
    return [int(pid) for pid in path.read_text().split()] if path.exists() else []


def test_a_unit_that_kills_its_worker_twice_is_set_aside_and_the_rest_goes_on(pool: Pool) -> None:
    report = pool.submit(md.delivery(murderous, range(8), name="deadly")).result(WAIT)
    assert report.results == [0, 1, 2, 4, 5, 6, 7]
    (failed,) = report.failures
    assert failed.name == "3"
    assert "its worker died 2 times" in failed.failure.error


LATIN_1 = os.fsdecode(b"/rushes/caf\xe9.mov")
"""What Linux calls a file whose name is no UTF-8."""


def unreadable(path: str) -> None:
    raise ValueError(f"cannot read {path}")


def deadly(path: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (unreadable, r"ValueError: cannot read /rushes/caf\udce9.mov"),
        (deadly, r"/rushes/caf\udce9.mov: its worker died 2 times"),
    ],
    ids=["raises", "dies"],
)
def test_names_that_are_no_text_cross_to_the_pool_and_back(
    function: Callable[[str], None], said: str, pool: Pool
) -> None:
    unit = Unit(function, (LATIN_1,), name=LATIN_1, kind=LATIN_1)
    work = Delivery(LATIN_1, [Group(LATIN_1, (unit,))])
    job = pool.submit(work, show=LATIN_1)
    (failed,) = job.result(WAIT).failures
    assert failed.name == LATIN_1
    assert failed.failure.error.startswith(said)
    (listed,) = pool.jobs()
    assert (listed.name, listed.show) == (r"/rushes/caf\udce9.mov",) * 2
    assert listed.progress.error.startswith(said)
    assert pool.job(LATIN_1).id == job.id
    assert set(pool.costs()["show"]) == {listed.show}


class Mute(Exception):
    def __str__(self) -> str:
        return None  # type: ignore[return-value]


def mute(number: int) -> None:
    raise Mute


def test_an_error_that_cannot_say_what_it_is_frees_its_slot(pool: Pool) -> None:
    job = pool.submit(md.delivery(mute, range(3), name="mute"))
    assert {failed.failure.error for failed in job.result(WAIT).failures} == {"Mute"}
    assert pool.submit(md.delivery(short, range(3), name="after")).result(WAIT).results == [0, 1, 2]


class Picky:
    """Leaves the process of a worker that loads it, as some programs do that are imported."""

    def __reduce__(self) -> tuple[object, ...]:
        return loaded_here, ()


def loaded_here() -> Picky:
    if multiprocessing.parent_process() is not None:
        sys.exit("no license here")
    return Picky()


def test_a_unit_that_exits_as_it_is_loaded_frees_its_slot(pool: Pool) -> None:
    job = pool.submit(md.delivery(short, [Picky()], name="picky"))
    (failed,) = job.result(WAIT).failures
    assert failed.failure.error == "SystemExit: no license here"


def test_a_worker_killed_mid_frame_costs_only_its_unit(pool: Pool, tmp_path: Path) -> None:
    job = pool.submit(md.delivery(partial(until_exists, tmp_path), range(2), name="work"))
    see(job, units_running=2)
    eventually(lambda: pids(tmp_path, 0) and pids(tmp_path, 1))
    os.kill(pids(tmp_path, 0)[0], signal.SIGKILL)
    eventually(lambda: len(pids(tmp_path, 0)) >= 2)
    (tmp_path / "go").touch()
    assert job.result(WAIT).results == [0, 1]
    assert len(pids(tmp_path, 1)) == 1


def test_a_unit_that_stood_aside_on_a_killed_worker_starts_again_and_is_not_blamed(
    pool: Pool, tmp_path: Path
) -> None:
    (tmp_path / "front").mkdir()
    behind = pool.submit(
        md.delivery(partial(until_exists, tmp_path), range(2), name="b"), priority="background"
    )
    see(behind, units_running=2)
    front = pool.submit(
        md.delivery(partial(until_exists, tmp_path / "front"), range(2), name="f"), priority="urgent"
    )
    see(behind, units_paused=2)
    for _ in range(2):
        eventually(lambda: pids(tmp_path / "front", 0))
        victim = pids(tmp_path / "front", 0)[-1]
        os.kill(victim, signal.SIGKILL)
        if _ == 0:
            eventually(lambda: len(pids(tmp_path / "front", 0)) >= 2)
    (tmp_path / "front" / "go").touch()
    (tmp_path / "go").touch()
    assert [outcome.name for outcome in front.result(WAIT).failures] == ["0"]
    assert behind.result(WAIT).failures == []


def test_a_job_outlives_its_client(pool: Pool, tmp_path: Path) -> None:
    with Pool.connect(pool.address) as gone:
        gone.submit(md.delivery(partial(until_exists, tmp_path), range(5), name="orphan"))
    (tmp_path / "go").touch()
    assert pool.job("orphan").result(WAIT).results == list(range(5))


def test_a_restart_of_dask_loses_no_job(pool: Pool, tmp_path: Path) -> None:
    job = pool.submit(md.delivery(partial(until_exists, tmp_path), range(12), name="work"))
    see(job, units_running=2)
    eventually(lambda: pids(tmp_path, 0) and pids(tmp_path, 1))
    before = {*pids(tmp_path, 0), *pids(tmp_path, 1)}
    pool.client.restart(timeout=WAIT)
    see(job, units_running=2)
    (tmp_path / "go").touch()
    assert job.result(WAIT).results == list(range(12))
    assert before.isdisjoint([*pids(tmp_path, 0)[1:], *pids(tmp_path, 11)]), "in new processes"
    assert pool.submit(md.delivery(short, range(9), name="after")).result(WAIT).failures == []


def large(number: int) -> bytes:
    return bytes(1 << 20)


def test_results_of_ended_jobs_are_kept_for_a_while_only(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mediadask.pool.core.finished.KEPT_BYTES", 5 << 20)
    jobs = []
    for number in range(8):
        jobs.append(pool.submit(md.delivery(large, [number], name=f"large {number}")))
        assert jobs[-1].wait(WAIT)
    assert [job.name for job in pool.jobs()] == [f"large {number}" for number in range(4, 8)]
    assert len(jobs[-1].result().results[0]) == 1 << 20
    with pytest.raises(MediaError, match="the pool no longer keeps this job; `mediadask jobs` tells its end"):
        jobs[0].result()


def length(clip: bytes) -> int:
    return len(clip)


def test_what_a_job_was_made_of_counts_as_what_it_left(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mediadask.pool.core.finished.KEPT_BYTES", 5 << 20)
    for number in range(8):
        clip = bytes([number]) * (1 << 20)
        assert pool.submit(md.delivery(length, [clip], name=f"of much {number}")).wait(WAIT)
    assert [job.name for job in pool.jobs()] == [f"of much {number}" for number in range(4, 8)]
    with Pool.connect(pool.address) as other:
        assert other.job("of much 7").result(WAIT).results == [1 << 20], "its delivery is still to be had"


HANGS_ONCE = """
import os, time
from pathlib import Path
begun = Path({begun!r})
if not begun.exists():
    begun.write_text(str(os.getpid()))
    time.sleep(3600)
"""


def test_a_worker_process_that_does_not_come_up_is_ended_and_another_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waited for anything else: neither its jobs went on nor could the pool be closed."""
    monkeypatch.setattr("mediadask.pool.scaling.local_workers._LONGEST_START_SECONDS", 4.0)
    preload, begun = tmp_path / "preload.py", tmp_path / "begun"
    preload.write_text(HANGS_ONCE.format(begun=str(begun)))
    with dask.config.set({"distributed.worker.preload": str(preload)}), Pool.local(workers=1) as pool:
        assert pool.submit(md.delivery(abs, [-1], name="x")).result(WAIT).results == [1]
    with pytest.raises(ProcessLookupError):
        os.kill(int(begun.read_text()), 0)


UNGUARDED = """
import mediadask as md  # and no line that asks whether it is __main__
with md.Pool.local(workers=2) as pool:
    print(pool.submit(md.delivery(abs, [1], name="x")).result())
"""


def test_a_script_whose_workers_would_run_it_again_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED)
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=WAIT, check=False, cwd=tmp_path
    )
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(
        "mediadask.errors.MediaError: x: worker processes of this machine end as they start"
    )
    assert last.endswith('in a script, start the pool under `if __name__ == "__main__":`')
    assert done.stderr.count("Traceback") == 1, "the script's own, and none of its workers'"


def test_a_program_that_comes_on_standard_input_works(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable],
        input=UNGUARDED,
        capture_output=True,
        text=True,
        timeout=WAIT,
        check=False,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout) == (0, "x: 1 done, 0 failed\n"), done.stderr


def test_a_worker_that_is_retired_hands_its_units_on(pool: Pool, tmp_path: Path) -> None:
    job = pool.submit(md.delivery(partial(until_exists, tmp_path), range(2), name="work"))
    see(job, units_running=2)
    eventually(lambda: pids(tmp_path, 0) and pids(tmp_path, 1))
    address = next(iter(pool.client.scheduler_info()["workers"]))
    pool.client.retire_workers([address])
    (tmp_path / "go").touch()
    assert job.result(WAIT).results == [0, 1]


def last_frame(folder: Path, number: int) -> int:
    """After its last checkpoint: it ends before it hears that its worker leaves."""
    with (folder / f"pids {number}").open("a") as pids:
        pids.write(f"{os.getpid()}\n")
    while not (folder / "go").exists():
        time.sleep(0.005)
    return number


def test_what_ends_on_a_worker_that_is_retired_is_not_done_again(pool: Pool, tmp_path: Path) -> None:
    job = pool.submit(md.delivery(partial(last_frame, tmp_path), range(2), name="work"))
    eventually(lambda: pids(tmp_path, 0) and pids(tmp_path, 1))
    addresses = list(pool.client.scheduler_info()["workers"])
    with ThreadPoolExecutor(1) as other:
        retired = other.submit(pool.client.retire_workers, addresses[:1])
        eventually(lambda: "closing_gracefully" in statuses(pool).values())
        (tmp_path / "go").touch()
        assert [*retired.result(WAIT)] == addresses[:1]
    assert job.result(WAIT).results == [0, 1]
    assert [len(pids(tmp_path, number)) for number in range(2)] == [1, 1]


def close(dask_worker: Nanny) -> None:
    """As on SIGTERM."""
    asyncio.get_running_loop().create_task(dask_worker.close())


def test_what_ends_on_a_worker_that_is_told_to_end_is_not_done_again(pool: Pool, tmp_path: Path) -> None:
    job = pool.submit(md.delivery(partial(last_frame, tmp_path), range(2), name="work"))
    eventually(lambda: pids(tmp_path, 0) and pids(tmp_path, 1))
    address = next(iter(pool.client.scheduler_info()["workers"]))
    pool.client.run(close, workers=[address], nanny=True)
    eventually(lambda: statuses(pool).get(address) in ("closing", None))
    (tmp_path / "go").touch()
    assert job.result(WAIT).results == [0, 1]
    assert [len(pids(tmp_path, number)) for number in range(2)] == [1, 1]


def statuses(pool: Pool) -> dict[str, str]:
    workers = pool.client.scheduler_info()["workers"]
    return {address: worker["status"] for address, worker in workers.items()}


def test_what_stood_aside_or_had_resumed_on_a_retired_worker_is_given_back_not_lost(tmp_path: Path) -> None:
    (tmp_path / "front").mkdir()
    with Pool.local(workers=1) as pool:

        def retire() -> None:
            """Its only worker; another comes in its place."""
            before = pool.client.scheduler_info()["workers"].keys()

            def gone() -> bool:
                pool.client.retire_workers(list(before))  # refused while it still holds a result
                return before.isdisjoint(pool.client.scheduler_info()["workers"])

            eventually(gone)

        behind = pool.submit(
            md.delivery(partial(until_exists, tmp_path), [0], name="b"), priority="background"
        )
        see(behind, units_running=1)
        front = pool.submit(
            md.delivery(partial(until_exists, tmp_path / "front"), [0], name="f"), priority="urgent"
        )
        see(behind, units_paused=1)
        see(front, units_running=1)
        retire()
        see(behind, units_paused=0)
        (tmp_path / "front" / "go").touch()
        assert front.wait(WAIT)
        see(behind, units_running=1)
        assert pool.submit(md.delivery(short, [1], name="pull"), priority="urgent").wait(WAIT)
        see(behind, units_running=1)  # by a second stint
        retire()
        (tmp_path / "go").touch()
        assert behind.result(WAIT).failures == []
    engine = open_database()
    with engine.connect() as connection:
        outcomes = Counter(row.outcome for row in connection.execute(select(attempts)))
        how = Counter(row.how for row in connection.execute(select(displacements)))
    engine.dispose()
    assert outcomes == {"done": 3, "rescheduled": 3}
    assert how == {"resumed": 1, "rescheduled": 1}


ELSEWHERE = "another folder/another boot/another machine"


def submitted(ledger: Ledger, payload: bytes) -> str:
    """A job of the pool that writes to this ledger."""
    job = new_id()
    record = JobSubmitted(job=job, name="work", show="", priority="normal", groups=3, payload=payload)
    ledger.record(record)
    assert ledger.flush()
    return job


def left_behind() -> tuple[str, Ledger]:
    """A job of a pool of the name `house` on another machine, and the ledger by which that pool lives."""
    ledger = Ledger(pool="house")
    job = submitted(ledger, dumps(md.delivery(short, range(3), name="work")))
    engine = open_database()
    with engine.begin() as connection:
        connection.execute(update(sessions).values(place=ELSEWHERE))
    engine.dispose()
    return job, ledger


@pytest.mark.parametrize("end", ["ends", "falls silent"])
def test_jobs_of_a_pool_on_another_machine_are_taken_over_as_soon_as_it_is_known_to_be_dead(
    end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where Kubernetes starts a scheduler elsewhere: the old one is not known to be dead at once."""
    monkeypatch.setattr("mediadask.pool.scheduler.plugin._TAKE_OVER_SECONDS", 0.1)
    job, theirs = left_behind()
    with theirs, Pool.local(workers=1, name="house") as pool:
        assert job not in [each["id"] for each in pool.status()["jobs"]], "it may live"
        if end == "ends":
            theirs.close()
        else:
            monkeypatch.setattr("mediadask.pool.ledger.sessions._SILENCE_SECONDS", 0.0)
        eventually(lambda: job in [each["id"] for each in pool.status()["jobs"]] or ended(job))
        assert pool.job(job).result(WAIT).results == [0, 1, 2]


@pytest.mark.parametrize("payload", [b"no pickle", dumps(object())], ids=["unreadable", "no delivery"])
def test_a_job_that_this_version_cannot_take_up_fails_alone(payload: bytes) -> None:
    with Ledger(pool="house") as before:
        bad = submitted(before, payload)
        good = submitted(before, dumps(md.delivery(short, range(3), name="work")))
    with Pool.local(workers=1, name="house") as pool:
        assert pool.job(good).result(WAIT).results == [0, 1, 2]
    engine = open_database()
    with engine.connect() as connection:
        job = connection.execute(select(jobs).where(jobs.c.job == bad)).one()
    engine.dispose()
    assert job.status == "failed"
    assert job.error.startswith("the restarted pool cannot read it: ")


def ended(job: str) -> bool:
    engine = open_database()
    with engine.connect() as connection:
        status = connection.scalar(select(jobs.c.status).where(jobs.c.job == job))
    engine.dispose()
    return status != "running"
