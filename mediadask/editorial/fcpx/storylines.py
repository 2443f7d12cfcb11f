"""Storylines of FCPXML, read as tracks of OpenTimelineIO."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import opentimelineio as otio

from mediadask.editorial.fcpx.clips import (
    STORY,
    Clips,
    file_of,
    lane_of,
    sequence_rate,
    single_picture,
)
from mediadask.editorial.fcpx.nested import nested_item, retime, shows
from mediadask.editorial.fcpx.times import (
    blending,
    format_rate,
    seconds,
    seconds_or_nothing,
)
from mediadask.editorial.readers.otio_events import NOTES, PROBLEM
from mediadask.editorial.readers.timing import Timing
from mediadask.errors import InvalidRequest

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

__all__ = ["MARKERS", "MOST_COMPOUND", "Sequence", "marker"]

_INSTEAD = "export an EDL or Final Cut Pro 7 XML"
_CONTAINERS = {"clip", "sync-clip"}
"""What in them has no lane is what they show; all else is connected to them."""

MARKERS = ("marker", "chapter-marker")
"""Elements that are markers."""

MOST_COMPOUND = 1000
"""So many compound clips are opened whatever the size of the document."""

_DEPTH = 8
"""How deep in compound clips clips are looked for."""

_BESIDE = 60
"""Seconds around the used part of a compound clip that are read: no transition at its ends is longer."""


@dataclass
class Sequence:
    """A sequence, or what a clip holds, as its storylines are read off it."""

    clips: Clips
    budget: Iterator[int]
    """Ends when too many compound clips are opened."""

    inside: tuple[Element, ...] = ()
    """The compound clips that it is in."""

    window: tuple[Fraction, Fraction] | None = None
    """The part that is used, in seconds from its beginning; None: all of it."""

    lines: list[tuple[int, Fraction, Fraction, list[Any]]] = field(default_factory=list)
    """Storylines and connected clips: lane, begin and end in seconds from its beginning, items."""

    def stack(self) -> otio.schema.Stack:
        """Tracks from the lowest lane up; connected storylines that overlap in a lane have one each."""
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

    def spine(self, elements: Iterable[Element], lane: int, begin: Fraction) -> None:
        """Read a storyline, and what is connected to its clips."""
        story = [one for one in elements if one.tag in STORY or one.tag == "transition"]
        items: list[Any] = []
        at = begin
        for before, element, after in zip([None, *story], story, [*story[1:], None], strict=False):
            if element.tag != "transition":
                shown = _active(element)
                length = self.clips.length_or_nothing(shown)
                items.append(self._item(shown, at, length))
                self._connected(shown, lane, at)
                at += length
            elif element.find("filter-video") is not None or element.find("filter-audio") is None:
                items.append(self._transition(before, element, after))
        self.lines.append((lane, begin, at, items))

    def _connected(self, element: Element, lane: int, begin: Fraction, pace: Fraction = Fraction(1)) -> None:
        """Read what is connected to a clip that begins there, or to the picture in it.

        `pace` is how much time of the sequence passes in a second of the clip.
        """
        if not any(child.tag == "spine" or child.tag in STORY for child in element):
            return
        start, line = Fraction(0), Timing()
        single = single_picture(element)
        with suppress(InvalidRequest):  # the clip says so itself
            shown = (element,) if single is None else (element, single)
            start, line = self.clips.timing(shown, self.clips.rate_of(shown[-1]))
        conformed = Fraction(1) if element.find("timeMap") is not None or not line.slope else line.slope
        for child in element:
            offset = seconds_or_nothing(child, "offset")
            if element.tag in _CONTAINERS and not lane_of(child):
                if child is single and line.slope:
                    at = begin + ((offset - line.media) / line.slope + line.own - start) * pace
                    self._connected(child, lane, at, pace / line.slope)
                continue  # what else it holds is read with it
            at = begin + (offset - start) / conformed * pace
            if child.tag == "spine":
                self.spine(child, lane + lane_of(child), at)
            elif child.tag in STORY:
                self.spine([child], lane + lane_of(child), at)

    def _item(self, element: Element, at: Fraction, length: Fraction) -> Any:
        """What a storyline shows there: a clip, a compound clip's stack, or a gap for what is no picture."""
        name = element.get("name", "")
        away = self.window and (at + length < self.window[0] or at > self.window[1])
        try:
            item = None if away else self._picture(element, self.clips.length(element))
        except InvalidRequest as error:
            used = otio.opentime.TimeRange(self._time(Fraction(0)), self._time(length))
            item = otio.schema.Clip(name, source_range=used, metadata={PROBLEM: str(error)})
        if item is None:
            item = otio.schema.Gap(name, duration=self._time(length))
        item.enabled = all(
            one.get("enabled") != "0" for one in (element, single_picture(element)) if one is not None
        )
        with suppress(InvalidRequest):  # the clip says so itself
            item.markers.extend(self._markers(element, item.trimmed_range().start_time))
        return item

    def _markers(self, element: Element, first: otio.opentime.RationalTime) -> Iterator[otio.schema.Marker]:
        """The markers of a clip, in the time of its item, which begins at `first`."""
        found = [one for tag in MARKERS for one in element.iterfind(tag)]
        if not found:
            return
        start, line = (
            self.clips.timing((element,), self.clips.rate_of(element))
            if element.tag != "gap"
            else (seconds(element, "start"), Timing())
        )
        conformed = Fraction(1) if element.find("timeMap") is not None or not line.slope else line.slope
        for one in found:
            into = (seconds_or_nothing(one, "start") - start) / conformed
            yield marker(one, first + self._time(into))

    def _picture(self, element: Element, length: Fraction) -> Any:
        """None where there is none.

        Raises
        ------
        InvalidRequest
            If what it shows cannot be told.
        """
        if element.tag in ("gap", "audio") or element.get("srcEnable") == "audio":
            return None
        picture = single_picture(element)
        if element.tag in _CONTAINERS and picture is None:
            return self._contained(element, length)
        picture = element if picture is None else picture
        if picture.tag not in ("asset-clip", "mc-clip", "ref-clip", "title", "video"):
            raise InvalidRequest(f"is of a kind that is not read here (<{picture.tag}>)", do=_INSTEAD)
        source = self.clips.resources.get(picture.get("ref", ""))
        if picture.tag == "title" or (source is not None and source.tag == "effect"):
            return self._generated(element, length)
        if source is None or source.tag not in ("asset", "media"):
            raise InvalidRequest("names media that the file does not hold", do="export it again")
        if source.tag == "asset" and source.get("hasVideo") != "1" and source.get("hasAudio") == "1":
            return None
        if length <= 0:
            raise InvalidRequest("has no duration", do="export it again")
        return (
            self._clip(element, picture, source, length)
            if source.tag == "asset"
            else self._compound(element, picture, source, length)
        )

    def _clip(self, element: Element, picture: Element, source: Element, length: Fraction) -> Any:
        """A clip of one camera file."""
        shown = (element,) if picture is element else (element, picture)
        rate = self.clips.rate_of(picture)
        start, line = self.clips.timing(shown, rate)
        reference = otio.schema.MissingReference()
        if file := file_of(source):
            media = _range(seconds(source, "start") * rate, seconds(source, "duration") * rate, rate)
            reference = otio.schema.ExternalReference(file, media)
        name = element.get("name") or source.get("name", "")
        used = _range(line.at(start) * rate, length * rate, rate)
        clip = otio.schema.Clip(name, reference, used)
        retime(clip, line.at(start), line)
        if blended := blending(*shown):
            clip.metadata[NOTES] = [f"frames are blended where it is retimed ({blended})"]
        return clip

    def _compound(self, element: Element, picture: Element, source: Element, length: Fraction) -> Any:
        """What a compound clip, or the active angle of a multicam clip, shows."""
        holder = source.find("sequence") if source.find("sequence") is not None else source.find("multicam")
        if holder is None:
            raise InvalidRequest("names media that the file does not hold", do="export it again")
        if source in self.inside or len(self.inside) >= _DEPTH:
            raise InvalidRequest("is a sequence in itself or in too many", do="flatten it")
        if holder.tag == "sequence":
            story: Iterable[Element] = holder.iterfind("spine/*")
        elif (angle := _angle(picture, holder)) is None:
            return None
        else:
            story = angle
        rate = sequence_rate(holder, self.clips.resources)
        start, line = self.clips.timing((element,) if picture is element else (element, picture), rate)
        origin = seconds(holder, "tcStart")
        inner = replace(self._within(rate), inside=(*self.inside, source))
        return self._opened(
            element, inner, start, replace(line, media=line.media - origin), length, [(story, Fraction(0))]
        )

    def _contained(self, element: Element, length: Fraction) -> Any:
        """What a clip that holds several others shows, as a synchronized clip does."""
        held = [one for one in element if not lane_of(one) and (one.tag == "spine" or one.tag in STORY)]
        if not held:
            return None
        rate = format_rate(self.clips.resources.get(element.get("format", ""))) or self.clips.rate
        start, line = self.clips.timing((element,), rate)
        offsets = [seconds(one, "offset") for one in held]
        # Its time begins where it does, or what it holds: there is no need to count from midnight.
        origin = min(*offsets, line.at(start), line.at(start + length))
        stories = [
            (one if one.tag == "spine" else [one], offset - origin)
            for one, offset in zip(held, offsets, strict=True)
        ]
        line = replace(line, media=line.media - origin)
        return self._opened(element, self._within(rate), start, line, length, stories)

    def _within(self, rate: Fraction) -> Sequence:
        return Sequence(replace(self.clips, rate=rate), self.budget, self.inside)

    def _opened(
        self,
        element: Element,
        inner: Sequence,
        start: Fraction,
        line: Timing,
        length: Fraction,
        stories: list[tuple[Iterable[Element], Fraction]],
    ) -> Any:
        """The item of a clip that holds storylines, each from a time on; None where it shows no picture.

        `line` leads from the clip's own time to seconds from the beginning of what it holds.
        """
        if next(self.budget, None) is None:
            what = f"is more than the {MOST_COMPOUND}th sequence in sequences"
            raise InvalidRequest(what, do="flatten it")
        low, high = sorted((line.at(start), line.at(start + length)))
        if low < 0:
            raise InvalidRequest("begins before its sequence does", do="export it again")
        inner.window = (low - _BESIDE, high + _BESIDE)
        for story, begin in stories:
            inner.spine(story, 0, begin)
        stack = inner.stack()
        if not any(shows(track) for track in stack):
            return None
        stack.name = element.get("name", "")
        return nested_item(stack, start, line, length)

    def _generated(self, element: Element, length: Fraction) -> otio.schema.Clip:
        used = _range(Fraction(0), length * self.clips.rate, self.clips.rate)
        return otio.schema.Clip(element.get("name", ""), otio.schema.GeneratorReference(), used)

    def _transition(self, before: Element | None, one: Element, after: Element | None) -> Any:
        """It lies over the cut: so much of it before, so much after.

        Raises
        ------
        InvalidRequest
            If it does not.
        """
        length = seconds(one, "duration")
        ahead = behind = length / 2
        if all(near is None or near.get("offset") is not None for near in (before, one, after)):
            begin = seconds(one, "offset")
            ends = (
                []
                if before is None
                else [seconds(before, "offset") + self.clips.length_or_nothing(_active(before))]
            )
            begins = [] if after is None else [seconds(after, "offset")]
            if not all(begin <= cut <= begin + length for cut in (*ends, *begins)):
                raise InvalidRequest("has a transition that lies over no cut", do="export it again")
            ahead = (begins or ends or [begin])[0] - begin
            behind = begin + length - (ends or begins or [begin])[0]
        name = one.get("name", "")
        kind = "SMPTE_Dissolve" if name == "Cross Dissolve" else "Custom_Transition"
        return otio.schema.Transition(name, kind, self._time(ahead), self._time(behind))

    def _time(self, time: Fraction) -> otio.opentime.RationalTime:
        return otio.opentime.RationalTime(*_frames(time, self.clips.rate))


def marker(element: Element, at: otio.opentime.RationalTime) -> otio.schema.Marker:
    """Return a marker at a time of the item that has it."""
    place = otio.opentime.TimeRange(at)
    return otio.schema.Marker(element.get("value", ""), place, metadata={"comment": element.get("note", "")})


def _active(element: Element) -> Element:
    """What shows: of an audition, the first of its clips."""
    return element[0] if element.tag == "audition" and len(element) else element


def _angle(clip: Element, multicam: Element) -> Element | None:
    """The angle whose picture a multicam clip shows; None where it shows none.

    Raises
    ------
    InvalidRequest
        If it says none, and there are several.
    """
    angles = {one.get("angleID"): one for one in multicam.iterfind("mc-angle")}
    sources = clip.findall("mc-source")
    active = [one.get("angleID") for one in sources if one.get("srcEnable", "all") in ("all", "video")]
    if not sources and len(angles) == 1:
        active = list(angles)
    if sources and not active:
        return None
    if len(active) != 1 or active[0] not in angles:
        raise InvalidRequest(
            "is a multicam clip that names no active angle, or several", do="choose one, and export it again"
        )
    return angles[active[0]]


def _range(first: Fraction, frames: Fraction, rate: Fraction) -> otio.opentime.TimeRange:
    start, length = (otio.opentime.RationalTime(float(count), float(rate)) for count in (first, frames))
    return otio.opentime.TimeRange(start, length)


def _frames(time: Fraction, rate: Fraction) -> tuple[float, float]:
    return float(time * rate), float(rate)
