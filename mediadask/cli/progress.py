"""How far work is: a bar on stderr where someone watches; what there is to know is told either way."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from mediadask.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Show", "progress"]

Show = Callable[[float, str], None]
"""Moves the bar to a fraction of 0 to 1, and tells a notice, unless one has been told that still holds."""


@contextmanager
def progress(name: str) -> Iterator[Show]:
    """Within the block, what this gives shows how far it is."""
    if not sys.stderr.isatty():
        yield _showing(lambda fraction: None, partial(print, file=sys.stderr, flush=True))
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=1.0)
        say = partial(bar.console.print, markup=False, highlight=False, soft_wrap=True)
        yield _showing(lambda fraction: bar.update(task, completed=fraction), say)


def _showing(move: Callable[[float], None], say: Callable[[str], None]) -> Show:
    told = False

    def show(fraction: float, notice: str) -> None:
        nonlocal told
        move(fraction)
        if notice and not told:  # its figures change as work goes on: the first is enough
            say(printable(f"mediadask: {notice}"))
        told = bool(notice)

    return show
