"""The clips a turnover may draw on, found and inspected."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mediadask.clips.discover import find_clips
from mediadask.metadata import inspect_each

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mediadask.delivery import Delivery

__all__ = ["find_media"]


def find_media(where: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> Delivery:
    """Find and inspect clips, lazily.

    Returns
    -------
    Delivery
        Computes to a `Report`; its results, a `ClipMetadata` for each clip that can be read, are what
        `match_events` takes.
    """
    return inspect_each(find_clips(where))
