"""Timings: how the time of a clip in a timeline runs to the time of its media."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from mediadask.editorial.events import Span

__all__ = ["Timing"]

_ROUNDED = Fraction(1, 1000)
"""Editing systems round times to their time scale: a time may be off by so much of a media frame."""

_FINEST_SPEED = 1001
"""The largest denominator of a speed: per cents with one decimal, 24000/1001 against 24 or 25."""


_ROUNDED_SPEED = Fraction(3, 100_000)
"""So far off may speeds be for the same reason: what Final Cut Pro shows as 127 % has been 127.001 %."""


@dataclass(frozen=True)
class Timing:
    """A straight line from a clip's own time to its media's, in seconds. Plain data."""

    own: Fraction = Fraction(0)
    """A moment of the clip's own time."""

    media: Fraction = Fraction(0)
    """The media's time that shows at that moment."""

    slope: Fraction = Fraction(1)
    """Seconds of media in a second of the clip: 2 is twice as fast, -1 backwards, 0 a frozen frame."""

    @property
    def speed(self) -> Fraction:
        """The slope without what rounded times have added to it."""
        simple, mille = self.slope.limit_denominator(_FINEST_SPEED), Fraction(round(self.slope * 1000), 1000)
        return mille if simple != self.slope and abs(mille - self.slope) < _ROUNDED_SPEED else simple

    def at(self, own: Fraction) -> Fraction:
        """The media's time at a moment of the clip's own."""
        return self.media + (own - self.own) * self.slope

    def then(self, inner: Timing) -> Timing:
        """From this clip's own time to the media of a clip inside it."""
        return Timing(self.own, inner.at(self.media), self.slope * inner.slope)

    def frames(self, own: Fraction, shown: int, rate: Fraction, media_rate: Fraction) -> Span:
        """The media's frames, counted from its time 0, that show in so many frames of a timeline.

        Parameters
        ----------
        own
            The clip's own time of the first of them.
        shown
            How many there are.
        rate, media_rate
            Frames a second of the timeline and of the media.
        """
        first = self.at(own) * media_rate
        if self.speed == 1:
            end = first + self.slope * shown * media_rate / rate
            return Span(math.floor(first + _ROUNDED), math.ceil(end - _ROUNDED))
        last = first + self.slope * max(shown - 1, 0) * media_rate / rate
        if self.speed < 0:
            # Played backwards, a clip begins at the end of its media's last frame.
            return Span(math.ceil(last - _ROUNDED) - 1, math.ceil(first - _ROUNDED))
        return Span(math.floor(first + _ROUNDED), math.floor(last + _ROUNDED) + 1)
