"""Shots of a turnover: which are wanted, and what markers and a shot list ask for each."""

from __future__ import annotations

import fnmatch
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mediadask.clips.storage import normalize, read_document
from mediadask.editorial.matching.reels import names_of_file
from mediadask.editorial.names import shot_name
from mediadask.editorial.readers.shot_list import ShotRow, shot_rows
from mediadask.errors import InvalidRequest, UnreadableMedia

if TYPE_CHECKING:
    from mediadask.editorial.events import Event
    from mediadask.editorial.names import PlateName
    from mediadask.editorial.plan import PlannedEvent, TurnoverPlan
    from mediadask.editorial.timeline import Timeline

__all__ = ["ShotChoice", "chosen_events", "with_asks"]

_KINDS = "(?:PL|PC|BG|FG|EL|MP|CP|CLN|CLEAN|REF|BS|GS|LG|HDRI)"
_KIND = rf"(?:{_KINDS}\d{{0,3}}|(?i:{_KINDS}\d{{1,3}}))"
"""Kinds of plates as vendors write them: ``BG01``, ``EL02``, ``CLN``; in small letters only with a number."""

_WHOLE_NAME = re.compile(
    rf"(?P<shot>.+?)(?:[_-](?P<plate>{_KIND}))?(?:[_-][vV](?P<version>\d{{1,4}}))?", re.ASCII
)
"""A shot's name that is a plate's: ``ABC_104_0010_BG01_v002``."""

_ASK = re.compile(
    rf"(?P<plate>{_KIND})|[vV](?P<version>\d{{1,4}})"
    r"|(?:[hH](?:andles?)?[=:]?)(?P<head>\d{1,3})(?:[+/](?P<tail>\d{1,3}))?"
)
"""A word behind the shot in a marker: ``BG01``, ``v002``, ``h24``, ``handles=12+24``."""

_MOST_BYTES = 16 << 20
_NAMED, _ANY = "named", ".+"
_MOST_NAMED = 30


def with_asks(
    timeline: Timeline,
    name: PlateName,
    *,
    shot_list: str | os.PathLike[str] | None = None,
    choice: ShotChoice | None = None,
) -> tuple[Timeline, tuple[str, ...]]:
    """The timeline, each event with what is asked for its plate, and a line where the list asks in vain.

    Markers say it behind the shot's name, ``ABC_104_0010 BG01 v002 h24``, or in it, ``ABC_0010_BG01_v002``.
    What a shot list says goes first; of several rows for one shot the one counts that names the event's reel
    or clip, else the one in the same place.

    Parameters
    ----------
    shot_list
        A CSV with a column ``shot``, and ``handles``, ``plate``, ``version``.
    choice
        Whose patterns find shots that no marker names.

    Raises
    ------
    MediaError
        If the shot list cannot be read.
    """
    rows: dict[str, list[ShotRow]] = defaultdict(list)
    for row in shot_rows(shot_list) if shot_list else ():
        rows[str(row.get("shot")).casefold()].append(row)
    events = []
    for event in timeline:
        if choice is not None and not event.asks and (found := choice.find(event, name)):
            event = replace(event, asks=tuple(found.items()))
        events.append(_marked(event, name))
    seen: dict[str, int] = defaultdict(int)
    asked = []
    for event in events:
        spelled = next((key for key in _spellings(event, name) if key in rows), None) if rows else None
        if spelled is not None:
            mine = _row_for(event, rows[spelled], seen[spelled])
            seen[spelled] += 1
            said = dict(mine.asks()) if mine else {}
            said.pop("shot", None)
            event = replace(event, asks=tuple({**dict(event.asks), **said}.items()))
        asked.append(event)
    missing = [str(some[0].get("shot")) for key, some in rows.items() if key not in seen]
    return replace(timeline, events=tuple(asked)), (_not_there(missing),) if missing else ()


def _marked(event: Event, name: PlateName) -> Event:
    """The event with what its marker asks for."""
    asked = dict(event.asks)
    for text in event.markers:
        words = text.split()
        for word in words[1:]:
            if not re.search(r"\w", word):  # a dash
                continue
            found = _ASK.fullmatch(word)
            if found is None:
                break
            said = {key: value for key, value in found.groupdict().items() if value}
            if "head" in said:
                said.setdefault("tail", said["head"])
            if "version" in said:
                said["version"] = str(int(said["version"]))
            asked = {**said, **asked}
    shot = name.marked_shot(replace(event, asks=()))
    if shot and "shot" not in asked and (parts := _WHOLE_NAME.fullmatch(shot)) and parts["shot"] != shot:
        said = {key: value for key, value in parts.groupdict().items() if value}
        if "version" in said:
            said["version"] = str(int(said["version"]))
        asked = {**said, **asked}
    return event if asked == dict(event.asks) else replace(event, asks=tuple(asked.items()))


def _spellings(event: Event, name: PlateName) -> list[str]:
    """How a list may call an event's shot, in lower case; none where nobody named it."""
    try:
        fields = name.event_fields(event, 0)
    except InvalidRequest:
        return []
    if not name.names_shot(event):
        return []
    words = [text.split()[0] for text in event.markers if text.split()]
    spelled = [shot_name(fields), fields.get("shot", ""), *words]
    return [word.casefold() for word in dict.fromkeys(spelled) if word]


def _row_for(event: Event, rows: Sequence[ShotRow], place: int) -> ShotRow | None:
    """The row that says what is asked for an event: by its source, else by its place among the shot's."""
    mine = _names(event.reel, event.clip_name, event.file)
    of_source = [row for row in rows if _names(row.get("reel"), row.get("clip"), row.get("file")) & mine]
    if of_source:
        return of_source[min(place, len(of_source) - 1)] if len(of_source) > 1 else of_source[0]
    free = [row for row in rows if not _names(row.get("reel"), row.get("clip"), row.get("file"))]
    if not free:
        return None
    if len(free) == 1:  # for all plates of the shot, but a kind is of one
        only = free[0]
        kinds = {key: value for key, value in only.values.items() if key != "plate"}
        return only if place == 0 else replace(only, values=kinds)
    return free[place] if place < len(free) else None


def _names(*said: str | None) -> set[str]:
    return {name.casefold() for one in said if one for name in (one, *names_of_file(one))}


@dataclass(frozen=True)
class ShotChoice:
    """Which events of a list are wanted. Plain data."""

    patterns: tuple[str, ...] = ()
    """Names of shots with ``*`` and ``?``, or regular expressions, for the whole name."""

    tracks: tuple[str, ...] = ()
    """Names of tracks, in lower case."""

    @classmethod
    def of(cls, which: str | Iterable[str]) -> ShotChoice:
        """From what people write: ``named``, ``track:V2``, patterns and names with commas between them, or a
        ``.csv`` or ``.txt`` file with names of shots.

        Raises
        ------
        MissingMedia, UnreadableMedia
            If a file is not there, or names no shots.
        InvalidRequest
            If a pattern is none.
        """
        patterns: list[str] = []
        tracks: list[str] = []
        for word in [which] if isinstance(which, str) else which:
            if word.lower().endswith(".csv"):
                patterns += (re.escape(str(row.get("shot"))) for row in shot_rows(word))
            elif word.lower().endswith(".txt") or os.path.isfile(word):
                patterns += map(re.escape, _listed(word))
            elif word.startswith("track:"):
                tracks += (track.strip().casefold() for track in word[len("track:") :].split(","))
            elif word == _NAMED:
                patterns.append(_ANY)
            else:
                patterns += _patterns(word)
        return cls(tuple(patterns), tuple(tracks))

    def wants(self, one: PlannedEvent, name: PlateName) -> bool:
        """Whether an event is on a track that is wanted, or names a shot that is."""
        if one.event.track.casefold() in self.tracks:
            return True
        words = _spellings(one.event, name)
        return any(re.fullmatch(pattern, word, re.IGNORECASE) for pattern in self.patterns for word in words)

    def without(self, events: Iterable[PlannedEvent], name: PlateName) -> list[str]:
        """The names, patterns and tracks of which no event is."""
        words, tracks = set[str](), set[str]()
        for one in events:
            words.update(_spellings(one.event, name))
            tracks.add(one.event.track.casefold())
        missing = [
            re.sub(r"\\(\W)", r"\1", pattern.replace(r"\S*", "*"))
            for pattern in self.patterns
            if pattern != _ANY and not any(re.fullmatch(pattern, word, re.IGNORECASE) for word in words)
        ]
        return [*missing, *(track for track in self.tracks if track not in tracks)]

    def find(self, event: Event, name: PlateName) -> dict[str, str]:
        """The shot that a pattern finds in an event's texts, where nothing else names one."""
        if name.shot_pattern is not None or name.names_shot(event):
            return {}
        texts = (*event.markers, event.clip_name, *event.comments, event.reel, event.file)
        for pattern in self.patterns:
            if pattern == _ANY or not re.search(r"[_-]|\\d|\[", pattern):  # a bare number is anything
                continue
            for text in texts:
                if text and (found := re.search(rf"(?<![\w-])(?:{pattern})(?![\w-])", text)):
                    groups = {key: value for key, value in found.groupdict().items() if value}
                    return groups or {"shot": found[0]}
        return {}


def _patterns(word: str) -> list[str]:
    """A list of names and patterns as regular expressions."""
    if re.fullmatch(r"[\w.*?, -]+", word):  # nothing but names and wildcards
        names = [name.strip() for name in word.split(",") if name.strip()]
        wild = (fnmatch.translate(name) for name in names)
        return [re.sub(r"\(\?s:(.*)\)\\[zZ]", r"\1", one).replace(".*", r"\S*") for one in wild]
    try:
        re.compile(word)
    except re.error as error:
        raise InvalidRequest(
            f"is no pattern ({error})",
            where=f"--only-shots {word}",
            do="write ABC_104_*, say",
        ) from None
    return [word]


def _listed(file: str) -> list[str]:
    where = normalize(file)
    lines = read_document(where, _MOST_BYTES).decode("utf-8-sig", errors="replace").splitlines()
    names = [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]
    if not names:
        raise UnreadableMedia("names no shots", where=where, do="write one a line")
    return names


def chosen_events(plan: TurnoverPlan, choice: ShotChoice) -> tuple[TurnoverPlan, tuple[PlannedEvent, ...]]:
    """The plan of the events that are wanted, and those that are left out.

    Lines of advice count those, and name what was asked for that no event is.
    """
    wanted = [choice.wants(one, plan.name) for one in plan]
    kept = tuple(one for one, is_wanted in zip(plan, wanted, strict=True) if is_wanted)
    left = tuple(one for one, is_wanted in zip(plan, wanted, strict=True) if not is_wanted)
    lines = [f"{len(left)} of {len(plan)} events are not of --only-shots, and are left out"] if left else []
    if not kept:
        lines = [f"none of {len(plan)} events is of --only-shots: check the pattern, and what --shot finds"]
    elif missing := choice.without(kept, plan.name):
        lines.append(_not_there(missing))
    return replace(plan, events=kept, advice=(*plan.advice, *lines)), left


def _not_there(names: Sequence[str]) -> str:
    """A line that names shots that are asked for and not in the list."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"no event of the list is {', '.join(names[:_MOST_NAMED])}{more}"
