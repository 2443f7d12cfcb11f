"""Pods of a real cluster are an actuator."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, ClassVar

import pytest

from mediadask.pool.config import load_config
from mediadask.pool.scaling.conformance import ActuatorConformance, until
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
    from collections.abc import Collection, Iterator

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

    def test_what_an_earlier_scheduler_left_is_taken_up_and_ends_elsewhere_are_seen(self) -> None:
        from mediadask.pool.scaling.kubernetes_workers import KubernetesWorkers

        async def run() -> None:
            async with self.bench() as (scheduler, earlier):
                assert isinstance(earlier, KubernetesWorkers)
                await earlier.start(2, "one")
                await until(lambda: len(scheduler.workers) == 2)
                later = self.actuator_for(scheduler)
                names = (await earlier.state())["one"]
                assert (await later.state())["one"] == names
                await later.stop(names[:1])
                async with asyncio.timeout(60):
                    while (await earlier.state())["one"] != names[1:]:
                        await asyncio.sleep(0.02)
                await later.start(1, "one")
                (_, new) = (await later.state())["one"]
                assert new not in names, "names are not used twice"
                await until(lambda: new in earlier._pods)
                assert new not in (await earlier.state())["one"]
                await earlier.close()  # as the scheduler does that another takes the place of
                await until(lambda: new in {worker.name for worker in scheduler.workers.values()})
                assert (await later.state())["one"] == [new]
                await later.close()

        asyncio.run(run())

    def test_those_that_end_together_end_in_one_request(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from mediadask.pool.scaling.kubernetes_workers import KubernetesWorkers

        async def run() -> None:
            async with self.bench() as (_, actuator):
                assert isinstance(actuator, KubernetesWorkers)
                asked: list[set[str]] = []
                delete = actuator._api.delete_pods

                async def noted(names: Collection[str], grace_seconds: int) -> set[str]:
                    asked.append(set(names))
                    return await delete(names, grace_seconds)

                monkeypatch.setattr(actuator._api, "delete_pods", noted)
                await actuator.start(4, "one")
                await until(lambda: len(actuator._pods) == 4)
                names = (await actuator.state())["one"]
                await actuator.stop(names)
                await until(lambda: not actuator._ending)
                assert asked == [set(names)]

        asyncio.run(run())

    def test_nothing_is_left(self) -> None:
        assert kubectl("-n", self.namespace, "get", "pods", "-l", "mediadask.org/tier", "-o", "name") == ""
