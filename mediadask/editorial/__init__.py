"""What an edit asks for: timelines and their events, the clips they match, the plan of a turnover."""

from typing import TYPE_CHECKING

from mediadask.lazy import lazily

if TYPE_CHECKING:
    from mediadask.editorial.events import Event, Span, Transition
    from mediadask.editorial.matching.match import match_events
    from mediadask.editorial.matching.media import find_media
    from mediadask.editorial.names import PlateName
    from mediadask.editorial.plan import PlannedEvent, TurnoverPlan
    from mediadask.editorial.timeline import Timeline, read_timeline

__all__ = [
    "Event",
    "PlannedEvent",
    "PlateName",
    "Span",
    "Timeline",
    "Transition",
    "TurnoverPlan",
    "find_media",
    "match_events",
    "read_timeline",
]

# Commands have options of it, and OpenTimelineIO imports it in every program that looks for adapters.
if not TYPE_CHECKING:
    __getattr__ = lazily(
        __name__,
        {
            "Event": "events",
            "PlannedEvent": "plan",
            "PlateName": "names",
            "Span": "events",
            "Timeline": "timeline",
            "Transition": "events",
            "TurnoverPlan": "plan",
            "find_media": "matching.media",
            "match_events": "matching.match",
            "read_timeline": "timeline",
        },
    )
