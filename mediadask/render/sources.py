"""What work reads, so that nothing is written over it, whatever links, marks and options say."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mediadask.clips.clip_url import ClipUrl
from mediadask.clips.pattern import Pattern, pattern_of
from mediadask.clips.storage import is_local
from mediadask.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Sources"]


class Sources:
    """The clips and other files that a delivery reads, by their URLs."""

    def __init__(self, urls: Iterable[str]) -> None:
        self._urls = tuple(urls)

    def __getstate__(self) -> dict[str, Any]:
        return {"_urls": self._urls}  # what they are is looked up where outputs are planned

    def refuse(self, places: Iterable[str]) -> None:
        """Make sure that no file at these places is one of them.

        Raises
        ------
        InvalidRequest
            If one is: by name, by a link of either kind, or in other letters where case does not count.
        """
        for place in places:
            identity = _identity(place)
            if identity is None:
                continue
            folder, _, name = place.rpartition("/")
            frames = self._sequences.get(_identity(folder), ())
            if identity in self._files or any(pattern.number(name) is not None for pattern in frames):
                raise InvalidRequest(
                    "is a source, which no output replaces",
                    where=place,
                    do="choose another folder or name",
                )

    @cached_property
    def _each(self) -> list[str]:
        return [file for url in self._urls for file in ClipUrl.parse(url).files]

    @cached_property
    def _files(self) -> set[object]:
        return {_identity(url) for url in self._each} - {None}

    @cached_property
    def _sequences(self) -> dict[object, list[Pattern]]:
        """The patterns of image sequences by their folders."""
        found: dict[object, list[Pattern]] = {}
        for url in self._each:
            pattern = pattern_of(url)
            if pattern is not None:
                found.setdefault(_identity(pattern.folder), []).append(pattern)
        return found


def _identity(url: str) -> object:
    """What a file or folder is, by whatever name; None where there is none on this machine."""
    if not is_local(url):
        return url.rstrip("/")
    with suppress(OSError):
        info = os.stat(url)
        return info.st_dev, info.st_ino
    return None
