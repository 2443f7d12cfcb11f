"""Pulls into a folder that holds plates already: what is delivered keeps its pictures and their numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from mediadask.editorial.changes import Change, Cut, delivered_cuts, paired, unversioned
from mediadask.editorial.delivered import DeliveredPlate, DeliveredPlates
from mediadask.errors import InvalidRequest
from mediadask.render.output import exists

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mediadask.editorial.plan import PlannedEvent, TurnoverPlan
    from mediadask.render.plate_folder import PlateOrder

__all__ = ["Version", "next_to_delivered", "other_pictures", "with_version"]

Version = int | Literal["auto"] | None
"""Of plates: a number; ``auto`` for the newest delivered one, or the next where its pictures change; None for
that of the name."""

_MOST_NAMED = 30


def next_to_delivered(
    plan: TurnoverPlan,
    out: str,
    *,
    version: Version = None,
    only_changed: bool = False,
    left_out: Sequence[PlannedEvent] = (),
) -> TurnoverPlan:
    """The plan as it goes on from the plates that stand in a folder.

    Pictures keep their numbers: a plate that is longer at its head than the delivered one begins at a lower
    number. With ``auto`` a plate of other frames gets the next version; otherwise one that would put other
    pictures under a delivered name is a problem. What changed, and which delivered plates the list no longer
    has, is said in the plan's advice.

    Parameters
    ----------
    version
        Of the plates that say none of their own.
    only_changed
        Leave out the events whose delivered plate holds the same frames.
    left_out
        Events of the list that are not pulled now: their plates are no dropped ones.

    Raises
    ------
    MissingMedia
        If the folder may not be read.
    """
    name = plan.name if version in (None, "auto") else replace(plan.name, version=int(version))
    plan = replace(plan, name=name)
    delivered = DeliveredPlates.read(out)
    olds, news = delivered_cuts(delivered, (*plan.events, *left_out), plan.rate, name)
    pairs = {id(news[at][1]): (olds[other], news[at][0]) for at, other in paired_cuts(olds, news).items()}
    settled: dict[int, PlannedEvent] = {}
    told: list[tuple[int, str]] = []
    for at, one in enumerate(plan.events):
        if id(one) in pairs:
            (old, plate), new = pairs[id(one)]
            change = Change(old, new)
            settled[at] = _continued(one, plate, delivered, plan, version, change)
            if settled[at].ok and (line := _told(settled[at], plate, change)):
                told.append((at, line))
    taken = {stem_of(one.name) for one in settled.values() if one.name}
    for at, one in enumerate(plan.events):
        if at not in settled:
            settled[at] = _fresh(one, delivered, plan, version, taken)
    events = [settled[at] for at in range(len(plan))]
    there = {id(plate) for (_, plate), _ in pairs.values()}
    gone = [plate for _, plate in olds if id(plate) not in there]
    lines = [line for _, line in told] + _dropped(gone, plan, (*events, *left_out))
    if only_changed:
        events = [
            new
            for one, new in zip(plan.events, events, strict=True)
            if not (id(one) in pairs and new.ok and _same_frames(new, pairs[id(one)][0][1]))
        ]
        if not events:
            lines.append(f"nothing has changed since the plates in {out}")
    up = version == "auto"
    return replace(plan, events=tuple(events), advice=(*plan.advice, *lines), versions_up=up)


def paired_cuts(
    olds: Sequence[tuple[Cut, DeliveredPlate]], news: Sequence[tuple[Cut, PlannedEvent]]
) -> dict[int, int]:
    """Which delivered plate each event goes on from, by position."""
    return paired([cut for cut, _ in olds], [cut for cut, _ in news])


def _fresh(
    one: PlannedEvent, delivered: DeliveredPlates, plan: TurnoverPlan, version: Version, taken: set[str]
) -> PlannedEvent:
    """An event that goes on from no delivered plate: its name must not be one that others have.

    One that nobody named, and that is only counted, gets a name beside those that are there.
    """
    if one.name is None:
        return one
    counted, number = one.fields.get("shot", ""), 2
    named = plan.name.names_shot(one.event)
    there = delivered.versions(plan.name, one.fields)
    while not named and (there or stem_of(str(one.name)) in taken):
        fields = {**one.fields, "shot": f"{counted}-{number}"}
        one, number = replace(one, fields=fields, name=plan.name.path(fields)), number + 1
        there = delivered.versions(plan.name, one.fields)
    wanted = int(one.fields.get("version", plan.name.version))
    if "version" not in one.fields and version == "auto" and there:
        wanted = max(there) + 1
    taken.add(stem_of(str(one.name)))
    found = with_version(one, plan, wanted)
    return _refused(found, there[wanted]) if wanted in there else found


def stem_of(name: str) -> str:
    """By it a plate's files are named; file systems that ignore case hold one of a name."""
    return name.partition("%")[0].rstrip("._-").casefold()


def _continued(
    one: PlannedEvent,
    plate: DeliveredPlate,
    delivered: DeliveredPlates,
    plan: TurnoverPlan,
    version: Version,
    change: Change,
) -> PlannedEvent:
    """An event that goes on from a delivered plate, with its version and numbers."""
    if one.name is None:
        return one
    named = plate.facts.get("fields")
    if isinstance(named, dict) and not plan.name.names_shot(one.event):
        fields = {**one.fields, **{part: str(text) for part, text in named.items()}}
        one = replace(one, fields=fields, name=plan.name.path(fields))
    there = delivered.versions(plan.name, one.fields)
    if "version" in one.fields:
        wanted = int(one.fields["version"])
    elif version != "auto" or not there:
        wanted = plan.name.version
    else:
        newest = max(there)
        same = _same_frames(one, plate) and change.status in ("same", "moved")
        wanted = newest if same else newest + 1
    try:
        found = with_version(one, plan, wanted)
    except InvalidRequest as error:
        return replace(one, problems=(*one.problems, str(error)))
    kept = there.get(wanted, plate)
    if _shares(one, kept):
        number = kept.first_number + one.start - kept.start
        if number < 0:
            what = (
                f"its first frame would have the number {number}, since pictures of {kept.name} keep theirs"
            )
            return replace(found, problems=(*found.problems, f"{what}; pull it to another folder"))
        return replace(found, first_number=number)
    return _refused(found, kept) if wanted in there else found


def _shares(one: PlannedEvent, plate: DeliveredPlate) -> bool:
    """Whether some of an event's frames are a delivered plate's."""
    return one.url == plate.clip and one.start < plate.stop and plate.start < one.stop


def _same_frames(one: PlannedEvent, plate: DeliveredPlate) -> bool:
    same = (one.start, one.stop, one.speed) == (plate.start, plate.stop, plate.speed)
    return same and one.url == plate.clip


def _refused(one: PlannedEvent, plate: DeliveredPlate) -> PlannedEvent:
    what = f"is a plate of {plate.clip}, not of {one.url}"
    if one.url == plate.clip:
        what = f"was delivered with other frames of its clip, {plate.start}-{plate.stop - 1}"
    what = f"{plate.name} {what}, and is not overwritten; --version auto makes the next version"
    return replace(one, problems=(*one.problems, what))


def with_version(one: PlannedEvent, plan: TurnoverPlan, version: int) -> PlannedEvent:
    """The event with its plate in another version.

    Raises
    ------
    InvalidRequest
        If the template has no place for a version that it needs.
    """
    fields = {**one.fields, "version": str(version)}
    path = plan.name.path(fields)
    if path == one.name and version != int(one.fields.get("version", plan.name.version)):
        raise InvalidRequest(
            "its pictures have changed, and its name has no version", do="put {version} into the template"
        )
    return replace(one, fields=fields, name=path)


def _told(one: PlannedEvent, plate: DeliveredPlate, change: Change) -> str | None:
    """A line for people about a plate whose frames are not those that were delivered."""
    if _same_frames(one, plate):
        return None
    what = change.text
    if change.status in ("same", "moved"):
        (head, tail), now = plate.handles, (one.head, one.tail)
        what = f"handles of {now[0]}+{now[1]} frames, which were {head}+{tail}"
    numbers = f"{one.first_number:04}-{one.first_number + len(one) - 1:04}"
    keep = "pictures keep their numbers, now " if _shares(one, plate) else "now "
    name = str(one.name).rpartition("/")[2].partition("%")[0].rstrip("._-")
    return f"{name}: {what} since {plate.name} ({plate.frames_text}); {keep}{numbers}"


def _dropped(
    plates: Iterable[DeliveredPlate], plan: TurnoverPlan, events: Iterable[PlannedEvent]
) -> list[str]:
    """A line that names the delivered plates that the list does not have any more."""
    there = {unversioned(one.name) for one in events if one.name}
    left = sorted({unversioned(plate.path) for plate in plates} - there)
    if not left:
        return []
    more = f" and {len(left) - _MOST_NAMED} more" if len(left) > _MOST_NAMED else ""
    be = "is" if len(left) == 1 else "are"
    list_name = plan.timeline.url.rpartition("/")[2]
    return [f"{', '.join(left[:_MOST_NAMED])}{more}: delivered before, and {be} no longer in {list_name}"]


def other_pictures(order: PlateOrder) -> str | None:
    """How a delivered plate of an order's name differs in its pictures; None where it does not.

    This is asked at the last moment before anything is made.
    """
    found = DeliveredPlate.of_manifest(order.manifest.url, order.name) if exists(order.manifest.url) else None
    plate = order.plate
    if found is None or found.clip != plate.clip.url:  # of another clip: what checks the folder says so
        return None
    picture = dict(order.facts)["picture"]
    moved = found.first_number - found.start != plate.first_number - plate.start
    if moved:
        return "with other frames under its numbers"
    return "in other colors or another framing" if found.facts.get("picture", picture) != picture else None
