"""What every test shares: real clips, made once by real encoders, and an index cache of the run's own."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

import dask
import fsspec
import pytest
from distributed import LocalCluster
from distributed.utils import get_mp_context
from hypothesis import settings

# The hundreds of processes that tests start read the package's bytecode: compiling takes each a second.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

from mediadask import footage  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


_IMPORTED_BY_WORKERS = (
    "distributed",
    "mediadask.pool.guard",
    "mediadask.pool.worker.runner",
    "mediadask.array.dataset",
    "mediadask.render.proxy",
    "numba",
    "pytest",
    "sqlalchemy",
)

settings.register_profile("any machine", deadline=None)  # no test asserts on wall-clock time
settings.load_profile("any machine")


LONGEST = ("tests/chaos/", "tests/pool/simulation/", "tests/pool/test_", "tests/pipelines/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that take longest go first, so that no process is left with one while the others have ended."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two more than there are cores: many tests wait for processes of their own."""
    return (os.cpu_count() or 1) + 2


class MakeClip(Protocol):
    def __call__(self, name: str, **how: Any) -> Path: ...


class Zone(Protocol):
    def __call__(self, posix: str) -> None: ...


class Command(Protocol):
    def __call__(self, *words: object) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SVT_LOG", "1")  # AV1 footage would greet on stderr; read once a process
        patch.setenv("MEDIADASK_CACHE", str(tmp_path_factory.mktemp("cache")))
        # The ledger of every pool a test opens, unless it says otherwise.
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        # Nobody's own tables of tags.
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("settings")))
        yield


@pytest.fixture(autouse=True, scope="session")
def _forked_workers(_own_cache: None) -> Iterator[None]:
    """Workers of pools in this process are forked from one that has imported what they need.

    Dask's own tests do so, too: each worker would import for half a second. What users start is started as
    they start it: commands, scripts and pools that stay run in processes of their own, which know nothing of
    this setting. Forked workers have the variables that were set as the first of them started; a test that
    sets others for them takes `spawned_workers`.
    """
    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        context = get_mp_context()  # which names modules of its own
        context.set_forkserver_preload([*_IMPORTED_BY_WORKERS])
        yield


@pytest.fixture
def spawned_workers() -> Iterator[None]:
    """Workers of pools in this process are started as users' are: each with the variables of the moment."""
    with dask.config.set({"distributed.worker.multiprocessing-method": "spawn"}):
        yield


@pytest.fixture(scope="session")
def make_clip(tmp_path_factory: pytest.TempPathFactory) -> MakeClip:
    """`make_clip("a.mov", codec=…)` writes a clip with `footage.write_clip`, once for equal arguments.

    The file is shared, also with processes that test side by side: a test that damages it copies it first.
    """
    folder = tmp_path_factory.getbasetemp()
    process = os.environ.get("PYTEST_XDIST_WORKER", "")
    folder = (folder.parent if process else folder) / "footage"

    def make(name: str, **how: Any) -> Path:
        digest = hashlib.sha1(repr((name, sorted(how.items()))).encode()).hexdigest()[:10]
        path = folder / digest / name
        if not path.exists():
            mine = folder / f"{digest}{process}.part"
            mine.mkdir(parents=True, exist_ok=True)
            footage.write_clip(mine / name, **how)
            with suppress(OSError):  # another process was first
                mine.rename(path.parent)
        return path

    return make


@pytest.fixture
def zone() -> Iterator[Zone]:
    """`zone("IST-5:30")` puts this place where clocks are so far from UTC."""
    with pytest.MonkeyPatch.context() as patch:

        def put(posix: str) -> None:
            patch.setenv("TZ", posix)
            time.tzset()

        yield put
    time.tzset()


@pytest.fixture
def mediadask(capfd: pytest.CaptureFixture[str]) -> Command:
    """`mediadask("info", clip)` is what ``mediadask info clip`` does, without a second's start.

    What the command's own processes write counts, too.
    """
    from mediadask.cli.main import run

    def call(*words: object) -> subprocess.CompletedProcess[str]:
        capfd.readouterr()
        code = run([str(word) for word in words])
        shown = capfd.readouterr()
        return subprocess.CompletedProcess(words, code, shown.out, shown.err)

    return call


@pytest.fixture(scope="session")
def processes() -> Iterator[str]:
    """A Dask cluster of two processes: ``with Client(processes):`` computes there."""
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """The address of a pool that is up already, and works in a thread of this process."""
    how = {"processes": False, "protocol": "tcp://", "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(n_workers=1, threads_per_worker=1, **how) as cluster:
        yield cluster.scheduler_address


@pytest.fixture(scope="session")
def bucket() -> Iterator[str]:
    """A bucket on a real S3 server."""
    from moto.server import ThreadedMotoServer

    with pytest.MonkeyPatch.context() as patch:
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        fsspec.filesystem("s3").mkdir("cards")
        yield "s3://cards"
        server.stop()
