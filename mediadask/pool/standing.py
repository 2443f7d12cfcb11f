"""A pool that stays: a process of its own that runs one, and the record by which others here find it.

The process holds a lock alone for as long as it lives. Whoever can share the lock knows that it is gone,
however it ended; a record without a holder is stale. Its keys lie beside the record, in a folder that only
their user may enter: who can read them may give it work.
"""

from __future__ import annotations

import asyncio
import errno
import faulthandler
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

from mediadask import dask_api
from mediadask.errors import InvalidRequest, MediaError, MissingMedia, OutputFailed
from mediadask.pool.config import load_config
from mediadask.pool.guard import guard
from mediadask.pool.keys import new_keys, security_with
from mediadask.pool.private import private, private_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from distributed import Security

    from mediadask.pool.config import PoolConfig

__all__ = [
    "DASHBOARD_PORT",
    "DEFAULT_NAME",
    "Standing",
    "find",
    "is_for_kubernetes",
    "read_spec",
    "security_at",
    "up",
    "wait_until_gone",
]

DEFAULT_NAME = "local"
DASHBOARD_PORT = 8787
_MOMENT_SECONDS = 0.001
_LONGEST_NAME_BYTES = 200
"""A file's name may have 255."""


@dataclass(frozen=True)
class Standing:
    """A pool that stays on this machine."""

    name: str
    address: str
    dashboard: str
    pid: int
    log: str
    """The file with what it and its workers print."""

    @property
    def security(self) -> Security:
        """What its clients need: its keys, or for one that other machines may join Dask's own settings."""
        return _security(self.name)


def find(name: str) -> Standing:
    """The pool of this name that is up on this machine.

    Raises
    ------
    InvalidRequest
        There is none, or it has died.
    OutputFailed
        The folder where it would be found is not to be trusted.
    """
    _check(name)
    try:
        standing = Standing(**json.loads(_record(name).read_text()))
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


def security_at(address: str) -> Security | None:
    """What clients of the pool that stays here at `address` need; None where there is no such pool."""
    with suppress(OSError, ValueError, KeyError):
        for record in _folder().glob("*.json"):
            if json.loads(record.read_text())["address"] == address:
                return _security(record.stem)
    return None


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
    spec = _content(path)
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


def is_for_kubernetes(path: Path) -> bool:
    """Whether a spec is of a pool on Kubernetes, which is not one of this machine.

    Raises
    ------
    MissingMedia, InvalidRequest
        There is no such file, or it is not YAML.
    """
    spec = _content(path)
    return isinstance(spec, dict) and "kubernetes" in spec


def _content(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text())
    except OSError as error:
        raise MissingMedia(f"cannot be read: {error.strerror}", where=path) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"is not YAML: {error}", where=path) from None


def up(
    spec: Path | None = None,
    *,
    workers: int | None = None,
    host: str | None = None,
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
    host
        The address of this machine at which other machines may join and use it: those with a certificate.
        Dask's settings must require encryption and name certificates. By default only this user may use it.
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
    _check(name)
    log = Path(platformdirs.user_log_dir("mediadask")) / f"pool-{name}.log"
    private_folder(log.parent)
    private_folder(_folder())
    if _lives(name):
        raise _up_already(name)
    how = {
        "log": str(log),
        "workers": workers,
        "host": host,
        "port": port,
        "dashboard_port": dashboard_port,
        "settings": settings,
    }
    # The shell leaves it to itself, so that it is nobody's child; its one line ends when it has answered.
    # What it reads is no argument: those of a process are for all users to see.
    detached = ["/bin/sh", "-c", 'exec 3<&0; "$@" <&3 3<&- &', "sh", sys.executable, "-m", __name__, name]
    with open(log, "a", opener=private) as output:
        started = subprocess.run(
            detached,
            input=json.dumps(how).encode(),
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


def _check(name: str) -> None:
    # What has a colon is an address to `Pool.connect`.
    is_word = name.isprintable() and name == name.strip() and not name.startswith((".", "-"))
    if is_word and name and not {*name} & {"/", ":"} and len(name.encode()) <= _LONGEST_NAME_BYTES:
        return
    do = f"use up to {_LONGEST_NAME_BYTES} letters without / and :, and neither . nor - in front"
    raise InvalidRequest("no name for a pool that stays", where=f"{name:.40}", do=do)


def _folder() -> Path:
    # Not the home, which other machines may share: an address of this machine means nothing there.
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # without XDG_RUNTIME_DIR it is a folder under /tmp, which does
            folder = Path(platformdirs.user_runtime_dir("mediadask")) / "pools"
        owner = folder.lstat().st_uid
    except FileNotFoundError:
        return folder
    except OSError as error:
        raise OutputFailed(f"pools cannot be kept here: {error.strerror or error}") from None
    if owner != os.geteuid():  # whose records and keys would be theirs, too
        do = "set XDG_RUNTIME_DIR to a folder of your own"
        raise OutputFailed("belongs to another user", where=folder, do=do)
    return folder


def _record(name: str) -> Path:
    return _folder() / f"{name}.json"


def _keys(name: str) -> Path:
    return _folder() / f"{name}.pem"


def _security(name: str) -> Security:
    from distributed import Security

    try:
        return security_with(_keys(name).read_text())
    except FileNotFoundError:
        return Security()


def _lock_file(name: str) -> IO[str]:
    try:
        return open(_folder() / f"{name}.lock", "a", opener=private)
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


def _main(name: str) -> None:
    # The first line goes to whoever started this; all that is printed, by workers too, goes to the log.
    starter = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    faulthandler.enable()  # a pool that a signal ends leaves last words in its log
    how = json.load(sys.stdin)
    with _lock_file(name) as lock:
        try:
            if not _take(lock):
                raise _up_already(name)
            for left in (_record(name), _keys(name)):  # by one that was killed: not to be found
                left.unlink(missing_ok=True)
            dask.config.update(dask.config.config, how.pop("settings"), priority="new")
            asyncio.run(_stay(name, starter, **how))
            _keys(name).unlink(missing_ok=True)
        except MediaError as error:
            _answer(starter, {"error": str(error)})
            sys.exit(2)


def _answer(starter: IO[str], what: Mapping[str, Any]) -> None:
    with suppress(BrokenPipeError), starter:
        starter.write(json.dumps(what) + "\n")


async def _stay(
    name: str,
    starter: IO[str],
    *,
    log: str,
    workers: int | None,
    host: str | None,
    port: int,
    dashboard_port: int,
) -> None:
    from distributed import Scheduler

    from mediadask.pool.scheduler.plugin import PoolPlugin

    config: PoolConfig = load_config().on_this_machine(workers).model_copy(update={"name": name})
    if host is None:
        _write(_keys(name), new_keys())
        security = _security(name)
    else:
        security = _configured_security(host)
        host = f"[{host.strip('[]')}]" if ":" in host else host  # IPv6
    try:
        scheduler = await Scheduler(
            protocol="tls",
            host=host or "127.0.0.1",
            port=port,
            security=security,
            dashboard_address=f"127.0.0.1:{dashboard_port}",
            dashboard=False,
        )
    except RuntimeError as error:  # "Scheduler failed to start." because of that
        if not isinstance(error.__cause__, OSError):
            raise
        if error.__cause__.errno == errno.EADDRINUSE:
            raise InvalidRequest("the port is taken", where=port, do="give --port another") from None
        reason = f"cannot listen: {error.__cause__.strerror}"
        raise InvalidRequest(reason, where=host, do="give --host an address of this machine") from None
    guard(dask_api.pages(scheduler))
    plugin = PoolPlugin(config, local=True, at_once=workers or 0)
    await scheduler.register_scheduler_plugin(plugin, name=plugin.name, idempotent=True)
    closing: list[asyncio.Task[None]] = []
    asyncio.get_running_loop().add_signal_handler(
        signal.SIGTERM, lambda: closing.append(asyncio.create_task(scheduler.close(reason="told to")))
    )
    dashboard = f"http://127.0.0.1:{dask_api.pages_port(scheduler)}/mediadask"
    standing = Standing(name, scheduler.address, dashboard, os.getpid(), log)
    _write(_record(name), json.dumps(asdict(standing)))
    _answer(starter, asdict(standing))
    await plugin.services.dashboard()
    await scheduler.finished()
    _record(name).unlink(missing_ok=True)


def _configured_security(host: str) -> Security:
    """For a pool that other machines can reach: what Dask's settings say, if that lets no stranger in."""
    from distributed import Security

    security = Security()
    wanted = {f"distributed.comm.tls.{role}.cert": role for role in ("scheduler", "worker", "client")}
    lacking = [key for key, role in wanted.items() if not getattr(security, f"tls_{role}_cert")]
    lacking += [] if security.tls_ca_file else ["distributed.comm.tls.ca-file"]
    lacking += [] if security.require_encryption else ["distributed.comm.require-encryption: true"]
    if lacking:
        reason = f"others may join only with TLS, and Dask's settings lack {', '.join(lacking)}"
        raise InvalidRequest(reason, where=f"--host {host}", do="see SECURITY.md")
    try:
        for role in wanted.values():
            security.get_listen_args(role)
    except OSError as error:  # ssl.SSLError among them
        reason = f"the files that distributed.comm.tls names cannot be used: {error}"
        raise InvalidRequest(reason, where=f"--host {host}") from None
    return security


def _write(path: Path, what: str) -> None:
    made = path.with_suffix(f".{os.getpid()}")
    with open(made, "w", opener=private) as file:
        file.write(what)
    made.replace(path)


if __name__ == "__main__":
    _main(*sys.argv[1:])
