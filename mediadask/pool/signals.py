"""Ctrl-C is for the process whose terminal or notebook it is pressed in, not for the workers beside it."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["workers_without_interrupts"]


@contextmanager
def workers_without_interrupts() -> Iterator[None]:
    """Processes that are started by threads that begin within the block never get SIGINT.

    A terminal sends it to every process of its foreground group. Workers would each print a traceback and
    leave, and a job that shall outlive an interrupted notebook cell would lose them.
    """
    # Started later, by one of those threads, it would lift the block there (bpo-33613).
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
