"""The pods of a pool: what runs in them, as whom, with what of the spec. All pass the restricted Pod Security
Standard.

Worker pods are templates: who starts one gives it its name, and how it ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dask.config

from mediadask.pool.config import dask_settings
from mediadask.pool.kubernetes.plain import plain_yaml
from mediadask.pool.kubernetes.quantities import amount
from mediadask.pool.scaling.kubernetes_names import PAGES_PORT, PORT, address_of, scheduler_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mediadask.pool.kubernetes.spec import Placement, Spec

__all__ = ["scheduler_pod", "scheduler_settings", "worker_pod", "worker_settings"]

Object = dict[str, Any]

_SETTINGS, _TLS, _KEY = "/etc/mediadask/settings", "/etc/mediadask/tls", "/etc/mediadask/key"
_DATA, _SCRATCH = "/var/lib/mediadask", "/tmp"

_ENVIRONMENT = {
    "DASK_CONFIG": _SETTINGS,
    "DASK_TEMPORARY_DIRECTORY": _SCRATCH,
    "HOME": _SCRATCH,  # the root file system is read-only
    "XDG_CACHE_HOME": f"{_SCRATCH}/cache",
}
_WORKER_ENVIRONMENT = {  # what a nanny would set; a worker's pod is its nanny
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
} | {name: str(value) for name, value in dask_settings()["distributed"]["nanny"]["pre-spawn-environ"].items()}


def scheduler_settings(spec: Spec) -> str:
    """The scheduler's `dask.config`, as a file."""
    where = {"namespace": spec.namespace, "cluster": spec.name}
    tiers = {"local": None, **spec.settings["mediadask"]["tiers"]}  # the default is of no use here
    section = {**spec.settings["mediadask"], "tiers": tiers, "kubernetes": where}
    return _file({**spec.settings, "mediadask": section})


def worker_settings(spec: Spec) -> str:
    """Workers' `dask.config`, as a file. Of budgets and the like they know nothing."""
    return _file({name: value for name, value in spec.settings.items() if name != "mediadask"})


def _file(settings: Mapping[str, Any]) -> str:
    files = {"cert": f"{_TLS}/tls.crt", "key": f"{_TLS}/tls.key"}
    roles = dict.fromkeys(("scheduler", "worker", "client"), files)
    tls = {"ca-file": f"{_TLS}/ca.crt", "min-version": 1.3, **roles}
    ours = {"distributed": {"comm": {"require-encryption": True, "tls": tls}}}
    logging = {"logging": {"distributed": "info", "mediadask": "info"}}
    # A process in a pod has read its settings before it imports ours.
    return plain_yaml(dask.config.merge(dask_settings(), logging, dict(settings), ours))


def scheduler_pod(spec: Spec) -> Object:
    """The spec of the scheduler's pod."""
    place, ledger = spec.kubernetes.scheduler, spec.kubernetes.ledger
    environment = {
        **_ENVIRONMENT,
        "XDG_DATA_HOME": _DATA,
        "MEDIADASK_LEDGER_KEY": f"{_KEY}/ledger.key",
        **({"MEDIADASK_LEDGER": ledger.address} if ledger.address else {}),
        **spec.kubernetes.environment,
    }
    container = _container(
        "scheduler",
        f"dask scheduler --protocol tls --port {PORT} --dashboard-address :{PAGES_PORT}"
        " --preload mediadask.pool.guard --preload mediadask.pool.scheduler",
        spec,
        place,
        environment,
    )
    if ledger.secret:
        reference = {"secretKeyRef": {"name": ledger.secret, "key": "password"}}
        container["env"].append({"name": "PGPASSWORD", "valueFrom": reference})
    container["ports"] = [
        {"name": "tcp-comm", "containerPort": PORT, "protocol": "TCP"},
        {"name": "http-dashboard", "containerPort": PAGES_PORT, "protocol": "TCP"},
    ]
    health = {"httpGet": {"path": "/health", "port": "http-dashboard"}}
    ready = {"httpGet": {"path": "/ready", "port": "http-dashboard"}}
    container["readinessProbe"] = {**ready, "periodSeconds": 2, "timeoutSeconds": 5}
    container["livenessProbe"] = {**health, "periodSeconds": 30, "timeoutSeconds": 10, "failureThreshold": 10}
    container["volumeMounts"] += [
        {"name": "key", "mountPath": _KEY, "readOnly": True},
        {"name": "data", "mountPath": _DATA},
    ]
    kept = {"persistentVolumeClaim": {"claimName": ledger.claim}} if ledger.claim else {"emptyDir": {}}
    volumes = [
        {"name": "key", "secret": {"secretName": f"{spec.name}-key"}},
        {"name": "data", **kept},
    ]
    pod = _pod(container, spec, place, "scheduler.yaml", volumes)
    return {**pod, "serviceAccountName": scheduler_of(spec.name), "automountServiceAccountToken": True}


def worker_pod(spec: Spec, tier: str) -> Object:
    """The spec of the pods of a tier's workers. Who makes one adds ``DASK_WORKER_NAME`` and how it ends."""
    pods = spec.pods[tier]
    environment = {
        **_ENVIRONMENT,
        **_WORKER_ENVIRONMENT,
        "DASK_SCHEDULER_ADDRESS": address_of(spec.name, spec.namespace),
        **spec.kubernetes.environment,
        **pods.environment,
    }
    container = _container(
        "worker",
        # What `dask worker` does, without loading all of Dask's other commands: a third sooner.
        "python -m distributed.cli.dask_worker --name $(DASK_WORKER_NAME) --protocol tls"
        f" --nthreads {spec.pool.tiers[tier].threads}"
        # Dask by itself would take as many parts of the memory as it takes of the node's cores.
        f" --memory-limit {amount(pods.memory):.0f}"
        f" --no-nanny --no-dashboard --local-directory {_SCRATCH} --preload mediadask.pool.guard",
        spec,
        pods,
        environment,
        image=pods.image,
    )
    return {**_pod(container, spec, pods, "worker.yaml"), "automountServiceAccountToken": False}


def _container(
    name: str,
    command: str,
    spec: Spec,
    place: Placement,
    environment: Mapping[str, str],
    image: str | None = None,
) -> Object:
    kubernetes = spec.kubernetes
    mounts = [
        {"name": "settings", "mountPath": _SETTINGS, "readOnly": True},
        {"name": "tls", "mountPath": _TLS, "readOnly": True},
        {"name": "scratch", "mountPath": _SCRATCH},
    ]
    for volume, there in kubernetes.volumes.items():
        mounts.append(
            {"name": volume, "mountPath": there.mount, **({"readOnly": True} if there.read_only else {})}
        )
    container: Object = {
        "name": name,
        "image": image or kubernetes.image,
        "args": command.split(),
        "env": [{"name": key, "value": value} for key, value in environment.items()],
        "resources": {
            "requests": {"cpu": place.cpu, "memory": place.memory},
            "limits": {"memory": place.memory},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": mounts,
    }
    if kubernetes.secrets:
        container["envFrom"] = [{"secretRef": {"name": secret}} for secret in kubernetes.secrets]
    return container


def _pod(
    container: Object, spec: Spec, place: Placement, settings: str, volumes: list[Object] | None = None
) -> Object:
    kubernetes = spec.kubernetes
    limit = {"sizeLimit": place.scratch} if place.scratch else {}
    items = [{"key": settings, "path": "mediadask.yaml"}]
    pod: Object = {
        "containers": [container],
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": kubernetes.run_as.user,
            "runAsGroup": kubernetes.run_as.group,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumes": [
            {"name": "settings", "configMap": {"name": f"{spec.name}-settings", "items": items}},
            {"name": "tls", "secret": {"secretName": f"{spec.name}-tls"}},
            {"name": "scratch", "emptyDir": limit},
            *(volumes or []),
            *(
                {"name": volume, "persistentVolumeClaim": {"claimName": there.claim}}
                for volume, there in kubernetes.volumes.items()
            ),
        ],
    }
    if kubernetes.pull_secrets:
        pod["imagePullSecrets"] = [{"name": secret} for secret in kubernetes.pull_secrets]
    if place.node_selector:
        pod["nodeSelector"] = dict(place.node_selector)
    if place.tolerations:
        pod["tolerations"] = [dict(each) for each in place.tolerations]
    if place.affinity:
        pod["affinity"] = place.affinity
    if place.priority_class:
        pod["priorityClassName"] = place.priority_class
    return pod
