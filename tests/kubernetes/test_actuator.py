"""Pods of a real cluster are an actuator."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, ClassVar

import pytest

from mediadask.pool.config import load_config
from mediadask.pool.scaling.conformance import ActuatorConformance
from tests.kubernetes.place import (
    WORKER,
    address_for_pods,
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

    from distributed import Scheduler

    from mediadask.pool.scaling.kubernetes_workers import KubernetesWorkers

pytestmark = pytest.mark.skipif(
    not os.environ.get("KUBECONFIG"), reason="NO KUBERNETES: set KUBECONFIG to that of a cluster for tests"
)


class TestKubernetesWorkers(ActuatorConformance):
    namespace: ClassVar[str]

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _place(cls) -> Iterator[None]:
        with new_namespace() as cls.namespace:
            cls.host = address_for_pods()
            apply(
                *(
                    each | {"metadata": {**each["metadata"], "namespace": cls.namespace}}
                    for each in (
                        dask_cluster("suite"),
                        *(
                            worker_group("suite", tier, pod_spec(container([*WORKER, str(threads)])))
                            for tier, threads in (("one", 1), ("two", 2))
                        ),
                    )
                )
            )
            yield

    def actuator_for(self, scheduler: Scheduler) -> KubernetesWorkers:
        from mediadask.pool.scaling.kubernetes_workers import KubernetesWorkers

        tier = {"kind": "on-demand", "price-per-hour": 1}
        place = {"cluster": "suite", "namespace": self.namespace}
        tiers = {"local": None, "one": tier, "two": {**tier, "threads": 2}}
        config = load_config({"tiers": tiers, "kubernetes": place})
        assert config.kubernetes is not None
        return KubernetesWorkers(scheduler.address, config.tiers, config.kubernetes)

    def test_nothing_is_left(self) -> None:
        assert kubectl("-n", self.namespace, "get", "pods", "-l", "mediadask.org/tier", "-o", "name") == ""
