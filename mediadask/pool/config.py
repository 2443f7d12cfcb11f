"""The pool's settings: the ``mediadask`` section of `dask.config`, validated into frozen models."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import dask.config
import distributed.config  # noqa: F401 - its defaults come first, so that ours take their place
import yaml
from dask.system import CPU_COUNT
from pydantic import Field, PlainValidator, ValidationError, model_validator

from mediadask.errors import InvalidRequest
from mediadask.pool.settings import Seconds, Settings, hint, refusal
from mediadask.pool.settings import seconds as read_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Budget",
    "BudgetAction",
    "KubernetesSettings",
    "PoolConfig",
    "PriorityClass",
    "Tier",
    "Warm",
    "config_elsewhere",
    "dask_settings",
    "load_config",
]

BudgetAction = Literal["warn", "background", "hold"]
"""What happens when a show's budget is spent: nothing but a warning; its work goes behind everyone else's;
its work waits."""


class PriorityClass(Settings):
    """A class of work: all of a lower `order` goes before all of a higher."""

    order: int
    """All work of a class with a lower order goes before that of this one. No two classes have the same."""

    target_turnaround: Seconds = Field(gt=0)
    """The pool is sized so that jobs of this class end within this time of their submission."""


@dataclass(frozen=True, slots=True)
class Warm:
    """Workers that stay for a while after a burst, since the next one may come soon."""

    workers: int
    seconds: float


_WARM = re.compile(r"([1-9]\d*) for (\S.*)")


def _warm(value: object) -> object:
    if value is None or isinstance(value, Warm):
        return value
    if not isinstance(value, str) or not (found := _WARM.fullmatch(value.strip())):
        raise ValueError(f"{value!r} is not of the form `4 for 10min`")
    seconds = read_seconds(found[2])
    if not isinstance(seconds, int | float) or not 0 < seconds < inf:
        raise ValueError(f"{found[2]!r} is not a duration such as 90s, 15min or 2h")
    return Warm(int(found[1]), float(seconds))


class Tier(Settings):
    """A group of workers with one price and one limit."""

    kind: Literal["reserved", "on-demand", "spot", "joins", "local"]
    """A reserved worker is paid for anyway, an on-demand one while it is there. A spot worker is paid for
    like that, and may be taken away. Workers that join are started by somebody else. Local ones are
    processes of this machine."""

    price_per_hour: float = Field(ge=0, allow_inf_nan=False)
    """What one worker costs in an hour, in `currency`."""

    minimum: int = Field(default=0, ge=0)
    """This many workers stay even when they are idle."""

    maximum: int | None = Field(default=None, ge=0)
    """The most workers there may be. `null`: on this machine one thread per core, elsewhere no limit."""

    threads: int = Field(default=1, ge=1)
    """How many units one worker runs at a time."""

    startup: Seconds = 60.0
    """How long a worker takes from the request to its arrival, until the pool has measured it."""

    warm: Annotated[Warm | None, PlainValidator(_warm)] = None
    """After a burst this many workers stay for this long: `4 for 10min`."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}")
        if self.kind == "joins" and (self.minimum or self.warm):
            raise ValueError("nobody keeps workers that join by themselves: leave out minimum and warm")
        return self

    @property
    def limit(self) -> int | None:
        """How many workers there may be: on this machine never more threads than cores unless asked for."""
        if self.maximum is None and self.kind == "local":
            return max(1, int(CPU_COUNT) // self.threads, self.minimum)
        return self.maximum

    @property
    def is_brought(self) -> bool:
        """Whether its workers come from a cluster, as the pool asks for them."""
        return self.kind not in ("joins", "local")

    @property
    def price_per_thread_second(self) -> float:
        """What one thread of one worker costs in a second."""
        return self.price_per_hour / 3600 / self.threads


class Budget(Settings):
    """What a show may spend on the pool, and what happens then."""

    amount: float = Field(ge=0, allow_inf_nan=False)
    """How much the show may spend, in `currency`."""

    action: BudgetAction = "warn"
    """What happens when it is spent: people are warned, the show's work goes behind all other, or waits."""

    warn_at: float = Field(default=0.8, gt=0, le=1)
    """From this part of the amount on, 0 to 1, people are warned."""

    def state(self, spent: float) -> Literal["ok", "warn", "background", "hold"]:
        """What `spent` means: from `warn_at` of the amount on it warns, from the whole amount on it acts."""
        if spent >= self.amount:
            return self.action
        return "warn" if spent >= self.amount * self.warn_at else "ok"

    def notice(self, show: str, spent: float, currency: str) -> str:
        """What to tell people of it, before it bites and after; empty while there is enough left."""
        if self.state(spent) == "ok":
            return ""
        then = "then " if spent < self.amount else ""
        action = {"warn": "", "background": "goes behind all other", "hold": "waits"}[self.action]
        figures = f"{show} has spent {spent:.2f} of {self.amount:.2f} {currency}"
        return f"{figures}; its work {then}{action}" if action else figures


class LedgerSettings(Settings):
    """How long the ledger keeps what."""

    keep: Seconds | None = None
    """How long a job's units stay in the ledger after its end, before they become sums. `null`: for good."""


class KubernetesSettings(Settings):
    """Where the scheduler's own pod is, as `mediadask pool up` writes it: there it brings its own workers."""

    namespace: str
    """The namespace of the pool's pods."""

    cluster: str
    """The name of the DaskCluster. Its groups ``<cluster>-<tier>`` say what workers of a tier look like."""


class PoolConfig(Settings):
    """All settings of a pool. Durations are seconds."""

    name: str | None = None
    """The pool's name in the ledger. A pool with a name takes up its unfinished jobs when it starts again."""

    classes: dict[str, PriorityClass] = Field(min_length=1)
    """The priority classes by name."""

    default_class: str
    """The class of jobs that are submitted without one."""

    tiers: dict[str, Tier] = Field(min_length=1)
    """The groups of workers by name, each with one price and one limit."""

    budgets: dict[str, Budget] = Field(default_factory=dict)
    """What shows may spend. Upper and lower case of a show's name are alike."""

    currency: str = "USD"
    """The currency of prices, budgets and costs."""

    ledger: LedgerSettings = LedgerSettings()
    """How long the ledger keeps what."""

    kubernetes: KubernetesSettings | None = None
    """Written by `mediadask pool up`, not by people."""

    retries: int = Field(ge=0)
    """How often a failed unit is tried again, before its group is given up."""

    window: int = Field(ge=1)
    """How many units are handed to Dask's scheduler ahead of each thread."""

    grace: Seconds
    """How long an idle worker stays."""

    hang_factor: float = Field(gt=1)
    """A unit hangs if it has passed no checkpoint for this many times its predicted duration."""

    hang_after: Seconds
    """No unit is said to hang sooner than this."""

    seconds_per_frame: dict[str, Annotated[float, Field(gt=0)]]
    """How many seconds a frame of 1920 x 1080 takes on one thread, by the first word of a unit's kind, until
    the pool has measured it. `default` is for all other kinds."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.default_class not in self.classes:
            raise ValueError(f"default-class {self.default_class!r} is not one of {', '.join(self.classes)}")
        if len({each.order for each in self.classes.values()}) < len(self.classes):
            raise ValueError("two classes have the same order")
        if len({name.casefold() for name in self.budgets}) < len(self.budgets):
            names = ", ".join(self.budgets)
            raise ValueError(f"budgets of one show twice, upper and lower case being alike: {names}")
        if "default" not in self.seconds_per_frame:
            raise ValueError("seconds-per-frame needs a default")
        return self

    def on_this_machine(self, workers: int | None = None, threads: int | None = None) -> PoolConfig:
        """Return the settings without tiers of other machines.

        Parameters
        ----------
        workers
            At most so many, of the first local tier alone.
        threads
            Of each worker, instead of the tiers' own.

        Raises
        ------
        InvalidRequest
            There is no local tier, or these are no workers or threads.
        """
        for what, count in (("workers", workers), ("threads", threads)):
            if count is not None and count < 1:
                raise InvalidRequest(
                    "a pool needs one at least", where=f"{what}={count}", do="give more, or leave it out"
                )
        tiers = {name: tier for name, tier in self.tiers.items() if tier.kind == "local"}
        if not tiers:
            raise InvalidRequest(
                "no tier is of this machine", where="mediadask.tiers", do="add one of `kind: local`"
            )
        if workers is not None:
            name, tier = next(iter(tiers.items()))
            limits = {"maximum": workers, "minimum": min(tier.minimum, workers)}
            tiers = {name: tier.model_copy(update=limits)}
        if threads is not None:
            tiers = {name: tier.model_copy(update={"threads": threads}) for name, tier in tiers.items()}
        return self.model_copy(update={"tiers": tiers})

    @property
    def class_names(self) -> tuple[str, ...]:
        """Most urgent first."""
        return tuple(sorted(self.classes, key=lambda name: self.classes[name].order))

    def class_named(self, name: str | None) -> str:
        """`name` where there is such a class, the default for None.

        Raises
        ------
        InvalidRequest
            There is no such class.
        """
        if name is None:
            return self.default_class
        if name not in self.classes:
            raise InvalidRequest(f"no priority class {name!r}", do=hint(name, self.class_names, "use one of"))
        return name

    def budgeted(self, show: str) -> str | None:
        """The name under which `show` has a budget, if it has: in upper or lower case, for Dask makes names
        from the environment lower.
        """
        return next((name for name in self.budgets if name.casefold() == show.casefold()), None)

    def tier_named(self, name: str) -> Tier:
        """The tier of this name.

        Raises
        ------
        InvalidRequest
            There is none.
        """
        if name not in self.tiers:
            raise InvalidRequest(f"no tier {name!r}", do=hint(name, tuple(self.tiers), "use one of"))
        return self.tiers[name]

    def tier_of(self, worker_name: str) -> str:
        """The tier a worker belongs to: the one its name starts with, else the first configured.

        Actuators name their workers ``<tier>-…``; one that somebody started by hand has any name.
        """
        fitting = [tier for tier in self.tiers if worker_name.startswith(f"{tier}-")]
        return max(fitting, key=len) if fitting else next(iter(self.tiers))


_NAMED = {"classes", "tiers", "budgets"}
"""Sections of which each entry has a name, and is a section itself."""

with (Path(__file__).parent / "mediadask.yaml").open() as _file:
    _defaults = yaml.safe_load(_file)


def _put_under(defaults: Mapping[str, Any]) -> None:
    """Give `dask.config` the defaults, where it says nothing else.

    Dask would put a mapping among the defaults in the place of whatever is not one: of the null that removes
    an entry, and of what somebody has to be told is wrong.
    """
    given = copy.deepcopy(dask.config.get("mediadask", None))
    dask.config.update_defaults(defaults)
    if not isinstance(given, dict | None):
        dask.config.config["mediadask"] = given
    for name, value in (given if isinstance(given, dict) else {}).items():
        default = defaults["mediadask"].get(dask.config.canonical_name(name, defaults["mediadask"]))
        if not isinstance(default, dict) or value is None:
            continue
        section = dask.config.config["mediadask"]
        if not isinstance(value, dict):
            section[name] = value
        else:
            section[name] |= {entry: inner for entry, inner in value.items() if not isinstance(inner, dict)}


_put_under(_defaults)


def load_config(overrides: Mapping[str, Any] | None = None) -> PoolConfig:
    """The ``mediadask`` section of `dask.config`, with `overrides` merged on top.

    Raises
    ------
    InvalidRequest
        A key that does not exist, with the nearest that does, or a value that cannot be.
    """
    section = dask.config.get("mediadask")
    if not isinstance(section, dict):
        raise InvalidRequest("is no section of settings", where="mediadask", do=f"it is {section!r}")
    return _read(dask.config.merge(section, dict(overrides or {})))


def dask_settings() -> dict[str, Any]:
    """What the defaults say to Dask itself."""
    settings: dict[str, Any] = copy.deepcopy(
        {key: value for key, value in _defaults.items() if key != "mediadask"}
    )
    return settings


def config_elsewhere(section: Mapping[str, Any]) -> PoolConfig:
    """What a pool on other machines makes of `section`: the defaults below it, and its own tiers alone.

    What `dask.config` says here is of this machine, and does not count.

    Raises
    ------
    InvalidRequest
        As `load_config`.
    """
    defaults = copy.deepcopy(_defaults["mediadask"]) | {"tiers": {}}
    return _read(dask.config.merge(defaults, dict(section)))


def _read(section: Mapping[str, Any]) -> PoolConfig:
    try:
        return PoolConfig.model_validate(_dashed(section))
    except ValidationError as error:
        raise refusal(error, PoolConfig, "mediadask") from None


def _dashed(section: Mapping[str, Any]) -> dict[str, Any]:
    """Keys of settings with dashes, as in the file, whichever way they were set; null entries dropped."""
    settings: dict[str, Any] = {}
    for key, value in section.items():
        key = str(key).replace("_", "-")
        if key in _NAMED and isinstance(value, dict):
            value = {
                str(name): {str(k).replace("_", "-"): v for k, v in entry.items()}
                if isinstance(entry, dict)
                else entry
                for name, entry in value.items()
                if entry is not None
            }
        settings[key] = value
    return settings
