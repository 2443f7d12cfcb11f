"""Events of an OpenTimelineIO timeline, whatever adapter made it: OTIO's own files, FCP XML, AAF."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import opentimelineio as otio

from mediadask.documents.cdl import Cdl
from mediadask.editorial.events import Event, Span, Transition
from mediadask.editorial.rates import exact_rate
from mediadask.editorial.readers.aaf_timewarps import aaf_mixed_start
from mediadask.editorial.readers.otio_markers import Mark, frame_at, markers_inside, marks_over, with_marks
from mediadask.editorial.readers.otio_media import file_number, media_file, media_reel, other_media
from mediadask.editorial.readers.otio_retimes import effects_speed, frames_used, remap
from mediadask.editorial.readers.timing import Timing
from mediadask.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "DROP",
    "NOTES",
    "PROBLEM",
    "TIMING",
    "clip_timing",
    "exact_seconds",
    "flattened",
    "timeline_events",
    "timeline_rate",
]

PROBLEM = "mediadask_problem"
"""In a clip's metadata: why its reader could not tell what it shows."""

DROP = "mediadask_drop_frame"
"""In a timeline's metadata: whether its timecode is drop-frame."""

NOTES = "mediadask_notes"
"""In a clip's metadata: what its reader has to say of it."""

TIMING = "mediadask_timing"
"""In a clip's metadata: the parts of its `Timing`, where its reader knows it."""

_ODD = (otio.exceptions.OTIOError, ArithmeticError, AttributeError, TypeError, ValueError)
"""What OpenTimelineIO and Python raise where a file gives a range, a speed or metadata of no sense."""

_DEPTH = 8
"""How deep in a clip's metadata its reel is looked for, and in sequences its clips."""


def timeline_events(timeline: otio.schema.Timeline) -> tuple[tuple[Event, ...], tuple[str, ...]]:
    """The events of all picture tracks, track by track; and what asks for no picture, one line each.

    A sequence in a sequence is taken apart: its events are those of what is on top in it. An event has the
    markers on its clip, and those of its track and of the timeline that lie over it.
    """
    start = timeline.global_start_time or otio.opentime.RationalTime(0, timeline_rate(timeline) or 24)
    _switch_off(timeline)
    drop = _is_drop(timeline)
    by_track: list[tuple[int, Event]] = []
    skipped: list[str] = []
    marks: list[Mark] = []
    names = _track_names([track.name for track in timeline.video_tracks()])
    for number, track in enumerate(timeline.video_tracks(), 1):
        name = names[number - 1]
        if not track.enabled:
            skipped.append(f"track {name} is disabled")
            continue
        reader = _Track(name, number, start, skipped, marks)
        for event in reader.events((None, *track, None), 0.0, f"track {name}"):
            by_track.append((number, replace(event, number=f"{len(by_track) + 1:03}", drop=drop)))
        marks += marks_over(track.markers, start, number)
    marks += marks_over(timeline.tracks.markers, start, None)
    skipped += [
        f"track {track.name or number} is sound" for number, track in enumerate(timeline.audio_tracks(), 1)
    ]
    return tuple(with_marks(by_track, marks)), tuple(skipped)


def _is_drop(timeline: otio.schema.Timeline) -> bool | None:
    """Whether a timeline's timecode is drop-frame; None where it does not say, as OTIO cannot."""
    said = timeline.metadata.get(DROP)
    if said is None:
        shown = _at(timeline.metadata, "fcp_xml", "timecode", "displayformat")
        said = shown == "DF" if isinstance(shown, str) else None
    return None if said is None else bool(said)


def _at(metadata: Any, *names: str) -> Any:
    """What stands in nested metadata; None where nothing does."""
    for name in names:
        metadata = metadata.get(name) if isinstance(metadata, Mapping) else None
    return metadata


def _switch_off(timeline: otio.schema.Timeline) -> None:
    """Disable what Final Cut Pro 7 XML says is: its adapter hands that on as it found it."""
    for item in timeline.find_children(descended_from_type=otio.core.Item):
        if str(_at(item.metadata, "fcp_xml", "enabled")).upper() == "FALSE":
            item.enabled = False
        filters = _at(item.metadata, "fcp_xml", "filter") or []
        off = {
            _at(one, "effect", "effectid")
            for one in ([filters] if isinstance(filters, Mapping) else filters)
            if str(_at(one, "enabled")).upper() == "FALSE"
        }
        for effect in item.effects:
            if off:
                effect.enabled = _at(effect.metadata, "fcp_xml", "effectid") not in off


def _track_names(given: Sequence[str]) -> list[str]:
    """Names that tell picture tracks apart: Avid calls all of an AAF's the same."""
    names: list[str] = []
    for number, name in enumerate(given, 1):
        own = name if name and given.count(name) == 1 else f"V{number}"
        names.append(own if own == name or own not in (*given, *names) else f"{own} ({number})")
    return names


def timeline_rate(timeline: otio.schema.Timeline) -> float | None:
    """Frames a second of its start, else of the first picture track, of its first item where not every one
    has a length."""
    start = timeline.global_start_time
    if start is not None and start.rate > 1:
        return float(start.rate)
    tracks = [track for track in timeline.video_tracks() if len(track)]
    lengths = (_length(item) for track in tracks for item in (track, *track))
    return next((length.rate for length in lengths if length is not None and length.rate > 0), None)


def _length(item: Any) -> otio.opentime.RationalTime | None:
    """None where neither the item nor its media has a range."""
    try:
        return item.duration()
    except otio.exceptions.OTIOError:
        return None


@dataclass(frozen=True)
class _Track:
    """A picture track as its events are read off it."""

    name: str
    number: int
    start: otio.opentime.RationalTime
    """Where the timeline starts."""

    skipped: list[str]
    marks: list[Mark]
    """Markers of sequences in it, and of what is no picture: on gaps and titles, too, editors mark shots."""

    def events(self, children: Sequence[Any], at: float, inside: str, depth: int = 0) -> Iterator[Event]:
        """The events of `children`, but for the first and last, which are neighbors or None.

        `at` is in seconds from the start.
        """
        trios = zip(pairwise(children), children[2:], strict=False)
        for number, ((before, child), after) in enumerate(trios, 1):
            if isinstance(child, otio.schema.Transition):
                continue
            where = f"{inside}, item {number}"
            length = _length(child)
            if length is None or length.rate <= 0:
                yield self._bad(where, f"{child.name or 'what it shows'} has no length: give it a range")
                continue
            begin = at
            at += length.to_seconds()
            if isinstance(child, otio.schema.Gap):
                self._mark(child, begin, None)
                continue
            if not child.enabled:
                self.skipped.append(f"{where}: {child.name} is disabled")
            elif problem := child.metadata.get(PROBLEM):
                yield self._bad(where, f"{child.name or 'the clip'} {problem}")
            elif not isinstance(child, otio.schema.Clip):
                self._mark(child, begin, self.number)
                try:
                    flat = flattened(child, depth)
                except InvalidRequest as error:
                    yield self._bad(where, f"{child.name or 'a nested sequence'} {error}")
                else:
                    if all(isinstance(one, otio.schema.Gap) for one in flat):
                        self.skipped.append(f"{where}: {child.name} is a sequence without pictures")
                    yield from self.events((before, *flat, after), begin, where, depth + 1)
            elif isinstance(child.media_reference, otio.schema.GeneratorReference):
                self._mark(child, begin, None)
                self.skipped.append(f"{where}: {child.name} is made by a generator")
            else:
                try:
                    record = _record(self.start, begin, length)
                    rate = self.start.rate if self.start.rate > 1 else length.rate
                    event = _clip_event(child, self.name, record, rate, where, before, after)
                except _ODD as error:
                    event = self._bad(where, f"{child.name or 'the clip'} makes no sense ({error})")
                yield event

    def _mark(self, item: Any, begin: float, track: int | None) -> None:
        with suppress(*_ODD):
            self.marks.extend(
                Mark((frame_at(self.start, begin + into),), texts, track)
                for into, texts in markers_inside(item)
            )

    def _bad(self, where: str, what: str) -> Event:
        return Event("", Span(0, 0), track=self.name, where=where, problems=(f"{where}: {what}",))


def clip_timing(clip: Any) -> Timing | None:
    """How a clip's time runs to its media's, where its reader has told."""
    said = clip.metadata.get(TIMING)
    return None if said is None else Timing(*map(Fraction, said))


def exact_seconds(time: otio.opentime.RationalTime) -> Fraction:
    """A time of OpenTimelineIO, of which rates are floating-point numbers, in seconds."""
    return Fraction(time.value) / exact_rate(time.rate)


def flattened(nested: Any, depth: int = 0) -> otio.schema.Track:
    """What is on top in a sequence, as long as it is shown.

    Raises
    ------
    InvalidRequest
        If that cannot be told.
    """
    if depth >= _DEPTH:
        raise InvalidRequest("is a sequence in too many sequences", do="flatten it")
    if any(
        isinstance(effect, otio.schema.TimeEffect) or remap(effect) is not None for effect in nested.effects
    ):
        raise InvalidRequest("is a sequence that is retimed as a whole", do="retime its clips instead")
    layers = [nested] if isinstance(nested, otio.schema.Track) else [_layer(child) for child in nested]
    pictures = [one for one in layers if one.kind == otio.schema.TrackKind.Video and one.enabled]
    if not pictures:
        raise InvalidRequest("is a sequence whose pictures the file does not hold", do="flatten it")
    try:
        flat = otio.algorithms.flatten_stack(pictures)
        return otio.algorithms.track_trimmed_to_range(flat, nested.trimmed_range())
    except (otio.exceptions.OTIOError, ValueError) as error:
        # A transition across a cut that another layer makes is the usual one.
        raise InvalidRequest(f"is a sequence that cannot be flattened ({error})", do="flatten it") from None


def _layer(child: Any) -> otio.schema.Track:
    if isinstance(child, otio.schema.Track):
        return child
    track = otio.schema.Track(kind=otio.schema.TrackKind.Video)
    track.append(child.deepcopy())
    return track


def _record(start: otio.opentime.RationalTime, begin: float, length: otio.opentime.RationalTime) -> Span:
    rate = start.rate if start.rate > 1 else length.rate
    first = round(start.rescaled_to(rate).value + begin * rate)
    last = round(start.rescaled_to(rate).value + (begin + length.to_seconds()) * rate)
    return Span(first, last)


def _clip_event(
    clip: Any, track: str, record: Span, rate: float, where: str, before: Any, after: Any
) -> Event:
    """The event of a clip in a timeline of so many frames a second."""
    reference = clip.media_reference
    used = clip.trimmed_range()
    speed, unclear = effects_speed(clip.effects)
    media = reference.available_range if reference is not None else None
    timing = clip_timing(clip)
    if timing is not None:
        rates = (exact_rate(rate), exact_rate(used.start_time.rate))
        source = timing.frames(exact_seconds(used.start_time), int(record.stop) - int(record.start), *rates)
        speed = timing.speed
    else:
        source = frames_used(used, media, speed, clip.effects)
    head, tail = _transition(before, "in_offset"), _transition(after, "out_offset")
    around = [one.beyond / rate if one else 0.0 for one in (head, tail)]
    if timing is None and abs(speed) > 1:  # a retimed clip's markers may count in its media's time
        around[1] += float(abs(speed) - 1) * used.duration.to_seconds()
    texts = (text for _, texts in markers_inside(clip, *around) for text in texts)
    event = Event(
        "",
        source,
        record,
        track,
        media_reel(reference, clip),
        clip.name or None,
        media_file(reference),
        exact_rate(used.start_time.rate, where=where),
        speed=speed,
        head=head,
        tail=tail,
        markers=tuple(dict.fromkeys(texts)),
        where=where,
        problems=tuple(f"{where}: {what}" for what in unclear),
        notes=tuple(clip.metadata.get(NOTES, ())),
        exact=timing is not None,
    )
    number = file_number(reference, int(source.start), event.rate or Fraction(24))
    event = replace(event, file_number=number, others=tuple(_others(clip, used, event)))
    if aaf_mixed_start(clip.effects, used, media) is not None:
        what = "its media has another rate than the timeline, and is counted as Avid counts it"
        event = replace(event, notes=(*event.notes, f"{where}: {what}"))
    try:
        return replace(event, cdl=_cdl(clip.metadata.get("cdl")))
    except InvalidRequest as error:
        return replace(event, notes=(*event.notes, f"{where}: its grade is left out: {error}"))


def _transition(item: Any, beyond: str) -> Transition | None:
    if not isinstance(item, otio.schema.Transition):
        return None
    kind = "dissolve" if item.transition_type == "SMPTE_Dissolve" else item.name or "transition"
    frames = (item.in_offset + item.out_offset).value
    return Transition(kind, round(frames), math.ceil(getattr(item, beyond).value))


def _others(clip: Any, used: Any, event: Event) -> Iterator[Event]:
    """The event by the other media that the clip names."""
    for reference, first in other_media(clip, used):
        moved = math.floor(first + 1e-6) - math.floor(used.start_time.value + 1e-6)
        source = Span(int(event.source.start) + moved, int(event.source.stop) + moved)
        number = file_number(reference, int(source.start), event.rate or Fraction(24))
        file = media_file(reference)
        yield replace(event, source=source, reel=None, clip_name=None, file=file, file_number=number)


def _cdl(said: Any) -> Cdl | None:
    if not isinstance(said, Mapping) or not said:
        return None
    try:
        sop = said.get("asc_sop", {})
        slope, offset, power = (
            _triple(sop.get(name, [default] * 3))
            for name, default in (("slope", 1), ("offset", 0), ("power", 1))
        )
        return Cdl(slope, offset, power, float(said.get("asc_sat", 1.0)))
    except InvalidRequest:
        raise
    except _ODD:
        raise InvalidRequest(
            f"{dict(said)!r:.200} is no CDL", do="give asc_sop slope, offset and power as three numbers each"
        ) from None


def _triple(values: Sequence[float]) -> tuple[float, float, float]:
    red, green, blue = map(float, values)
    return red, green, blue
