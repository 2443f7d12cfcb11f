"""Final Cut Pro X XML (FCPXML), read as OpenTimelineIO timelines.

OpenTimelineIO's adapter loses what decides which frames are used: otio-fcpx-xml-adapter 1.0 knows no retimes,
transitions or disabled clips and no media of FCPXML 1.9 and later, counts 23.976 frames a second as 23, and
rounds some times of 25 and 30 a frame down.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import opentimelineio as otio

from mediadask.editorial.otio_events import PROBLEM
from mediadask.editorial.rates import rate_text
from mediadask.errors import InvalidRequest

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

__all__ = ["fcpx_timelines"]

_INSTEAD = "export an EDL or Final Cut Pro 7 XML"
_STORY = {
    "asset-clip",
    "audio",
    "audition",
    "clip",
    "gap",
    "live-drawing",
    "mc-clip",
    "ref-clip",
    "sync-clip",
    "title",
    "video",
}
_CONTAINERS = {"clip", "sync-clip", "mc-clip"}
"""What in them has no lane is what they show; all else is connected to them."""

_TIME = re.compile(r"-?[0-9]{1,19}(\.[0-9]{1,19}|/0*[1-9][0-9]{0,18})?s?")
_MOST_COMPOUND = 1000
_DEPTH = 8
"""How deep in compound clips clips are looked for."""


def fcpx_timelines(root: Element) -> otio.schema.SerializableCollection:
    """The timelines of all projects; a clip that cannot be told carries a `PROBLEM`.

    Raises
    ------
    InvalidRequest
        If a project's sequence has no frame rate, or a transition that lies over no cut.
    """
    resources = {str(one.get("id")): one for one in root.iterfind("resources/*")}
    timelines = otio.schema.SerializableCollection()
    for project in root.iter("project"):
        sequence = project.find("sequence")
        if sequence is not None:
            rate = _sequence_rate(sequence, resources)
            start = otio.opentime.RationalTime(*_frames(_seconds(sequence, "tcStart"), rate))
            timeline = otio.schema.Timeline(project.get("name", ""), global_start_time=start)
            timeline.tracks = _Sequence(resources, rate).stack(sequence)
            timelines.append(timeline)
    return timelines


@dataclass
class _Sequence:
    """A sequence as its storylines are read off it."""

    resources: Mapping[str, Element]
    rate: Fraction
    inside: tuple[Element, ...] = ()
    """The compound clips that it is in."""

    budget: Iterator[int] = field(default_factory=lambda: iter(range(_MOST_COMPOUND)))
    """Ends when too many compound clips are opened: ten in ten, eight deep, would be a hundred million."""

    lines: list[tuple[int, Fraction, Fraction, list[Any]]] = field(default_factory=list)
    """Storylines and connected clips: lane, begin and end in seconds from the sequence's start, items."""

    def stack(self, sequence: Element) -> otio.schema.Stack:
        """Tracks from the lowest lane up; connected storylines that overlap in a lane have one each."""
        self._read(sequence.iterfind("spine/*"), 0, Fraction(0))
        tracks: dict[tuple[int, int], tuple[Fraction, otio.schema.Track]] = {}
        for lane, begin, end, items in sorted(self.lines, key=lambda line: line[:2]):
            at = 0
            while (lane, at) in tracks and tracks[lane, at][0] > begin:
                at += 1
            name = f"{lane}.{at}" if at else str(lane)
            until, track = tracks.get((lane, at), (Fraction(0), otio.schema.Track(name, kind="Audio")))
            if begin > until:
                track.append(otio.schema.Gap(duration=self._time(begin - until)))
            track.extend(items)
            if not all(isinstance(one, otio.schema.Gap | otio.schema.Transition) for one in items):
                track.kind = otio.schema.TrackKind.Video
            tracks[lane, at] = end, track
        return otio.schema.Stack(children=[track for _, (_, track) in sorted(tracks.items())])

    def _read(self, elements: Iterable[Element], lane: int, begin: Fraction) -> None:
        """A storyline, and what is connected to its clips."""
        story = [one for one in elements if one.tag in _STORY or one.tag == "transition"]
        items: list[Any] = []
        at = begin
        for before, element, after in zip([None, *story], story, [*story[1:], None], strict=False):
            if element.tag != "transition":
                shown = element[0] if element.tag == "audition" and len(element) else element
                items.append(self._item(shown))
                self._connected(shown, lane, at)
                at += _or_nothing(shown, "duration")
            elif element.find("filter-video") is not None or element.find("filter-audio") is None:
                items.append(self._transition(before, element, after))
        self.lines.append((lane, begin, at, items))

    def _connected(self, element: Element, lane: int, begin: Fraction) -> None:
        """What is connected to a clip that begins there, or to the picture in it."""
        start = Fraction(0)
        with suppress(InvalidRequest):  # the clip says so itself
            start = self._start(element)
        for child in element:
            at = begin + _or_nothing(child, "offset") - start
            if element.tag in _CONTAINERS and not _lane(child):
                if child.tag == "video":
                    self._connected(child, lane, at)
            elif child.tag == "spine":
                self._read(child, lane + _lane(child), at)
            elif child.tag in _STORY:
                self._read([child], lane + _lane(child), at)

    def _item(self, element: Element) -> Any:
        """What a storyline shows there: a clip, a compound clip's stack, or a gap for what is no picture."""
        name = element.get("name", "")
        length = self._time(_or_nothing(element, "duration"))
        try:
            _seconds(element, "duration")
            item = self._picture(element)
        except InvalidRequest as error:
            used = otio.opentime.TimeRange(self._time(Fraction(0)), length)
            item = otio.schema.Clip(name, source_range=used, metadata={PROBLEM: str(error)})
        if item is None:
            return otio.schema.Gap(name, duration=length)
        item.enabled = all(one.get("enabled") != "0" for one in (element, *_pictures(element)))
        item.markers.extend(otio.schema.Marker(one.get("value", "")) for one in element.iterfind("marker"))
        return item

    def _picture(self, element: Element) -> Any:
        """None where there is none.

        Raises
        ------
        InvalidRequest
            If what it shows cannot be told.
        """
        inner = _pictures(element) if element.tag == "clip" else [element]
        if element.tag in ("gap", "audio") or element.get("srcEnable") == "audio" or not inner:
            return None
        picture = inner[0]
        if len(inner) > 1 or picture.tag not in ("asset-clip", "ref-clip", "title", "video"):
            raise InvalidRequest(f"is of a kind that is not read here (<{picture.tag}>)", do=_INSTEAD)
        source = self.resources.get(picture.get("ref", ""))
        if picture.tag == "title" or (source is not None and source.tag == "effect"):
            return self._generated(element)
        if source is None or source.tag not in ("asset", "media"):
            raise InvalidRequest("names media that the file does not hold", do="export it again")
        if source.tag == "asset" and source.get("hasVideo") != "1" and source.get("hasAudio") == "1":
            return None
        return self._clip(element, picture, source)

    def _clip(self, element: Element, picture: Element, source: Element) -> Any:
        if _seconds(element, "duration") <= 0:
            raise InvalidRequest("has no duration", do="export it again")
        sequence = source.find("sequence")
        if source.tag == "media" and sequence is None:
            raise InvalidRequest("is of a kind that is not read here (multicam)", do=_INSTEAD)
        rate = self._rate(source) if sequence is None else _sequence_rate(sequence, self.resources)
        both = {element, picture}
        # Media of another rate plays in real time where its conform says so; else, with some pairs of rates,
        # frame for frame.
        conforms = [one.find("conform-rate") for one in both]
        real_time = any(one is not None and one.get("scaleEnabled") == "0" for one in conforms)
        if any(one.find("timeMap") is not None for one in both):
            raise InvalidRequest("is retimed, in a way that is not read here", do=_INSTEAD)
        if rate != self.rate and not real_time:
            rates = f"{rate_text(rate)} to {rate_text(self.rate)} frames a second"
            raise InvalidRequest(f"is conformed from {rates}, in a way that is not read here", do=_INSTEAD)
        first = self._start(element)
        if picture is not element:
            first += self._start(picture) - _seconds(picture, "offset")
        frames = _seconds(element, "duration") * rate
        if sequence is not None:
            into = first - _seconds(sequence, "tcStart")
            if into < 0:
                raise InvalidRequest("begins before its sequence does", do="export it again")
            if source in self.inside or len(self.inside) >= _DEPTH:
                raise InvalidRequest("is a sequence in itself or in too many", do="flatten it")
            if next(self.budget, None) is None:
                raise InvalidRequest(
                    f"is more than the {_MOST_COMPOUND}th sequence in sequences", do="flatten it"
                )
            stack = _Sequence(self.resources, rate, (*self.inside, source), self.budget).stack(sequence)
            stack.name, stack.source_range = element.get("name", ""), _range(into * rate, frames, rate)
            return stack
        reference = otio.schema.MissingReference()
        if file := _file(source):
            media = _range(_seconds(source, "start") * rate, _seconds(source, "duration") * rate, rate)
            reference = otio.schema.ExternalReference(file, media)
        name = element.get("name") or source.get("name", "")
        return otio.schema.Clip(name, reference, _range(first * rate, frames, rate))

    def _generated(self, element: Element) -> otio.schema.Clip:
        used = _range(Fraction(0), _seconds(element, "duration") * self.rate, self.rate)
        return otio.schema.Clip(element.get("name", ""), otio.schema.GeneratorReference(), used)

    def _rate(self, asset: Element) -> Fraction:
        named = asset.get("format")
        rate = self.rate if named is None else _format_rate(self.resources.get(named))
        if rate is None:
            raise InvalidRequest("has no frame rate, as stills have none", do="leave it out")
        return rate

    def _start(self, element: Element) -> Fraction:
        """Where its own time begins: where nothing is said, with its media."""
        source = self.resources.get(element.get("ref", ""))
        if element.get("start") is not None or source is None:
            return _seconds(element, "start")
        sequence = source.find("sequence")
        return _seconds(source, "start") if sequence is None else _seconds(sequence, "tcStart")

    def _transition(self, before: Element | None, one: Element, after: Element | None) -> Any:
        """It lies over the cut: so much of it before, so much after.

        Raises
        ------
        InvalidRequest
            If it does not.
        """
        length = _seconds(one, "duration")
        ahead = behind = length / 2
        if all(near is None or near.get("offset") is not None for near in (before, one, after)):
            begin = _seconds(one, "offset")
            ends = [] if before is None else [_seconds(before, "offset") + _or_nothing(before, "duration")]
            begins = [] if after is None else [_seconds(after, "offset")]
            if not all(begin <= cut <= begin + length for cut in (*ends, *begins)):
                raise InvalidRequest("has a transition that lies over no cut", do="export it again")
            ahead = (begins or ends or [begin])[0] - begin
            behind = begin + length - (ends or begins or [begin])[0]
        name = one.get("name", "")
        kind = "SMPTE_Dissolve" if name == "Cross Dissolve" else "Custom_Transition"
        return otio.schema.Transition(name, kind, self._time(ahead), self._time(behind))

    def _time(self, seconds: Fraction) -> otio.opentime.RationalTime:
        return otio.opentime.RationalTime(*_frames(seconds, self.rate))


def _pictures(clip: Element) -> list[Element]:
    """What a <clip> shows itself, beside what is connected to it."""
    story = (one for one in clip if one.tag == "spine" or (one.tag in _STORY and one.tag != "audio"))
    return [one for one in story if clip.tag == "clip" and not _lane(one)]


def _lane(element: Element) -> int:
    try:
        return int(element.get("lane", 0))
    except ValueError:
        return 0


def _file(asset: Element) -> str | None:
    """Its original media; before FCPXML 1.9, an attribute."""
    listed = asset.findall("media-rep")
    originals = [one for one in listed if one.get("kind", "original-media") == "original-media"]
    sources = (one.get("src") for one in (*originals, asset))
    return next((str(src) for src in sources if src), None)


def _sequence_rate(sequence: Element, resources: Mapping[str, Element]) -> Fraction:
    rate = _format_rate(resources.get(sequence.get("format", "")))
    if rate is None:
        raise InvalidRequest("has a sequence without a frame rate", do="export it again")
    return rate


def _format_rate(named: Element | None) -> Fraction | None:
    duration = Fraction(0) if named is None else _or_nothing(named, "frameDuration")
    return 1 / duration if duration > 0 else None


def _range(first: Fraction, frames: Fraction, rate: Fraction) -> otio.opentime.TimeRange:
    start, length = (otio.opentime.RationalTime(float(count), float(rate)) for count in (first, frames))
    return otio.opentime.TimeRange(start, length)


def _frames(seconds: Fraction, rate: Fraction) -> tuple[float, float]:
    return float(seconds * rate), float(rate)


def _seconds(element: Element, name: str) -> Fraction:
    """A time, written ``86400/24s`` or ``5s``; 0 where it is not said.

    Raises
    ------
    InvalidRequest
        If it is none.
    """
    said = element.get(name, "0s")
    if not _TIME.fullmatch(said):
        raise InvalidRequest(f"has a {name} of no sense ({said[:40]!r})", do="export it again")
    return Fraction(said.removesuffix("s"))


def _or_nothing(element: Element, name: str) -> Fraction:
    """The same where only the place in the timeline depends on it."""
    try:
        return _seconds(element, name)
    except InvalidRequest:
        return Fraction(0)
