"""What ``kubectl get daskclusters,daskworkergroups`` shows of workers that are pods of our own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mediadask.pool.scaling.kubernetes_api import KubernetesApi

__all__ = ["set_replicas"]

_HANDLED = "kopf.zalando.org/last-handled-configuration"


async def set_replicas(api: KubernetesApi, plural: str, name: str, count: int) -> bool:
    """Have an object of dask-kubernetes say how many workers there are. Returns whether it does.

    Its operator makes workers where it sees that replicas have changed: it compares an object with what it
    handled last, which kopf keeps in an annotation (docs.kopf.dev, "Diff-base storage"). So both are changed
    in one patch, and for the operator nothing has. An object that it has not seen yet is left alone.
    """
    found = await api.dask_object(plural, name)
    handled = found["metadata"].get("annotations", {}).get(_HANDLED)
    if handled is None:
        return False
    essence = json.loads(handled)
    essence["spec"]["worker"]["replicas"] = count
    patch = {
        "metadata": {
            "resourceVersion": found["metadata"]["resourceVersion"],
            "annotations": {_HANDLED: json.dumps(essence, separators=(",", ":"))},
        },
        "spec": {"worker": {"replicas": count}},
    }
    if plural == "daskclusters":  # its operator may say Pending last, and does not look again
        patch["status"] = {"phase": "Running"}
    await api.patch_dask_object(plural, name, patch)
    return True
