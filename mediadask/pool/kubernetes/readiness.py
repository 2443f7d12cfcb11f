"""Whether a pool's scheduler runs, and if not why, from what the API says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mediadask.errors import OutputFailed
from mediadask.pool.scaling.kubernetes_names import CLUSTER, COMPONENT, selector

if TYPE_CHECKING:
    from mediadask.pool.kubernetes.api import Api, Object

__all__ = ["is_ready", "scheduler_pods", "serves", "why_not_ready"]

_HOPELESS = {"ErrImageNeverPull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError"}
_FAILED = {"CrashLoopBackOff", "RunContainerError", "CreateContainerError"}


async def scheduler_pods(api: Api, name: str, namespace: str) -> list[Object]:
    """The pods of the scheduler, without one that ends: mostly one."""
    pods = await api.find("Pod", namespace, selector({CLUSTER: name, COMPONENT: "scheduler"}))
    return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def serves(pod: Object) -> bool:
    """Whether a pod is ready."""
    conditions = {each["type"]: each["status"] for each in pod["status"].get("conditions", ())}
    return conditions.get("Ready") == "True"


def is_ready(deployment: Object) -> bool:
    """Whether the scheduler that this Deployment is to run runs, and no other.

    A pod that was deleted just now is counted for a moment longer.
    """
    status = deployment.get("status", {})
    is_seen = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    counts = (status.get(count, 0) for count in ("replicas", "updatedReplicas", "readyReplicas"))
    return is_seen and all(count == 1 for count in counts)


async def why_not_ready(api: Api, deployment: Object) -> str:
    """Why the pod of the scheduler's Deployment is not ready yet.

    Raises
    ------
    OutputFailed
        It will never be.
    """
    namespace, name = deployment["metadata"]["namespace"], deployment["metadata"]["labels"][CLUSTER]
    for each in deployment.get("status", {}).get("conditions", ()):
        if each["type"] == "ReplicaFailure":
            raise OutputFailed(f"its scheduler cannot start: {each['message']}", where=name)
    why = ""
    for pod in await scheduler_pods(api, name, namespace):
        status = pod["status"]
        for each in status.get("conditions", ()):
            if each["type"] == "PodScheduled" and each["status"] == "False":
                why = each.get("message", "no node for it")
        for each in status.get("containerStatuses", ()):
            waiting: dict[str, Any] = each["state"].get("waiting") or {}
            reason = waiting.get("reason", "")
            why = waiting.get("message") or reason or why
            if reason in _HOPELESS:
                raise OutputFailed(f"its scheduler cannot start: {reason}: {why}", where=name)
            if reason in _FAILED or each["restartCount"] > 0:
                said = await api.log(pod["metadata"]["name"], namespace, previous=True)
                raise OutputFailed(f"its scheduler ends as it starts: {_last_words(said) or why}", where=name)
    if deployment["spec"]["replicas"] == 0:
        return "somebody has scaled its Deployment to 0"
    return why or "its pod is starting"


def _last_words(log: str) -> str:
    """The line of a log that says what went wrong: the last error, else what a program printed as it died."""
    lines = [line for line in log.splitlines() if line.strip() and " - INFO - " not in line]
    errors = [line.partition(" - ERROR - ")[2] for line in lines if " - ERROR - " in line]
    return errors[-1] if errors else lines[-1] if lines else ""
