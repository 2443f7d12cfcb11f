"""What happens in a simulated world, as plain data from one seed: to be printed, cut down and run again."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

from mediadask.pool.config import Budget, BudgetAction, PoolConfig, PriorityClass, Tier
from mediadask.pool.simulation.model import (
    Ending,
    GraphModel,
    GroupModel,
    JobModel,
    Timing,
    UnitModel,
    WorkerModel,
)

__all__ = ["CLASSES", "Happening", "HappeningKind", "Scenario", "make_scenario"]

_ACTIONS: tuple[BudgetAction, ...] = ("warn", "background", "hold")

CLASSES = ("urgent", "normal", "background")

HappeningKind = Literal[
    "a worker comes",
    "a worker dies",
    "a worker is retired",
    "a worker is closed",
    "a tier is reclaimed",
    "memory runs short",
    "a job is cancelled",
    "a job is reprioritized",
    "money is spent",
    "Dask is restarted",
    "the pool is killed",
    "a worker is full",
    "strangers come",
    "a client vanishes",
    "a message comes twice",
]


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happens to the pool at a moment."""

    at: float
    kind: HappeningKind
    which: int = 0
    """Which worker or job, counted round those that there are."""

    priority: str = ""
    """The new class of a job."""

    seconds: float = 0.0
    """How long memory is short, what a stranger's task takes, or until the new deadline of a job."""

    spent: tuple[tuple[str, float], ...] = ()
    """By the names of budgets."""

    worker: WorkerModel | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One simulated world from its start to its end."""

    seed: int
    """The seed of what is drawn while it runs: delays, and where tasks go."""

    jobs: tuple[JobModel, ...]
    workers: tuple[WorkerModel, ...]
    happenings: tuple[Happening, ...]
    calm_after: float
    """From here on nothing goes wrong any more, and there are workers and money."""

    timing: Timing
    retries: int = 2
    window: int = 2
    hang_after: float = 4.0
    budgets: tuple[tuple[str, BudgetAction], ...] = ()
    """What each show's budget of 100 does when it is spent, by show."""

    def config(self) -> PoolConfig:
        """The pool's settings."""
        return PoolConfig(
            classes={
                name: PriorityClass(order=order, target_turnaround=900.0 * 8**order)
                for order, name in enumerate(CLASSES)
            },
            default_class="normal",
            tiers={"local": Tier(kind="local", price_per_hour=1.0, maximum=100)},
            budgets={show: Budget(amount=100.0, action=action) for show, action in self.budgets},
            retries=self.retries,
            window=self.window,
            grace=10.0,
            hang_factor=3.0,
            hang_after=self.hang_after,
            seconds_per_frame={"default": 0.1},
        )


def make_scenario(seed: int) -> Scenario:
    """The scenario of a seed, always the same."""
    draw = _Draw(seed)
    return draw.scenario()


class _Draw:
    """Draws the parts of one scenario."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._random = Random(seed)
        self._calm_after = self._random.uniform(5.0, 25.0)
        self._shows = ("", "nova", "orbit")[: self._random.randint(1, 3)]
        self._harm = self._random.random() < 0.6
        """Whether any unit does harm."""

        self._graphs = self._random.random() < 0.6
        self._units: list[UnitModel] = []
        self._length = self._random.choice(("short", "long", "mixed"))
        # A hanging unit ends with its worker's process only, for which a nanny is needed.
        self._nannies = self._harm or self._random.random() < 0.7

    def scenario(self) -> Scenario:
        """All of it."""
        random = self._random
        jobs = tuple(self._job(number) for number in range(random.choice((1, 2, 3, 4, 5, 7))))
        workers = tuple(self._worker(number) for number in range(random.choice((1, 1, 2, 2, 3, 4))))
        budgets = tuple((show, random.choice(_ACTIONS)) for show in self._shows if show)
        happenings = [self._happening(len(jobs), budgets) for _ in range(random.choice((0, 1, 2, 3, 5, 8)))]
        slow = random.random() < 0.2
        return Scenario(
            seed=self._seed,
            jobs=jobs,
            workers=workers,
            happenings=tuple(sorted(happenings, key=lambda each: each.at)),
            calm_after=self._calm_after,
            timing=Timing(
                message_seconds=random.choice((0.001, 0.005, 0.05)),
                slow_message_seconds=1.0 if slow else 0.1,
                slow_share=0.1 if slow else 0.02,
                failing_share=0.05 if random.random() < 0.05 else 0.0,
                notice_seconds=random.choice((0.1, 3.0)),
            ),
            retries=random.choice((0, 1, 3)),
            window=random.choice((1, 2, 4)),
            budgets=budgets,
        )

    def _job(self, number: int) -> JobModel:
        random = self._random
        is_graph = self._graphs and random.random() < 0.35
        groups: tuple[GroupModel, ...] = ()
        if not is_graph:
            is_crowd = random.random() < 0.15
            groups = self._crowd() if is_crowd else tuple(self._group() for _ in range(self._many()))
        return JobModel(
            id=f"job-{number}",
            at=0.0 if random.random() < 0.3 else random.uniform(0.0, self._calm_after),
            show=random.choice(self._shows[-1:] if is_graph else self._shows),
            priority=random.choice(CLASSES),
            deadline_seconds=random.choice((None, None, 20.0, 600.0)),
            kind="job",
            groups=groups,
            closing=self._unit("close") if groups and random.random() < 0.3 else None,
            graph=GraphModel(
                tuple(random.randint(1, 6) for _ in range(random.randint(1, 3))), random.uniform(0.1, 5.0)
            )
            if is_graph
            else None,
            unplannable_after=random.randint(0, len(groups)) if groups and random.random() < 0.04 else None,
            planning_seconds=random.choice((0.0, 0.02, 0.5)),
        )

    def _many(self) -> int:
        return self._random.choice((0, 1, 1, 2, 3, 5, 8))

    def _crowd(self) -> tuple[GroupModel, ...]:
        """Many short units, which share tasks once it is known how short they are."""
        random = self._random
        seconds = random.choice((0.001, 0.01, 0.03))
        groups = []
        for _ in range(random.randint(15, 50)):
            key, endings = f"crowd-{random.getrandbits(32):08x}", self._endings()
            told = seconds if _may_hang(endings) else None
            groups.append(GroupModel((UnitModel(key, seconds, "crowd", 1, endings, told),)))
        return tuple(groups)

    def _group(self) -> GroupModel:
        random = self._random
        units = [self._unit() for _ in range(random.choice((0, 1, 1, 1, 2, 3, 4)))]
        if self._units and random.random() < 0.15:  # one that another group has, too
            twin = random.choice(self._units)
            units = [*units[:-1], twin] if twin not in units[:-1] else units
        self._units += units
        joins = len(units) != 1 or random.random() < 0.2
        return GroupModel(tuple(units), self._unit("join") if joins and random.random() < 0.7 else None)

    def _unit(self, word: str = "unit") -> UnitModel:
        random = self._random
        key = f"{word}-{random.getrandbits(32):08x}"
        short = self._length == "short" or (self._length == "mixed" and random.random() < 0.5)
        if word != "unit" or short:
            kind, seconds, frames = f"{word} short", random.choice((0.001, 0.01, 0.05, 0.2)), 1
        else:
            # As long as others of its kind, or nobody could tell when it hangs.
            frames = random.choice((1, 4, 24, 48))
            kind, seconds = f"{word} of {frames}", random.uniform(2.0, 6.0)
        endings = self._endings()
        told = seconds if _may_hang(endings) or random.random() < 0.5 else None
        if endings == ("deaf",) and random.random() < 0.5:  # it is taken to hang, and goes on after all
            seconds, told = random.uniform(4.0, 9.0), 0.1
        return UnitModel(key, seconds, kind, frames, endings, told)

    def _endings(self) -> tuple[Ending, ...]:
        if not self._harm or self._random.random() > 0.1:
            return ("done",)
        choices: tuple[tuple[Ending, ...], ...] = (
            ("raises",),
            ("transient", "done"),
            ("transient", "transient", "done"),
            ("transient",),
            ("kills", "done"),
            ("kills",),
            ("hangs", "done"),
            ("hangs",),
            ("deaf",),
            ("deaf",),
            ("deaf",),
            ("unsendable",),
        )
        return self._random.choice(choices)

    def _worker(self, number: int) -> WorkerModel:
        return WorkerModel(
            f"local-{number}",
            self._random.choice((1, 1, 2, 2, 2, 4)),
            self._nannies,
            fixed_port=self._random.random() < 0.3,
            is_early=not self._graphs and self._random.random() < 0.1,
        )

    def _happening(self, jobs: int, budgets: tuple[tuple[str, str], ...]) -> Happening:
        random = self._random
        at = random.uniform(0.1, self._calm_after)
        kinds: tuple[tuple[HappeningKind, int], ...] = (
            ("a worker comes", 4),
            ("a worker dies", 5),
            ("a worker is retired", 3),
            ("a worker is closed", 1),
            ("a tier is reclaimed", 1),
            ("memory runs short", 3),
            ("a job is cancelled", 3),
            ("a job is reprioritized", 5),
            ("money is spent", 12 if budgets else 0),
            ("Dask is restarted", 1),
            ("the pool is killed", 1),
            ("a worker is full", 2),
            ("strangers come", 2),
            ("a client vanishes", 1),
            ("a message comes twice", 1),
        )
        (kind,) = random.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])
        which = random.randrange(max(jobs, 8))
        match kind:
            case "a worker comes":
                return Happening(at, kind, worker=self._worker(which))
            case "memory runs short" | "a worker is full" | "strangers come":
                return Happening(at, kind, which, seconds=random.uniform(0.5, 5.0))
            case "a job is reprioritized":
                return Happening(at, kind, which, random.choice(CLASSES), random.choice((0.0, 5.0, 300.0)))
            case "money is spent":
                spent = tuple((show, random.choice((0.0, 85.0, 100.0, 120.0))) for show, _ in budgets)
                return Happening(at, kind, spent=spent)
            case _:
                return Happening(at, kind, which)


def _may_hang(endings: tuple[Ending, ...]) -> bool:
    """Whether a unit may be silent for long: what it takes must be known, or it would never be noticed."""
    return "hangs" in endings or "deaf" in endings
