"""A real cluster that ``KUBECONFIG`` names, and namespaces there which enforce the restricted Pod Security
Standard.

Pods run the image that ``MEDIADASK_TEST_IMAGE`` names. Without one they run ``localhost/host:1``, which holds
next to nothing: this machine's own Python, environment and checkout are mounted, so that the code that is
tested is this.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.kubernetes.place import IMAGE, LEAVING, PATHS, ROOT, apply, kubectl, new_namespace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session", autouse=True)
def _cluster() -> Iterator[None]:
    if not os.environ.get("KUBECONFIG"):
        pytest.skip("NO KUBERNETES: set KUBECONFIG to that of a cluster for tests")
    kubectl("get", "--raw", "/readyz")
    yield
    if LEAVING:
        kubectl("wait", "--for=delete", *(f"namespace/{name}" for name in LEAVING), "--timeout=120s")


@pytest.fixture
def namespace() -> Iterator[str]:
    """A new namespace."""
    with make_namespace() as name:
        yield name


@contextmanager
def make_namespace() -> Iterator[str]:
    """One in which only restricted pods run."""
    with new_namespace(**{"pod-security.kubernetes.io/enforce": "restricted"}) as name:
        if IMAGE is None:
            apply(*_volumes(name))
        try:
            yield name
        finally:
            if IMAGE is None:
                kubectl("delete", "persistentvolume", "-l", f"namespace={name}", "--wait=false")


def _volumes(namespace: str) -> list[dict[str, Any]]:
    """Folders of this machine as volume claims, which restricted pods may mount."""
    return [it for number, path in enumerate(PATHS) for it in volume(namespace, f"host{number}", path)]


def volume(namespace: str, claim: str, path: str | Path) -> list[dict[str, Any]]:
    """A claim, and the volume for it that is a folder of this machine."""
    name = f"{namespace}-{claim}"
    common = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    there = {"hostPath": {"path": str(path)}, "capacity": {"storage": "1Gi"}, **common}
    there["claimRef"] = {"namespace": namespace, "name": claim}
    asked = {"volumeName": name, "resources": {"requests": {"storage": "1Gi"}}, **common}
    return [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name, "labels": {"namespace": namespace}},
            "spec": there,
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": claim, "namespace": namespace},
            "spec": asked,
        },
    ]


def small_spec(namespace: str, name: str = "studio", **more: Any) -> dict[str, Any]:
    """A spec of small pods with one tier, ``burst``; `more` goes into its section ``kubernetes``."""
    kubernetes: dict[str, Any] = {
        "version": 1,
        "namespace": namespace,
        "image": IMAGE or "localhost/host:1",
        "scheduler": {"cpu": "50m", "memory": "1Gi"},
        **more,
    }
    if IMAGE is None:
        kubernetes["volumes"] = {
            f"host{number}": {"claim": f"host{number}", "mount": path, "read-only": True}
            for number, path in enumerate(PATHS)
        } | kubernetes.get("volumes", {})
        kubernetes["environment"] = {
            "PATH": f"{sys.prefix}/bin:/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
        } | kubernetes.get("environment", {})
    tier = {"kind": "on-demand", "price-per-hour": 0.1, "maximum": 4, "startup": "5s"}
    pods = {"cpu": "50m", "memory": "700Mi"}
    settings = {"name": name, "grace": "2s", "tiers": {"burst": {**tier, "pods": pods}}}
    return {"kubernetes": kubernetes, "mediadask": settings}
