"""What the pool adds to a unit: the same calls by a pool and by plain ``client.map``, on the same cores."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from distributed import Client, LocalCluster

import mediadask as md
from benchmarks.measure import CORES, Meter, Sample, in_turn, isolated, median_of, ratio
from benchmarks.report import Row, at_most
from mediadask.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator


def unit(seconds: float, number: int) -> int:
    """Sleeping: what is measured is the pool, not the cores."""
    if seconds:
        time.sleep(seconds)
    return number


def by_pool(seconds: float, units: int) -> Sample:
    with Pool.local(workers=CORES) as pool:
        pool.submit(md.delivery(partial(unit, seconds), range(8 * CORES), name="unit")).result()
        with Meter() as meter:
            pool.submit(md.delivery(partial(unit, seconds), range(units), name="unit")).result()
        return meter.sample()


def by_dask(seconds: float, units: int) -> Sample:
    with (
        LocalCluster(
            n_workers=CORES, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs="CRITICAL"
        ) as cluster,
        Client(cluster) as client,
    ):
        client.gather(client.map(partial(unit, seconds), range(8 * CORES), pure=False))
        with Meter() as meter:
            client.gather(client.map(partial(unit, seconds), range(units), pure=False))
        return meter.sample()


def rows(quick: bool, rounds: int) -> Iterator[Row]:
    for seconds, units in ((0.0, 4000), (0.01, 1000), (0.1, 100)):
        units = units // 10 if quick else units
        sides = {
            "pool": partial(isolated, by_pool, seconds, units),
            "dask": partial(isolated, by_dask, seconds, units),
        }
        samples = in_turn(sides, rounds)
        a_second = {name: units / median_of(taken, "wall_seconds") for name, taken in samples.items()}
        yield Row(
            "overhead",
            f"{units} units of {seconds * 1000:g} ms",
            "wall seconds over client.map",
            ratio(samples["pool"], samples["dask"], "wall_seconds"),
            at_most(1.05 if seconds else 0.2),
            ours=f"{a_second['pool']:.0f} units/s",
            theirs=f"{a_second['dask']:.0f} units/s",
            note=f"CPU {ratio(samples['pool'], samples['dask'], 'cpu_seconds'):.2f}×",
            samples=dict(samples),
        )
