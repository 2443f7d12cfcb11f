"""Reel names: which clips a name in a list may mean, in the forms the field writes one reel in."""

from __future__ import annotations

import difflib
import os
import re
from bisect import bisect_left
from collections import defaultdict
from typing import TYPE_CHECKING, Generic, TypeVar

from mediadask.clips.clip_url import ClipUrl
from mediadask.editorial.matching.sequence_names import named_sequence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["ReelIndex", "bare_name", "names_of_file"]

_CAMERA = re.compile(
    r"(?P<roll>[A-Z]{1,2}\d{3,4}|[A-Z]_\d{4})(?:[_-]\d{8}(?=[_-][CD]\d{3}))?"
    r"(?P<clip>[_-]?[CD]\d{3,4}|[_-][A-Z]\d{3}(?!\d))?(?P<rest>.*)"
)
"""``A001_C001_0101AB`` and its kin: ARRI's ``A_0001C001_250102_101112_h1ABC``, Blackmagic's
``A001_08151512_C003``, RED's ``A001_B003_0101AB``, whose letter is the camera's position. After 999 clips
some cameras go on with ``D001``."""

_SUFFIX = re.compile(r"\.[A-Za-z]\w{1,4}$")
_PART = re.compile(r"(.+)[_-]\d{3}")
"""The parts of a recording that RED and Canon split: ``A009_C012_0615QX_001``."""

_CUTS = (8, 16, 32, 129)
"""How many characters of a reel fit into a list: of CMX 3600, and of Avid's File16, File32 and File129."""

Clip = TypeVar("Clip")


class ReelIndex(Generic[Clip]):
    """Clips by their reel names. A name finds those written like it first, then those it may abbreviate.

    In order: the name but for case and suffix; but for separators; roll and clip alone (``A001C001`` for
    ``A001_C001_0101AB``), on either side; without the number of a part; cut to 8, 16, 32 or 129 characters;
    the roll and the camera (``A001R1AB`` for ``A001C001_140102_R1AB``, as ARRI names tapes); the roll alone.
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
    path = ClipUrl.parse(url).first.replace("\\", "/").rstrip("/")
    folder, _, name = path.rpartition("/")
    sequence = named_sequence(name)
    if sequence is None:
        return [os.path.splitext(name)[0]]
    if sequence.is_one_file:
        return [os.path.splitext(name)[0], sequence.stem]
    return [part for part in (sequence.stem, folder.rpartition("/")[2]) if part]


def bare_name(name: str) -> str:
    """A name without a file's suffix."""
    return _SUFFIX.sub("", name.strip())


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).upper()


def _even(name: str) -> str:
    """A name with all that parts its words as underscores, in lower case: it keeps its length."""
    return re.sub(r"[\W_]", "_", name).casefold()


def _answers(name: str) -> set[tuple[str, str]]:
    """The keys under which a clip's own name is found."""
    stem = bare_name(name)
    plain = _plain(stem)
    keys = {("name", stem.casefold()), ("plain", plain)}
    keys |= {("cut", _even(text[:length].rstrip())) for text in (stem, plain) for length in _CUTS}
    if camera := _CAMERA.fullmatch(stem.upper()):
        roll = _plain(camera["roll"])
        keys.add(("roll", roll))
        keys |= {("tape", roll + who) for who in _cameras(camera["rest"])}
        if camera["clip"]:
            take = roll + _plain(camera["clip"])
            keys |= {("take", take)} | (set() if camera["rest"] else {("bare", take)})
            if part := _PART.fullmatch(stem):
                keys.add(("part", _plain(part[1])))
    return keys


def _questions(name: str) -> Iterator[tuple[str, str]]:
    """The keys under which to look for a list's name, in order."""
    name = name.strip()
    stem = bare_name(name)
    yield "name", stem.casefold()
    yield "plain", _plain(stem)
    camera = _CAMERA.fullmatch(stem.upper())
    if camera and camera["clip"]:
        yield ("bare" if camera["rest"] else "take"), _plain(camera["roll"] + camera["clip"])
        yield "part", _plain(stem)
        if part := _PART.fullmatch(stem):
            yield "plain", _plain(part[1])
            yield "part", _plain(part[1])
    if {len(name), len(name) + 1} & set(_CUTS):  # a blank at its end is gone
        yield "cut", _even(name)
        yield "name", re.sub(r"\.\w{0,3}$", "", name).casefold()  # cut in the suffix
    if camera and not camera["clip"]:
        yield ("tape", _plain(stem)) if camera["rest"] else ("roll", _plain(camera["roll"]))


def _cameras(rest: str) -> list[str]:
    """What the end of a clip's name says of the camera: ``R1AB``, of an ALEXA 35 ``h1ABC``."""
    said = rest.rpartition("_")[2]
    if not re.fullmatch(r"[A-Z0-9]{4,5}", said):
        return []
    return [said, said[1:]] if len(said) == 5 else [said]
