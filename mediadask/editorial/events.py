"""Events: what an edit asks of its sources, whatever kind of list said it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from mediadask.errors import InvalidRequest
from mediadask.timecode import Timecode

if TYPE_CHECKING:
    from mediadask.documents.cdl import Cdl

__all__ = ["Event", "Span", "Transition"]


@dataclass(frozen=True)
class Span:
    """A range of timecode as a list gives it; at what rate is known elsewhere, or not yet."""

    start: str | int
    """The first frame: its label, ``HH:MM:SS:FF`` (``;FF`` for drop-frame); or its count since midnight, in
    lists that count frames."""

    stop: str | int
    """The frame after the last, in the same way."""

    length: str | int | None = None
    """How long it is where a list says that, as a label or a count of frames: instead of an end, with `stop`
    as `start`; or beside it, where one frame more than lies between them tells that `stop` is the last."""

    def __str__(self) -> str:
        return f"{self.start} to {self.stop}"

    @property
    def drop(self) -> bool:
        """Whether its labels are written as drop-frame."""
        return isinstance(self.start, str) and bool(re.search(r"[;,]\d+$", self.start))

    def at(self, rate: Fraction, *, drop: bool = False) -> tuple[Timecode, int]:
        """The first frame, and how many frames there are; across midnight too.

        Parameters
        ----------
        rate
            Frames a second.
        drop
            Count drop-frame although the labels are written with colons only, as many lists write them.

        Raises
        ------
        InvalidRequest
            If a label does not exist at that rate.
        """
        first, last = (_timecode(end, rate, drop) for end in (self.start, self.stop))
        frames = (last.frames - first.frames) % first.frames_per_day
        if self.length is not None:
            said = _timecode(self.length, rate, drop=False).frames
            frames = said if self.start == self.stop or said == frames + 1 else frames
        return first, frames


def _timecode(end: str | int, rate: Fraction, drop: bool) -> Timecode:
    if isinstance(end, str):
        return Timecode.parse(re.sub(r"\D(?=\d+$)", ";", end) if drop else end, rate)
    return Timecode(0, round(rate), drop) + end


@dataclass(frozen=True)
class Transition:
    """A dissolve or wipe at one end of an event."""

    kind: str
    """``dissolve``, ``wipe 001``, ``fade``; a list's own word where it is none of them."""

    frames: int
    """How long it is, in frames of the timeline."""

    beyond: int
    """How many of them lie outside the event's own span: what its source must have beside the span."""

    def __str__(self) -> str:
        return f"{self.kind} of {self.frames} frames"


@dataclass(frozen=True)
class Event:
    """One use of one source in a timeline. Plain data: picklable, comparable."""

    number: str
    """As the list writes it, ``001``; counted from 1 where it has none."""

    source: Span
    """What is used, by the source's timecode."""

    record: Span | None = None
    """Where it is in the timeline; None where the list is no timeline (ALE)."""

    track: str = "V"
    """Name of the track: ``V``, ``V2``."""

    reel: str | None = None
    """The source's reel or tape name; None where the list has none (``AX``)."""

    clip_name: str | None = None
    """What the editor called the source."""

    file: str | None = None
    """The source's file, as path, URL or bare name."""

    rate: Fraction | None = None
    """Frames a second that the source's timecode counts; None where the list does not say."""

    drop: bool | None = None
    """Whether the list says beside its labels that they are drop-frame (``FCM``); None where it does not."""

    speed: Fraction | None = None
    """Source frames that pass in a frame of the timeline: 2 is twice as fast, -1 backwards, 0 a frozen frame.
    None: not said here, so 1 or what `source_fps` makes it."""

    source_fps: Fraction | None = None
    """The same as source frames a second, where the list says it so (``M2``)."""

    entry: str | None = None
    """The label of the source frame shown first, where the list names it (``M2``)."""

    head: Transition | None = None
    """The transition into it."""

    tail: Transition | None = None
    """The transition out of it."""

    cdl: Cdl | None = None
    markers: tuple[str, ...] = ()
    """Texts of the markers on it, in order: often the name of the shot."""

    comments: tuple[str, ...] = ()
    """Comment lines not understood otherwise, as they stand."""

    where: str = ""
    """Where in the list it stands, for messages: ``line 12``."""

    problems: tuple[str, ...] = ()
    """Why it cannot be delivered whatever it matches; empty for a good event."""

    notes: tuple[str, ...] = ()
    """What whoever receives the plate should know, whatever it matches."""

    file_number: int | None = None
    """The number in the name of the image file that `source` begins with, where the list says it."""

    counts_files: bool = False
    """Whether `source` is numbers of frames where lists have timecode: of an image sequence's files, say."""

    others: tuple[Event, ...] = ()
    """The same use by other media of the source that the list knows: a proxy's original."""

    exact: bool = False
    """Whether `source` is just the frames that show at its speed, as labels of most lists are only about."""

    asks: tuple[tuple[str, str], ...] = ()
    """What is asked for its plate outright: fields of the name (``shot``, ``plate``, ``version``, …), and
    ``head`` and ``tail``, the frames of its handles."""

    def drops_at(self, rate: Fraction) -> bool:
        """Whether its labels are drop-frame in a timeline of this rate: the list says so, the rate has it."""
        return bool(self.drop) and round(rate) % 30 == 0

    def recorded(self, rate: Fraction) -> tuple[int, int] | None:
        """Its first frame, counted from midnight, and its length in a timeline of this rate.

        None where the list has no record, or labels that the rate does not have.
        """
        if self.record is None or self.record == Span(0, 0):
            return None
        try:
            first, frames = self.record.at(rate, drop=self.drops_at(rate))
        except InvalidRequest:
            return None
        return first.frames, frames

    def speed_at(self, rate: Fraction) -> Fraction:
        """Source frames a timeline frame, in a timeline of this rate."""
        if self.speed is not None:
            return self.speed
        if self.source_fps is None:
            return Fraction(1)
        # Lists print one decimal: 23.976 frames a second appear as 024.0 as well as 023.9.
        whole = round(self.source_fps / rate)
        return (
            Fraction(whole)
            if abs(self.source_fps - whole * rate) <= Fraction(1, 10)
            else self.source_fps / rate
        )
