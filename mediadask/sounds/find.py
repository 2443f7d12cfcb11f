"""Finding sound recordings in folders."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mediadask.clips.storage import is_local, listing, normalize, suffix_of
from mediadask.clips.wav import SOUND_SUFFIXES
from mediadask.errors import MissingMedia

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["find_sounds"]


def find_sounds(where: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[str]:
    """The WAV files at some places, each once: files as they are named, folders with all that is in them.

    Raises
    ------
    MissingMedia
        If a place is not there, or holds no recordings.
    """
    found: dict[str, None] = {}
    for one in [where] if isinstance(where, str | os.PathLike) else where:
        url = normalize(one)
        is_folder = os.path.isdir(url) if is_local(url) else suffix_of(url) not in SOUND_SUFFIXES
        inside = sorted(_walk(url.rstrip("/"))) if is_folder else [url]
        if not inside:
            raise MissingMedia("holds no sound recordings", where=url, do="name a folder with WAV files")
        found |= dict.fromkeys(inside)
    return list(found)


def _walk(folder: str) -> Iterator[str]:
    folders, files = listing(folder)
    for file in files:
        hidden = file.url.rpartition("/")[2].startswith(".")
        if suffix_of(file.url) in SOUND_SUFFIXES and not hidden:
            yield file.url
    for inner in folders:
        # A link may lead back up.
        if not inner.rpartition("/")[2].startswith(".") and not (is_local(inner) and os.path.islink(inner)):
            yield from _walk(inner)
