"""The objects that a spec stands for, but for its secrets: what `pool up` applies, and `--print` shows."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from mediadask.pool.kubernetes.access import account, network_policies
from mediadask.pool.kubernetes.pods import scheduler_pod, scheduler_settings, worker_pod, worker_settings
from mediadask.pool.scaling.kubernetes_names import (
    CLUSTER,
    COMPONENT,
    DIGEST,
    PAGES_PORT,
    PORT,
    TIER,
    group_of,
    labels,
    scheduler_of,
)

if TYPE_CHECKING:
    from mediadask.pool.kubernetes.spec import Spec

__all__ = ["cluster_of", "manifests"]

Object = dict[str, Any]

_DASK = "kubernetes.dask.org/v1"


def manifests(spec: Spec) -> list[Object]:
    """In the order in which they are to be applied."""
    settings = {"scheduler.yaml": scheduler_settings(spec), "worker.yaml": worker_settings(spec)}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _meta(spec, "settings"), "data": settings},
        *account(spec),
        *_certificate(spec),
        *network_policies(spec),
        *_disruption_budget(spec),
        cluster_of(spec),
        *(_worker_group(spec, tier) for tier in spec.pods),
    ]


def cluster_of(spec: Spec) -> Object:
    """The DaskCluster, of which dask-kubernetes makes the scheduler's Deployment and Service."""
    pod = scheduler_pod(spec)
    annotations = {
        DIGEST: _digest(pod, scheduler_settings(spec)),
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(PAGES_PORT),
        "prometheus.io/path": "/metrics",
    }
    ports = [{"name": "tcp-comm", "protocol": "TCP", "port": PORT, "targetPort": "tcp-comm"}]
    if spec.kubernetes.service == "ClusterIP":  # metrics are nobody's outside
        ports.append(
            {"name": "http-dashboard", "protocol": "TCP", "port": PAGES_PORT, "targetPort": "http-dashboard"}
        )
    service = {
        "type": spec.kubernetes.service,
        "selector": {CLUSTER: spec.name, COMPONENT: "scheduler"},
        "ports": ports,
    }
    # dask-kubernetes makes a group of this, too, which stays empty: tiers have groups of their own.
    unused = {
        "replicas": 0,
        "spec": worker_pod(spec, next(iter(spec.pods))) if spec.pods else scheduler_pod(spec),
    }
    return {
        "apiVersion": _DASK,
        "kind": "DaskCluster",
        "metadata": _meta(spec),
        "spec": {
            "worker": unused,
            "scheduler": {"metadata": {"annotations": annotations}, "spec": pod, "service": service},
        },
    }


def _worker_group(spec: Spec, tier: str) -> Object:
    meta = _meta(spec, tier)
    meta["name"] = group_of(spec.name, tier)
    meta["labels"] |= {CLUSTER: spec.name, COMPONENT: "workergroup", TIER: tier}
    return {
        "apiVersion": _DASK,
        "kind": "DaskWorkerGroup",
        "metadata": meta,
        "spec": {
            "cluster": spec.name,
            "worker": {
                "replicas": 0,
                "metadata": {"labels": {**labels(spec.name), TIER: tier}},
                "spec": worker_pod(spec, tier),
            },
        },
    }


def _certificate(spec: Spec) -> list[Object]:
    """What cert-manager makes the pool's certificate of, where an issuer is named."""
    tls = spec.kubernetes.tls
    if tls.issuer is None:
        return []
    scheduler = scheduler_of(spec.name)
    wanted = {
        "secretName": f"{spec.name}-tls",
        "secretTemplate": {"labels": labels(spec.name)},  # by which it is removed with the pool
        "commonName": f"mediadask pool {spec.name}",
        "dnsNames": [scheduler, f"{scheduler}.{spec.namespace}.svc.cluster.local"],
        "usages": ["server auth", "client auth", "digital signature"],
        "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
        "issuerRef": {"name": tls.issuer, "kind": tls.issuer_kind, "group": "cert-manager.io"},
    }
    return [
        {
            "apiVersion": "cert-manager.io/v1",
            "kind": "Certificate",
            "metadata": _meta(spec, "tls"),
            "spec": wanted,
        }
    ]


def _disruption_budget(spec: Spec) -> list[Object]:
    if not spec.kubernetes.scheduler.disruption_budget:
        return []
    pods = {"matchLabels": {CLUSTER: spec.name, COMPONENT: "scheduler"}}
    return [
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": _meta(spec, "scheduler"),
            "spec": {"minAvailable": 1, "selector": pods},
        }
    ]


def _meta(spec: Spec, part: str = "") -> Object:
    name = f"{spec.name}-{part}" if part else spec.name
    return {"name": name, "namespace": spec.namespace, "labels": labels(spec.name)}


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
