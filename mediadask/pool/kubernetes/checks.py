"""What would go wrong with a spec in a cluster, found out before anything is changed there.

The API is asked to pretend: it then checks rights, names, quotas, priority classes and the Pod Security
Standard as it does when it acts.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from mediadask.errors import InvalidRequest, MediaWarning
from mediadask.pool.kubernetes.api import Refused
from mediadask.pool.kubernetes.manifests import manifests
from mediadask.pool.kubernetes.pods import scheduler_pod, worker_pod
from mediadask.pool.kubernetes.quantities import amount
from mediadask.pool.kubernetes.secrets import new_key, new_tls
from mediadask.pool.scaling.kubernetes_names import labels, scheduler_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mediadask.pool.kubernetes.api import Api, Object
    from mediadask.pool.kubernetes.spec import Placement, Spec

__all__ = ["check", "check_operator"]

_INSTALL = (
    "helm install --repo https://helm.dask.org --create-namespace -n dask-operator --generate-name"
    " dask-kubernetes-operator"
)


async def check(api: Api, spec: Spec) -> None:
    """Refuse a spec that this cluster cannot bring up.

    Raises
    ------
    InvalidRequest
        The first thing that is wrong.
    """
    await check_operator(api)
    await _check_owners(api, spec)
    for it in [new_tls(spec), new_key(spec), *manifests(spec)]:
        await _pretend(api, it)
    await _check_references(api, spec)
    await _check_pods(api, spec)
    await _check_nodes(api, spec)


async def check_operator(api: Api) -> None:
    """Refuse a cluster that does not know what a DaskCluster is, in the version that we do."""
    versions = await api.versions_of("kubernetes.dask.org")
    if not versions:
        raise InvalidRequest("the Dask operator is not installed in this cluster", do=_INSTALL)
    if "v1" not in versions:
        reason = (
            f"the Dask operator here knows {', '.join(versions)} of kubernetes.dask.org, and v1 is needed"
        )
        raise InvalidRequest(reason, do="install dask-kubernetes 2026.3 or newer, its CRDs too")


async def _check_owners(api: Api, spec: Spec) -> None:
    """What has our names has to be ours: two pools of one name would share it."""
    ours = labels(spec.name)
    made = [
        {"kind": kind, "metadata": {"name": scheduler_of(spec.name)}} for kind in ("Deployment", "Service")
    ]
    for it in [*manifests(spec), new_tls(spec), new_key(spec), *made]:
        name = it["metadata"]["name"]
        if it["kind"] == "Certificate":
            continue  # which may be a kind that is not known: pretending tells
        there = await api.get(it["kind"], name, spec.namespace)
        if there is None or ours.items() <= there["metadata"].get("labels", {}).items():
            continue
        if it["kind"] == "Secret" and spec.kubernetes.tls.issuer is not None:
            continue
        whose = f"belongs to no mediadask pool {spec.name}"
        reason = f"there is a {it['kind']} {name} in {spec.namespace} that {whose}"
        raise InvalidRequest(reason, where="mediadask.name", do="name the pool otherwise, or remove it")


async def _pretend(api: Api, it: Object) -> None:
    try:
        await api.apply(it, dry_run=True)
    except Refused as refused:
        if it["kind"] == "Certificate" and refused.status == 404 and "namespace" not in refused.what:
            reason = "names an issuer, and cert-manager is not installed in this cluster"
            raise InvalidRequest(
                reason, where="kubernetes.tls.issuer", do="leave it out, or install it"
            ) from None
        if "field not declared in schema" in refused.what or "unknown field" in refused.what:
            raise InvalidRequest(
                f"this cluster's kinds lack a field ({refused.what})",
                where=refused.where,
                do="check it in the spec, or install the CRDs of dask-kubernetes 2026.3 or newer",
            ) from None
        raise


async def _check_references(api: Api, spec: Spec) -> None:
    """Claims and secrets that pods would wait for."""
    kubernetes = spec.kubernetes
    wanted = [
        ("PersistentVolumeClaim", f"kubernetes.volumes.{name}.claim", there.claim)
        for name, there in kubernetes.volumes.items()
    ]
    if kubernetes.ledger.claim:
        wanted.append(("PersistentVolumeClaim", "kubernetes.ledger.claim", kubernetes.ledger.claim))
    if kubernetes.ledger.secret:
        wanted.append(("Secret", "kubernetes.ledger.secret", kubernetes.ledger.secret))
    wanted += [("Secret", "kubernetes.secrets", name) for name in kubernetes.secrets]
    wanted += [("Secret", "kubernetes.pull-secrets", name) for name in kubernetes.pull_secrets]
    for kind, where, name in wanted:
        there = await api.get(kind, name, spec.namespace)
        if there is None:
            reason = f"there is no {kind} {name} in {spec.namespace}"
            raise InvalidRequest(
                reason, where=where, do=f"`kubectl -n {spec.namespace} get {kind}` shows those that are"
            )
        if where == "kubernetes.ledger.secret" and "password" not in there.get("data", {}):
            raise InvalidRequest(f"the Secret {name} has no entry `password`", where=where)


async def _check_pods(api: Api, spec: Spec) -> None:
    """Have the API look at one pod of each kind: quotas, limits, priority classes, security."""
    scheduler = scheduler_pod(spec)
    del scheduler["serviceAccountName"]  # which is not there yet
    pods = {"kubernetes.scheduler": scheduler}
    pods |= {f"mediadask.tiers.{tier}.pods": worker_pod(spec, tier) for tier in spec.pods}
    for where, pod in pods.items():
        meta = {"name": f"{spec.name}-check", "namespace": spec.namespace}
        try:
            await api.create({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": pod}, dry_run=True)
        except Refused as refused:
            if refused.status == 403 and "cannot create" in refused.what:
                continue  # we may not, and need not: the scheduler does it
            what = refused.what.partition("is forbidden: ")[2] or refused.what
            raise InvalidRequest(f"no pod can be made of it: {what}", where=where) from None


async def _check_nodes(api: Api, spec: Spec) -> None:
    """Refuse pods that are larger than every node that they may run on.

    A tier that no node is for may be one for which nodes are made when there are pods. Who may not see nodes
    is told nothing.
    """
    try:
        nodes = await api.find("Node")
    except Refused:
        return
    places: dict[str, Placement] = {"kubernetes.scheduler": spec.kubernetes.scheduler}
    places |= {f"mediadask.tiers.{tier}.pods": pods for tier, pods in spec.pods.items()}
    for where, place in places.items():
        fitting = [node for node in nodes if _is_for(node, place)]
        if not fitting:
            told = "no node of this cluster has its labels and taints now; workers come when one has"
            warnings.warn(MediaWarning(f"{where}: {told}"), stacklevel=2)
            continue
        for resource, asked in (("cpu", place.cpu), ("memory", place.memory)):
            most = max((node["status"]["allocatable"].get(resource, "0") for node in fitting), key=amount)
            if amount(asked) > amount(most):
                reason = (
                    f"fits no node: it asks for {asked} {resource}, and the largest one for it has {most}"
                )
                raise InvalidRequest(reason, where=where, do="ask for less")


def _is_for(node: Object, place: Placement) -> bool:
    if not place.node_selector.items() <= node["metadata"].get("labels", {}).items():
        return False
    hard = (taint for taint in node["spec"].get("taints", ()) if taint["effect"] != "PreferNoSchedule")
    return all(_is_tolerated(taint, place.tolerations) for taint in hard)


def _is_tolerated(taint: Object, tolerations: Iterable[Object]) -> bool:
    for each in tolerations:
        is_key = each.get("key") in (None, taint["key"])
        is_value = each.get("operator") == "Exists" or each.get("value", "") == taint.get("value", "")
        if is_key and is_value and each.get("effect") in (None, taint["effect"]):
            return True
    # A node that is being drained is one that there will be again.
    return bool(taint["key"].startswith("node.kubernetes.io/"))
