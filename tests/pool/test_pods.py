"""What a pod's status means, in words; what a worker's pod is made of."""

from __future__ import annotations

from typing import Any

import pytest

from mediadask.pool.scaling.pods import Phase, pod_of, worker_pod

CREATED = "2026-11-27T10:00:00Z"


def pod(status: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    container = {"name": "worker", "image": "site/media:7", "resources": {"limits": {"memory": "2Gi"}}}
    return {
        "metadata": {
            "name": "cloud-1",
            "labels": {"mediadask.org/tier": "cloud"},
            "creationTimestamp": CREATED,
            **metadata,
        },
        "spec": {"containers": [container]},
        "status": status,
    }


def container(**state: Any) -> dict[str, Any]:
    return {"containerStatuses": [{"name": "worker", "state": state}]}


def unscheduled(message: str) -> dict[str, Any]:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return {"phase": "Pending", "conditions": [condition]}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"phase": "Pending", **container(waiting={"reason": reason, "message": message})}


def disrupted(reason: str, phase: str = "Running") -> dict[str, Any]:
    return {"phase": phase, "conditions": [{"type": "DisruptionTarget", "status": "True", "reason": reason}]}


def terminated(**more: Any) -> dict[str, Any]:
    ended = {"startedAt": "2026-11-27T10:00:05Z", "finishedAt": "2026-11-27T10:00:09Z", "exitCode": 1}
    return {"phase": "Failed", **container(terminated={"reason": "Error", **ended, **more})}


def test_a_node_that_does_not_take_its_pod() -> None:
    given = pod({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "True"}]})
    given["spec"]["nodeName"] = "rack-7"
    assert pod_of(given).reason == "node rack-7 does not answer"
    given["status"]["startTime"] = CREATED
    assert pod_of(given).reason == ""


@pytest.mark.parametrize(
    ("status", "phase", "reason"),
    [
        ({"phase": "Pending"}, "starting", ""),
        ({"phase": "Running", **container(running={})}, "running", ""),
        (
            unscheduled("0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable. No."),
            "unscheduled",
            "of 3 nodes 1 without free cpu, 2 cordoned",
        ),
        (
            unscheduled("0/1 nodes are available: 1 node(s) had untolerated taint {gpu: true}."),
            "unscheduled",
            "of 1 node 1 with the taint gpu: true, which the tier does not tolerate",
        ),
        (
            unscheduled("0/2 nodes are available: 2 node(s) had untolerated taint {k8s.io/lost: }."),
            "unscheduled",
            "of 2 nodes 2 with the taint k8s.io/lost, which the tier does not tolerate",
        ),
        (
            unscheduled("0/13 nodes are available: 1 Insufficient cpu, 12 node(s) had untolerated taint(s)."),
            "unscheduled",
            "of 13 nodes 1 without free cpu, 12 with taints that the tier does not tolerate",
        ),
        (unscheduled("something new.\nindeed"), "unscheduled", "something new. indeed"),
        (
            waiting("ImagePullBackOff", "…: not found"),
            "starting",
            "image site/media:7 cannot be pulled: not found",
        ),
        (
            waiting("CreateContainerConfigError", 'secret "x" not found'),
            "starting",
            'secret "x" not found',
        ),
        (waiting("ContainerCreating"), "starting", ""),
        (
            disrupted("PreemptionByScheduler"),
            "leaving",
            "preempted: a pod of a higher priority class took its place",
        ),
        (disrupted("Unheard"), "leaving", "taken away: Unheard"),
        (disrupted("DeletionByTaintManager", "Failed"), "ended", "its node is lost, or was tainted"),
        (
            {"phase": "Failed", "reason": "Evicted", "message": "Pod ephemeral storage exceeds 10Mi. "},
            "ended",
            "evicted: Pod ephemeral storage exceeds 10Mi",
        ),
        (terminated(reason="OOMKilled", exitCode=137), "ended", "out of memory: it may have 2Gi"),
        (
            terminated(message="Traceback…\nModuleNotFoundError: av\n2026 - distributed - INFO - End\n"),
            "ended",
            "ended with exit code 1: ModuleNotFoundError: av",
        ),
        ({"phase": "Succeeded", **container(terminated={"reason": "Completed", "exitCode": 0})}, "ended", ""),
    ],
)
def test_what_a_status_means(status: dict[str, Any], phase: Phase, reason: str) -> None:
    told = pod_of(pod(status))
    assert (told.phase, told.reason) == (phase, reason)


def test_a_pod_that_is_deleted_leaves_whatever_else_it_does() -> None:
    told = pod_of(pod({"phase": "Running", **container(running={})}, deletionTimestamp=CREATED))
    assert (told.phase, told.reason) == ("leaving", "its pod was deleted")


def test_only_what_its_worker_could_not_do_is_a_failure() -> None:
    assert pod_of(pod(terminated())).is_failure
    assert pod_of(pod(terminated())).ran_seconds == 4
    assert not pod_of(pod(disrupted("DeletionByPodGC", "Failed"))).is_failure
    assert not pod_of(pod(terminated(), deletionTimestamp=CREATED)).is_failure


GROUP = {
    "apiVersion": "kubernetes.dask.org/v1",
    "kind": "DaskWorkerGroup",
    "metadata": {"name": "studio-cloud", "uid": "u-1"},
    "spec": {
        "cluster": "studio",
        "worker": {
            "metadata": {"labels": {"show": "all"}},
            "spec": {"containers": [{"name": "worker", "env": [{"name": "DASK_SCHEDULER_ADDRESS", "value": "tls://a"}]}]},
        },
    },
}  # fmt: skip


def test_a_workers_pod_is_its_groups_with_a_name_and_time_to_leave() -> None:
    made = worker_pod("cloud-1", "cloud", GROUP, "tcp://b", "media")
    (container,) = made["spec"]["containers"]
    assert container["env"] == [
        {"name": "DASK_WORKER_NAME", "value": "cloud-1"},
        {"name": "DASK_SCHEDULER_ADDRESS", "value": "tls://a"},
    ]
    assert made["metadata"]["labels"]["show"] == "all"
    assert made["metadata"]["ownerReferences"][0]["uid"] == "u-1"
    assert made["spec"]["restartPolicy"] == "Never"
    assert container["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", "20"]
    assert made["spec"]["terminationGracePeriodSeconds"] == 30
    assert "name" not in GROUP["spec"]["worker"]["spec"]["containers"][0]["env"][0]["value"], (
        "the group stays"
    )
