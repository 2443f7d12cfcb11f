"""How a program and the worker processes it starts keep out of each other's way."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["leave_unless_main", "workers_without_interrupts"]


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


def leave_unless_main() -> None:
    """Call it before starting processes from whatever program this is.

    Each process imports the program's file first. Where that would start processes in turn, because nothing
    keeps it under ``if __name__ == "__main__":``, this ends the process, and the program itself reports that
    its workers do not start. A program that comes on standard input has no file: its processes do without.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        sys.exit(1)
    main = sys.modules["__main__"]
    if getattr(main, "__file__", None) == "<stdin>":
        del main.__file__
