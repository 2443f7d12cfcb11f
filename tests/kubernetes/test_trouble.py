"""Why workers do not come, in words, from what a real cluster says."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import pytest

from mediadask.pool.config import load_config
from tests.kubernetes.place import (
    apply,
    container,
    dask_cluster,
    kubectl,
    new_namespace,
    pod_spec,
    worker_group,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mediadask.pool.scaling.kubernetes_workers import KubernetesWorkers

pytestmark = pytest.mark.skipif(
    not os.environ.get("KUBECONFIG"), reason="NO KUBERNETES: set KUBECONFIG to that of a cluster for tests"
)

SECRET = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "vault", "key": "token"}}}


def waits(**more: Any) -> dict[str, Any]:
    return {**container(["sleep", "infinity"]), **more}


def spec(**more: Any) -> dict[str, Any]:
    return {**pod_spec(waits(**more)), "terminationGracePeriodSeconds": 1}


TIERS = {
    "big": spec(resources={"requests": {"cpu": "64"}}),
    "elsewhere": {**spec(), "nodeSelector": {"gpu": "many"}},
    "image": spec(image="localhost/nothing:1", imagePullPolicy="Never"),
    "secret": spec(env=[SECRET]),
    "volume": pod_spec(
        container(["sleep", "infinity"], volumeMounts=[{"name": "tls", "mountPath": "/tls"}]),
        [{"name": "tls", "secret": {"secretName": "keys"}}],
    ),
    "fails": spec(args=["python", "-c", "raise SystemExit('no ledger here')"]),
    "many": spec(),
    "odd": spec(resources={"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}),
}


@pytest.fixture
def namespace() -> Iterator[str]:
    with new_namespace() as name:
        groups = [worker_group("studio", tier, spec) for tier, spec in TIERS.items()]
        apply(
            *(
                each | {"metadata": {**each["metadata"], "namespace": name}}
                for each in (dask_cluster("studio"), *groups)
            )
        )
        yield name


def actuator(namespace: str, *tiers: str) -> KubernetesWorkers:
    from mediadask.pool.scaling.kubernetes_workers import KubernetesWorkers

    place = {"cluster": "studio", "namespace": namespace}
    tier = {"kind": "on-demand", "price-per-hour": 1, "startup": "2s"}
    config = load_config({"tiers": {"local": None, **dict.fromkeys(tiers, tier)}, "kubernetes": place})
    assert config.kubernetes is not None
    return KubernetesWorkers("tcp://nobody:8786", config.tiers, config.kubernetes)


async def troubles(found: KubernetesWorkers, tiers: set[str]) -> dict[str, str]:
    """The troubles of these tiers, when each has its own."""
    for _ in range(200):
        if not tiers - (told := found.troubles()).keys():
            break
        await asyncio.sleep(0.1)
    assert not tiers - told.keys(), told
    return told


def test_why_workers_do_not_come(namespace: str) -> None:
    async def run() -> dict[str, str]:
        found = actuator(namespace, *TIERS, "forgotten")
        for tier in (*TIERS, "forgotten"):
            if tier != "many":
                await found.start(1, tier)
        try:
            told = await troubles(found, {*TIERS, "forgotten"} - {"many"})
            pods = await found.state()
            kubectl(
                "-n", namespace, "create", "quota", "few", f"--hard=pods={sum(map(len, pods.values())) + 1}"
            )
            await asyncio.sleep(2)
            await found.start(3, "many")
            told |= await troubles(found, {"many"})
        finally:
            await found.close()
        return told

    told = asyncio.run(run())
    assert told["big"].startswith("the cluster is full for ")
    assert "1 without free cpu" in told["big"]
    assert " that the tier does not select" in told["elsewhere"]
    assert told["image"] == "image localhost/nothing:1 is not on the node, and is never pulled"
    assert told["secret"] == 'secret "vault" not found'
    assert 'secret "keys" not found' in told["volume"]
    assert told["fails"] == "workers end as they start: ended with exit code 1: no ledger here"
    assert told["many"].startswith("the namespace's quota is used up: few, requested: pods=1")
    assert told["odd"].startswith("Kubernetes does not accept the tier's pods: ")
    assert told["forgotten"] == "there is no DaskWorkerGroup studio-forgotten: bring the pool up again"
