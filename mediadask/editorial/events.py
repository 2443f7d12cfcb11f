"""Events: what an edit asks of its sources, whatever kind of list said it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from mediadask.timecode import Timecode

if TYPE_CHECKING:
    from mediadask.pixels.cdl import Cdl

__all__ = ["Event", "Span", "Transition"]


@dataclass(frozen=True)
class Span:
    """A range of timecode as a list writes it, labels and all; the rate is known elsewhere, or not yet."""

    start: str
    """The first frame's label: ``HH:MM:SS:FF``, ``;FF`` for drop-frame."""

    stop: str
    """The label of the frame after the last."""

    def __str__(self) -> str:
        return f"{self.start} to {self.stop}"

    def at(self, rate: Fraction, drop: bool = False) -> tuple[Timecode, int]:
        """The first frame and how many frames there are, at a rate; across midnight too.

        Parameters
        ----------
        drop
            Count drop-frame although the labels are written with colons only, as many lists write them.

        Raises
        ------
        InvalidRequest
            If a label does not exist at that rate.
        """
        first, last = (
            Timecode.parse(label[:8] + ";" + label[9:] if drop else label, rate)
            for label in (self.start, self.stop)
        )
        return first, (last.frames - first.frames) % first.frames_per_day


@dataclass(frozen=True)
class Transition:
    """A dissolve or wipe at one end of an event."""

    kind: str
    """``dissolve``, ``wipe 001``; a list's own word where it is neither."""

    frames: int
    """How long it is, in frames of the timeline."""

    beyond: int
    """How many of them lie outside the event's own span: frames its source must have beside it."""


@dataclass(frozen=True)
class Event:
    """One use of one source in a timeline. Plain data: picklable, comparable."""

    number: str
    """As the list writes it, ``001``; counted from 1 where it has none."""

    source: Span
    """What is used, by the labels of the source."""

    record: Span
    """Where it is in the timeline."""

    track: str = "V"
    """Name of the track: ``V``, ``V2``."""

    reel: str | None = None
    """The source's reel or tape name; None where the list has none (``AX``)."""

    clip_name: str | None = None
    """What the editor called the source."""

    file: str | None = None
    """The source's file, as path, URL or bare name."""

    rate: Fraction | None = None
    """Frames a second the source's labels count; None where the list does not say."""

    drop: bool | None = None
    """Whether the list says that labels are drop-frame beyond how they are written; None: it does not say."""

    speed: Fraction = Fraction(1)
    """Source frames that pass in one frame of the timeline: 2 twice as fast, -1 backwards, 0 one frozen frame."""

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
    """Why it cannot be delivered as the list has it; empty for a good event."""

    @property
    def name(self) -> str:
        """For people: ``event 001 (A001C003)``."""
        source = self.reel or self.clip_name or self.file
        return f"event {self.number} ({source})" if source else f"event {self.number}"
