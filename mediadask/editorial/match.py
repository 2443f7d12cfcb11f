"""Matching: which clip each event means, by reel and timecode, and which of its frames a plate needs."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING

from mediadask.editorial.names import PlateName
from mediadask.editorial.plan import PlannedEvent, TurnoverPlan
from mediadask.editorial.rates import exact_rate, rate_text
from mediadask.editorial.reels import ReelIndex, names_of_file
from mediadask.editorial.retime import Use, source_use
from mediadask.errors import InvalidRequest
from mediadask.render.plan import clip_stem
from mediadask.timecode import Timecode

if TYPE_CHECKING:
    from mediadask.editorial.events import Event
    from mediadask.editorial.timeline import Timeline
    from mediadask.metadata import ClipMetadata

__all__ = ["match_events"]


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
    library = _Library([_Source(clip) for clip in media])
    rate = timeline.rate or library.usual_rate(timeline)
    planned = _apart([_planned(event, library, rate, handles) for event in timeline], rate)
    name = name or PlateName()
    return TurnoverPlan(timeline, rate, tuple(_named(planned, name, timeline.name)), handles, name)


class _Source:
    """A clip, and where its timecode begins."""

    def __init__(self, clip: ClipMetadata) -> None:
        self.url, self.frames, self.reel = clip.path, clip.frames, clip.reel
        self.rate: Fraction | None = None
        self.start: Timecode | None = None
        # What a clip says of itself may be impossible; then it says nothing, and stops no other.
        with suppress(InvalidRequest):
            self.rate = None if clip.frame_rate is None else exact_rate(clip.frame_rate)
            self.start = Timecode.parse(clip.start_timecode, self.rate or 24) if clip.start_timecode else None
        kind = (self.reel, self.rate, clip.codec, clip.width, clip.height, clip.pixel_format)
        numbered = _PART.fullmatch(clip_stem(self.url).casefold())
        self.part = ((numbered[1], *kind), int(numbered[2])) if numbered else None
        """What it is a part of, and which, where its name ends in a number."""

    def __str__(self) -> str:
        if self.start is None:
            return f"{self.url} ({self.frames} frames without timecode)"
        return f"{self.url} ({self.start} to {self.start + self.frames})"

    @property
    def drop(self) -> bool:
        return self.start is not None and self.start.drop

    def frame(self, code: Timecode) -> int:
        """The number of the frame with this timecode, counted on beyond the clip's end, round the clock."""
        start = self.start.frames if self.start is not None else 0
        return (code.frames - start) % code.frames_per_day

    def holds(self, use: Use) -> bool:
        return self.frame(use.first) + use.frames <= self.frames

    def follows(self, before: _Source) -> bool:
        """Whether its timecode runs on from the other's."""
        return before.start is not None and self.start == before.start + before.frames


_PART = re.compile(r"(.*)[-_. ](\d+)")


@dataclass(frozen=True)
class _Match:
    """The clip, or consecutive clips, that hold what an event uses."""

    parts: Sequence[_Source]
    use: Use
    notes: tuple[str, ...] = ()


class _Library:
    """The clips there are, by reel and by file name."""

    def __init__(self, sources: Sequence[_Source]) -> None:
        self._sources = sources
        self._reels = ReelIndex((source.reel, source) for source in sources if source.reel)
        self._files = ReelIndex((name, source) for source in sources for name in names_of_file(source.url))
        self._parts: dict[object, list[_Source]] = defaultdict(list)
        for source in sources:
            if source.part:
                self._parts[source.part].append(source)

    def usual_rate(self, timeline: Timeline) -> Fraction:
        """The rate of most clips that a timeline may mean: what its labels count where it does not say."""
        meant = (next(self._find(name), []) for event in timeline for name in _names(event)[:1])
        rates = Counter(source.rate for source in chain.from_iterable(meant) if source.rate)
        rates = rates or Counter(source.rate for source in self._sources if source.rate)
        return rates.most_common(1)[0][0] if rates else Fraction(24)

    def _find(self, name: str) -> Iterator[list[_Source]]:
        yield from self._reels.find(name)
        yield from self._files.find(name)

    def match(self, event: Event, rate: Fraction) -> _Match:
        """The clip an event means.

        Raises
        ------
        InvalidRequest
            If there is none, or several, or it does not hold what the event uses.
        """
        names = _names(event)
        if not names:
            raise InvalidRequest("names neither reel nor clip", do="export the list with reel names")
        for name in names:
            seen: dict[str, _Source] = {}
            for sources in self._find(name):
                fresh = [source for source in sources if source.url not in seen]
                seen |= {source.url: source for source in fresh}
                if found := _covering(event, fresh, rate):
                    notes = () if name == names[0] else (f"no clip has reel {names[0]}: found as {name}",)
                    return replace(found, notes=(*found.notes, *notes))
            if seen:
                raise _outside(event, list(seen.values()), rate)
        likest = [*self._reels.nearest(names[0]), *self._files.nearest(names[0])]
        raise InvalidRequest(
            f"no clip has reel {names[0]!r}",
            do=f"nearest: {', '.join(dict.fromkeys(likest))}" if likest else "check the media folder",
        )

    def with_handles(self, match: _Match, before: int, behind: int) -> _Match:
        """A match with the parts of its recording before and after it into which handles reach."""
        parts, use = list(match.parts), match.use
        while parts[0].frame(use.first) < before and (part := self._beside(parts[0], -1)):
            parts.insert(0, part)
        needed = parts[0].frame(use.first) + use.frames + behind
        while sum(part.frames for part in parts) < needed and (after := self._beside(parts[-1], 1)):
            parts.append(after)
        return replace(match, parts=parts)

    def _beside(self, source: _Source, step: int) -> _Source | None:
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


def _names(event: Event) -> list[str]:
    """What an event calls its source: the reel, where it has none the clip; then the file."""
    files = names_of_file(event.file) if event.file else []
    return list(dict.fromkeys(name for name in (event.reel or event.clip_name, *files) if name))


def _covering(event: Event, sources: Sequence[_Source], rate: Fraction) -> _Match | None:
    """The one of these that holds what the event uses, or the consecutive ones; None where none does."""
    wanted = event.rate or rate
    alike = [source for source in sources if source.rate in (wanted, None)]
    uses = {drop: source_use(event, wanted, rate, drop=drop) for drop in {source.drop for source in alike}}
    for source in alike:
        if event.source.drop and source.start is not None and not source.drop:
            raise InvalidRequest(f"counts drop-frame, {source} does not", do="correct one of them")
    held = [source for source in alike if source.holds(uses[source.drop])]
    if len(held) > 1:
        held = _called_so(event, held)
    if len(held) > 1:
        raise InvalidRequest(
            f"{len(held)} clips match: {', '.join(map(str, held[:4]))}", do="leave one in the media"
        )
    if held:
        notes = (
            () if held[0].start is not None else ("the clip has no timecode: counted from its first frame",)
        )
        return _Match(held, uses[held[0].drop], notes)
    for drop, use in uses.items():
        run = _consecutive([source for source in alike if source.start and source.drop == drop], use)
        if run:
            return _Match(run, use)
    return None


def _called_so(event: Event, sources: list[_Source]) -> list[_Source]:
    """Those whose file is called as the event says; all where none is."""
    said = {name.casefold() for name in (event.file, event.clip_name) if name for name in names_of_file(name)}
    return [
        source for source in sources if said & {name.casefold() for name in names_of_file(source.url)}
    ] or sources


def _consecutive(sources: Sequence[_Source], use: Use) -> list[_Source]:
    """Clips whose timecode runs on from one to the next and that hold it together; empty where none do."""
    starts = {source.start.frames: source for source in sources if source.start}
    for source in sources:
        run, length = [source], source.frames
        if not source.frame(use.first) < length:
            continue
        while source.frame(use.first) + use.frames > length:
            assert source.start is not None
            following = starts.get((source.start + length).frames)
            if following is None or following in run:
                break
            run.append(following)
            length += following.frames
        else:
            return run
    return []


def _outside(event: Event, sources: Sequence[_Source], rate: Fraction) -> InvalidRequest:
    """Why none of the clips of the right name will do."""
    wanted = event.rate or rate
    alike = [source for source in sources if source.rate in (wanted, None)]
    if not alike:
        rates = ", ".join(sorted({rate_text(source.rate) for source in sources if source.rate}))
        return InvalidRequest(
            f"counts {rate_text(wanted)} frames a second, {sources[0].url} has {rates}",
            do="give the list's rate, or conform the clip",
        )
    use = source_use(event, wanted, rate, drop=alike[0].drop)
    more = f" and {len(alike) - 3} more" if len(alike) > 3 else ""
    day = use.first.frames_per_day
    nearest = sorted(alike, key=lambda source: min(source.frame(use.first), day - source.frame(use.first)))
    return InvalidRequest(
        f"uses {use.first} to {use.first + use.frames}, outside of {', '.join(map(str, nearest[:3]))}{more}",
        do="check the reel and the timecode, or add the clip",
    )


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
        urls[0] if len(urls) == 1 else "concat:" + "|".join(url.removeprefix("concat:") for url in urls),
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
    )


def _handles_of(event: Event, handles: int) -> tuple[int, int]:
    """Frames before and after the cut that are asked for."""
    asked = dict(event.asks)
    return int(asked.get("head", handles)), int(asked.get("tail", handles))


def _apart(planned: Sequence[PlannedEvent], rate: Fraction) -> list[PlannedEvent]:
    """The events, those that lie over an earlier one of their track with that problem."""
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
            if start < end:
                other = planned[before].event
                what = (
                    f"lies over event {other.number} ({other.where}) on track {track} by {end - start} frames"
                )
                result[number] = replace(result[number], problems=(*result[number].problems, what))
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
            yield replace(one, fields=fields, name=path, first_number=number)
