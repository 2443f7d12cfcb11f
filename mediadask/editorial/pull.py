"""Plate pulls: from a timeline and camera originals to what a VFX vendor is sent."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any, overload

from mediadask.clips.storage import normalize
from mediadask.delivery import Delivery, Group, Unit
from mediadask.editorial.match import match_events
from mediadask.editorial.media import inspected
from mediadask.editorial.names import PlateName
from mediadask.editorial.plates import PlateOptions, plate_order, turnover_time
from mediadask.editorial.summary import write_turnover
from mediadask.editorial.timeline import Timeline, read_timeline
from mediadask.errors import InvalidRequest, MediaError
from mediadask.render.plate import plate_segments
from mediadask.render.plate_units import PlateOrder, PulledPlate, finish_plate, finished_plate, render_frames

if TYPE_CHECKING:
    from mediadask.editorial.media import Media
    from mediadask.editorial.plan import PlannedEvent, TurnoverPlan
    from mediadask.render.plate import PlateFormat

__all__ = ["PullGroups", "pull", "pull_plan", "units_of"]


def pull(
    timeline: Timeline | str | os.PathLike[str],
    media: Media,
    out: str | os.PathLike[str],
    *,
    handles: int = 8,
    name: PlateName | str | None = None,
    rate: Fraction | float | str | None = None,
    **options: Any,
) -> Delivery:
    """Plates of every event of a timeline: OpenEXR files in ACES2065-1, as a VFX vendor is sent them.

    Beside the frames of each plate stand its AMF, its CDL where the event has one, a review with burn-ins and
    a manifest with hashes; in `out` the timeline itself and a summary. A rerun makes what is missing.

    Parameters
    ----------
    timeline
        An EDL, OTIO, Final Cut XML, AAF or ALE, or one that has been read.
    media
        Where the clips are, or clips that are inspected already. They are inspected here and now.
    out
        A folder, here or on an object store.
    handles
        Frames on either side of each cut, as many as the clip has.
    name
        How plates are named, or a template: `mediadask.editorial.PlateName`.
    rate
        Frames a second that the timeline's timecode counts, whatever it says.
    options
        Those of `mediadask.editorial.plates.PlateOptions`: ``input_space``, ``color_space``, ``fdl``,
        ``cdl``, ``lut``, ``format``, ``compression``, …

    Returns
    -------
    Delivery
        One group an event; values are `PulledPlate`. An event that cannot be delivered fails alone.

    Raises
    ------
    MediaError
        If the timeline or the media cannot be read, or for options that make no sense.
    """
    chosen = PlateOptions.of(options)
    if not isinstance(timeline, Timeline):
        timeline = read_timeline(timeline, rate=rate)
    named = PlateName(name) if isinstance(name, str) else name
    plan = match_events(timeline, inspected(media), handles=handles, name=named)
    return pull_plan(plan, out, chosen)


def pull_plan(plan: TurnoverPlan, out: str | os.PathLike[str], options: PlateOptions) -> Delivery:
    """The same from a plan."""
    _check_template(plan.name.template, options.format)
    where = normalize(out)
    return Delivery("pull", PullGroups(plan, where, options), finish=partial(write_turnover, plan, where))


def _check_template(template: str, format: PlateFormat) -> None:
    suffix = {"exr": ".exr", "prores4444": ".mov"}.get(format, ".dpx")
    if not template.endswith((suffix, ".exr")):  # the default's .exr stands for whatever is made
        raise InvalidRequest(f"does not end in {suffix}", where=template, do=f"write {suffix} at its end")
    if format != "prores4444" and "{frame" not in template:
        raise InvalidRequest("has no {frame}", where=template, do=f"write .{{frame:04}}{suffix} at its end")


class PullGroups(Sequence[Group]):
    """One group an event, planned when it is first asked for: a job begins with its first shot."""

    def __init__(self, plan: TurnoverPlan, out: str, options: PlateOptions) -> None:
        self._plan, self._out, self._options = plan, out, options
        self._made = turnover_time(plan.timeline.url)
        self._planned: dict[int, Group] = {}

    def __len__(self) -> int:
        return len(self._plan)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_planned": {}}  # whoever runs it plans again: what is there may change

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to be rendered."""
        return all(not one.ok or group.finish is None for one, group in zip(self._plan, self, strict=True))

    @overload
    def __getitem__(self, index: int) -> Group: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Group]: ...
    def __getitem__(self, index: int | slice) -> Group | Sequence[Group]:
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        row = range(len(self))[index]
        if row not in self._planned:
            self._planned[row] = self._group(self._plan.events[row])
        return self._planned[row]

    def _group(self, planned: PlannedEvent) -> Group:
        if not planned.ok:
            error = InvalidRequest("; ".join(planned.problems), where=planned.title)
            return Group.failed(planned.title, error)
        try:
            order = plate_order(planned, self._options, self._out, self._made)
        except MediaError as error:
            return Group.failed(planned.title, error)
        done = finished_plate(order)
        if done is not None:
            return Group(order.name, (Unit(as_it_is, (done,), name=order.name, kind="done"),))
        return units_of(order)


def units_of(order: PlateOrder) -> Group:
    """The group that makes a plate."""
    plate, recipe = order.plate, order.plate.recipe
    header = plate.clip.header
    width, height = recipe.framing.size
    seconds = header.width * header.height * 25e-9 + width * height * 45e-9 + (0.05 if order.review else 0)
    ranges = plate_segments(plate.clip.index, plate.start, plate.stop, seconds)
    kind = f"pull {header.codec} {header.width}x{header.height} to {recipe.format} {width}x{height}"
    units = tuple(
        Unit(
            render_frames,
            (order, start, stop),
            name=f"{order.name} frames {plate.number(start)}-{plate.number(stop - 1)}",
            kind=kind,
            frames=stop - start,
            seconds=seconds * (stop - start),
        )
        for start, stop in ranges
    )
    finish = Unit(
        finish_plate,
        (order, tuple(ranges)),
        name=order.name,
        kind="manifest",
        frames=len(plate),
        seconds=0.3 + len(plate) * 1e-3,
    )
    return Group(order.name, units, finish)


def as_it_is(plate: PulledPlate) -> PulledPlate:
    """A plate that is there."""
    return plate
