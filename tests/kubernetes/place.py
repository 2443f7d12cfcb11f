"""A place for a pool on a real cluster: a namespace, a DaskCluster, the worker groups of its tiers, rights.

Pods run the image that ``MEDIADASK_TEST_IMAGE`` names. Without one they run ``localhost/host:1``, which holds
next to nothing: this machine's own Python, environment and checkout are mounted.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
IMAGE = os.environ.get("MEDIADASK_TEST_IMAGE")
PATHS = list(dict.fromkeys(str(path) for path in ("/usr", Path(sys.base_prefix).resolve(), sys.prefix, ROOT)))
"""Folders of this machine that pods mount where there is no image of the code."""

LEAVING: list[str] = []
"""Namespaces that were deleted: that takes ten seconds, for which no test waits."""

WORKER = [
    *("python", "-m", "distributed.cli.dask_worker", "--name", "$(DASK_WORKER_NAME)"),
    *("--no-nanny", "--no-dashboard", "--nthreads"),
]
"""Whatever command line plug-ins of Dask there are, this way none is loaded."""


def kubectl(*arguments: str, given: Any = None, fails: bool = False) -> str:
    """What kubectl prints; `given` is what ``-f -`` reads."""
    done = subprocess.run(
        ["kubectl", *arguments],
        input=given if given is None or isinstance(given, str) else json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
    )
    assert fails or done.returncode == 0, done.stderr
    return done.stdout


def apply(*manifests: dict[str, Any]) -> None:
    kubectl("apply", "-f", "-", given={"apiVersion": "v1", "kind": "List", "items": list(manifests)})


@contextmanager
def new_namespace(**labels: str) -> Iterator[str]:
    """A namespace that is there only here."""
    name = f"{os.environ.get('MEDIADASK_TEST_PREFIX', 'mediadask')}-{uuid4().hex[:8]}"
    apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    try:
        yield name
    finally:
        kubectl("delete", "namespace", name, "--wait=false", fails=True)
        LEAVING.append(name)


def container(
    args: list[str],
    *,
    cpu: str = "150m",
    memory: str = "700Mi",
    env: dict[str, str] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A container that runs this checkout."""
    env = dict(env or {})
    made: dict[str, Any] = {
        "name": "worker",
        "image": IMAGE or "localhost/host:1",
        "imagePullPolicy": "IfNotPresent",
        "args": args,
        "resources": {"requests": {"cpu": cpu, "memory": "100Mi"}, "limits": {"memory": memory}},
        **more,
    }
    if IMAGE is None:
        env |= {
            "PATH": f"{sys.prefix}/bin:/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        of_host = [{"name": f"host{n}", "mountPath": path, "readOnly": True} for n, path in enumerate(PATHS)]
        made["volumeMounts"] = [*made.get("volumeMounts", []), *of_host]
    made["env"] = [{"name": key, "value": value} for key, value in env.items()]
    return made


def pod_spec(made: dict[str, Any], volumes: list[Any] | None = None, **more: Any) -> dict[str, Any]:
    of_host = [{"name": f"host{n}", "hostPath": {"path": path}} for n, path in enumerate(PATHS)]
    return {"containers": [made], "volumes": [*(volumes or []), *([] if IMAGE else of_host)], **more}


def worker_group(cluster: str, tier: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "kubernetes.dask.org/v1",
        "kind": "DaskWorkerGroup",
        "metadata": {"name": f"{cluster}-{tier}", "labels": {"dask.org/cluster-name": cluster}},
        "spec": {"cluster": cluster, "worker": {"replicas": 0, "spec": spec}},
    }


def dask_cluster(
    name: str, scheduler: dict[str, Any] | None = None, worker: dict[str, Any] | None = None
) -> dict[str, Any]:
    """A DaskCluster; without the spec of a scheduler's pod it has one that only waits."""
    select = {"dask.org/cluster-name": name, "dask.org/component": "scheduler"}
    ports = [("tcp-comm", 8786), ("http-dashboard", 8787)]
    service = {
        "type": "ClusterIP",
        "selector": select,
        "ports": [
            {"name": each, "protocol": "TCP", "port": port, "targetPort": each} for each, port in ports
        ],
    }
    waits = pod_spec(container(["sleep", "infinity"]), terminationGracePeriodSeconds=0)
    return {
        "apiVersion": "kubernetes.dask.org/v1",
        "kind": "DaskCluster",
        "metadata": {"name": name},
        "spec": {
            "worker": {"replicas": 0, "spec": worker or waits},
            "scheduler": {"spec": scheduler or waits, "service": service},
        },
    }


def pool(name: str, tiers: dict[str, dict[str, Any]], settings: dict[str, Any], **more: Any) -> list[Any]:
    """The manifests of a pool.

    Parameters
    ----------
    tiers
        For each its pods' spec.
    settings
        The ``mediadask`` section; its ``kubernetes.namespace`` is where all this goes.
    more
        What else the scheduler's container has.
    """
    namespace = settings["kubernetes"]["namespace"]
    run = ["dask", "scheduler", "--preload", "mediadask.pool.scheduler", "--no-dashboard"]
    ports = [
        {"name": "tcp-comm", "containerPort": 8786},
        {"name": "http-dashboard", "containerPort": 8787},
    ]
    mounts = [{"name": "settings", "mountPath": "/etc/mediadask"}, {"name": "ledger", "mountPath": "/ledger"}]
    ready = {"tcpSocket": {"port": "tcp-comm"}, "periodSeconds": 1}
    env = {
        "DASK_CONFIG": "/etc/mediadask",
        "MEDIADASK_LEDGER": "/ledger/ledger.sqlite",
        "HOME": "/tmp",
        **more.pop("env", {}),
    }
    made = container(
        run, env=env, memory="1Gi", volumeMounts=mounts, readinessProbe=ready, ports=ports, **more
    )
    ledger = {"hostPath": {"path": f"/tmp/ledger-{namespace}", "type": "DirectoryOrCreate"}}
    volumes = [
        {"name": "settings", "configMap": {"name": f"{name}-settings"}},
        {"name": "ledger", **ledger},
    ]
    account = {"namespace": namespace, "name": f"{name}-scheduler"}
    groups = [f"{name}-{tier}" for tier in tiers]
    rules = [
        {
            "apiGroups": [""],
            "resources": ["pods"],
            "verbs": ["create", "deletecollection", "get", "list", "watch"],
        },
        {"apiGroups": [""], "resources": ["events"], "verbs": ["list"]},
        {
            "apiGroups": ["kubernetes.dask.org"],
            "resources": ["daskworkergroups"],
            "resourceNames": groups,
            "verbs": ["get", "patch"],
        },
        {
            "apiGroups": ["kubernetes.dask.org"],
            "resources": ["daskclusters"],
            "resourceNames": [name],
            "verbs": ["delete", "get", "patch"],
        },
    ]
    role = "rbac.authorization.k8s.io"
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account},
        {"apiVersion": f"{role}/v1", "kind": "Role", "metadata": account, "rules": rules},
        {
            "apiVersion": f"{role}/v1",
            "kind": "RoleBinding",
            "metadata": account,
            "roleRef": {"apiGroup": role, "kind": "Role", "name": account["name"]},
            "subjects": [{"kind": "ServiceAccount", **account}],
        },
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"namespace": namespace, "name": f"{name}-settings"},
            "data": {"mediadask.yaml": json.dumps({"mediadask": settings})},
        },
        *(
            each | {"metadata": {**each["metadata"], "namespace": namespace}}
            for each in (
                dask_cluster(
                    name,
                    pod_spec(
                        made, volumes, serviceAccountName=account["name"], terminationGracePeriodSeconds=5
                    ),
                ),
                *(worker_group(name, tier, spec) for tier, spec in tiers.items()),
            )
        ),
    ]


def address_for_pods() -> str:
    """This machine's address as pods of the cluster see it: where it reaches a node from."""
    path = "jsonpath={.items[0].status.addresses[?(@.type=='InternalIP')].address}"
    node = kubectl("get", "nodes", "-o", path)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unsent:
        unsent.connect((node, 9))
        return str(unsent.getsockname()[0])


def service_address(namespace: str, name: str) -> str:
    """The address of a pool's scheduler, from this machine."""
    ip = kubectl("-n", namespace, "get", "service", f"{name}-scheduler", "-o", "jsonpath={.spec.clusterIP}")
    return f"tcp://{ip}:8786"


def bring_up(namespace: str, tiers: dict[str, Any] | None = None, **settings: Any) -> str:
    """A pool ``studio`` with small pods. Returns its scheduler's address."""
    tier = {"kind": "on-demand", "price-per-hour": 1, "maximum": 4, "startup": "5s"}
    tiers = tiers or {"cloud": tier}
    place = {"cluster": "studio", "namespace": namespace}
    all_settings = {
        "name": "studio",
        "grace": "1s",
        "kubernetes": place,
        "tiers": {"local": None, **tiers},
        **settings,
    }
    spec = pod_spec(container([*WORKER, "1"]))
    groups = {name: spec for name, tier in tiers.items() if tier["kind"] != "joins"}
    apply(*pool("studio", groups, all_settings))
    ready = "jsonpath={.status.readyReplicas}"
    eventually(
        lambda: kubectl("-n", namespace, "get", "deploy", "studio-scheduler", "-o", ready, fails=True) == "1",
        "the scheduler",
    )
    return service_address(namespace, "studio")


def eventually(condition: Callable[[], Any], of: str, seconds: float = 90) -> Any:
    """What the condition says when it is true."""
    give_up = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < give_up, f"{of} did not come true"
        time.sleep(0.05)
    return value


def workers(namespace: str, tier: str | None = None) -> dict[str, str]:
    """The worker pods, each with its phase."""
    label = "mediadask.org/tier" + (f"={tier}" if tier else "")
    told = json.loads(kubectl("-n", namespace, "get", "pods", "-l", label, "-o", "json"))
    return {each["metadata"]["name"]: each["status"]["phase"] for each in told["items"]}
