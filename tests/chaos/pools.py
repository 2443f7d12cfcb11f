"""The three kinds of pool that faults happen to: how each is started, found, mended, and ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from mediadask.errors import InvalidRequest
from mediadask.pool import Pool, standing

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "chaos"
WORKERS = 2
MARK = "MEDIADASK_CHAOS"
"""In the environment of every process of a round: who has it and outlives the round is stray."""

WAIT = 60.0


def marked() -> list[psutil.Process]:
    """The living processes of the round, but for this one and what helps Python's own multiprocessing."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if process.environ().get(MARK) == os.environ.get(MARK):
                helps = "resource_tracker" in " ".join(process.cmdline()) and process.ppid() == os.getpid()
                found += [] if helps else [process]
    return found


def workers() -> list[psutil.Process]:
    """The processes of Dask's workers, oldest first."""
    found = []
    for process in marked():
        with suppress(psutil.Error):
            if "spawn_main" in " ".join(process.cmdline()):
                found.append(process)
    return sorted(found, key=lambda process: process.create_time())


def until(condition: Callable[[], object], what: str, seconds: float = WAIT) -> None:
    """Return when it holds."""
    give_up = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.02)


class LocalSite:
    """`Pool.local`, in this process."""

    def __init__(self, folder: Path) -> None:
        self._pool: Pool | None = None

    def start(self) -> None:
        self._pool = Pool.local(workers=WORKERS, name=NAME)

    def mend(self) -> bool:
        """Bring up again what has ended. Returns whether anything had."""
        if self._pool is not None:
            return False
        self.start()
        return True

    def connect(self) -> Pool:
        assert self._pool is not None
        return self._pool

    def scheduler(self) -> psutil.Process:
        return psutil.Process()

    def close(self) -> None:
        if self._pool is not None:
            self._pool.close()
            self._pool = None


class UpSite:
    """What `mediadask pool up` starts."""

    def __init__(self, folder: Path) -> None:
        self._pool: Pool | None = None
        self._pid = 0

    def start(self) -> None:
        self._pid = standing.up(workers=WORKERS, dashboard_port=0).pid

    def mend(self) -> bool:
        with suppress(InvalidRequest):
            self._pid = standing.find(standing.DEFAULT_NAME).pid
            return False
        standing.wait_until_gone(standing.DEFAULT_NAME)
        self._let_go()
        self.start()
        return True

    def connect(self) -> Pool:
        if self._pool is None:
            self._pool = Pool.connect(standing.DEFAULT_NAME)
        return self._pool

    def scheduler(self) -> psutil.Process:
        return psutil.Process(self._pid)

    def _let_go(self) -> None:
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def close(self) -> None:
        with suppress(InvalidRequest):
            standing.find(standing.DEFAULT_NAME)
            self.connect().down()
        self._let_go()
        until(lambda: not _lives(self._pid), "`pool down`")


class HandSite:
    """``dask scheduler`` and ``dask worker``, started by hand."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._log = folder / "hand.log"
        self._pool: Pool | None = None
        self._scheduler: subprocess.Popen[bytes] | None = None
        self._workers: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self._port}"

    def start(self) -> None:
        self.mend()

    def mend(self) -> bool:
        mended = False
        if self._scheduler is None or self._scheduler.poll() is not None:
            self._let_go()
            words = f"scheduler --port {self._port} --preload mediadask.pool.scheduler"
            self._scheduler, mended = self._dask(f"{words} --dashboard-address 127.0.0.1:0"), True
            until(self._listens, "dask scheduler")
        if self._workers is None or self._workers.poll() is not None:
            words = f"worker {self.address} --nworkers {WORKERS} --nthreads 1"
            self._workers, mended = self._dask(f"{words} --dashboard-address 127.0.0.1:0"), True
        return mended

    def _dask(self, words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dask", *words.split(), "--host", "127.0.0.1"]
        named = {
            **os.environ,
            "DASK_MEDIADASK__NAME": NAME,
        }  # the next pool of the name goes on with its jobs
        with self._log.open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=named)

    def _listens(self) -> bool:
        assert self._scheduler is not None
        if self._scheduler.poll() is not None:
            raise RuntimeError(f"dask scheduler ended: {self._log.read_text()[-500:]}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    def connect(self) -> Pool:
        give_up = time.monotonic() + WAIT
        while self._pool is None:
            try:
                self._pool = Pool.connect(self.address)
            except InvalidRequest:  # it listens before it has loaded what it needs to answer
                if time.monotonic() > give_up:
                    raise
        return self._pool

    def scheduler(self) -> psutil.Process:
        assert self._scheduler is not None
        return psutil.Process(self._scheduler.pid)

    def keeper(self) -> psutil.Process:
        """The process that started the workers."""
        assert self._workers is not None
        return psutil.Process(self._workers.pid)

    def _let_go(self) -> None:
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def close(self) -> None:
        self._let_go()
        for process in (self._workers, self._scheduler):
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(WAIT)


Site = LocalSite | UpSite | HandSite
SITES: dict[str, type[Site]] = {"local": LocalSite, "up": UpSite, "hand": HandSite}


def _lives(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
