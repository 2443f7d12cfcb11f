"""How busy one job alone keeps the slots of a pool: real renders on two, the same units on more on paper.

And what it costs: a proxy's ranges get shorter towards its end, and each begins with a keyframe.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import dask
from sqlalchemy import select

import mediadask as md
from benchmarks import footage
from benchmarks.measure import Failed, Meter, Sample, isolated, run
from benchmarks.proxy import CAREFUL, SENSOR, ssim
from benchmarks.pull import PRORES_4444, case_of
from benchmarks.pull import delivery as plate
from benchmarks.report import Row, at_least, at_most
from mediadask.delivery import Group
from mediadask.pool import Pool
from mediadask.pool.ledger.tables import attempts, open_database
from mediadask.render.segment import busy_share

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SLOTS = 2
ON_PAPER = (4, 16, 64)
GOP = 48


def proxy(clip: str, out: str, height: int) -> md.Delivery:
    return md.proxy([clip], out, lut=str(footage.lut()), size=height)


def timed(call: Callable[..., Any], note: Path, *args: Any) -> Any:
    """The call's result; `note` tells what it took of the processor, however busy the machine is."""
    before = time.process_time()
    result = call(*args)
    note.write_text(str(time.process_time() - before))
    return result


def on_two_slots(make: Callable[[str, str], md.Delivery], clip: str, short: str, out: str) -> Sample:
    """A job alone on a pool. The value is the share of their time in which slots ran units, by the ledger,
    from the first one's start to the last one's end; and the CPU seconds of each unit in order.
    """
    shutil.rmtree(out, ignore_errors=True)
    (group,) = make(clip, f"{out}/made").groups
    assert group.finish is not None
    notes = [Path(out) / f"{row}.seconds" for row in range(len(group.units) + 1)]
    units = [
        replace(unit, function=partial(timed, unit.function, note))
        for unit, note in zip([*group.units, group.finish], notes, strict=True)
    ]
    group = Group(group.name, tuple(units[:-1]), units[-1])
    with Pool.local(workers=SLOTS) as pool:
        for number in range(2 * SLOTS):
            pool.submit(make(short, f"{out}/warm{number}"), name="warm", show="bench").wait()
        with Meter() as meter:
            job = pool.submit(md.Delivery("packing", [group]), name="packing", show="bench")
            report = job.result()
        if report.failures:
            raise Failed(str(report.failures[0].failure))
        pool.costs()  # the ledger is written until here
        columns = attempts.c.started, attempts.c.ended, attempts.c.run_seconds
        query = select(*columns).where(attempts.c.job == job.id).order_by(attempts.c.started)
        with open_database().connect() as connection:
            ran = connection.execute(query).all()
    whole = (max(row.ended for row in ran) - ran[0].started) / timedelta(seconds=1)
    share = sum(row.run_seconds for row in ran) / (SLOTS * whole)
    return meter.sample((share, [float(note.read_text()) for note in notes]))


def on_paper(seconds: Sequence[float], slots: int) -> float:
    """The share for units that take so long: the last one, which joins the others, waits for all of them."""
    *units, finish = seconds
    makespan = sum(units) / (slots * busy_share(units, slots))
    return sum(seconds) / (slots * (makespan + finish))


def in_equal_gops(points: Sequence[int], seconds_per_frame: float, *, gop: int = 1) -> list[tuple[int, int]]:
    return list(pairwise([*range(0, points[-1], gop), points[-1]]))


def made(clip: str, out: str, height: int) -> str:
    (report,) = dask.compute(proxy(clip, out, height))
    if report.failures:
        raise Failed(str(report.failures[0].failure))
    return str(report.results[0].url)


def made_in_equal_gops(clip: str, out: str, height: int) -> str:
    with patch("mediadask.render.proxy.segments", in_equal_gops):
        return made(clip, out, height)


def rows(quick: bool, rounds: int) -> Iterator[Row]:
    gops, height, plates = (4, 360, 8) if quick else (24, 2160, 96)
    size = (height * 16 // 9, height)
    short = footage.rendition("ProRes", frames=4, size=(320, 180))
    frames = footage.rendition("ProRes", frames=GOP, size=size, filters=SENSOR)
    clip = footage.there_and_back(frames, gops)
    case = f"ProRes {height}p → H.264 {height // 2}p, LUT, {gops * GOP} frames"
    yield from _busy(case, partial(proxy, height=height // 2), str(clip), str(short), rounds)
    shot = footage.clip("mov", PRORES_4444, frames=4 if quick else 12, size=size)
    short = footage.clip("mov", PRORES_4444, frames=8, size=(320, 180))
    looped = footage.looped(shot, plates // (4 if quick else 12))
    yield from _busy(f"{case_of(size)}, {plates} frames", plate, str(looped), str(short), rounds)
    yield from _cost(gops, height // 2)


def _busy(
    case: str, make: Callable[[str, str], md.Delivery], clip: str, short: str, rounds: int
) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        samples = [isolated(on_two_slots, make, clip, short, folder) for _ in range(rounds)]
    shares, by_round = zip(*(sample.value for sample in samples), strict=True)
    seconds = [median(unit) for unit in zip(*by_round, strict=True)]
    *units, finish = seconds
    note = f"{len(units)} units of {min(units):.2f} to {max(units):.2f} s, the last step {finish:.2f} s"
    what = f"share of their time that {SLOTS} slots are busy"
    yield Row("packing", case, what, median(shares), at_least(0.9), note=note, samples={"rounds": samples})
    for slots in ON_PAPER:
        what = f"the same of {slots} slots, on paper"
        target = at_least(0.9) if slots <= 16 else None
        yield Row("packing", case, what, on_paper(seconds, slots), target)


def _cost(gops: int, height: int) -> Iterator[Row]:
    """Against ranges of one GOP each; in a size that lets whole clips be compared."""
    size = (height * 16 // 9, height)
    frames = footage.rendition("ProRes", frames=GOP, size=size, filters=SENSOR)
    clip = str(footage.there_and_back(frames, gops))
    case = f"ProRes {height}p → H.264 {height // 2}p, LUT, {gops * GOP} frames"
    with tempfile.TemporaryDirectory() as folder:
        ours = isolated(made, clip, f"{folder}/ours", height // 2)
        equal = isolated(made_in_equal_gops, clip, f"{folder}/equal", height // 2)
        sizes = [Path(path).stat().st_size for path in (ours, equal)]
        filters = CAREFUL.format(height=height // 2, lut=footage.lut())
        whole = f"{folder}/whole.mkv"
        run(f"{footage.ffmpeg()} -v error -y -i {clip} -vf {filters} -c:v ffv1 {whole}".split())
        likeness = [ssim(path, whole) for path in (ours, equal)]
    names = {"ours": f"{sizes[0] / 1e6:.2f} MB", "theirs": f"{sizes[1] / 1e6:.2f} MB in equal GOPs"}
    yield Row("packing", case, "size over equal GOPs'", sizes[0] / sizes[1], at_most(1.01), **names)
    names = {"ours": f"{likeness[0]:.4f}", "theirs": f"{likeness[1]:.4f} in equal GOPs"}
    what = "SSIM to the picture before encoding, over equal GOPs'"
    yield Row("packing", case, what, likeness[0] / likeness[1], at_least(0.999), **names)
