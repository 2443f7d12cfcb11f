"""Tables that say which tags become which fields, in order of trust, and what lies beside clips.

Ours is ``tags.yaml``. A user's tables come before it, each more trusted than the ones behind: every ``.yaml``
in the folder ``metadata`` of mediadask's settings (``~/.config/mediadask/metadata/`` on Linux), in the order
of their names, after those that ``MEDIADASK_METADATA`` names (files or folders, separated as in ``PATH``).
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

import yaml
from platformdirs import user_config_dir
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from mediadask.errors import InvalidRequest
from mediadask.metadata.model import ABOUT, ClipMetadata
from mediadask.metadata.values import READERS

__all__ = [
    "FIELDS",
    "Rule",
    "SideFile",
    "Table",
    "built_in",
    "plain",
    "reader_of",
    "table_in_force",
    "tables_of",
]

# How a field's text is read where its rule does not say.
_USUAL = {
    "iso": "whole",
    "white_balance_k": "whole",
    "tint": "number",
    "active_width": "whole",
    "active_height": "whole",
    "width": "whole",
    "height": "whole",
    "shutter_angle_deg": "angle",
    "shutter_s": "seconds",
    "nd_stops": "stops",
    "capture_rate": "rate",
    "project_rate": "rate",
    "frame_rate": "rate",
    "focal_length_mm": "positive",
    "t_stop": "t-stop",
    "f_number": "f-number",
    "focus_m": "meters",
    "squeeze": "positive",
    "created": "moment",
    "gps_latitude_deg": "number",
    "gps_longitude_deg": "number",
    "gps_altitude_m": "number",
    "camera_letter": "letter",
    "start_timecode": "timecode",
}

_COUNTED = {
    *("path", "container", "codec", "profile", "pixel_aspect", "pixel_format", "bit_depth", "field_order"),
    *("rotation", "mirrored", "alpha", "variable", "frames", "missing_frames", "first_number", "duration_s"),
    *("drop_frame", "color_space", "color_range", "audio_tracks", "audio_rate", "size_bytes", *ABOUT),
}
"""What is found by looking at the file, whatever a tag says."""

FIELDS = frozenset(ClipMetadata.__dataclass_fields__) - _COUNTED
"""The fields that tags may give."""


def reader_of(field: str) -> Callable[[str], Any]:
    """What makes of text a value of the field, or None, where a rule does not say how."""
    return READERS[_USUAL.get(field, "text")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule(_Strict):
    """One tag that a field is read from."""

    tag: str
    """The tag's name; capitals do not matter."""

    read: str | None = None
    """One of `mediadask.metadata.values.READERS`; by default as the field is usually read."""

    value: str | None = None
    """What the field is, whatever the tag says: for tags that one maker alone writes."""

    scale: float | None = None
    """Multiplies a number, to bring it to the field's unit."""

    pattern: str | None = None
    """A regular expression; its first group, or all that it matches, is the text that is read."""

    words: Mapping[str, str] = {}
    """Texts to what they mean."""

    when: Mapping[str, str] = {}
    """Other tags and the texts they must have, for a tag that means something only then."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: Any) -> Any:
        return {"tag": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _checked(self) -> Rule:
        if self.read is not None and self.read not in READERS:
            raise ValueError(f"there is no way to read called {self.read!r}; there are {', '.join(READERS)}")
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ValueError(f"{self.pattern!r} is no regular expression ({error})") from error
        return self

    def reader(self, field: str) -> Callable[[str], Any]:
        """What makes of the tag's text a value of the field, or None."""
        read = reader_of(field) if self.read is None else READERS[self.read]
        pattern = self.pattern and re.compile(self.pattern)
        words = {word.casefold(): meaning for word, meaning in self.words.items()}

        def value_of(text: str) -> Any:
            if pattern:
                match = pattern.search(text)
                if match is None:
                    return None
                text = match[1] if pattern.groups else match[0]
            if self.value is not None:
                return self.value if READERS["text"](text) else None
            value = read(words.get(text.strip().casefold(), text))
            return value if self.scale is None or value is None else round(value * self.scale, 6)

        return value_of


class Family(_Strict):
    """The tags of one maker or standard. For a field, the first rule that can be read holds."""

    name: str
    about: str = ""
    """Where the tags are defined."""

    when: Mapping[str, str] = {}
    """Tags and the texts they must have."""

    fields: Mapping[str, tuple[Rule, ...]]

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, given: Any) -> Any:
        if isinstance(given, dict) and isinstance(given.get("fields"), dict):
            every = {
                name: rule if isinstance(rule, list) else [rule] for name, rule in given["fields"].items()
            }
            return {**given, "fields": every}
        return given

    @model_validator(mode="after")
    def _known(self) -> Family:
        for name in self.fields:
            if name not in FIELDS:
                raise ValueError(
                    f"{name!r} is no field that a tag can give; there are {', '.join(sorted(FIELDS))}"
                )
        return self


class SideFile(_Strict):
    """A file beside a clip, or near it, that tells of it."""

    name: str
    """Its name, seen from the clip's folder: ``{stem}M01.XML``, ``../CLIP/{stem}.XML``, ``*.ale``.
    ``{stem}`` is the clip's name without its ending, ``{name}`` all of it, ``{stem-2}`` without its last two
    letters. Capitals do not matter."""

    read: Literal["xml", "table", "log", "text", "subtitles"]
    """What it is: a document; a table with a heading; an Avid Log Exchange; lines of ``key: value``; a
    drone's subtitles."""

    about: str = ""


class NamePattern(_Strict):
    """How a maker names clips."""

    pattern: str
    """A regular expression for all of the name without its ending; its groups are named as fields are."""

    about: str = ""

    @model_validator(mode="after")
    def _checked(self) -> NamePattern:
        try:
            groups = re.compile(self.pattern).groupindex
        except re.error as error:
            raise ValueError(f"{self.pattern!r} is no regular expression ({error})") from error
        if unknown := set(groups) - FIELDS:
            raise ValueError(f"{', '.join(sorted(unknown))}: no field of that name")
        return self


class Space(_Strict):
    """A color space that two words of a camera mean."""

    transfer: str
    gamut: str
    space: str
    """OpenColorIO's name."""


class _File(_Strict):
    families: tuple[Family, ...] = ()
    side_files: tuple[SideFile, ...] = Field((), alias="side-files")
    names: tuple[NamePattern, ...] = ()
    transfers: Mapping[str, str] = {}
    """A camera's word for a curve to OpenColorIO's."""

    gamuts: Mapping[str, str] = {}
    spaces: tuple[Space, ...] = ()


@dataclass(frozen=True, eq=False)
class Table:
    """All that says how tags become fields."""

    families: tuple[Family, ...]
    side_files: tuple[SideFile, ...]
    names: tuple[NamePattern, ...]
    transfers: Mapping[str, str]
    """Words without blanks, hyphens, underscores and case."""

    gamuts: Mapping[str, str]
    spaces: Mapping[tuple[str, str], str]

    @cached_property
    def by_tag(self) -> Mapping[str, list[tuple[int, str, Mapping[str, str], Callable[[str], Any]]]]:
        """Tag to the rules that read it: place in the order of trust, field, conditions, reader."""
        found: defaultdict[str, list[tuple[int, str, Mapping[str, str], Callable[[str], Any]]]] = defaultdict(
            list
        )
        place = 0
        for family in self.families:
            for field, rules in family.fields.items():
                for rule in rules:
                    when = {**family.when, **rule.when}
                    found[rule.tag.casefold()].append((place, field, when, rule.reader(field)))
                    place += 1
        return found

    @cached_property
    def name_patterns(self) -> tuple[re.Pattern[str], ...]:
        """The compiled patterns of clips' names."""
        return tuple(re.compile(each.pattern) for each in self.names)


def plain(word: str) -> str:
    """A word as words are compared: ``S-Log3`` and ``slog3`` are one."""
    return re.sub(r"[\s_.-]", "", word.casefold())


_FILE = TypeAdapter(_File)
_BUILT_IN = Path(__file__).with_name("tags.yaml")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MOST_BYTES = 1 << 20


def tables_of(environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The texts of the user's tables, the most trusted first: plain data that workers elsewhere are given.

    Raises
    ------
    InvalidRequest
        If ``MEDIADASK_METADATA`` names what is not there, or a table is not as tables are.
    """
    named = (environment or os.environ).get("MEDIADASK_METADATA", "")
    places = [Path(place) for place in named.split(os.pathsep) if place]
    for place in places:
        if not os.path.exists(place):
            raise InvalidRequest("is not there", where=place, do="correct MEDIADASK_METADATA")
    own = Path(user_config_dir("mediadask")) / "metadata"
    files: list[Path] = []
    for place in (*places, own):
        if os.path.isdir(place):
            files += sorted(place.glob("*.yaml"))
        elif os.path.isfile(place):
            files.append(place)
    return tuple(_checked_text(file) for file in files)


def _checked_text(file: Path) -> str:
    try:
        with open(file, encoding="utf-8") as opened:
            text = opened.read(_MOST_BYTES + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"cannot be read ({error})", where=file, do="write it as UTF-8 text") from error
    if len(text) > _MOST_BYTES:
        raise InvalidRequest("is larger than a table of tags is", where=file, do="check the file")
    _parsed(text, str(file))
    return text


@cache
def _parsed(text: str, where: str) -> _File:
    try:
        return _FILE.validate_python(yaml.load(text, Loader=_LOADER) or {})
    except yaml.YAMLError as error:
        line = " ".join(str(error).split())
        raise InvalidRequest(f"is not YAML ({line})", where=where, do="correct it") from None
    except RecursionError:
        raise InvalidRequest(
            "is not a table of tags (nested too deep)", where=where, do="correct it"
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        at = "/".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        raise InvalidRequest(f"{at}: {what}" if at else what, where=where, do="correct the table") from None


@cache
def table_in_force(texts: tuple[str, ...] = ()) -> Table:
    """The user's tables before ours. A family of a name that ours has takes its place and stays first."""
    files = [
        *(_parsed(text, "a table of tags") for text in texts),
        _parsed(_BUILT_IN.read_text("utf-8"), str(_BUILT_IN)),
    ]
    families: dict[str, Family] = {}
    for family in (family for file in files for family in file.families):
        families.setdefault(family.name, family)
    return Table(
        families=tuple(families.values()),
        side_files=tuple(each for file in files for each in file.side_files),
        names=tuple(each for file in files for each in file.names),
        transfers={plain(word): name for file in reversed(files) for word, name in file.transfers.items()},
        gamuts={plain(word): name for file in reversed(files) for word, name in file.gamuts.items()},
        spaces={(each.transfer, each.gamut): each.space for file in reversed(files) for each in file.spaces},
    )


def built_in() -> Table:
    """Our own table alone."""
    return table_in_force(())
