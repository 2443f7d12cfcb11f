"""Manifests are made from the spec alone, and say what a restricted namespace and careful people ask for."""

from __future__ import annotations

import copy
import subprocess
import sys
from typing import Any

import pytest
import yaml

from mediadask.pool.config import load_config
from mediadask.pool.kubernetes.manifests import manifests
from mediadask.pool.kubernetes.plain import plain_yaml
from mediadask.pool.kubernetes.quantities import amount
from mediadask.pool.kubernetes.secrets import new_key, new_tls, security_in
from mediadask.pool.kubernetes.spec import read_spec
from tests.pool.kubernetes.test_spec import CLUSTERS, SPEC, changed


def made(path: str = "mediadask.name", value: Any = "studio") -> dict[tuple[str, str], dict[str, Any]]:
    """By kind and name, what the example stands for, changed at a path."""
    return {
        (each["kind"], each["metadata"]["name"]): each for each in manifests(read_spec(changed(path, value)))
    }


def pods() -> dict[str, dict[str, Any]]:
    there = made()
    spec = there["DaskCluster", "studio"]["spec"]
    groups = {
        name: each["spec"]["worker"]["spec"]
        for (kind, name), each in there.items()
        if kind == "DaskWorkerGroup"
    }
    return {"scheduler": spec["scheduler"]["spec"], "unused": spec["worker"]["spec"], **groups}


def test_the_manifests_for_gitops_are_those_of_the_spec() -> None:
    file = CLUSTERS / "manifests" / "kubernetes.yaml"
    assert plain_yaml(*manifests(read_spec(SPEC))) in file.read_text(), (
        f"mediadask pool up --spec clusters/kubernetes.yaml --print > {file}"
    )


def test_a_tier_with_pods_is_a_group_without_workers() -> None:
    there = made()
    groups = [name for kind, name in there if kind == "DaskWorkerGroup"]
    assert groups == ["studio-reserved", "studio-spot", "studio-on-demand"]
    group = there["DaskWorkerGroup", "studio-spot"]
    assert group["spec"]["cluster"] == "studio"
    assert group["spec"]["worker"]["replicas"] == 0
    assert group["metadata"]["labels"]["dask.org/cluster-name"] == "studio"
    pod = group["spec"]["worker"]["spec"]
    assert pod["tolerations"] == [{"key": "spot", "operator": "Exists", "effect": "NoSchedule"}]
    assert pod["nodeSelector"] == {"pool": "spot"}
    assert pod["containers"][0]["resources"] == {
        "requests": {"cpu": "1", "memory": "4Gi"},
        "limits": {"memory": "4Gi"},
    }
    args = " ".join(pod["containers"][0]["args"])
    assert f"--memory-limit {4 << 30} " in args, "not the part of it that its threads are of the node's cores"


@pytest.mark.parametrize("which", ["scheduler", "unused", "studio-spot"])
def test_pods_are_of_the_restricted_standard(which: str) -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted."""
    pod = pods()[which]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    allowed = {"configMap", "emptyDir", "persistentVolumeClaim", "secret"}
    assert all(set(volume) - {"name"} <= allowed for volume in pod["volumes"])
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }


def test_only_the_scheduler_has_a_token_and_it_may_little() -> None:
    found = pods()
    assert {name: pod["automountServiceAccountToken"] for name, pod in found.items()} == {
        "scheduler": True,
        "unused": False,
        "studio-reserved": False,
        "studio-spot": False,
        "studio-on-demand": False,
    }
    there = made()
    kinds = {kind for kind, _ in there}
    assert not {"ClusterRole", "ClusterRoleBinding"} & kinds
    rules = there["Role", "studio-scheduler"]["rules"]
    assert {resource for rule in rules for resource in rule["resources"]} == {
        "pods",
        "events",
        "daskworkergroups",
        "daskclusters",
    }
    assert all("resourceNames" in rule for rule in rules if rule["apiGroups"] != [""])


def test_no_password_and_no_key_is_in_the_manifests() -> None:
    there = made()
    assert not any(kind == "Secret" for kind, _ in there)
    env = pods()["scheduler"]["containers"][0]["env"]
    assert {
        "name": "PGPASSWORD",
        "valueFrom": {"secretKeyRef": {"name": "mediadask-ledger", "key": "password"}},
    } in env
    assert "ledger" not in yaml.safe_dump(pods()["studio-spot"]), "workers know nothing of the ledger"


@pytest.mark.parametrize("which", ["scheduler", "worker"])
def test_the_settings_are_what_dask_reads(which: str, tmp_path: Any) -> None:
    settings = made()["ConfigMap", "studio-settings"]["data"][f"{which}.yaml"]
    (tmp_path / "mediadask.yaml").write_text(settings)
    asks = (
        "import dask.config, distributed\n"
        "from mediadask.pool.config import load_config\n"
        "c = load_config()\n"
        "s = distributed.Security()\n"
        "print(c.name, *c.tiers, c.kubernetes, s.require_encryption, s.tls_worker_cert, s.tls_min_version)"
    )
    told = subprocess.run(
        [sys.executable, "-c", asks],
        env={"DASK_CONFIG": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "True /etc/mediadask/tls/tls.crt" in told
    assert "TLSv1_3" in told or " 772" in told
    if which == "scheduler":
        assert told.startswith("studio reserved spot on-demand farm namespace='mediadask' cluster='studio'")
    else:
        assert told.startswith("None local None"), "workers know nothing of budgets and tiers"


def test_a_change_that_the_scheduler_has_to_know_changes_its_digest() -> None:
    def digest(path: str, value: Any) -> str:
        spec = made(path, value)["DaskCluster", "studio"]["spec"]["scheduler"]
        return spec["metadata"]["annotations"]["mediadask.org/digest"]

    same = digest("mediadask.name", "studio")
    assert digest("mediadask.name", "studio") == same
    assert digest("mediadask.tiers.spot.maximum", 7) != same
    assert digest("kubernetes.image", "other:1") != same
    assert digest("mediadask.tiers.spot.pods.cpu", 2) == same, "which is for workers alone"


def test_who_reaches_the_scheduler() -> None:
    policy = made()["NetworkPolicy", "studio-scheduler"]["spec"]
    work, pages = policy["ingress"]
    assert [each["port"] for each in work["ports"]] == [8786]
    assert len(work["from"]) == 2
    assert [each["port"] for each in pages["ports"]] == [8787]
    assert pages["from"] == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    ]
    exposed = made("kubernetes.service", "LoadBalancer")["NetworkPolicy", "studio-scheduler"]["spec"]
    assert "from" not in exposed["ingress"][0], "workers of elsewhere come in, with certificates"
    scheduler = made("kubernetes.service", "LoadBalancer")["DaskCluster", "studio"]["spec"]["scheduler"]
    assert [port["port"] for port in scheduler["service"]["ports"]] == [8786], "metrics are nobody's outside"
    assert made("kubernetes.metrics-from", None)["NetworkPolicy", "studio-scheduler"]["spec"]["ingress"] == [
        work
    ]


def test_what_is_asked_for_is_there() -> None:
    assert ("Certificate", "studio-tls") not in made()
    certificate = made("kubernetes.tls", {"issuer": "studio-ca"})["Certificate", "studio-tls"]["spec"]
    assert certificate["secretName"] == "studio-tls"
    assert certificate["issuerRef"]["name"] == "studio-ca"
    assert ("PodDisruptionBudget", "studio-scheduler") not in made()
    assert ("PodDisruptionBudget", "studio-scheduler") in made("kubernetes.scheduler.disruption-budget", True)


def test_the_secret_of_certificates_lets_a_client_in() -> None:
    spec = read_spec(SPEC)
    security = security_in(new_tls(spec))
    assert security.get_connection_args("client")["ssl_context"] is not None
    assert new_tls(spec)["data"] != new_tls(spec)["data"]
    assert new_key(spec)["metadata"]["labels"]["mediadask.org/kept"] == "true"
    without = copy.deepcopy(changed("kubernetes.ledger", {}))
    assert "mediadask.org/kept" not in new_key(read_spec(without))["metadata"]["labels"]


def test_this_machine_s_settings_are_not_sent_along() -> None:
    """`dask.config` here is of this machine's pools."""
    assert load_config().tiers.keys() == {"local"}
    assert "local: null" in made()["ConfigMap", "studio-settings"]["data"]["scheduler.yaml"]


def test_without_the_packages_for_it_a_line_says_what_to_install() -> None:
    line = (
        "import sys; sys.modules['kr8s'] = sys.modules['kr8s.asyncio'] = None\n"
        "from mediadask.cli import main; main()"
    )
    command = [sys.executable, "-c", line, "pool", "status", "--pool", "kubernetes:studio"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 2
    do = "pip install 'mediadask[kubernetes]'"
    assert told.stderr == f"mediadask: Kubernetes needs packages that are not installed; {do}\n"


@pytest.mark.parametrize(
    ("quantity", "number"),
    [
        ("2", 2),
        ("500m", 0.5),
        ("4Gi", 4 << 30),
        ("0.5Gi", 1 << 29),
        ("64Ki", 65536),
        ("3k", 3000),
        ("1.5M", 1.5e6),
    ],
)
def test_quantities_are_read_as_kubernetes_reads_them(quantity: str, number: float) -> None:
    assert amount(quantity) == number
