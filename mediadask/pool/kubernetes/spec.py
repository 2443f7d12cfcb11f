"""The spec of a pool on Kubernetes, such as ``clusters/kubernetes.yaml``, checked without a cluster.

It has two sections: ``kubernetes`` says where and how the pool's pods run, ``mediadask`` holds the pool's
settings as everywhere. A tier whose workers are pods has a section ``pods`` of its own there. Further
sections, such as ``distributed``, are Dask's, for scheduler and workers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from mediadask.errors import InvalidRequest, MissingMedia
from mediadask.pool.config import PoolConfig, config_elsewhere
from mediadask.pool.settings import Settings, refusal

__all__ = ["Ledger", "Placement", "Pods", "SchedulerPod", "Spec", "Tls", "Volume", "read_spec"]

_Model = TypeVar("_Model", bound=Settings)

VERSION = 1
"""The version of the form of specs: it changes when an older spec would be read as something else."""

_EXAMPLE = "see clusters/kubernetes.yaml"
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LONGEST_NAME, _LONGEST_OBJECT = 40, 63
_QUANTITY = re.compile(r"\d+(\.\d+)?(m|[kMGTPE]|[KMGTPE]i)?")


def _quantity(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = f"{value:g}"
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise ValueError(f"{value!r} is no quantity such as 2, 500m or 4Gi")
    return value


def _label(value: object) -> object:
    if not isinstance(value, str) or not _LABEL.fullmatch(value) or len(value) > _LONGEST_OBJECT:
        what = f"no name for Kubernetes: use up to {_LONGEST_OBJECT} lower-case letters, digits and -"
        raise ValueError(f"{value!r} is {what}")
    return value


Quantity = Annotated[str, BeforeValidator(_quantity)]
"""As Kubernetes writes them: 2 or 500m cores, 4Gi bytes."""

Label = Annotated[str, BeforeValidator(_label)]

Text = Annotated[str, BeforeValidator(lambda it: str(it) if type(it) in (int, float) else it)]
"""YAML reads numbers where Kubernetes wants text."""


class Placement(Settings):
    """What a pod needs, and where it may run. Tolerations and affinity have Kubernetes' own form."""

    cpu: Quantity
    """How many cores a pod requests."""

    memory: Quantity
    """How much memory a pod requests. It is also the limit at which Kubernetes ends the pod."""

    scratch: Quantity | None = None
    """The most that a pod's folder for temporary files may hold. `null`: no limit."""

    node_selector: dict[str, Text] = Field(default_factory=dict)
    """Pods run only on nodes with these labels."""

    tolerations: tuple[dict[str, Any], ...] = ()
    """Taints of nodes that pods tolerate, in Kubernetes' form."""

    affinity: dict[str, Any] | None = None
    """Affinity of pods, in Kubernetes' form."""

    priority_class: Label | None = None
    """The PriorityClass of pods."""


class SchedulerPod(Placement):
    """The pod that is there as long as the pool is."""

    cpu: Quantity = "500m"
    memory: Quantity = "2Gi"
    disruption_budget: bool = False
    """Whether a node with it cannot be drained before somebody takes the budget away."""


class Pods(Placement):
    """The workers of a tier."""

    image: str | None = None
    """The image of these pods. `null`: the pool's."""

    environment: dict[str, Text] = Field(default_factory=dict)
    """Environment variables of these pods."""


class Ledger(Settings):
    """Where the ledger is: a PostgreSQL server, or SQLite on a volume. With neither it ends with its pod."""

    address: str | None = None
    """The PostgreSQL database: ``postgresql://user@host/database``."""

    secret: Label | None = None
    """The Secret whose entry ``password`` is that user's password."""

    claim: Label | None = None
    """A volume claim for SQLite, read and written by one node."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.address is not None and self.claim is not None:
            raise ValueError("a ledger has an address or a claim, not both")
        if self.secret is not None and self.address is None:
            raise ValueError("a secret is for the address of a PostgreSQL server, and there is none")
        return self

    @field_validator("address")
    @classmethod
    def _without_password(cls, address: str | None) -> str | None:
        if address is None:
            return None
        found = re.fullmatch(r"postgresql(\+psycopg)?://(?:([^/@]*)@)?[^/@]+/[^/]+", address)
        if not found:
            raise ValueError(f"{address!r} is no address such as postgresql://user@host/database")
        if ":" in (found[2] or ""):
            raise ValueError("a password belongs in a Secret, as its `password`: name that in `secret`")
        return address


class Tls(Settings):
    """Who signs certificates: by default they are made at `pool up`; else cert-manager's issuer does."""

    issuer: Label | None = None
    """The issuer of cert-manager that signs. `null`: certificates are made at `pool up`."""

    issuer_kind: Literal["Issuer", "ClusterIssuer"] = "Issuer"
    """What kind of object the issuer is."""


class Volume(Settings):
    """A volume claim that scheduler and workers mount."""

    claim: Label
    """The name of the volume claim."""

    mount: str = Field(pattern="^/")
    """Where pods mount it: an absolute path."""

    read_only: bool = False
    """Whether pods may only read it."""


class User(Settings):
    """Whom processes run as; files on shared storage are theirs."""

    user: int = Field(default=1000, gt=0)
    """The user's number."""

    group: int = Field(default=1000, gt=0)
    """The group's number."""


class Kubernetes(Settings):
    """Where and how the pool's pods run."""

    version: int
    """The version of the form of specs: 1."""

    namespace: Label
    """The namespace of all of the pool's objects. It must be there."""

    image: str = Field(min_length=1)
    """The image of scheduler and workers."""

    pull_secrets: tuple[Label, ...] = ()
    """Secrets with which nodes pull the image."""

    scheduler: SchedulerPod = SchedulerPod()
    """The scheduler's pod."""

    ledger: Ledger = Ledger()
    """Where the ledger is. With neither address nor claim it ends with the scheduler's pod."""

    tls: Tls = Tls()
    """Who signs the pool's certificates."""

    volumes: dict[Label, Volume] = Field(default_factory=dict)
    """Volume claims that scheduler and workers mount, by names of yours."""

    secrets: tuple[Label, ...] = ()
    """Secrets whose entries are environment variables of scheduler and workers."""

    environment: dict[str, Text] = Field(default_factory=dict)
    """Environment variables of scheduler and workers."""

    run_as: User = User()
    """Whom processes run as. Files on shared storage are theirs."""
    service: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP"
    """What kind of Service the scheduler has, by which workers and clients outside the cluster reach it."""

    metrics_from: Label | None = None
    """The namespace whose Prometheus may read the metrics."""

    @field_validator("version")
    @classmethod
    def _known(cls, version: int) -> int:
        if version != VERSION:
            newer = "is of an older mediadask" if version < VERSION else "needs a newer mediadask"
            raise ValueError(f"a spec of version {version} {newer}: this one reads {VERSION}; {_EXAMPLE}")
        return version


@dataclass(frozen=True)
class Spec:
    """A pool on Kubernetes."""

    kubernetes: Kubernetes
    pool: PoolConfig
    pods: Mapping[str, Pods]
    """By tier, what its workers need. Of a tier that has none, workers join by themselves."""

    settings: Mapping[str, Any]
    """All but the section ``kubernetes``, in the form of `dask.config`: for the scheduler."""

    @property
    def name(self) -> str:
        """The name of the pool and of its DaskCluster."""
        assert self.pool.name is not None
        return self.pool.name

    @property
    def namespace(self) -> str:
        """Where all of it is."""
        return self.kubernetes.namespace


def read_spec(source: Path | Mapping[str, Any]) -> Spec:
    """The spec in a file, or the same as plain data.

    Raises
    ------
    MissingMedia
        There is no such file.
    InvalidRequest
        Something in it is wrong: the first thing, with the nearest right key.
    """
    if isinstance(source, Mapping):
        return _read(dict(source))
    try:
        content = yaml.safe_load(source.read_text())
    except OSError as error:
        raise MissingMedia(f"cannot be read: {error.strerror}", where=source) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"is not YAML: {error}", where=source) from None
    try:
        return _read(content)
    except InvalidRequest as error:
        raise InvalidRequest(str(error), where=source) from None


def _read(content: Any) -> Spec:
    sections: dict[str, dict[str, Any]] = {}
    for name in ("kubernetes", "mediadask"):
        section = content.get(name) if isinstance(content, dict) else None
        if not isinstance(section, dict):
            near = get_close_matches(name, map(str, content) if isinstance(content, dict) else (), n=1)
            do = f"did you mean {name} where it says {near[0]}?" if near and near[0] != name else _EXAMPLE
            raise InvalidRequest(f"has no section `{name}`", do=do)
        sections[name] = section
    given = sections["kubernetes"]
    if "version" not in given and ("image" in given or "namespace" in given):
        raise InvalidRequest("is missing", where="kubernetes.version", do=f"this mediadask reads {VERSION}")
    kubernetes = _checked(given, Kubernetes, "kubernetes")
    settings, pods = _without_pods(sections["mediadask"])
    pool = config_elsewhere(settings)
    _check_names(pool)
    _check_tiers(pool, pods)
    others = {name: value for name, value in content.items() if name not in sections}
    return Spec(kubernetes, pool, pods, {"mediadask": settings, **others})


def _checked(section: Any, model: type[_Model], where: str) -> _Model:
    try:
        return model.model_validate(section)
    except ValidationError as error:
        raise refusal(error, model, where) from None


def _without_pods(section: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Pods]]:
    """The pool's settings as everywhere, and what tiers say of pods."""
    tiers = section.get("tiers")
    if not isinstance(tiers, dict):
        return section, {}
    plain, pods = {}, {}
    for tier, entry in tiers.items():
        if isinstance(entry, dict) and "pods" in entry:
            pods[str(tier)] = _checked(entry["pods"], Pods, f"mediadask.tiers.{tier}.pods")
            entry = {key: value for key, value in entry.items() if key != "pods"}
        plain[tier] = entry
    return {**section, "tiers": plain}, pods


def _check_names(pool: PoolConfig) -> None:
    if pool.name is None:
        raise InvalidRequest("is missing", where="mediadask.name", do="name the pool")
    for where, name in (
        ("mediadask.name", pool.name),
        *((f"mediadask.tiers.{tier}", tier) for tier in pool.tiers),
    ):
        if not _LABEL.fullmatch(name) or len(name) > _LONGEST_NAME:
            what = f"no name for Kubernetes: use up to {_LONGEST_NAME} lower-case letters, digits and -"
            raise InvalidRequest(f"{name!r:.60} is {what}", where=where)
    for tier in pool.tiers:
        if tier == "default":
            raise InvalidRequest(
                "the Dask operator keeps a group of this name", where="mediadask.tiers.default"
            )
        if len(group := f"{pool.name}-{tier}") > _LONGEST_OBJECT:
            do = f"shorten one: together they may have {_LONGEST_OBJECT - 1} letters"
            raise InvalidRequest(f"{group} is too long a name", where=f"mediadask.tiers.{tier}", do=do)


def _check_tiers(pool: PoolConfig, pods: Mapping[str, Pods]) -> None:
    for name, tier in pool.tiers.items():
        where = f"mediadask.tiers.{name}"
        if tier.kind == "local":
            do = "say reserved, on-demand or spot, or joins for workers that join by themselves"
            raise InvalidRequest("this machine brings no workers of a pool on Kubernetes", where=where, do=do)
        if tier.kind == "joins" and name in pods:
            do = "leave `pods` out, or say how the tier is paid"
            raise InvalidRequest("workers that join by themselves are no pods", where=where, do=do)
        if tier.kind != "joins" and name not in pods:
            do = "say what its pods need, such as `pods: {cpu: 1, memory: 4Gi}`, or `kind: joins`"
            raise InvalidRequest("has no section `pods`", where=where, do=do)
