"""Names and labels of what a pool on Kubernetes is made of."""

from __future__ import annotations

__all__ = [
    "CLIENT",
    "CLUSTER",
    "COMPONENT",
    "DIGEST",
    "GOING_DOWN",
    "KEPT",
    "PAGES_PORT",
    "PORT",
    "TIER",
    "WORKER",
    "address_of",
    "group_of",
    "labels",
    "scheduler_of",
    "selector",
]

CLUSTER, COMPONENT = "dask.org/cluster-name", "dask.org/component"
"""Labels by which dask-kubernetes finds what belongs to a cluster."""

WORKER = "dask.org/worker-name"
"""A label of each worker's pod that no other has: its name. By it any pods are ended in one request."""

TIER = "mediadask.org/tier"
CLIENT = "mediadask.org/client"
"""A label of pods that use the pool of this name: they may reach its scheduler."""

DIGEST = "mediadask.org/digest"
"""An annotation: what the scheduler's pod was made from, which says whether it has to be made anew."""

GOING_DOWN = "mediadask.org/going-down"
"""An annotation of the DaskCluster: the pool takes no more jobs, and ends when those that it has have."""

KEPT = "mediadask.org/kept"
"""A label of what the next pool of the same name needs to go on with the jobs of this one."""

PORT, PAGES_PORT = 8786, 8787


def labels(name: str) -> dict[str, str]:
    """The labels of every object that belongs to the pool of this name."""
    return {
        "app.kubernetes.io/name": "mediadask",
        "app.kubernetes.io/instance": name,
        "app.kubernetes.io/managed-by": "mediadask",
    }


def selector(labels: dict[str, str]) -> str:
    """The labels as the API takes them to choose objects."""
    return ",".join(f"{key}={value}" for key, value in labels.items())


def scheduler_of(name: str) -> str:
    """The name of the scheduler's Deployment and Service, which dask-kubernetes makes, and of its account."""
    return f"{name}-scheduler"


def address_of(name: str, namespace: str, protocol: str = "tls") -> str:
    """Where workers and clients inside the cluster reach the scheduler.

    It is the Service's address, not the pod's: another pod may be the scheduler tomorrow.
    """
    return f"{protocol}://{scheduler_of(name)}.{namespace}.svc.cluster.local:{PORT}"


def group_of(name: str, tier: str) -> str:
    """The name of a tier's DaskWorkerGroup."""
    return f"{name}-{tier}"
