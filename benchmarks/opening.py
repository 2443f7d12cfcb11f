"""Opening a clip: what it reads of a large file, and how long a second opening of a long clip takes."""

from __future__ import annotations

import os
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import mediadask as md
from benchmarks import footage
from benchmarks.measure import Meter, Sample, in_turn, isolated, median_of
from benchmarks.report import Row, at_most

if TYPE_CHECKING:
    from collections.abc import Iterator


def _bytes_read() -> int:
    """By this process so far, through every read call, FFmpeg's included."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("rchar"))


def opens(url: str, other: str) -> Sample:
    """The sample's value: bytes read."""
    os.environ["MEDIADASK_CACHE"] = tempfile.mkdtemp()
    md.Clip.open(other)  # modules are read now, not below
    before = _bytes_read()
    with Meter() as meter:
        md.Clip.open(url)
    return meter.sample(_bytes_read() - before)


def pyav_opens(url: str, other: str) -> Sample:
    import av

    av.open(other).close()
    before = _bytes_read()
    with Meter() as meter, av.open(url):
        pass
    return meter.sample(_bytes_read() - before)


def opens_again(url: str, other: str) -> Sample:
    """The sample's value: frames, and milliseconds of ten openings after the first."""
    os.environ["MEDIADASK_CACHE"] = tempfile.mkdtemp()
    isolated(md.Clip.open, url)  # a process of its own made the index: nothing of it is in this one's memory
    md.Clip.open(other)
    taken = []
    with Meter() as meter:
        for _ in range(10):
            before = time.perf_counter()
            clip = md.Clip.open(url)
            taken.append((time.perf_counter() - before) * 1e3)
    return meter.sample((len(clip), taken))


def rows(quick: bool, rounds: int) -> Iterator[Row]:
    size = (320, 180) if quick else (1920, 1080)
    short = str(footage.rendition("ProRes", frames=4, size=(320, 180)))
    for codec, bitrate, times in (("ProRes", None, 22), ("H.264", "50M", 80)):
        source = footage.rendition(
            codec, frames=24 if quick else 96, size=size, bitrate=bitrate, suffix="mov"
        )
        large = footage.looped(source, 2 if quick else times)
        sides = {
            "mediadask": partial(isolated, opens, str(large), short),
            "PyAV": partial(isolated, pyav_opens, str(large), short),
        }
        samples = in_turn(sides, rounds)
        read = {name: max(sample.value for sample in taken) for name, taken in samples.items()}
        yield Row(
            "opening",
            f"{codec} MOV of {large.stat().st_size / 1e9:.2f} GB",
            "% of the file read by a first opening",
            100 * read["mediadask"] / large.stat().st_size,
            at_most(1),
            ours=f"{read['mediadask'] / 1e6:.2f} MB",
            theirs=f"{read['PyAV'] / 1e6:.2f} MB",
            note=f"{median_of(samples['mediadask'], 'wall_seconds') * 1e3:.0f} ms; "
            f"PyAV, which makes no index, {median_of(samples['PyAV'], 'wall_seconds') * 1e3:.0f} ms",
            samples=dict(samples),
        )
    for codec, suffix in (("H.264", "mp4"), ("ProRes", "mov")):
        source = footage.rendition(codec, frames=240, size=(320, 180), bitrate=None, suffix=suffix)
        long = footage.looped(source, 2 if quick else 375)
        taken = [isolated(opens_again, str(long), short) for _ in range(rounds)]
        count = taken[0].value[0]
        yield Row(
            "opening",
            f"{codec} of {count} frames",
            "ms for a second opening, median",
            median(ms for sample in taken for ms in sample.value[1]),
            at_most(20),
            note=f"slowest {max(ms for sample in taken for ms in sample.value[1]):.1f} ms",
            samples={"mediadask": taken},
        )
