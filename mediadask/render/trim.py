"""Trims: ranges of camera originals as they are, nothing encoded again."""

from __future__ import annotations

import filecmp
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from mediadask.checkpoint import checkpoint
from mediadask.clips.choices import split_choices
from mediadask.clips.packets import opened
from mediadask.clips.pattern import is_image, pattern_of
from mediadask.clips.probe import container_name
from mediadask.clips.storage import is_local, open_file, stat
from mediadask.clips.tags import tags_of
from mediadask.delivery import Delivery, Group, Unit
from mediadask.errors import CorruptFrame, InvalidRequest
from mediadask.render.output import Format, Output, Rendered, committed, exists, join_url, output_errors
from mediadask.render.plan import Plan, Source, output_places
from mediadask.render.remux import container_for, kept, left_out, mark_tag, remux

if TYPE_CHECKING:
    from mediadask.clips import Clip
    from mediadask.clips.storage import FileStamp

__all__ = ["Cut", "Trimmed", "trim_notes", "trim_ranges"]

_FILES_A_UNIT = 24
_COPY_BYTES = 8 << 20
_BYTES_A_SECOND = 150e6


@dataclass(frozen=True)
class Cut:
    """A range of a clip to keep."""

    clip: Source
    """A URL, or a clip that is open already."""

    start: int = 0
    """First frame, 0-based."""

    stop: int | None = None
    """The frame after the last; None for the end."""

    name: str | None = None
    """The copy's name without a suffix, or that of a sequence's folder. By default the clip's own."""


@dataclass(frozen=True)
class Trimmed(Rendered):
    """A committed trim."""

    source: str = ""
    """The clip it was cut from."""

    start: int = 0
    """The frame of that clip that is its first."""

    notes: tuple[str, ...] = ()
    """How it differs from the range that was asked for, and from its source."""


def trim_ranges(cuts: Iterable[Cut], out: str | os.PathLike[str]) -> Delivery:
    """Copy ranges of clips to files of their own, without encoding anything again.

    A copy keeps its container, reel, tags, color and sound, and its timecode begins at the new first frame.
    MOV takes what the clip's own container cannot hold. Long-GOP material is cut at its keys: such a trim has
    some more frames than were asked for, and says so. The files of an image sequence are copied with their
    names.

    Parameters
    ----------
    cuts
        The ranges, one for each file.
    out
        A folder, here or on an object store.

    Returns
    -------
    Delivery
        One group a range; its values are `Trimmed`.

    Raises
    ------
    InvalidRequest
        If a name leads out of the folder, or two are the same. A bad clip or range fails alone.
    """
    wanted = list(cuts)
    sources = [cut.clip for cut in wanted]
    places = [
        place if cut.name is None else join_url(place.rpartition("/")[0], _checked(cut.name))
        for cut, place in zip(wanted, output_places(sources, out, ""), strict=True)
    ]
    ranges: dict[str, tuple[int, int | None]] = {}
    for cut, place in zip(wanted, places, strict=True):
        if ranges.setdefault(place.casefold(), (cut.start, cut.stop)) != (cut.start, cut.stop):
            raise InvalidRequest("is the name of two ranges", where=place, do="name them differently")
    return Delivery("trim", Plan(sources, places, partial(_trim_group, ranges)))


def _checked(name: str) -> str:
    if name in ("", ".", "..") or any(mark in name for mark in "/\\\0"):
        raise InvalidRequest(f"{name!r} is no name for a file", do="leave out slashes")
    return name


def _trim_group(ranges: Mapping[str, tuple[int, int | None]], clip: Clip, place: str) -> Group:
    start, stop = clip.index.check(*ranges[place.casefold()], clip.url)
    if start == stop:
        raise InvalidRequest("a range of no frames", where=clip.url, do="ask for at least one")
    return (_copy_group if clip.reader.name == "sequence" else _remux_group)(clip, start, stop, place)


def _remux_group(clip: Clip, start: int, stop: int, place: str) -> Group:
    keep = kept(clip.index, start, stop)
    container = container_for(clip, keep)
    suffix = os.path.splitext(clip.files[0].url)[1] if container == clip.header.container else ""
    url = place + (suffix or f".{container}")
    output = Output.of(url, TRIM, clip.url, "trim", clip.identity, start, stop)
    unit = Unit(
        trim_clip,
        (clip, start, stop, output),
        name=output.name,
        kind=f"trim {clip.header.codec} {clip.header.width}x{clip.header.height}",
        frames=stop - start,
        seconds=0.2 + clip.size_bytes * len(keep.rows) / len(clip.index.pts) / _BYTES_A_SECOND,
    )
    return Group.done(unit) if output.is_done() else Group(output.name, (unit,))


def trim_clip(clip: Clip, start: int, stop: int, output: Output) -> Trimmed:
    """Write one trim, unless it is there."""
    keep = kept(clip.index, start, stop)
    if not output.is_done():
        with output.making(output.url) as path, open(path, "w+b", buffering=0) as file:
            remux(file, clip, keep, str(output.mark))
    output.clear()
    notes = trim_notes(clip, start, stop)
    return Trimmed(output.url, keep.stop - keep.start, source=clip.url, start=keep.start, notes=notes)


def trim_notes(clip: Clip, start: int, stop: int) -> tuple[str, ...]:
    """How a trim differs from the range that is asked for, and from its source."""
    if clip.reader.name == "sequence":
        return ()
    keep = kept(clip.index, start, stop)
    notes = [f"begins {_frames(start - keep.start)} early, at its key"] if keep.start < start else []
    notes += [f"ends {_frames(keep.stop - stop)} late, with its group"] if keep.stop > stop else []
    if (container := container_for(clip, keep)) != clip.header.container:
        notes.append(f"is in {container}, its source in {clip.header.container}")
    return (*notes, *(f"is without its source's {stream}" for stream in left_out(clip)))


def _frames(count: int) -> str:
    return f"{count} frame{'s' if count > 1 else ''}"


def _read_text(url: str) -> str | None:
    with opened(url) as container:
        tag = mark_tag(container_name(container))
        said = {name.lower(): value for name, value in tags_of(container).items()}
        return said.get(tag)


TRIM = Format("trim", _read_text)
"""A container file, as `remux` makes it."""


# Image sequences.


def _nothing(url: str) -> None:
    """A folder of copies carries no mark: each file in it is as its source."""


_COPIES = Format("copies", _nothing)


def _copy_group(clip: Clip, start: int, stop: int, place: str) -> Group:
    rows = clip.index.shown[start:stop]
    if (rows < 0).any():
        missing = start + int((rows < 0).argmax())
        raise CorruptFrame("its file is missing", where=clip.url, frame=missing, do="render or copy it again")
    files = [clip.files[row] for row in rows]
    output = Output.of(place, _COPIES, clip.url, "copy", clip.identity, start, stop)
    units = tuple(
        Unit(
            copy_files,
            (some, output),
            name=f"{output.name} {some[0].url.rpartition('/')[2]}",
            kind="copy",
            frames=len(some),
            seconds=0.1 + sum(file.size_bytes for file in some) / _BYTES_A_SECOND,
        )
        for some in (files[row : row + _FILES_A_UNIT] for row in range(0, len(files), _FILES_A_UNIT))
        if not all(_seems_copied(file, output) for file in some)
    )
    finish = Unit(finish_copy, (clip, output, start, stop), name=output.name, kind="join")
    return Group(output.name, units, finish, is_settled=not units)


def copy_files(files: Sequence[FileStamp], output: Output) -> None:
    """Copy files into the output's folder under their own names, unless they are there.

    Raises
    ------
    InvalidRequest
        If another file of that name is there: it is never overwritten.
    """
    if is_local(output.url):
        os.makedirs(output.url, exist_ok=True)
    for file in files:
        target = join_url(output.url, file.url.rpartition("/")[2])
        if not _is_copied(file, target):
            with output_errors(target), committed(target, output.workspace) as path:
                with open_file(file.url) as source, open(path, "wb") as copy:
                    shutil.copyfileobj(source, copy, _COPY_BYTES)
                if is_local(file.url):  # by it a rerun knows the file without reading it
                    os.utime(path, ns=(int(file.version), int(file.version)))
        checkpoint()


def finish_copy(copied: Sequence[None], clip: Clip, output: Output, start: int, stop: int) -> Trimmed:
    """All files are there."""
    output.clear()
    name = split_choices(clip.url)[0].rpartition("/")[2]
    pattern = pattern_of(name)
    # Of a clip that was named by its folder, or by a range of numbers, the copy's folder is the name.
    named = is_image(name) and not (pattern and pattern.numbers)
    url = join_url(output.url, name) if named else output.url
    return Trimmed(url, stop - start, source=clip.url, start=start)


def _seems_copied(file: FileStamp, output: Output) -> bool:
    """Whether a copy is there, as far as a glance tells; on an object store it does not. No file is its own
    copy.
    """
    target = join_url(output.url, file.url.rpartition("/")[2])
    if not is_local(target) or not exists(target) or stat(target) != replace(file, url=target):
        return False
    return not (is_local(file.url) and os.path.samefile(file.url, target))


def _is_copied(file: FileStamp, target: str) -> bool:
    if not exists(target):
        return False
    there = stat(target)
    if there.size_bytes == file.size_bytes and (
        not is_local(target)
        or there.version == file.version
        or (is_local(file.url) and filecmp.cmp(file.url, target, shallow=False))
    ):
        return True
    raise InvalidRequest(
        "is there already and is another file", where=target, do="choose another folder, or move it"
    )
