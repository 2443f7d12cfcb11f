"""How figures are measured: every sample in a fresh process, the sides of a comparison in turn."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from multiprocessing.connection import Connection

__all__ = [
    "AS_INSTALLED",
    "Failed",
    "Meter",
    "Sample",
    "in_turn",
    "isolated",
    "median_of",
    "peak_bytes",
    "ratio",
    "run",
]

AS_INSTALLED = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""What commands run in: a package that is installed has its bytecode."""

CORES = len(os.sched_getaffinity(0))


class Failed(Exception):
    """A sample that could not be taken, and why."""


@dataclass(frozen=True)
class Sample:
    """What one run took."""

    wall_seconds: float
    cpu_seconds: float
    """What the process, its threads and all its children took."""

    peak_bytes: int
    """Resident memory at its highest, of the largest process among them."""

    value: Any = None
    """What the run found out."""


class Meter:
    """``with Meter() as meter: …`` then ``meter.sample(value)``: what the block took."""

    def __enter__(self) -> Meter:
        self._wall, self._cpu = time.perf_counter(), _cpu_seconds()
        return self

    def __exit__(self, *error: object) -> None:
        self._wall = time.perf_counter() - self._wall
        self._cpu = _cpu_seconds() - self._cpu
        self._peak = peak_bytes()

    def sample(self, value: Any = None) -> Sample:
        return Sample(self._wall, self._cpu, self._peak, value)


def _cpu_seconds() -> float:
    """What this process, its living descendants and its dead ones took."""
    total = 0.0
    for process in _family():
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:  # it ended just now and counts among its parent's children from here on
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def _family() -> list[psutil.Process]:
    this = psutil.Process()
    return [this, *this.children(recursive=True)]


def peak_bytes() -> int:
    """The highest resident memory so far of the largest among this process and its descendants."""
    peaks = [resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024]
    for process in _family():
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
        except OSError:
            continue
        peaks += [int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")]
    return max(peaks)


def isolated(function: Callable[..., Any], *args: Any, timeout: float = 900) -> Any:
    """The function's result from a fresh process, so that no peer's libraries or caches help or hurt another.

    Raises
    ------
    Failed
        If it raised, died or took longer than `timeout` seconds.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(there, function, args))
    process.start()
    group = process.pid or 0
    there.close()
    try:
        done, value = here.recv() if here.poll(timeout) else (False, f"took longer than {timeout:.0f} s")
    except EOFError:
        process.join()
        done, value = False, f"died with exit code {process.exitcode}"
    if not done and process.is_alive():
        with suppress(ProcessLookupError):  # one that has not come so far as to have a group
            os.killpg(group, signal.SIGKILL)
        process.kill()
    process.join()
    if not done:
        raise Failed(value)
    return value


def _answer(pipe: Connection, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    os.setsid()  # a group of its own, so that a peer that hangs can be ended with its children
    try:
        pipe.send((True, function(*args)))
    except Exception as error:
        pipe.send((False, " ".join(f"{type(error).__name__}: {error}".split())[:300]))


def run(command: list[str]) -> Sample:
    """A program from start to end, its output thrown away.

    Raises
    ------
    Failed
        If it does not exit 0: its last line of error.
    """
    import subprocess

    with Meter() as meter:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=AS_INSTALLED
        )
    if done.returncode:
        raise Failed((done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1])
    return meter.sample(done.stderr)


def in_turn(sides: Mapping[str, Callable[[], Sample]], rounds: int) -> dict[str, list[Sample]]:
    """Every side once a round, every other round backwards: whatever else the machine does hits all alike."""
    samples: dict[str, list[Sample]] = {name: [] for name in sides}
    for number in range(rounds):
        for name in list(sides)[:: 1 if number % 2 == 0 else -1]:
            samples[name].append(sides[name]())
    return samples


def median_of(samples: list[Sample], what: str) -> float:
    """The median of one field of the samples: ``wall_seconds``, ``cpu_seconds``, ``peak_bytes``."""
    return float(median(getattr(sample, what) for sample in samples))


def ratio(ours: list[Sample], theirs: list[Sample], what: str) -> float:
    """The median of ours over theirs, round by round: drift of the machine cancels out."""
    pairs = zip(ours, theirs, strict=True)
    return float(median(getattr(mine, what) / getattr(other, what) for mine, other in pairs))
