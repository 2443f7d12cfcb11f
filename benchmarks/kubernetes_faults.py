"""Faults of a real cluster, drawn from a seed, while jobs run: does every job end as it should?

A fault waits until what it strikes runs a unit, and a round whose fault has met nothing is played again. The
ledger is in PostgreSQL, on this machine. Where the cluster is of this machine, too, and
``MEDIADASK_TEST_API_SERVER`` names the process of its API server, that stops, and pods lose their network.
"""

from __future__ import annotations

import os
import random
import tempfile
import threading
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

import mediadask as md
from benchmarks.cluster_faults import ClusterFaults, pods_of
from benchmarks.kubernetes_units import CHAIN_FRAMES, FRAME_SECONDS, chain, link
from benchmarks.measure import Failed
from benchmarks.report import Row, at_most
from mediadask.pool import Pool
from mediadask.pool.kubernetes.spec import read_spec
from mediadask.pool.kubernetes.up import down, up
from mediadask.pool.ledger import tables
from tests.kubernetes.conftest import make_namespace, small_spec, volume
from tests.kubernetes.place import address_for_pods, apply, eventually, kubectl
from tests.pool.conftest import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mediadask.pool import Job

SLOTS = 4
UNITS = 8
MANY_UNITS = 40
"""Where something is away for a while, or the cluster chooses whom it strikes: they last for long enough."""

LEFT_FRAMES = 15
"""A unit that a fault is to strike has so many: it has not ended before the fault is there."""

TRIES = 4
PRICE = 3600.0
"""A second of a worker costs 1."""

LATE_SECONDS = 10.0
"""So much longer than its pod a lease may last: what is away is noticed late."""


def rows(quick: bool, rounds: int) -> Iterator[Row]:
    if not os.environ.get("KUBECONFIG"):
        raise Failed("NO KUBERNETES: set KUBECONFIG to that of a cluster for tests")
    told = faults(len(_names()) if quick else 60, seed=12)
    count = sum(told.drawn.values())
    case = f"{count} rounds: " + ", ".join(f"{n} {name}" for name, n in sorted(told.drawn.items()))
    yield Row("faults", case, "jobs that did not end bit-identical", told.wrong, at_most(0))
    yield Row("faults", case, "faults that met nothing", told.missed, at_most(0))
    yield Row("faults", case, "most often that a frame was computed", told.most, at_most(2))
    yield Row("faults", case, "leases and attempts that are not closed", told.open, at_most(0))
    yield Row("faults", case, "leases outside of their pods' lives", len(told.strange), at_most(0))
    yield Row(
        "faults", case, "costs over seconds of leases × price, off by", abs(told.costs / told.leased - 1),
        at_most(0.001), ours=f"{told.leased:.0f} s of workers",
    )  # fmt: skip
    yield Row(
        "faults", case, "frames computed over those needed", told.frames / told.needed,
        ours="; ".join(sorted(told.reasons)),
    )  # fmt: skip


@dataclass
class Told:
    """What came of all rounds."""

    drawn: dict[str, int]
    wrong: int = 0
    missed: int = 0
    most: int = 0
    frames: int = 0
    needed: int = 0
    open: int = 0
    strange: list[str] = field(default_factory=list)
    costs: float = 0.0
    leased: float = 0.0
    reasons: set[str] = field(default_factory=set)


@dataclass
class Round:
    """A job that runs, and the folder in which its units note their frames."""

    folder: Path
    job: Job

    def computed(self) -> list[list[tuple[int, str]]]:
        """The frames of each unit, and the worker that computed each."""
        noted = (path.read_text().splitlines() for path in sorted(self.folder.glob("unit *")))
        return [[(int(frame), worker) for frame, worker in map(str.split, lines)] for lines in noted]

    def busy(self) -> set[str]:
        """Workers with a unit that has some frames left."""
        latest = (frames[-1] for frames in self.computed() if frames)
        return {worker for frame, worker in latest if frame < CHAIN_FRAMES - LEFT_FRAMES}


def _names() -> list[str]:
    names = [
        "pod_deleted",
        "process_killed",
        "out_of_memory",
        "node_drained",
        "preempted",
        "scheduler_deleted",
        "database_away",
    ]
    here = "MEDIADASK_TEST_API_SERVER" in os.environ
    return names + (["api_server_away", "network_lost"] if here else [])


class PodLives(threading.Thread):
    """Looks at the workers' pods every second: from when to when each ran."""

    def __init__(self, namespace: str) -> None:
        super().__init__(daemon=True)
        self._namespace, self._is_over = namespace, threading.Event()
        self.lives: dict[str, tuple[datetime, datetime]] = {}

    def run(self) -> None:
        while not self._is_over.wait(1):
            for pod in pods_of(self._namespace):
                for each in pod["status"].get("containerStatuses", ()):
                    if began := each["state"].get("running", {}).get("startedAt"):
                        name = pod["metadata"]["name"]
                        self.lives[name] = datetime.fromisoformat(began), datetime.now(UTC)

    def close(self) -> None:
        self._is_over.set()
        self.join()


def faults(count: int, seed: int, names: list[str] | None = None) -> Told:
    draw = random.Random(seed)
    names = names or _names()
    order = [*names, *(draw.choice(names) for _ in range(count - len(names)))][:count]
    told = Told({name: order.count(name) for name in set(order)})
    with (
        tempfile.TemporaryDirectory() as folder,
        make_namespace() as namespace,
        _database() as (database, url),
        _pool(namespace, folder, url) as pool,
    ):
        watch = PodLives(namespace)
        watch.start()
        happens = ClusterFaults(namespace, database)
        for number, name in enumerate(order):
            for again in range(TRIES):
                if _play(pool, happens, name, Path(folder) / f"round {number}.{again}", draw, told, url):
                    break
            else:
                told.missed += 1
        eventually(lambda: not happens.workers(), "no worker", 180)
        eventually(lambda: not _open(url), "all leases and attempts are closed", 60)
        watch.close()
        told.open = _open(url)
        _read_books(pool, url, watch, told)
    return told


def _play(
    pool: Pool, happens: ClusterFaults, name: str, folder: Path, draw: random.Random, told: Told, url: str
) -> bool:
    """A round. Returns whether its fault met something."""
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    units = MANY_UNITS if name.endswith("away") or name in happens.on_all else UNITS
    begun = time.monotonic()
    work = md.delivery(partial(chain, str(folder)), range(units), name=folder.name, seconds=600)
    played = Round(folder, pool.submit(work, priority="urgent"))
    time.sleep(draw.uniform(0, CHAIN_FRAMES * FRAME_SECONDS))
    victim = _when_it_strikes(played, happens, name, draw)
    if victim is not None:
        getattr(happens, name)(victim, folder)
    try:
        results = played.job.result(600).results
    except Exception as error:
        results = [f"{type(error).__name__}: {error}"]
    is_right = results == [reduce(link, range(CHAIN_FRAMES), str(unit)) for unit in range(units)]
    computed = [[frame for frame, _ in frames] for frames in played.computed()]
    often = max((frames.count(frame) for frames in computed for frame in set(frames)), default=0)
    met = victim is not None and (name in happens.survived or _interrupted(url, played.job))
    seconds = time.monotonic() - begun
    print(f"{folder.name} {name}: {seconds:.0f} s, {often} times, right {is_right}, met {met}", flush=True)
    if not is_right:
        print(results, flush=True)
    if often > 2:
        print(*_attempts(url, played.job), sep="\n", flush=True)
    told.wrong += not is_right
    told.most = max(told.most, often)
    told.frames += sum(map(len, computed))
    told.needed += units * CHAIN_FRAMES
    return met


def _when_it_strikes(played: Round, happens: ClusterFaults, name: str, draw: random.Random) -> str | None:
    """A worker that runs a unit, when whoever is struck does; None where the job has ended before."""
    while not played.job.wait(0.05):
        busy = played.busy()
        if busy and name in happens.on_all:
            there = {pod["metadata"]["name"] for pod in happens.workers()}
            if not there <= played.busy():
                continue
        if busy:
            return draw.choice(sorted(busy))
    return None


def _interrupted(url: str, job: Job) -> bool:
    """Whether an attempt of the job ended otherwise than it should."""
    return any(each.outcome not in (None, "done") for each in _attempts(url, job))


def _attempts(url: str, job: Job) -> list[Any]:
    with tables.open_database(url).connect() as connection:
        mine = select(tables.attempts).where(tables.attempts.c.job == job.id)
        return list(connection.execute(mine.order_by(tables.attempts.c.started)))


def _open(url: str) -> int:
    with tables.open_database(url).connect() as connection:
        leases = [each for each in connection.execute(select(tables.leases)) if each.ended is None]
        tried = [each for each in connection.execute(select(tables.attempts)) if each.ended is None]
    return len(leases) + len(tried)


def _read_books(pool: Pool, url: str, watch: PodLives, told: Told) -> None:
    late = timedelta(seconds=LATE_SECONDS)
    with tables.open_database(url).connect() as connection:
        leases = connection.execute(select(tables.leases)).all()
    for lease in leases:
        began, gone = watch.lives.get(lease.name, (None, None))
        if began is None or gone is None:
            told.strange.append(f"{lease.name}: no pod was seen")
        elif lease.joined < began or lease.joined + timedelta(seconds=lease.seconds) > gone + late:
            told.strange.append(f"{lease.name}: {lease.joined} for {lease.seconds} s; pod {began} to {gone}")
    print(*told.strange, sep="\n", flush=True)
    told.leased = sum(lease.seconds * lease.price_per_hour / PRICE for lease in leases)
    told.costs = float(pool.costs()["total"].sum())
    ordinary = ("retire", "handle", "worker", "pool closed")
    told.reasons = {lease.reason for lease in leases if not lease.reason.startswith(ordinary)}


@contextmanager
def _database() -> Iterator[tuple[PostgresServer, str]]:
    database = PostgresServer(address_for_pods())
    try:
        url = database.new_database()
        yield database, url.replace("postgres@", f"postgres:{database.PASSWORD}@")
    finally:
        database.close()


@contextmanager
def _pool(namespace: str, folder: str, url: str) -> Iterator[Pool]:
    for name, value in (("low", -10), ("high", 1000)):
        meta = {"name": f"mediadask-test-{name}"}
        apply(
            {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": meta, "value": value}
        )
    Path(folder).chmod(0o777)
    apply(*volume(namespace, "shared", folder))
    meta = {"name": "ledger", "namespace": namespace}
    apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": meta,
            "stringData": {"password": PostgresServer.PASSWORD},
        }
    )
    spec = small_spec(namespace, volumes={"shared": {"claim": "shared", "mount": folder}})
    without = url.replace(f":{PostgresServer.PASSWORD}@", "@")
    spec["kubernetes"]["ledger"] = {"address": without, "secret": "ledger"}
    tier = spec["mediadask"]["tiers"]["burst"]
    tier["maximum"] = SLOTS
    tier["pods"] |= {"cpu": "150m", "priority-class": "mediadask-test-low"}
    tier["price-per-hour"] = PRICE
    spec["mediadask"]["grace"] = "20s"
    up(read_spec(spec))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with md.Pool.connect(f"kubernetes:{namespace}/studio") as pool:
                yield pool
        down("studio", namespace)
    finally:
        for name in ("low", "high"):
            kubectl("delete", "priorityclass", f"mediadask-test-{name}", fails=True)
