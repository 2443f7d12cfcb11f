"""The memory of a worker that makes 4K plates, of a short plate and of a longer one."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

from benchmarks import footage
from benchmarks.measure import isolated
from benchmarks.pull import PRORES_4444, by_mediadask, case_of
from benchmarks.report import Row, at_most

if TYPE_CHECKING:
    from collections.abc import Iterator


def rows(quick: bool, rounds: int) -> Iterator[Row]:
    frames, size = (4, (1280, 720)) if quick else (12, (3840, 2160))
    short = footage.clip("mov", PRORES_4444, frames=frames, size=size)
    clips = {frames: short, 3 * frames: footage.looped(short, 3)}
    with tempfile.TemporaryDirectory() as folder:
        peaks = {
            count: isolated(by_mediadask, str(clip), f"{folder}/{count}", 1).peak_bytes
            for count, clip in clips.items()
        }
    note = ", ".join(f"{peak / 1e9:.2f} GB for {count} frames" for count, peak in peaks.items())
    few, many = peaks.values()
    yield Row("pull_memory", case_of(size), "peak of a worker, GB", many / 1e9, at_most(1.5), note=note)
    yield Row("pull_memory", case_of(size), "three times as long over once", many / few, at_most(1.1))
