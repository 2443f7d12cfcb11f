"""Who gets into a pool: on this machine the user who started it, from elsewhere who has a certificate."""

from __future__ import annotations

import asyncio
import gc
import json
import multiprocessing
import os
import pwd
import shutil
import signal
import socket
import ssl
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask.config
import psutil
import pytest
from distributed import Client, LocalCluster, Security, rpc
from distributed.comm.addressing import get_address_host_port

import mediadask as md
from mediadask.errors import InvalidRequest, OutputFailed
from mediadask.pool import Pool, standing
from mediadask.pool.keys import new_keys, security_with
from tests.pool.certificates import Authority
from tests.pool.test_listening import listening
from tests.pool.waiting import WAIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Command

up = partial(standing.up, dashboard_port=0)
SECRET = "a-show-that-nobody-knows-of"


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Folders of the test's own that other users may enter, unless we close them."""
    folder = Path(tempfile.mkdtemp(prefix="trust-"))
    folder.chmod(0o755)
    for name, mode in {"XDG_RUNTIME_DIR": 0o700, "XDG_STATE_HOME": 0o755, "XDG_DATA_HOME": 0o755}.items():
        (folder / name).mkdir(mode=mode)  # a runtime folder that others may enter is none
        monkeypatch.setenv(name, str(folder / name))
    monkeypatch.delenv("MEDIADASK_LEDGER", raising=False)
    yield folder
    for record in folder.rglob("*.json"):
        os.kill(json.loads(record.read_text())["pid"], signal.SIGTERM)
        standing.wait_until_gone(record.stem)
    shutil.rmtree(folder)


@pytest.fixture(params=["local", "standing"])
def pool(request: pytest.FixtureRequest) -> Iterator[Pool]:
    """Each kind of pool of this machine, with a worker."""
    if request.param == "standing":
        up(workers=1)
    with Pool.local(1) if request.param == "local" else Pool.connect("local") as pool:
        pool.submit(md.delivery(abs, [-1], name="work")).result(WAIT)
        yield pool


def doors(pool: Pool) -> list[str]:
    """Where its scheduler, its nannies and its workers listen."""
    workers = pool.client.scheduler_info()["workers"]
    found = [pool.address, *workers, *(worker["nanny"] for worker in workers.values())]
    assert len(found) == 3
    return found


# Tornado leaves sockets of handshakes that fail to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_without_its_keys_nobody_has_a_word_from_it(pool: Pool) -> None:
    async def identity(address: str, security: Security) -> Any:
        arguments = security.get_connection_args("client")
        async with asyncio.timeout(WAIT), rpc(address, connection_args=arguments) as server:
            return await server.identity()

    for address in doors(pool):
        assert asyncio.run(identity(address, pool.client.security))["type"]
        for security in (Security(), security_with(new_keys())):
            for place in (address, address.replace("tls://", "tcp://")):
                unencrypted = Security(require_encryption=False) if place.startswith("tcp") else security
                with pytest.raises((OSError, TypeError)):
                    asyncio.run(identity(place, unencrypted))
    for stranger in (None, security_with(new_keys())):
        with pytest.raises((OSError, TypeError)):
            Client(pool.address, security=stranger, set_as_default=False, timeout="2s")
    gc.collect()


def knock(address: str, context: ssl.SSLContext | None) -> bytes:
    """What a server says to who connects, as plain bytes or in TLS; nothing where it lets nobody in."""
    with socket.create_connection(get_address_host_port(address), 10) as plain:
        try:
            if context is None:
                plain.sendall(b"\0" * 64)
                return plain.recv(1000)
            with context.wrap_socket(plain) as encrypted:
                return encrypted.recv(1000)
        except (ssl.SSLError, ConnectionError):
            return b""


def trusting(certified: bool = False) -> ssl.SSLContext:
    """Settings of a client that trusts whoever answers, with a certificate of its own making or none."""
    if certified:
        context: ssl.SSLContext = security_with(new_keys()).get_connection_args("client")["ssl_context"]
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def as_nobody(what: Callable[[], Any]) -> Any:
    """What another user of this machine gets."""
    receiver, sender = multiprocessing.Pipe(duplex=False)

    def run() -> None:
        user = pwd.getpwnam("nobody")
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
        sender.send(what())

    # Forked: the Python of this environment may lie where only its user may read.
    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    sender.close()
    told = receiver.recv()
    process.join()
    return told


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become another user")
def test_another_user_of_the_machine_gets_nothing(pool: Pool, home: Path) -> None:
    ours = pool.client.security.get_connection_args("client")["ssl_context"]
    pool.client.run(os.getpid)
    processes = [os.getpid(), *(pid for worker in doors(pool)[1:2] for pid in pids(pool, worker))]
    files = [path for path in home.rglob("*") if path.is_file()]
    assert {"ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"} <= {path.name for path in files}
    ways = [None, trusting(), trusting(certified=True)]
    addresses = doors(pool)
    assert all(knock(address, ours) for address in addresses)

    def nosy() -> dict[str, Any]:
        answers = [knock(address, way) for address in addresses for way in ways]
        read = [str(path) for path in files if _readable(path)]
        read += [f"/proc/{pid}/environ" for pid in processes if _readable(Path(f"/proc/{pid}/environ"))]
        return {"answers": answers, "read": read}

    assert as_nobody(nosy) == {"answers": [b""] * 9, "read": []}


def pids(pool: Pool, worker: str) -> list[int]:
    return list(pool.client.run(os.getpid, workers=[worker]).values())


def _readable(path: Path) -> bool:
    try:
        path.read_bytes()
    except OSError:
        return False
    return True


def test_what_it_keeps_is_for_its_user_alone(home: Path) -> None:
    (home / "XDG_DATA_HOME" / "mediadask").mkdir(mode=0o755)  # as an earlier version made it
    up(workers=1)
    kept = [path for path in home.rglob("*") if path.parent != home]
    names = {path.name for path in kept if path.is_file()}
    assert {"local.json", "local.pem", "local.lock", "pool-local.log", "ledger.sqlite"} <= names
    for path in kept:
        if path.is_file():
            assert path.stat().st_mode & 0o777 == 0o600, path
            assert path.parent.stat().st_mode & 0o777 == 0o700, path.parent
    with Pool.connect("local") as pool:
        pool.down()
    standing.wait_until_gone("local")
    assert not list(home.rglob("*.pem")), "its keys go with it"


def test_neither_keys_nor_settings_stand_on_a_command_line(tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(f"mediadask: {{budgets: {{{SECRET}: {{amount: 5, action: warn}}}}}}")
    pid = up(spec, workers=1).pid
    with Pool.connect("local") as pool:
        pool.submit(md.delivery(abs, [-1], name="work")).result(WAIT)
        key = next(Path(os.environ["XDG_RUNTIME_DIR"]).rglob("*.pem")).read_text().splitlines()[-2]
        root = psutil.Process(pid)
        processes = [root, *root.children(recursive=True)]
        assert len(processes) >= 2
        for process in processes:
            for file in ("cmdline", "environ"):
                shown = Path(f"/proc/{process.pid}/{file}").read_text()
                assert SECRET not in shown
                assert key not in shown


def test_its_address_is_enough_for_its_user_and_its_units() -> None:
    told = up(workers=1)
    with Pool.connect(told.address) as pool:
        assert pool.address == told.address
        inner = pool.submit(md.delivery(partial(ask, told.address), [1], name="outer"))
        assert inner.result(WAIT).results == ["up"]


def ask(address: str, _: int) -> str:
    with Pool.connect(address) as pool:
        return "up" if pool.status()["name"] == "local" else ""


@pytest.mark.parametrize(
    "name", ["x" * 300, "é" * 101, ".", "..", "-rf", "two\nlines", "tab\there", " local", "a/b", "\udcff"]
)
def test_what_is_no_name(name: str, tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(json.dumps({"mediadask": {"name": name}}))
    for refuse in (lambda: up(spec), lambda: standing.find(name)):
        with pytest.raises(InvalidRequest, match="no name for a pool that stays; use up to") as refused:
            refuse()
        assert "\n" not in str(refused.value)
        assert len(str(refused.value)) < 200


def test_a_runtime_folder_of_somebody_else_is_not_used(home: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root may give a folder away")
    folder = home / "XDG_RUNTIME_DIR" / "mediadask" / "pools"
    folder.mkdir(parents=True, mode=0o777)
    shutil.chown(folder, "nobody")
    for refuse in (up, partial(standing.find, "local")):
        with pytest.raises(OutputFailed, match="pools: belongs to another user; set XDG_RUNTIME_DIR"):
            refuse()
    assert standing.security_at("tls://127.0.0.1:1") is None


class TestHost:
    """`mediadask pool up --host`."""

    @pytest.fixture
    def refused(self, mediadask: Command) -> Callable[..., str]:
        def refused(host: str, **settings: Any) -> str:
            with pytest.MonkeyPatch.context() as patch:
                for name, value in environment_of(settings).items():
                    patch.setenv(name, value)
                done = mediadask("pool", "up", "--dashboard-port", 0, "--host", host)
            assert (done.returncode, done.stdout) == (2, "")
            assert done.stderr.count("\n") == 1
            return done.stderr

        return refused

    def test_it_needs_encryption_and_certificates(self, refused: Callable[..., str], tmp_path: Path) -> None:
        assert refused("0.0.0.0") == (
            "mediadask: --host 0.0.0.0: others may join only with TLS, and Dask's settings lack"
            " distributed.comm.tls.scheduler.cert, distributed.comm.tls.worker.cert,"
            " distributed.comm.tls.client.cert, distributed.comm.tls.ca-file,"
            " distributed.comm.require-encryption: true; see SECURITY.md\n"
        )
        settings = Authority(tmp_path / "ca").settings("scheduler", "worker", "client")
        del settings["distributed.comm.require-encryption"]
        said = refused("0.0.0.0", **settings)
        assert "settings lack distributed.comm.require-encryption: true; see" in said
        settings["distributed.comm.require-encryption"] = True
        settings["distributed.comm.tls.worker.cert"] = str(tmp_path / "none.pem")
        said = refused("0.0.0.0", **settings)
        assert "--host 0.0.0.0: the files that distributed.comm.tls names cannot be used: " in said

    def test_an_address_of_another_machine(self, refused: Callable[..., str], tmp_path: Path) -> None:
        settings = Authority(tmp_path / "ca").settings("scheduler", "worker", "client")
        said = refused("192.0.2.1", **settings)
        assert "192.0.2.1: cannot listen: " in said
        assert said.endswith("; give --host an address of this machine\n")

    def test_who_has_a_certificate_joins(self, tmp_path: Path) -> None:
        settings = Authority(tmp_path / "ca").settings("scheduler", "worker", "client")
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment_of(settings).items():
                patch.setenv(name, value)
            told = up(workers=1, host="127.0.0.2")
        assert told.address.startswith("tls://127.0.0.2:")
        assert told.dashboard.startswith("http://127.0.0.1:")
        for where in ("local", told.address):
            with pytest.raises(InvalidRequest, match="accepts only clients with a certificate, and"):
                Pool.connect(where)
        with dask.config.set(settings), Pool.connect("local") as pool:
            assert pool.submit(md.delivery(abs, [-1], name="work")).result(WAIT).results == [1]
            assert all(door.startswith("tls://127.0.0.2:") for door in doors(pool))
            places = Counter(address.ip for _, address in listening(told.pid))
            assert places == {"127.0.0.2": 3, "127.0.0.1": 2}, "pages and metrics stay on loopback"


def environment_of(settings: dict[str, Any]) -> dict[str, str]:
    """Dask's settings as variables."""
    return {
        f"DASK_{name.upper().replace('.', '__').replace('-', '_')}": str(value)
        for name, value in settings.items()
    }


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("trust") / "ours")


@pytest.fixture(scope="module")
def encrypted(authority: Authority) -> Iterator[str]:
    how = {"processes": False, "n_workers": 0, "dashboard_address": "127.0.0.1:0"}
    with dask.config.set(authority.settings("scheduler", "worker", "client")):
        security = Security()
    with LocalCluster(protocol="tls://", host="127.0.0.1", security=security, **how) as cluster:
        yield cluster.scheduler_address


@pytest.fixture(scope="module")
def plain() -> Iterator[str]:
    how = {"processes": False, "n_workers": 0, "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(protocol="tcp://", host="127.0.0.1", **how) as cluster:
        yield cluster.scheduler_address


class TestSchedulerElsewhere:
    """What is wrong about TLS is said in a line."""

    def said(self, address: str, **settings: Any) -> str:
        with dask.config.set(settings), pytest.raises(InvalidRequest) as refused:
            Pool.connect(address)
        said = str(refused.value)
        assert said.startswith(f"{address}: ")
        return said.removeprefix(f"{address}: ")

    def test_with_certificates_it_is_a_pool(self, encrypted: str, authority: Authority) -> None:
        with dask.config.set(authority.settings("client")), Pool.connect(encrypted) as pool:
            assert pool.jobs() == []

    def test_an_address_without_tls_of_one_that_has_it(self, encrypted: str) -> None:
        said = self.said(encrypted.replace("tls", "tcp"))
        assert said == f"it accepts only clients with a certificate; give {encrypted}"

    def test_no_certificates_here(self, encrypted: str) -> None:
        assert self.said(encrypted) == (
            "it accepts only clients with a certificate, and Dask's settings here name none; set ca-file and"
            " client.cert of distributed.comm.tls, or name the pool if it is of this machine"
        )

    def test_another_authority_here(self, encrypted: str, tmp_path: Path) -> None:
        said = self.said(encrypted, **Authority(tmp_path / "theirs").settings("client"))
        assert said.startswith("no authority that Dask's settings here name has signed its certificate (")
        assert said.endswith("; name its authority in distributed.comm.tls.ca-file")

    def test_a_certificate_of_another_authority(
        self, encrypted: str, authority: Authority, tmp_path: Path
    ) -> None:
        settings = Authority(tmp_path / "theirs").settings("client")
        settings["distributed.comm.tls.ca-file"] = authority.settings()["distributed.comm.tls.ca-file"]
        for version in (1.2, 1.3):
            said = self.said(encrypted, **settings, **{"distributed.comm.tls.max-version": version})
            assert said.startswith("it does not accept the certificate that Dask's settings here name; give")

    def test_files_that_are_not_there(self, encrypted: str, authority: Authority, tmp_path: Path) -> None:
        settings = authority.settings("client") | {"distributed.comm.tls.ca-file": str(tmp_path / "none.pem")}
        assert self.said(encrypted, **settings).startswith(
            "the files that distributed.comm.tls names here cannot be used: "
        )

    def test_an_address_with_tls_of_one_that_has_none(self, plain: str, authority: Authority) -> None:
        said = self.said(plain.replace("tcp", "tls"), **authority.settings("client"))
        assert said == "it does not speak TLS; check the address; tcp:// is for networks that you trust"

    def test_encryption_is_required_here(self, plain: str, authority: Authority) -> None:
        said = self.said(plain, **authority.settings("client"))
        assert (
            said
            == "Dask's settings here require encryption, and this address has none; give an address tls://…"
        )
