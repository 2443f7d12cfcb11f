"""A pool on a real cluster, which ``KUBECONFIG`` names: how soon workers come, how they go, what is lost.

Stock Dask, adapted by dask-kubernetes' DaskAutoscaler, does the same work in the same run. Thousands of
workers are pods on nodes that exist only in the cluster's API.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

from distributed import Client
from sqlalchemy import select

import mediadask as md
from benchmarks.kubernetes_units import noted, unit
from benchmarks.measure import Failed, isolated
from benchmarks.paper_nodes import PODS_A_NODE, SELECTOR, TOLERATION
from benchmarks.report import Row, at_most
from mediadask.pool import Pool
from mediadask.pool.config import load_config
from mediadask.pool.ledger import tables
from mediadask.pool.scaling.actuator import adjust
from mediadask.pool.scaling.policy import Target
from tests.kubernetes.place import (
    WORKER,
    apply,
    bring_up,
    container,
    dask_cluster,
    eventually,
    kubectl,
    new_namespace,
    pod_spec,
    service_address,
    worker_group,
    workers,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mediadask.pool import Job

GRACE_SECONDS = 2.0
WORKERS = 8
TIER = {"kind": "on-demand", "price-per-hour": 1, "maximum": WORKERS, "startup": "3s"}
_KEPT = "the grace, or what the latest worker took to start where that is longer"
WATCH_SECONDS = 60
"""So long stock Dask has to let its workers go."""


def rows(quick: bool, rounds: int) -> Iterator[Row]:
    if not os.environ.get("KUBECONFIG"):
        raise Failed("NO KUBERNETES: set KUBECONFIG to that of a cluster for tests")
    bursts = _bursts(5 if quick else 20)
    with new_namespace() as namespace:
        yield from _ours(namespace, bursts, 1 if quick else rounds)
    with new_namespace() as namespace:
        yield from _theirs(namespace, bursts)
    yield from _many(200 if quick else 2000)


def _bursts(count: int) -> list[tuple[int, float, float]]:
    """Units, seconds of each, and the pause before them."""
    draw = random.Random(12)
    return [(draw.randint(1, 12), draw.uniform(0.3, 4.0), draw.uniform(0.0, 6.0)) for _ in range(count)]


def _urgent(pool: Pool, units: int, seconds: float) -> Job:
    # Of a kind that is not known, and said to be long: each unit has a worker of its own.
    kind = f"burst {time.monotonic()}"
    work = md.delivery(partial(unit, seconds), range(units), name=kind, seconds=600)
    return pool.submit(work, priority="urgent")


def _ours(namespace: str, bursts: list[tuple[int, float, float]], rounds: int) -> Iterator[Row]:
    address = bring_up(namespace, {"cloud": TIER}, grace=f"{GRACE_SECONDS}s")
    with Pool.connect(address) as pool:
        cores = _cores()
        first: dict[int, list[float]] = {size: [] for size in sorted({1, min(cores, WORKERS), WORKERS})}
        falls, kept = [], []
        for _ in range(rounds):
            for size in first:
                submitted = time.time()
                began = _urgent(pool, size, 3.0).result(300).results
                ended = time.monotonic()
                first[size].append(min(began) - submitted)
                eventually(lambda: not workers(namespace), "no pod")
                if size == WORKERS:
                    kept.append(_kept_seconds(namespace))
                    falls.append(time.monotonic() - ended)
        one, *more = (median(times) for times in first.values())
        for size, seconds in zip(list(first)[1:], more, strict=True):
            yield Row(
                "kubernetes", f"0 → {size} pods on {cores} cores, median of {rounds}",
                "first frame over that of one worker", seconds / one, at_most(1.3),
                ours=f"{seconds:.1f} s", theirs=f"{one:.1f} s",
            )  # fmt: skip
        yield Row(
            "kubernetes", f"{WORKERS} → 0 pods, the slowest of {rounds}",
            "s from the last frame to no pod, over those that the policy keeps a worker for",
            max(fall - its for fall, its in zip(falls, kept, strict=True)), at_most(5),
            ours=f"{max(falls):.1f} s", note=f"kept for up to {max(kept):.1f} s: {_KEPT}",
        )  # fmt: skip
        before = len(_outcomes(namespace))
        begun = time.monotonic()
        jobs = []
        for units, seconds, pause in bursts:
            time.sleep(pause)
            jobs.append(_urgent(pool, units, seconds))
        for job in jobs:
            job.result(600)
        length = time.monotonic() - begun
        eventually(lambda: not workers(namespace), "no pod")
        left = time.monotonic() - begun - length
        told = Counter(_outcomes(namespace)[before:])
        case = f"{len(bursts)} random rises and falls"
        killed = sum(told.values()) - told["done"]
        yield Row(
            "kubernetes", case, "running units killed or given back", killed, at_most(0),
            ours=f"{told['done']} units in {length:.0f} s, {_leases(namespace)} workers came and went",
        )  # fmt: skip
        its = _kept_seconds(namespace)
        yield Row(
            "kubernetes", case, "s until no worker is left, over those that the policy keeps one for",
            left - its, at_most(5), ours=f"{left:.1f} s", note=f"kept for {its:.1f} s: {_KEPT}",
        )  # fmt: skip


def _outcomes(namespace: str) -> list[str]:
    with tables.open_database(f"/tmp/ledger-{namespace}/ledger.sqlite").connect() as connection:
        return [each.outcome for each in connection.execute(select(tables.attempts)) if each.outcome]


def _cores() -> int:
    """How many cores all nodes have."""
    told = json.loads(kubectl("get", "nodes", "-o", "json"))["items"]
    return sum(int(node["status"]["capacity"]["cpu"]) for node in told)


def _kept_seconds(namespace: str) -> float:
    """How long an idle worker stays: another would take as long to come."""
    with tables.open_database(f"/tmp/ledger-{namespace}/ledger.sqlite").connect() as connection:
        leases = connection.execute(select(tables.leases)).all()
    latest = max(leases, key=lambda lease: lease.joined)
    return max(GRACE_SECONDS, latest.startup_seconds or 0.0)


def _leases(namespace: str) -> int:
    with tables.open_database(f"/tmp/ledger-{namespace}/ledger.sqlite").connect() as connection:
        return len(connection.execute(select(tables.leases)).all())


def _theirs(namespace: str, bursts: list[tuple[int, float, float]]) -> Iterator[Row]:
    ports = [
        {"name": "tcp-comm", "containerPort": 8786},
        {"name": "http-dashboard", "containerPort": 8787},
    ]
    scheduler = pod_spec(container(["dask", "scheduler"], memory="1Gi", ports=ports))
    stock = dask_cluster("stock", scheduler, pod_spec(container([*WORKER, "1"])))
    scaler = {
        "apiVersion": "kubernetes.dask.org/v1",
        "kind": "DaskAutoscaler",
        "metadata": {"name": "stock"},
        "spec": {"cluster": "stock", "minimum": 0, "maximum": WORKERS},
    }
    apply(*(each | {"metadata": {**each["metadata"], "namespace": namespace}} for each in (stock, scaler)))
    ready = "jsonpath={.status.readyReplicas}"
    deployment = ["-n", namespace, "get", "deploy", "stock-scheduler", "-o", ready]
    eventually(lambda: kubectl(*deployment, fails=True) == "1", "the scheduler")
    with Client(service_address(namespace, "stock")) as client:
        begun = time.monotonic()
        futures = []
        for units, seconds, pause in bursts:
            time.sleep(pause)
            futures += client.map(
                noted, range(len(futures), len(futures) + units), seconds=seconds, pure=False
            )
        try:
            client.gather(futures)
        except Exception as error:
            lost = type(error).__name__
        else:
            lost = "nothing"
        length = time.monotonic() - begun
        runs = Counter(number for _, number in client.get_events("begun"))
        del futures
    give_up = time.monotonic() + WATCH_SECONDS
    selector = ["-l", "dask.org/component=worker", "--field-selector=status.phase=Running", "-o", "name"]

    def left() -> int:
        return len(kubectl("-n", namespace, "get", "pods", *selector).split())

    while left() and time.monotonic() < give_up:
        time.sleep(0.5)
    seconds = WATCH_SECONDS - max(0.0, give_up - time.monotonic())
    yield Row(
        "kubernetes",
        f"the same {len(bursts)} with stock DaskAutoscaler",
        "units begun more than once",
        sum(count > 1 for count in runs.values()),
        theirs=f"{len(runs)} units in {length:.0f} s, lost {lost}; {left()} workers after {seconds:.0f} s",
    )


# Thousands of pods.


def _many(count: int) -> Iterator[Row]:
    with new_namespace() as namespace:
        spec = {
            "containers": [{"name": "worker", "image": "localhost/pause:1"}],
            "terminationGracePeriodSeconds": 1,
            "nodeSelector": SELECTOR,
            "tolerations": [TOLERATION],
        }
        manifests = (dask_cluster("paper"), worker_group("paper", "paper", spec))
        apply(*(each | {"metadata": {**each["metadata"], "namespace": namespace}} for each in manifests))
        command = [sys.executable, "-m", "benchmarks.paper_nodes", namespace, str(count // PODS_A_NODE + 2)]
        nodes = subprocess.Popen(command)
        try:
            eventually(lambda: len(_paper_nodes(namespace)) >= count // PODS_A_NODE + 2, "nodes")
            told = isolated(_drive, namespace, count)
        finally:
            nodes.send_signal(signal.SIGINT)
            nodes.wait(60)
    case = f"{count} pods on nodes of paper"
    up, rest, down, floor = told["up"], told["rest"], told["down"], told["floor"]
    scaling = (up["cpu"] + down["cpu"]) / (up["wall"] + down["wall"])
    yield Row("kubernetes", case, "share of a core, at rest", rest["cpu"] / rest["wall"], at_most(0.02))
    yield Row(
        "kubernetes", case, f"share of a core, 0 → {count} → 0", scaling, at_most(0.2),
        ours=f"up {up['wall']:.0f} s, {up['cpu'] / count * 1000:.1f} ms of CPU a pod",
    )  # fmt: skip
    yield Row(
        "kubernetes", case, f"s for {count} → 0", down["wall"], at_most(30),
        theirs=f"the API server takes {floor['wall']:.0f} s for as many, all in one request",
    )  # fmt: skip


def _paper_nodes(namespace: str) -> list[str]:
    told = json.loads(kubectl("get", "nodes", "-l", "mediadask.org/paper", "-o", "json"))
    names = [each["metadata"]["name"] for each in told["items"]]
    return [name for name in names if name.startswith(namespace)]


def _drive(namespace: str, count: int) -> dict[str, dict[str, float]]:
    return asyncio.run(_scale(namespace, count))


async def _scale(namespace: str, count: int) -> dict[str, dict[str, float]]:
    """As the scaler does: a target once a second."""
    from mediadask.pool.scaling.kubernetes_workers import KubernetesWorkers

    place = {"cluster": "paper", "namespace": namespace}
    config = load_config({"tiers": {"local": None, "paper": TIER}, "kubernetes": place})
    assert config.kubernetes is not None
    actuator = KubernetesWorkers("tcp://nobody:8786", config.tiers, config.kubernetes)
    told: dict[str, dict[str, float]] = {}

    async def until(what: str, target: int, done: Any, stop: tuple[str, ...] = ()) -> None:
        wall, cpu = time.monotonic(), time.process_time()
        while True:
            await adjust(actuator, Target({"paper": target}, stop))
            stop = ()
            if done():
                break
            await asyncio.sleep(0.5)
        told[what] = {"wall": time.monotonic() - wall, "cpu": time.process_time() - cpu}

    def there(phase: str = "Running") -> int:
        command = ["-n", namespace, "get", "pods", "-l", "mediadask.org/tier", "-o", "name"]
        return len(kubectl(*command, f"--field-selector=status.phase={phase}").split())

    await until("up", count, lambda: there() >= count)
    rests = time.monotonic() + 20
    await until("rest", count, lambda: time.monotonic() > rests)
    await until("down", 0, lambda: not there(), tuple((await actuator.state())["paper"]))
    await until("again", count, lambda: there() >= count)
    wall = time.monotonic()
    all_of_them = f"/api/v1/namespaces/{namespace}/pods?labelSelector=mediadask.org/tier"
    await asyncio.to_thread(kubectl, "delete", "--raw", all_of_them)
    await asyncio.to_thread(eventually, lambda: not there(), "no pod", 300)
    told["floor"] = {"wall": time.monotonic() - wall}
    await actuator.close()
    return told
