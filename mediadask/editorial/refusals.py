"""What no plate can be made of, known before anything is rendered: from what clips say, none is opened."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from mediadask.clips.clip_url import ClipUrl
from mediadask.clips.storage import normalize
from mediadask.delivery import Failure
from mediadask.editorial.amfs import TurnoverAmfs
from mediadask.editorial.grades import TurnoverGrades
from mediadask.editorial.plates import check_amf, check_color, framing_choice, plate_grade, plate_stem
from mediadask.errors import MediaError
from mediadask.pixels.color.config import config_url
from mediadask.pixels.color.spaces import input_space

if TYPE_CHECKING:
    from mediadask.documents.amf import Amf
    from mediadask.editorial.plan import PlannedEvent, TurnoverPlan
    from mediadask.editorial.plates import PlateOptions
    from mediadask.metadata import ClipMetadata

__all__ = ["refuse_unfit"]

_INPUT_SPACE = "--input-space names the color space of clips that say none; --input-space list shows them"


def refuse_unfit(plan: TurnoverPlan, media: Iterable[ClipMetadata], options: PlateOptions) -> TurnoverPlan:
    """The plan, those events refused whose clip is in a color space that nobody names, that no FDL is for,
    whose AMF cannot be followed, or that a file of grades has none for. Turned clips get a note. What was
    given and no event uses is said.

    Parameters
    ----------
    media
        The clips the plan was made over.
    """
    config = config_url(options.config)
    amfs, grades = TurnoverAmfs.read(options.amf), TurnoverGrades.read(options.cdl)
    clips = {_first_file(clip.path): clip for clip in media}
    unnamed, used = False, set[str]()
    of_url = {amf.url: amf for amf in (*amfs.of_clips, *amfs.of_show)}

    @cache
    def unfollowed(amf: str) -> tuple[str, ...]:
        try:
            check_amf(of_url[amf], options)
        except Exception as error:
            return (Failure.of(error).error,)
        return ()

    @cache
    def unmade(source: str) -> tuple[str, ...]:
        try:
            check_color(source, options)
        except Exception as error:
            return (Failure.of(error).error,)
        return ()

    @cache
    def problems(url: str, amf: str | None) -> tuple[str, ...]:
        nonlocal unnamed
        clip = clips[url]
        found = [] if amf is None else [*unfollowed(amf)]
        try:
            if amf is None:
                found += unmade(input_space(clip, options.input_space, config))
        except MediaError as error:
            unnamed = True
            found.append(f"{clip.path}: {error.what}; name it with --input-space")
        try:
            framing_choice(clip.path, clip.width, clip.height, options)
        except Exception as error:
            found.append(Failure.of(error).error)
        return tuple(found)

    def judged(one: PlannedEvent) -> PlannedEvent:
        if one.url is None:
            return one
        more: list[str] = []
        try:
            amf = amfs.of(one)
            used.update([amf.url] if amf else [])
            more += problems(_first_file(one.url), amf and amf.url)
            if one.cdl is None and not (amf and amf.pipeline.looks):
                used.add(grades.url)
            if one.name is not None:
                plate_grade(one, amf, grades, plate_stem(one.name).rpartition("/")[2])
        except Exception as error:
            more.append(Failure.of(error).error)
        notes = _turned(clips[_first_file(one.url)])
        return replace(one, problems=(*one.problems, *more), notes=(*one.notes, *notes))

    events = tuple(map(judged, plan))
    advice = [_INPUT_SPACE] if unnamed else []
    for place in map(normalize, options.amf):
        ours = [of_url[place]] if place in of_url else []
        if not any(url == place or url.startswith(f"{place.rstrip('/')}/") for url in used):
            advice.append(_unused(place, ours[0] if ours else None))
    if grades.url and grades.url not in used:
        advice.append(f"{grades.url}: no event uses these grades: each that matches a clip has its own")
    return replace(plan, events=events, advice=(*plan.advice, *advice))


def _unused(place: str, amf: Amf | None) -> str:
    """A line on AMFs that were given for nothing."""
    if amf is None:
        return f"{place}: no event uses an AMF of this folder"
    named = (amf.clip.name or amf.clip.file) if amf.clip else None
    return f"{place}: no event uses this AMF" + (f"; it is for {named}" if named else "")


def _turned(clip: ClipMetadata) -> tuple[str, ...]:
    how = [f"turned by {clip.rotation} degrees"] if clip.rotation else []
    if clip.mirrored:
        how.insert(0, "mirrored")
    return (f"the clip is shown {' and '.join(how)}: plates are as stored, reviews upright",) if how else ()


def _first_file(url: str) -> str:
    return ClipUrl.parse(url).first
