"""A pool as somebody at a notebook or a script meets it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import dask.bag
import pytest

import mediadask as md
from mediadask.errors import InvalidRequest, MediaError
from mediadask.pool import Pool
from tests.pool.waiting import WAIT, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool.local(workers=1) as pool:
        yield pool


def until_exists(gate: Path, number: int) -> int:
    while not gate.exists():
        time.sleep(0.005)
        md.checkpoint()
    return number


@pytest.mark.parametrize("how", [{"workers": 0}, {"workers": -1}, {"threads": 0}])
def test_a_pool_has_one_worker_at_least(how: dict[str, int]) -> None:
    ((what, count),) = how.items()
    with pytest.raises(InvalidRequest, match=f"{what}={count}: a pool needs one at least; give more"):
        Pool.local(**how)  # type: ignore[arg-type]


def test_a_pool_is_opened_where_it_is_named(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEDIADASK_POOL", raising=False)
    with Pool.open(pool.address) as named:
        assert named.address == pool.address
    with Pool.open(workers=1) as own:
        assert own.address != pool.address
    monkeypatch.setenv("MEDIADASK_POOL", pool.address)
    with Pool.open() as meant:
        assert meant.address == pool.address
    with pytest.raises(InvalidRequest, match=r"^workers=2: the workers of a pool that is up are its own"):
        Pool.open(workers=2)
    with pytest.raises(InvalidRequest, match="nobody"):
        Pool.open("nobody")


def test_what_is_no_delivery_is_told_what_would_be_one(pool: Pool) -> None:
    with pytest.raises(InvalidRequest, match=r"a list is no delivery; make one with md\.delivery"):
        pool.submit([1, 2, 3])  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match=r"a Bag is no delivery; .+ pool\.compute"):
        pool.submit(dask.bag.from_sequence([1]))  # type: ignore[arg-type]
    locked = md.delivery(partial(max, threading.Lock()), [1], name="locked")
    with pytest.raises(InvalidRequest, match=r"locked: cannot be sent to workers: .+pickle"):
        pool.submit(locked)
    with pytest.raises(InvalidRequest, match="deadline '2h': is no datetime"):
        pool.submit(md.delivery(abs, [1], name="late"), deadline="2h")  # type: ignore[arg-type]


def test_a_table_by_what_there_is_not(pool: Pool) -> None:
    with pytest.raises(InvalidRequest, match="no costs by 'reel'; use one of show, job, priority, kind"):
        pool.costs(by="reel")  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match="no turnaround by 'job'; use one of priority, show, kind"):
        pool.turnaround(by="job")  # type: ignore[arg-type]


def test_an_interrupted_cell_leaves_its_job_running(pool: Pool, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    job = pool.submit(md.delivery(partial(until_exists, gate), [1], name="long"))
    eventually(lambda: job.progress.units_running == 1)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            job.result(WAIT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert job.status == "running"
    assert "long" in pool._repr_html_()
    assert "1 running" in pool._repr_html_()
    gate.touch()
    assert pool.job("long").result(WAIT).results == [1]
    assert "no job is open" in pool._repr_html_()


def test_a_pool_that_closes_says_what_it_ends(tmp_path: Path) -> None:
    pool = Pool.local(workers=1)
    done = pool.submit(md.delivery(abs, [-1], name="done"))
    assert done.result(WAIT).results == [1]
    left = pool.submit(md.delivery(partial(until_exists, tmp_path / "gate"), [1], name="left"))
    eventually(lambda: left.progress.units_running == 1)
    with pytest.warns(RuntimeWarning, match="before its jobs have ended: left; wait for them in its block"):
        pool.__exit__(None, None, None)
    assert repr(left).startswith("<Job 'left' normal, running: 0 of 1 done, 1 running, ")
    assert repr(left).endswith(" when its pool was last seen>")
    assert "when its pool was last seen" in left._repr_html_()
    assert repr(done).startswith("<Job 'done' normal, done: 1 of 1 done")
    assert repr(pool) == f"<Pool {pool.address} closed>"
    assert "the pool was closed here" in pool._repr_html_()
    for ask in (left.result, done.result, pool.jobs):
        with pytest.raises(MediaError, match="the pool was closed here; take results before it is closed"):
            ask()


def test_a_pool_that_closes_idle_or_over_an_error_says_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Pool.local(workers=1) as pool:
            pool.submit(md.delivery(abs, [-1], name="done")).result(WAIT)
        with pytest.raises(ZeroDivisionError):
            fails_in_its_block()


def fails_in_its_block() -> None:
    with Pool.local(workers=1) as pool:
        pool.submit(md.delivery(time.sleep, [WAIT], name="long"))
        raise ZeroDivisionError


def test_two_pools_in_a_process_know_nothing_of_each_other(pool: Pool) -> None:
    with Pool.local(workers=1) as other:
        theirs = other.submit(md.delivery(abs, [-7], name="theirs"))
        ours = pool.submit(md.delivery(abs, [-3], name="ours"))
        assert (theirs.result(WAIT).results, ours.result(WAIT).results) == ([7], [3])
        listed = other.jobs()
        assert [job.name for job in listed] == ["theirs"]
        assert listed.table.loc[0, ["name", "priority", "status", "groups_done"]].to_list() == [
            "theirs", "normal", "done", 1
        ]  # fmt: skip
        assert "theirs" in repr(listed)
        assert "<td>theirs</td>" in listed._repr_html_()
        assert "theirs" not in [job.name for job in pool.jobs()]
    assert pool.submit(md.delivery(abs, [-5], name="after")).result(WAIT).results == [5]


def test_a_script_whose_workers_would_run_it_again_is_refused_at_once(tmp_path: Path) -> None:
    script = tmp_path / "make.py"
    script.write_text("import mediadask as md\n\n\ndef main():\n    md.Pool.local()\n\n\nmain()\n")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=WAIT, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"mediadask.errors.InvalidRequest: {script}: each worker process loads this file, and would start a "
        'pool in turn; start the pool in a function, and call it under `if __name__ == "__main__":`'
    )
