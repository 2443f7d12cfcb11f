"""Threads keep the place among others that their process was given."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["usual_scheduling"]

_THREADS = Path("/proc/self/task")


@contextmanager
def usual_scheduling() -> Iterator[None]:
    """Open an encoder inside the block, and no thread stays real-time that was not before.

    In a process of root SVT-AV1 makes its threads real-time, and the one that opens it. All that this thread
    starts later, pools of workers as well, would take the cores from every other process of the machine.
    """
    if not (hasattr(os, "sched_setscheduler") and _THREADS.is_dir()):  # Linux alone tells of threads
        yield
        return
    policy, parameters, before = os.sched_getscheduler(0), os.sched_getparam(0), set(os.listdir(_THREADS))
    try:
        yield
    finally:
        for thread in (0, *map(int, set(os.listdir(_THREADS)) - before)):  # 0 is the one that calls
            with suppress(ProcessLookupError):
                if os.sched_getscheduler(thread) != policy:
                    os.sched_setscheduler(thread, policy, parameters)
