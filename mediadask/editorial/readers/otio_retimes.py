"""Which frames an OpenTimelineIO clip shows by its effects: OTIO's own, FCP 7 XML's and those of an AAF."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import opentimelineio as otio

from mediadask.editorial.events import Span
from mediadask.editorial.readers.aaf_timewarps import (
    aaf_is_adapter,
    aaf_is_keyframed,
    aaf_mixed_start,
    aaf_source_frames,
)

__all__ = ["effects_speed", "frames_used", "remap"]


def frames_used(used: Any, media: Any, speed: Fraction, effects: Sequence[Any]) -> Span:
    """Whole frames that hold the range, in the source's count."""
    first = used.start_time.value
    last = first + used.duration.rescaled_to(used.start_time.rate).value
    if (begin := aaf_mixed_start(effects, used, media)) is not None:
        first, last = begin, begin + last - first
    elif media is not None and speed != 1 and any(remap(effect) is not None for effect in effects):
        # FCP 7 XML counts in and out in the retimed clip's frames, from its beginning or, reversed, its end.
        begin = media.start_time.rescaled_to(used.start_time.rate).value
        end = media.end_time_exclusive().rescaled_to(used.start_time.rate).value
        into, length = (first - begin) * abs(speed), last - first
        needed = math.floor((length - 1) * abs(speed)) + 1 if speed else 1
        first = begin + into if speed >= 0 else end - into - needed
        last = first + needed
    elif (listed := aaf_source_frames(effects, last - first)) is not None:
        last = first + listed
    return Span(math.floor(first + 1e-6), math.ceil(last - 1e-6))


def effects_speed(effects: Sequence[Any]) -> tuple[Fraction, list[str]]:
    """Source frames a timeline frame, and what of the effects cannot be told."""
    speed, unclear = Fraction(1), []
    for effect in effects:
        said = remap(effect)
        if aaf_is_adapter(effect) or not effect.enabled:
            continue
        if said is not None:
            per_cent = Fraction(str(said.get("speed", 100)))
            backwards = str(said.get("reverse")).upper() == "TRUE" and per_cent > 0
            speed *= (-per_cent if backwards else per_cent) / 100
            if str(said.get("variablespeed")).upper() in ("1", "TRUE"):
                unclear.append("its speed changes as it plays (Time Remap): export it without")
            elif 0 < abs(per_cent) < 1:  # some systems write a factor where the format has per cent
                unclear.append(f"its speed is {float(per_cent):g} %, or that many times")
        elif aaf_is_keyframed(effect):
            unclear.append(f"its speed changes as it plays ({effect.name}, by keyframes): export it without")
        elif isinstance(effect, otio.schema.FreezeFrame):
            speed = Fraction(0)
        elif isinstance(effect, otio.schema.LinearTimeWarp):
            speed *= Fraction(effect.time_scalar).limit_denominator(10_000)
        elif isinstance(effect, otio.schema.TimeEffect):
            unclear.append(
                f"its speed changes as it plays ({effect.effect_name or effect.name}): export it without"
            )
    return speed, unclear


def remap(effect: Any) -> dict[Any, Any] | None:
    """What FCP 7 XML's Time Remap filter says, which the adapter hands on as it found it."""
    said = effect.metadata.get("fcp_xml", {})
    if said.get("effectid") != "timeremap" or not effect.enabled:
        return None
    parameters = said.get("parameter", [])
    listed = [parameters] if isinstance(parameters, Mapping) else parameters
    return {one.get("parameterid"): one.get("value") for one in listed}
