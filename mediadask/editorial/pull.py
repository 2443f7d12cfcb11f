"""Plate pulls: from a timeline and camera originals to what a VFX vendor is sent."""

from __future__ import annotations

import os
import sys
import warnings
from bisect import bisect_left
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from mediadask.clips.storage import listing, normalize
from mediadask.delivery import Delivery, Group, Unit
from mediadask.editorial.edits.versions import (
    next_to_delivered,
    other_pictures,
    overwriting,
    with_version,
)
from mediadask.editorial.matching.match import match_events
from mediadask.editorial.matching.media import inspected
from mediadask.editorial.names import PlateName
from mediadask.editorial.offline import Offline
from mediadask.editorial.options import PullOptions, Version
from mediadask.editorial.plate_facts import plate_stem
from mediadask.editorial.plates import PlateOptions, PlateRules
from mediadask.editorial.plates.order import plate_order
from mediadask.editorial.plates.preflight import preflight, renamed
from mediadask.editorial.shots import ShotChoice, chosen_events, with_asks
from mediadask.editorial.summary import read_turnover, turnover_time, write_turnover
from mediadask.editorial.timeline import Timeline, read_timeline
from mediadask.errors import InvalidRequest, MediaWarning, MissingMedia
from mediadask.options import checked
from mediadask.render.output import join_url
from mediadask.render.plan import LazyGroups
from mediadask.render.plate_folder import PlateOrder, PulledPlate, check_folder, finished_plate
from mediadask.render.plate_units import finish_plate, render_frames
from mediadask.render.segment import plate_segments
from mediadask.render.sources import Sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from mediadask.choices import PlateFormat
    from mediadask.editorial.matching.media import Media
    from mediadask.editorial.plan import PlannedEvent, TurnoverPlan
    from mediadask.metadata import ClipMetadata

__all__ = ["PullGroups", "plan_pull", "pull", "pull_plan", "units_of"]


def pull(
    timeline: Timeline | str | os.PathLike[str],
    media: Media,
    out: str | os.PathLike[str],
    *,
    handles: int = 8,
    name: PlateName | str | None = None,
    rate: Fraction | float | str | None = None,
    version: Version = None,
    only_changed: bool = False,
    only_shots: str | Iterable[str] = (),
    shot_list: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Delivery:
    """Plates of every event of a timeline: OpenEXR files in ACES2065-1, as a VFX vendor is sent them.

    Beside the frames of each plate stand its AMF, its CDL where the event has one, a review with burn-ins and
    a manifest with hashes; in `out` the timeline itself and a summary. A rerun makes what is missing.

    Parameters
    ----------
    timeline
        An EDL, OTIO, Final Cut XML, AAF, ALE or a shot list (CSV), or one that has been read: `read_timeline`
        in `mediadask.editorial` chooses one of several in a file.
    media
        Where the clips are, or clips that are inspected already. They are inspected here and now; what
        cannot be read is told by a `MediaWarning`.
    out
        A folder, here or on an object store.
    handles
        Frames on either side of each cut, as many as the clip has.
    name
        How plates are named, or a template: `mediadask.editorial.PlateName`.
    rate
        Frames a second that the timeline's timecode counts, whatever it says.
    version
        Of the plates: a number, or ``auto`` for the newest that is delivered in `out`, and the next where a
        plate's pictures have changed. Default: that of `name`. A delivered version is never overwritten with
        other pictures, and pictures keep their numbers.
    only_changed
        Leave out events whose plate in `out` holds the same frames.
    only_shots
        Leave out events of other shots, and those that name none: ``named``, ``track:V2``, names and patterns
        (``ABC_104_*``, or a regular expression), or a ``.csv`` or ``.txt`` file with names; one or several.
    shot_list
        A CSV with a column ``shot``, and what is asked for each: ``handles``, ``plate``, ``version``.
    options
        Those of `mediadask.editorial.plates.PlateOptions`: ``input_space``, ``color_space``, ``fdl``,
        ``amf``, ``cdl``, ``lut``, ``reference``, ``format``, ``compression``, …

    Returns
    -------
    Delivery
        One group an event; values are `PulledPlate`. An event that cannot be delivered fails alone.

    Raises
    ------
    MediaError
        If the timeline or the media cannot be read, for options that make no sense, or if another timeline of
        the same name stands in `out`.
    """
    asked = checked(
        PullOptions,
        {
            "handles": handles,
            "version": version,
            "only_changed": only_changed,
            "only_shots": only_shots,
            "shot_list": shot_list,
        },
    )
    rules = PlateRules.read(PlateOptions.of(options))
    if not isinstance(timeline, Timeline):
        timeline = read_timeline(timeline, rate=rate)
    named = PlateName(name) if isinstance(name, str) else name
    plan = plan_pull(timeline, inspected(media), out, rules, asked, named)
    if plan.advice:
        warnings.warn("; ".join(plan.advice), MediaWarning, stacklevel=2)
    return pull_plan(plan, out, rules)


def plan_pull(
    timeline: Timeline,
    clips: Sequence[ClipMetadata],
    out: str | os.PathLike[str],
    rules: PlateRules,
    asked: PullOptions,
    name: PlateName | None = None,
) -> TurnoverPlan:
    """The plan of a pull: what each event becomes in `out`, and what cannot be.

    Raises
    ------
    MediaError
        If the shot list or a list of shots cannot be read, or no event is of `only_shots`.
    """
    named = name or PlateName()
    choice = ShotChoice.of(asked.only_shots) if asked.only_shots else None
    events, lines = with_asks(timeline, named, shot_list=asked.shot_list, choice=choice)
    plan = match_events(events, clips, handles=asked.handles, name=named)
    plan = replace(plan, advice=(*plan.advice, *lines))
    left: tuple[PlannedEvent, ...] = ()
    if choice is not None:
        plan, left = chosen_events(plan, choice)
    plan = preflight(plan, rules)
    if reference := rules.options.reference:
        plan = replace(plan, advice=(*plan.advice, *Offline.of(reference, plan).notes))
    settled = next_to_delivered(
        plan,
        normalize(out),
        rules,
        version=asked.version,
        only_changed=asked.only_changed,
        left_out=left,
    )
    return renamed(settled, plan, rules)


def pull_plan(plan: TurnoverPlan, out: str | os.PathLike[str], rules: PlateRules) -> Delivery:
    """The same from a plan."""
    _check_template(plan.name.template, rules.options.format)
    where = normalize(out)
    content = read_turnover(plan, where)
    made = turnover_time(plan, where, content)
    what = (plan, where, content, made)
    page = Unit(write_turnover, what, name="summary", kind="summary", frames=0, seconds=0.1)
    return Delivery("pull", PullGroups(plan, where, rules, made), closing=page)


def _check_template(template: str, format: PlateFormat) -> None:
    suffix = {"exr": ".exr", "prores4444": ".mov"}.get(format, ".dpx")
    if not template.endswith((suffix, ".exr")):  # the default's .exr stands for whatever is made
        raise InvalidRequest(f"does not end in {suffix}", where=template, do=f"write {suffix} at its end")
    if format != "prores4444" and "{frame" not in template:
        raise InvalidRequest("has no {frame}", where=template, do=f"write .{{frame:04}}{suffix} at its end")


class PullGroups(LazyGroups):
    """One group an event."""

    def __init__(self, plan: TurnoverPlan, out: str, rules: PlateRules, made: datetime) -> None:
        super().__init__(len(plan))
        self._plan, self._out, self._rules, self._made = plan, out, rules, made
        options = rules.options
        self._listed: dict[str, list[str]] = {}
        amfs = (amf.url for amf in (*rules.amfs.of_clips, *rules.amfs.of_show))
        self._offline = Offline.of(options.reference, plan) if options.reference else None
        documents = (name for name in (*options.fdl, options.cdl, options.lut, options.reference) if name)
        clips = (one.url for one in plan.events if one.url)
        self._sources = Sources((plan.timeline.url, *map(normalize, documents), *amfs, *clips))

    def __getstate__(self) -> dict[str, Any]:
        # Whoever runs it plans again: what is there may change.
        return {**self.__dict__, "_planned": {}, "_listed": {}}

    def plan(self, row: int) -> Group:
        """The group that makes an event's plate, or hands it on where it is there."""
        planned = self._plan.events[row]
        if not planned.ok:
            error = InvalidRequest(planned.complaint, where=planned.title)
            return Group.failed(planned.title, error)
        try:
            order = self._order(planned)
            done = finished_plate(order)
            if done is not None:
                return Group.done(Unit(as_it_is, (done,), name=order.name, kind="found"))
            if self._plan.versions_up:
                planned, order = self._next_version(planned, order)
            if how := other_pictures(order):
                raise InvalidRequest(overwriting(how), where=order.stem)
            earlier = self._former(planned, order)
            checked = check_folder(order, self._standing(order), self._sources)
            return units_of(replace(checked, earlier=earlier))
        except Exception as error:
            return Group.failed(planned.title, error)

    def _next_version(self, planned: PlannedEvent, order: PlateOrder) -> tuple[PlannedEvent, PlateOrder]:
        """The event in the first version from its own on that has no other pictures."""
        while other_pictures(order):
            version = int(planned.fields.get("version", self._plan.name.version))
            planned = with_version(planned, self._plan, version + 1)
            order = self._order(planned)
        return planned, order

    def _order(self, planned: PlannedEvent) -> PlateOrder:
        how = (self._rules, self._out, self._made, self._plan.rate, self._offline)
        return plate_order(planned, *how)

    def _standing(self, order: PlateOrder) -> list[str]:
        """Names of the files in a plate's folder that begin like it; a folder is listed once."""
        folder, _, name = order.stem.rpartition("/")
        if folder not in self._listed:
            self._listed[folder] = []
            with suppress(MissingMedia):
                self._listed[folder] = sorted(file.url.rpartition("/")[2] for file in listing(folder)[1])
        names = self._listed[folder]
        return names[bisect_left(names, name) : bisect_left(names, name + chr(sys.maxunicode))]

    def _former(self, planned: PlannedEvent, order: PlateOrder) -> str | None:
        """The manifest of the plate's version before this one, if it could have one."""
        name = self._plan.name
        version = int(planned.fields.get("version", name.version))
        if not version:
            return None
        path = name.path({**planned.fields, "version": str(version - 1)})
        manifest = f"{plate_stem(join_url(self._out, path))}.json"
        return manifest if manifest != order.manifest.url else None


def units_of(order: PlateOrder) -> Group:
    """The group that makes a plate."""
    plate, recipe = order.plate, order.plate.recipe
    header = plate.clip.header
    width, height = recipe.framing.size
    seconds = header.width * header.height * 25e-9 + width * height * 45e-9 + (0.05 if order.review else 0)
    segments = plate_segments(plate.clip.index, plate.start, plate.stop, seconds)
    kind = f"pull {header.codec} {header.width}x{header.height} to {recipe.format} {width}x{height}"
    units = tuple(
        segment.unit(
            render_frames,
            (order, segment),
            output=order.name,
            kind=kind,
            seconds_per_frame=seconds,
            first_number=plate.number(0),
        )
        for segment in segments
    )
    finish = Unit(
        finish_plate,
        (order, tuple(segments)),
        name=order.name,
        kind="manifest",
        frames=len(plate),
        seconds=0.3 + len(plate) * 1e-3,
    )
    return Group(order.name, units, finish)


def as_it_is(plate: PulledPlate) -> PulledPlate:
    """A plate that is there."""
    return plate
