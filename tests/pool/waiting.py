"""How the pool's tests wait: for what must come true on a real cluster, and never for ever."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mediadask.pool import Job

WAIT = 60
"""Seconds; also for `Job.result` and the like."""


def eventually(condition: Callable[[], object], of: object = "it") -> None:
    """Return when the condition holds."""
    give_up = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < give_up, f"{of} did not come true"
        time.sleep(0.005)


def see(job: Job, **what: int) -> None:
    """Return when the job's progress says so."""
    eventually(lambda: all(getattr(job.progress, name) == value for name, value in what.items()), job)
