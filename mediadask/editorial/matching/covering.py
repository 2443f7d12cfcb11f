"""Which of the clips of the right name holds what an event uses, at its rate and by its timecode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from mediadask.editorial.matching.reels import names_of_file
from mediadask.editorial.matching.sources import readings
from mediadask.editorial.rates import rate_text
from mediadask.editorial.retime import Use, fits_speed, source_use
from mediadask.errors import InvalidRequest

if TYPE_CHECKING:
    from mediadask.editorial.events import Event
    from mediadask.editorial.matching.sources import Source

__all__ = ["Match", "covering", "outside"]


@dataclass(frozen=True)
class Match:
    """The clip, or consecutive clips, that hold what an event uses."""

    parts: Sequence[Source]
    use: Use
    notes: tuple[str, ...] = ()


def covering(event: Event, sources: Sequence[Source], rate: Fraction) -> Match | None:
    """The one of these that holds what the event uses, or the consecutive ones; None where none does.

    Raises
    ------
    InvalidRequest
        If several do, or labels make no sense.
    """
    uses = _uses(event, sources, rate)
    for source, _ in uses if event.source.drop else ():
        if source.start is not None and not source.drop:
            raise InvalidRequest(f"counts drop-frame, {source} does not", do="correct one of them")
    held = [match for source, use in uses if (match := _held(event, source, use, rate))]
    if len(held) > 1:
        held = _called_so(event, held)
    if len(held) > 1:
        several = ", ".join(str(match.parts[0]) for match in held[:4])
        raise InvalidRequest(f"{len(held)} clips match: {several}", do="leave one in the media")
    if held:
        return held[0]
    for use in dict.fromkeys(use for _, use in uses):
        parts = [source for source, same in uses if same == use and source.start]
        for one in filter(None, (use, use.other)):
            if run := _consecutive(parts, one):
                return Match(run, one)
    return None


def _uses(event: Event, sources: Sequence[Source], rate: Fraction) -> list[tuple[Source, Use]]:
    """What the event uses of each clip whose rate its labels may count."""
    known: dict[tuple[Fraction | None, bool], Use | None] = {}
    found = []
    for source in sources:
        kind = (source.rate, source.drop)
        if kind not in known:
            known[kind] = _use(event, source, rate)
        use = known[kind]
        if use is not None:
            found.append((source, use))
    return found


def _use(event: Event, source: Source, rate: Fraction) -> Use | None:
    """None where the event's labels are none of a clip of this rate."""
    wanted, own = event.rate or rate, source.rate
    if own in (wanted, None):
        return source_use(event, wanted, rate, drop=source.drop)
    assert own is not None
    if round(own) == round(wanted):  # 23.976 and 24 have the same labels
        use = source_use(event, own, rate * own / wanted, drop=source.drop)
        rates = f"{rate_text(own)} frames a second, the list {rate_text(wanted)}"
        return use.noted(f"the clip has {rates}: taken frame for frame")
    if event.rate is None and fits_speed(event, own, rate, drop=source.drop):
        use = source_use(event, own, rate, drop=source.drop)
        return use.noted(f"its labels count {rate_text(own)} frames a second, as the clip does")
    return None


def _held(event: Event, source: Source, use: Use, rate: Fraction) -> Match | None:
    """The clip, if it holds what is used by one of the ways to count it."""
    holding = [one for one in readings(source, event, event.rate or rate) if one.holds(use)]
    if not holding:
        return None if use.other is None else _held(event, source, use.other, rate)
    first, *others = holding
    notes = [first.note] if first.note else []
    begin = first.frame(use.first)
    later = [one.frame(use.first) - begin for one in others if one.frame(use.first) != begin]
    if later and event.file_number is not None:
        notes = [
            f"counted by the numbers of its files; by its timecode it would begin {later[0]:+d} frames off"
        ]
    elif later and source.start is None:
        notes = [f"{first.note}; counted from the first it would begin {later[0]:+d} frames off"]
    return Match([first], use, tuple(notes))


def _called_so(event: Event, matches: list[Match]) -> list[Match]:
    """Those whose file is called as the event says; all where none is."""
    said = {name.casefold() for name in (event.file, event.clip_name) if name for name in names_of_file(name)}

    def is_said(match: Match) -> bool:
        return bool(said & {name.casefold() for name in names_of_file(match.parts[0].url)})

    return [match for match in matches if is_said(match)] or matches


def _consecutive(sources: Sequence[Source], use: Use) -> list[Source]:
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


def outside(event: Event, sources: Sequence[Source], rate: Fraction) -> InvalidRequest:
    """Why none of the clips of the right name will do."""
    uses = _uses(event, sources, rate)
    if not uses:
        rates = ", ".join(sorted({rate_text(source.rate) for source in sources if source.rate}))
        wanted = rate_text(event.rate or rate)
        return InvalidRequest(
            f"counts {wanted} frames a second, {sources[0].url} has {rates}",
            do="give the list's rate, or conform the clip",
        )
    use = uses[0][1]
    day = use.first.frames_per_day
    alike = [source for source, same in uses if same == use]
    more = f" and {len(alike) - 3} more" if len(alike) > 3 else ""
    nearest = sorted(alike, key=lambda source: min(source.frame(use.first), day - source.frame(use.first)))
    return InvalidRequest(
        f"uses {use.first} to {use.first + use.frames}, outside of {', '.join(map(str, nearest[:3]))}{more}",
        do="check the reel and the timecode, or add the clip",
    )
