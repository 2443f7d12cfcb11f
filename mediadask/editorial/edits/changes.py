"""What changed from one edit to the next: which shots are new, omitted, longer, moved or retimed."""

from __future__ import annotations

import os
import re
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from mediadask.clips.storage import is_local, normalize
from mediadask.editorial.edits.cuts import Change, Cut
from mediadask.editorial.edits.delivered import DeliveredPlate, DeliveredPlates
from mediadask.editorial.matching.match import match_events
from mediadask.editorial.names import PlateName, shot_name
from mediadask.editorial.timeline import Timeline, read_timeline
from mediadask.errors import InvalidRequest

if TYPE_CHECKING:
    import pandas as pd

    from mediadask.editorial.plan import PlannedEvent

__all__ = [
    "Change",
    "Changes",
    "Cut",
    "changes",
    "compare",
    "delivered_cuts",
    "label_rate",
    "paired",
]

_RATES = (24, 25, 30, 48, 50, 60, 100, 120)


@dataclass(frozen=True)
class Changes:
    """The changes from one edit to the next, in the order of the new one; omitted shots come last."""

    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()
    """What was assumed, one line each."""

    def __iter__(self) -> Any:
        return iter(self.changes)

    def __len__(self) -> int:
        return len(self.changes)

    def rows(self) -> list[dict[str, Any]]:
        """One row a shot, of JSON types."""
        return [change.row() for change in self.changes]

    def table(self) -> pd.DataFrame:
        """`rows` as a pandas table."""
        import pandas as pd

        return pd.DataFrame(self.rows()).convert_dtypes()


def compare(old: Sequence[Cut], new: Sequence[Cut]) -> list[Change]:
    """What became of each cut, in the order of the new edit; those that are omitted come last."""
    partner = paired(old, new)
    taken = set(partner.values())
    found = [Change(old[partner[at]] if at in partner else None, cut) for at, cut in enumerate(new)]
    return found + [Change(cut, None) for at, cut in enumerate(old) if at not in taken]


def paired(old: Sequence[Cut], new: Sequence[Cut]) -> dict[int, int]:
    """Which old cut each new one continues, by position.

    Named shots go by their name; several cuts of one name by the source frames they share, then in order.
    What nobody named goes by the source frames it shares.
    """
    pairs: dict[int, int] = {}
    free: set[int] = set(range(len(old)))

    def pair(at: int, other: int) -> None:
        pairs[at] = other
        free.discard(other)

    by_key: dict[str, list[int]] = defaultdict(list)
    for other, cut in enumerate(old):
        if cut.key is not None:
            by_key[cut.key].append(other)
    keyed = [at for at, cut in enumerate(new) if cut.key in by_key]
    _most_shared(keyed, lambda at: by_key[str(new[at].key)], old, new, pair, free)
    for at in keyed:
        if at not in pairs and (left := [other for other in by_key[str(new[at].key)] if other in free]):
            pair(at, left[0])
    by_source: dict[str, list[int]] = defaultdict(list)
    for other in sorted(free):
        for name in old[other].sources:
            by_source[name].append(other)

    def of_source(at: int) -> Iterable[int]:
        others = {other for name in new[at].sources for other in by_source.get(name, ())}
        return (other for other in others if new[at].key is None or old[other].key is None)

    rest = [at for at in range(len(new)) if at not in pairs]
    _equal(rest, old, new, pair, free)
    rest = [at for at in rest if at not in pairs]
    _most_shared(rest, of_source, old, new, pair, free)
    return pairs


def _equal(wanted: Sequence[int], old: Sequence[Cut], new: Sequence[Cut], pair: Any, free: set[int]) -> None:
    """Pair those that show the same frames and that nobody named, in order: a long list has thousands."""
    alike: dict[tuple[str, int, int], deque[int]] = defaultdict(deque)
    for other in sorted(free):
        if old[other].key is None:
            for name in old[other].sources:
                alike[name, old[other].first, old[other].frames].append(other)
    for at in wanted:
        cut = new[at]
        others = [alike[name, cut.first, cut.frames] for name in cut.sources] if cut.key is None else []
        for queue in others:
            while queue and queue[0] not in free:
                queue.popleft()
        if (left := min((queue[0] for queue in others if queue), default=None)) is not None:
            pair(at, left)


def _most_shared(
    wanted: Sequence[int], candidates: Any, old: Sequence[Cut], new: Sequence[Cut], pair: Any, free: set[int]
) -> None:
    """Pair those that share source frames, the most alike first: most frames, same place in the timeline."""
    scored = sorted(
        (-shared, abs(Change(old[other], new[at]).moved or 0), at, other)
        for at in wanted
        for other in candidates(at)
        if other in free and (shared := old[other].overlap(new[at]))
    )
    done: set[int] = set()
    for _, _, at, other in scored:
        if at not in done and other in free:
            done.add(at)
            pair(at, other)


def changes(
    old: Timeline | str | os.PathLike[str],
    new: Timeline | str | os.PathLike[str],
    *,
    name: PlateName | None = None,
    rate: Fraction | float | str | None = None,
    timeline: str | None = None,
) -> Changes:
    """Compare two edits, shot by shot. No media are needed.

    Parameters
    ----------
    old
        A timeline; or a folder with plates that were pulled before, of which the newest versions count; or
        the manifest of one plate.
    new
        A timeline.
    name
        How shots are named: see `mediadask.editorial.PlateName`. Shots without a name are told apart by the
        source frames that they show.
    rate
        Frames a second that the timelines' timecode counts. The default is what they say. If they do not say
        it, as EDLs do not, it is the lowest rate at which all their timecodes exist, and a note says so.
    timeline
        The name of the timeline to compare, if a file holds several.

    Returns
    -------
    Changes
        A sequence of changes, shot by shot; ``table()`` is a pandas table.

    Raises
    ------
    MediaError
        If one of them cannot be read, or a folder holds no plates.

    Examples
    --------
    >>> for change in md.changes("cut_v1.edl", "cut_v3.edl", rate=24):
    ...     print(change.shot, change.status, change.head, change.tail)
    ABC_104_0010 extended tail 0 2
    ABC_105_0010 moved 0 0
    ABC_105_0020 moved 0 0
    """
    named = name or PlateName()
    notes: list[str] = []
    edit = _read(new, rate, timeline, notes)
    events = list(match_events(edit, (), name=named))
    counted = edit.rate or Fraction(label_rate(edit))
    if not isinstance(old, Timeline) and _is_delivery(old):
        folder = normalize(old)
        plates = _delivered(folder)
        if not plates.plates:
            raise InvalidRequest(
                "holds no plates that were pulled", where=folder, do="name the folder of a pull"
            )
        return Changes(tuple(_since_delivered(plates, events, counted, named)), tuple(dict.fromkeys(notes)))
    before = _read(old, rate, timeline, notes)
    was = before.rate or Fraction(label_rate(before))
    if before.rate is None and edit.rate is None:
        was = counted = max(was, counted)
    cuts = [
        [cut for one in some if (cut := Cut.of_planned(one, at, _key(named, one)))]
        for some, at in ((match_events(before, (), name=named), was), (events, counted))
    ]
    return Changes(tuple(compare(*cuts)), tuple(dict.fromkeys(notes)))


def _delivered(place: str) -> DeliveredPlates:
    if not place.endswith(".json") or (is_local(place) and os.path.isdir(place)):
        return DeliveredPlates.read(place)
    one = DeliveredPlate.of_manifest(place, place.rpartition("/")[2].removesuffix(".json"))
    return DeliveredPlates((one,) if one else ())


def _is_delivery(place: str | os.PathLike[str]) -> bool:
    url = normalize(place)
    if url.endswith(".json"):
        return True
    return os.path.isdir(url) if is_local(url) else not os.path.splitext(url)[1]


def _read(
    timeline: Timeline | str | os.PathLike[str],
    rate: Fraction | float | str | None,
    name: str | None,
    notes: list[str],
) -> Timeline:
    edit = timeline if isinstance(timeline, Timeline) else read_timeline(timeline, rate=rate, name=name)
    if edit.rate is None:
        notes.append(
            f"{edit.url.rpartition('/')[2]} does not say how many frames a second it counts: "
            f"{label_rate(edit)} are taken, and --rate names another"
        )
    return edit


def label_rate(timeline: Timeline) -> int:
    """The lowest usual rate that has all labels of a list that says none."""
    highest, drop = 0, False
    for event in timeline:
        for span in (event.source, event.record):
            for end in (span.start, span.stop) if span else ():
                if isinstance(end, str) and (frames := re.search(r"\d+$", end)):
                    highest = max(highest, int(frames[0]))
            drop = drop or (span is not None and span.drop)
    return next((rate for rate in _RATES if rate > highest and (not drop or rate % 30 == 0)), _RATES[-1])


def _since_delivered(
    plates: DeliveredPlates, events: Sequence[PlannedEvent], rate: Fraction, name: PlateName
) -> list[Change]:
    olds, news = delivered_cuts(plates, events, rate, name)
    return compare([cut for cut, _ in olds], [cut for cut, _ in news])


def delivered_cuts(
    plates: DeliveredPlates, events: Sequence[PlannedEvent], rate: Fraction, name: PlateName
) -> tuple[list[tuple[Cut, DeliveredPlate]], list[tuple[Cut, PlannedEvent]]]:
    """The cuts of a folder's newest plates and of a plan's events, those of one name with one key."""
    keys: dict[str, str] = {}
    news = []
    for one in events:
        key = None
        if one.name is not None and name.names_shot(one.event):
            key = one.name.casefold()
            for plate in plates.versions(name, one.fields).values():
                keys[plate.path] = key
        if cut := Cut.of_planned(one, rate, key):
            news.append((cut, one))
    newest: dict[str, tuple[Cut, DeliveredPlate]] = {}
    for plate in plates.plates:
        key = keys.get(plate.path)
        cut = Cut.of_delivered(plate, key)
        before = newest.get(key or cut.plate)
        if before is None or before[1].version <= plate.version:
            newest[key or cut.plate] = cut, plate
    return list(newest.values()), news


def _key(name: PlateName, one: PlannedEvent) -> str | None:
    """Plates of a shot are one key each where their kind is named, and told apart by source where counted."""
    if not name.names_shot(one.event):
        return None
    return shot_name(one.fields).casefold() or None
