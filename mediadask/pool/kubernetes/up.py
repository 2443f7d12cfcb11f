"""Bringing a pool on Kubernetes up, and taking it down: all of it or nothing."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from mediadask.errors import InvalidRequest, OutputFailed
from mediadask.pool.kubernetes.api import Refused, connect, run
from mediadask.pool.kubernetes.checks import check
from mediadask.pool.kubernetes.manifests import manifests
from mediadask.pool.kubernetes.readiness import is_ready, scheduler_pods, serves, why_not_ready
from mediadask.pool.kubernetes.secrets import new_key, new_tls
from mediadask.pool.scaling.kubernetes_names import (
    CLUSTER,
    COMPONENT,
    DIGEST,
    GOING_DOWN,
    KEPT,
    labels,
    scheduler_of,
    selector,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from mediadask.pool.kubernetes.api import Api, Object
    from mediadask.pool.kubernetes.spec import Spec

__all__ = ["Up", "down", "has_scheduler", "up"]

_LOOK_SECONDS = 0.25
_OPERATOR_SECONDS = 30.0
_READY_SECONDS = 300.0
"""An image may be fetched, and a node made for it."""

_GONE_SECONDS = 60.0
_FINALIZER_SECONDS = 15.0
_GRACE_SECONDS = 3

_OURS = (
    "DaskWorkerGroup",
    "Deployment",
    "Service",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "Certificate",
    "ConfigMap",
    "RoleBinding",
    "Role",
    "ServiceAccount",
    "Secret",
)
"""What is removed after the DaskCluster: it owns them, unless it never came to be."""


@dataclass(frozen=True)
class Up:
    """A pool that is up on Kubernetes."""

    name: str
    namespace: str
    was: str
    """``new``, ``changed``, or ``unchanged``: its scheduler runs on as it was."""


def up(spec: Spec, *, rotate: bool = False) -> Up:
    """Have the pool be as `spec` says. Returns when its scheduler runs.

    One that is up is changed: its scheduler starts anew if that is what has changed, and goes on with its
    jobs; workers that come later are as the spec says.

    Parameters
    ----------
    rotate
        Whether it gets new certificates. Scheduler and workers start anew with them.

    Raises
    ------
    InvalidRequest, OutputFailed
        The cluster cannot bring it up. Of a pool that was not there before nothing is left.
    """
    return run(_connected(spec, rotate=rotate))


def down(name: str, namespace: str) -> list[str]:
    """Remove all of a pool, or what there is of it. Its unfinished jobs stay in a ledger that stays.

    Returns
    -------
    list[str]
        What was left for the next pool of the same name, such as ``Secret studio-key``.

    Raises
    ------
    OutputFailed
        It does not go.
    """
    return run(_down(name, namespace))


def has_scheduler(name: str, namespace: str) -> bool:
    """Whether there is one that may have jobs."""
    return run(_has_scheduler(name, namespace))


async def _has_scheduler(name: str, namespace: str) -> bool:
    async with connect() as api:
        deployment = await api.get("Deployment", scheduler_of(name), namespace)
    return deployment is not None and bool(deployment.get("status", {}).get("readyReplicas"))


async def _connected(spec: Spec, *, rotate: bool) -> Up:
    async with connect() as api:
        return await _up(api, spec, rotate=rotate)


async def _up(api: Api, spec: Spec, *, rotate: bool) -> Up:
    await check(api, spec)
    before = await api.get("DaskCluster", spec.name, spec.namespace)
    if before is None and rotate:
        raise InvalidRequest("there is no such pool to give new certificates", where=spec.name)
    if before is not None and GOING_DOWN in before["metadata"].get("annotations", {}):
        do = "bring it up when it is down; `mediadask pool down --now` ends it now"
        raise InvalidRequest("goes down when its jobs have ended", where=spec.name, do=do)
    had_key = await api.get("Secret", f"{spec.name}-key", spec.namespace) is not None
    try:
        settings, *others = manifests(spec)
        await api.apply(settings)  # by which a pool that is half made is found
        await _make_secrets(api, spec, rotate=rotate)
        cluster: Object = {}
        for it in others:
            made = await api.apply(await _with_replicas(api, it))
            cluster = made if it["kind"] == "DaskCluster" else cluster
        await _give_to(api, cluster)
        gone = await scheduler_pods(api, spec.name, spec.namespace) if rotate else []
        changed = await _renew(api, cluster, rotate=rotate)
        await _until_ready(api, spec, {pod["metadata"]["uid"] for pod in gone})
    except BaseException:
        if before is None:
            with suppress(Refused, OutputFailed):  # the first error counts
                await _remove(api, spec.name, spec.namespace, keep=had_key)
        raise
    return Up(spec.name, spec.namespace, "new" if before is None else "changed" if changed else "unchanged")


async def _make_secrets(api: Api, spec: Spec, *, rotate: bool) -> None:
    """Those that there are stay as they are: a pool's jobs are signed with its key."""
    made = [new_key(spec)]
    if spec.kubernetes.tls.issuer is None:
        made.append(new_tls(spec))
    elif rotate:
        await api.delete("Secret", f"{spec.name}-tls", spec.namespace)  # cert-manager makes another
    for it in made:
        name = it["metadata"]["name"]
        if (rotate and name.endswith("-tls")) or await api.get("Secret", name, spec.namespace) is None:
            await api.apply(it)


async def _with_replicas(api: Api, it: Object) -> Object:
    """The scheduler says how many workers there are: what it has said stays."""
    if it["kind"] not in ("DaskCluster", "DaskWorkerGroup"):
        return it
    there = await api.get(it["kind"], it["metadata"]["name"], it["metadata"]["namespace"])
    if there is None:
        return it
    worker = {**it["spec"]["worker"], "replicas": there["spec"]["worker"].get("replicas", 0)}
    return {**it, "spec": {**it["spec"], "worker": worker}}


async def _give_to(api: Api, cluster: Object) -> None:
    """Have the DaskCluster own the rest: whoever deletes it leaves nothing behind."""
    meta = cluster["metadata"]
    owner = {
        "apiVersion": cluster["apiVersion"],
        "kind": cluster["kind"],
        "name": meta["name"],
        "uid": meta["uid"],
    }
    ours = selector(labels(meta["name"]))
    for kind in _OURS:
        if kind in ("Deployment", "Service", "DaskWorkerGroup"):
            continue  # the operator does it
        try:
            found = await api.find(kind, meta["namespace"], ours)
        except Refused:  # no such kind here
            continue
        for it in found:
            theirs = it["metadata"].get("ownerReferences", [])
            if KEPT in it["metadata"]["labels"] or any(each["uid"] == owner["uid"] for each in theirs):
                continue
            patch = {"metadata": {"ownerReferences": [owner]}}
            await api.patch(kind, it["metadata"]["name"], meta["namespace"], patch)


async def _renew(api: Api, cluster: Object, *, rotate: bool) -> bool:
    """Start the scheduler anew if it is not as the spec says; the operator makes one, and leaves it so."""
    name, namespace = cluster["metadata"]["name"], cluster["metadata"]["namespace"]
    wanted = cluster["spec"]["scheduler"]
    deployment = await api.get("Deployment", scheduler_of(name), namespace)
    if deployment is None:
        return True
    annotations = deployment["spec"]["template"]["metadata"].get("annotations", {})
    is_other = annotations.get(DIGEST) != wanted["metadata"]["annotations"][DIGEST]
    is_other = is_other or deployment["spec"]["replicas"] != 1
    if is_other:
        # Never two of them at a time, which a rolling update would have.
        await api.patch(
            "Deployment",
            scheduler_of(name),
            namespace,
            [
                {"op": "replace", "path": "/spec/replicas", "value": 1},
                {"op": "replace", "path": "/spec/strategy", "value": {"type": "Recreate"}},
                {
                    "op": "add",
                    "path": "/spec/template/metadata/annotations",
                    "value": wanted["metadata"]["annotations"],
                },
                {"op": "replace", "path": "/spec/template/spec", "value": wanted["spec"]},
            ],
        )
    service = await api.get("Service", scheduler_of(name), namespace)
    if service is not None and service["spec"]["type"] != wanted["service"]["type"]:
        patch = {"spec": {"type": wanted["service"]["type"], "ports": wanted["service"]["ports"]}}
        await api.patch("Service", scheduler_of(name), namespace, patch)
    if rotate:
        # Who holds old certificates is not let in again: the scheduler first, or it would make workers anew.
        for component in ("scheduler", "worker"):
            await api.delete_all("Pod", namespace, selector({CLUSTER: name, COMPONENT: component}))
    return is_other or rotate


async def _until_ready(api: Api, spec: Spec, gone: Collection[str] = ()) -> None:
    """Wait for a scheduler that is none of the pods with these uids."""
    began, why = monotonic(), ""
    while monotonic() - began < _READY_SECONDS:
        deployment = await api.get("Deployment", scheduler_of(spec.name), spec.namespace)
        if deployment is None:
            if monotonic() - began > _OPERATOR_SECONDS:
                raise OutputFailed(
                    f"the Dask operator does nothing with the DaskCluster for {_OPERATOR_SECONDS:.0f} s",
                    where=spec.name,
                    do="see whether it runs, and whether it looks at this namespace",
                )
        elif is_ready(deployment):
            pods = await scheduler_pods(api, spec.name, spec.namespace)
            if pods and all(serves(pod) and pod["metadata"]["uid"] not in gone for pod in pods):
                return
        else:
            why = await why_not_ready(api, deployment)
        await asyncio.sleep(_LOOK_SECONDS)
    raise OutputFailed(f"the scheduler is not ready after {_READY_SECONDS:.0f} s ({why})", where=spec.name)


async def _down(name: str, namespace: str) -> list[str]:
    async with connect() as api:
        return await _remove(api, name, namespace, keep=True)


async def _remove(api: Api, name: str, namespace: str, *, keep: bool) -> list[str]:
    ours = selector(labels(name))
    await api.delete("DaskCluster", name, namespace)
    kept = []
    for kind in _OURS:
        try:
            found = await api.find(kind, namespace, ours)
        except Refused as refused:
            if refused.status == 404:  # no such kind here
                continue
            raise
        for it in found:
            if keep and KEPT in it["metadata"]["labels"]:
                kept.append(f"{kind} {it['metadata']['name']}")
            else:
                await api.delete(kind, it["metadata"]["name"], namespace)
    await _until_gone(api, name, namespace)
    return kept


async def _until_gone(api: Api, name: str, namespace: str) -> None:
    began = monotonic()
    while monotonic() - began < _GONE_SECONDS:
        left = await api.find("Pod", namespace, selector({CLUSTER: name}))
        if left and all(each["metadata"]["labels"][COMPONENT] == "worker" for each in left):
            # Nobody is left who would have their work, or make others.
            await api.delete_all("Pod", namespace, selector({CLUSTER: name}), _GRACE_SECONDS)
        cluster = await api.get("DaskCluster", name, namespace)
        if not left and cluster is None:
            return
        if cluster is not None and monotonic() - began > _FINALIZER_SECONDS:
            # Without the operator, which is asked before an object goes, it would stay for ever.
            await api.patch("DaskCluster", name, namespace, {"metadata": {"finalizers": None}})
        await asyncio.sleep(_LOOK_SECONDS)
    raise OutputFailed("its pods do not go", where=name, do=f"see `kubectl -n {namespace} get pods`")
