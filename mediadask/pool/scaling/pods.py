"""Worker pods as plain data: what one is made of, and what the cluster says about it, in words."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from mediadask.pool.scaling.kubernetes_names import CLUSTER, COMPONENT, TIER, WORKER

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Phase", "Pod", "pod_of", "worker_pod"]

_GRACE_SECONDS = 30
_EVACUATION_SHARE = 2 / 3
"""So much of its grace a pod that is taken away waits with its end, for its units to give their work back."""

Phase = Literal["unscheduled", "starting", "running", "leaving", "ended"]


@dataclass(frozen=True, slots=True)
class Pod:
    """A worker pod as the cluster last told of it."""

    name: str
    tier: str
    phase: Phase
    created: datetime

    reason: str = ""
    """Why it waits, leaves, or has ended; empty where there is nothing to tell."""

    is_stuck: bool = False
    """Whether it comes only if somebody mends something."""

    is_failure: bool = False
    """Whether it has ended because its worker could not do its work."""

    ran_seconds: float = 0.0
    """How long it ran, once it has ended."""


def worker_pod(
    name: str, tier: str, group: Mapping[str, Any], scheduler: str, namespace: str
) -> dict[str, Any]:
    """The manifest of a worker.

    Parameters
    ----------
    name
        Of the pod, and of the worker in Dask.
    group
        The tier's DaskWorkerGroup, which owns the pod and says what it looks like.
    scheduler
        The address that the worker connects to, where the group does not say it.
    """
    worker = group["spec"]["worker"]
    spec = copy.deepcopy(worker["spec"])
    spec.setdefault("automountServiceAccountToken", False)
    grace = spec.setdefault("terminationGracePeriodSeconds", _GRACE_SECONDS)
    spec["restartPolicy"] = "Never"  # the policy says how many there are
    container = spec["containers"][0]
    # Dask's worker leaves at once when it is told to end. A process in the container that sleeps keeps that
    # from it until the scheduler has had its work given back, and ends with it. (Kubernetes' own `sleep` does
    # not: the pod of a worker that has closed stays until it is over.)
    if evacuation := int(grace * _EVACUATION_SHARE):
        container.setdefault("lifecycle", {"preStop": {"exec": {"command": ["sleep", str(evacuation)]}}})
    container.setdefault("terminationMessagePolicy", "FallbackToLogsOnError")
    given = container.get("env", [])
    named = {each["name"] for each in given}
    ours = {"DASK_WORKER_NAME": name, "DASK_SCHEDULER_ADDRESS": scheduler}
    container["env"] = [{"name": key, "value": ours[key]} for key in ours if key not in named] + given
    metadata = worker.get("metadata", {})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "annotations": dict(metadata.get("annotations", {})),
            "labels": {
                **metadata.get("labels", {}),
                CLUSTER: group["spec"]["cluster"],
                "dask.org/workergroup-name": group["metadata"]["name"],
                COMPONENT: "worker",
                TIER: tier,
                WORKER: name,
            },
            # Whoever deletes the DaskCluster, and its groups with it, has deleted the pods.
            "ownerReferences": [
                {
                    "apiVersion": group["apiVersion"],
                    "kind": group["kind"],
                    "name": group["metadata"]["name"],
                    "uid": group["metadata"]["uid"],
                }
            ],
        },
        "spec": spec,
    }


def pod_of(raw: Mapping[str, Any]) -> Pod:
    """What the cluster says about a pod."""
    metadata, status = raw["metadata"], raw.get("status", {})
    name, tier = metadata["name"], metadata["labels"][TIER]
    created = _moment(metadata["creationTimestamp"])
    conditions = {each["type"]: each for each in status.get("conditions", ())}
    containers = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    taken = _taken_away(metadata, conditions)
    if status.get("phase") in ("Succeeded", "Failed"):
        reason = taken or _why_ended(status, containers, raw)
        ended = next((each for each in _states(containers, "terminated")), {})
        failed = status["phase"] == "Failed" and not taken
        return Pod(name, tier, "ended", created, reason, is_failure=failed, ran_seconds=_ran(ended))
    if taken:
        return Pod(name, tier, "leaving", created, taken)
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") == "False":
        return Pod(name, tier, "unscheduled", created, _why_unscheduled(scheduled.get("message", "")))
    for waiting in _states(containers, "waiting"):
        if stuck := _why_stuck(waiting, raw):
            return Pod(name, tier, "starting", created, stuck, is_stuck=True)
    if status.get("phase") == "Running":
        return Pod(name, tier, "running", created)
    node = raw.get("spec", {}).get("nodeName")
    is_taken = not node or status.get("startTime") or containers  # which the node itself says
    return Pod(name, tier, "starting", created, "" if is_taken else f"node {node} does not answer")


_DISRUPTIONS = {
    "EvictionByEvictionAPI": "evicted: its node is drained",
    "PreemptionByScheduler": "preempted: a pod of a higher priority class took its place",
    "DeletionByTaintManager": "its node is lost, or was tainted",
    "DeletionByPodGC": "its node is gone",
    "TerminationByKubelet": "ended by its node, which shuts down or is short of memory or disk",
}


def _taken_away(metadata: Mapping[str, Any], conditions: Mapping[str, Any]) -> str:
    disruption = conditions.get("DisruptionTarget", {})
    if disruption.get("status") == "True":
        reason = disruption.get("reason", "")
        return _DISRUPTIONS.get(reason, f"taken away: {reason}")
    return "its pod was deleted" if metadata.get("deletionTimestamp") else ""


def _states(containers: list[Any], which: str) -> list[dict[str, Any]]:
    return [{**each, **each["state"][which]} for each in containers if each.get("state", {}).get(which)]


def _why_ended(status: Mapping[str, Any], containers: list[Any], raw: Mapping[str, Any]) -> str:
    if status.get("reason"):  # of the node's: Evicted, NodeShutdown, UnexpectedAdmissionError and the like
        return f"{_spaced(status['reason'])}: {_sentence(status.get('message', ''))}".rstrip(": ")
    for ended in _states(containers, "terminated"):
        if ended["reason"] == "OOMKilled":
            limit = _container(raw, ended["name"]).get("resources", {}).get("limits", {}).get("memory")
            return f"out of memory: it may have {limit}" if limit else "out of memory"
        if ended.get("exitCode"):
            lines = ended.get("message", "").splitlines()
            said = [
                line for line in lines if line.strip() and " - INFO - " not in line
            ]  # no error of Dask's log
            return f"ended with exit code {ended['exitCode']}" + (f": {said[-1].strip()}" if said else "")
    return ""


def _why_stuck(waiting: Mapping[str, Any], raw: Mapping[str, Any]) -> str:
    reason, message = waiting.get("reason", ""), waiting.get("message", "")
    image = _container(raw, waiting["name"]).get("image", "")
    match reason:
        case "ErrImagePull" | "ImagePullBackOff":
            known = re.search(r"not found|unauthorized|denied|no such host|refused|timeout", message)
            return f"image {image} cannot be pulled" + (f": {known[0]}" if known else "")
        case "ErrImageNeverPull":
            return f"image {image} is not on the node, and is never pulled"
        case "InvalidImageName":
            return f"{image!r} is no image's name"
        case "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" | "CrashLoopBackOff":
            return _sentence(message) or _spaced(reason)
    return ""


_SHORT = (
    (r"(\d+) Insufficient (\S+)", r"\1 without free \2"),
    (r"(\d+) node\(s\) were unschedulable", r"\1 cordoned"),
    (r"(\d+) node\(s\) had untolerated taint \{node\.kubernetes\.io/unschedulable: \}", r"\1 cordoned"),
    (
        r"(\d+) node\(s\) had untolerated taint \{(.+): \}",
        r"\1 with the taint \2, which the tier does not tolerate",
    ),
    (
        r"(\d+) node\(s\) had untolerated taint \{(.+)\}",
        r"\1 with the taint \2, which the tier does not tolerate",
    ),
    (r"(\d+) node\(s\) had untolerated taint\(s\)", r"\1 with taints that the tier does not tolerate"),
    (r"(\d+) node\(s\) didn't match Pod's node affinity/selector", r"\1 that the tier does not select"),
    (r"(\d+) Too many pods", r"\1 with as many pods as they may have"),
)


def _why_unscheduled(message: str) -> str:
    """Such as ``of 3 nodes 1 without free cpu, 2 cordoned``."""
    found = re.match(r"0/(\d+) nodes are available: (.+?)\.(?: |$)", message)
    if found is None:
        return _sentence(message)
    parts = []
    for part in found[2].split(", "):
        short = next((re.sub(*each, part) for each in _SHORT if re.fullmatch(each[0], part)), part)
        parts.append(short)
    return f"of {found[1]} node{'s' * (found[1] != '1')} {', '.join(parts)}"


def _container(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    spec = raw.get("spec", {})
    all_of_them = [*spec.get("initContainers", ()), *spec.get("containers", ())]
    return next((each for each in all_of_them if each["name"] == name), {})


def _sentence(message: str) -> str:
    """One line, without a full stop."""
    return " ".join(message.split()).rstrip(".")


def _spaced(reason: str) -> str:
    """``NodeShutdown`` as words."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", reason).lower()


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _ran(ended: Mapping[str, Any]) -> float:
    began, end = ended.get("startedAt"), ended.get("finishedAt")
    return (_moment(end) - _moment(began)).total_seconds() if began and end else 0.0
