"""The offline cut as a movie: which of its frames belong to which frames of a plate."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mediadask.clips import Clip
from mediadask.editorial.rates import rate_text
from mediadask.editorial.retime_data import shown_frames
from mediadask.errors import InvalidRequest
from mediadask.render.reference import Reference
from mediadask.timecode import Timecode

if TYPE_CHECKING:
    from fractions import Fraction

    from mediadask.editorial.plan import PlannedEvent, TurnoverPlan

__all__ = ["Offline"]


@dataclass(frozen=True)
class Offline:
    """A movie of the whole cut. Plain data."""

    clip: Clip
    rate: Fraction
    """Frames a second of the timeline."""

    first: int
    """The frame of the timeline that its first picture is, counted from midnight."""

    notes: tuple[str, ...] = ()
    """What was assumed, for people."""

    @classmethod
    def of(cls, url: str, plan: TurnoverPlan) -> Offline:
        """The movie of a plan's timeline.

        Its timecode says where in the timeline it begins. One without timecode, or whose timecode holds no
        event, begins with the timeline's first event, and a note says so.

        Raises
        ------
        MediaError
            If it cannot be opened, or does not count frames as the timeline does.
        """
        clip = Clip.open(url)
        header, name = clip.header, clip.name
        if round(header.frame_rate) != round(plan.rate):
            rates = rate_text(header.frame_rate), rate_text(plan.rate)
            raise InvalidRequest(
                f"counts {rates[0]} frames a second, the timeline {rates[1]}",
                where=clip.url,
                do="export the cut at the timeline's rate",
            )
        events = plan.timeline.events
        spans = [span for event in events if (span := event.recorded(plan.rate))]
        begin = min((first for first, _ in spans), default=0)
        if header.timecode is None:
            return cls(clip, plan.rate, begin, (f"{name} has no timecode: it begins with the first event",))
        start = Timecode.parse(header.timecode, header.frame_rate)
        stop = start.frames + len(clip)
        if not any(start.frames < first + frames and first < stop for first, frames in spans):
            note = f"{name} begins at {start}, where no event is: it is taken to begin with the first event"
            return cls(clip, plan.rate, begin, (note,) if spans else ())
        drops = {
            event.drops_at(plan.rate) or event.record.drop for event in events if event.record is not None
        }
        if drops == {not start.drop}:
            counts = "counts drop-frame, the timeline does not" if start.drop else "does not count drop-frame"
            raise InvalidRequest(counts, where=clip.url, do="export the cut with the timeline's timecode")
        return cls(clip, plan.rate, start.frames)

    def of_plate(self, one: PlannedEvent, title: str) -> Reference | None:
        """What it shows beside a plate; None where it shows nothing of the event.

        Each frame of the plate has the one of the cut in which it is shown first. Frames that a fast retime
        leaves out have the one before them, and handles none.
        """
        shown = shown_frames(one, self.rate)
        span = one.event.recorded(self.rate)
        if not shown or span is None:
            return None
        lead = one.event.head.beyond if one.event.head else 0
        rows: dict[int, int] = {}  # the cut's first frame that shows each of the clip's
        for row, frame in enumerate(shown, span[0] - lead - self.first):
            rows.setdefault(frame.source_frame, row)
        known = sorted(rows)
        frames: list[int | None] = []
        for number in range(one.start, one.stop):
            at = None
            if known[0] <= number <= known[-1]:
                nearest = bisect_left(known, number) if one.speed < 0 else bisect_right(known, number) - 1
                at = rows[known[nearest]]
            frames.append(at if at is not None and 0 <= at < len(self.clip) else None)
        return Reference(self.clip, tuple(frames), title) if any(at is not None for at in frames) else None
