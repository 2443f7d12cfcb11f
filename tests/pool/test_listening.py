"""Where the pools of this machine listen: on loopback only, in every one of their processes; and in HTTP they
answer nobody who asks by another name.
"""

from __future__ import annotations

import ipaddress
import json
import os
import signal
from functools import partial
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any

import psutil
import pytest

import mediadask as md
from mediadask.pool import Pool, standing
from tests.pool.waiting import WAIT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("XDG_RUNTIME_DIR", "XDG_STATE_HOME"):
        (tmp_path / name).mkdir(mode=0o700)
        monkeypatch.setenv(name, str(tmp_path / name))
    yield
    for record in (tmp_path / "XDG_RUNTIME_DIR").rglob("*.json"):
        os.kill(json.loads(record.read_text())["pid"], signal.SIGTERM)
        standing.wait_until_gone(record.stem)


def listening(pid: int) -> set[tuple[int, Any]]:
    """The process and the address of every socket on which this process or one below it listens."""
    root = psutil.Process(pid)
    return {
        (process.pid, socket.laddr)
        for process in (root, *root.children(recursive=True))
        for socket in process.net_connections("inet")
        if socket.status == psutil.CONN_LISTEN
    }


def work(pool: Pool) -> int:
    """Have a worker do something, so that all of it is up. Returns the worker's process."""
    (pid,) = pool.submit(md.delivery(lambda _: os.getpid(), [1], name="who")).result(WAIT).results
    return int(pid)


def check(sockets: set[tuple[int, Any]], scheduler: int, worker: int) -> None:
    elsewhere = [address for _, address in sockets if not ipaddress.ip_address(address.ip).is_loopback]
    assert not elsewhere
    processes = [process for process, _ in sockets]
    assert processes.count(scheduler) >= 3, "the scheduler's comm, its HTTP, and a nanny"
    assert processes.count(worker) == 2, "a worker's comm and its HTTP"
    ports = [address.port for _, address in sockets]
    answers = {process for process, address in sockets if status(address.port, "localhost") == 200}
    assert answers == {scheduler, worker}, "those with metrics"
    assert {status(port, "evil.example") for port in ports} == {None, 403}


def status(port: int, host: str) -> int | None:
    """What whoever listens there answers to a request for metrics; None where it speaks no HTTP."""
    connection = HTTPConnection("127.0.0.1", port, timeout=WAIT)
    try:
        connection.request("GET", "/metrics", headers={"Host": host, "Connection": "close"})
        with connection.getresponse() as answer:
            return answer.status
    except (HTTPException, ConnectionError):
        return None
    finally:
        connection.close()


@pytest.mark.parametrize("start", [Pool.local, partial(Pool.local, 1)], ids=["elastic", "at once"])
def test_a_pool_of_a_program(start: Any) -> None:
    before = listening(os.getpid())
    with start() as pool:
        assert pool.dashboard.startswith("http://127.0.0.1:")
        worker = work(pool)
        check(listening(os.getpid()) - before, os.getpid(), worker)


@pytest.mark.parametrize("workers", [None, 1], ids=["elastic", "at once"])
def test_a_pool_that_stays(workers: int | None) -> None:
    up = standing.up(workers=workers, dashboard_port=0)
    with Pool.connect("local") as pool:
        worker = work(pool)
        check(listening(up.pid), up.pid, worker)
