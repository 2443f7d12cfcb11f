"""How a program and the worker processes it starts keep out of each other's way."""

from __future__ import annotations

import multiprocessing
import signal
import sys
import traceback
from contextlib import contextmanager
from multiprocessing import resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING

from mediadask.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

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

    Raises
    ------
    InvalidRequest
        The program is a file without any such line, and called this as it was loaded.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        sys.exit(1)
    main = sys.modules["__main__"]
    file = getattr(main, "__file__", None)
    if file == "<stdin>":
        del main.__file__
    elif file is not None and _is_loading(main) and not _asks_whether_it_is_main(Path(file)):
        raise InvalidRequest(
            "each worker process loads this file, and would start a pool in turn",
            where=file,
            do='start the pool in a function, and call it under `if __name__ == "__main__":`',
        )


def _asks_whether_it_is_main(program: Path) -> bool:
    return not program.is_file() or "__main__" in program.read_text(errors="replace")


def _is_loading(main: ModuleType) -> bool:
    """Whether the program's top level has called this, in a way that its processes would repeat.

    Those of ``python -m package`` do not load its ``__main__``.
    """
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name.endswith("__main__"):
        return False
    frames = (frame for frame, _ in traceback.walk_stack(None))
    return any(frame.f_globals is vars(main) and frame.f_code.co_name == "<module>" for frame in frames)
