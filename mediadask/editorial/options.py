"""How a timeline is read, and what of it is pulled."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Literal

from annotated_types import Ge

from mediadask.choices import Conform
from mediadask.options import Option

__all__ = ["NAMES", "Handles", "PullOptions", "TimelineOptions", "Version"]

NAMES = "Names"
"""The heading of options that name plates."""

Handles = Annotated[int, Ge(0), Option("Frames on either side of each cut.", metavar="FRAMES")]

Version = Annotated[int, Ge(0)] | Literal["auto"] | None
"""A plate's version: a number; ``auto`` takes the newest that is delivered, or the next where its pictures
change; None takes that of the name."""


@dataclass(frozen=True)
class TimelineOptions:
    """How a timeline is read: what `mediadask.editorial.read_timeline` takes."""

    rate: Annotated[
        Fraction | float | str | None,
        Option("Frames a second the timecode counts: 23.976, 24000/1001. Default: the clips'."),
    ] = None
    name: Annotated[
        str | None,
        Option(
            "Which of several timelines in the file, or its number.", names=("--timeline",), metavar="NAME"
        ),
    ] = None
    conform: Annotated[
        Conform | None,
        Option("How clips of another rate play where FCPXML leaves it open: frames is one for one."),
    ] = None


@dataclass(frozen=True)
class PullOptions:
    """Which events of a timeline are pulled, and in which version."""

    handles: Handles = 8
    only_shots: Annotated[
        tuple[str, ...],
        Option(
            "Leave out events of other shots, and those that name none. SHOTS is named (all that name a "
            "shot), names and patterns (ABC_104_*, or a regular expression), a .csv or .txt file of names, "
            "or track:V2. Repeatable.",
            metavar="SHOTS",
        ),
    ] = ()
    shot_list: Annotated[
        str | None,
        Option(
            "A CSV with a column shot, and what is asked for each: handles, plate (BG01), version.",
            metavar="FILE",
        ),
    ] = None
    version: Annotated[
        Version,
        Option(
            "Version of the plates, 1 by default. auto: the newest in the folder, and the next for plates "
            "that have changed. A delivered version is never overwritten with other pictures.",
            names=("--version", "--plate-version"),
            metavar="NUMBER|auto",
            panel=NAMES,
        ),
    ] = None
    only_changed: Annotated[
        bool, Option("Leave out events whose plate in the folder holds the same frames.")
    ] = False
