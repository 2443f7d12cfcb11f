"""What plates of a turnover are made as, and what that means for one event: its order."""

from __future__ import annotations

import os
import re
from dataclasses import asdict, fields, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from mediadask.clips import Clip, OnCorrupt
from mediadask.clips.clip_url import ClipUrl
from mediadask.clips.storage import normalize
from mediadask.documents.amf import Amf, AmfClip
from mediadask.documents.fdl import choose_by_fdl, read_fdl
from mediadask.documents.plate_fdl import plate_fdl
from mediadask.editorial.amfs import TurnoverAmfs, amf_documents, amf_review, amf_space
from mediadask.editorial.grades import TurnoverGrades
from mediadask.editorial.offline import Offline
from mediadask.editorial.plate_facts import plate_facts, plate_stem
from mediadask.editorial.retime_data import retime_documents
from mediadask.errors import InvalidRequest, MediaError
from mediadask.metadata import describe
from mediadask.pixels import Color, Filter, Framing
from mediadask.pixels.color.config import CONFIG, config_url, digest_of, named_space, open_config
from mediadask.pixels.color.spaces import input_space, space_called
from mediadask.pixels.color.transform_ids import ACES
from mediadask.render.burnin import review_framing
from mediadask.render.exr import Compression, ExrSample
from mediadask.render.output import join_url
from mediadask.render.plate import Plate, PlateFormat, PlateRecipe
from mediadask.render.plate_folder import PlateOrder, Review
from mediadask.render.recipe import fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from fractions import Fraction

    from mediadask.documents.cdl import Cdl
    from mediadask.documents.fdl import Choice
    from mediadask.editorial.plan import PlannedEvent
    from mediadask.metadata import ClipMetadata

__all__ = [
    "PlateOptions",
    "check_amf",
    "check_color",
    "framing_choice",
    "plate_grade",
    "plate_order",
    "plate_stem",
]

_REVIEW_BOX = (1920, 1080)
_DISPLAY, _VIEW = "Rec.1886 Rec.709 - Display", "ACES 2.0 - SDR 100 nits (Rec.709)"
_EXR_SPACE = "ACES2065-1"
_WORKING = "ACEScct"
"""The color space CDLs of ACES shows are made in."""

_ATTRIBUTES = {  # OpenEXR's standard attributes (ImfStandardAttributes.h), by our metadata's fields
    "reel": "reelName",
    "camera_make": "cameraMake",
    "camera_model": "cameraModel",
    "camera_serial": "cameraSerialNumber",
    "lens": "lensModel",
}
_NUMBERS = {
    "iso": "isoSpeed",
    "white_balance_k": "cameraCCTSetting",
    "shutter_angle_deg": "shutterAngle",
    "focal_length_mm": "nominalFocalLength",
}


@checked(frozen=True, config=ConfigDict(extra="forbid"))
class PlateOptions:
    """How plates are made, the same for every event."""

    input_space: str | None = None
    """The color space of clips that no AMF is for, by the config's name, alias or AMF transform ID; None: as
    they say."""

    color_space: str | None = None
    """The plates' color space; None: ACES2065-1 for EXR, the clip's own for the others."""

    config: str = CONFIG
    """An OpenColorIO config: a file, or ``ocio://`` and a name."""

    fdl: tuple[str, ...] = ()
    """ASC FDL files; of several the one with a canvas of the clip's size counts. None: the whole picture."""

    fdl_template: str | None = None
    """A canvas template's id or label, where an FDL has several; ``none`` crops without scaling."""

    fdl_intent: str | None = None
    """A framing intent's or decision's id or label, where an FDL has several."""

    squeeze: float | None = None
    """The clips' anamorphic squeeze where no FDL says it, whatever they say themselves: 2.0."""

    filter: Filter = "lanczos3"
    """What plates are resampled with, where they are: `mediadask.pixels.Filter`."""

    amf: tuple[str, ...] = ()
    """AMFs, files or folders of them: `mediadask.editorial.amfs.TurnoverAmfs` says which is for a clip. Its
    input transform is applied to the plate; its looks and output only to the review."""

    cdl: str | None = None
    """A ``.cc``, ``.ccc`` or ``.cdl`` file with the grade of events that have none of their own; of several
    `mediadask.editorial.grades.TurnoverGrades` says which is for an event."""

    lut: str | None = None
    """A LUT file for the reviews, from the clip's values to a display's, instead of the ACES view."""

    format: PlateFormat = "exr"
    compression: Compression = "zip"
    sample: ExrSample = "half"
    reference: str | None = None
    """A movie of the whole offline cut; of each shot what it shows comes along, in step with the plate."""

    review: bool = True
    """Whether a review with burn-ins is made of each plate."""

    on_corrupt: OnCorrupt = "fail"
    """What a frame that does not decode becomes."""

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> PlateOptions:
        """From what people write; one path may stand for a tuple of them.

        Raises
        ------
        InvalidRequest
            For an option or a value there is none of.
        MissingMedia, UnreadableMedia
            If a file is not there, or not what it should be.
        """
        known = {field.name for field in fields(cls)}
        for name in options:
            if name not in known:
                raise InvalidRequest(f"no option {name!r}", do=f"use {', '.join(sorted(known))}")
        values = {
            name: os.fspath(value) if isinstance(value, os.PathLike) else value
            for name, value in options.items()
        }
        for name in ("fdl", "amf"):
            paths = values.get(name) or ()
            listed = [paths] if isinstance(paths, str | os.PathLike) else paths
            values[name] = tuple(map(normalize, listed))
        try:
            found = TypeAdapter(cls).validate_python(values)
        except ValidationError as error:
            first = error.errors()[0]
            where = str(first["loc"][-1]) if first["loc"] else "options"
            raise InvalidRequest(
                f"{first['input']!r} cannot be", where=where, do=first["msg"].lower()
            ) from None
        found._check()
        return found

    @property
    def pictures(self) -> str:
        """A hash of what makes frames look as they do."""
        colors = (self.input_space, self.color_space, self.config, self.amf, self.format)
        return fingerprint(*colors, self.fdl, self.fdl_template, self.fdl_intent, self.squeeze, self.filter)

    def _check(self) -> None:
        """Read now what every event would fail for."""
        config = config_url(self.config)
        if self.input_space is not None:
            space_called(self.input_space, config)
        if self.color_space is not None:
            named_space(open_config(config), self.color_space, config)
        elif self.format == "exr":
            try:
                named_space(open_config(config), _EXR_SPACE, config)
            except InvalidRequest as error:
                raise InvalidRequest(
                    f"{error.what}, which plates are in by default",
                    where=config,
                    do=f"name another with --color-space; {error.do}",
                ) from None
        if self.squeeze is not None and self.squeeze <= 0:
            raise InvalidRequest(f"a squeeze of {self.squeeze:g}", do="give a positive one, such as 2.0")
        for fdl in self.fdl:
            read_fdl(fdl)
        TurnoverAmfs.read(self.amf)
        TurnoverGrades.read(self.cdl)
        if self.lut:
            Color.lut(self.lut)


def plate_order(
    planned: PlannedEvent,
    options: PlateOptions,
    out: str,
    made: datetime,
    amfs: TurnoverAmfs,
    grades: TurnoverGrades,
    rate: Fraction,
    offline: Offline | None = None,
) -> PlateOrder:
    """Everything that is to stand in `out` for one event.

    Parameters
    ----------
    made
        When the turnover was made, for AMFs.
    amfs, grades
        Those of the options, read.
    rate
        Frames a second of the timeline.
    offline
        The options' reference, opened.

    Raises
    ------
    MediaError
        If the clip cannot be opened, its color space is not known, no FDL is for it, or its AMF cannot be
        followed.
    """
    clip = _opened(str(planned.url))
    metadata = describe(clip.facts)
    config = config_url(options.config)
    amf = amfs.of(planned)
    source = amf_space(amf, config) if amf else input_space(metadata, options.input_space, config)
    space = _plate_space(source, amf, options, config)
    linear = open_config(config).getColorSpace(space).getEncoding() == "scene-linear"
    framing, choice = _framing(clip, metadata, options)
    recipe = PlateRecipe(
        framing.using(options.filter, linear=linear),
        _color(source, amf, space, config),
        space,
        planned.rate or clip.header.frame_rate,
        metadata.start_timecode,
        _attributes(metadata, planned),
        options.format,
        options.compression,
        options.sample,
        options.on_corrupt,
    )
    pattern = join_url(out, str(planned.name))
    if options.format != "exr":
        pattern = pattern.removesuffix(".exr").removesuffix(".dpx").removesuffix(".mov") + ".dpx"
    plate = Plate(clip, recipe, pattern, planned.start, planned.stop, planned.first_number)
    stem = plate_stem(pattern)
    name = stem.rpartition("/")[2]
    cdl = plate_grade(planned, amf, grades, name)
    if amf and cdl and not amf.pipeline.looks:
        amf = amf.with_grade(cdl, _WORKING, config)
    review = None
    if options.review:
        colors = _review_colors(source, amf, cdl, options.lut, config)
        rotation = clip.header.rotation
        box = _REVIEW_BOX[::-1] if rotation % 180 else _REVIEW_BOX
        review = Review(review_framing(framing, *box), *colors, name, rotation, clip.header.mirrored)
    documents, copies, notes = _documents(plate, source, amf, cdl, choice, config, made)
    documents = (*documents, *retime_documents(planned, name, rate))
    if amfs and amf is None:
        notes = (*notes, "no AMF is for it")
    reference = offline.of_plate(planned, name) if offline else None
    if offline and reference is None:
        notes = (*notes, "the reference does not show it")
    said = source or f"as {amf.url if amf else ''} says"
    return PlateOrder(
        plate,
        stem,
        review,
        documents,
        plate_facts(planned, plate, said, notes, rate, options.pictures),
        copies,
        None,
        reference,
    )


def check_amf(amf: Amf, options: PlateOptions) -> None:
    """Raise the `MediaError` that every plate by an AMF would fail with; none is made, and no clip opened."""
    config = config_url(options.config)
    source = amf_space(amf, config)
    _color(source, amf, _plate_space(source, amf, options, config), config)
    if options.review:
        _review_colors(source, amf, None, options.lut, config)
    for url in amf.files:  # they come along with the plate
        digest_of(url)


def check_color(source: str, options: PlateOptions) -> None:
    """The same of every plate of clips in a color space."""
    config = config_url(options.config)
    _color(source, None, _plate_space(source, None, options, config), config)
    if options.review:
        _review_colors(source, None, None, options.lut, config)


def _plate_space(source: str | None, amf: Amf | None, options: PlateOptions, config: str) -> str:
    wanted = options.color_space or (_EXR_SPACE if options.format == "exr" else source)
    if wanted is None:
        what = "goes to ACES by a LUT or an output transform undone, which names no color space for plates"
        where = amf.url if amf else None
        raise InvalidRequest(what, where=where, do="name theirs with --color-space: ACEScct, say")
    return named_space(open_config(config), wanted, config)


def _color(source: str | None, amf: Amf | None, space: str, config: str) -> Color:
    """From the clip's values to the plate's."""
    if source == space:
        return Color()
    if source is None and amf is not None:
        to_space = Color() if space == ACES else Color.convert(ACES, space, config)
        return Color.chain(amf.color("input", config), to_space)
    return Color.convert(str(source), space, config)


def plate_grade(planned: PlannedEvent, amf: Amf | None, grades: TurnoverGrades, name: str) -> Cdl | None:
    """The grade of the plate `name`: its AMF's where that has looks, else the event's, else the options'.

    Raises
    ------
    InvalidRequest
        If the options' have none for it.
    """
    if amf and amf.pipeline.looks:
        left = [look.cdl for look in amf.pipeline.looks if look.cdl and not look.applied]
        return replace(left[0], id=name) if left else None
    if planned.cdl:
        return replace(planned.cdl, id=planned.cdl.id or name)
    found = grades.of(planned, name)
    return replace(found, id=name) if found else None


@lru_cache(maxsize=64)
def _opened(url: str) -> Clip:
    return Clip.open(url)


def _framing(clip: Clip, metadata: ClipMetadata, options: PlateOptions) -> tuple[Framing, Choice | None]:
    """The framing, and what of which FDL says so."""
    header = clip.header
    choice = framing_choice(clip.url, header.width, header.height, options)
    if choice is not None:
        return Framing.of_placement(choice.placement), choice
    said = float(header.pixel_aspect) if header.pixel_aspect != 1 else metadata.squeeze or 1.0
    squeeze = options.squeeze or said
    return Framing.full(header.width, header.height, squeeze), None


def framing_choice(url: str, width: int, height: int, options: PlateOptions) -> Choice | None:
    """What the options' FDLs say of a clip, by its name and its size in pixels; None where there are none.

    Raises
    ------
    MediaError
        If none of them is for the clip, or one leaves a choice.
    """
    name = ClipUrl.parse(url).name
    refused: list[MediaError] = []
    for fdl in options.fdl:
        try:
            return choose_by_fdl(
                fdl,
                width,
                height,
                clip_name=name.rpartition(".")[0] or name,
                template=options.fdl_template,
                intent=options.fdl_intent,
            )
        except MediaError as error:
            refused.append(error)
    if len(refused) > 1:
        raise InvalidRequest(f"none of the {len(refused)} FDLs is for it", where=url, do=str(refused[0]))
    if refused:
        raise refused[0]
    return None


def _attributes(metadata: ClipMetadata, planned: PlannedEvent) -> tuple[tuple[str, str | int | float], ...]:
    """What headers say of the camera: what is not known is not said."""
    known = {**asdict(metadata), "reel": planned.reel or metadata.reel}
    texts = [(name, str(known[field])) for field, name in _ATTRIBUTES.items() if known[field]]
    numbers = [(name, float(known[field])) for field, name in _NUMBERS.items() if known[field] is not None]
    return (*texts, *numbers)


def _review_colors(
    source: str | None, amf: Amf | None, cdl: Cdl | None, lut: str | None, config: str
) -> tuple[Color, Color]:
    """From the clip's values to where the view begins, graded; and the view."""
    if lut:
        grade = Color.cdl(cdl, source, _WORKING, config) if cdl and source else Color()
        return Color.chain(grade, Color.lut(lut)), Color()
    if amf:
        return amf_review(amf, _WORKING, _own_view(_WORKING, config), config)
    assert source is not None
    if config == CONFIG:
        grade = Color.cdl(cdl) if cdl else Color()
        log = Color.chain(Color.convert(source, _WORKING, config), grade)
        return log, _own_view(_WORKING, config)
    return _own_view(source, config), Color()


def _own_view(space: str, config: str) -> Color:
    """What a config shows pictures in a color space with, where nobody says."""
    if config == CONFIG:
        return Color.view(space, _DISPLAY, _VIEW, config)
    opened = open_config(config)
    display = opened.getDefaultDisplay()
    return Color.view(space, display, opened.getDefaultView(display), config)


def _documents(
    plate: Plate,
    source: str | None,
    amf: Amf | None,
    cdl: Cdl | None,
    choice: Choice | None,
    config: str,
    made: datetime,
) -> tuple[tuple[tuple[str, bytes], ...], tuple[tuple[str, str, str], ...], tuple[str, ...]]:
    """The small files beside the frames, those that are copies, and why one is missing."""
    documents = [] if cdl is None else [(suffix, cdl.document(suffix)) for suffix in (".cc", ".cdl")]
    name = plate_stem(plate.pattern).rpartition("/")[2]
    if choice is not None:
        documents.append((".fdl", plate_fdl(choice, name)))
    first, last = plate.number(plate.start), plate.number(plate.stop - 1)
    hashes = re.sub(r"%0?(\d*)d", lambda found: "#" * int(found[1] or 1), plate.pattern.rpartition("/")[2])
    pattern = hashes if plate.is_files else f"{name}.mov"
    about = AmfClip(name, pattern, (first, last) if plate.is_files else None)
    view = (_DISPLAY, _VIEW) if config == CONFIG else None
    try:
        if amf is not None:
            document, copies = amf_documents(amf, about, made, plate.recipe.space, config)
            return (*documents, (".amf", document)), copies, ()
        amf = Amf.of_plate(
            about,
            made=made,
            source=str(source),
            space=plate.recipe.space,
            cdl=cdl,
            working=_WORKING,
            view=view,
            config=config,
        )
    except InvalidRequest as error:
        return tuple(documents), (), (f"no AMF: {error}",)
    return (*documents, (".amf", amf.document())), (), ()
