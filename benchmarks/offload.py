"""A card offloaded to two places, verified and sealed, against one `cp`, and against doing it by hand."""

from __future__ import annotations

import os
import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import mediadask as md
from benchmarks.hashing import write_roll
from benchmarks.measure import CORES, Failed, Meter, Sample, in_turn, isolated, median_of, ratio, run
from benchmarks.report import Row, at_least
from mediadask.integrity.hashes import reader
from mediadask.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator


def _cold(card: str, places: list[str]) -> None:
    """Nothing is at the places, and the card is in no memory."""
    for place in places:
        shutil.rmtree(place, ignore_errors=True)
        Path(place).mkdir()
    for path in Path(card).rglob("*.mov"):
        with reader(str(path)):
            pass
    os.sync()


def by_mediadask(card: str, places: list[str]) -> Sample:
    _cold(card, places)
    with Pool.local(workers=CORES) as pool:
        pool.submit(md.delivery(abs, range(CORES * 2), name="warm"), show="bench").wait()
        with Meter() as meter:
            report = pool.submit(md.offload(card, places), show="bench").result()
    if not report.is_safe:
        raise Failed(str(report.failures[0].failure))
    return meter.sample()


def by_cp(card: str, place: str) -> Sample:
    """One copy, on the disk."""
    _cold(card, [place])
    return run(["sh", "-c", 'cp -r "$0" "$1" && sync -f "$1"', card, place])


def by_hand(card: str, places: list[str]) -> Sample:
    """A copy to each place, on the disk, each compared with the card from the disk."""
    _cold(card, places)
    script = (
        'card=$0; for place in "$@"; do cp -r "$card" "$place" && sync -f "$place" && '
        'find "$place" -type f -exec dd if={} iflag=nocache count=0 status=none \\; && '
        'diff -r "$card" "$place/A001" || exit 1; done'
    )
    return run(["sh", "-c", script, card, *places])


MEMORY = Path("/dev/shm")
"""Places that take whatever a card gives, as the arrays of a data wrangler's cart do."""


def rows(quick: bool, rounds: int) -> Iterator[Row]:
    files, size_bytes = (4, 4 << 20) if quick else (12, 192 << 20)
    with tempfile.TemporaryDirectory(dir=os.environ.get("MEDIADASK_BENCHMARKS")) as folder:
        card = str(write_roll(Path(folder) / "A001", files, size_bytes))
        yield from _compared(card, folder, "to two places on the card's own disk", files * size_bytes, rounds)
        if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 3 * files * size_bytes:
            with tempfile.TemporaryDirectory(dir=MEMORY) as memory:
                case = "to two places in memory"
                yield from _compared(card, memory, case, files * size_bytes, rounds)


def _compared(card: str, folder: str, case: str, size_bytes: int, rounds: int) -> Iterator[Row]:
    places = [f"{folder}/{name}" for name in ("raid", "shuttle")]
    sides = {
        "mediadask": partial(isolated, by_mediadask, card, places),
        "cp": partial(by_cp, card, places[0]),
        "by hand": partial(by_hand, card, places),
    }
    samples = in_turn(sides, rounds)
    speed = {
        name: f"{size_bytes / 1e9 / median_of(side, 'wall_seconds'):.2f} GB/s"
        for name, side in samples.items()
    }
    for name, what, target in (
        ("cp", "speed over one cp's", at_least(0.9)),
        ("by hand", "speed over two cp and diff", None),
    ):
        yield Row(
            "offload",
            f"{size_bytes / 1e9:.2g} GB {case}",
            what,
            1 / ratio(samples["mediadask"], samples[name], "wall_seconds"),
            target,
            speed["mediadask"],
            speed[name],
            samples=samples if target else {},
        )
