"""A pool that stays: a process of its own that runs one, and the record by which others here find it.

The process holds a lock alone for as long as it lives. Whoever can share the lock knows that it is gone,
however it ended; a record without a holder is stale.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from contextlib import suppress
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import dask.config
import platformdirs
import yaml

from mediadask.errors import InvalidRequest, MediaError, MissingMedia, OutputFailed
from mediadask.pool.config import load_config

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mediadask.pool.config import PoolConfig

__all__ = ["DASHBOARD_PORT", "DEFAULT_NAME", "Standing", "find", "read_spec", "up", "wait_until_gone"]

DEFAULT_NAME = "local"
DASHBOARD_PORT = 8787
_MOMENT_SECONDS = 0.001


@dataclass(frozen=True)
class Standing:
    """A pool that stays on this machine."""

    name: str
    address: str
    dashboard: str
    pid: int
    log: str
    """The file with what it and its workers print."""


def find(name: str) -> Standing:
    """The pool of this name that is up on this machine.

    Raises
    ------
    InvalidRequest
        There is none, or it has died.
    """
    record = _folder() / f"{name}.json"
    try:
        standing = Standing(**json.loads(record.read_text()))
    except FileNotFoundError:
        do = "start it with `mediadask pool up`"
        raise InvalidRequest("no pool of this name is up", where=name, do=do) from None
    if not _lives(name):
        raise InvalidRequest(
            f"the pool (process {standing.pid}) has died",
            where=name,
            do=f"`mediadask pool up` goes on with its jobs; its last words are in {standing.log}",
        )
    return standing


def read_spec(path: Path | None) -> dict[str, Any]:
    """The settings in a spec, such as ``clusters/local.yaml``: in the form of `dask.config`, checked.

    Raises
    ------
    MissingMedia, InvalidRequest
        There is no such file, or something in it is wrong.
    """
    if path is None:
        load_config()
        return {}
    try:
        spec = yaml.safe_load(path.read_text())
    except OSError as error:
        raise MissingMedia(f"cannot be read: {error.strerror}", where=path) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"is not YAML: {error}", where=path) from None
    if not isinstance(spec, dict) or not isinstance(spec.get("mediadask"), dict):
        keys = [str(key) for key in spec] if isinstance(spec, dict) else []
        near = get_close_matches("mediadask", keys, n=1)
        do = f"did you mean mediadask where it says {near[0]}?" if near else "see clusters/local.yaml"
        raise InvalidRequest("has no section `mediadask`", where=path, do=do)
    try:
        load_config(spec["mediadask"])
    except InvalidRequest as error:
        raise InvalidRequest(str(error), where=path) from None
    return spec


def up(
    spec: Path | None = None,
    *,
    workers: int | None = None,
    port: int = 0,
    dashboard_port: int = DASHBOARD_PORT,
) -> Standing:
    """Have a pool stay on this machine, in a process of its own. Returns when it answers.

    Parameters
    ----------
    spec
        Its settings; by default those of `dask.config`. The name in it, else ``local``, is the pool's.
    workers
        At most so many, all of which start at once; by default they come with the work.
    port
        Of its scheduler; by default any that is free.
    dashboard_port
        Of its dashboard; where that is taken, any that is free.

    Raises
    ------
    MediaError
        Its name cannot be one, it is up already, or it does not come up.
    """
    settings = read_spec(spec)
    name = load_config(settings.get("mediadask")).name or DEFAULT_NAME
    if {*name} & {"/", ":"}:  # what has a colon is an address to `Pool.connect`
        raise InvalidRequest("no name for a pool that stays", where=name, do="use one without / and :")
    log = Path(platformdirs.user_log_dir("mediadask")) / f"pool-{name}.log"
    _folder().mkdir(parents=True, exist_ok=True, mode=0o700)
    log.parent.mkdir(parents=True, exist_ok=True)
    if _lives(name):
        raise _up_already(name)
    words = [name, log, workers or 0, port, dashboard_port, json.dumps(settings)]
    command = [sys.executable, "-m", __name__, *map(str, words)]
    # The shell leaves it to itself, so that it is nobody's child; its one line ends when it has answered.
    detached = ["/bin/sh", "-c", '"$@" &', "sh", *command]
    with log.open("a") as output:
        started = subprocess.run(
            detached,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            start_new_session=True,
            check=True,
        )
    answer = json.loads(started.stdout or b"{}")
    if "error" in answer:
        raise MediaError(answer["error"])
    if not answer:
        raise OutputFailed("the pool does not come up", where=name, do=f"see {log}")
    return Standing(**answer)


def wait_until_gone(name: str) -> None:
    """Return when the process of this pool has ended."""
    with _lock_file(name) as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)


def _folder() -> Path:
    # Not the home, which other machines may share: an address of this machine means nothing there.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # without XDG_RUNTIME_DIR it is a folder under /tmp, which does
        return Path(platformdirs.user_runtime_dir("mediadask")) / "pools"


def _lock_file(name: str) -> IO[str]:
    try:
        return (_folder() / f"{name}.lock").open("a")
    except OSError as error:
        raise OutputFailed(f"cannot be locked: {error.strerror}", where=error.filename) from None


def _lives(name: str) -> bool:
    with _lock_file(name) as lock:
        return not _locked(lock, fcntl.LOCK_SH)


def _take(lock: IO[str]) -> bool:
    """Hold it alone; False where another pool does. Those who only ask share it for a moment, and go."""
    while not _locked(lock, fcntl.LOCK_EX):
        if not _locked(lock, fcntl.LOCK_SH):
            return False
        fcntl.flock(lock, fcntl.LOCK_UN)
        time.sleep(_MOMENT_SECONDS)
    return True


def _locked(lock: IO[str], how: int) -> bool:
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _up_already(name: str) -> InvalidRequest:
    return InvalidRequest(
        "the pool is up already", where=name, do="`pool status` shows it, `pool down` ends it"
    )


# What follows runs in the pool's own process.


def _main(name: str, log: str, workers: str, port: str, dashboard_port: str, settings: str) -> None:
    # The first line goes to whoever started this; all that is printed, by workers too, goes to the log.
    starter = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with _lock_file(name) as lock:
        try:
            if not _take(lock):
                raise _up_already(name)
            (_folder() / f"{name}.json").unlink(missing_ok=True)  # of one that was killed: not to be found
            dask.config.update(dask.config.config, json.loads(settings), priority="new")
            ports = int(port), int(dashboard_port)
            asyncio.run(_stay(name, log, int(workers) or None, ports, starter))
        except MediaError as error:
            _answer(starter, {"error": str(error)})
            sys.exit(2)


def _answer(starter: IO[str], what: Mapping[str, Any]) -> None:
    with suppress(BrokenPipeError), starter:
        starter.write(json.dumps(what) + "\n")


async def _stay(name: str, log: str, workers: int | None, ports: tuple[int, int], starter: IO[str]) -> None:
    from distributed import Scheduler

    from mediadask.pool.scheduler.plugin import PoolPlugin

    port, dashboard_port = ports
    config: PoolConfig = load_config().on_this_machine(workers).model_copy(update={"name": name})
    try:
        scheduler = await Scheduler(
            host="127.0.0.1", port=port, dashboard_address=f"127.0.0.1:{dashboard_port}", dashboard=False
        )
    except RuntimeError as error:  # "Scheduler failed to start." because of that
        if not isinstance(error.__cause__, OSError) or error.__cause__.errno != errno.EADDRINUSE:
            raise
        raise InvalidRequest("the port is taken", where=port, do="give --port another") from None
    plugin = PoolPlugin(config, local=True, at_once=workers or 0)
    await scheduler.register_scheduler_plugin(plugin, name=plugin.name, idempotent=True)
    closing: list[asyncio.Task[None]] = []
    asyncio.get_running_loop().add_signal_handler(
        signal.SIGTERM, lambda: closing.append(asyncio.create_task(scheduler.close(reason="told to")))
    )
    dashboard = f"http://127.0.0.1:{scheduler.http_server.port}/mediadask"
    standing = Standing(name, scheduler.address, dashboard, os.getpid(), log)
    record = _folder() / f"{name}.json"
    _write(record, asdict(standing))
    _answer(starter, asdict(standing))
    await plugin.services.dashboard()
    await scheduler.finished()
    record.unlink(missing_ok=True)


def _write(record: Path, what: Mapping[str, Any]) -> None:
    made = record.with_suffix(f".{os.getpid()}")
    made.write_text(json.dumps(what))
    made.replace(record)


if __name__ == "__main__":
    _main(*sys.argv[1:])
