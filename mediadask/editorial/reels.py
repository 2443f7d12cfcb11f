"""Reel names: which clips a name in a list may mean, in the forms the field writes one reel in."""

from __future__ import annotations

import difflib
import os
import re
from bisect import bisect_left
from collections import defaultdict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["ReelIndex", "bare_name", "names_of_file"]

_CAMERA = re.compile(r"(?P<roll>[A-Z]{1,2}\d{3,4})[_-]?(?P<clip>C\d{3,4})?(?P<rest>.*)")
_SUFFIX = re.compile(r"\.[A-Za-z]\w{1,4}$")
_NUMBER = re.compile(r"[._-]?(?:%0?\d*d|#+)$")
_CMX_LENGTH = 8

Clip = TypeVar("Clip")


class ReelIndex(Generic[Clip]):
    """Clips by their reel names. A name finds those written like it first, then those it may abbreviate.

    In order: the name but for case and suffix; but for separators; roll and clip alone (``A001C001`` for
    ``A001_C001_0101AB``), on either side; cut to eight characters, as by CMX 3600; the roll alone (``A001``).
    """

    def __init__(self, named: Iterable[tuple[str, Clip]]) -> None:
        self._by_key: dict[tuple[str, str], list[Clip]] = defaultdict(list)
        names = {}
        for name, clip in named:
            names[bare_name(name).casefold()] = name
            for key in _answers(name):
                self._by_key[key].append(clip)
        self._names = dict(sorted(names.items()))
        self._sorted = list(self._names)

    def __bool__(self) -> bool:
        return bool(self._sorted)

    def find(self, name: str) -> Iterator[list[Clip]]:
        """The clips that a list's name may mean, the likeliest form first; a clip may come more than once."""
        for key in _questions(name):
            if key in self._by_key:
                yield self._by_key[key]

    def nearest(self, name: str, count: int = 3) -> list[str]:
        """The names most like one that is not there."""
        wanted = bare_name(name).casefold()
        at = bisect_left(self._sorted, wanted)
        # Neighbors share the beginning; comparing with all of 5,000 would take seconds for a list.
        beside = self._sorted[max(at - 25, 0) : at + 25]
        return [self._names[key] for key in difflib.get_close_matches(wanted, beside, count, cutoff=0.6)]


def names_of_file(url: str) -> list[str]:
    """What a file's name, and of an image sequence its folder's, say the reel is, the likeliest first."""
    path = url.removeprefix("concat:").partition("|")[0].replace("\\", "/").rstrip("/")
    folder, _, name = path.rpartition("/")
    stem = _NUMBER.sub("", os.path.splitext(name)[0])
    if stem == os.path.splitext(name)[0]:
        return [stem]
    return [part for part in (stem, folder.rpartition("/")[2]) if part]


def bare_name(name: str) -> str:
    """A name without a file's suffix."""
    return _SUFFIX.sub("", name.strip())


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).upper()


def _answers(name: str) -> set[tuple[str, str]]:
    """The keys under which a clip's own name is found."""
    stem = bare_name(name)
    plain = _plain(stem)
    keys = {
        ("name", stem.casefold()),
        ("plain", plain),
        ("cmx", stem[:_CMX_LENGTH].casefold()),
        ("cmx", plain[:_CMX_LENGTH].casefold()),
    }
    if camera := _CAMERA.fullmatch(stem.upper()):
        keys.add(("roll", camera["roll"]))
        if camera["clip"]:
            take = camera["roll"] + camera["clip"]
            keys |= {("take", take)} | (set() if camera["rest"] else {("bare", take)})
    return keys


def _questions(name: str) -> Iterator[tuple[str, str]]:
    """The keys under which to look for a list's name, in order."""
    stem = bare_name(name)
    yield "name", stem.casefold()
    yield "plain", _plain(stem)
    camera = _CAMERA.fullmatch(stem.upper())
    if camera and camera["clip"]:
        yield ("bare" if camera["rest"] else "take"), camera["roll"] + camera["clip"]
    if len(name.strip()) == _CMX_LENGTH:
        yield "cmx", name.strip().casefold()
    if camera and not camera["clip"] and not camera["rest"]:
        yield "roll", camera["roll"]
