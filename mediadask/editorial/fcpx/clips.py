"""Clips of FCPXML: what they show, how long, and how their time runs to their media's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from mediadask.choices import Conform
from mediadask.editorial.fcpx.times import (
    conformed_speed,
    format_rate,
    mapped,
    seconds,
    source_rate,
    unclear_rate,
)
from mediadask.editorial.readers.timing import Timing
from mediadask.errors import InvalidRequest

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

__all__ = ["STORY", "Clips", "file_of", "lane_of", "sequence_rate", "single_picture"]

STORY = {
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

"""Elements that a storyline holds."""


@dataclass(frozen=True)
class Clips:
    """The clips of a sequence, or of what a clip holds."""

    resources: Mapping[str, Element]
    rate: Fraction
    """Frames a second of the sequence."""

    conform: Conform | None = None
    """How media of another rate plays where the file leaves it open."""

    def rate_of(self, picture: Element) -> Fraction:
        """Frames a second of what a clip shows.

        Raises
        ------
        InvalidRequest
            If it has none.
        """
        source = self.resources.get(picture.get("ref", ""))
        if source is None:
            return format_rate(self.resources.get(picture.get("format", ""))) or self.rate
        if source.tag == "media":
            return next((sequence_rate(one, self.resources) for one in source), self.rate)
        named = source.get("format")
        rate = source_rate(picture) or self.rate if named is None else format_rate(self.resources.get(named))
        if rate is None:
            raise InvalidRequest("has no frame rate, as stills have none", do="leave it out")
        return rate

    def origin(self, element: Element) -> Fraction:
        """Where a clip's own time begins where nothing is said: with its media."""
        source = self.resources.get(element.get("ref", ""))
        if source is None:
            return seconds(element, "tcStart")
        holder = next((one for one in source if one.tag in ("sequence", "multicam")), None)
        return seconds(source, "start") if holder is None else seconds(holder, "tcStart")

    def timing(self, shown: tuple[Element, ...], rate: Fraction) -> tuple[Fraction, Timing]:
        """Where the used part of a clip begins in its own time, and how that leads to the time of its media.

        Parameters
        ----------
        shown
            The clip, and the picture that it holds where it is a ``<clip>`` of one.
        rate
            Frames a second of the media.

        Raises
        ------
        InvalidRequest
            If it cannot be told.
        """
        element, length = shown[0], self.length(shown[0])
        start = seconds(element, "start") if element.get("start") is not None else None
        line = mapped(element, start, length, self.rate)
        if start is None:
            start = self.origin(element) if line is None else line.own
        if not any(one.find("timeMap") is not None for one in shown):
            line = Timing(start, start, conformed_speed(shown, rate, self.rate, self.conform))
        elif any(one.find("conform-rate") is not None for one in shown):
            # The map's original time is the media's; whether that of a conformed clip is, Apple does not say.
            speed = conformed_speed(shown, rate, self.rate, self.conform)
            if speed != 1 and self.conform is None:
                raise unclear_rate("is retimed and conformed to another rate at once")
            if self.conform == "frames":
                media = self.origin(shown[-1])
                line = (line or Timing()).then(Timing(media, media, speed))
        line = line or Timing()
        if len(shown) > 1:
            picture = shown[1]
            begin = self.origin(picture) if picture.get("start") is None else seconds(picture, "start")
            line = line.then(Timing(seconds(picture, "offset"), begin))
            low, high = sorted((line.at(start), line.at(start + length)))
            inner = mapped(picture, low, high - low, self.rate)
            line = line if inner is None else line.then(inner)
        return start, line

    def length(self, element: Element) -> Fraction:
        """A clip's length in the time of what it is in: where it has none, its media's.

        Raises
        ------
        InvalidRequest
            If it makes no sense.
        """
        source = self.resources.get(element.get("ref", ""))
        if element.get("duration") is not None or element.tag != "asset-clip" or source is None:
            return seconds(element, "duration")
        points = element.findall("timeMap/timept")
        if points:
            return seconds(points[-1], "time") - seconds(points[0], "time")
        rate = self.rate_of(element)
        return seconds(source, "duration") / conformed_speed((element,), rate, self.rate, self.conform)

    def length_or_nothing(self, element: Element) -> Fraction:
        """Return the length for placing what follows: 0 if it makes no sense."""
        try:
            return self.length(element)
        except InvalidRequest:
            return Fraction(0)


def single_picture(clip: Element) -> Element | None:
    """The one picture that a ``<clip>`` shows itself; None where it holds anything else."""
    if clip.tag != "clip":
        return None
    story = [one for one in clip if not lane_of(one) and (one.tag == "spine" or one.tag in STORY - {"audio"})]
    single = len(story) == 1 and story[0].tag in ("title", "video")
    return story[0] if single else None


def lane_of(element: Element) -> int:
    """Above (1, 2, …) or below (-1, …) what it is connected to; 0: in the storyline itself."""
    try:
        return int(element.get("lane", 0))
    except ValueError:
        return 0


def file_of(asset: Element) -> str | None:
    """Its original media; before FCPXML 1.9, an attribute."""
    listed = asset.findall("media-rep")
    originals = [one for one in listed if one.get("kind", "original-media") == "original-media"]
    sources = (one.get("src") for one in (*originals, asset))
    return next((str(src) for src in sources if src), None)


def sequence_rate(sequence: Element, resources: Mapping[str, Element]) -> Fraction:
    """Frames a second of a sequence or multicam clip.

    Raises
    ------
    InvalidRequest
        If it has none.
    """
    rate = format_rate(resources.get(sequence.get("format", "")))
    if rate is None:
        raise InvalidRequest("has a sequence without a frame rate", do="export it again")
    return rate
