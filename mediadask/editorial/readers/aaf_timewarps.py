"""What OpenTimelineIO's adapter (otio-aaf-adapter 2.0) hands on of an AAF's timewarps and makes no use of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

import opentimelineio as otio

__all__ = ["aaf_is_adapter", "aaf_is_keyframed", "aaf_mixed_start", "aaf_source_frames"]

_POSITION, _SPEED = "PARAM_OFFSET_MAP_U", "PARAM_SPEED_MAP_U"
_SAME = 1e-3
"""Two speeds that are one: Avid rounds its keyframes to whole frames of the source, and to eight digits."""


def aaf_is_keyframed(effect: Any) -> bool:
    """Whether its speed changes as it plays, by keyframes of its speed or its position.

    The adapter makes one constant speed of them. Keyframes of position that lie on a straight line are one.
    """
    parameters = _parameters(effect)
    if _POSITION in parameters:
        keys = _keyframes(parameters[_POSITION])
        slopes = [
            (later[1] - one[1]) / (later[0] - one[0]) for one, later in pairwise(keys) if later[0] > one[0]
        ]
        return not slopes or max(slopes) - min(slopes) > _SAME * max(map(abs, slopes))
    speeds = [value for _, value in _keyframes(parameters.get(_SPEED))]
    return bool(speeds) and max(speeds) - min(speeds) > _SAME


def aaf_is_adapter(effect: Any) -> bool:
    """Whether it is Avid's motion adapter, by which media of another rate plays in real time."""
    said = effect.metadata.get("AAF", {})
    attributes = said.get("ComponentAttributeList", {}) if isinstance(said, Mapping) else {}
    return isinstance(attributes, Mapping) and "_MIXMATCH_MOTIONADAPTER" in attributes


def aaf_mixed_start(effects: Sequence[Any], used: Any, media: Any) -> float | None:
    """The first frame of media of another rate, in the media's own count; None where there is no adapter.

    Avid counts it from the media's beginning in the media's frames. The AAF adapter takes it for frames of
    the timeline, and converts it: 6514 of 30 a second in a timeline of 25 becomes 7816.8.
    """
    if media is None or not any(map(aaf_is_adapter, effects)) or used.duration.rate == used.start_time.rate:
        return None
    begin = media.start_time.rescaled_to(used.start_time.rate).value
    return float(begin + (used.start_time.value - begin) * used.duration.rate / used.start_time.rate)


def aaf_source_frames(effects: Sequence[Any], shown: float) -> int | None:
    """How many frames of its source so many frames show; None where no timewarp of an AAF says it.

    Avid's SpeedRatio is the frames shown over the source's: 8/15 where eight frames at 200 % show every
    second of fifteen. What has been trimmed since, by a transition say, has another length.
    """
    warps = [effect for effect in effects if isinstance(effect, otio.schema.LinearTimeWarp)]
    if len(warps) != 1 or isinstance(warps[0], otio.schema.FreezeFrame):
        return None
    ratio = _parameters(warps[0]).get("SpeedRatio")
    if ratio is None or warps[0].metadata["AAF"].get("Length") != shown:
        return None
    try:
        return max(round(Fraction(int(shown)) / abs(Fraction(str(ratio)))), 1)
    except (ValueError, ZeroDivisionError):
        return None


def _parameters(effect: Any) -> Mapping[str, Any]:
    said = effect.metadata.get("AAF", {})
    parameters = said.get("Parameters", {}) if isinstance(said, Mapping) else {}
    return parameters if isinstance(parameters, Mapping) else {}


def _keyframes(said: Any) -> list[tuple[float, float]]:
    """(time, value) of each."""
    listed = said.get("keyframe_values") if isinstance(said, Mapping) else None
    return [(float(time), float(value)) for time, value in listed or ()]
