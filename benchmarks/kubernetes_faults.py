"""Faults of a real cluster, drawn from a seed, while jobs run: does every job end as it should?

The API server is stopped only where ``MEDIADASK_TEST_API_SERVER`` names its process on this machine.
"""

from __future__ import annotations

import json
import os
import random
import signal
import tempfile
import time
import warnings
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

import mediadask as md
from benchmarks.kubernetes_units import CHAIN_FRAMES, FRAME_SECONDS, chain
from benchmarks.measure import Failed
from benchmarks.report import Row, at_most
from mediadask.pool import Pool
from mediadask.pool.kubernetes.spec import read_spec
from mediadask.pool.kubernetes.up import down, up
from mediadask.pool.ledger import tables
from tests.kubernetes.conftest import make_namespace, small_spec, volume
from tests.kubernetes.place import apply, eventually, kubectl

if TYPE_CHECKING:
    from collections.abc import Iterator

UNITS = 8
TIER = "mediadask.org/tier"
AWAY_SECONDS = 20
PRICE = 3600.0


def rows(quick: bool, rounds: int) -> Iterator[Row]:
    if not os.environ.get("KUBECONFIG"):
        raise Failed("NO KUBERNETES: set KUBECONFIG to that of a cluster for tests")
    count = 7 if quick else 60
    told = faults(count, seed=12)
    case = f"{count} rounds: " + ", ".join(f"{n} {name}" for name, n in sorted(told["drawn"].items()))
    yield Row("faults", case, "jobs that did not end bit-identical", told["wrong"], at_most(0))
    yield Row("faults", case, "most often that a frame was computed", told["most"], at_most(2))
    yield Row("faults", case, "leases and attempts that are not closed", told["open"], at_most(0))
    yield Row(
        "faults", case, "frames computed over those needed", told["share"],
        ours="; ".join(sorted(told["reasons"])),
    )  # fmt: skip


class Cluster:
    """What happens to a pool's pods."""

    def __init__(self, namespace: str, draw: random.Random) -> None:
        self.namespace, self.draw, self.shared = namespace, draw, Path()
        """The last is the folder of the job that runs."""

    def kubectl(self, *arguments: str, given: Any = None) -> str:
        return kubectl("-n", self.namespace, *arguments, given=given, fails=True)

    def worker(self) -> str:
        names = self.kubectl("get", "pods", "-l", TIER, "-o", "name").split()
        return self.draw.choice(names).removeprefix("pod/") if names else ""

    def pod_deleted(self) -> None:
        self.kubectl("delete", "pod", self.worker(), "--wait=false")

    def process_killed(self) -> None:
        (self.shared / "told-die").touch(0o666)

    def out_of_memory(self) -> None:
        (self.shared / "told-eat").touch(0o666)

    def node_drained(self) -> None:
        node = json.loads(self.kubectl("get", "pods", "-l", TIER, "-o", "json"))["items"][0]["spec"][
            "nodeName"
        ]
        kubectl("cordon", node)
        try:
            for name in self.kubectl("get", "pods", "-l", TIER, "-o", "name").split():
                pod = name.removeprefix("pod/")
                body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
                url = f"/api/v1/namespaces/{self.namespace}/pods/{pod}/eviction"
                self.kubectl("create", "--raw", url, "-f", "-", given=body)
            time.sleep(2)
        finally:
            kubectl("uncordon", node)

    def preempted(self) -> None:
        """A pod of a higher class that has room only where a worker is."""
        pods = json.loads(kubectl("get", "pods", "-A", "-o", "json"))["items"]
        [node] = json.loads(kubectl("get", "nodes", "-o", "json"))["items"][:1]
        taken = sum(
            _cpu(each["resources"].get("requests", {}).get("cpu", "0"))
            for pod in pods
            if pod["status"]["phase"] in ("Pending", "Running")
            for each in pod["spec"]["containers"]
        )
        free = _cpu(node["status"]["allocatable"]["cpu"]) - taken
        waits = {"name": "c", "image": "localhost/pause:1", "imagePullPolicy": "IfNotPresent"}
        restricted = {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        asked = {"resources": {"requests": {"cpu": f"{max(free, 0) + 150}m"}}, "securityContext": restricted}
        manifest = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "higher"},
            "spec": {
                "containers": [waits | asked],
                "priorityClassName": "mediadask-test-high",
                "terminationGracePeriodSeconds": 0,
            },
        }
        self.kubectl("apply", "-f", "-", given=manifest)
        time.sleep(4)
        self.kubectl("delete", "pod", "higher", "--wait=false")

    def scheduler_deleted(self) -> None:
        self.kubectl("delete", "pod", "-l", "dask.org/component=scheduler", "--wait=false")

    def api_server_away(self) -> None:
        server = int(os.environ["MEDIADASK_TEST_API_SERVER"])
        os.kill(server, signal.SIGSTOP)
        try:
            time.sleep(AWAY_SECONDS)
        finally:
            os.kill(server, signal.SIGCONT)


def _cpu(text: str) -> int:
    """Thousandths of a core."""
    return int(text[:-1]) if text.endswith("m") else round(float(text) * 1000)


def _names() -> list[str]:
    names = [
        "pod_deleted",
        "process_killed",
        "out_of_memory",
        "node_drained",
        "preempted",
        "scheduler_deleted",
    ]
    return names + (["api_server_away"] if os.environ.get("MEDIADASK_TEST_API_SERVER") else [])


def faults(count: int, seed: int, names: list[str] | None = None) -> dict[str, Any]:
    draw = random.Random(seed)
    names = names or _names()
    order = [*names, *(draw.choice(names) for _ in range(count - len(names)))][:count]
    with (
        tempfile.TemporaryDirectory() as folder,
        make_namespace() as namespace,
        _pool(namespace, folder) as pool,
    ):
        cluster = Cluster(namespace, draw)
        expected = None
        wrong, most, frames = 0, 0, 0
        for number, name in enumerate(order):
            cluster.shared = shared = Path(folder) / f"round {number}"
            shared.mkdir(mode=0o777)
            shared.chmod(0o777)
            work = md.delivery(
                partial(chain, str(shared)), range(UNITS), name=f"{name} {number}", seconds=600
            )
            begun = time.monotonic()
            job = pool.submit(work, priority="urgent")
            eventually(lambda shared=shared: len(list(shared.iterdir())) > 1, "two units run", 180)
            time.sleep(draw.uniform(0, CHAIN_FRAMES * FRAME_SECONDS))
            getattr(cluster, name)()
            try:
                results = job.result(300).results
            except Exception as error:
                results = [f"{type(error).__name__}: {error}"]
            expected = expected or results
            wrong += results != expected
            computed = [path.read_text().split() for path in shared.glob("unit *")]
            frames += sum(map(len, computed))
            often = max(each.count(frame) for each in computed for frame in set(each))
            most = max(most, often)
            print(
                f"{number} {name}: {time.monotonic() - begun:.0f} s, {often} times, {results == expected}",
                flush=True,
            )
            if results != expected:
                print(results, flush=True)
        eventually(lambda: not cluster.worker(), "no worker", 120)
        eventually(lambda: not _open(folder), "all leases and attempts are closed", 30)
        with tables.open_database(f"{folder}/mediadask/ledger.sqlite").connect() as connection:
            reasons = {each.reason for each in connection.execute(select(tables.leases))}
        told = {name: order.count(name) for name in set(order)}
        reasons = {reason for reason in reasons if not reason.startswith(("retire", "handle", "worker"))}
        left = _open(folder)
    return {
        "drawn": told, "wrong": wrong, "most": most, "reasons": reasons, "open": left,
        "share": frames / (count * UNITS * CHAIN_FRAMES),
    }  # fmt: skip


def _open(folder: str) -> int:
    with tables.open_database(f"{folder}/mediadask/ledger.sqlite").connect() as connection:
        leases = [each for each in connection.execute(select(tables.leases)) if each.ended is None]
        tried = [each for each in connection.execute(select(tables.attempts)) if each.ended is None]
    return len(leases) + len(tried)


@contextmanager
def _pool(namespace: str, folder: str) -> Iterator[Pool]:
    for name, value in (("low", -10), ("high", 1000)):
        meta = {"name": f"mediadask-test-{name}"}
        apply(
            {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": meta, "value": value}
        )
    Path(folder).chmod(0o777)
    apply(*volume(namespace, "ledger", folder), *volume(namespace, "shared", folder))
    spec = small_spec(namespace, volumes={"shared": {"claim": "shared", "mount": folder}})
    spec["kubernetes"]["ledger"] = {"claim": "ledger"}
    tier = spec["mediadask"]["tiers"]["burst"]
    tier["pods"] |= {"cpu": "150m", "priority-class": "mediadask-test-low"}
    tier["price-per-hour"] = PRICE
    spec["mediadask"]["grace"] = "20s"
    up(read_spec(spec))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with md.Pool.connect(f"kubernetes:{namespace}/studio") as pool:
                yield pool
        down("studio", namespace)
    finally:
        for name in ("low", "high"):
            kubectl("delete", "priorityclass", f"mediadask-test-{name}", fails=True)
