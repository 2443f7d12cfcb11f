"""Cuts: what an edit shows of a source, or a delivered plate holds of it; what became of one since."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from mediadask.editorial.matching.reels import names_of_file
from mediadask.editorial.names import shot_name
from mediadask.editorial.retime import source_use
from mediadask.errors import InvalidRequest
from mediadask.timecode import Timecode

if TYPE_CHECKING:
    from mediadask.editorial.edits.delivered import DeliveredPlate
    from mediadask.editorial.plan import PlannedEvent

__all__ = ["Change", "Cut", "unversioned"]


@dataclass(frozen=True)
class Cut:
    """The part of one source that an edit shows, without handles. Plain data."""

    shot: str
    """The shot's name, for people."""

    plate: str
    """The plate's name without version."""

    key: str | None
    """Cuts of two edits with one key are the same shot; None where nobody named it."""

    source: str
    """Reel or clip, for people."""

    sources: frozenset[str]
    """All names of the source, in lower case."""

    first: int
    """The first source frame, counted from midnight by its timecode."""

    frames: int
    """How many source frames are shown, from there."""

    speed: Fraction = Fraction(1)
    """Source frames a frame of the timeline."""

    record: tuple[int, int] | None = None
    """First and length in the timeline, in its frames; None where that is not known."""

    where: str = ""
    """Where it is listed, for messages."""

    @property
    def stop(self) -> int:
        """The source frame after the last."""
        return self.first + self.frames

    def overlap(self, other: Cut) -> int:
        """How many source frames two cuts share; 0 where they are of different sources."""
        if not self.sources & other.sources:
            return 0
        return max(min(self.stop, other.stop) - max(self.first, other.first), 0)

    @classmethod
    def of_planned(cls, one: PlannedEvent, rate: Fraction, key: str | None) -> Cut | None:
        """What an event shows, by its clip where it matched one, else by its list alone; None where its
        labels cannot be counted.
        """
        event, names = one.event, _names(one.event.reel, one.reel, one.event.file, one.url)
        if names == {""}:
            names = _names(event.clip_name)
        plate = unversioned(one.name) if one.name else ""
        try:
            if one.url is not None:
                first = one.start + one.head
                if one.timecode is not None and one.rate is not None:
                    first = Timecode.parse(one.timecode, one.rate).frames + one.head
                frames, speed = len(one) - one.head - one.tail, one.speed
            else:
                wanted = event.rate or rate
                use = source_use(event, wanted, rate, drop=event.source.drop or event.drops_at(wanted))
                first, frames, speed = use.first.frames, use.frames, use.speed
        except InvalidRequest:
            return None
        said = event.reel or one.reel or event.clip_name or event.file or ""
        shot = shot_name(one.fields) or event.number
        return cls(shot, plate, key, said, names, first, frames, speed, event.recorded(rate), event.where)

    @classmethod
    def of_delivered(cls, plate: DeliveredPlate, key: str | None) -> Cut:
        """Return what a delivered plate holds, without handles."""
        facts, head, tail = plate.facts, *plate.handles
        first = plate.start + head
        if facts.get("source_timecode"):
            rate = Fraction(facts["frame_rate"])
            first = Timecode.parse(facts["source_timecode"], rate).frames + head
        record = facts.get("record_frames")
        source = str(facts.get("reel") or names_of_file(plate.clip)[0])
        return cls(
            str(facts.get("shot") or unversioned(plate.path)),
            unversioned(plate.path),
            key,
            source,
            _names(facts.get("reel"), facts.get("list_reel"), plate.clip),
            first,
            plate.stop - plate.start - head - tail,
            plate.speed,
            (int(record[0]), int(record[1])) if record else None,
            str(facts.get("where", "")),
        )


def _names(*said: str | None) -> frozenset[str]:
    """All names of a source; of one without a name the empty one, which is like others without."""
    named = frozenset(name.casefold() for one in said if one for name in (one, *names_of_file(one)))
    return named or frozenset({""})


def unversioned(path: str) -> str:
    """A plate's name without folder, frame number, suffix and version."""
    name = path.rpartition("/")[2].partition("%")[0]
    return re.sub(r"[._-]?v\d+$", "", re.sub(r"\.(?:exr|dpx|mov)$", "", name).rstrip("._-"))


@dataclass(frozen=True)
class Change:
    """What became of one shot from one edit to the next. Plain data."""

    old: Cut | None
    """None for a new one."""

    new: Cut | None
    """None for one that is omitted."""

    @property
    def shot(self) -> str:
        """What it is called."""
        cut = self.new or self.old
        assert cut is not None
        return cut.shot

    @property
    def head(self) -> int:
        """Source frames more before the first; negative: fewer."""
        return self.old.first - self.new.first if self._alike and self.old and self.new else 0

    @property
    def tail(self) -> int:
        """Source frames more after the last; negative: fewer."""
        return self.new.stop - self.old.stop if self._alike and self.old and self.new else 0

    @property
    def moved(self) -> int | None:
        """How many frames later it begins in the timeline; None where that is not known."""
        if self.old is None or self.new is None or self.old.record is None or self.new.record is None:
            return None
        return self.new.record[0] - self.old.record[0]

    @property
    def _alike(self) -> bool:
        """Whether they share pictures, or are the same where none is known."""
        old, new = self.old, self.new
        if old is None or new is None:
            return False
        same = (old.first, old.frames, old.source) == (new.first, new.frames, new.source)
        return old.overlap(new) > 0 or same

    @property
    def status(self) -> str:
        """``new``, ``omitted``, ``same``, ``moved``, ``retimed``, ``replaced`` (by other pictures),
        ``slipped``, or what became longer or shorter: ``extended head``, ``trimmed tail``, ``extended head,
        trimmed tail``.
        """
        if self.old is None or self.new is None:
            return "new" if self.old is None else "omitted"
        if not self._alike:
            return "replaced"
        if self.old.speed != self.new.speed:
            return "retimed"
        head, tail = self.head, self.tail
        if not head and not tail:
            return "moved" if self.moved else "same"
        if head == -tail:
            return "slipped"
        ends = [(way, "head") for way in _way(head)] + [(way, "tail") for way in _way(tail)]
        if len(ends) == 2 and ends[0][0] == ends[1][0]:
            return f"{ends[0][0]} head and tail"
        return ", ".join(f"{way} {end}" for way, end in ends)

    @property
    def text(self) -> str:
        """The status with how many frames, for people."""
        status, amounts = self.status, []
        if status in ("new", "omitted", "same"):
            return status
        if status == "moved":
            return f"moved by {self.moved:+} frames"
        if status == "replaced":
            assert self.old is not None
            assert self.new is not None
            same = bool(self.old.sources & self.new.sources)
            return (
                f"replaced: other frames of {self.new.source}" if same else f"replaced by {self.new.source}"
            )
        if status == "retimed" and self.old and self.new:
            amounts.append(f"from {_percent(self.old.speed)} to {_percent(self.new.speed)}")
        ends = [(count, end) for count, end in ((self.head, "head"), (self.tail, "tail")) if count]
        amounts += [f"{count:+} frames at the {end}" for count, end in ends]
        return f"{status} ({', '.join(amounts)})"

    def row(self) -> dict[str, Any]:
        """One row of JSON types."""
        old, new = self.old, self.new
        return {
            "shot": self.shot,
            "plate": (new or old).plate if new or old else None,  # type: ignore[union-attr]
            "status": self.status,
            "head": self.head,
            "tail": self.tail,
            "moved": self.moved,
            "source": (new or old).source if new or old else None,  # type: ignore[union-attr]
            "old_source": old.source if old else None,
            "old_frames": old.frames if old else None,
            "new_frames": new.frames if new else None,
            "old_speed": float(old.speed) if old else None,
            "new_speed": float(new.speed) if new else None,
            "old_where": old.where if old else None,
            "new_where": new.where if new else None,
        }


def _way(frames: int) -> list[str]:
    return ["extended" if frames > 0 else "trimmed"] if frames else []


def _percent(speed: Fraction) -> str:
    return f"{float(speed) * 100:.4g} %"
