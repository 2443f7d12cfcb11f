"""Peak memory of a worker that makes 4K proxies: it must not grow with the length of the clip."""

from __future__ import annotations

import tempfile
from functools import partial
from typing import TYPE_CHECKING

import mediadask as md
from benchmarks import footage
from benchmarks.measure import Failed, Meter, Sample, in_turn, isolated, median_of, ratio
from benchmarks.report import Row, at_most
from mediadask.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator


def proxy_on_one_worker(clip: str, height: int) -> Sample:
    with tempfile.TemporaryDirectory() as out, Pool.local(workers=1) as pool:
        with Meter() as meter:
            report = pool.submit(md.proxy([clip], out, size=height), name="proxy", show="bench").result()
        if report.failures:
            raise Failed(str(report.failures[0].failure))
        return meter.sample()


def rows(quick: bool, rounds: int) -> Iterator[Row]:
    frames, times = (12, 4) if quick else (48, 10)
    size = (1280, 720) if quick else (3840, 2160)
    short = footage.rendition("ProRes", frames=frames, size=size)
    long = footage.looped(short, times)
    sides = {"short": str(short), "long": str(long)}
    samples = in_turn(
        {name: partial(isolated, proxy_on_one_worker, clip, size[1] // 2) for name, clip in sides.items()},
        rounds,
    )
    peak = {name: f"{median_of(taken, 'peak_bytes') / 1e6:.0f} MB" for name, taken in samples.items()}
    yield Row(
        "memory",
        f"ProRes {size[1]}p proxy, {frames * times} frames over {frames}",
        "peak of the worker, ratio",
        ratio(samples["long"], samples["short"], "peak_bytes"),
        at_most(1.1),
        ours=peak["long"],
        note=f"{peak['short']} for {frames} frames",
        samples=dict(samples),
    )
