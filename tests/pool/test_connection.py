"""Who answers at an address: a scheduler of this mediadask becomes a pool, anybody else is told from it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import sysconfig
import threading
from contextlib import ExitStack, suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import urlopen

import dask.config
import pytest
from distributed import Client, LocalCluster, Status

import mediadask as md
from mediadask.errors import InvalidRequest, MediaError
from mediadask.pool import Pool
from mediadask.pool.scheduler import PoolPlugin
from tests.pool.waiting import WAIT, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from distributed import Scheduler


@pytest.fixture(autouse=True)
def _impatient() -> Iterator[None]:
    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
        yield


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """A scheduler and a worker in this process."""
    how = {"processes": False, "protocol": "tcp://", "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(n_workers=1, threads_per_worker=1, **how) as cluster:
        yield cluster


@pytest.fixture
def listening() -> Iterator[Callable[[bytes], str]]:
    """`listening(b"hello")` is the address of a server that says that to whoever connects, and no more."""
    sockets: list[socket.socket] = []

    def listen(greeting: bytes) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        sockets.append(server)

        def greet() -> None:
            client, _ = server.accept()
            sockets.append(client)
            client.sendall(greeting)

        threading.Thread(target=greet, daemon=True).start()
        return f"tcp://127.0.0.1:{server.getsockname()[1]}"

    yield listen
    for each in sockets:
        each.close()


@pytest.mark.parametrize(
    ("greeting", "said"),
    [
        (b"", "what listens there does not answer"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "what answers there is no Dask scheduler"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "what answers there is no Dask scheduler"),
    ],
)
def test_what_speaks_another_language_is_no_scheduler(
    listening: Callable[[bytes], str], greeting: bytes, said: str
) -> None:
    address = listening(greeting)
    with pytest.raises(InvalidRequest) as refused:
        Pool.connect(address)
    assert str(refused.value).startswith(f"{address}: {said}")
    assert str(refused.value).endswith("; give a scheduler's address, such as tcp://host:8786")


def test_nobody_is_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(InvalidRequest, match=r"no pool answers .+; check the address, or start one with"):
        Pool.connect(address)


@pytest.mark.parametrize("address", ["tcp://", "host:port", "foo://host:1", ":::"])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(InvalidRequest, match="no pool answers"):
        Pool.connect(address)


def test_a_worker_is_no_scheduler(cluster: LocalCluster) -> None:
    (worker,) = cluster.scheduler.workers
    with pytest.raises(InvalidRequest, match="is a Dask worker, not a scheduler; give a scheduler's address"):
        Pool.connect(worker)


def test_a_pool_that_cannot_begin_leaves_no_client_behind(
    cluster: LocalCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(cluster.scheduler.clients)
    monkeypatch.setenv("MEDIADASK_LEDGER", str(tmp_path))
    with pytest.raises(MediaError) as refused:
        Pool.connect(cluster.scheduler_address)
    assert str(refused.value).startswith(f"{cluster.scheduler_address}: ")
    assert f"{tmp_path}: the ledger does not open" in str(refused.value)
    eventually(lambda: set(cluster.scheduler.clients) == before)
    monkeypatch.delenv("MEDIADASK_LEDGER")
    with dask.config.set({"mediadask.grace": "soon"}):
        for _ in range(2):
            with pytest.raises(InvalidRequest, match="grace: 'soon' is not a duration"):
                Pool.connect(cluster.scheduler_address)
    eventually(lambda: set(cluster.scheduler.clients) == before)
    with Pool.connect(cluster.scheduler_address) as pool:
        assert pool.jobs() == []


@pytest.mark.parametrize("there", ["0.0.1", None])
def test_another_mediadask_on_the_other_side(there: str | None, tmp_path: Path) -> None:
    here = version("mediadask")
    with other_python(tmp_path, there) as address, pytest.raises(InvalidRequest) as refused:
        Pool.connect(address)
    said = f"mediadask {there} runs there, and {here} here; install the same version on both sides"
    if there is None:
        said = f"the scheduler's Python has no mediadask; install {here} there, and where its workers run"
    assert str(refused.value) == f"{address}: {said}"


@pytest.mark.parametrize(("there", "first"), [("0.0.1", True), ("0.0.1", False), (None, True)])
def test_a_worker_with_another_mediadask_gets_no_work(
    there: str | None, first: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mediadask.pool.scheduler.watchdog._READY_SECONDS", 1.0)
    with (
        LocalCluster(n_workers=0, threads_per_worker=1, dashboard_address=None) as cluster,
        ExitStack() as opened,
    ):
        address, workers = cluster.scheduler_address, cluster.scheduler.workers
        other = other_python(tmp_path, there, f"distributed.Worker({address!r}, nthreads=1)")
        if first:
            opened.enter_context(other)
        pool = opened.enter_context(Pool.connect(address))
        if not first:
            opened.enter_context(other)
        job = pool.submit(md.delivery(abs, [-1], name="work"))
        said = (
            f"runs mediadask {there}, the scheduler {version('mediadask')}" if there else "has no mediadask"
        )
        eventually(lambda: said in job.progress.notice, job)
        eventually(lambda: [each.status for each in workers.values()] == [Status.paused], "Dask's part")
        assert job.status == "waiting"
        cluster.scale(1)
        assert job.result(WAIT).results == [1]


_SCHEDULER = "distributed.Scheduler(host='127.0.0.1', port=0, dashboard=False)"


class other_python:  # noqa: N801 - used as a function
    """A Dask server whose Python has all the packages of this one, and another mediadask or none."""

    def __init__(self, folder: Path, there: str | None, server: str = _SCHEDULER) -> None:
        packages = folder / "packages"
        packages.mkdir()
        for each in Path(sysconfig.get_path("purelib")).iterdir():
            if "mediadask" not in each.name:
                (packages / each.name).symlink_to(each)
        if there is not None:
            (packages / "mediadask").symlink_to(Path(md.__file__).parent)
            described = packages / f"mediadask-{there}.dist-info"
            described.mkdir()
            (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: mediadask\nVersion: {there}\n")
        code = (
            "import asyncio, distributed\n"
            "async def serve():\n"
            f"    async with {server} as server:\n"
            "        print(server.address, flush=True)\n"
            "        await server.finished()\n"
            "asyncio.run(serve())\n"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-c", code],
            env={**os.environ, "PYTHONPATH": str(packages)},
            cwd=folder,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.communicate()


def test_a_scheduler_is_a_pool_by_a_preload(tmp_path: Path) -> None:
    contact = tmp_path / "scheduler.json"
    with preloaded(contact) as scheduler:
        eventually(lambda: contact.exists() or scheduler.poll() is not None)
        with Client(scheduler_file=str(contact), set_as_default=False, timeout=f"{WAIT}s") as client:
            eventually(lambda: client.run_on_scheduler(has_pool))
            address = client.scheduler.address
        with Pool.connect(address) as pool:
            assert pool.jobs() == []
        scheduler.terminate()


def test_the_pool_s_page_is_in_the_dashboard_of_a_scheduler_with_a_preload(tmp_path: Path) -> None:
    contact = tmp_path / "scheduler.json"
    with preloaded(contact, "--dashboard-address", "127.0.0.1:0") as scheduler:
        eventually(lambda: contact.exists() or scheduler.poll() is not None)
        with Client(scheduler_file=str(contact), set_as_default=False, timeout=f"{WAIT}s") as client:
            page = client.dashboard_link.replace("/status", "/mediadask")
            eventually(lambda: answers(page))
        scheduler.terminate()


def answers(page: str) -> bool:
    with suppress(HTTPError), urlopen(page) as answer:
        return bool(answer.status == 200)
    return False


def test_a_preload_with_wrong_settings_ends_with_a_line(tmp_path: Path) -> None:
    with preloaded(tmp_path / "scheduler.json", DASK_MEDIADASK__GRACE="soon") as scheduler:
        _, said = scheduler.communicate(timeout=WAIT)
    assert "grace: 'soon' is not a duration" in said
    assert "Traceback" not in said


def has_pool(dask_scheduler: Scheduler) -> bool:
    return PoolPlugin.name in dask_scheduler.plugins


def preloaded(contact: Path, *dashboard: str, **environment: str) -> subprocess.Popen[str]:
    how = ["--preload", "mediadask.pool.scheduler", "--port", "0", "--host", "127.0.0.1"]
    how += dashboard or ["--no-dashboard"]
    return subprocess.Popen(
        [sys.executable, "-m", "dask", "scheduler", *how, "--scheduler-file", contact],
        env={**os.environ, **environment},
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_scheduler_that_closes_has_nothing_to_complain_of(caplog: pytest.LogCaptureFixture) -> None:
    how = {"n_workers": 0, "processes": False, "protocol": "tcp://", "dashboard_address": None}
    with LocalCluster(silence_logs=False, **how) as cluster, Pool.connect(cluster.scheduler_address):
        pass
    assert [line.getMessage() for line in caplog.records if line.levelname == "ERROR"] == []
