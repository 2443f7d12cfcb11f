"""What may happen to a pool, its workers, its clients, its disks and its ledger."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import psutil

from mediadask.errors import InvalidRequest
from tests.chaos.pools import HandSite, until, workers
from tests.chaos.work import takes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

    from mediadask.pool import Pool
    from tests.chaos.pools import Site

TTL_SECONDS = 8
"""After so long without a word Dask's scheduler takes a worker for lost."""


@dataclass
class Stage:
    """Where a fault happens."""

    folder: Path
    rng: Random
    site: Site
    jobs: dict[str, str]
    """Ids by names; a fault may submit more."""

    numbers: range
    program: subprocess.Popen[bytes] | None = None
    cancelled: list[str] = field(default_factory=list)
    failed: dict[str, list[str]] = field(default_factory=dict)
    """Names of groups that failed, by their jobs'."""

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def notes(self) -> Path:
        return self.folder / "round" / "notes"

    @property
    def ledger(self) -> Path:
        return self.folder / "round" / "data" / "mediadask" / "ledger.sqlite"

    @property
    def pool(self) -> Pool:
        return self.site.connect()


@dataclass(frozen=True)
class Fault:
    """One kind of fault, and what may follow from it."""

    happen: Callable[[Stage], None]
    pools: tuple[str, ...] = ("local", "up", "hand")
    again: Literal["", "begun", "done"] = ""
    """Whether takes may be begun again, or even done again: equal ones of two jobs, or those of whose end a
    worker that died had no time to tell."""

    dies: bool = False
    """The pool dies: who waits may be told so, and what it had no time to write may be done again."""

    fails: bool = False
    """Groups may fail, each with a clear line; submitted again they are made."""

    forgets: bool = False
    """The ledger may lack what it held before."""

    tmpfs: str = ""
    """The folder that must be a small disk of its own: needs root."""

    by_program: bool = False
    """The jobs are those of a program in a process of its own."""


def _kill(*processes: psutil.Process) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _stopped(stage: Stage, process: psutil.Process, seconds: float) -> None:
    with suppress(psutil.NoSuchProcess):
        process.suspend()
        try:
            time.sleep(seconds)
        finally:
            process.resume()


def nothing(stage: Stage) -> None:
    """An ordinary day."""


def kill_worker(stage: Stage) -> None:
    _kill(stage.rng.choice(workers()))


def kill_worker_twice(stage: Stage) -> None:
    for _ in range(2):
        until(workers, "a worker")
        _kill(stage.rng.choice(workers()))
        time.sleep(stage.rng.uniform(0, 1))


def kill_all_workers(stage: Stage) -> None:
    _kill(*workers())


def stop_worker(stage: Stage) -> None:
    _stopped(stage, stage.rng.choice(workers()), stage.rng.uniform(0.5, 4))


def partition(stage: Stage) -> None:
    """For so long that it is taken for lost, and others have its units when it comes back."""
    _stopped(stage, stage.rng.choice(workers()), TTL_SECONDS * stage.rng.uniform(1.2, 1.8))


def drop_connection(stage: Stage) -> None:
    stage.pool.client.run_on_scheduler(_drop, stage.rng.randrange(2))


def _drop(number: int, dask_scheduler: Any = None) -> None:
    comms = list(dask_scheduler.stream_comms.values())
    if comms:
        comms[number % len(comms)].comm.abort()


def kill_keeper(stage: Stage) -> None:
    """What started the workers and would start others."""
    assert isinstance(stage.site, HandSite)
    _kill(stage.site.keeper())


def end_keeper(stage: Stage) -> None:
    """As people do, and batch systems: workers leave in order."""
    assert isinstance(stage.site, HandSite)
    stage.site.keeper().terminate()


def retire_worker(stage: Stage) -> None:
    addresses = list(stage.pool.client.scheduler_info()["workers"])
    if addresses:
        stage.pool.client.retire_workers([stage.rng.choice(addresses)])


def reclaim(stage: Stage) -> None:
    stage.pool.reclaim("local")
    time.sleep(stage.rng.uniform(0, 2))
    stage.pool.restore("local")


def restart_dask(stage: Stage) -> None:
    stage.pool.client.restart(timeout=60)


def stop_pool(stage: Stage) -> None:
    _stopped(stage, stage.site.scheduler(), stage.rng.uniform(1, 5))


def kill_pool(stage: Stage) -> None:
    _kill(stage.site.scheduler())


def kill_pool_and_workers(stage: Stage) -> None:
    _kill(stage.site.scheduler(), *workers())


def end_pool(stage: Stage) -> None:
    """At once, as before a reboot: the next one goes on with its jobs."""
    process = stage.site.scheduler()
    process.terminate()
    process.wait(60)


def kill_program(stage: Stage) -> None:
    """The process whose client waits, or the pool's own."""
    assert stage.program is not None
    stage.program.kill()
    stage.program.wait()


def submit_twice(stage: Stage) -> None:
    again = takes(stage.notes, stage.numbers)
    stage.jobs["takes again"] = stage.pool.submit(again, name="takes again", show="A").id


def cancel(stage: Stage) -> None:
    """Somebody cancels, thinks again, and submits again."""
    with suppress(InvalidRequest):
        stage.pool.job(stage.jobs["takes"]).cancel()
    stage.cancelled.append(stage.jobs["takes"])
    submit_twice(stage)


def displace(stage: Stage) -> None:
    """Urgent work, again and again."""
    for number in range(3):
        first = stage.numbers.stop + 2 * number
        work = takes(stage.notes, range(first, first + 2))
        name = f"urgent {number}"
        stage.jobs[name] = stage.pool.submit(work, name=name, priority="urgent").id
        time.sleep(stage.rng.uniform(0, 1))


def reprioritize(stage: Stage) -> None:
    for priority in ("urgent", "background", "normal"):
        with suppress(InvalidRequest):
            stage.pool.job(stage.jobs["takes"]).reprioritize(priority)
        time.sleep(stage.rng.uniform(0, 0.5))


def disk_full(stage: Stage) -> None:
    """The disk of the outputs, for a while."""
    filling = stage.out / "filling"
    with suppress(OSError), filling.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 16))
    time.sleep(stage.rng.uniform(0.5, 4))
    filling.unlink()


def read_only(stage: Stage) -> None:
    """The disk of the outputs, for a while: as soon as no file there is open for writing."""
    until(lambda: _remount(stage.out, "ro"), "a moment in which nothing is written")
    time.sleep(stage.rng.uniform(0.5, 4))
    assert _remount(stage.out, "rw")


def _remount(place: Path, how: str) -> bool:
    return subprocess.run(["mount", "-o", f"remount,{how}", place], capture_output=True).returncode == 0


def lose_workspace(stage: Stage) -> None:
    """Somebody tidies up what is unfinished."""
    for folder in stage.out.rglob(".mediadask"):
        shutil.rmtree(folder, ignore_errors=True)


def ledger_locked(stage: Stage) -> None:
    with closing(sqlite3.connect(stage.ledger, isolation_level=None, timeout=30)) as other:
        other.execute("BEGIN EXCLUSIVE")
        time.sleep(stage.rng.uniform(1, 8))
        other.execute("ROLLBACK")


def ledger_deleted(stage: Stage) -> None:
    for suffix in ("", "-wal", "-shm")[: stage.rng.randint(1, 3)]:
        stage.ledger.with_name(stage.ledger.name + suffix).unlink(missing_ok=True)


def ledger_folder_deleted(stage: Stage) -> None:
    shutil.rmtree(stage.ledger.parent)


def ledger_corrupt(stage: Stage) -> None:
    with stage.ledger.open("r+b") as file:
        file.seek(stage.rng.choice((0, 4096)))
        file.write(b"\xa5" * 8192)


def ledger_disk_full(stage: Stage) -> None:
    filling = stage.ledger.parent / "filling"
    with suppress(OSError), filling.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 12))
    time.sleep(stage.rng.uniform(1, 5))
    filling.unlink()


FAULTS: dict[str, Fault] = {
    "nothing": Fault(nothing),
    "kill_worker": Fault(kill_worker, again="done"),
    "kill_worker_twice": Fault(kill_worker_twice, again="done", fails=True),
    "kill_all_workers": Fault(kill_all_workers, again="done"),
    "stop_worker": Fault(stop_worker),
    "partition": Fault(partition, again="done"),
    "drop_connection": Fault(drop_connection, again="done"),
    "kill_keeper": Fault(kill_keeper, ("hand",), again="done"),
    "end_keeper": Fault(end_keeper, ("hand",), again="begun"),
    "retire_worker": Fault(retire_worker, again="begun"),
    "reclaim": Fault(reclaim, ("local", "up"), again="begun"),
    "restart_dask": Fault(restart_dask, again="done"),
    "stop_pool": Fault(stop_pool, ("up", "hand")),
    "kill_pool": Fault(kill_pool, ("up", "hand"), dies=True),
    "kill_pool_and_workers": Fault(kill_pool_and_workers, ("up", "hand"), dies=True),
    "end_pool": Fault(end_pool, ("up", "hand"), dies=True),
    "kill_program": Fault(kill_program, ("local",), dies=True, by_program=True),
    "kill_client": Fault(kill_program, ("up", "hand"), by_program=True),
    "submit_twice": Fault(submit_twice, again="done"),
    "cancel": Fault(cancel, again="done"),
    "displace": Fault(displace),
    "reprioritize": Fault(reprioritize),
    "disk_full": Fault(disk_full, fails=True, tmpfs="out"),
    "read_only": Fault(read_only, fails=True, tmpfs="out"),
    "lose_workspace": Fault(lose_workspace, fails=True),
    "ledger_locked": Fault(ledger_locked),
    "ledger_deleted": Fault(ledger_deleted),
    "ledger_folder_deleted": Fault(ledger_folder_deleted),
    "ledger_corrupt": Fault(ledger_corrupt, forgets=True),
    "ledger_disk_full": Fault(ledger_disk_full, tmpfs="round/data/mediadask"),
}
