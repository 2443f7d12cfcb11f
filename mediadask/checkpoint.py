"""The one call by which running work lets more urgent work go first."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["checkpoint", "checkpoints_call"]

_thread = threading.local()


def checkpoint() -> None:
    """Say that a frame is done and nothing is lost by pausing here.

    Call it between frames. Inside a pool worker it may pause the caller while more urgent work runs,
    or raise ``distributed.Reschedule`` when the worker must leave. Anywhere else it does nothing.
    """
    hook = getattr(_thread, "hook", None)
    if hook is not None:
        hook()


@contextmanager
def checkpoints_call(hook: Callable[[], None]) -> Iterator[None]:
    """Within the block, `checkpoint()` calls made by this thread call `hook`: the pool's side of the door."""
    before = getattr(_thread, "hook", None)
    _thread.hook = hook
    try:
        yield
    finally:
        _thread.hook = before
