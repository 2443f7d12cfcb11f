"""The lines of a CMX 3600 list, each by itself: events, motion effects, and what comments say."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

from mediadask.editorial.events import Span

__all__ = ["Comments", "EventLine", "Motion", "comments_of", "event_line", "in_order"]

_DIGITS = 9
"""The longest label has so many."""

_TIMECODE = r"\d{1,2}:\d{2}:\d{2}[:;.,]\d{2,3}"
_LABEL = rf"(?:{_TIMECODE}|\d{{1,9}})"
"""Timecode, or the number of a frame as animation and review systems write it."""

_EVENT = re.compile(
    r"(?P<number>\d+)\s+(?P<reel>\S.*?)\s+"
    r"(?P<channels>[A-Z]+\d*(?:[/,+&-]?(?:[A-Z]+\d*|(?<=[,&+-])\d+))*)\s+"
    # Behind a key F says that it fades.
    r"(?P<edit>C|D|K\s*B|K\s*O|K|W\s?\d+)\s+(?:\(?F\)?\s+)?(?:(?P<frames>\d+)\s*(?:\(?F\)?)?\s+)?"
    rf"(?P<labels>{_LABEL}(?:\s+{_LABEL}){{3}})(?:\s+(?P<behind>\d{{3}}))?",
    re.IGNORECASE,
)
_SOUND = re.compile(r"NONE|(?:A+|AUD|AUDIO)\d*(?:[/,+&-]?(?:A+\d*|(?<=[,&+-])\d+))*", re.IGNORECASE)
_NO_SOURCE = {"BL": "black", "BLACK": "black", "BLK": "black", "BARS": "color bars"}

_MOTION = re.compile(
    rf"M2\s+(?:(?P<reel>\S.*?)\s+)?(?P<fps>[-+]?\d+(?:\.\d+)?|[-+]?\.\d+)(?:\s+(?P<entry>{_TIMECODE}))?",
    re.IGNORECASE,
)
_COLORS = (
    r"(?:RED|GREEN|BLUE|CYAN|MAGENTA|YELLOW|BLACK|WHITE|PINK|PURPLE|VIOLET|ORANGE|GOLD|GR[AE]Y|BROWN|DENIM"
    r"|FOREST|TEAL|FUCHSIA|ROSE|LAVENDER|SKY|MINT|LEMON|SAND|COCOA|CREAM)(?![^\s;,])"
)
"""The colors that markers have in Avid and in Resolve."""

_COMMENT = re.compile(
    r"(?:(?P<side>FROM|TO|KEY)\s+)?CLIP\s+NAME\s*:\s*(?P<clip_name>.*)"
    r"|(?:(?P<file_side>FROM|TO|KEY)\s+(?:CLIP|FILE|SOURCE\s+FILE)|SOURCE\s+FILE(?:\s+(?:NAME|PATH))?)\s*:"
    r"\s*(?P<file>.*)"
    r"|REEL\s+\S+\s+IS\s+CLIP\s+(?P<is_clip>.*)"
    r"|(?:TAPE|REEL)(?:\s+NAME)?\s*:\s*(?P<reel>.*)"
    rf"|(?:LOC(?:ATOR)?|MARKER)\s*(?::|(?=\s\d))\s*(?P<at>{_TIMECODE})?(?:[\s;,]*{_COLORS})?(?:[\s;,]+(?P<marker>.*))?"
    r"|(?P<note>.*?)\s*\|C:\w*\s*\|M:\s*(?P<label>.*?)\s*\|D:\d+.*"
    r"|(?P<grade>ASC_S(?:OP|AT).*)"
    r"|(?:(?P<made_side>FROM|TO|KEY)\s+)?CLIP\s+IS\s+A\s+(?P<made>GENERATOR|SLUG|TITLE).*"
    r"|>>>\s*SOURCE\s+(?P<cut>\S+)\s+(?P<whole>(?P=cut)\S+)\s+[0-9a-f-]{12}.*"
    r"|FINAL\s+CUT\s+PRO\s+REEL:\s*(?P<long>.+?)\s+REPLACED\s+BY:\s*(?P<short>\S+)"
    r"|(?P<freeze>FREEZE\s+FRAME.*)"
    r"|(?P<warp>(?:(?:SPEED\s+)?EFFECTS?(?:\s+NAME)?(?:\s+IS|\s*:)?\s+)?"
    r"(?:TIME\s*WARP|TIME\s*REMAP|SPEED\s*RAMP|VARIABLE\s+SPEED).*)",
    re.IGNORECASE,
)
_GRADE = re.compile(r"(ASC_SOP|ASC_SAT|\bSAT)", re.IGNORECASE)


@dataclass(frozen=True)
class EventLine:
    """An event's line, and where it stands."""

    where: str
    text: str
    drop: bool | None = None
    """What the list said of drop-frame before it (``FCM``)."""

    reel: str = ""
    """As written: ``AX`` and ``BL`` too."""

    track: str | None = None
    """``V``, ``V2``; None where it is sound alone."""

    edit: str = ""
    """``C``, ``D``, ``W001``, ``K``, ``KB``, ``KO``; empty where the line is no event."""

    frames: int = 0
    """How long its transition is."""

    source: Span = field(default=Span(0, 0))
    record: Span = field(default=Span(0, 0))

    @property
    def number(self) -> str:
        """The number as it is written: ``001``."""
        return re.match(r"\d*", self.text)[0]  # type: ignore[index]

    @property
    def nothing(self) -> str | None:
        """What it has instead of the picture of a source; None where it has one."""
        if not self.edit:
            return None
        return "sound" if self.track is None else _NO_SOURCE.get(self.reel.upper())

    @property
    def is_transition(self) -> bool:
        """Whether it comes in by a dissolve or a wipe, so that something else is left."""
        return self.edit[:1] in ("D", "W")

    @property
    def counts_frames(self) -> bool:
        """Whether its source is numbers of frames where others have timecode."""
        return isinstance(self.source.start, int) and bool(self.edit)

    def is_left_by(self, transition: EventLine) -> bool:
        """Whether it stands before a transition, as one event with it, and names what that leaves."""
        one = self.number == transition.number or self.record.start == self.record.stop
        return (
            bool(self.edit)
            and one
            and self.track == transition.track
            and self.record.stop == transition.record.start
        )


@dataclass(frozen=True)
class Motion:
    """A motion effect, ``M2``."""

    where: str
    reel: str | None
    fps: Fraction
    """Source frames a second; below 0 backwards."""

    entry: str | None
    """The label of the source frame that is shown first."""


@dataclass
class Comments:
    """What the lines below an event say, in their order."""

    names: list[tuple[str, str]] = field(default_factory=list)
    """(side, clip name): side is ``FROM``, ``TO``, ``KEY`` or empty."""

    files: list[tuple[str, str]] = field(default_factory=list)
    """(side, file), likewise; an empty file is one that the list says is none."""

    reel: str | None = None
    long_reels: dict[str, str] = field(default_factory=dict)
    """Long reel names by the short ones that Final Cut Pro 7 and Avid write in their place."""

    generated: list[str] = field(default_factory=list)
    """The sides that a generator has made."""

    motions: list[Motion] = field(default_factory=list)
    markers: list[tuple[str, str]] = field(default_factory=list)
    """(timecode, text), the timecode empty where it is not said."""

    sops: list[str] = field(default_factory=list)
    saturations: list[str] = field(default_factory=list)
    freeze: bool = False
    warps: list[str] = field(default_factory=list)
    """Where it says that a speed may change as it plays."""

    others: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def name(self, side: str) -> str | None:
        """The last clip name of a side."""
        return next((name for said, name in reversed(self.names) if said == side and name), None)


def in_order(label: str | int) -> str:
    """A label in a form that sorts as time does, at whatever rate."""
    return re.sub(r"\D", "", str(label)).zfill(_DIGITS)


def event_line(text: str, where: str, drop: bool | None) -> EventLine:
    """Read a line that begins with a number; one without ``edit`` where it is no event."""
    found = _EVENT.fullmatch(text)
    if found is None:
        return EventLine(where, text, drop)
    labels = [int(label) if label.isdigit() else label for label in found["labels"].split()]
    channels = found["channels"].upper()
    picture = re.search(r"V\d*", channels)
    track = None if _SOUND.fullmatch(channels) else picture[0] if picture else "V"
    edit = re.sub(r"\s", "", found["edit"].upper())
    frames = int(found["frames"] or found["behind"] or 0)
    spans = Span(labels[0], labels[1]), Span(labels[2], labels[3])
    return EventLine(where, text, drop, found["reel"], track, edit, frames, *spans)


def comments_of(below: Iterable[tuple[str, str]]) -> Comments:
    """What lines say, each given with where it stands."""
    said = Comments()
    for where, line in below:
        text = re.sub(r"^(?:COMMENT:\s*)?[*\s]*", "", line) if "*" in line else line
        motion, comment = _MOTION.fullmatch(line), _COMMENT.fullmatch(text)
        if motion:
            said.motions.append(Motion(where, motion["reel"], Fraction(motion["fps"]), motion["entry"]))
        elif re.match(r"M2\b", line, re.IGNORECASE):
            said.problems.append(f"{where} is no motion effect: {line[:72]!r}")
        elif not comment:
            said.others.append(text)
        elif comment["clip_name"] is not None:
            said.names.append(((comment["side"] or "").upper(), comment["clip_name"].strip()))
        elif comment["is_clip"]:
            said.names.append(("", comment["is_clip"].strip()))
        elif comment["file"] is not None:
            file = comment["file"].strip()
            said.files.append(((comment["file_side"] or "").upper(), "" if file == "(NULL)" else file))
        elif comment["reel"]:
            said.reel = comment["reel"].strip()
        elif comment["marker"] or comment["label"] is not None:
            texts = (comment["marker"], comment["label"], comment["note"])
            at = comment["at"] or ""
            said.markers += [(at, text.strip()) for text in texts if text and text.strip()]
        elif comment["freeze"]:
            said.freeze = True
        elif comment["warp"]:
            said.warps.append(where)
        elif comment["made"]:
            said.generated.append((comment["made_side"] or "").upper())
        elif comment["cut"]:  # the table of sources at the end of Avid's lists
            said.long_reels[comment["cut"]] = comment["whole"]
        elif comment["short"]:
            said.long_reels[comment["short"]] = comment["long"]
        elif comment["grade"]:
            _, *parts = _GRADE.split(comment["grade"])
            for name, value in zip(parts[::2], parts[1::2], strict=True):
                values = said.sops if name.upper() == "ASC_SOP" else said.saturations
                values.append(value.strip(" \t:=*,;"))
    return said
