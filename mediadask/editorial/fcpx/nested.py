"""Clips of FCPXML that hold other clips, at the speed at which they play."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import opentimelineio as otio

from mediadask.editorial.readers.otio_events import TIMING, clip_timing, exact_seconds, flattened
from mediadask.editorial.readers.timing import Timing
from mediadask.errors import InvalidRequest

__all__ = ["nested_item", "retime", "shows"]


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
    timing = clip_timing(item)
    whole = inner if timing is None else inner.then(timing)
    first = begin if timing is None else whole.at(begin)
    clip.source_range = _range(first, length, used.duration.rate)
    if timing is not None:
        retime(clip, first, Timing(begin, first, whole.slope))
    for marker in clip.markers:
        place = exact_seconds(marker.marked_range.start_time)
        into = (place - inner.media) / inner.slope + inner.own - begin if inner.slope else Fraction(0)
        marker.marked_range = _range(first + into, Fraction(0), used.duration.rate)
    return clip


def retime(clip: otio.schema.Clip, first: Fraction, line: Timing) -> None:
    """Give a clip its speed, as an effect for everyone and exactly for ourselves.

    Parameters
    ----------
    first
        Where its used part begins, in seconds of its media.
    line
        From any time to that of its media: only how fast it plays counts.
    """
    clip.metadata[TIMING] = [str(first), str(first), str(line.slope)]
    if line.speed == 0:
        clip.effects[:] = [otio.schema.FreezeFrame()]
    else:
        clip.effects[:] = (
            [otio.schema.LinearTimeWarp(time_scalar=float(line.speed))] if line.speed != 1 else []
        )


def _range(first: Fraction, length: Fraction, rate: float) -> otio.opentime.TimeRange:
    exact = Fraction(rate)
    return otio.opentime.TimeRange(
        otio.opentime.RationalTime(float(first * exact), rate),
        otio.opentime.RationalTime(float(length * exact), rate),
    )
