"""Two lines of an EDL that make one event: whose each thing is that the list says below both.

The first line of a transition is what it leaves, that of a key its background. Lists say nearly all of both
below the second line: Avid writes FROM CLIP NAME and SOURCE FILE for the first, TO CLIP NAME for the second,
and a motion effect (M2) is for the reel that it names. In keys FROM CLIP NAME is the background and KEY CLIP
NAME what lies over it, as Foundry's importer for Hiero has it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from mediadask.editorial.readers.edl_lines import Comments, EventLine, Motion

__all__ = ["Statement", "pair_up", "same_label"]

_LEAST_CUT = 8
"""The fewest characters by which a reel name is taken for the beginning of a longer one."""


@dataclass
class Statement:
    """An event's line, what is said below it, and what of that is its own."""

    line: EventLine
    below: list[tuple[str, str]] = field(default_factory=list)
    """(where, line) of comments and effects."""

    said: Comments = field(default_factory=Comments)
    before: Statement | None = None
    """What a transition leaves, or what a key lies over."""

    is_before: bool = False
    """Whether it is that of another."""

    clip_name: str | None = None
    file: str | None = None
    long_reel: str | None = None
    is_generated: bool = False
    motion: Motion | None = None
    sop: str | None = None
    saturation: str | None = None
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def nothing(self) -> str | None:
        """What it has instead of the picture of a source; None where it has one."""
        return self.line.nothing or ("made by a generator" if self.is_generated else None)

    @property
    def is_named(self) -> bool:
        """Whether anything tells what its source is."""
        return bool(self.line.reel.upper() != "AX" or self.clip_name or self.file or self.said.reel)


def pair_up(statements: Sequence[Statement]) -> None:
    """Tell of every statement what is its own."""
    for before, statement in zip([None, *statements], statements, strict=False):
        if before is not None and _is_one_event(before.line, statement.line):
            statement.before, before.is_before = before, True
    for one in statements:
        if one.before is not None:
            _divide(one.before, one)
        elif not one.is_before:
            _own(one)
            for motion in one.said.motions:
                _give(motion, [one], among=1)
    for before, one in pairwise(statements):
        goes_on = before.line.record.stop == one.line.record.start and before.line.reel == one.line.reel
        if one.line.edit == "KB" and goes_on and not before.is_named:  # a cut to a key's background is of it
            before.clip_name, before.file = one.clip_name, one.file


def _is_one_event(before: EventLine, line: EventLine) -> bool:
    if line.is_transition:
        return before.is_left_by(line)
    return line.edit in ("K", "KO") and before.edit == "KB" and before.number == line.number


def _own(one: Statement) -> None:
    """What is said below an event that is alone, but for its motion effects."""
    said = one.said
    # Of a transition without the line that it leaves, FROM names what is left: that is the event before.
    own = ("", "TO") if one.line.is_transition else ("", "FROM", "TO", "KEY")
    own_files = ("TO",) if one.line.is_transition else own
    one.clip_name = next((name for side, name in reversed(said.names) if side in own), None)
    one.file = next((file for side, file in reversed(said.files) if side in own_files), None) or None
    one.sop, one.saturation = _last(said.sops), _last(said.saturations)
    one.long_reel = said.long_reels.get(one.line.reel)
    one.is_generated = bool(set(own) & set(said.generated))


def _divide(before: Statement, one: Statement) -> None:
    """What is said below two lines, each to its own."""
    if before.before is None:
        _own(before)
    said, black = one.said, before.line.nothing is not None
    left, entered = said.name("FROM"), said.name("TO") or said.name("KEY") or said.name("")
    if entered is None and (black or before.clip_name):  # black has no name, and what has one needs none
        left, entered = None, left
    before.clip_name, one.clip_name = before.clip_name or left, entered
    sided = dict(said.files)
    files = [file for side, file in said.files if not side]
    own = files.pop() if files and (black or before.file or len(files) > 1) else None
    before.file = before.file or sided.get("FROM") or (files[0] if files else None) or None
    one.file = sided.get("TO") or sided.get("KEY") or own or None
    if len(said.sops) > 1:
        before.sop, before.saturation = said.sops[0], said.saturations[0] if said.saturations else None
    one.sop, one.saturation = _last(said.sops), _last(said.saturations)
    before.is_generated = before.is_generated or "FROM" in said.generated
    one.is_generated = bool({"TO", "KEY"} & set(said.generated))
    before.long_reel = before.long_reel or said.long_reels.get(before.line.reel)
    one.long_reel = said.long_reels.get(one.line.reel)
    motions = [*before.said.motions, *said.motions]
    for motion in motions:
        _give(motion, [before, one], among=len(motions))


def _give(motion: Motion, lines: Sequence[Statement], among: int) -> None:
    """A motion effect to the line whose reel it names; of two of that reel, to the one that begins there."""
    named = [one for one in lines if motion.reel is None or _may_be_one(motion.reel, one.line.reel)]
    begin = [one for one in named or lines if same_label(motion.entry, one.line.source.start)]
    if len(named) > 1 and len(begin) == 1:
        named = begin
    elif len(named) > 1 and among == len(lines):  # one for each, in their order
        named = [one for one in named if one.motion is None][:1]
    if len(named) == 1:
        named[0].motion = motion
    elif not named and len(begin) == 1:
        begin[0].motion = motion
        begin[0].notes.append(f"{motion.where}: the motion effect is for reel {motion.reel}, but begins here")
    else:
        reels = " and ".join(dict.fromkeys(one.line.reel for one in lines))
        whose = f"for reel {motion.reel}" if motion.reel else "for no reel"
        lines[-1].problems.append(f"{motion.where}: the motion effect is {whose}, the event is of {reels}")


def _may_be_one(one: str, other: str) -> bool:
    """Whether two reel names are one, which a line may have cut short."""
    short, long = sorted((one.casefold(), other.casefold()), key=len)
    return short == long or (len(short) >= _LEAST_CUT and long.startswith(short))


def same_label(one: str | int | None, other: str | int) -> bool:
    """Whether two labels are the same but for how drop-frame is marked."""
    return one is not None and re.sub(r"\D", ":", str(one)) == re.sub(r"\D", ":", str(other))


def _last(values: Sequence[str]) -> str | None:
    return values[-1] if values else None
