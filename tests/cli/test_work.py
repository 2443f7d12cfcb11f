"""A command that works on a pool elsewhere, which is not always ready."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from distributed import LocalCluster

import mediadask as md
from tests.cli.conftest import COMMAND

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def deserted() -> Iterator[LocalCluster]:
    """A scheduler in this process, with no workers."""
    how = {"processes": False, "protocol": "tcp://", "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(n_workers=0, threads_per_worker=1, **how) as cluster:
        yield cluster


def test_it_says_that_no_worker_is_there_and_goes_on_when_one_comes(
    deserted: LocalCluster, good: Path, tmp_path: Path
) -> None:
    address = deserted.scheduler_address
    words = ["sheet", str(good), "--out", "sheet.png", "--frames", "2"]
    process = subprocess.Popen(
        [COMMAND, *words],
        env={**os.environ, "MEDIADASK_POOL": address},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        said = f"no worker is there: start `dask worker {address}`; work goes on when one comes"
        assert process.stderr.readline() == f"mediadask: {said}\n"
        with md.Pool.connect(address) as pool:
            assert pool.job("sheet").progress.notice == said
            deserted.scale(1)
            assert pool.job("sheet").wait(600)
            assert pool.job("sheet").progress.notice == ""
        shown, complaints = process.communicate(timeout=600)
    finally:
        process.kill()
    assert (process.returncode, shown, complaints) == (0, f"{tmp_path / 'sheet.png'}\n", "")
