"""What a clip of FCPXML that holds others shows, at the speed it is played at."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import opentimelineio as otio

from mediadask.editorial.readers.otio_events import TIMING, clip_timing, exact_seconds, flattened
from mediadask.editorial.readers.timing import Timing
from mediadask.errors import InvalidRequest

__all__ = ["nested_item", "shows"]


def shows(track: otio.schema.Track) -> bool:
    """Whether a track holds more than gaps."""
    return not all(isinstance(one, otio.schema.Gap | otio.schema.Transition) for one in track)


def nested_item(stack: Any, start: Fraction, line: Timing, length: Fraction) -> Any:
    """The part of a stack that shows: itself, trimmed; or a track of its clips where it does not play in real
    time.

    Parameters
    ----------
    start, length
        The used part, in the time of the clip that holds the stack.
    line
        From that time to seconds from the beginning of the stack.

    Raises
    ------
    InvalidRequest
        If a retimed part holds a transition, or cannot be flattened.
    """
    rate = stack.duration().rate
    low, high = sorted((line.at(start), line.at(start + length)))
    if line.speed == 0:
        high = low + Fraction(1 / rate)
    stack.source_range = _range(low, high - low, rate)
    if line.speed == 1:
        return stack
    pieces, at = [], low
    flat = flattened(stack)  # iterating over one that nobody holds gives nothing
    for item in flat:
        if isinstance(item, otio.schema.Transition):
            raise InvalidRequest("is retimed and holds a transition", do="retime its clips instead")
        pieces.append((at, item))
        at += exact_seconds(item.duration())
    track = otio.schema.Track(stack.name, kind=otio.schema.TrackKind.Video)
    begin = start
    for at, item in reversed(pieces) if line.speed < 0 else pieces[: 1 if line.speed == 0 else None]:
        lasting = exact_seconds(item.duration()) / abs(line.slope) if line.speed else length
        track.append(_stretched(item, at, begin, lasting, line))
        begin += lasting
    return track


def _stretched(item: Any, at: Fraction, begin: Fraction, length: Fraction, line: Timing) -> Any:
    """A piece that begins at `at` in the time of what holds it, as it shows from `begin` on, in the time that
    `line` leads from.
    """
    used = item.trimmed_range()
    inner = line.then(Timing(at, exact_seconds(used.start_time)))
    if isinstance(item, otio.schema.Gap):
        return otio.schema.Gap(item.name, duration=_range(Fraction(0), length, used.duration.rate).duration)
    if not isinstance(item, otio.schema.Clip):
        return nested_item(item.deepcopy(), begin, inner, length)
    clip = item.deepcopy()
    clip.source_range = _range(begin, length, used.duration.rate)
    if timing := clip_timing(item):
        whole = inner.then(timing)
        clip.metadata[TIMING] = [str(whole.own), str(whole.media), str(whole.slope)]
    for marker in clip.markers:
        place = exact_seconds(marker.marked_range.start_time)
        place = (place - inner.media) / inner.slope + inner.own if inner.slope else begin
        marker.marked_range = _range(place, Fraction(0), used.duration.rate)
    return clip


def _range(first: Fraction, length: Fraction, rate: float) -> otio.opentime.TimeRange:
    exact = Fraction(rate)
    return otio.opentime.TimeRange(
        otio.opentime.RationalTime(float(first * exact), rate),
        otio.opentime.RationalTime(float(length * exact), rate),
    )
