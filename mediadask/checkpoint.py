"""The calls by which running work lets more urgent work go first, and says that it is not stuck."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["checkpoint", "checkpoints_call", "preparing"]

_thread = threading.local()


def checkpoint() -> None:
    """Say that a frame is done and nothing is lost by pausing here.

    Call it between frames. Inside a pool worker it may pause the caller while more urgent work runs.
    Anywhere else it does nothing.

    Raises
    ------
    distributed.Reschedule
        On a worker that must leave. Let it pass: the unit begins again elsewhere.

    Examples
    --------
    >>> def brightest(url):
    ...     peak = 0
    ...     for frame in md.Clip.open(url).frames():
    ...         md.checkpoint()
    ...         peak = max(peak, int(frame.planes[0].max()))
    ...     return peak
    >>> brightest("A001C001.mov") > 900
    True
    """
    hook = getattr(_thread, "hook", None)
    if hook is not None:
        hook()


@contextmanager
def preparing() -> Iterator[None]:
    """Within the block work makes ready what is made once in a process, such as compiled code.

    However long that takes, no worker takes it to hang.
    """
    told = getattr(_thread, "prepares", None)
    if told is None:
        yield
        return
    told(True)
    try:
        yield
    finally:
        told(False)


@contextmanager
def checkpoints_call(
    hook: Callable[[], None], prepares: Callable[[bool], None] | None = None
) -> Iterator[None]:
    """Within the block, `checkpoint()` calls made by this thread call `hook`: the pool's side of the door.

    `prepares` is called with True where `preparing` begins, with False where it ends.
    """
    before = getattr(_thread, "hook", None), getattr(_thread, "prepares", None)
    _thread.hook, _thread.prepares = hook, prepares
    try:
        yield
    finally:
        _thread.hook, _thread.prepares = before
