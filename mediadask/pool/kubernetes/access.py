"""Who may do what: the scheduler in the API, and pods on the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mediadask.pool.scaling.kubernetes_names import (
    CLIENT,
    CLUSTER,
    COMPONENT,
    PAGES_PORT,
    PORT,
    group_of,
    labels,
    scheduler_of,
)

if TYPE_CHECKING:
    from mediadask.pool.kubernetes.spec import Spec

__all__ = ["account", "network_policies"]

Object = dict[str, Any]


def account(spec: Spec) -> list[Object]:
    """The scheduler's account: it may make and end pods in its namespace, touch its groups, end the pool."""
    name = scheduler_of(spec.name)
    meta = {"name": name, "namespace": spec.namespace, "labels": labels(spec.name)}
    groups = [group_of(spec.name, tier) for tier in spec.pods]
    rules = [
        {
            "apiGroups": [""],
            "resources": ["pods"],
            "verbs": ["create", "deletecollection", "get", "list", "watch"],
        },
        {"apiGroups": [""], "resources": ["events"], "verbs": ["list"]},
        _own("daskworkergroups", groups, ["get", "patch"]),
        _own("daskclusters", [spec.name], ["delete", "get", "patch"]),
    ]
    role = "rbac.authorization.k8s.io"
    return [
        # Who needs the token says so: nobody gets it by default.
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": meta,
            "automountServiceAccountToken": False,
        },
        {"apiVersion": f"{role}/v1", "kind": "Role", "metadata": meta, "rules": rules},
        {
            "apiVersion": f"{role}/v1",
            "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": {"apiGroup": role, "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": spec.namespace}],
        },
    ]


def _own(resource: str, names: list[str], verbs: list[str]) -> Object:
    group = "kubernetes.dask.org"
    return {
        "apiGroups": [group],
        "resources": [resource],
        "resourceNames": names,
        "verbs": verbs,
    }


def network_policies(spec: Spec) -> list[Object]:
    """Workers and pods with the client's label reach the scheduler; scheduler and workers reach workers.

    Certificates are asked for in any case. Nothing is said of what pods may reach: storage, a database.
    """
    pool = {"podSelector": {"matchLabels": {CLUSTER: spec.name}}}
    clients = {"podSelector": {"matchLabels": {CLIENT: spec.name}}}
    work = {"ports": [{"protocol": "TCP", "port": PORT}]}
    to_scheduler: list[Object] = [{**work, "from": [pool, clients]}]
    if spec.kubernetes.service != "ClusterIP":
        to_scheduler = [work]
    if spec.kubernetes.metrics_from is not None:
        there = {"matchLabels": {"kubernetes.io/metadata.name": spec.kubernetes.metrics_from}}
        pages = {"ports": [{"protocol": "TCP", "port": PAGES_PORT}]}
        to_scheduler.append({**pages, "from": [{"namespaceSelector": there}]})
    return [
        _policy(spec, "scheduler", to_scheduler),
        _policy(spec, "worker", [{"from": [pool]}]),
    ]


def _policy(spec: Spec, component: str, ingress: list[Object]) -> Object:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {
            "name": f"{spec.name}-{component}",
            "namespace": spec.namespace,
            "labels": labels(spec.name),
        },
        "spec": {
            "podSelector": {"matchLabels": {CLUSTER: spec.name, COMPONENT: component}},
            "policyTypes": ["Ingress"],
            "ingress": ingress,
        },
    }
