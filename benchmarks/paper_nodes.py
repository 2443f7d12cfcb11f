"""Nodes that exist only in a real cluster's API: their pods run as soon as they are told to, at no cost.

``python -m benchmarks.paper_nodes NAMESPACE NODES`` plays their kubelets until it is ended, as KWOK does.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import httpx
import kr8s

SELECTOR = {"mediadask.org/paper": "yes"}
TAINT = {"key": "mediadask.org/paper", "effect": "NoSchedule"}
TOLERATION = {"key": "mediadask.org/paper", "operator": "Exists"}
PODS_A_NODE = 200
_BEAT_SECONDS = 10
_HANDS = 16


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _node(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": SELECTOR},
        "spec": {"taints": [TAINT]},
    }


def _node_status() -> dict[str, Any]:
    room = {"cpu": "64", "memory": "256Gi", "pods": str(PODS_A_NODE)}
    ready = {"type": "Ready", "status": "True", "reason": "Paper", "lastHeartbeatTime": _now()}
    return {"status": {"capacity": room, "allocatable": room, "conditions": [ready]}}


def _running(pod: dict[str, Any]) -> dict[str, Any]:
    now = _now()
    kinds = ("Initialized", "Ready", "ContainersReady", "PodScheduled")
    states = [
        {"name": each["name"], "ready": True, "restartCount": 0, "image": each["image"], "imageID": "paper",
         "state": {"running": {"startedAt": now}}}
        for each in pod["spec"]["containers"]
    ]  # fmt: skip
    conditions = [{"type": kind, "status": "True", "lastTransitionTime": now} for kind in kinds]
    return {"status": {"phase": "Running", "conditions": conditions, "containerStatuses": states}}


class PaperNodes:
    """Their kubelets."""

    def __init__(self, namespace: str, count: int) -> None:
        self._namespace, self._names = namespace, [f"{namespace}-paper-{number}" for number in range(count)]
        self._queue: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()

    async def run(self) -> None:
        self._api = await kr8s.asyncio.api()
        for name in self._names:
            with suppress(kr8s.ServerError):
                await self._call("POST", "nodes", _node(name))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._beat())
                group.create_task(self._follow())
                for _ in range(_HANDS):
                    group.create_task(self._serve())
        finally:
            for name in self._names:
                await self._call("DELETE", f"nodes/{name}", {})

    async def _beat(self) -> None:
        while True:
            for name in self._names:
                await self._call("PATCH", f"nodes/{name}/status", _node_status())
            await asyncio.sleep(_BEAT_SECONDS)

    async def _follow(self) -> None:
        import json

        seen: set[tuple[str, str]] = set()
        params = {"watch": "true", "labelSelector": "mediadask.org/tier"}
        while True:
            with suppress(httpx.HTTPError, kr8s.ServerError):
                async with self._api.call_api(
                    "GET", version="v1", namespace=self._namespace, url="pods", params=params, stream=True,
                    timeout=None,
                ) as response:  # fmt: skip
                    async for line in response.aiter_lines():
                        event = json.loads(line)
                        pod = event["object"]
                        ends = "deletionTimestamp" in pod["metadata"]
                        step = (pod["metadata"]["uid"], "end" if ends else "begin")
                        if event["type"] == "DELETED" or not pod["spec"].get("nodeName") or step in seen:
                            continue
                        seen.add(step)
                        self._queue.put_nowait((step[1], pod))

    async def _serve(self) -> None:
        while True:
            step, pod = await self._queue.get()
            url = f"namespaces/{self._namespace}/pods/{pod['metadata']['name']}"
            with suppress(kr8s.ServerError):
                if step == "begin":
                    await self._call("PATCH", f"{url}/status", _running(pod))
                else:
                    await self._call("DELETE", url, {"gracePeriodSeconds": 0})

    async def _call(self, method: str, url: str, body: dict[str, Any]) -> None:
        import json

        headers = {"Content-Type": "application/strategic-merge-patch+json"} if method == "PATCH" else {}
        async with self._api.call_api(
            method, version="v1", url=url, content=json.dumps(body), headers=headers, timeout=30
        ):
            pass


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(PaperNodes(sys.argv[1], int(sys.argv[2])).run())
