"""Names of plates: a template, what fills it, and what no file may be called."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from itertools import chain, count
from string import Formatter
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge

from mediadask.editorial.options import NAMES
from mediadask.errors import InvalidRequest
from mediadask.options import Option

if TYPE_CHECKING:
    from mediadask.editorial.events import Event

__all__ = ["DEFAULT_TEMPLATE", "INVENTED", "PlateName", "check_name", "shot_name"]

DEFAULT_TEMPLATE = "{show}_{episode}_{sequence}_{shot}_{plate}_v{version:03}.{frame:04}.exr"

_FIELDS = frozenset(
    {"clip", "episode", "event", "plate", "reel", "scene", "sequence", "shot", "show", "timeline", "track"}
)
_SHOT = re.compile(
    r"\W*(?:(?:VFX|SHOT)[\s:#]+(?:[-–]\s+)?)*"
    r"(?P<shot>(?=[\w-]*\d)(?=[A-Z0-9]+(?:_|-[\w-]*\d))[A-Z0-9]+(?:[_-][A-Z0-9]+)+)(?=[^\w.-]|[.-]*(?:\s|$))"
    r"|(?P<number>[A-Z]{0,8}\d{3,6}[A-Z]?)$",
    re.IGNORECASE | re.ASCII,
)
"""What an editor's marker begins with where it names a shot: ``ABC_104_065_010``, ``VFX: ABC_010: paint``.
Or it is the number of one, ``0010``, and nothing else."""

INVENTED = "unnamed"
"""Stands before the number of an event that no marker names a shot, where it could be taken for a shot's."""

_SEPARATORS = "_-. "
_ANY_VERSION = "918273645"
"""A version that no plate has: it marks where the number is in a path."""
_UNSAFE = re.compile(r"[^\w.+=/-]")
_RESERVED = re.compile(r"(?:CON|PRN|AUX|NUL|COM[0-9]|LPT[0-9])(?:\..*)?", re.IGNORECASE)  # by Windows
_LONGEST = 240
"""Bytes of one part of a path: file systems allow 255, and what is being written has a longer name."""


@dataclass(frozen=True)
class PlateName:
    """How plates are named: paths inside the output folder. Plain data.

    Raises
    ------
    InvalidRequest
        If the template or the pattern cannot be used.
    """

    template: Annotated[
        str,
        Option(
            "Path of the plates inside the folder. A field that an event has not goes, with a separator.",
            names=("--name",),
            metavar="TEMPLATE",
            panel=NAMES,
        ),
    ] = DEFAULT_TEMPLATE
    """A path with fields in braces, as `str.format` has them. A field that is empty for an event goes, and a
    separator beside it. Fields: ``show episode sequence scene shot plate version frame``; ``event reel clip
    track`` of the event; ``timeline``; and those that `fields` or `shot_pattern` add."""

    fields: Annotated[
        Mapping[str, str],
        Option(
            "For names: episode=104, sequence=065. Repeatable.",
            names=("--field",),
            metavar="FIELD=VALUE",
            panel=NAMES,
        ),
    ] = field(default_factory=dict)
    """What is the same for every event: ``{"show": "ABC", "episode": "104"}``."""

    shot_pattern: Annotated[
        str | None,
        Option(
            "A regular expression that finds the shot in markers, clip names and comments.",
            names=("--shot",),
            metavar="PATTERN",
            panel=NAMES,
        ),
    ] = None
    """A regular expression that is searched for in an event's markers, clip name, comments, reel and file, in
    this order. Its named groups are fields; without any, what it matches is ``shot``. Default: a marker that
    begins like ``ABC_104_065_010`` is the shot. Events without one count 0010, 0020, … down the list, and
    unnamed0010 where the template or `fields` say what shots belong to, or another marker names one."""

    version: int = 1
    first_frame: Annotated[
        int, Ge(0), Option("Number of a plate's first frame, its handles included.", panel=NAMES)
    ] = 1001
    cut_frame: Annotated[
        int | None,
        Ge(0),
        Option(
            "Instead: number of the first frame after the handle. More handles later leave every frame its "
            "name.",
            panel=NAMES,
        ),
    ] = None

    def __post_init__(self) -> None:
        try:
            parts = list(Formatter().parse(self.template))
        except ValueError as error:
            raise InvalidRequest(f"is no template ({error})", where=self.template) from None
        if sum(name == "frame" for _, name, _, _ in parts) > 1 or any(
            "%" in literal for literal, *_ in parts
        ):
            raise InvalidRequest("has {frame} twice, or a %", where=self.template, do="write {frame} once")
        groups = set(_compiled(self.shot_pattern).groupindex) if self.shot_pattern else set()
        known = _FIELDS | {"version", "frame"} | set(self.fields) | groups
        for _, name, spec, conversion in parts:
            if name is None:
                continue
            if name not in known or conversion:
                raise InvalidRequest(
                    f"has no field {{{name}}}", where=self.template, do=f"use {', '.join(sorted(known))}"
                )
            if not re.fullmatch(r"0?\d{0,2}" if name in ("version", "frame") else "", spec or ""):
                raise InvalidRequest(
                    f"cannot format {name} as {spec!r}", where=self.template, do=f"write {{{name}}}"
                )
        check_name("".join(literal + ("1" if name else "") for literal, name, *_ in parts))
        if self.version < 0 or self.first_frame < 0:
            raise InvalidRequest("numbers of versions and frames begin at 0", where=self.template)

    def of_show(self, show: str) -> PlateName:
        """The same for a show, if one is named and `fields` name none."""
        return replace(self, fields={"show": show, **self.fields}) if show else self

    def event_fields(self, event: Event, position: int, shots: Set[str] = frozenset()) -> dict[str, str]:
        """What an event puts into its plate's name, ``plate`` aside.

        Parameters
        ----------
        position
            Counts events from 1.
        shots
            What markers of the list's events call theirs, in lower case: no event that is only counted is one
            of them, or looks like one.

        Raises
        ------
        InvalidRequest
            If a pattern was given and nothing of the event matches it.
        """
        told = {key: text for key, text in event.asks if key not in ("head", "tail", "shot")}
        own = {
            "event": event.number,
            "reel": event.reel or "",
            "clip": event.clip_name or "",
            "track": event.track,
        }
        return {**own, **self.fields, **self._shot(event, position, shots), **told}

    def marked_shot(self, event: Event) -> str | None:
        """The shot that the list tells outright, or that a marker names where no pattern says what is one."""
        if told := dict(event.asks).get("shot"):
            return self._bare(told)
        if self.shot_pattern is not None:
            return None
        found = (_SHOT.match(text.strip()) for text in event.markers)
        named = (one["shot"] or one["number"] for one in found if one)
        return next(map(self._bare, named), None)

    def silent_markers(self, event: Event) -> tuple[str, ...]:
        """A note where an event has markers and is counted nevertheless: none of them names a shot."""
        if not event.markers or self.shot_pattern or self.fields.get("shot") or self.marked_shot(event):
            return ()
        said = ", ".join(map(repr, event.markers[:3])) + (", …" if len(event.markers) > 3 else "")
        return (f"its markers name no shot ({said:.120}): counted; --shot says by a pattern what is one",)

    def names_shot(self, event: Event) -> bool:
        """Whether the shot's name is the list's own, and not counted."""
        if self.shot_pattern is None or dict(event.asks).get("shot"):
            return self.marked_shot(event) is not None
        return self._found(event) is not None

    def _found(self, event: Event) -> re.Match[str] | None:
        texts = (*event.markers, event.clip_name, *event.comments, event.reel, event.file)
        pattern = _compiled(str(self.shot_pattern))
        return next((found for text in texts if text and (found := pattern.search(text))), None)

    def _shot(self, event: Event, position: int, shots: Set[str]) -> dict[str, str]:
        if self.shot_pattern is None or dict(event.asks).get("shot"):
            said = self.marked_shot(event) or self._bare(self.fields.get("shot", ""))
            counted = f"{INVENTED if shots or self._names_a_show else ''}{position * 10:04}"
            names = chain([counted], (f"{counted}-{number}" for number in count(2)))
            return {"shot": said or next(name for name in names if name not in shots)}
        found = self._found(event)
        if found is None:
            raise InvalidRequest(f"nothing of it matches the shot pattern {self.shot_pattern!r}")
        return {name: value or "" for name, value in found.groupdict().items()} or {"shot": found[0]}

    @property
    def _names_a_show(self) -> bool:
        """Whether names say what they belong to: a number after it would be read as a shot's."""
        before = re.sub(r"\{[^{}]*\}", "", self.template.partition("{shot")[0]).rpartition("/")[2]
        return any(self.fields.values()) or any(map(str.isalnum, before))

    def _bare(self, shot: str) -> str:
        """``0010`` of a marker ``ABC_104_065_0010``, as far as the template says the rest by itself."""
        for name in ("show", "episode", "sequence"):
            said = self.fields.get(name, "")
            begins = tuple(f"{said}{mark}".casefold() for mark in _SEPARATORS)
            if said and f"{{{name}}}" in self.template and shot.casefold().startswith(begins):
                shot = shot[len(said) + 1 :] or shot
        return shot

    def path(self, fields: Mapping[str, str]) -> str:
        """The plate's path in the output folder, with ``/``, and ``%04d`` where the frame's number goes.

        A ``version`` among the fields goes before the name's own.

        Raises
        ------
        InvalidRequest
            If it would not be safe, or not the same, on every file system.
        """
        path, drop_next = "", False
        for literal, name, spec, _ in Formatter().parse(self.template):
            if drop_next and literal[:1] in (*_SEPARATORS, "/"):
                literal = literal[1:]
            path, drop_next = path + literal, False
            if name is None:
                continue
            text = self._text(name, spec or "", fields)
            if not text and path and path[-1] in _SEPARATORS:
                path = path[:-1]
            drop_next = not text and (not path or path[-1] == "/")
            path += text
        check_name(re.sub(r"%0?\d*d", "1001", path))
        stem, number, rest = path.partition("%")
        if number and ("/" in rest or not stem.rpartition("/")[2].strip(_SEPARATORS)):
            raise InvalidRequest(
                f"the name {path[:80]!r} has nothing before the frame's number to name other files by",
                do="begin the file's name with {shot}",
            )
        return path

    def any_version(self, fields: Mapping[str, str]) -> tuple[str, re.Pattern[str]]:
        """How the plate's path begins, up to its version; and a pattern of the whole in whatever version.

        The path is without frame number and suffix. The group ``version`` of the pattern is the number, where
        the template has one.
        """
        path = self.path({**fields, "version": _ANY_VERSION}).partition("%")[0]
        stem = re.sub(r"\.(?:exr|dpx|mov)$", "", path).rstrip(_SEPARATORS)
        begin, *rest = map(re.escape, stem.split(_ANY_VERSION))
        first = r"(?P<version>\d+)" if rest else ""
        return stem.partition(_ANY_VERSION)[0], re.compile(begin + first + r"\d+".join(rest))

    def _text(self, name: str, spec: str, fields: Mapping[str, str]) -> str:
        if name == "frame":
            return f"%{spec}d"
        if name == "version":
            return format(int(fields.get("version", self.version)), spec)
        text = fields.get(name, "").strip()
        if bad := re.search(r"[/\\]|[^\w.+=-]", text.replace(" ", "_")):
            raise InvalidRequest(f"{name} {text!r} holds {bad[0]!r}, which no file name may")
        return text.replace(" ", "_")


def shot_name(fields: Mapping[str, str]) -> str:
    """What a shot is called for people: show, episode, sequence, scene and shot, those that are known."""
    known = [fields[part] for part in ("show", "episode", "sequence", "scene", "shot") if fields.get(part)]
    if known and known[-1].startswith((f"{known[0]}_", f"{known[0]}-")):  # the marker said all of it
        return known[-1]
    return "_".join(known)


def check_name(path: str) -> None:
    """Raise `InvalidRequest` where a relative path is not safe, or not the same, on every file system."""
    refused = f"the name {path[:80]!r}"
    if path.startswith(("/", "~")) or re.match(r"[A-Za-z]:", path):
        raise InvalidRequest(f"{refused} is absolute", do="name it relative to the output folder")
    if bad := _UNSAFE.search(path):
        raise InvalidRequest(f"{refused} holds {bad[0]!r}", do="use letters, digits, _ - + = and .")
    for part in path.split("/"):
        if part in ("", ".", ".."):
            raise InvalidRequest(
                f"{refused} climbs out of the output folder or names none", do="name a file in it"
            )
        if part.endswith(".") or part.startswith("."):
            raise InvalidRequest(f"{refused} begins or ends with a dot", do="use another")
        if _RESERVED.fullmatch(part):
            raise InvalidRequest(f"{refused} is reserved by Windows", do="use another")
        if len(part.encode()) > _LONGEST:
            raise InvalidRequest(
                f"{refused} has a part of {len(part.encode())} bytes", do=f"use {_LONGEST} at most"
            )


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise InvalidRequest(f"is no regular expression ({error})", where=pattern) from None
