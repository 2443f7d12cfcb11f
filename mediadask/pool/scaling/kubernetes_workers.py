"""Workers that are pods of a Kubernetes cluster."""

from __future__ import annotations

import asyncio
import logging
import secrets
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mediadask.pool.scaling.actuator import Departure
from mediadask.pool.scaling.kubernetes_api import Away, KubernetesApi, Refused
from mediadask.pool.scaling.kubernetes_names import CLUSTER, TIER, group_of
from mediadask.pool.scaling.kubernetes_troubles import TierTroubles, span, why_refused
from mediadask.pool.scaling.pods import Pod, pod_of, worker_pod
from mediadask.pool.scaling.replicas import set_replicas

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from mediadask.pool.config import KubernetesSettings, Tier

__all__ = ["KubernetesWorkers"]

_logger = logging.getLogger(__name__)

_MAKERS, _ENDERS = 8, 4
"""Requests under way at once: more do not make the API server faster."""

_ENDED_TOGETHER = 100
"""Pods that one request ends: their names are in its address, which some proxies keep below 8 kB."""

_GRACE_SECONDS = 1
"""A worker that the pool ends has given its work back: it need not wait like one that others take away."""

_LIST_SECONDS = 5.0
_LOOK_SECONDS = 1.0
_AGAIN_SECONDS = 2.0
_CLOSE_SECONDS = 10.0
_SILENT_SECONDS = 5.0
_KEPT_DEPARTURES = 10_000


class KubernetesWorkers:
    """An `Actuator`. Each worker is a pod without a controller: the policy alone says which there are.

    A tier's DaskWorkerGroup, ``<cluster>-<tier>``, says what its pods look like, and owns them. The pods that
    there are, those of an earlier scheduler among them, are found by their labels and then watched.

    All methods run in one event loop.

    Parameters
    ----------
    scheduler
        The address that workers connect to, for groups that do not say it.
    tiers
        Those of ``kind: joins`` or ``local`` come from elsewhere.
    """

    def __init__(self, scheduler: str, tiers: Mapping[str, Tier], settings: KubernetesSettings) -> None:
        self.news = asyncio.Event()
        self._scheduler, self._cluster = scheduler, settings.cluster
        self._troubles = {name: TierTroubles(tier.startup) for name, tier in tiers.items() if tier.is_brought}
        self._groups: dict[str, dict[str, Any]] = {}
        """The worker groups, as they were when workers were last asked for, by tier."""

        self._told: dict[str, int] = {}
        """Replicas that they say."""

        self._api = KubernetesApi(settings.namespace)
        # Only pods that the pool made have the tier's label beside the cluster's.
        self._selector = f"{CLUSTER}={self._cluster},{TIER}"
        self._run = secrets.token_hex(3)  # names are not used twice, by whichever scheduler
        self._number = 0
        self._asked: dict[str, str] = {}
        """Tiers of pods that are still to be made, by their names, first come first."""

        self._pods: dict[str, Pod] = {}
        """All that there are and that are not told to end, oldest first."""

        self._foreign: set[str] = set()
        """Pods that another scheduler has made since this one began: its successor, most likely, while this
        one ends. They are not counted, nor ended unasked."""

        self._making: set[str] = set()
        """Those of which the API server has not said yet that it has made them."""

        self._ending: set[str] = set()
        self._departures: dict[str, Departure] = {}
        self._warned: dict[str, str] = {}
        """What the cluster warns of about pods that take long to start."""

        self._may_not = ""
        """Why the API server does not tell which pods there are."""

        self._listed = asyncio.Event()
        self._all_gone = asyncio.Event()
        self._to_make: asyncio.Queue[str] = asyncio.Queue()
        self._to_end: asyncio.Queue[str] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []

    # What the scaler asks.

    async def start(self, n: int, tier: str) -> None:
        """Ask for `n` more pods. They are made a few at a time, after this has returned.

        After some that did not come up it waits for a while, and then tries one.
        """
        await self._begin()
        troubles = self._troubles.get(tier)
        if troubles is None or not self._listed.is_set() or not troubles.may_try:
            return
        group = group_of(self._cluster, tier)
        try:
            self._groups[tier] = await self._api.dask_object("daskworkergroups", group)
        except Refused as refused:
            missing = f"there is no DaskWorkerGroup {group}: bring the pool up again"
            self._refuse(tier, missing if refused.status == 404 else str(refused))
            return
        except Away:
            return
        for _ in range(troubles.at_once(n, self._of(tier))):
            self._number += 1
            name = f"{tier}-{self._run}-{self._number}"
            self._asked[name] = tier
            self._to_make.put_nowait(name)

    async def stop(self, workers: Collection[str]) -> None:
        """End these pods; those that have no node yet cost nothing and are gone at once."""
        await self._begin()
        # Those without a node first: they are gone at once.
        for name in sorted(workers, key=lambda name: self._phase(name) == "running"):
            self._asked.pop(name, None)
            if self._pods.pop(name, None) is not None or name in self._making:
                self._have_end(name)

    async def state(self) -> dict[str, list[str]]:
        """Return the pods of each tier that exist or were asked for, without those that are leaving."""
        await self._begin()
        there: dict[str, list[str]] = {tier: [] for tier in self._troubles}
        for pod in self._pods.values():
            if pod.phase != "leaving" and pod.name not in self._foreign:
                there[pod.tier].append(pod.name)
        for name, tier in self._asked.items():
            if name not in self._pods:
                there[tier].append(name)
        return there

    def leaving(self) -> set[str]:
        """Workers whose pods are evicted, preempted, deleted by others, or on a node that is lost."""
        return {pod.name for pod in self._pods.values() if pod.phase == "leaving"}

    def departure(self, worker: str) -> Departure | None:
        """What the cluster has told of a worker's end."""
        return self._departures.get(worker)

    def troubles(self) -> dict[str, str]:
        """Return, for each tier whose workers do not come, why."""
        found = {tier: self._trouble(tier) for tier in self._troubles}
        return {tier: trouble for tier, trouble in found.items() if trouble}

    async def close(self) -> None:
        """End all pods."""
        if not self._tasks:
            return
        await self.stop([*self._asked, *(self._pods.keys() - self._foreign)])
        if self._ending:
            self._all_gone.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._all_gone.wait(), _CLOSE_SECONDS)
        with suppress(Refused, Away):
            await self._tell()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._api.close()

    def _trouble(self, tier: str) -> str:
        if self._may_not:
            return f"the pool's service account may not list pods: {self._may_not}"
        if (silent := self._api.away_seconds) > _SILENT_SECONDS:
            return f"the Kubernetes API does not answer for {span(silent)}: {self._api.away}"
        return self._troubles[tier].words(self._of(tier), self._warned)

    def _of(self, tier: str) -> list[Pod]:
        return [pod for pod in self._pods.values() if pod.tier == tier]

    def _phase(self, name: str) -> str:
        return self._pods[name].phase if name in self._pods else ""

    # What goes on meanwhile.

    async def _begin(self) -> None:
        if not self._tasks:
            makers, enders = (self._make() for _ in range(_MAKERS)), (self._end() for _ in range(_ENDERS))
            self._tasks = [asyncio.create_task(it) for it in (self._follow(), self._look(), *makers, *enders)]
        with suppress(TimeoutError):  # an API that is away does not hold up the pool
            await asyncio.wait_for(self._listed.wait(), _LIST_SECONDS)

    async def _follow(self) -> None:
        """Know what becomes of the pods, for as long as this runs."""
        version, failures = "", 0
        while True:
            try:
                if not version:
                    version = await self._list()
                async for kind, raw in self._api.watch_pods(self._selector, version):
                    version, failures = raw["metadata"]["resourceVersion"], 0
                    if kind == "DELETED":
                        self._gone(raw["metadata"]["name"], pod_of(raw))
                    elif kind != "BOOKMARK":
                        self._saw(pod_of(raw))
                continue
            except Refused as refused:  # the version is too old, or we may not
                version = ""
                self._may_not = "" if refused.status == 410 else str(refused)
            except Away:
                pass
            except Exception:
                _logger.exception("pods are listed anew")
                version = ""
            failures += 1
            await asyncio.sleep(min(0.2 * 2**failures, 5.0))

    async def _list(self) -> str:
        before = set(self._pods)
        found, version = await self._api.pods(self._selector)
        pods = sorted((pod_of(raw) for raw in found), key=lambda pod: (pod.created, pod.name))
        there = {pod.name for pod in pods}
        for name in (before | self._ending) - there:
            self._gone(name, None)
        for pod in pods:
            self._saw(pod)
        self._may_not = ""
        self._listed.set()
        return version

    def _saw(self, pod: Pod) -> None:
        self._asked.pop(pod.name, None)
        is_new = pod.name not in self._pods and pod.name not in self._ending
        if is_new and self._listed.is_set() and f"-{self._run}-" not in pod.name:
            self._foreign.add(pod.name)
        if pod.tier not in self._troubles:
            if is_new and pod.name not in self._foreign:
                self._have_end(pod.name)  # an earlier pool had such a tier
            return
        if pod.phase in ("leaving", "ended") and pod.name not in self._ending:
            self._note(pod)
        if pod.phase == "ended":
            self._pods.pop(pod.name, None)
            if pod.name not in self._ending and pod.name not in self._foreign:
                self._troubles[pod.tier].ended(pod)
                self._have_end(pod.name)
        elif pod.name not in self._ending:
            before = self._pods.get(pod.name)
            self._pods[pod.name] = pod
            if before is not None and before.phase == pod.phase and before.reason == pod.reason:
                return
        self.news.set()

    def _gone(self, name: str, pod: Pod | None) -> None:
        known = self._pods.pop(name, None)
        self._foreign.discard(name)
        if known is not None:
            told = pod if pod is not None and pod.reason else known
            self._note(replace(told, phase="ended", reason=told.reason or "its pod was deleted"))
        self._ending.discard(name)
        self._warned.pop(name, None)
        if not self._ending:
            self._all_gone.set()
        self.news.set()

    def _note(self, pod: Pod) -> None:
        if (known := self._departures.get(pod.name)) is None:
            reason = pod.reason or "its worker has closed by itself"
            self._departures[pod.name] = Departure(reason, not pod.is_failure, pod.phase == "ended")
        elif pod.phase == "ended":
            self._departures[pod.name] = replace(known, has_ended=True)
        if len(self._departures) > _KEPT_DEPARTURES:
            del self._departures[next(iter(self._departures))]

    async def _make(self) -> None:
        """Make the pods that were asked for, one after the other."""
        while True:
            name = await self._to_make.get()
            try:
                if name in self._asked:
                    await self._make_one(name, self._asked[name])
            except Exception:
                _logger.exception("pod %s", name)

    async def _make_one(self, name: str, tier: str) -> None:
        self._making.add(name)
        manifest = worker_pod(name, tier, self._groups[tier], self._scheduler, self._api.namespace)
        try:
            pod = pod_of(await self._api.create_pod(manifest))
        except Refused as refused:
            for each in [each for each, its in self._asked.items() if its == tier]:
                del self._asked[each]
            self._refuse(tier, why_refused(refused))
        except Away:
            self._asked.pop(name, None)  # if it was made all the same, the watch tells
        else:
            self._troubles[tier].made()
            if self._asked.pop(name, None) is not None:
                self._pods.setdefault(name, pod)
        finally:
            self._making.discard(name)
            if name in self._ending:  # it was stopped meanwhile
                self._to_end.put_nowait(name)

    def _refuse(self, tier: str, why: str) -> None:
        self._troubles[tier].refused(why)
        self.news.set()

    def _have_end(self, name: str) -> None:
        self._ending.add(name)
        if name not in self._making:  # else it comes when it is known whether it was made
            self._to_end.put_nowait(name)

    async def _end(self) -> None:
        """End pods that are to end, as many at a time as there are."""
        while True:
            names = {await self._to_end.get()}
            while len(names) < _ENDED_TOGETHER and not self._to_end.empty():
                names.add(self._to_end.get_nowait())
            try:
                there = await self._api.delete_pods(names, _GRACE_SECONDS)
            except Exception as error:
                if not isinstance(error, Away):
                    _logger.warning("%d pods are not ended, trying again: %s", len(names), error)
                for name in names:
                    asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self._to_end.put_nowait, name)
            else:
                for name in names - there:
                    self._gone(name, None)

    async def _look(self) -> None:
        """Tell the worker groups how many there are, and ask about pods that take long."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self._replace_stuck()
            for step in (self._ask_about_slow_pods, self._tell):
                try:
                    await step()
                except (Refused, Away) as error:  # nothing of it is needed to go on
                    _logger.debug("%s: %s", step.__name__, error)
                except Exception:
                    _logger.exception("worker groups and events")

    async def _tell(self) -> None:
        """Have ``kubectl get daskclusters,daskworkergroups`` show the workers that there are."""
        there = await self.state()
        counts = {tier: len(names) for tier, names in there.items()}
        changed = {tier: count for tier, count in counts.items() if count != self._told.get(tier)}
        if not changed:
            return
        for tier, count in changed.items():
            with suppress(Refused):  # a group that is not there is told of when a worker is wanted
                if await set_replicas(self._api, "daskworkergroups", group_of(self._cluster, tier), count):
                    self._told[tier] = count
        await set_replicas(self._api, "daskclusters", self._cluster, sum(counts.values()))

    def _replace_stuck(self) -> None:
        for pod in list(self._pods.values()):
            if self._troubles[pod.tier].gives_up(pod):
                del self._pods[pod.name]
                self._have_end(pod.name)

    async def _ask_about_slow_pods(self) -> None:
        for tier, troubles in self._troubles.items():
            slow = troubles.slow(self._of(tier))
            if slow is None or slow.name in self._warned:
                continue
            if warnings := await self._api.warnings(slow.name):
                self._warned[slow.name] = " ".join(warnings[-1].split()).rstrip(".")
                self.news.set()
