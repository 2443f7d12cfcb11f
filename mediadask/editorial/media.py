"""The clips a turnover may draw on: found and inspected, or as an earlier inspection listed them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from mediadask.clips.discover import find_clips
from mediadask.clips.storage import normalize, open_file
from mediadask.delivery import Delivery, Outcome, Report
from mediadask.errors import UnreadableMedia
from mediadask.metadata import ClipMetadata, inspect_each

if TYPE_CHECKING:
    from collections.abc import Callable

    from mediadask.errors import MediaError

__all__ = ["Media", "find_media", "inspected"]

Media = str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | Sequence[ClipMetadata]
"""Folders, files and patterns, or clips that are inspected already."""

_LISTED = TypeAdapter(list[ClipMetadata])


def find_media(
    where: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    on_error: Callable[[MediaError], None] | None = None,
) -> Delivery:
    """Find clips now, and inspect them lazily.

    Parameters
    ----------
    where
        Folders, files, globs or URLs, one or several. A ``.json`` is what ``mediadask info --json`` printed:
        its clips are taken as listed there and not opened, which for thousands is what takes time.
    on_error
        Called with what cannot be listed, and the search goes on. Without it the error is raised.

    Returns
    -------
    Delivery
        Computes to a `Report`; its results, a `ClipMetadata` for each clip that can be read, are what
        `match_events` takes.

    Raises
    ------
    MissingMedia
        If nothing is there.
    UnreadableMedia
        If a ``.json`` is no such list.
    """
    every = [os.fspath(one) for one in ([where] if isinstance(where, str | os.PathLike) else where)]
    lists = [one for one in every if one.lower().endswith(".json")]
    known = [clip for one in lists for clip in _listed(normalize(one))]
    fresh = inspect_each(find_clips((one for one in every if one not in lists), on_error=on_error))
    return Delivery("inspect", fresh.groups, finish=partial(_together, known, fresh))


def _listed(url: str) -> list[ClipMetadata]:
    with open_file(url) as file:
        data = file.read()
    try:
        return _LISTED.validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        at = "/".join(map(str, first["loc"]))
        raise UnreadableMedia(
            f"is no list of clips ({at + ': ' if at else ''}{first['msg']})",
            where=url,
            do="make it with mediadask info --json",
        ) from None


def _together(known: Sequence[ClipMetadata], fresh: Delivery, report: Report) -> Report:
    inspected = fresh.finish(report) if fresh.finish else report
    return Report(report.name, (*(Outcome(clip.path, clip) for clip in known), *inspected.outcomes))


def inspected(media: Media) -> list[ClipMetadata]:
    """The clips of `media` that can be read, inspected here and now."""
    listed: list[object] = [media] if isinstance(media, str | os.PathLike) else list(media)
    if listed and all(isinstance(one, ClipMetadata) for one in listed):
        return [one for one in listed if isinstance(one, ClipMetadata)]
    report = find_media([os.fspath(one) for one in listed if isinstance(one, str | os.PathLike)]).compute()
    return list(report.results)
