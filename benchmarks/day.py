"""A day of spikes, its hours run as seconds: do workers come with the work and go with it, and what idles?"""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask
import numpy as np

import mediadask as md
from benchmarks.displacement import FRAME_SECONDS, clip
from benchmarks.report import Row, at_least, at_most
from mediadask.pool import Pool
from mediadask.pool.config import load_config
from mediadask.pool.ledger.costs import costs
from mediadask.pool.ledger.reports import read_table, turnaround
from mediadask.pool.ledger.tables import attempts, jobs, leases, open_database

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

WORKERS = 4
GRACE_SECONDS = 2.0
STEP_SECONDS = 0.1


@dataclass(frozen=True)
class Arrival:
    """A job of the day."""

    hour: float
    show: str
    priority: str
    units: int
    seconds: float
    """How long one unit takes, at 5 seconds an hour."""


TRACE = (
    Arrival(6.5, "AGM", "background", 20, 3.0),  # yesterday's cards: proxies
    Arrival(8.0, "AGM", "urgent", 16, 0.5),  # a turnover, into the middle of them
    Arrival(11.0, "BRV", "normal", 8, 1.0),
    Arrival(13.0, "BRV", "urgent", 40, 0.5),
    Arrival(13.5, "AGM", "urgent", 24, 0.5),  # a second on its heels
    Arrival(17.0, "AGM", "normal", 6, 1.0),
    Arrival(19.0, "BRV", "background", 16, 3.0),  # today's cards
    Arrival(20.0, "BRV", "urgent", 12, 0.5),
)


def rows(quick: bool, rounds: int) -> Iterator[Row]:
    hour = 1.0 if quick else 5.0
    with tempfile.TemporaryDirectory() as folder:
        ledger = str(Path(folder) / "ledger.sqlite")
        settings = {
            "mediadask.tiers.local.maximum": WORKERS,
            "mediadask.tiers.local.price-per-hour": 1.0,
            "mediadask.grace": GRACE_SECONDS,
        }
        before = os.environ.get("MEDIADASK_LEDGER")
        os.environ["MEDIADASK_LEDGER"] = ledger
        try:
            with dask.config.set(settings):
                length = _replay(hour)
                config = load_config()
        finally:
            del os.environ["MEDIADASK_LEDGER"]
            if before is not None:
                os.environ["MEDIADASK_LEDGER"] = before
        engine = open_database(ledger)
        money = costs(engine, config)
        urgent = turnaround(engine, config).set_index("priority").loc["urgent"]
        told = read_table(engine, leases.select())
        tried = read_table(engine, attempts.select())
        submitted = read_table(engine, jobs.select().order_by(jobs.c.submitted))
        engine.dispose()
    case = f"{len(TRACE)} jobs of a day at {hour:g} s an hour, up to {WORKERS} workers"
    work, leased = tried["run_seconds"].sum(), told["seconds"].sum()
    killed = tried["outcome"].isin(["lost", "rescheduled"]).sum()
    yield Row("day", case, "running units killed by scaling", float(killed), at_most(0))
    yield Row(
        "day",
        case,
        "share of the day in which workers matched the work",
        followed(submitted, tried, told, length),
        at_least(0.95),
        ours=f"{len(told)} workers came and went",
        note=f"{_allowed_seconds(told):.1f} s to come or go allowed",
    )
    yield Row(
        "day",
        case,
        "idle share of the cost",
        money["idle"].sum() / money["total"].sum(),
        ours=f"{leased:.0f} s of workers for {work:.0f} s of work",
        theirs=f"{1 - work / (WORKERS * length):.2f} with {WORKERS} workers kept all day",
    )
    yield Row(
        "day",
        case,
        "urgent turnaround, median s",
        float(urgent["p50_seconds"]),
        ours=f"longest {urgent['max_seconds']:.1f} s",
    )


def _replay(hour: float) -> float:
    """Submit every job at its time; seconds that the day took."""
    begin = time.monotonic()
    with Pool.local() as pool:
        submitted = []
        for arrival in TRACE:
            time.sleep(max(0.0, begin + arrival.hour * hour - time.monotonic()))
            frames = max(1, round(arrival.seconds * hour / 5 / FRAME_SECONDS))
            work = md.delivery(
                partial(clip, None, frames),
                range(arrival.units),
                name=f"{arrival.show} {arrival.hour:g} h",
                seconds=frames * FRAME_SECONDS,
            )
            submitted.append(pool.submit(work, show=arrival.show, priority=arrival.priority))
        for job in submitted:
            job.result()
        time.sleep(max(0.0, begin + 24 * hour - time.monotonic()))
    return time.monotonic() - begin


def _allowed_seconds(told: pd.DataFrame) -> float:
    """What a worker takes to come, or is kept when idle; and a look at the pool a second, twice."""
    return float(max(GRACE_SECONDS, told["startup_seconds"].max())) + 2.0


def followed(submitted: pd.DataFrame, tried: pd.DataFrame, told: pd.DataFrame, length: float) -> float:
    """The share of the day in which there were no more workers than had just been of use, and where work had
    been waiting for all of them, no fewer."""
    begin = submitted["submitted"].min()

    def since(moments: Any) -> Any:
        return np.asarray([(moment - begin).total_seconds() for moment in moments])

    clock = np.arange(0.0, length - TRACE[0].hour * length / 24, STEP_SECONDS)
    units = np.asarray([arrival.units for arrival in TRACE])
    came, done = since(submitted["submitted"]), np.sort(since(tried["ended"]))
    waiting = (units[:, None] * (came[:, None] <= clock)).sum(0) - np.searchsorted(done, clock, "right")
    useful = np.minimum(waiting, WORKERS)
    there = (since(told["joined"])[:, None] <= clock).sum(0) - (since(told["ended"])[:, None] <= clock).sum(0)
    back = round(_allowed_seconds(told) / STEP_SECONDS)
    lately = np.lib.stride_tricks.sliding_window_view(np.concatenate([np.zeros(back), useful]), back + 1)
    enough = there >= np.where(lately.min(axis=1) == WORKERS, WORKERS, np.minimum(lately.min(axis=1), 1))
    return float((enough & (there <= lately.max(axis=1))).mean())
