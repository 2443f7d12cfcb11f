"""The plan of a turnover: what each event becomes, before anything is rendered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

    import pandas as pd

    from mediadask.editorial.events import Event
    from mediadask.editorial.names import PlateName
    from mediadask.editorial.timeline import Timeline
    from mediadask.pixels.cdl import Cdl

__all__ = ["PlannedEvent", "TurnoverPlan"]


@dataclass(frozen=True)
class PlannedEvent:
    """An event, the clip it matches and the frames a plate of it holds. Plain data."""

    event: Event
    url: str | None = None
    """Of the clip; ``concat:`` of several where consecutive ones cover the event. None: no match."""

    reel: str | None = None
    """As the clip has it, else as the list has it."""

    rate: Fraction | None = None
    """Frames a second of the clip."""

    start: int = 0
    """First frame of the plate, handles included; 0-based frame number of the clip."""

    stop: int = 0
    """The frame after the last, handles included."""

    head: int = 0
    """Frames of handle that the plate has before the cut."""

    tail: int = 0
    """Frames of handle that the plate has after the cut."""

    timecode: str | None = None
    """Of the clip's frame `start`."""

    fields: Mapping[str, str] = field(default_factory=dict)
    """What fills the name's template."""

    name: str | None = None
    """Of the plate's files, relative to the output folder, ``%04d`` for the frame number."""

    first_number: int = 1001
    """The number of frame `start` in the plate's file names."""

    notes: tuple[str, ...] = ()
    """What whoever receives the plate should know: a retime, a clamped handle."""

    problems: tuple[str, ...] = ()
    """Why it is not delivered; empty for a good event."""

    @property
    def ok(self) -> bool:
        """Whether it can be delivered."""
        return not self.problems

    @property
    def cdl(self) -> Cdl | None:
        """The event's grade."""
        return self.event.cdl

    @property
    def speed(self) -> Fraction:
        """Source frames a timeline frame: plates are delivered at native speed, this is for whoever retimes."""
        return self.event.speed

    @property
    def frames(self) -> int:
        """Of the plate, handles included."""
        return self.stop - self.start

    def __len__(self) -> int:
        return self.frames


@dataclass(frozen=True)
class TurnoverPlan:
    """What a turnover will deliver and what not. Plain data: picklable."""

    timeline: Timeline
    events: tuple[PlannedEvent, ...]
    handles: int
    """Frames asked for on either side of each cut."""

    name: PlateName

    @property
    def good(self) -> tuple[PlannedEvent, ...]:
        """The events that can be delivered."""
        return tuple(event for event in self.events if event.ok)

    @property
    def bad(self) -> tuple[PlannedEvent, ...]:
        """The events that cannot."""
        return tuple(event for event in self.events if not event.ok)

    def rows(self) -> list[dict[str, Any]]:
        """One for each event, of JSON types."""
        return [
            {
                "event": planned.event.number,
                "track": planned.event.track,
                "reel": planned.event.reel,
                "clip": planned.url,
                "source_in": planned.event.source.start,
                "source_out": planned.event.source.stop,
                "start": planned.start if planned.ok else None,
                "stop": planned.stop if planned.ok else None,
                "handles": self.handles,
                "head": planned.head if planned.ok else None,
                "tail": planned.tail if planned.ok else None,
                "name": planned.name,
                "notes": list(planned.notes),
                "problems": list(planned.problems),
            }
            for planned in self.events
        ]

    def table(self) -> pd.DataFrame:
        """`rows` as a pandas table."""
        import pandas as pd

        return pd.DataFrame(self.rows())
