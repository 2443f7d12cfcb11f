"""The clips a turnover may draw on: found and inspected, or as an earlier inspection listed them."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal

from pydantic import TypeAdapter, ValidationError

from mediadask.clips.clip_url import ClipUrl
from mediadask.clips.discover import find_clips
from mediadask.clips.pattern import is_image
from mediadask.clips.storage import FileStamp, check_exists, is_local, listing, normalize, read_document, stat
from mediadask.delivery import Delivery, Outcome, Report
from mediadask.errors import MediaError, MediaWarning, MissingMedia, UnreadableMedia
from mediadask.metadata import ClipMetadata, inspect_each

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Media", "find_media", "inspected"]

Media = str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | Sequence[ClipMetadata]
"""Folders, files and patterns, or clips that are inspected already."""

Names = Mapping[str, FileStamp] | None
"""The files of a folder by name; None where it does not say what it has."""

_MOST_BYTES = 256 << 20
"""The most bytes of a list. One of 50,000 clips has 80 MB."""

_LISTED = TypeAdapter(list[ClipMetadata])


def find_media(where: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> Delivery:
    """Find clips now, and inspect them lazily.

    Parameters
    ----------
    where
        Folders, files, globs or URLs, one or several, each of which must be there; of a folder inside one
        that may not be read a warning is given. A ``.json`` is what ``mediadask info --json`` printed: its
        clips are taken as listed there and not opened. Those that have another size now, or are newer than
        the list, are inspected again: a warning says so.

    Returns
    -------
    Delivery
        Computes to a `Report`; its results, a `ClipMetadata` for each clip that can be read, are what
        `match_events` takes.

    Raises
    ------
    MissingMedia
        If one of them is not there, or nothing of what a ``.json`` lists.
    UnreadableMedia
        If a ``.json`` is no such list.
    """
    every = [os.fspath(one) for one in ([where] if isinstance(where, str | os.PathLike) else where)]
    lists = [one for one in every if one.lower().endswith(".json")]
    known, stale = _known([normalize(one) for one in lists])
    fresh = inspect_each([*stale, *_found([one for one in every if one not in lists])])
    return Delivery("inspect", fresh.groups, finish=partial(_together, known, fresh))


_PATTERN = re.compile(r"[*?\[#@%$<]")
"""What a word has that names files by a pattern: whether they are there is told where they are looked for."""


def _found(words: Sequence[str]) -> Iterator[str]:
    """The clips at some places, every one of which is there."""
    places = [normalize(word).rstrip("/") or "/" for word in words if not ClipUrl.parse(word).is_span]
    for place in places:
        if not _PATTERN.search(place):
            check_exists(place)

    def tell(error: MediaError) -> None:
        if error.where in places:
            raise error
        warnings.warn(str(error), MediaWarning, stacklevel=4)

    yield from find_clips(words, on_error=tell)


def _known(lists: Sequence[str]) -> tuple[list[ClipMetadata], list[str]]:
    """The clips that are still as lists have them, and the paths of those that are not."""
    known: list[ClipMetadata] = []
    stale: list[str] = []
    for url in lists:
        clips = _listed(url)
        made_ns = stat(url).modified_ns
        folders: dict[str, Names] = {}
        states = [_state(clip, made_ns, folders) for clip in clips]
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


def _state(
    clip: ClipMetadata, made_ns: int | None, folders: dict[str, Names]
) -> Literal["known", "changed", "gone"]:
    """What became of a clip since a list was made. `folders` keeps what remote ones hold."""
    files = ClipUrl.parse(clip.path).files
    sequence = is_image(files[0]) and not os.path.exists(files[0])
    if sequence and not is_local(files[0]):
        return "known"
    try:
        stamps = [_stamp(os.path.dirname(file) if sequence else file, folders) for file in files]
    except OSError:
        return "gone"
    told = [stamp for stamp in stamps if stamp is not None]
    if made_ns is not None and any((stamp.modified_ns or 0) > made_ns for stamp in told):
        return "changed"
    same = sequence or None in stamps or sum(stamp.size_bytes for stamp in told) == clip.size_bytes
    return "known" if same else "changed"


def _stamp(file: str, folders: dict[str, Names]) -> FileStamp | None:
    """A file as it is now, None where that is not told: `FileNotFoundError` where it is gone.

    Of a remote folder's files one listing tells: asking for each is as slow as opening them.
    """
    if is_local(file):
        info = os.stat(file)
        return FileStamp(file, info.st_size, str(info.st_mtime_ns), info.st_mtime_ns)
    folder, _, name = file.rpartition("/")
    if folder not in folders:
        folders[folder] = _names(folder)
    names = folders[folder]
    if names is not None and name not in names:
        raise FileNotFoundError(file)
    return None if names is None else names[name]


def _names(folder: str) -> Names:
    if folder.startswith(("http://", "https://")):  # a page need not list what it serves
        return None
    try:
        return {file.url.rpartition("/")[2]: file for file in listing(folder)[1]}
    except MediaError as error:
        return {} if isinstance(error.__cause__, FileNotFoundError) else None


def _listed(url: str) -> list[ClipMetadata]:
    data = read_document(url, _MOST_BYTES)
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
    outcomes = (*(Outcome(clip.path, clip) for clip in known), *inspected.outcomes)
    # No event is cut from a sound recording, whatever its timecode says.
    return Report(report.name, tuple(one for one in outcomes if one.value is None or one.value.width))


def inspected(media: Media) -> list[ClipMetadata]:
    """The clips of `media` that can be read, inspected here and now; a warning for each that cannot."""
    listed: list[object] = [media] if isinstance(media, str | os.PathLike) else list(media)
    if listed and all(isinstance(one, ClipMetadata) for one in listed):
        return [one for one in listed if isinstance(one, ClipMetadata)]
    report = find_media([os.fspath(one) for one in listed if isinstance(one, str | os.PathLike)]).compute()
    for outcome in report.failures:
        warnings.warn(outcome.failure.error, MediaWarning, stacklevel=3)
    return list(report.results)
