"""A pool on a real cluster: pods come with the work and go with it, and what others end loses nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

import mediadask as md
from mediadask.pool import Pool
from mediadask.pool.ledger import tables
from tests.kubernetes.place import (
    WORKER,
    address_for_pods,
    bring_up,
    eventually,
    kubectl,
    new_namespace,
    workers,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(
    not os.environ.get("KUBECONFIG"), reason="NO KUBERNETES: set KUBECONFIG to that of a cluster for tests"
)
WAIT = 120


@pytest.fixture
def namespace() -> Iterator[str]:
    with new_namespace() as name:
        yield name


def replicas(namespace: str) -> dict[str, int]:
    """What ``kubectl get daskclusters,daskworkergroups`` shows."""
    told = json.loads(kubectl("-n", namespace, "get", "daskclusters,daskworkergroups", "-o", "json"))
    return {each["metadata"]["name"]: each["spec"]["worker"]["replicas"] for each in told["items"]}


def frames(seconds: float, number: int) -> int:
    for _ in range(round(seconds / 0.05)):
        time.sleep(0.05)
        md.checkpoint()
    return number


def hungry(number: int) -> int:
    held = []
    for _ in range(200):
        held.append(bytearray(b"x" * 10_000_000))
        md.checkpoint()
    return len(held)


def hangs(number: int) -> None:
    time.sleep(3600)


def attempts(namespace: str) -> list[tuple[str, str]]:
    """How attempts ended, and the errors."""
    with tables.open_database(f"/tmp/ledger-{namespace}/ledger.sqlite").connect() as connection:
        return [(each.outcome, each.error or "") for each in connection.execute(select(tables.attempts))]


def lease_ends(namespace: str) -> list[str]:
    """Why workers left; of those that are there nothing."""
    with tables.open_database(f"/tmp/ledger-{namespace}/ledger.sqlite").connect() as connection:
        return [each.reason for each in connection.execute(select(tables.leases)) if each.ended]


def test_pods_come_with_the_work_and_go_and_kubectl_tells_the_truth(namespace: str) -> None:
    with Pool.connect(bring_up(namespace)) as found:
        job = found.submit(
            md.delivery(partial(frames, 3.0), range(2), name="two", seconds=600), priority="urgent"
        )
        eventually(lambda: job.progress.units_running == 2, "both run")
        assert len(workers(namespace)) == 2
        told = {"studio": 2, "studio-default": 0, "studio-cloud": 2}
        eventually(lambda: replicas(namespace) == told, "replicas")
        phase = ["-n", namespace, "get", "daskcluster", "studio", "-o", "jsonpath={.status.phase}"]
        assert kubectl(*phase) == "Running"
        assert job.result(WAIT).results == [0, 1]
        eventually(lambda: not workers(namespace), "no pod")
        told = {"studio": 0, "studio-default": 0, "studio-cloud": 0}
        eventually(lambda: replicas(namespace) == told, "replicas")
        again = found.submit(md.delivery(partial(frames, 60.0), [5], name="again"))
        eventually(lambda: again.progress.units_running == 1, "it runs")
    kubectl("-n", namespace, "delete", "daskcluster", "studio", "--wait=false")
    left = ["-n", namespace, "get", "pods,deployments,services,daskworkergroups", "-o", "name"]
    eventually(lambda: [each for each in kubectl(*left).split() if "kube-root" not in each] == [], "nothing")


def test_a_drained_node_has_its_units_given_back_at_the_next_frame(namespace: str) -> None:
    with Pool.connect(bring_up(namespace)) as found:
        work = md.delivery(partial(frames, 8.0), range(2), name="two", seconds=600)
        job = found.submit(work, priority="urgent")
        eventually(lambda: job.progress.units_running == 2, "both run")
        evicted, stays = workers(namespace)
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": evicted}}
        kubectl(
            "create",
            "--raw",
            f"/api/v1/namespaces/{namespace}/pods/{evicted}/eviction",
            "-f",
            "-",
            given=body,
        )
        eventually(lambda: evicted not in workers(namespace), "the pod goes before its grace ends", 15)
        eventually(lambda: len(workers(namespace)) == 2, "another takes its place")
        assert stays in workers(namespace)
        assert job.result(WAIT).results == [0, 1]
        eventually(lambda: not workers(namespace), "no pod")
        assert sorted(attempts(namespace)) == [("done", ""), ("done", ""), ("rescheduled", "")]
        assert "evicted: its node is drained" in lease_ends(namespace)


def test_the_ledger_says_that_a_worker_was_out_of_memory(namespace: str) -> None:
    with Pool.connect(bring_up(namespace)) as found:
        job = found.submit(md.delivery(hungry, [1], name="hungry"))
        job.wait(WAIT)
        assert "its worker died 2 times" in job.progress.error
        eventually(lambda: not workers(namespace), "no pod")
        assert [reason for reason in lease_ends(namespace) if "out of memory: it may have 700Mi" in reason]


def test_a_worker_in_which_a_unit_hangs_is_ended_and_another_comes(namespace: str) -> None:
    with Pool.connect(bring_up(namespace, **{"hang-after": "3s", "hang-factor": 2})) as found:
        job = found.submit(md.delivery(hangs, [1], name="stuck", seconds=0.5))
        job.wait(WAIT)
        assert "taken to hang, 2 times; set aside" in job.progress.error
        eventually(lambda: not workers(namespace), "no pod")
        assert [outcome for outcome, _ in attempts(namespace)] == ["replaced", "replaced"]


def test_workers_that_join_by_themselves_count_and_stay(namespace: str) -> None:
    cloud = {"kind": "on-demand", "price-per-hour": 1, "maximum": 4, "startup": "5s"}
    address = bring_up(namespace, {"onprem": {"kind": "joins", "price-per-hour": 0.05}, "cloud": cloud})
    command = [sys.executable, *WORKER[1:], "1", address, "--host", address_for_pods()]
    rack = subprocess.Popen(["onprem-rack7" if word.startswith("$") else word for word in command])
    try:
        with Pool.connect(address) as found:
            eventually(lambda: tier_workers(found) == {"onprem": 1, "cloud": 0}, "it has joined")
            job = found.submit(
                md.delivery(partial(frames, 4.0), range(2), name="two", seconds=600), priority="urgent"
            )
            eventually(lambda: job.progress.units_running == 2, "both run")
            assert len(workers(namespace, "cloud")) == 1
            assert job.result(WAIT).results == [0, 1]
            eventually(lambda: not workers(namespace), "no pod")
            assert tier_workers(found) == {"onprem": 1, "cloud": 0}
            eventually(lambda: lease_prices(namespace) == {"onprem": 0.05, "cloud": 1.0}, "what they cost")
    finally:
        rack.terminate()
        rack.wait(30)


def lease_prices(namespace: str) -> dict[str, float]:
    with tables.open_database(f"/tmp/ledger-{namespace}/ledger.sqlite").connect() as connection:
        return {each.tier: each.price_per_hour for each in connection.execute(select(tables.leases))}


def tier_workers(pool: Pool) -> dict[str, int]:
    return {tier["tier"]: tier["workers"] for tier in pool.status()["tiers"]}
