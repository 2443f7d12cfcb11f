"""What a plate's manifest says of it as a whole, for people and for a later pull."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from mediadask.editorial.names import shot_name
from mediadask.render.output import join_url
from mediadask.render.recipe import fingerprint

if TYPE_CHECKING:
    from mediadask.editorial.plan import PlannedEvent
    from mediadask.render.plate import Plate

__all__ = ["plate_facts", "plate_stem"]


def plate_stem(pattern: str) -> str:
    """The files' name without number and suffix."""
    folder, _, name = pattern.rpartition("/")
    return join_url(
        folder, name[: name.rindex("%")].rstrip("._-") if "%" in name else name.rpartition(".")[0]
    )


def plate_facts(
    planned: PlannedEvent,
    plate: Plate,
    source: str,
    notes: tuple[str, ...],
    rate: Fraction,
    pictures: str,
) -> tuple[tuple[str, Any], ...]:
    """Return what a manifest says of the whole plate, with which a later pull compares its edit."""
    event, recipe, fields = planned.event, plate.recipe, planned.fields
    record = event.recorded(rate)
    code = plate.timecode(plate.start)
    return (
        ("plate", plate_stem(plate.pattern).rpartition("/")[2]),
        ("shot", shot_name(fields) or None),
        ("fields", {part: fields[part] for part in ("shot", "plate") if fields.get(part)}),
        ("version", int(fields["version"]) if "version" in fields else None),
        ("event", event.number),
        ("where", event.where),
        ("record_frames", list(record) if record else None),
        ("clip", plate.clip.url),
        ("reel", plate.reel or None),
        ("list_reel", event.reel),
        ("source_frames", [plate.start, plate.stop]),
        ("source_timecode", None if code is None else str(code)),
        ("frame_rate", str(recipe.rate)),
        ("first_frame", plate.number(plate.start)),
        ("last_frame", plate.number(plate.stop - 1)),
        ("cut_in", planned.cut_number),
        ("cut_out", plate.number(plate.stop - 1) - planned.tail),
        ("handles", [planned.head, planned.tail]),
        ("speed", str(planned.speed)),
        ("input_space", source),
        ("color_space", recipe.space),
        ("size", list(recipe.framing.size)),
        ("pixel_aspect", recipe.framing.pixel_aspect),
        ("options", pictures),
        ("picture", fingerprint(repr(recipe.framing), repr(recipe.color), recipe.space)),
        ("notes", [*planned.notes, *notes]),
    )
