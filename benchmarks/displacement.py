"""Urgent work on a pool full of background work: what the one waits, and what the other loses."""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from distributed import Client, LocalCluster
from sqlalchemy import func, select

import mediadask as md
from benchmarks import footage
from benchmarks.measure import CORES, Failed
from benchmarks.report import Row, at_most
from mediadask.clips import Clip
from mediadask.pixels import to_rgb
from mediadask.pool import Pool
from mediadask.pool.ledger.tables import attempts, open_database
from mediadask.render.exr import exr_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mediadask.pool import Job

FRAME_SECONDS = 0.05
URGENT_UNITS = 40


def clip(folder: Path | None, frames: int, number: int) -> int:
    """A unit that takes no processor: what is measured is the pool, not the cores."""
    for frame in range(frames):
        time.sleep(FRAME_SECONDS)
        if folder is not None:
            with (folder / f"{number}").open("a") as computed:
                computed.write(f"{frame}\n")
        md.checkpoint()
    return number


def still(clip: str, folder: Path, number: int) -> str:
    """A frame as half-float OpenEXR."""
    (frame,) = Clip.open(clip).frames(number, number + 1)
    path = folder / f"{number:06d}.exr"
    path.write_bytes(exr_bytes(to_rgb(frame, "float32"), {}))
    md.checkpoint()
    return str(path)


def rows(quick: bool, rounds: int) -> Iterator[Row]:
    for threads in (1,) if quick else (1, 8, 32):
        yield from _synthetic(quick, rounds, threads)
    yield from _renders(quick, rounds)


def _synthetic(quick: bool, rounds: int, threads: int) -> Iterator[Row]:
    """On two workers of so many threads: the units sleep, so that the machine's cores do not decide."""
    frames = 20 if quick else 60
    slots = 2 * threads
    clips, units = 4 * slots, URGENT_UNITS * threads
    idle, busy, behind, alone, repeated = [], [], [], [], 0
    with Pool.local(workers=2, threads=threads) as pool:
        _turnaround(_submit(pool, None, 1, 8 * slots, "normal"))
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as folder:  # the same work as below: it notes every frame
                alone.append(_turnaround(_submit(pool, Path(folder), frames, clips, "background")))
            idle.append(_turnaround(_submit(pool, None, 1, units, "urgent")))
            with tempfile.TemporaryDirectory() as folder:
                background = _submit(pool, Path(folder), frames, clips, "background")
                while background.progress.units_running < slots:
                    time.sleep(0.01)
                time.sleep(frames * FRAME_SECONDS / 3)
                busy.append(_turnaround(_submit(pool, None, 1, units, "urgent")))
                behind.append(_turnaround(background))
                computed = [path.read_text().split() for path in Path(folder).iterdir()]
                repeated += sum(map(len, computed)) - clips * frames
    plain = _plain_dask(frames, clips, units, threads)
    before = f"{units} units of {FRAME_SECONDS * 1000:.0f} ms before {frames * FRAME_SECONDS:g} s ones"
    case = f"{slots} slots, {before}"
    yield Row(
        "displacement",
        case,
        "urgent turnaround over idle",
        median(b / i for b, i in zip(busy, idle, strict=True)),
        at_most(1.10),
        ours=f"{median(busy):.2f} s",
        theirs=f"{plain:.2f} s plain Dask, {plain / median(idle):.1f}×",
        samples={"idle": idle, "busy": busy, "plain_dask": plain},
    )
    yield Row(
        "displacement",
        case,
        "background over its own and the urgent job's time",
        median(b / (a + i) for b, a, i in zip(behind, alone, idle, strict=True)),
        at_most(1.02),
        ours=f"{median(behind):.2f} s",
        samples={"behind": behind, "alone": alone},
    )
    yield Row("displacement", case, "frames computed twice", repeated, at_most(0))


def _renders(quick: bool, rounds: int) -> Iterator[Row]:
    """The same with the work that it is for; here the cores are shared with the pool."""
    frames, size, stills = (12, (640, 360), 8) if quick else (48, (3840, 2160), 40)
    source = str(footage.rendition("ProRes", frames=frames, size=size))
    idle, busy, behind, alone = [], [], [], []
    with tempfile.TemporaryDirectory() as folder, Pool.local(workers=CORES) as pool:

        def proxies(out: str) -> Job:
            work = md.proxy([source] * 2 * CORES, f"{folder}/{out}", size=size[1] // 2)
            return pool.submit(work, name=out, priority="background")

        def pull(out: str) -> Job:
            (Path(folder) / out).mkdir()
            work = partial(still, source, Path(folder) / out)
            numbers = [number % frames for number in range(stills)]
            return pool.submit(md.delivery(work, numbers, name="pull"), name=out, priority="urgent")

        _turnaround(pull("first pull"))
        _turnaround(proxies("first proxies"))
        for number in range(rounds):
            alone.append(_turnaround(proxies(f"alone {number}")))
            idle.append(_turnaround(pull(f"idle {number}")))
            background = proxies(f"behind {number}")
            while background.progress.frames < CORES:
                time.sleep(0.05)
            busy.append(_turnaround(pull(f"busy {number}")))
            behind.append(_turnaround(background))
        done = sum(job.progress.units_done for job in pool.jobs())
        begun = _begun(pool)
    case = f"{stills} EXR stills of {size[1]}p before proxies of it"
    yield Row(
        "displacement",
        case,
        "urgent turnaround over idle",
        median(b / i for b, i in zip(busy, idle, strict=True)),
        at_most(1.15),
        ours=f"{median(busy):.2f} s",
        samples={"idle": idle, "busy": busy},
    )
    yield Row(
        "displacement",
        case,
        "background over its own and the urgent job's time",
        median(b / (a + i) for b, a, i in zip(behind, alone, idle, strict=True)),
        at_most(1.02),
        ours=f"{median(behind):.2f} s",
        samples={"behind": behind, "alone": alone},
    )
    yield Row("displacement", case, "units begun twice", begun - done, at_most(0))


def _submit(pool: Pool, folder: Path | None, frames: int, units: int, priority: str) -> Job:
    return pool.submit(
        md.delivery(partial(clip, folder, frames), range(units), name=priority), priority=priority
    )


def _begun(pool: Pool) -> int:
    """How often any unit of its jobs began, by the ledger."""
    pool.costs()  # written until here
    ours = [job.id for job in pool.jobs()]
    engine = open_database()
    with engine.connect() as connection:
        begun = select(func.count()).select_from(attempts).where(attempts.c.job.in_(ours))
        return connection.scalar(begun) or 0


def _turnaround(job: Job) -> float:
    if failures := job.result().failures:
        raise Failed(str(failures[0].failure))
    return job.turnaround or 0.0


def _plain_dask(frames: int, clips: int, units: int, threads: int) -> float:
    """The same by the priorities of a plain cluster."""
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=threads, dashboard_address="127.0.0.1:0", silence_logs="CRITICAL"
        ) as cluster,
        Client(cluster) as client,
    ):
        client.gather(client.map(partial(clip, None, 1), range(16 * threads), pure=False))
        background = client.map(partial(clip, None, frames), range(clips), pure=False, priority=-1)
        time.sleep(frames * FRAME_SECONDS / 3)
        start = time.monotonic()
        client.gather(client.map(partial(clip, None, 1), range(units), pure=False, priority=1))
        seconds = time.monotonic() - start
        client.cancel(background)
    return seconds
