"""The decision: what the plate of an event is made as, from what its clip says. No clip is opened for it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mediadask.clips.clip_url import ClipUrl
from mediadask.delivery import Failure
from mediadask.documents.fdl import choose_by_fdl, read_fdl
from mediadask.editorial.amfs import TurnoverAmfs, amf_space
from mediadask.editorial.grades import TurnoverGrades
from mediadask.editorial.plate_facts import plate_stem
from mediadask.editorial.plates.colors import EXR_SPACE, WORKING, plate_color, plate_space, review_colors
from mediadask.errors import InvalidRequest, MediaError
from mediadask.pixels import Color, Framing
from mediadask.pixels.color.config import config_url, digest_of, named_space, open_config
from mediadask.pixels.color.spaces import input_space, space_called

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mediadask.documents.amf import Amf
    from mediadask.documents.cdl import Cdl
    from mediadask.documents.fdl import Choice
    from mediadask.editorial.plan import PlannedEvent
    from mediadask.editorial.plates.options import PlateOptions
    from mediadask.metadata import ClipMetadata

__all__ = ["PlateRules", "PlateSpec", "Unfit", "decide_plate", "plate_name"]


@dataclass(frozen=True)
class PlateRules:
    """What plates of a turnover are decided by: the options, and the documents they name, read once."""

    options: PlateOptions
    amfs: TurnoverAmfs
    grades: TurnoverGrades

    @classmethod
    def read(cls, options: PlateOptions) -> PlateRules:
        """Read now what every event would fail for.

        Raises
        ------
        InvalidRequest
            If a color space cannot be.
        MissingMedia, UnreadableMedia
            If a file is not there, or not what it should be.
        """
        config = config_url(options.config)
        if options.input_space is not None:
            space_called(options.input_space, config)
        if options.color_space is not None:
            named_space(open_config(config), options.color_space, config)
        elif options.format == "exr":
            try:
                named_space(open_config(config), EXR_SPACE, config)
            except InvalidRequest as error:
                raise InvalidRequest(
                    f"{error.what}, which plates are in by default",
                    where=config,
                    do=f"name another with --color-space; {error.do}",
                ) from None
        for fdl in options.fdl:
            read_fdl(fdl)
        amfs, grades = TurnoverAmfs.read(options.amf), TurnoverGrades.read(options.cdl)
        if options.lut:
            Color.lut(options.lut)
        return cls(options, amfs, grades)

    @property
    def config(self) -> str:
        """The URL of the OpenColorIO config."""
        return config_url(self.options.config)


@dataclass(frozen=True)
class PlateSpec:
    """What a plate is made as. Plain data."""

    source: str | None
    """The clip's color space; None where its AMF goes to ACES another way."""

    space: str
    """The plate's color space."""

    color: Color
    """From the clip's values to the plate's."""

    framing: Framing

    choice: Choice | None
    """Which part of which FDL frames it."""

    amf: Amf | None
    """The clip's AMF, with the grade where it has no looks of its own."""

    grade: Cdl | None

    review: tuple[Color, Color] | None
    """From the clip's values to where the view begins, graded; and the view."""


@dataclass(frozen=True)
class Unfit:
    """Why an event has no plate."""

    problems: tuple[str, ...]

    is_unnamed: bool = False
    """Whether naming the clip's color space would help."""


def decide_plate(planned: PlannedEvent, rules: PlateRules) -> PlateSpec | Unfit:
    """Decide what the plate of a matched event is made as, or give all reasons why there is none.

    ``--plan`` shows the reasons and rendering makes the plate, both from this answer.
    """
    clip, options, config = planned.clip, rules.options, rules.config
    assert clip is not None
    problems: list[str] = []
    with _noting(problems):
        amf = rules.amfs.of(planned)
    if problems:
        return Unfit(tuple(problems))
    try:
        source = amf_space(amf, config) if amf else input_space(clip, options.input_space, config)
    except MediaError as error:
        if amf is None:
            return Unfit((f"{clip.path}: {error.what}; name it with --input-space",), is_unnamed=True)
        return Unfit((str(error),))
    grade = None
    with _noting(problems):
        grade = plate_grade(planned, amf, rules.grades, plate_name(planned)) if planned.name else None
    if amf and grade and not amf.pipeline.looks:
        amf = amf.with_grade(grade, WORKING, config)
    with _noting(problems):
        space = plate_space(source, amf, options, config)
        color = plate_color(source, amf, space, config)
        review = review_colors(source, amf, grade, options.lut, config) if options.review else None
        for url in amf.files if amf else ():  # they come along with the plate
            digest_of(url)
    with _noting(problems):
        framing, choice = _framing(clip, options)
    if problems:
        return Unfit(tuple(problems))
    linear = open_config(config).getColorSpace(space).getEncoding() == "scene-linear"
    framing = framing.using(options.filter, linear=linear)
    return PlateSpec(source, space, color, framing, choice, amf, grade, review)


@contextmanager
def _noting(problems: list[str]) -> Iterator[None]:
    """Note what is raised inside the block as a problem, and go on behind it."""
    try:
        yield
    except Exception as error:
        problems.append(Failure.of(error).error)


def plate_name(planned: PlannedEvent) -> str:
    """What a plate is called, without folder, number and suffix."""
    return plate_stem(str(planned.name)).rpartition("/")[2]


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


def _framing(clip: ClipMetadata, options: PlateOptions) -> tuple[Framing, Choice | None]:
    """The framing, and what of which FDL says so."""
    assert clip.width is not None  # sound recordings are not matched
    assert clip.height is not None
    choice = _framing_choice(clip.path, clip.width, clip.height, options)
    if choice is not None:
        return Framing.of_placement(choice.placement), choice
    aspect = clip.pixel_aspect or 1.0
    said = aspect if aspect != 1 else clip.squeeze or 1.0
    return Framing.full(clip.width, clip.height, options.squeeze or said), None


def _framing_choice(url: str, width: int, height: int, options: PlateOptions) -> Choice | None:
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
