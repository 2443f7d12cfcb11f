"""Finding clips: folders, globs and lists become clip URLs, one for each sequence and spanned recording."""

from __future__ import annotations

import glob
import os
import re
from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

from mediadask.clips.choices import split_choices
from mediadask.clips.clip import Clip
from mediadask.clips.clip_url import ClipUrl
from mediadask.clips.pattern import group_names, is_image, members, pattern_of
from mediadask.clips.spans import continues
from mediadask.clips.storage import (
    filesystem_of,
    is_local,
    is_web,
    listing,
    normalize,
    path_of,
    storage_errors,
)
from mediadask.clips.vendor import RAW_FRAME_SUFFIXES, VENDOR_SUFFIXES
from mediadask.errors import MediaError, MissingMedia

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = ["CLIP_SUFFIXES", "find_clips"]

CLIP_SUFFIXES = VENDOR_SUFFIXES | frozenset(
    {
        *(".264", ".265", ".3gp", ".avi", ".cine", ".dv", ".h264", ".h265", ".hevc", ".m2t", ".m2ts", ".m2v"),
        *(".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ts", ".vob", ".webm"),
    }
)
"""What a file in a folder must be called to count as a clip; images count besides."""

_PARTS = (  # names of which their makers say that they are parts of one recording
    re.compile(r"[A-Z]\d{3}_?C\d{3}(_\w+)?_(?P<part>\d{3})"),  # reel, clip, date, part: RED and its followers
    re.compile(r"\w{3}_\d{4}_(?P<part>\d{2})"),  # Sony XDCAM EX: prefix, clip, part
    re.compile(r"G[HXL](?P<part>\d{2})\d{4}"),  # GoPro: part, then clip
)
_MAGIC = re.compile(r"[*?[]")


def find_clips(
    where: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    on_error: Callable[[MediaError], None] | None = None,
) -> Iterator[str]:
    """The clips at `where`, in natural order (``clip2`` before ``clip10``), each once.

    Folders are searched with all that is in them; hidden files, sidecars and what has no clip's suffix are
    passed over. Image sequences become one ``%04d`` pattern each. Spanned recordings become one ``concat:``
    URL where the names say so by a camera maker's rule and the timecodes run on, which is the only reason
    that a file is opened for. What is named outright is taken as it is, whatever its name.

    Parameters
    ----------
    where
        A file, folder, pattern, glob (``**`` too) or URL, or several.
    on_error
        Called with what cannot be listed, and the search goes on. Without it the error is raised.

    Raises
    ------
    MissingMedia
        Where nothing is there, nothing matches, or a folder may not be read.
    """
    seen: set[str] = set()
    for one in [where] if isinstance(where, str | os.PathLike) else where:
        for url in _guarded(_named(os.fspath(one), on_error), on_error):
            if url not in seen:
                seen.add(url)
                yield url


def _guarded(found: Iterator[str], on_error: Callable[[MediaError], None] | None) -> Iterator[str]:
    try:
        yield from found
    except MediaError as error:
        if on_error is None:
            raise
        on_error(error)


def _named(name: str, on_error: Callable[[MediaError], None] | None) -> Iterator[str]:
    """What one argument stands for."""
    if (clip := ClipUrl.parse(name)).is_span:
        yield str(clip)
        return
    url = normalize(name)
    file = split_choices(url)[0]
    if _is_folder(url):
        yield from _walk(url.rstrip("/") or "/", on_error)
    elif "*" not in file and _counts(file) and pattern_of(file):
        members(file)  # raises where it names nothing
        yield url
    elif _MAGIC.search(path_of(file)) and not (is_local(file) and os.path.exists(file)):
        yield from _glob(url, on_error)
    else:
        yield url


def _counts(file: str) -> bool:
    return is_image(file) or os.path.splitext(file)[1].lower() in RAW_FRAME_SUFFIXES


def _is_folder(url: str) -> bool:
    if is_local(url):
        return os.path.isdir(url)
    if is_web(url):  # a page that lists files looks like any other
        return url.endswith("/")
    with storage_errors(url):
        filesystem, path = filesystem_of(url)
        return bool(filesystem.isdir(path))


def _glob(url: str, on_error: Callable[[MediaError], None] | None) -> Iterator[str]:
    if is_local(url):
        matches = glob.glob(url, recursive=True)
    else:
        with storage_errors(url):
            filesystem, path = filesystem_of(url)
            matches = [filesystem.unstrip_protocol(match) for match in filesystem.glob(path)]
    if not matches:
        raise MissingMedia("nothing matches", where=url, do="check the pattern")
    folders = [match for match in matches if _is_folder(match)]
    files = [match for match in matches if match not in set(folders)]
    by_folder: dict[str, list[str]] = defaultdict(list)
    for file in files:
        folder, _, name = file.rpartition("/")
        by_folder[folder].append(name)
    for folder in sorted(by_folder, key=_natural):
        yield from _clips_among(folder, by_folder[folder])
    for folder in sorted(folders, key=_natural):
        yield from _guarded(_walk(folder, on_error), on_error)


def _walk(folder: str, on_error: Callable[[MediaError], None] | None) -> Iterator[str]:
    folders, files = listing(folder)
    yield from _clips_among(folder, [file.url.rpartition("/")[2] for file in files])
    for inner in sorted(folders, key=_natural):
        name = inner.rpartition("/")[2]
        if not name.startswith(".") and not os.path.islink(inner):  # a link may lead back up
            yield from _guarded(_walk(inner, on_error), on_error)


def _clips_among(folder: str, names: Sequence[str]) -> Iterator[str]:
    """The clips among the names of one folder's files."""
    shown = [name for name in names if not name.startswith(".")]
    suffixes = {name: os.path.splitext(name)[1].lower() for name in shown}
    images = group_names(name for name in shown if is_image(name) or suffixes[name] in RAW_FRAME_SUFFIXES)
    containers = [name for name in shown if suffixes[name] in CLIP_SUFFIXES - RAW_FRAME_SUFFIXES]
    spans = _possible_spans(containers)
    single = set(containers).difference(*spans)
    found: dict[str, Iterable[str]] = {name: [f"{folder}/{name}"] for name in (*images, *single)}
    found |= {parts[0]: _confirmed([f"{folder}/{name}" for name in parts]) for parts in spans}
    for name in sorted(found, key=_natural):
        yield from found[name]


def _possible_spans(names: Sequence[str]) -> list[list[str]]:
    """Names that may be parts of one recording, in the order of their numbers, beginning with the first."""
    groups: dict[tuple[str, str], dict[int, str]] = defaultdict(dict)
    for name in names:
        stem = os.path.splitext(name)[0]
        match = next((match for rule in _PARTS if (match := rule.fullmatch(stem))), None)
        if match:
            begin, end = match.span("part")
            groups[name[:begin], name[end:]][int(match["part"])] = name
    return [
        [numbered[number] for number in sorted(numbered)] for numbered in groups.values() if len(numbered) > 1
    ]


def _confirmed(parts: Sequence[str]) -> Iterator[str]:
    """Parts joined where one certainly continues the other: a false join is worse than none."""
    run = [parts[0]]
    for before, after in pairwise(parts):
        if not _continues(before, after):
            yield str(ClipUrl(tuple(run)))
            run = []
        run.append(after)
    yield str(ClipUrl(tuple(run)))


def _continues(before: str, after: str) -> bool:
    try:
        return continues(Clip.open(before), Clip.open(after))
    except Exception:  # whoever opens the clip will hear of it
        return False


def _natural(name: str) -> tuple[list[str | int], str]:
    """Numbers in names count as numbers, and case does not."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name.lower())], name
