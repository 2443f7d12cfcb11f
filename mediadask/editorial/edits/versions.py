"""Pulls into a folder that holds plates already: what is delivered keeps its pictures and their numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mediadask.editorial.edits.changes import delivered_cuts, paired
from mediadask.editorial.edits.cuts import Change, Cut, unversioned
from mediadask.editorial.edits.delivered import DeliveredPlate, DeliveredPlates
from mediadask.editorial.matching.reels import names_of_file
from mediadask.editorial.plates.order import plate_order
from mediadask.errors import InvalidRequest
from mediadask.render.output import exists
from mediadask.timecode import Timecode

if TYPE_CHECKING:
    from mediadask.editorial.options import Version
    from mediadask.editorial.plan import PlannedEvent, TurnoverPlan
    from mediadask.editorial.plates import PlateRules
    from mediadask.render.plate_folder import PlateOrder

__all__ = ["next_to_delivered", "other_pictures", "overwriting", "with_version"]

_MOST_NAMED = 30


def next_to_delivered(
    plan: TurnoverPlan,
    out: str,
    rules: PlateRules,
    *,
    version: Version = None,
    only_changed: bool = False,
    left_out: Sequence[PlannedEvent] = (),
) -> TurnoverPlan:
    """The plan as it goes on from the plates that stand in a folder.

    Pictures keep their numbers: a plate that is longer at its head than the delivered one begins at a lower
    number. With ``auto`` a plate of other frames, colors or framing gets the next version; otherwise one that
    would put other pictures under a delivered name is a problem. What changed, and which delivered plates the
    list no longer has, is said in the plan's advice.

    Parameters
    ----------
    rules
        How plates will be made.
    version
        Of the plates that say none of their own.
    only_changed
        Leave out the events whose delivered plate holds the same pictures.
    left_out
        Events of the list that are not pulled now: their plates are no dropped ones.

    Raises
    ------
    MissingMedia
        If the folder may not be read.
    """
    name = plan.name if version in (None, "auto") else replace(plan.name, version=int(version))
    plan = replace(plan, name=name, versions_up=version == "auto")
    delivered = DeliveredPlates.read(out)
    olds, news = delivered_cuts(delivered, (*plan.events, *left_out), plan.rate, name)
    pairs = paired([cut for cut, _ in olds], [cut for cut, _ in news])
    before = {id(news[at][1]): (olds[other][1], news[at][0]) for at, other in pairs.items()}
    going_on = _GoingOn(plan, out, rules, delivered)

    settled: dict[int, _Settled] = {}
    for at, one in enumerate(plan.events):
        if one.name is not None and id(one) in before:
            settled[at] = going_on.continued(one, *before[id(one)])
    taken = {_stem(str(found.event.name)) for found in settled.values()}
    for at, one in enumerate(plan.events):
        if at not in settled:
            settled[at] = going_on.fresh(one, taken)
    found = [settled[at] for at in range(len(plan))]
    lines = [one.line for one in found if one.line and one.event.ok]
    lines += _dropped([plate for _, plate in olds], plan, [*(one.event for one in found), *left_out])
    if only_changed:
        found = [one for one in found if not (one.is_there and one.event.ok)]
        if not found:
            lines.append(f"nothing has changed since the plates in {out}")
    return replace(plan, events=tuple(one.event for one in found), advice=(*plan.advice, *lines))


@dataclass(frozen=True)
class _Settled:
    """An event as it goes on from what is delivered."""

    event: PlannedEvent
    line: str | None = None
    """What people should know of it."""

    is_there: bool = False
    """Whether the delivered plate is what it would become."""


@dataclass(frozen=True)
class _GoingOn:
    """How the events of a plan go on from delivered plates."""

    plan: TurnoverPlan
    out: str
    rules: PlateRules
    delivered: DeliveredPlates

    def fresh(self, one: PlannedEvent, taken: set[str]) -> _Settled:
        """An event that goes on from no delivered plate: its name must not be one that others have.

        One that nobody named, and that is only counted, gets a name beside those that are there.
        """
        if one.name is None:
            return _Settled(one)
        name = self.plan.name
        counted, number = one.fields.get("shot", ""), 2
        there = self.delivered.versions(name, one.fields)
        while not name.names_shot(one.event) and (there or _stem(str(one.name)) in taken):
            fields = {**one.fields, "shot": f"{counted}-{number}"}
            one, number = replace(one, fields=fields, name=name.path(fields)), number + 1
            there = self.delivered.versions(name, one.fields)
        taken.add(_stem(str(one.name)))
        wanted = int(one.fields.get("version", name.version))
        if self.plan.versions_up and there and "version" not in one.fields:
            wanted = max(there) + 1
        found = with_version(one, self.plan, wanted)
        return _Settled(_refused(found, there[wanted]) if wanted in there else found)

    def continued(self, one: PlannedEvent, plate: DeliveredPlate, cut: Cut) -> _Settled:
        """An event that goes on from a delivered plate, with its version and numbers."""
        name = self.plan.name
        named = plate.facts.get("fields")
        if isinstance(named, dict) and not name.names_shot(one.event):
            fields = {**one.fields, **{part: str(text) for part, text in named.items()}}
            one = replace(one, fields=fields, name=name.path(fields))
        there = self.delivered.versions(name, one.fields)
        wanted = int(one.fields.get("version", name.version))
        if self.plan.versions_up and there and "version" not in one.fields:
            wanted = max(there) + (not _same_frames(one, there[max(there)]))
        try:
            found = with_version(one, self.plan, wanted)
        except InvalidRequest as error:
            return _Settled(_problem(one, str(error)))
        base = there.get(wanted, plate)
        later = _later(one, base)
        if later is None or (wanted in there and one.url != base.clip):
            line = _told(found, base, cut)
            return _Settled(_refused(found, base) if wanted in there else found, line)
        number = base.first_number + later
        if number < 0:
            what = f"its first frame would have the number {number}: pictures of {base.name} keep theirs"
            return _Settled(_problem(found, f"{what}; choose another folder"))
        found = replace(found, first_number=number)
        if wanted in there and (again := self._repictured(found, base)):
            return again
        same = _same_frames(found, base)
        return _Settled(found, None if same else _told(found, base, cut), same and wanted in there)

    def _repictured(self, one: PlannedEvent, plate: DeliveredPlate) -> _Settled | None:
        """The event where its delivered plate was made with other options, in other colors or framing."""
        if not one.ok or plate.facts.get("options") == self.rules.options.pictures:
            return None
        long_ago = datetime.fromtimestamp(0, UTC)  # no AMF is written
        try:
            order = plate_order(one, self.rules, self.out, long_ago, self.plan.rate)
        except Exception:  # whoever plans the plate will say so
            return None
        how = other_pictures(order)
        if how is None:
            return None
        if not self.plan.versions_up:
            return _Settled(_problem(one, f"{plate.name} {overwriting(how)}"))
        try:
            found = with_version(one, self.plan, int(one.fields["version"]) + 1)
        except InvalidRequest as error:
            return _Settled(_problem(one, str(error)))
        return _Settled(found, f"{_name(found)}: other colors or framing than {plate.name}")


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


def other_pictures(order: PlateOrder) -> str | None:
    """How a delivered plate of an order's name differs in its pictures; None where it does not."""
    found = DeliveredPlate.of_manifest(order.manifest.url, order.name) if exists(order.manifest.url) else None
    plate = order.plate
    if found is None or found.clip != plate.clip.url:  # of another clip: what checks the folder says so
        return None
    if found.first_number - found.start != plate.first_number - plate.start:
        return "with other frames under its numbers"
    picture = dict(order.facts)["picture"]
    return "in other colors or another framing" if found.facts.get("picture", picture) != picture else None


def overwriting(how: str) -> str:
    """Why a plate is not made over a delivered one that differs in its pictures, and what to do."""
    return f"was delivered {how} and is not overwritten; make the next version (--version auto), or remove it"


def _refused(one: PlannedEvent, plate: DeliveredPlate) -> PlannedEvent:
    what = f"is a plate of {plate.clip}, not of {one.url}"
    if one.url == plate.clip:
        what = f"was delivered with other frames of its clip, {plate.start}-{plate.stop - 1}"
    return _problem(
        one, f"{plate.name} {what}, and is not overwritten; --version auto makes the next version"
    )


def _problem(one: PlannedEvent, what: str) -> PlannedEvent:
    return replace(one, problems=(*one.problems, what))


def _later(one: PlannedEvent, plate: DeliveredPlate) -> int | None:
    """How many frames after a delivered plate's first an event's first is; None where they share no frame.

    Frames of a clip that is elsewhere now, or joined of more parts, are known by its name and timecode.
    """
    later = one.start - plate.start
    if one.url != plate.clip:
        said = plate.facts.get("source_timecode")
        names = [set(names_of_file(url)) for url in (str(one.url), plate.clip)]
        if not (said and one.timecode and one.rate and names[0] & names[1]):
            return None
        if str(one.rate) != plate.facts.get("frame_rate"):
            return None
        later = Timecode.parse(one.timecode, one.rate).frames - Timecode.parse(said, one.rate).frames
    return later if -len(one) < later < plate.stop - plate.start else None


def _same_frames(one: PlannedEvent, plate: DeliveredPlate) -> bool:
    same = (one.start, one.stop, one.speed) == (plate.start, plate.stop, plate.speed)
    return same and one.url == plate.clip


def _stem(name: str) -> str:
    """By it a plate's files are named; file systems that ignore case hold one of a name."""
    return re.sub(r"\.(?:exr|dpx|mov)$", "", name.partition("%")[0]).rstrip("._-").casefold()


def _name(one: PlannedEvent) -> str:
    """What a plate is called, version included."""
    name = str(one.name).rpartition("/")[2]
    return name[: len(_stem(name))]


def _told(one: PlannedEvent, plate: DeliveredPlate, cut: Cut) -> str:
    """A line for people about a plate whose frames are not those that were delivered."""
    change = Change(Cut.of_delivered(plate, None), cut)
    what = change.text
    if change.status in ("same", "moved"):
        (head, tail), now = plate.handles, (one.head, one.tail)
        what = f"handles of {now[0]}+{now[1]} frames, which were {head}+{tail}"
    numbers = f"{one.first_number:04}-{one.first_number + len(one) - 1:04}"
    keep = "pictures keep their numbers, now " if _later(one, plate) is not None else "now "
    return f"{_name(one)}: {what} since {plate.name} ({plate.frames_text}); {keep}{numbers}"


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
