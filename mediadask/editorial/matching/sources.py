"""The clips that events may use, and what counts their frames: timecode, or an image sequence's numbers."""

from __future__ import annotations

import copy
import re
from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING

from mediadask.editorial.matching.sequence_names import named_sequence
from mediadask.editorial.rates import exact_rate
from mediadask.errors import InvalidRequest
from mediadask.render.plan import clip_stem
from mediadask.timecode import Timecode

if TYPE_CHECKING:
    from mediadask.editorial.events import Event
    from mediadask.editorial.retime import Use
    from mediadask.metadata import ClipMetadata

__all__ = ["Source", "readings"]

_PART = re.compile(r"(.*)[-_. ](\d+)")
_FROM_FIRST = "the clip has no timecode: counted from its first frame"
_BY_NUMBER = "the clip has no timecode: counted by the numbers of its files"


class Source:
    """A clip, and where its timecode begins."""

    def __init__(self, clip: ClipMetadata) -> None:
        self.clip, self.url, self.frames, self.reel = clip, clip.path, clip.frames, clip.reel
        self.first_number = clip.first_number
        self.rate: Fraction | None = None
        self.start: Timecode | None = None
        # What a clip says of itself may be impossible; then it says nothing, and stops no other.
        with suppress(InvalidRequest):
            self.rate = None if clip.frame_rate is None else exact_rate(clip.frame_rate)
            self.start = Timecode.parse(clip.start_timecode, self.rate or 24) if clip.start_timecode else None
        self.origin = 0 if self.start is None else self.start.frames
        """What a list counts the first frame as."""

        self.note = ""
        """What to know of how its frames are counted."""

        kind = (self.reel, self.rate, clip.codec, clip.width, clip.height, clip.pixel_format)
        numbered = _PART.fullmatch(clip_stem(self.url).casefold())
        self.part = ((numbered[1], *kind), int(numbered[2])) if numbered else None
        """What it is a part of, and which, where its name ends in a number."""

    def __str__(self) -> str:
        if self.start is not None:
            return f"{self.url} ({self.start} to {self.start + self.frames})"
        if self.first_number is not None:
            last = self.first_number + self.frames - 1
            return f"{self.url} (files {self.first_number} to {last} without timecode)"
        return f"{self.url} ({self.frames} frames without timecode)"

    @property
    def drop(self) -> bool:
        """Whether its timecode counts drop-frame."""
        return self.start is not None and self.start.drop

    def counted_from(self, origin: int, note: str = "") -> Source:
        """Return the same clip for a list that counts its first frame as `origin`."""
        counted = copy.copy(self)
        counted.origin, counted.note = origin, note
        return counted

    def frame(self, code: Timecode) -> int:
        """The number of the frame with this timecode, counted on beyond the clip's end, round the clock."""
        return (code.frames - self.origin) % code.frames_per_day

    def holds(self, use: Use) -> bool:
        """Whether it has all frames that are used."""
        return self.frame(use.first) + use.frames <= self.frames

    def is_recorded_with(self, other: Source) -> bool:
        """Whether it is the other, or their names say that both are parts of one recording."""
        same = self.part is not None and other.part is not None and self.part[0] == other.part[0]
        return self.url == other.url or same

    def follows(self, before: Source) -> bool:
        """Whether its timecode runs on from the other's."""
        return before.start is not None and self.start == before.start + before.frames


def readings(source: Source, event: Event, rate: Fraction) -> list[Source]:
    """The clip by all that an event's labels may count, the likeliest first.

    Timecode goes first. Systems count image sequences without it in two ways: by the numbers of their files,
    so that 00:00:41:17 is file 1001 at 24 frames a second, or from the first file, which is 00:00:00:00.

    Raises
    ------
    InvalidRequest
        If the event gives numbers of frames, and the clip has timecode.
    """
    number = source.first_number
    if number is None:
        if source.start is None:
            return [source.counted_from(0, _FROM_FIRST)]
        if event.counts_files:
            raise InvalidRequest(
                f"gives frame numbers ({event.source}) where {source} has timecode",
                do="export the list with timecode",
            )
        return [source]
    if event.file_number is not None:
        first, _ = event.source.at(rate, drop=source.drop)
        exact = source.counted_from(number - event.file_number + first.frames)
        return [exact] if source.start is None else [exact, source]
    by_number = source.counted_from(number, _BY_NUMBER)
    if source.start is not None and not event.counts_files:
        by_number.note = "the timecode is not the clip's: counted by the numbers of its files"
        return [source, by_number]
    named = (named_sequence(name) for name in (event.file, event.clip_name, event.reel) if name)
    first_named = next((one.first for one in named if one and one.first is not None), number)
    return [by_number, source.counted_from(number - first_named, _FROM_FIRST)]
