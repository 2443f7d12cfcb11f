"""The clips a turnover may draw on: found and inspected, or as an earlier inspection listed them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal

from pydantic import TypeAdapter, ValidationError

from mediadask.clips.discover import find_clips
from mediadask.clips.pattern import is_image, split_layer
from mediadask.clips.storage import is_local, normalize, open_file
from mediadask.delivery import Delivery, Outcome, Report
from mediadask.errors import MediaWarning, MissingMedia, UnreadableMedia
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
        its clips are taken as listed there and not opened, which for thousands is what takes time. Those
        whose local files have another size now, or are newer than the list, are inspected again: a warning
        says so.
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
        If nothing is there, or nothing of what a ``.json`` lists.
    UnreadableMedia
        If a ``.json`` is no such list.
    """
    every = [os.fspath(one) for one in ([where] if isinstance(where, str | os.PathLike) else where)]
    lists = [one for one in every if one.lower().endswith(".json")]
    known, stale = _known([normalize(one) for one in lists])
    found = find_clips((one for one in every if one not in lists), on_error=on_error)
    fresh = inspect_each([*stale, *found])
    return Delivery("inspect", fresh.groups, finish=partial(_together, known, fresh))


def _known(lists: Sequence[str]) -> tuple[list[ClipMetadata], list[str]]:
    """The clips that are still as lists have them, and the paths of those that are not."""
    known: list[ClipMetadata] = []
    stale: list[str] = []
    for url in lists:
        clips = _listed(url)
        made_ns = os.stat(url).st_mtime_ns if is_local(url) else None
        states = [_state(clip, made_ns) for clip in clips]
        changed, gone = states.count("changed"), states.count("gone")
        if clips and gone == len(clips):
            raise MissingMedia(
                f"none of its {gone} clips is there", where=url, do="mount the media, or make the list again"
            )
        if changed:
            what = f"{url}: {changed} of its {len(clips)} clips have changed since, and are inspected again"
            warnings.warn(what, MediaWarning, stacklevel=3)
        known += (clip for clip, state in zip(clips, states, strict=True) if state == "known")
        stale += (clip.path for clip, state in zip(clips, states, strict=True) if state != "known")
    return known, stale


def _state(clip: ClipMetadata, made_ns: int | None) -> Literal["known", "changed", "gone"]:
    """What became of a clip since a list was made. Remote ones are not asked: that is as slow as opening."""
    files = split_layer(clip.path.removeprefix("concat:"))[0].split("|")
    if not all(map(is_local, files)):
        return "known"
    sequence = is_image(files[0]) and not os.path.exists(files[0])
    try:
        stats = [os.stat(os.path.dirname(file) if sequence else file) for file in files]
    except OSError:
        return "gone"
    if made_ns is not None and any(stat.st_mtime_ns > made_ns for stat in stats):
        return "changed"
    size = sum(stat.st_size for stat in stats)
    return "known" if sequence or size == clip.size_bytes else "changed"


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
    """The clips of `media` that can be read, inspected here and now; a warning for each that cannot."""
    listed: list[object] = [media] if isinstance(media, str | os.PathLike) else list(media)
    if listed and all(isinstance(one, ClipMetadata) for one in listed):
        return [one for one in listed if isinstance(one, ClipMetadata)]
    report = find_media([os.fspath(one) for one in listed if isinstance(one, str | os.PathLike)]).compute()
    for outcome in report.failures:
        warnings.warn(outcome.failure.error, MediaWarning, stacklevel=3)
    return list(report.results)
