"""Which clip goes where: the groups of a delivery that makes one output of each clip."""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import overload

from mediadask.clips import Clip
from mediadask.clips.choices import split_choices
from mediadask.clips.clip_url import ClipUrl
from mediadask.clips.pattern import is_image, pattern_of
from mediadask.clips.storage import is_local, normalize, path_of
from mediadask.delivery import Group, Unit
from mediadask.errors import InvalidRequest, UnreadableMedia
from mediadask.render.output import Output, Rendered, join_url
from mediadask.render.sources import Sources

__all__ = ["LazyGroups", "Plan", "Source", "clip_stem", "output_places", "source_list", "standing_group"]

Source = str | os.PathLike[str] | Clip
"""A clip that is open, or the URL of one."""


def source_list(clips: Source | Iterable[Source]) -> list[Source]:
    """One clip or many, as a list."""
    return [clips] if isinstance(clips, str | os.PathLike | Clip) else list(clips)


_FILE_NAME = re.compile(r"\.(?!v\d)[A-Za-z][A-Za-z0-9]{1,4}$")
"""What ends like a file's name: ``out.gif``, not ``cam.A``, ``day.01`` or ``cut.v2``."""


def output_places(
    sources: Sequence[Source], out: str | os.PathLike[str], suffix: str, named: tuple[str, ...] = ()
) -> list[str]:
    """Where each clip's output goes: at `out` itself for one clip where that ends in one of `named`;
    otherwise into the folder `out`, under the clip's name and `suffix`.

    Raises
    ------
    InvalidRequest
        If several clips have one place, or `out` is a file, or the name of one that is not made here.
    """
    place = normalize(out)
    if place.lower().endswith(named):
        if len(sources) != 1:
            raise InvalidRequest(
                f"names one output, and there are {len(sources)} clips", where=place, do="name a folder"
            )
        return [place]
    if is_local(place) and os.path.isfile(place):
        raise InvalidRequest("is a file", where=place, do="name a folder")
    is_folder = os.fspath(out).endswith("/") or (is_local(place) and os.path.isdir(place))
    # A bucket or host is no file, however its name ends.
    if not is_folder and (ending := _FILE_NAME.search(place.rpartition("://")[2].partition("/")[2])):
        raise InvalidRequest(
            f"no {ending[0]} is made here",
            where=place,
            do=f"name {' or '.join((*named, 'a folder'))} (a folder of this name: write a / after it)",
        )
    return [join_url(place, name + suffix) for name in _distinct_names(sources)]


def _distinct_names(sources: Sequence[Source]) -> list[str]:
    """The clips' names without suffixes and frame patterns.

    Those that several have get their folder's name before them, ``cardB_C0001``, from as many folders up as
    tell them apart: a number would be another clip's when one more card is there. What no folder tells apart
    is numbered, in order.
    """
    alike: dict[str, list[int]] = defaultdict(list)
    for row, source in enumerate(sources):
        alike[clip_stem(source).casefold()].append(row)
    told: dict[int, str] = {}
    for rows in alike.values():
        told.update(zip(rows, _told_apart([sources[row] for row in rows]), strict=True))
    taken: set[str] = set()
    names = []
    for row in range(len(sources)):
        name = candidate = told[row]
        number = 2
        # Folders that ignore case hold A001 and a001 in one file.
        while candidate.casefold() in taken:
            candidate, number = f"{name}-{number}", number + 1
        taken.add(candidate.casefold())
        names.append(candidate)
    return names


def _told_apart(sources: Sequence[Source]) -> list[str]:
    """Names of clips whose stems are alike: as few folders before them as make the most of them different."""
    paths = [[*_first_part(source).split("/")[:-1], clip_stem(source)] for source in sources]
    found = ["_".join(path[-1:]) for path in paths]
    for folders in range(1, max(map(len, paths))):
        if len({name.casefold() for name in found}) == len(found):
            break
        longer = ["_".join(filter(None, path[-1 - folders :])) for path in paths]
        if len({name.casefold() for name in longer}) > len({name.casefold() for name in found}):
            found = longer
    return found


def clip_stem(source: Source) -> str:
    """A clip's name without its suffix or its frame pattern; of a span, its first part's."""
    url = _first_part(source)
    name = url.rpartition("/")[2]
    pattern = pattern_of(url) if is_image(url) else None
    if pattern is not None:
        return pattern.prefix.rstrip("._- ") or "clip"
    return name.rpartition(".")[0] or name


def _url(source: Source) -> str:
    return source.url if isinstance(source, Clip) else str(ClipUrl.of(source))


def output_urls(group: Group) -> list[str]:
    """Where what a group's units make will stand."""
    units = (*group.units, *((group.finish,) if group.finish else ()))
    return [part.url for unit in units for part in unit.args if isinstance(part, Output)]


def _first_part(source: Source) -> str:
    """A clip's file, or its frame pattern; of a span, its first part's."""
    url = ClipUrl.parse(source.url if isinstance(source, Clip) else source).first
    return split_choices(path_of(url.rstrip("/")))[0]


def standing_group(output: Output, frames: int) -> Group | None:
    """The group of an output of so many frames that stands there already; None where it is to be made."""
    mark = output.standing()
    if mark is None:
        return None
    there = Rendered(output.url, frames, mark.stand_ins)
    return Group.done(Unit(_as_it_stands, (there, output), name=output.name, kind="found"))


def _as_it_stands(there: Rendered, output: Output) -> Rendered:
    output.clear()  # what a run has left that was killed at its very end
    return there


class LazyGroups(Sequence[Group], ABC):
    """Groups planned when they are first asked for: a job may start before its last one is planned."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._planned: dict[int, Group] = {}

    @abstractmethod
    def plan(self, row: int) -> Group:
        """The group of one row, 0-based; one that cannot be made is a group that fails."""

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Group: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Group]: ...
    def __getitem__(self, index: int | slice) -> Group | Sequence[Group]:
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        row = range(len(self))[index]
        if row not in self._planned:
            self._planned[row] = self.plan(row)
        return self._planned[row]


class Plan(LazyGroups):
    """One group for each clip; a clip that does not open becomes a group that fails."""

    def __init__(
        self, sources: Sequence[Source], places: Sequence[str], group: Callable[[Clip, str], Group]
    ) -> None:
        super().__init__(len(sources))
        self._sources, self._places, self._group = sources, places, group
        self._read = Sources(map(_url, sources))

    def plan(self, row: int) -> Group:
        """The group that makes one clip's output."""
        source = self._sources[row]
        try:
            clip = source if isinstance(source, Clip) else Clip.open(source)
            if not len(clip):
                what = "has no frames" if clip.header.has_pictures else "is sound, and has no pictures"
                raise UnreadableMedia(what, where=clip.url, do="leave it out")
            group = self._group(clip, self._places[row])
            if not group.is_settled:
                self._read.refuse(output_urls(group))
            return group
        except Exception as error:
            return Group.failed(os.fspath(source) if not isinstance(source, Clip) else source.url, error)
