"""What a cluster cannot bring up is refused in one line, and nothing of it is left."""

from __future__ import annotations

import json
import os
import re
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

import mediadask as md
from mediadask.errors import InvalidRequest, MediaError, MediaWarning
from mediadask.pool.kubernetes.spec import read_spec
from mediadask.pool.kubernetes.up import up
from tests.kubernetes.conftest import small_spec
from tests.kubernetes.place import kubectl
from tests.kubernetes.test_pool import left_in


def refused(spec: dict[str, Any]) -> str:
    """The one line."""
    with pytest.raises(MediaError) as error:
        up(read_spec(spec))
    line = str(error.value)
    assert "\n" not in line
    return line


def at(path: str, value: Any, spec: dict[str, Any]) -> dict[str, Any]:
    *sections, key = path.split(".")
    here = spec
    for section in sections:
        here = here.setdefault(section, {})
    here[key] = value
    return spec


PODS = "mediadask.tiers.burst.pods"

CASES = {
    "tier that fits no node": (
        f"{PODS}.cpu",
        64,
        r"burst.pods: fits no node: it asks for 64 cpu, .* has \d+",
    ),
    "scheduler that fits no node": (
        "kubernetes.scheduler.memory",
        "9Ti",
        r"scheduler: fits no node: .*9Ti memory",
    ),
    "no priority class": (f"{PODS}.priority-class", "gold", "burst.pods: .*no PriorityClass with name gold"),
    "no claim": (
        "kubernetes.volumes.media",
        {"claim": "nas", "mount": "/m"},
        "volumes.media.claim: there is no P.* nas in",
    ),
    "no secret": ("kubernetes.secrets", ["store"], "kubernetes.secrets: there is no Secret store in"),
    "no password": (
        "kubernetes.ledger",
        {"address": "postgresql://me@db/x", "secret": "db"},
        "kubernetes.ledger.secret: there is no Secret db in",
    ),
    "no cert-manager": (
        "kubernetes.tls.issuer",
        "ca",
        "tls.issuer: names an issuer, and cert-manager is not installed",
    ),
    "unknown field": (f"{PODS}.tolerations", [{"keey": "x"}], "this cluster's kinds lack a field .*keey"),
    "no image": (
        "kubernetes.image",
        "localhost/none:1",
        "studio: its scheduler cannot start: ImagePullBackOff: .*none:1",
    ),
    "no ledger": (
        "kubernetes.ledger.address",
        "postgresql://me@127.0.0.1:1/x",
        "studio: its scheduler ends as it starts: .*127.0.0.1",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_spec_that_the_cluster_cannot_bring_up_leaves_nothing(namespace: str, case: str) -> None:
    path, value, line = CASES[case]
    assert re.search(line, told := refused(at(path, value, small_spec(namespace)))), told
    assert left_in(namespace) == set()


def test_a_namespace_that_is_not_there() -> None:
    told = refused(small_spec("nowhere"))
    do = "`kubectl create namespace nowhere`, or name another in the spec"
    assert told == f"nowhere: there is no such namespace; {do}"


def test_a_quota_that_is_used_up(namespace: str) -> None:
    hard = {"requests.cpu": "60m"}
    meta = {"name": "small", "namespace": namespace}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta, "spec": {"hard": hard}}
    kubectl("apply", "-f", "-", given=quota)
    kubectl("-n", namespace, "wait", "--for=jsonpath={.status.hard}", "resourcequota/small", "--timeout=30s")
    spec = at(f"{PODS}.cpu", "100m", small_spec(namespace))
    told = refused(spec)
    assert "mediadask.tiers.burst.pods: no pod can be made of it: exceeded quota: small" in told
    assert left_in(namespace) == set()


def test_a_tier_whose_nodes_are_still_to_be_made_is_warned_of(namespace: str) -> None:
    spec = at(f"{PODS}.node-selector", {"pool": "spot"}, small_spec(namespace))
    with pytest.warns(
        MediaWarning, match="burst.pods: no node of this cluster has its labels and taints now"
    ):
        up(read_spec(spec))


def test_a_name_that_somebody_else_uses(namespace: str) -> None:
    meta = {"name": "studio-scheduler", "namespace": namespace}
    ports = [{"port": 80}]
    kubectl(
        "apply",
        "-f",
        "-",
        given={"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": ports}},
    )
    told = refused(small_spec(namespace))
    assert f"mediadask.name: there is a Service studio-scheduler in {namespace} that belongs to no" in told
    assert left_in(namespace) == {"service/studio-scheduler"}


def test_two_pools_of_one_name_in_two_namespaces_are_told_apart(
    namespace: str, second_namespace: str
) -> None:
    name = f"studio-{namespace[-8:]}"
    for where in (namespace, second_namespace):
        up(read_spec(small_spec(where, name)))
    with pytest.raises(InvalidRequest, match=f"kubernetes:{name}: is in several namespaces; say kubernetes:"):
        md.Pool.connect(f"kubernetes:{name}")
    with md.Pool.connect(f"kubernetes:{second_namespace}/{name}") as pool:
        assert pool.address == f"kubernetes:{second_namespace}/{name}"


@pytest.fixture
def second_namespace(request: pytest.FixtureRequest) -> Iterator[str]:
    from tests.kubernetes.conftest import make_namespace

    with make_namespace() as name:
        yield name


def test_who_may_not_is_told_what(namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kubectl("-n", namespace, "create", "serviceaccount", "intern")
    kubectl(
        "-n",
        namespace,
        "create",
        "rolebinding",
        "intern",
        "--clusterrole=view",
        f"--serviceaccount={namespace}:intern",
    )
    token = kubectl("-n", namespace, "create", "token", "intern").strip()
    config = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())
    file, copies = tmp_path / "kubeconfig", tmp_path / "copies"
    copies.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(copies))
    monkeypatch.setenv("KUBECONFIG", str(file))

    config["users"][0]["user"] = {"token": token}
    file.write_text(yaml.safe_dump(config))
    told = refused(small_spec(namespace))
    assert f'User "system:serviceaccount:{namespace}:intern" cannot' in told
    assert "have an administrator grant it: docs/kubernetes.md lists the rights" in told
    assert list(copies.iterdir()) == [], "of certificates"

    config["users"][0]["user"] = {"token": "of nobody"}
    file.write_text(yaml.safe_dump(config))
    assert "Unauthorized" in refused(small_spec(namespace))
    assert list(copies.iterdir()) == []


def test_no_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(file))
    assert refused(small_spec("any")).startswith("no Kubernetes cluster answers (")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    assert refused(small_spec("any")).startswith("no Kubernetes cluster answers (")
    file.write_text("clusters: [")
    monkeypatch.setenv("KUBECONFIG", str(file))
    assert refused(small_spec("any")).startswith("no Kubernetes cluster answers (")


class _Without(BaseHTTPRequestHandler):
    """Answers as an API server does that has the operator's kinds in these versions, or none."""

    versions: tuple[str, ...] = ()

    def do_GET(self) -> None:
        code, answer = 404, {"kind": "Status", "apiVersion": "v1", "code": 404, "message": "not found"}
        path = self.path.rstrip("/")
        if path == "/version":
            code, answer = 200, {"major": "1", "minor": "34", "gitVersion": "v1.34.4"}
        elif path == "/apis/kubernetes.dask.org" and self.versions:
            versions = [
                {"groupVersion": f"kubernetes.dask.org/{each}", "version": each} for each in self.versions
            ]
            code, answer = 200, {"kind": "APIGroup", "name": "kubernetes.dask.org", "versions": versions}
        body = json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None: ...


@pytest.mark.parametrize(
    ("versions", "line"),
    [
        ((), "the Dask operator is not installed in this cluster; helm install"),
        (
            ("v2alpha1",),
            "the Dask operator here knows v2alpha1 of kubernetes.dask.org, and v1 is needed; install",
        ),
    ],
)
def test_no_operator_that_we_know(
    versions: tuple[str, ...], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Without, "versions", versions)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Without) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        file = tmp_path / "kubeconfig"
        file.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "it",
                    "clusters": [
                        {"name": "it", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}
                    ],
                    "users": [{"name": "it", "user": {}}],
                    "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
                }
            )
        )
        monkeypatch.setenv("KUBECONFIG", str(file))
        assert refused(small_spec("any")).startswith(line)
        server.shutdown()


def test_a_pool_without_its_certificates(namespace: str) -> None:
    up(read_spec(small_spec(namespace)))
    kubectl("-n", namespace, "delete", "secret", "studio-tls")
    with pytest.raises(
        InvalidRequest, match="the Secret studio-tls, are not there; `mediadask pool up` makes"
    ):
        md.Pool.connect(f"kubernetes:{namespace}/studio")


def test_a_pool_whose_scheduler_does_not_run_says_why_and_up_mends_it(namespace: str) -> None:
    spec = read_spec(small_spec(namespace))
    up(spec)
    kubectl("-n", namespace, "scale", "deployment", "studio-scheduler", "--replicas=0")
    kubectl(
        "-n", namespace, "wait", "--for=delete", "pod", "-l", "dask.org/component=scheduler", "--timeout=60s"
    )
    with pytest.raises(
        InvalidRequest, match="its scheduler does not run: somebody has scaled its Deployment to 0"
    ):
        md.Pool.connect(f"kubernetes:{namespace}/studio")
    assert up(spec).was == "changed"
    with md.Pool.connect(f"kubernetes:{namespace}/studio") as pool:
        assert pool.status()["name"] == "studio"
