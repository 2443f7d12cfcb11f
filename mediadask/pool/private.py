"""Files and folders that only their owner may read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["private", "private_folder"]


def private(path: str | Path, flags: int) -> int:
    """An opener, as `open` takes one: a file that it makes has mode 0600."""
    return os.open(path, flags, 0o600)


def private_folder(path: Path) -> None:
    """Make this folder with mode 0700; one of ours that is there already gets it.

    Raises
    ------
    OSError
        It cannot be made.
    """
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.stat().st_uid == os.geteuid():
        path.chmod(0o700)
