"""Conform pulls: what a timeline uses of its camera originals, cut out as it is."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

from mediadask.clips import Clip
from mediadask.clips.storage import normalize, read_document
from mediadask.delivery import Delivery, Failure, Outcome, Report, Unit
from mediadask.editorial.matching.match import match_events
from mediadask.editorial.matching.media import Media, inspected
from mediadask.editorial.timeline import Timeline, read_timeline
from mediadask.render.output import Format, Output, join_url
from mediadask.render.plan import clip_stem
from mediadask.render.trim import Cut, Trimmed, trim_notes, trim_ranges

if TYPE_CHECKING:
    from mediadask.editorial.plan import PlannedEvent, TurnoverPlan

__all__ = ["noted", "trim", "trim_names", "trim_plan"]


_MOST_BYTES = 256 << 20
"""As of any timeline."""


def trim(
    timeline: Timeline | str | os.PathLike[str],
    media: Media,
    out: str | os.PathLike[str],
    *,
    handles: int = 0,
    rate: Fraction | float | str | None = None,
) -> Delivery:
    """Cut what a timeline uses out of the camera originals, without encoding anything again.

    Every event becomes a file ``<clip>_<event>`` in its clip's own container, with timecode, reel, tags and
    sound. The files of an image sequence are copied into a folder of that name. The timeline is written
    beside them as OTIO, relinked to them.

    Parameters
    ----------
    timeline
        An EDL, OTIO, Final Cut XML, AAF or ALE, or one that has been read.
    media
        Where the clips are, or clips that are inspected already. They are inspected here and now; what
        cannot be read is told by a `MediaWarning`.
    out
        A folder, here or on an object store.
    handles
        Frames on either side of each cut, as many as the clip has.
    rate
        Frames a second that the timeline's timecode counts, whatever it says.

    Returns
    -------
    Delivery
        One group a good event; its report, which lists the bad ones as failures, has `Trimmed` for values.

    Raises
    ------
    MediaError
        If the timeline or the media cannot be read, or a timeline that was not made here is where the
        relinked one goes.
    """
    if not isinstance(timeline, Timeline):
        timeline = read_timeline(timeline, rate=rate)
    return trim_plan(match_events(timeline, inspected(media), handles=handles), out)


def trim_plan(plan: TurnoverPlan, out: str | os.PathLike[str]) -> Delivery:
    """Trim from a plan."""
    names = trim_names(plan.good)
    cuts = [Cut(str(one.url), one.start, one.stop, name) for one, name in zip(plan.good, names, strict=True)]
    trims = trim_ranges(cuts, out)
    place = _timeline_place(plan, normalize(out))
    Output.of(place, TIMELINE, place).is_done()  # refused now, not when all is cut
    relinked = Unit(write_relinked, (plan, place), name=place, kind="relink", frames=0, seconds=0.1)
    return Delivery("trim", trims.groups, finish=partial(_with_bad, plan), closing=relinked)


def noted(plan: TurnoverPlan) -> TurnoverPlan:
    """The plan with what is known of its trims beforehand, such as which begin early, at their key."""
    clips: dict[str, Clip] = {}

    def note(one: PlannedEvent) -> PlannedEvent:
        url = str(one.url)
        try:
            clip = clips[url] = clips.get(url) or Clip.open(url)
        except Exception as error:
            return replace(one, problems=(*one.problems, Failure.of(error).error))
        return replace(one, notes=(*one.notes, *trim_notes(clip, one.start, one.stop)))

    return replace(plan, events=tuple(note(one) if one.ok else one for one in plan.events))


def trim_names(events: Sequence[PlannedEvent]) -> list[str]:
    """What the trims of good events are called, without suffixes: ``A001C003_002``."""
    taken: set[str] = set()
    names = []
    for one in events:
        name = f"{clip_stem(str(one.url))}_{re.sub(r'[^A-Za-z0-9-]', '-', one.event.number)}"
        candidate, number = name, 2
        while candidate.casefold() in taken:  # tracks number their events each from 1
            candidate, number = f"{name}-{number}", number + 1
        taken.add(candidate.casefold())
        names.append(candidate)
    return names


def _with_bad(plan: TurnoverPlan, report: Report) -> Report:
    """The bad events as failures too."""
    bad = (
        Outcome(one.title, failure=Failure(f"{one.title}: {one.complaint}", "InvalidRequest"))
        for one in plan.bad
    )
    return Report(report.name, (*report.outcomes, *bad))


def write_relinked(values: Sequence[Trimmed | Failure], plan: TurnoverPlan, place: str) -> None:
    """Write the timeline relinked to what was made, where anything was."""
    if all(isinstance(value, Failure) for value in values):
        return
    made = iter(values)
    events = tuple(_relinked(one, next(made)) if one.ok else one for one in plan.events)
    _write(place, replace(plan, events=events))


def _relinked(one: PlannedEvent, made: Trimmed | Failure) -> PlannedEvent:
    if isinstance(made, Failure):
        return replace(one, problems=("could not be cut",))
    start, stop = one.start - made.start, one.stop - made.start
    notes = (*one.notes, *made.notes)
    return replace(one, url=made.url, start=start, stop=stop, clip_frames=made.frames, notes=notes)


def _timeline_place(plan: TurnoverPlan, out: str) -> str:
    name = re.sub(r"[^\w.-]+", "_", plan.timeline.name).strip("._") or "timeline"
    return join_url(out, f"{name}.otio")


def _write(url: str, plan: TurnoverPlan) -> None:
    """Write the timeline, unless it is there; one of an earlier cut is replaced, somebody else's never."""
    timeline = plan.to_otio()
    output = Output.of(url, TIMELINE, url, timeline.to_json_string())
    if not output.is_done():
        timeline.metadata["mediadask"] = str(output.mark)
        with output.making(url) as path:
            path.write_text(timeline.to_json_string(), encoding="utf-8")
        output.clear()


def _read_text(url: str) -> str | None:
    try:
        return str(json.loads(read_document(url, _MOST_BYTES))["metadata"]["mediadask"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


TIMELINE = Format("timeline", _read_text)
"""OTIO with the mark in its metadata."""
