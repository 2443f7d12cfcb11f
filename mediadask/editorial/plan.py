"""The plan of a turnover: what each event becomes, before anything is rendered."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from mediadask.editorial.count_sheet import count_row
from mediadask.editorial.events import Span
from mediadask.timecode import Timecode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import opentimelineio as otio
    import pandas as pd

    from mediadask.documents.cdl import Cdl
    from mediadask.editorial.events import Event
    from mediadask.editorial.names import PlateName
    from mediadask.editorial.timeline import Timeline
    from mediadask.metadata import ClipMetadata

__all__ = ["PlannedEvent", "TurnoverPlan"]


@dataclass(frozen=True)
class PlannedEvent:
    """An event, the clip it matches and the frames a plate of it holds. Plain data: picklable."""

    event: Event
    url: str | None = None
    """The clip's; a span's where consecutive clips hold the event (`ClipUrl`). None: no match."""

    reel: str | None = None
    """As the clip has it; as the list has it where the clip has none."""

    rate: Fraction | None = None
    """Frames a second of the clip."""

    start: int = 0
    """First frame of the plate, handles included: a 0-based frame number of the clip."""

    stop: int = 0
    """The frame after the plate's last, handles included."""

    head: int = 0
    """Frames of handle before what the event uses."""

    tail: int = 0
    """Frames of handle after it."""

    clip_frames: int = 0
    """How many frames the whole clip has."""

    timecode: str | None = None
    """The timecode of the clip's frame `start`; None where the clip has none."""

    speed: Fraction = Fraction(1)
    """Source frames a timeline frame, for whoever retimes: plates hold frames as the camera shot them."""

    fields: Mapping[str, str] = field(default_factory=dict)
    """What fills the name's template: ``show``, ``shot``, ``plate``, …"""

    name: str | None = None
    """The name of the plate's files in the output folder, with ``%04d`` where the frame's number goes."""

    first_number: int = 1001
    """The number of frame `start` in the plate's file names."""

    notes: tuple[str, ...] = ()
    """What whoever receives the plate should know: a retime, a transition, a clamped handle."""

    problems: tuple[str, ...] = ()
    """Why it is not delivered; empty for a good event."""

    clip: ClipMetadata | None = field(default=None, repr=False)
    """What the clip says of itself, of joined ones the first: by it the plate is decided."""

    def __len__(self) -> int:
        """Frames of the plate, handles included."""
        return self.stop - self.start

    @property
    def ok(self) -> bool:
        """Whether it can be delivered."""
        return not self.problems

    @property
    def title(self) -> str:
        """What people and failure lists call it: ``event 003, line 12 (A001C003)``."""
        source = self.event.reel or self.event.clip_name
        return f"event {self.event.number}, {self.event.where}" + (f" ({source})" if source else "")

    @property
    def complaint(self) -> str:
        """Why it is not delivered, for a line that begins with `title`: the place is said there."""
        place = self.event.where
        begins = re.compile(rf"{re.escape(place)}:? ") if place else re.compile("(?!)")
        said = (begins.sub("", problem, 1) if begins.match(problem) else problem for problem in self.problems)
        return "; ".join(said)

    @property
    def cdl(self) -> Cdl | None:
        """The event's grade."""
        return self.event.cdl

    @property
    def cut_number(self) -> int:
        """The number of the first frame after the handle in the plate's file names."""
        return self.first_number + self.head


@dataclass(frozen=True)
class TurnoverPlan:
    """What a turnover will deliver, and what it will not. Plain data: picklable."""

    timeline: Timeline
    rate: Fraction
    """Frames a second of the timeline: as it says, or as most of the clips it means have."""

    events: tuple[PlannedEvent, ...]
    handles: int
    """Frames asked for on either side of each cut."""

    name: PlateName
    advice: tuple[str, ...] = ()
    """What helps with the problems of several events, and what has changed since plates were delivered: lines
    for people."""

    versions_up: bool = False
    """Whether a plate whose colors or framing have changed gets the next version."""

    def __len__(self) -> int:
        return len(self.events)

    def __iter__(self) -> Iterator[PlannedEvent]:
        return iter(self.events)

    @property
    def good(self) -> tuple[PlannedEvent, ...]:
        """The events that can be delivered."""
        return tuple(one for one in self.events if one.ok)

    @property
    def bad(self) -> tuple[PlannedEvent, ...]:
        """The events that cannot."""
        return tuple(one for one in self.events if not one.ok)

    def rows(self) -> list[dict[str, Any]]:
        """One row an event, of JSON types, with all that a count sheet says; what is not known is None."""
        return [
            {**count_row(one, order, self.rate), **self._row(one)} for order, one in enumerate(self.events, 1)
        ]

    def table(self) -> pd.DataFrame:
        """`rows` as a pandas table."""
        import pandas as pd

        return pd.DataFrame(self.rows()).convert_dtypes()

    def _row(self, one: PlannedEvent) -> dict[str, Any]:
        event, rate = one.event, one.rate or one.event.rate or self.rate
        drop = one.timecode is not None and ";" in one.timecode
        source = _labels(event.source, rate, drop)
        record = _labels(event.record, self.rate, event.drops_at(self.rate))
        return {
            "event": event.number,
            "where": event.where,
            "track": event.track,
            "record_in": record[0],
            "record_out": record[1],
            "reel": event.reel,
            "clip": one.url,
            "source_in": source[0],
            "source_out": source[1],
            "start": one.start if one.url else None,
            "stop": one.stop if one.url else None,
            "timecode": one.timecode,
            "rate": str(one.rate) if one.rate else None,
            "handles": self.handles,
            "head": one.head if one.url else None,
            "tail": one.tail if one.url else None,
            "speed": float(one.speed) if one.url else None,
            "name": one.name,
            "first_number": one.first_number if one.name else None,
            "cut_number": one.cut_number if one.name else None,
            "notes": list(one.notes),
            "problems": list(one.problems),
        }

    def to_otio(self) -> otio.schema.Timeline:
        """The timeline with its clips' media as matched; see `mediadask.editorial.otio_plan`."""
        from mediadask.editorial.otio_plan import plan_timeline

        return plan_timeline(self)


def _labels(span: Span | None, rate: Fraction, drop: bool) -> tuple[str | None, str | None]:
    """Both ends as labels: a list's own, or of its counts."""
    if span is None or span == Span(0, 0):  # a line that could not be read has none
        return None, None
    if span.length is not None:
        first, frames = span.at(rate, drop=drop)
        return str(first), str(first + frames)
    ends = (
        end if isinstance(end, str) else str(Timecode(0, round(rate), drop) + end)
        for end in (span.start, span.stop)
    )
    return next(ends), next(ends)
