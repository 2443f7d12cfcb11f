"""A pool that brings its own workers: they come with the work, go when idle, lose nothing when reclaimed."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import dask.config
import pytest
from sqlalchemy import select

import mediadask as md
from mediadask.errors import InvalidRequest
from mediadask.pool import Pool
from mediadask.pool.ledger import tables
from tests.pool.waiting import WAIT, eventually

if TYPE_CHECKING:
    from pathlib import Path


def workers(pool: Pool) -> dict[str, int]:
    return {tier["tier"]: tier["workers"] for tier in pool.status()["tiers"]}


def frames_of(folder: Path, number: int) -> int:
    """A sequence of 40 frames, each noted when it is computed; what is there is not computed again."""
    for frame in range(40):
        with (folder / f"clip {number}").open("a+") as computed:
            computed.seek(0)
            if str(frame) not in computed.read().split():
                computed.write(f"{frame}\n")
                computed.flush()
        while frame == 5 and not (folder / "go").exists():
            time.sleep(0.002)
            md.checkpoint()
        md.checkpoint()
    return number


def computed(folder: Path) -> list[list[int]]:
    return [[int(frame) for frame in path.read_text().split()] for path in sorted(folder.glob("clip *"))]


def until_exists(gate: Path, number: int) -> int:
    while not gate.exists():
        time.sleep(0.005)
        md.checkpoint()
    return number


def test_workers_come_with_the_work_and_idle_ones_go(tmp_path: Path) -> None:
    tier = {"maximum": 2, "startup": 0.1}
    with (
        dask.config.set({"mediadask.grace": 1.5, "mediadask.tiers.local": {**LOCAL, **tier}}),
        Pool.local() as pool,
    ):
        assert workers(pool) == {"local": 0}
        long = partial(until_exists, tmp_path / "go")
        job = pool.submit(md.delivery(long, range(2), name="long", seconds=600))
        assert job.status == "waiting"
        eventually(lambda: job.progress.units_running == 2)
        assert job.status == "running"
        one = pool.submit(
            md.delivery(partial(until_exists, tmp_path / "never"), [9], name="stays", seconds=600)
        )
        (tmp_path / "go").touch()
        assert job.wait(WAIT)
        eventually(lambda: one.progress.units_running == 1 and workers(pool) == {"local": 1})
        assert pool.client.sync(pool.client.scheduler.adaptive_target) == 1, "Dask's own tools hear the same"
        one.cancel()
        eventually(lambda: workers(pool) == {"local": 0})
        (tmp_path / "never").touch()
        again = pool.submit(md.delivery(long, range(3), name="again"))
        assert again.result(WAIT).results == [0, 1, 2]


LOCAL = {"kind": "local", "price-per-hour": 3600.0}


def leases() -> int:
    """How many workers there have been."""
    engine = tables.open_database()
    with engine.connect() as connection:
        count = len(connection.execute(select(tables.leases)).all())
    engine.dispose()
    return count


def test_all_that_were_asked_for_start_at_once_and_the_minimum_stays() -> None:
    tier = {**LOCAL, "minimum": 1}
    with (
        dask.config.set({"mediadask.grace": 1.0, "mediadask.tiers.local": tier}),
        Pool.local(workers=3) as pool,
    ):
        eventually(lambda: leases() == 3 and workers(pool) == {"local": 1})


def test_a_result_that_somebody_holds_keeps_its_worker() -> None:
    settings = {"mediadask.grace": 0.5, "mediadask.tiers.local": {**LOCAL, "startup": 0.1}}
    with dask.config.set(settings), Pool.local(workers=2) as pool:
        held = pool.client.submit(sum, [1, 2])
        held.result()
        eventually(lambda: workers(pool) == {"local": 1})
        pool.submit(md.delivery(abs, [1], name="x")).wait(WAIT)
        assert held.result() == 3
        held.release()
        eventually(lambda: workers(pool) == {"local": 0})


def test_a_reclaimed_tier_gives_its_units_to_another_at_their_next_frame(tmp_path: Path) -> None:
    ledger = str(tmp_path / "ledger.sqlite")
    tiers = {name: {**LOCAL, "maximum": 1, "startup": 0.1} for name in ("local", "spot")}
    with (
        dask.config.set({"mediadask.tiers": tiers}),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("MEDIADASK_LEDGER", ledger)
        with Pool.local() as pool:
            job = pool.submit(md.delivery(partial(frames_of, tmp_path), range(3), name="clips", seconds=600))
            eventually(lambda: job.progress.units_running == 2)
            eventually(lambda: computed(tmp_path) == [[0, 1, 2, 3, 4, 5]] * 2)
            with pytest.raises(InvalidRequest, match="did you mean spot"):
                pool.reclaim("spt")
            pool.reclaim("spot")
            eventually(lambda: workers(pool) == {"local": 1, "spot": 0})
            assert job.progress.units_running == 1
            (tmp_path / "go").touch()
            assert job.result(WAIT).results == [0, 1, 2]
            assert workers(pool)["spot"] == 0
            pool.restore("spot")
            more = pool.submit(
                md.delivery(partial(until_exists, tmp_path / "gate"), range(2), name="m", seconds=600)
            )
            eventually(lambda: more.progress.units_running == 2)
            (tmp_path / "gate").touch()
            assert more.wait(WAIT)
    assert computed(tmp_path) == [list(range(40))] * 3, "every frame once, in order"
    engine = tables.open_database(ledger)
    with engine.connect() as connection:
        attempts = connection.execute(select(tables.attempts)).all()
        leases = connection.execute(select(tables.leases)).all()
    engine.dispose()
    (moved,) = [attempt for attempt in attempts if attempt.outcome == "rescheduled"]
    assert moved.worker in {lease.worker for lease in leases if lease.tier == "spot"}
    assert all(lease.startup_seconds for lease in leases)
