"""Times and rates as FCPXML writes them, and how its clips are retimed.

Sources: Apple's FCPXML reference, "Timing Attributes", "timeMap" and "conform-rate"; comments in its DTD.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, get_args

from mediadask.choices import Conform
from mediadask.editorial.rates import exact_rate, rate_text
from mediadask.editorial.readers.timing import Timing
from mediadask.errors import InvalidRequest

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

__all__ = [
    "blending",
    "check_conform",
    "conformed_speed",
    "format_rate",
    "mapped",
    "seconds",
    "seconds_or_nothing",
    "source_rate",
    "unclear_rate",
]

_TIME = re.compile(r"-?[0-9]{1,19}(\.[0-9]{1,19}|/0*[1-9][0-9]{0,18})?s?")


def _ntsc(whole: int) -> Fraction:
    return Fraction(whole * 1000, 1001)


def _alike(media: Fraction, timeline: Fraction) -> Fraction:
    """A rate as it counts beside another, 1000/1001 or whole: 23.976 as 24 beside 30."""
    return _ntsc(round(media)) if _is_ntsc(timeline) else Fraction(round(media))


def _is_ntsc(rate: Fraction) -> bool:
    return rate.denominator % 1001 == 0


_CONFORMED: Mapping[tuple[Fraction, Fraction], Fraction] = {
    (media, timeline): conformed
    for media, pairs in {
        _ntsc(24): {Fraction(24): Fraction(24), Fraction(25): Fraction(25), Fraction(50): Fraction(25)},
        Fraction(24): {_ntsc(24): _ntsc(24), Fraction(25): Fraction(25), Fraction(50): Fraction(25)},
        Fraction(25): {_ntsc(24): _ntsc(24), Fraction(24): Fraction(24)},
        Fraction(50): {_ntsc(24): _ntsc(48), Fraction(24): Fraction(48)},
        _ntsc(30): {Fraction(30): Fraction(30), Fraction(60): Fraction(30)},
        Fraction(30): {_ntsc(30): _ntsc(30), _ntsc(60): _ntsc(30)},
        _ntsc(60): {Fraction(30): Fraction(60), Fraction(60): Fraction(60)},
        Fraction(60): {_ntsc(30): _ntsc(60), _ntsc(60): _ntsc(60)},
    }.items()
    for timeline, conformed in pairs.items()
}
"""The rate that media plays at in a timeline, by both rates: the chart in Apple's "conform-rate". Pairs that
are not in it are not conformed, but play in real time. Yet Final Cut Pro conforms some that the chart lacks,
between rates of 1000/1001 and whole ones, such as 23.976 to 30."""


def check_conform(conform: str | None) -> Conform | None:
    """Return the way to conform, after checking it.

    Raises
    ------
    InvalidRequest
        If it is no way to conform.
    """
    for known in get_args(Conform):
        if conform == known:
            return known  # type: ignore[no-any-return]
    if conform is None:
        return None
    raise InvalidRequest(f"{conform!r} is no way to conform", do=f"use {' or '.join(get_args(Conform))}")


def seconds(element: Element, name: str) -> Fraction:
    """A time, written ``86400/24s`` or ``5s``; 0 where it is not said.

    Raises
    ------
    InvalidRequest
        If it is none.
    """
    said = element.get(name, "0s")
    if not _TIME.fullmatch(said):
        raise InvalidRequest(f"has a {name} of no sense ({said[:40]!r})", do="export it again")
    return Fraction(said.removesuffix("s"))


def seconds_or_nothing(element: Element, name: str) -> Fraction:
    """Return a time that only says where something lies in the timeline: 0 if it makes no sense."""
    try:
        return seconds(element, name)
    except InvalidRequest:
        return Fraction(0)


def format_rate(named: Element | None) -> Fraction | None:
    """Frames a second of a ``<format>``; None where it has none, as that of stills."""
    duration = Fraction(0) if named is None else seconds_or_nothing(named, "frameDuration")
    return 1 / duration if duration > 0 else None


def source_rate(*elements: Element) -> Fraction | None:
    """Frames a second of a clip's media as its ``<conform-rate>`` says; None where nothing does.

    Raises
    ------
    InvalidRequest
        If it is no rate.
    """
    said = (one.find("conform-rate") for one in elements)
    rate = next((one.get("srcFrameRate") for one in said if one is not None), None)
    return exact_rate(rate) if rate else None


def conformed_speed(
    elements: tuple[Element, ...], media: Fraction, timeline: Fraction, conform: Conform | None
) -> Fraction:
    """How fast media of one rate plays in a timeline of another: 1 is real time.

    Parameters
    ----------
    elements
        The clip and what it holds: the first ``<conform-rate>`` in them counts.
    conform
        What to do where the file leaves it open.

    Raises
    ------
    InvalidRequest
        If the file leaves it open and nobody says, or contradicts itself.
    """
    if media == timeline:
        return Fraction(1)
    found = next(
        (one for one in (element.find("conform-rate") for element in elements) if one is not None), None
    )
    said = source_rate(*elements)
    if said is not None and media not in (said, said / 2, said * 2):  # fields count as frames there
        what = f"has media of {rate_text(media)} frames a second, and its conform-rate says {rate_text(said)}"
        raise InvalidRequest(what, do="export it again")
    if found is not None and found.get("scaleEnabled") == "0":
        return Fraction(1)
    conformed = _CONFORMED.get((media, timeline))
    if conformed is None and (found is None or _is_ntsc(media) == _is_ntsc(timeline)):
        return Fraction(1)
    if found is not None and conformed is not None:
        return conformed / media
    if conform == "real-time":
        return Fraction(1)
    if conform == "frames":
        return (conformed or _alike(media, timeline)) / media
    what = f"has media of {rate_text(media)} frames a second in a timeline of {rate_text(timeline)}"
    raise unclear_rate(what)


def unclear_rate(what: str) -> InvalidRequest:
    """What is said of a clip whose rate the file leaves open."""
    return InvalidRequest(
        f"{what}, and the file does not say how it plays",
        do="compare its last frame in the edit with --conform real-time and with --conform frames",
    )


def blending(*elements: Element) -> str | None:
    """How frames of a retimed clip are made of several; None where each shows one of its media's."""
    retimes = (one.find(tag) for one in elements for tag in ("timeMap", "conform-rate"))
    said = (one.get("frameSampling", "floor") for one in retimes if one is not None)
    return next((how for how in said if how not in ("floor", "nearest-neighbor")), None)


def mapped(element: Element, start: Fraction | None, length: Fraction, rate: Fraction) -> Timing | None:
    """How a clip's ``<timeMap>`` leads from its adjusted to its original time; None where it has none.

    Parameters
    ----------
    start
        Where the clip's used part begins, in adjusted time; None: with the map.
    length
        How long it is.
    rate
        Frames a second of the timeline: by less than a frame a clip may outlast its map.

    Raises
    ------
    InvalidRequest
        If the speed changes in the used part, or the map does not reach it.
    """
    found = element.find("timeMap")
    if found is None:
        return None
    points = [(seconds(one, "time"), seconds(one, "value"), one) for one in found.iterfind("timept")]
    if len(points) < 2 or any(before[0] >= after[0] for before, after in pairwise(points)):
        raise InvalidRequest("has a time map of no sense", do="retime it again")
    begin = points[0][0] if start is None else start
    end = begin + length
    if begin < points[0][0] - 1 / rate or end > points[-1][0] + 1 / rate:
        raise InvalidRequest("plays beyond its time map", do="export it again")
    lines = [
        (before[0], after[0], Timing(before[0], before[1], (after[1] - before[1]) / (after[0] - before[0])))
        for before, after in pairwise(points)
    ]
    least = 1 / rate / 100  # of the part of a line that counts: cuts are rounded
    used = [
        number
        for number, (first, last, _) in enumerate(lines)
        if (first < end - least or number == 0) and (last > begin + least or number == len(lines) - 1)
    ]
    line = lines[used[0]][2]
    speeds = {lines[number][2].speed for number in used}
    # The curve at a point reaches as far as its inTime and outTime say.
    curved = any(
        _curves(lines, points, number) and not (end <= before + least or begin >= after - least)
        for number, (before, after) in enumerate(_reaches(points))
    )
    if len(speeds) > 1 or curved:
        raise InvalidRequest("is retimed at a speed that changes as it plays", do="export it without")
    return line


def _curves(
    lines: list[tuple[Fraction, Fraction, Timing]],
    points: list[tuple[Fraction, Fraction, Element]],
    number: int,
) -> bool:
    """Whether the speed changes smoothly at a point: where lines of two speeds meet, unless it is linear."""
    if not 0 < number < len(points) - 1 or points[number][2].get("interp") == "linear":
        return False
    return lines[number - 1][2].speed != lines[number][2].speed


def _reaches(points: list[tuple[Fraction, Fraction, Element]]) -> list[tuple[Fraction, Fraction]]:
    """How far the curve at each point reaches; to the points beside it where nothing is said."""
    times = [time for time, _, _ in points]
    return [
        (
            time - seconds(one, "inTime") if one.get("inTime") else before,
            time + seconds(one, "outTime") if one.get("outTime") else after,
        )
        for before, after, (time, _, one) in zip(
            [times[0], *times], [*times[1:], times[-1]], points, strict=False
        )
    ]
