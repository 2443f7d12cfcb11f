"""How image sequences are named, and which files a name means.

A sequence is named by a pattern: ``plate.%04d.exr``, ``plate.####.exr``, ``plate.*.exr``, a range of it as
fileseq writes one (``plate.1001-1100#.exr``), or by the folder that holds it and no other. What follows a
``?`` chooses among the pictures of a file: see `mediadask.clips.choices`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mediadask.clips.choices import split_choices
from mediadask.clips.storage import FileStamp, listing, path_of, stat, suffix_of
from mediadask.errors import MissingMedia, UnreadableMedia

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "HEIF_SUFFIXES",
    "IMAGE_SUFFIXES",
    "Pattern",
    "group_names",
    "is_image",
    "members",
    "only_sequence",
    "pattern_of",
]

HEIF_SUFFIXES = frozenset({".heic", ".heif", ".hif"})
IMAGE_SUFFIXES = HEIF_SUFFIXES | frozenset(
    {".ari", ".cin", ".dng", ".dpx", ".exr", ".jpeg", ".jpg", ".png", ".tif", ".tiff"}
)

_PADDING = re.compile(r"[*#@%$<]")
"""What every spelling of a pattern has: most names have none, and need no fileseq to tell."""

_ITEM = r"\d+(?:--?\d+(?:[xy:]\d+)?)?"
_SPELLED = re.compile(
    r"(.*?)"
    # A hyphen after a digit is the prefix's: in sh010-1-3#.exr the range is 1-3.
    rf"((?<=[._])-?{_ITEM}(?:,-?{_ITEM})*|(?<!\d)(?:\d+-\d+(?:[xy:]\d+)?|{_ITEM}(?:,-?{_ITEM})+))?"
    r"(%\d*d|#+|@+|\$F\d*|<UDIM>|\*)"
    r"([^*#@%$<]*)"
)
"""Prefix, range, padding and suffix."""

_COUNTED = re.compile(r"(.*?)((?<=[._])-\d+|\d+)(\.[A-Za-z]\w*)")


@dataclass(frozen=True)
class Pattern:
    """A sequence's files: ``folder/prefix``, a number, ``suffix``."""

    folder: str
    prefix: str
    suffix: str
    digits: int
    """Least digits of a number; 0 where any will do."""

    numbers: frozenset[int] | None = None
    """The numbers meant; None for all there are."""

    def number(self, name: str) -> int | None:
        """The number in a file's name; None where the file is not of this sequence."""
        if not (name.startswith(self.prefix) and name.endswith(self.suffix)):
            return None
        text = name[len(self.prefix) : len(name) - len(self.suffix)]
        # A hyphen is a minus only behind what parts the number from the name: shot-0001.exr is no frame -1.
        digits = text.removeprefix("-") if self.prefix.endswith((".", "_")) else text
        if not (digits.isascii() and digits.isdigit() and _fits(text, self.digits)):
            return None
        return int(text) if self.numbers is None or int(text) in self.numbers else None

    def name(self, number: int) -> str:
        """The name a numbered file has, or would have."""
        return f"{self.prefix}{number:0{self.digits}}{self.suffix}"


def is_image(url: str) -> bool:
    """Whether a name, or a pattern, is an image's; by its suffix."""
    return suffix_of(split_choices(url)[0]) in IMAGE_SUFFIXES


def pattern_of(url: str) -> Pattern | None:
    """The pattern a URL spells out; None where it names one file."""
    folder, _, name = url.rpartition("/")
    if not _PADDING.search(name) or path_of(url) != url:  # a signature has signs of its own: %2d
        return None
    found = _SPELLED.fullmatch(name)
    if found is None:
        return None
    prefix, chosen, padding, suffix = found.groups()
    numbers = None
    if chosen:
        import fileseq

        try:
            numbers = frozenset(fileseq.FrameSet(chosen))
        except fileseq.FileSeqException:
            prefix += chosen
    # fileseq's single # means four digits, other programs' means any: take what there is.
    digits = 0 if padding in ("#", "*") else _digits(padding)
    return Pattern(folder, prefix, suffix, digits, numbers)


def _digits(padding: str) -> int:
    """Least digits that a padding stands for."""
    if padding == "<UDIM>":
        return 4
    return len(padding) if padding[0] in "#@" else int(padding.strip("%d$F") or 1)


def group_names(names: Iterable[str]) -> list[str]:
    """Image names of one folder with those that count joined into ``%04d`` patterns, in no order.

    fileseq's own finder takes the hyphen of ``shot-0001.exr`` for a minus.
    """
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    found = []
    for name in names:
        if counted := _COUNTED.fullmatch(name):
            groups[counted[1], counted[3]].append(counted[2])
        else:
            found.append(name)
    for (prefix, suffix), numbers in groups.items():
        widths = {min(map(len, numbers))}
        if not all(_fits(text, *widths) for text in numbers):  # two paddings are two sequences
            widths = {len(text) for text in numbers}
        for width in widths:
            run = [text for text in numbers if len(widths) == 1 or len(text) == width]
            found.append(f"{prefix}{run[0] if len(run) == 1 else f'%0{width}d'}{suffix}")
    return found


def members(url: str) -> dict[int, FileStamp]:
    """The files a URL means by their numbers, ascending; a single file has number 0.

    Raises
    ------
    MissingMedia
        If there are none.
    UnreadableMedia
        If two files have one number, or a folder does not hold exactly one sequence.
    """
    pattern = pattern_of(url)
    if pattern is None:
        return {0: stat(url)}
    found: dict[int, FileStamp] = {}
    for stamp in listing(pattern.folder or "/")[1]:
        name = stamp.url.rpartition("/")[2]
        number = pattern.number(name)
        if number is None:
            continue
        if number in found:
            other = found[number].url.rpartition("/")[2]
            what = f"{other} and {name} have the same number"
            raise UnreadableMedia(what, where=url, do="write the digits of one of them as %04d")
        found[number] = stamp
    if not found:
        raise MissingMedia("no file has a name like this", where=url, do="check the path")
    unsized = [number for number, stamp in found.items() if stamp.size_bytes < 0]
    with ThreadPoolExecutor(16) as pool:  # one round trip each, for http:// alone
        found.update(zip(unsized, pool.map(lambda number: stat(found[number].url), unsized), strict=True))
    return dict(sorted(found.items()))


def only_sequence(folder: str) -> str:
    """The URL of the one sequence in a folder.

    Raises
    ------
    UnreadableMedia
        If there is none, or more than one.
    """
    names = [stamp.url.rpartition("/")[2] for stamp in listing(folder)[1]]
    found = sorted(group_names(name for name in names if is_image(name) and not name.startswith(".")))
    if len(found) == 1:
        return f"{folder.rstrip('/')}/{found[0]}"
    if not found:
        raise UnreadableMedia("is a folder without an image sequence", where=folder, do="name a file in it")
    more = ", …" if len(found) > 3 else ""
    raise UnreadableMedia(
        f"is a folder with {len(found)} image sequences",
        where=folder,
        do=f"name one: {', '.join(found[:3])}{more}",
    )


def _fits(digits: str, least: int) -> bool:
    """Whether ``%0{least}d`` writes these digits, with a minus in place of the first or before them all."""
    plain = digits.removeprefix("-")
    return least in (0, len(digits), len(plain)) or (len(plain) > least and plain[0] != "0")
