"""Matching: which clip each event means, by reel and timecode, and which of its frames a plate needs."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING

from mediadask.clips.clip_url import ClipUrl
from mediadask.editorial.matching.covering import Match, covering, outside
from mediadask.editorial.matching.reels import ReelIndex, names_of_file
from mediadask.editorial.matching.sequence_names import named_sequence
from mediadask.editorial.matching.sources import Source
from mediadask.editorial.names import PlateName
from mediadask.editorial.plan import PlannedEvent, TurnoverPlan
from mediadask.errors import InvalidRequest

if TYPE_CHECKING:
    from mediadask.editorial.events import Event, Span
    from mediadask.editorial.timeline import Timeline
    from mediadask.metadata import ClipMetadata

__all__ = ["match_events"]

_AVIDS = re.compile(r"(?:\.(?:NEW|SUB|COPY|EXPORTED)\.\d+)+\*?$|\*$", re.IGNORECASE)
"""What Avid adds to the names of clips: ``12A-3.NEW.01``, ``12A-3*``."""


def match_events(
    timeline: Timeline, media: Iterable[ClipMetadata], *, handles: int = 0, name: PlateName | None = None
) -> TurnoverPlan:
    """Plan a turnover: match every event, clamp its handles, name its plate.

    Parameters
    ----------
    media
        The clips there are: the results of `find_media`.
    handles
        Frames asked for on either side of each cut.
    name
        How plates are named.

    Returns
    -------
    TurnoverPlan
        Every event, in order; one that cannot be delivered says why and stops no other.

    Raises
    ------
    InvalidRequest
        If `handles` is negative.
    """
    if handles < 0:
        raise InvalidRequest(f"{handles} frames of handles", do="give 0 or more")
    library = _Library([Source(clip) for clip in media])
    rate = timeline.rate or library.usual_rate(timeline)
    planned = _apart([_planned(event, library, rate, handles) for event in timeline], rate)
    name = name or PlateName()
    return TurnoverPlan(timeline, rate, tuple(_named(planned, name, timeline.name)), handles, name)


class _Library:
    """The clips there are, by reel and by file name."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._reels = ReelIndex((source.reel, source) for source in sources if source.reel)
        self._files = ReelIndex((name, source) for source in sources for name in names_of_file(source.url))
        self._parts: dict[object, list[Source]] = defaultdict(list)
        for source in sources:
            if source.part:
                self._parts[source.part].append(source)

    def usual_rate(self, timeline: Timeline) -> Fraction:
        """The rate of most clips that a timeline may mean: what its labels count where it does not say."""
        meant = (next(self._find(name), []) for event in timeline for name in chain(*_names(event)[:1]))
        rates = Counter(source.rate for source in chain.from_iterable(meant) if source.rate)
        rates = rates or Counter(source.rate for source in self._sources if source.rate)
        usual = [rate for rate, _ in rates.most_common()] or [Fraction(24)]
        highest = max((_last_number(event.record) for event in timeline if event.record), default=0)
        return next((rate for rate in usual if round(rate) > highest), usual[0])

    def _find(self, name: str) -> Iterator[list[Source]]:
        yield from self._reels.find(name)
        yield from self._files.find(name)

    def match(self, event: Event, rate: Fraction) -> Match:
        """The clip an event means.

        Raises
        ------
        InvalidRequest
            If there is none, or several, or it does not hold what the event uses.
        """
        refused: InvalidRequest | None = None
        tried: list[str] = []
        for one in (event, *event.others):
            for names in _names(one):
                found, outside_of = self._called(one, names, rate)
                if found is not None and one is not event:
                    return _noted(found, f"found by other media of the clip: {one.file}")
                if found is not None and refused is not None:
                    return _noted(found, f"found as {names[0]}: by {tried[0]} it {refused.what}")
                if found is not None and event.reel and tried:
                    return _noted(found, f"no clip has reel {event.reel}: found as {names[0]}")
                if found is not None:
                    return found
                refused = refused or outside_of
                tried.append(names[0])
        if refused is not None:
            raise refused
        if not tried:
            raise InvalidRequest("names neither reel nor clip", do="export the list with reel names")
        likest = list(chain.from_iterable(map(self._nearest, tried)))
        what = (
            f"has reel {tried[0]!r}"
            if event.reel
            else f"is called {' or '.join(map(repr, dict.fromkeys(tried)))}"
        )
        raise InvalidRequest(
            f"no clip {what}",
            do=f"nearest: {', '.join(dict.fromkeys(likest))}" if likest else "check the media folder",
        )

    def _nearest(self, name: str) -> list[str]:
        return [*self._reels.nearest(name), *self._files.nearest(name)]

    def _called(
        self, event: Event, names: Sequence[str], rate: Fraction
    ) -> tuple[Match | None, InvalidRequest | None]:
        """The clip of one of the names that holds what an event uses; else why none of them does."""
        seen: dict[str, Source] = {}
        for name in names:
            for sources in self._find(name):
                fresh = [source for source in sources if source.url not in seen]
                found = covering(event, [*seen.values(), *fresh], rate)
                surer = next(iter(seen.values()), None)
                if found is not None and surer and not found.parts[0].is_recorded_with(surer):
                    what = f"called like {name} less than {surer.url}, which does not hold it"
                    return _noted(found, what), None
                if found is not None:
                    return found, None
                seen |= {source.url: source for source in fresh}
        return None, outside(event, list(seen.values()), rate) if seen else None

    def with_handles(self, match: Match, before: int, behind: int) -> Match:
        """A match with the parts of its recording before and after it into which handles reach."""
        parts, use = list(match.parts), match.use
        while parts[0].frame(use.first) < before and (part := self._beside(parts[0], -1)):
            parts.insert(0, part)
        needed = parts[0].frame(use.first) + use.frames + behind
        while sum(part.frames for part in parts) < needed and (after := self._beside(parts[-1], 1)):
            parts.append(after)
        return replace(match, parts=parts)

    def _beside(self, source: Source, step: int) -> Source | None:
        """The part next to one, if one alone is certainly it: timecode also runs on between takes of a tape,
        and a handle is no place for another take. So names have to count on, too.
        """
        if source.part is None:
            return None
        recording, number = source.part
        found = [
            other
            for other in self._parts.get((recording, number + step), ())
            if (other.follows(source) if step > 0 else source.follows(other))
        ]
        return found[0] if len(found) == 1 else None


def _last_number(span: Span) -> int:
    """The highest number of a frame in the labels of a span."""
    found = (re.search(r"\d+$", end) for end in (span.start, span.stop) if isinstance(end, str))
    return max((int(one[0]) for one in found if one), default=0)


def _noted(match: Match, note: str) -> Match:
    return replace(match, notes=(*match.notes, note))


def _names(event: Event) -> list[list[str]]:
    """What an event calls its source, the surest first: the reel, the file, the clip; each in its forms."""
    reel, clip = _forms(event.reel), _forms(event.clip_name)
    file = names_of_file(event.file) if event.file else []
    return [list(dict.fromkeys(names)) for names in (reel, file, clip) if names]


def _forms(name: str | None) -> list[str]:
    """A name as it stands, and without what systems add to it."""
    if not name:
        return []
    own = _AVIDS.sub("", name)
    sequence = named_sequence(name) or named_sequence(own)
    path = re.split(r"[/\\]", own)[-1]
    return list(filter(None, (name, own, path, sequence and sequence.stem)))


def _planned(event: Event, library: _Library, rate: Fraction, handles: int) -> PlannedEvent:
    try:
        if event.problems:
            return PlannedEvent(event, reel=event.reel, notes=event.notes, problems=event.problems)
        match = library.match(event, rate)
        if not match.use.frames:
            raise InvalidRequest("uses no frame of its source")
        before, behind = _handles_of(event, handles)
        match = library.with_handles(match, before, behind)
    except InvalidRequest as error:
        return PlannedEvent(event, reel=event.reel, notes=event.notes, problems=(str(error),))
    first, use = match.parts[0], match.use
    length = sum(part.frames for part in match.parts)
    at = first.frame(use.first)
    head, tail = min(before, at), min(behind, length - at - use.frames)
    short = [
        f"{which} handle of {got} frames for {asked}: the clip {verb} there"
        for which, got, asked, verb in (("head", head, before, "begins"), ("tail", tail, behind, "ends"))
        if got < asked
    ]
    urls = [part.url for part in match.parts]
    joined = [f"joined of {len(urls)} consecutive clips"] if len(urls) > 1 else []
    return PlannedEvent(
        event,
        str(ClipUrl.joined(urls)),
        first.reel or event.reel,
        first.rate or event.rate or rate,
        at - head,
        at + use.frames + tail,
        head,
        tail,
        length,
        None if first.start is None else str(first.start + (at - head)),
        use.speed,
        notes=(*event.notes, *match.notes, *joined, *use.notes, *short),
        clip=first.clip,
    )


def _handles_of(event: Event, handles: int) -> tuple[int, int]:
    """Frames before and after the cut that are asked for."""
    asked = dict(event.asks)
    return int(asked.get("head", handles)), int(asked.get("tail", handles))


def _apart(planned: Sequence[PlannedEvent], rate: Fraction) -> list[PlannedEvent]:
    """The events, those that lie over an earlier one of their track with a note of it."""
    result = list(planned)
    tracks: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for number, one in enumerate(planned):
        if one.event.record is None or one.event.problems:
            continue
        try:
            first, frames = one.event.record.at(rate, drop=one.event.drops_at(rate))
        except InvalidRequest:
            continue  # said already
        tracks[one.event.track].append((first.frames, first.frames + frames, number))
    for track, uses in tracks.items():
        end, before = 0, -1
        for start, stop, number in sorted(uses):
            if start < min(end, stop):
                other = planned[before].event
                by = f"on track {track} by {min(end, stop) - start} frames"
                what = f"lies over event {other.number} ({other.where}) {by}"
                result[number] = replace(result[number], notes=(*result[number].notes, what))
            if stop > end:
                end, before = stop, number
    return result


def _named(planned: Iterable[PlannedEvent], name: PlateName, timeline: str) -> Iterator[PlannedEvent]:
    """The events with their plates' names: no two the same, on file systems that ignore case neither."""
    plates: Counter[tuple[str, ...]] = Counter()
    taken: dict[str, str] = {}
    events = list(planned)
    marked = (name.marked_shot(one.event) for one in events)
    shots = {said.casefold() for said in marked if said}
    for position, one in enumerate(events, 1):
        try:
            fields = {"timeline": timeline, **name.event_fields(one.event, position, shots)}
            shot = tuple(
                fields.get(part, "").casefold() for part in ("show", "episode", "sequence", "scene", "shot")
            )
            plates[shot] += 1
            fields.setdefault("plate", f"PL{plates[shot]:02}")
            path = name.path(fields)
            number = name.first_frame if name.cut_frame is None else name.cut_frame - one.head
            if number < 0:
                raise InvalidRequest(f"its first frame would have the number {number}", do="number higher")
            stem = path.partition("%")[0].rstrip("._-").casefold()  # by it a plate's other files are named
            if other := taken.get(stem):
                raise InvalidRequest(
                    f"the name {path!r} is that of event {other} too",
                    do="put {plate} or {event} into the template, before {frame}",
                )
            taken[stem] = one.event.number
        except InvalidRequest as error:
            yield replace(one, problems=(*one.problems, str(error)))
        else:
            notes = (*one.notes, *name.silent_markers(one.event))
            yield replace(one, fields=fields, name=path, first_number=number, notes=notes)
