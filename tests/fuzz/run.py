"""Mutants run side by side, each in a process that may crash, hang or fill its memory: what did is told."""

from __future__ import annotations

import os
import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from mediadask.apart import apart
from mediadask.errors import UnreadableMedia
from tests.fuzz.mutate import mutant
from tests.fuzz.seeds import make_seeds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["Finding", "fuzz", "made"]

_SECONDS = 60.0
"""Far more than any takes, also where others keep the machine busy."""

_PEAK_MB = 2200
"""A damaged H.264 picture of FFmpeg's largest size takes 1.7 GB."""

_CONTAINED = (".otio", ".xml", ".fcpxml")
"""What mediadask itself reads in a process apart, since its reader is known to crash: that is a line."""


@dataclass(frozen=True)
class Finding:
    """A mutant that gives neither what it should nor a clear line."""

    number: int
    name: str
    what: str

    def __str__(self) -> str:
        return f"{self.number} {self.name}: {self.what}"


def made(seeds: Mapping[str, bytes], seed: int, number: int) -> tuple[str, bytes]:
    """Name and content of the mutant of a number: the same for the same seed and number."""
    rng = Random(f"{seed} {number}")
    name = sorted(seeds)[number % len(seeds)]
    return name, mutant(name, seeds[name], rng)


def fuzz(numbers: Iterable[int], seed: int, jobs: int) -> Iterator[Finding | None]:
    """What each mutant gives, in order: None where that is right."""
    with tempfile.TemporaryDirectory(prefix="mediadask-fuzz-") as folder:
        os.environ["MEDIADASK_CACHE"] = f"{folder}/cache"
        seeds = make_seeds(Path(folder, "seeds"))
        with ThreadPoolExecutor(jobs) as pool:
            yield from pool.map(partial(_one, Path(folder), seeds, seed), numbers)


def _one(folder: Path, seeds: Mapping[str, bytes], seed: int, number: int) -> Finding | None:
    name, content = made(seeds, seed, number)
    place = folder / str(number)
    place.mkdir()
    (place / "look.cube").write_bytes(seeds["look.cube"])  # which the AMF names
    path = place / name
    path.write_bytes(content)
    try:
        what = apart(_looked, str(path), seconds=_SECONDS, where=name)
    except UnreadableMedia as error:
        what = "" if path.suffix in _CONTAINED and "crashed" in error.what else error.what
    except (MemoryError, RuntimeError) as error:
        what = f"{type(error).__name__} {error}"
    finally:
        for file in place.iterdir():
            file.unlink()
        place.rmdir()
    return Finding(number, name, " ".join(what.split())[:300]) if what else None


def _looked(path: str) -> str:
    """What is wrong, in the process apart."""
    from tests.fuzz.looks import look_at

    _reset_peak()
    try:
        look_at(Path(path))
    except AssertionError as error:
        return f"wrong: {error}"
    peak = _peak_mb()
    return f"takes {peak} MB" if peak > _PEAK_MB else ""


def _reset_peak() -> None:
    if os.path.exists("/proc/self/clear_refs"):  # Linux tells peaks, and forgets them if told to
        Path("/proc/self/clear_refs").write_text("5")


def _peak_mb() -> int:
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(found[1]) >> 10 if found else 0
