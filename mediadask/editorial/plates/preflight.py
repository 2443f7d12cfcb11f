"""Preflight: what no plate can be made of, said before anything is rendered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mediadask.clips.storage import normalize
from mediadask.editorial.plates.decision import PlateRules, Unfit, decide_plate
from mediadask.errors import MediaError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mediadask.documents.amf import Amf
    from mediadask.editorial.plan import PlannedEvent, TurnoverPlan
    from mediadask.metadata import ClipMetadata

__all__ = ["preflight", "renamed"]

_INPUT_SPACE = "--input-space names the color space of clips that say none; --input-space list shows them"


def preflight(plan: TurnoverPlan, rules: PlateRules) -> TurnoverPlan:
    """The plan, with why no plate can be made of some events, and notes on clips that are turned.

    Its advice says which documents were given and no event uses.
    """
    decided = [None if one.clip is None else decide_plate(one, rules) for one in plan]
    events = tuple(
        one if one.clip is None else replace(_judged(one, spec), notes=(*one.notes, *_turned(one.clip)))
        for one, spec in zip(plan, decided, strict=True)
    )
    unnamed = any(isinstance(spec, Unfit) and spec.is_unnamed for spec in decided)
    advice = [_INPUT_SPACE] if unnamed else []
    return replace(plan, events=events, advice=(*plan.advice, *advice, *_unused(plan, rules)))


def renamed(plan: TurnoverPlan, before: TurnoverPlan, rules: PlateRules) -> TurnoverPlan:
    """The plan, with those events decided again that had other names in `before`: names find grades."""
    names = {one.name for one in before}
    events = (
        one if one.clip is None or one.name in names else _judged(one, decide_plate(one, rules))
        for one in plan
    )
    return replace(plan, events=tuple(events))


def _judged(one: PlannedEvent, spec: object) -> PlannedEvent:
    problems = spec.problems if isinstance(spec, Unfit) else ()
    return replace(one, problems=tuple(dict.fromkeys((*one.problems, *problems))))


def _unused(plan: TurnoverPlan, rules: PlateRules) -> Iterator[str]:
    """Lines on documents that were given for nothing."""
    amfs = {amf.url: amf for amf in (*rules.amfs.of_clips, *rules.amfs.of_show)}
    used: set[str] = set()
    grades_used = False
    for one in plan:
        try:
            amf = rules.amfs.of(one) if one.clip else None
        except MediaError:
            continue
        used.update([amf.url] if amf else [])
        grades_used |= one.clip is not None and one.cdl is None and not (amf and amf.pipeline.looks)
    for place in map(normalize, rules.options.amf):
        if not any(url == place or url.startswith(f"{place.rstrip('/')}/") for url in used):
            yield _unused_amf(place, amfs.get(place))
    if rules.grades.url and not grades_used:
        yield f"{rules.grades.url}: no event uses these grades: each that matches a clip has its own"


def _unused_amf(place: str, amf: Amf | None) -> str:
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
