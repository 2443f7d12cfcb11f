"""What workers of these figures run. They import this module alone, which takes them no time."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from pathlib import Path

from distributed import get_worker

from mediadask.checkpoint import checkpoint

__all__ = ["CHAIN_FRAMES", "FRAME_SECONDS", "chain", "link", "noted", "unit"]

FRAME_SECONDS = 0.05
CHAIN_FRAMES = 40


def unit(seconds: float, number: int) -> float:
    """Frames that sleep. Returns when it began."""
    began = time.time()
    for _ in range(round(seconds / FRAME_SECONDS)):
        time.sleep(FRAME_SECONDS)
        checkpoint()
    return began


def noted(number: int, seconds: float) -> int:
    """The same for stock Dask, which notes each beginning."""
    get_worker().log_event("begun", number)
    time.sleep(seconds)
    return number


def chain(folder: str, number: int) -> str:
    """A chain of hashes, a frame at a time, each noted when it is computed, and where."""
    worker, digest = os.environ["DASK_WORKER_NAME"], str(number)
    for frame in range(CHAIN_FRAMES):
        time.sleep(FRAME_SECONDS)
        _end_as_told(Path(folder))
        digest = link(digest, frame)
        with (Path(folder) / f"unit {number}").open("a") as computed:
            computed.write(f"{frame} {worker}\n")
        checkpoint()
    return digest


def link(digest: str, frame: int) -> str:
    """The next of a chain."""
    return hashlib.sha256(f"{digest} {frame}".encode()).hexdigest()


def _end_as_told(folder: Path) -> None:
    """Die, or take all memory, where that is asked for: once."""
    for told in folder.glob("told-*"):
        try:
            told.unlink()
        except FileNotFoundError:  # another does it
            continue
        if told.name == "told-die":
            os.kill(os.getpid(), signal.SIGKILL)
            os._exit(9)  # the first process of a container cannot kill itself
        held = []
        while True:
            held.append(bytearray(b"x" * 20_000_000))
