"""The order of a plate: all that is to stand in a folder for it, as it was decided."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from mediadask.clips import Clip
from mediadask.editorial.plate_facts import plate_facts, plate_stem
from mediadask.editorial.plates.decision import Unfit, decide_plate, plate_name
from mediadask.editorial.plates.documents import camera_attributes, plate_documents
from mediadask.editorial.retime_data import retime_documents
from mediadask.errors import InvalidRequest
from mediadask.render.burnin import review_framing
from mediadask.render.output import join_url
from mediadask.render.plate import Plate, PlateRecipe
from mediadask.render.plate_folder import PlateOrder, Review

if TYPE_CHECKING:
    from datetime import datetime
    from fractions import Fraction

    from mediadask.editorial.offline import Offline
    from mediadask.editorial.plan import PlannedEvent
    from mediadask.editorial.plates.decision import PlateRules, PlateSpec
    from mediadask.metadata import ClipMetadata

__all__ = ["plate_order"]

_REVIEW_BOX = (1920, 1080)


def plate_order(
    planned: PlannedEvent,
    rules: PlateRules,
    out: str,
    made: datetime,
    rate: Fraction,
    offline: Offline | None = None,
) -> PlateOrder:
    """Everything that is to stand in `out` for one event.

    Parameters
    ----------
    made
        When the turnover was made, for AMFs.
    rate
        Frames a second of the timeline.
    offline
        The options' reference, opened.

    Raises
    ------
    MediaError
        If no plate can be made of the event, or its clip cannot be opened or is another one by now.
    """
    spec, options, described = decide_plate(planned, rules), rules.options, planned.clip
    if isinstance(spec, Unfit):
        raise InvalidRequest("; ".join(spec.problems))
    assert described is not None
    clip = _opened(str(planned.url))
    _check_size(clip, described)
    recipe = PlateRecipe(
        spec.framing,
        spec.color,
        spec.space,
        planned.rate or clip.header.frame_rate,
        described.start_timecode,
        camera_attributes(described, planned),
        options.format,
        options.compression,
        options.sample,
        options.on_corrupt,
    )
    pattern = join_url(out, str(planned.name))
    if options.format != "exr":
        pattern = pattern.removesuffix(".exr").removesuffix(".dpx").removesuffix(".mov") + ".dpx"
    plate = Plate(clip, recipe, pattern, planned.start, planned.stop, planned.first_number)
    name = plate_name(planned)
    documents, copies, notes = plate_documents(plate, spec, rules.config, made)
    documents = (*documents, *retime_documents(planned, name, rate))
    if rules.amfs and spec.amf is None:
        notes = (*notes, "no AMF is for it")
    reference = offline.of_plate(planned, name) if offline else None
    if offline and reference is None:
        notes = (*notes, "the reference does not show it")
    said = spec.source or f"as {spec.amf.url if spec.amf else ''} says"
    return PlateOrder(
        plate,
        plate_stem(pattern),
        _review(spec, described, name),
        documents,
        plate_facts(planned, plate, said, notes, rate, options.pictures),
        copies,
        None,
        reference,
    )


@lru_cache(maxsize=64)
def _opened(url: str) -> Clip:
    return Clip.open(url)


def _check_size(clip: Clip, described: ClipMetadata) -> None:
    size, was = (clip.header.width, clip.header.height), (described.width, described.height)
    if size != was:
        what = f"is {size[0]}x{size[1]}, and was {was[0]}x{was[1]} when it was inspected"
        raise InvalidRequest(what, where=clip.url, do="inspect it again")


def _review(spec: PlateSpec, described: ClipMetadata, name: str) -> Review | None:
    if spec.review is None:
        return None
    rotation, mirrored = described.rotation or 0, bool(described.mirrored)
    box = _REVIEW_BOX[::-1] if rotation % 180 else _REVIEW_BOX
    return Review(review_framing(spec.framing, *box), *spec.review, name, rotation, mirrored)
