"""A pool on a real cluster: brought up, used, changed, and removed without a trace."""

from __future__ import annotations

import json
import operator
import subprocess
import sys
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

import mediadask as md
from mediadask.errors import InvalidRequest, MediaError, MediaWarning
from mediadask.pool.config import load_config
from mediadask.pool.kubernetes.plain import plain_yaml
from mediadask.pool.kubernetes.reach import find
from mediadask.pool.kubernetes.spec import read_spec
from mediadask.pool.kubernetes.up import down, up
from tests.kubernetes.conftest import small_spec, volume
from tests.kubernetes.place import IMAGE, apply, eventually, kubectl

KINDS = (
    "all,configmaps,secrets,serviceaccounts,roles,rolebindings,networkpolicies,poddisruptionbudgets,"
    "daskclusters,daskworkergroups"
)


twice = partial(operator.mul, 2)  # which an image knows, and these tests it does not


def mediadask(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line."""
    line = "from mediadask.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", line, *arguments], capture_output=True, text=True, check=False
    )


def left_in(namespace: str) -> set[str]:
    """All that is there, but for what every namespace has and what the tests put there."""
    told = kubectl("-n", namespace, "get", KINDS, "-o", "name").split()
    return set(told) - {"configmap/kube-root-ca.crt", "serviceaccount/default"}


def get(namespace: str, what: str) -> Any:
    return json.loads(kubectl("-n", namespace, "get", *what.split(), "-o", "json"))


def test_from_a_spec_to_results_to_nothing(namespace: str, tmp_path: Path) -> None:
    file = tmp_path / "pool.yaml"
    file.write_text(yaml.safe_dump(small_spec(namespace)))

    told = mediadask("pool", "up", "--spec", str(file))
    assert told.returncode == 0, told.stderr
    assert f"pool studio is up in namespace {namespace}" in told.stdout
    assert "use it with --pool kubernetes:studio" in told.stdout
    assert "jobs and costs are forgotten when the scheduler's pod ends" in told.stderr

    printed = mediadask("pool", "up", "--spec", str(file), "--print").stdout
    for how in ([], ["--server-side"]):
        differences = kubectl("diff", *how, "-f", "-", given=printed, fails=True)
        assert differences == "", f"kubectl diff {how}"

    with md.Pool.connect(f"kubernetes:{namespace}/studio") as pool:
        job = pool.submit(md.delivery(twice, list(range(20)), name="twice"))
        assert job.result().results == [2 * number for number in range(20)]
        pages = pool.dashboard
        metrics = urllib.request.urlopen(pages.replace("/mediadask", "/metrics")).read().decode()
        assert 'mediadask_workers{state="there",tier="burst"}' in metrics
        assert b"Dask" in urllib.request.urlopen(pages).read()

    status = mediadask("pool", "status", "--pool", f"kubernetes:{namespace}/studio", "--json")
    assert json.loads(status.stdout)["name"] == "studio"

    ended = mediadask("pool", "down", "--pool", f"kubernetes:{namespace}/studio")
    assert ended.returncode == 0, ended.stderr
    assert "pool studio is down" in ended.stdout
    assert left_in(namespace) == set()
    with pytest.raises(InvalidRequest, match=f"kubernetes:{namespace}/studio: no pool of this name is up"):
        find(f"kubernetes:{namespace}/studio")


def test_deleting_the_cluster_object_leaves_nothing(namespace: str) -> None:
    up(read_spec(small_spec(namespace)))
    kubectl("-n", namespace, "delete", "daskcluster", "studio", "--cascade=foreground", "--timeout=60s")
    for kind in KINDS.split(",")[1:]:
        waiting = [
            "wait",
            "--for=delete",
            f"{kind}",
            "-l",
            "app.kubernetes.io/instance=studio",
            "--timeout=60s",
        ]
        kubectl("-n", namespace, *waiting)
    assert left_in(namespace) == set()


def test_a_spec_that_has_changed_changes_the_pool(namespace: str) -> None:
    spec = small_spec(namespace)
    assert up(read_spec(spec)).was == "new"
    uid = get(namespace, "pods -l dask.org/component=scheduler")["items"][0]["metadata"]["uid"]
    assert up(read_spec(spec)).was == "unchanged"
    assert get(namespace, "pods -l dask.org/component=scheduler")["items"][0]["metadata"]["uid"] == uid

    spec["mediadask"]["tiers"]["burst"]["pods"]["cpu"] = "60m"
    assert up(read_spec(spec)).was == "unchanged", "which is for workers that come later"
    group = get(namespace, "daskworkergroup studio-burst")
    container = group["spec"]["worker"]["spec"]["containers"][0]
    assert container["resources"]["requests"]["cpu"] == "60m"

    spec["mediadask"]["tiers"]["burst"]["maximum"] = 2
    assert up(read_spec(spec)).was == "changed"
    [pod] = get(namespace, "pods -l dask.org/component=scheduler")["items"]
    assert pod["metadata"]["uid"] != uid
    with md.Pool.connect(f"kubernetes:{namespace}/studio") as pool:
        assert pool.client.run_on_scheduler(lambda: load_config().tiers["burst"].maximum) == 2


def test_new_certificates_lock_the_old_ones_out(namespace: str) -> None:
    spec = read_spec(small_spec(namespace))
    up(spec)
    before = get(namespace, "secret studio-tls")["data"]
    with md.Pool.connect(f"kubernetes:{namespace}/studio") as pool:
        old = pool.client.security
    assert up(spec, rotate=True).was == "changed"
    assert get(namespace, "secret studio-tls")["data"] != before
    with md.Pool.connect(f"kubernetes:{namespace}/studio") as pool:
        assert pool.status()["name"] == "studio"
        from mediadask.pool.connection import connected

        assert pool._link.reached is not None
        with pytest.raises(InvalidRequest, match=r"no authority|does not accept"):
            connected(pool._link.reached.address, old)


def test_who_has_no_certificate_and_comes_from_the_network_gets_nothing(namespace: str) -> None:
    """From another pod's place: the test cluster's pods are reached from this machine by their addresses."""
    up(read_spec(small_spec(namespace)))
    [pod] = get(namespace, "pods -l dask.org/component=scheduler")["items"]
    address = pod["status"]["podIP"]
    with pytest.raises(InvalidRequest, match="accepts only clients with a certificate"):
        md.Pool.connect(f"tcp://{address}:8786")
    with pytest.raises(InvalidRequest, match="accepts only clients with a certificate"):
        md.Pool.connect(f"tls://{address}:8786")
    for page, code in (("health", 200), ("metrics", 200), ("status", 403), ("mediadask", 403), ("info", 403)):
        asked = urllib.request.Request(f"http://{address}:8787/{page}", headers={"Host": "127.0.0.1:8787"})
        try:
            answered = urllib.request.urlopen(asked).status
        except urllib.error.HTTPError as error:
            answered = error.code
        assert answered == code, page


def test_pods_of_the_cluster_find_the_pool_by_themselves(namespace: str) -> None:
    """A pod with the pool's certificates and address, as workers are, connects without an address."""
    spec = read_spec(small_spec(namespace))
    up(spec)
    from mediadask.pool.kubernetes.pods import worker_pod

    pod = worker_pod(spec, "burst")
    asks = (
        "import mediadask as md\nwith md.Pool.connect() as pool: print(pool.status()['name'], pool.address)"
    )
    pod["containers"][0]["args"] = ["python", "-c", asks]
    meta = {"name": "client", "namespace": namespace, "labels": {"mediadask.org/client": "studio"}}
    pod["restartPolicy"] = "Never"
    kubectl("apply", "-f", "-", given={"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": pod})
    kubectl(
        "-n", namespace, "wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/client", "--timeout=60s"
    )
    told = kubectl("-n", namespace, "logs", "client").split()
    assert told == ["studio", f"tls://studio-scheduler.{namespace}.svc.cluster.local:8786"]


def test_a_half_made_pool_is_removed(namespace: str) -> None:
    """As one is that `pool up` was killed at."""
    from mediadask.pool.kubernetes.manifests import manifests

    half = manifests(read_spec(small_spec(namespace)))[:3]
    kubectl("apply", "-f", "-", given=plain_yaml(*half))
    with pytest.raises(
        InvalidRequest, match="half made: its scheduler is not there; `mediadask pool up` makes"
    ):
        md.Pool.connect(f"kubernetes:{namespace}/studio")
    told = mediadask("pool", "down", "--pool", f"kubernetes:{namespace}/studio")
    assert told.returncode == 0, told.stderr
    assert left_in(namespace) == set()


def slowly(number: int) -> int:
    import time

    time.sleep(0.5)  # work, as far as the pool can see
    return number


def test_a_client_waits_for_a_scheduler_that_comes_back_and_its_job_goes_on(
    namespace: str, tmp_path: Path
) -> None:
    spec = small_spec(namespace)
    spec["kubernetes"]["ledger"] = {"claim": ledger_claim(namespace, tmp_path)}
    up(read_spec(spec))
    with md.Pool.connect(f"kubernetes:{namespace}/studio") as pool:
        job = pool.submit(md.delivery(slowly, list(range(24)), name="long"))
        while job.progress.units_done < 4:
            job.wait(0.1)
        kubectl("-n", namespace, "delete", "pod", "-l", "dask.org/component=scheduler", "--wait=false")
        with pytest.warns(
            MediaWarning, match="its scheduler is away; waiting until it is back, with its jobs"
        ):
            assert job.result().results == list(range(24))
        assert [each.id for each in pool.jobs()] == [job.id]


def until_there(gate: Path, number: int) -> int:
    import time

    while not gate.exists():
        time.sleep(0.05)
        md.checkpoint()
    return number


def test_a_pool_goes_down_though_nobody_waits_and_its_scheduler_is_replaced(
    namespace: str, tmp_path: Path
) -> None:
    (tmp_path / "ledger").mkdir()
    gate = tmp_path / "gate" / "open"
    gate.parent.mkdir(mode=0o755)
    apply(*volume(namespace, "gate", gate.parent))
    spec = small_spec(namespace, volumes={"gate": {"claim": "gate", "mount": str(gate.parent)}})
    spec["kubernetes"]["ledger"] = {"claim": ledger_claim(namespace, tmp_path / "ledger")}
    up(read_spec(spec))
    scheduler = "pods -l dask.org/component=scheduler"
    with md.Pool.connect(f"kubernetes:{namespace}/studio") as pool:
        job = pool.submit(md.delivery(partial(until_there, gate), [1, 2], name="long"))
        command = ["pool", "down", "--pool", f"kubernetes:{namespace}/studio"]
        with subprocess.Popen(
            [sys.executable, "-c", "from mediadask.cli import main; main()", *command],
            stdout=subprocess.PIPE,
            text=True,
        ) as waits:
            assert waits.stdout is not None
            assert "jobs to end first: 1 (long)" in waits.stdout.readline()
            waits.kill()
        with pytest.raises(InvalidRequest, match="studio: goes down when its jobs have ended; bring it up"):
            up(read_spec(spec))
        [before] = get(namespace, scheduler)["items"]
        kubectl("-n", namespace, "delete", "pod", before["metadata"]["name"])
        with pytest.warns(MediaWarning, match="its scheduler is away"):
            assert not job.wait(0.1)
        gate.touch()
        assert job.result().results == [1, 2]
        with pytest.raises(MediaError, match=r"takes no more jobs|the pool is gone"):
            pool.submit(md.delivery(slowly, [1], name="late"))
    eventually(lambda: left_in(namespace) == {"secret/studio-key"}, "all is removed but the key")


def ledger_claim(namespace: str, folder: Path) -> str:
    """The name of a claim whose volume is a folder of this machine that all may write to."""
    if IMAGE is not None:
        pytest.skip("NO VOLUME: this test's claim is a folder of this machine")
    folder.chmod(0o777)
    for parent in folder.parents:
        if parent.name.startswith("pytest-"):
            parent.chmod(0o755)
    kubectl(
        "apply",
        "-f",
        "-",
        given={"apiVersion": "v1", "kind": "List", "items": volume(namespace, "ledger", folder)},
    )
    return "ledger"


def test_the_key_of_a_ledger_that_stays_stays(namespace: str) -> None:
    spec = small_spec(namespace)
    spec["kubernetes"]["ledger"] = {"address": "postgresql://me@database/ledger"}
    from mediadask.pool.kubernetes.secrets import new_key

    parsed = read_spec(spec)
    kubectl("apply", "-f", "-", given=new_key(parsed))
    assert down("studio", namespace) == ["Secret studio-key"]
    assert left_in(namespace) == {"secret/studio-key"}
