"""A spec of a pool on Kubernetes is read strictly: what is wrong in it is said in one line."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from mediadask.errors import InvalidRequest, MissingMedia
from mediadask.pool.kubernetes.spec import read_spec
from mediadask.pool.standing import is_for_kubernetes

CLUSTERS = Path(__file__).parents[3] / "clusters"
SPEC = CLUSTERS / "kubernetes.yaml"


def changed(path: str, value: Any) -> dict[str, Any]:
    """The example with another value at a path such as ``kubernetes.ledger.secret``; None removes it."""
    content = copy.deepcopy(yaml.safe_load(SPEC.read_text()))
    *sections, key = path.split(".")
    here = content
    for section in sections:
        here = here.setdefault(section, {})
    if value is None:
        del here[key]
    else:
        here[key] = value
    return content


def test_the_example_is_read() -> None:
    spec = read_spec(SPEC)
    assert (spec.name, spec.namespace) == ("studio", "mediadask")
    assert list(spec.pods) == ["reserved", "spot", "on-demand"]
    assert spec.pods["spot"].tolerations == ({"key": "spot", "operator": "Exists", "effect": "NoSchedule"},)
    assert spec.pool.tiers["spot"].startup == 120
    assert "local" not in spec.pool.tiers, "which is of this machine"


def test_specs_of_this_machine_are_told_from_those_of_kubernetes() -> None:
    assert is_for_kubernetes(SPEC)
    assert not is_for_kubernetes(CLUSTERS / "local.yaml")


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("kubernetes", None, "has no section `kubernetes`; see clusters/kubernetes.yaml"),
        ("mediadask", None, "has no section `mediadask`"),
        ("kubernetes.version", 0, "a spec of version 0 is of an older mediadask: this one reads 1"),
        ("kubernetes.version", 2, "a spec of version 2 needs a newer mediadask"),
        ("kubernetes.version", None, "kubernetes.version: is missing; this mediadask reads 1"),
        ("kubernetes.image", None, "kubernetes.image: is missing"),
        ("kubernetes.imag", "x", "kubernetes.imag: no such setting; did you mean image?"),
        ("kubernetes.ledger.adress", "x", "kubernetes.ledger.adress: no such setting; did you mean address?"),
        (
            "kubernetes.volumes.media.mnt",
            "x",
            "kubernetes.volumes.media.mnt: no such setting; did you mean mount?",
        ),
        ("kubernetes.scheduler.gpu", 1, "kubernetes.scheduler.gpu: no such setting"),
        (
            "mediadask.tiers.spot.pods.node-selectr",
            {},
            "tiers.spot.pods.node-selectr: no such setting; did you mean node-selector?",
        ),
        (
            "mediadask.tiers.spot.price-per-our",
            1,
            "mediadask.tiers.spot.price-per-our: no such setting; did you mean price-per-hour?",
        ),
        ("kubernetes.namespace", "Media", "'Media' is no name for Kubernetes"),
        ("mediadask.name", None, "mediadask.name: is missing; name the pool"),
        ("mediadask.name", "Stu/dio", "mediadask.name: 'Stu/dio' is no name for Kubernetes"),
        ("mediadask.tiers.spot.pods.memory", "4GB", "'4GB' is no quantity such as 2, 500m or 4Gi"),
        (
            "mediadask.tiers.spot.pods",
            None,
            "mediadask.tiers.spot: has no section `pods`; say what its pods need",
        ),
        (
            "mediadask.tiers.farm.pods",
            {"cpu": 1, "memory": "1Gi"},
            "workers that join by themselves are no pods",
        ),
        ("mediadask.tiers.spot.kind", "local", "this machine brings no workers of a pool on Kubernetes"),
        (
            "mediadask.tiers.default",
            {"kind": "joins", "price-per-hour": 1},
            "the Dask operator keeps a group of",
        ),
        ("kubernetes.ledger.address", "mysql://x/y", "is no address such as postgresql://user@host/database"),
        ("kubernetes.ledger.address", "postgresql://me:secret@db/x", "a password belongs in a Secret"),
        ("kubernetes.ledger.claim", "ledger", "a ledger has an address or a claim, not both"),
        ("kubernetes.ledger.address", None, "a secret is for the address of a PostgreSQL server"),
        ("kubernetes.run-as.user", 0, "kubernetes.run-as.user: input should be greater than 0; it is 0"),
        ("kubernetes.service", "Ingress", "kubernetes.service: input should be 'ClusterIP'"),
    ],
)
def test_what_is_wrong_is_refused_in_one_line(path: str, value: Any, line: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_spec(changed(path, value))
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "secret@" not in str(refused.value), "a password is not shown"


def test_a_file_that_is_wrong_is_named(tmp_path: Path) -> None:
    file = tmp_path / "pool.yaml"
    with pytest.raises(MissingMedia, match="cannot be read"):
        read_spec(file)
    file.write_text("kubernetes: [")
    with pytest.raises(InvalidRequest, match=f"{file}: is not YAML"):
        read_spec(file)
    file.write_text("kuberntes: {}")
    with pytest.raises(InvalidRequest, match=f"{file}: has no section `kubernetes`; did you mean kubernetes"):
        read_spec(file)
