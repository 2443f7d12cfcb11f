"""Where tables go: a terminal of its width, or plain text as wide as it needs where output is piped."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["console"]

_PIPED_WIDTH = 1000  # nothing folds: one line a row is what grep and awk want


def console() -> Console:
    """A console on stdout."""
    from rich.console import Console

    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=_PIPED_WIDTH, no_color=True)
