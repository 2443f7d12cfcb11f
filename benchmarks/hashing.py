"""A roll verified over all cores, against the hash library's speed, the storage's, and `ascmhl`."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import mediadask as md
from benchmarks.measure import CORES, Failed, Meter, Sample, in_turn, isolated, median_of, ratio, run
from benchmarks.report import Row, at_least
from mediadask.integrity.hashes import Hashes, chunks_of, reader
from mediadask.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMATS = ("xxh128", "xxh64", "sha1", "md5", "c4")


def write_roll(root: Path, files: int, size_bytes: int) -> Path:
    """Files of noise, which no disk makes smaller, on the disk."""
    (root / "CLIPS").mkdir(parents=True)
    for number in range(files):
        with (root / "CLIPS" / f"A001C{number:03}.mov").open("wb") as file:
            for _ in range(size_bytes >> 20):
                file.write(os.urandom(1 << 20))
            file.flush()
            os.fsync(file.fileno())
    return root


def by_mediadask(root: str, format: str) -> Sample:
    shutil.rmtree(Path(root) / "ascmhl", ignore_errors=True)
    with Pool.local(workers=CORES) as pool:
        pool.submit(md.delivery(abs, range(CORES * 2), name="warm"), show="bench").wait()
        with Meter() as meter:
            report = pool.submit(md.verify(root, seal=True, hashes=[format]), show="bench").result()
    if report.failures:
        raise Failed(str(report.failures[0].failure))
    return meter.sample()


def by_ascmhl(root: str, format: str) -> Sample:
    shutil.rmtree(Path(root) / "ascmhl", ignore_errors=True)
    for path in Path(root).rglob("*.mov"):
        with reader(str(path)):
            pass
    return run([str(Path(sys.executable).with_name("ascmhl")), "create", "-h", format, root])


def by_library(root: str, format: str) -> Sample:
    """As many bytes as the roll has, from memory, a thread for each core."""
    sizes = [path.stat().st_size for path in Path(root).rglob("*.mov")]
    data = memoryview(os.urandom(4 << 20))

    def hash_bytes(size_bytes: int) -> None:
        hashes = Hashes((format,))
        for _ in range(-(-size_bytes // len(data))):
            hashes.update(data)

    return _each(hash_bytes, sizes)


def by_storage(root: str) -> Sample:
    """The roll read from the disk and dropped, a thread for each core."""

    def read(path: str) -> None:
        with reader(path) as descriptor:
            for _ in chunks_of(descriptor):
                pass

    return _each(read, [str(path) for path in sorted(Path(root).rglob("*.mov"))])


def _each(call: object, items: list[object] | list[int] | list[str]) -> Sample:
    with ThreadPoolExecutor(CORES) as threads, Meter() as meter:
        list(threads.map(call, items))  # type: ignore[arg-type]
    return meter.sample()


def rows(quick: bool, rounds: int) -> Iterator[Row]:
    files, size_bytes = (4, 4 << 20) if quick else (24, 256 << 20)
    gigabytes = files * size_bytes / 1e9
    with tempfile.TemporaryDirectory(dir=os.environ.get("MEDIADASK_BENCHMARKS")) as folder:
        root = str(write_roll(Path(folder) / "A001", files, size_bytes))
        for format in FORMATS[:1] if quick else FORMATS:
            sides = {
                "mediadask": partial(isolated, by_mediadask, root, format),
                "library": partial(isolated, by_library, root, format),
                "storage": partial(isolated, by_storage, root),
                "ascmhl": partial(by_ascmhl, root, format),
            }
            samples = in_turn(sides, rounds)
            speed = {name: gigabytes / median_of(side, "wall_seconds") for name, side in samples.items()}
            bound = min("library", "storage", key=lambda name: speed[name])
            yield Row(
                "hashing",
                f"{gigabytes:.2g} GB, {format}",
                f"speed over the {bound}'s own",
                1 / ratio(samples["mediadask"], samples[bound], "wall_seconds"),
                at_least(0.9),
                f"{speed['mediadask']:.2f} GB/s",
                f"{speed[bound]:.2f} GB/s",
                f"ascmhl {speed['ascmhl']:.2f} GB/s",
                samples,
            )
