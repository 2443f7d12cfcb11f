"""What can happen to the pods of a pool on a real cluster, and to what they need."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

from tests.kubernetes.place import eventually, kubectl

if TYPE_CHECKING:
    from pathlib import Path

    from tests.pool.conftest import PostgresServer

__all__ = ["ClusterFaults", "pods_of"]

TIER = "mediadask.org/tier"
AWAY_SECONDS = 20


class ClusterFaults:
    """What happens to a pool's pods, and to what they need."""

    on_all = ("node_drained", "preempted")
    """Faults whose victims the cluster chooses."""

    survived = ("scheduler_deleted", "api_server_away", "database_away")
    """These interrupt no unit."""

    def __init__(self, namespace: str, database: PostgresServer) -> None:
        self.namespace, self.database = namespace, database

    def kubectl(self, *arguments: str, given: Any = None) -> str:
        return kubectl("-n", self.namespace, *arguments, given=given, fails=True)

    def workers(self) -> list[dict[str, Any]]:
        return pods_of(self.namespace)

    def pod_deleted(self, victim: str, folder: Path) -> None:
        self.kubectl("delete", "pod", victim, "--wait=false")

    def process_killed(self, victim: str, folder: Path) -> None:
        (folder / "told-die").touch(0o666)

    def out_of_memory(self, victim: str, folder: Path) -> None:
        (folder / "told-eat").touch(0o666)

    def network_lost(self, victim: str, folder: Path) -> None:
        """As when a node is gone without a word: nothing arrives, and nobody closes a connection."""
        [pod] = [pod for pod in self.workers() if pod["metadata"]["name"] == victim]
        subprocess.run(
            ["ip", "-n", _network_of(pod["status"]["podIP"]), "link", "set", "eth0", "down"], check=True
        )

    def node_drained(self, victim: str, folder: Path) -> None:
        node = self.workers()[0]["spec"]["nodeName"]
        how = ["--force", "--delete-emptydir-data", "--ignore-daemonsets", "--timeout=60s"]
        try:
            kubectl("drain", node, f"--pod-selector={TIER}", *how)
        finally:
            kubectl("uncordon", node)

    def preempted(self, victim: str, folder: Path) -> None:
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
        phase = ["get", "pod", "higher", "-o", "jsonpath={.status.phase}"]
        eventually(lambda: self.kubectl(*phase) == "Running", "the higher pod has a place", 60)
        self.kubectl("delete", "pod", "higher", "--wait=false")

    def scheduler_deleted(self, victim: str, folder: Path) -> None:
        self.kubectl("delete", "pod", "-l", "dask.org/component=scheduler", "--wait=false")

    def api_server_away(self, victim: str, folder: Path) -> None:
        server = int(os.environ["MEDIADASK_TEST_API_SERVER"])
        os.kill(server, signal.SIGSTOP)
        try:
            time.sleep(AWAY_SECONDS)
        finally:
            os.kill(server, signal.SIGCONT)

    def database_away(self, victim: str, folder: Path) -> None:
        self.database.stop()
        try:
            time.sleep(AWAY_SECONDS)
        finally:
            self.database.start()


def pods_of(namespace: str) -> list[dict[str, Any]]:
    """The pods of workers."""
    told = kubectl("-n", namespace, "get", "pods", "-l", TIER, "-o", "json", fails=True)
    pods: list[dict[str, Any]] = json.loads(told)["items"] if told else []
    return pods


def _network_of(address: str) -> str:
    """The network namespace of this machine that has the address."""
    for name in (line.split()[0] for line in _ip("netns", "list").splitlines()):
        if f"inet {address}/" in _ip("-n", name, "addr"):
            return name
    raise AssertionError(f"no network has {address}")


def _ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False).stdout


def _cpu(text: str) -> int:
    """Thousandths of a core."""
    return int(text[:-1]) if text.endswith("m") else round(float(text) * 1000)
