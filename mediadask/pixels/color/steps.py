"""The kinds of color step, as plain data, and what each is to OpenColorIO."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import PyOpenColorIO as ocio

from mediadask.documents.cdl import Cdl
from mediadask.errors import InvalidRequest, MediaChanged, UnreadableMedia
from mediadask.pixels.color.config import digest_of, local_file, open_config

__all__ = [
    "Conversion",
    "Grade",
    "Look",
    "Lut",
    "Matrix",
    "Step",
    "View",
    "inverted",
    "processor_of",
    "sealed",
]


@dataclass(frozen=True)
class Lut:
    """A table in a file."""

    url: str
    digest: str
    """The digest of the file's content."""

    inverse: bool = False
    kind: Literal["lut"] = "lut"


@dataclass(frozen=True)
class Conversion:
    """A conversion from one color space of a config to another."""

    source: str
    target: str
    config: str
    digest: str
    """The digest of the config's content; empty for a built-in one, whose name pins it. Where the step goes
    through LUTs that the config names, a colon and the digest of theirs follow."""

    kind: Literal["conversion"] = "conversion"


@dataclass(frozen=True)
class View:
    """A conversion from a color space of a config to the values that a display is sent, or back."""

    source: str
    display: str
    view: str
    config: str
    digest: str
    inverse: bool = False
    kind: Literal["view"] = "view"


@dataclass(frozen=True)
class Look:
    """A named look of a config, applied to a picture in one of its color spaces."""

    look: str
    space: str
    config: str
    digest: str
    inverse: bool = False
    kind: Literal["look"] = "look"


@dataclass(frozen=True)
class Grade:
    """A CDL, applied to values as they are; nothing is clamped, so that it can be undone."""

    cdl: Cdl
    inverse: bool = False
    kind: Literal["grade"] = "grade"


@dataclass(frozen=True)
class Matrix:
    """Nine numbers, row by row, that R, G and B of the result are made with."""

    rows: tuple[float, ...]
    inverse: bool = False
    kind: Literal["matrix"] = "matrix"


Step = Lut | Conversion | View | Look | Grade | Matrix


def inverted(step: Step) -> Step:
    """The step that undoes one."""
    if isinstance(step, Conversion):
        return sealed(replace(step, source=step.target, target=step.source))
    return sealed(replace(step, inverse=not step.inverse))


def sealed(step: Step) -> Step:
    """The step with a digest that is another when a LUT is another that its config goes through.

    Raises as `processor_of` does.
    """
    if isinstance(step, Grade | Lut | Matrix):
        return step
    bare = replace(step, digest=step.digest.partition(":")[0])
    luts = _luts_digest(processor_of(bare)) if bare.digest else ""
    return replace(bare, digest=f"{bare.digest}:{luts}") if luts else bare


def _luts_digest(processor: ocio.Processor) -> str:
    """The digest of the files that a processor is made of; empty where there are none."""
    files = sorted(digest_of(path) for path in processor.getProcessorMetadata().getFiles())
    return hashlib.sha256("".join(files).encode()).hexdigest() if files else ""


@lru_cache(maxsize=64)
def processor_of(step: Step) -> ocio.Processor:
    """Built once a process: a large LUT takes a second to read.

    Raises
    ------
    MissingMedia
        If its file is not there.
    MediaChanged
        If its file, or a LUT of its config, is not the one that was planned with.
    UnreadableMedia
        If its file is none that OpenColorIO reads.
    InvalidRequest
        If the config has no such view or look, or the step has no inverse.
    """
    if isinstance(step, Grade):
        return _grade(step)
    if isinstance(step, Matrix):
        red, green, blue = (step.rows[start : start + 3] for start in (0, 3, 6))
        transform = ocio.MatrixTransform([*red, 0.0, *green, 0.0, *blue, 0.0, 0.0, 0.0, 0.0, 1.0])
        return ocio.Config.CreateRaw().getProcessor(transform, _direction(step))
    if isinstance(step, Lut):
        return _lut(step)
    digest, _, luts = step.digest.partition(":")
    config = open_config(step.config, digest)
    try:
        _forget_files()
        processor = config.getProcessor(_transform(step), _direction(step))
    except ocio.Exception as error:
        raise InvalidRequest(f"cannot do this color step ({error})", where=step.config) from error
    if luts and _luts_digest(processor) != luts:
        raise MediaChanged(
            "goes through a LUT that has changed since the work was planned",
            where=step.config,
            do="submit the work again",
        )
    return processor


def _forget_files() -> None:
    """OpenColorIO keeps files by their names, and would take one that has changed for what it was."""
    ocio.ClearAllCaches()


def _transform(step: Conversion | View | Look) -> ocio.Transform:
    if isinstance(step, Conversion):
        return ocio.ColorSpaceTransform(step.source, step.target)
    if isinstance(step, View):
        return ocio.DisplayViewTransform(step.source, step.display, step.view)
    return ocio.LookTransform(step.space, step.space, step.look)


def _direction(step: Step) -> ocio.TransformDirection:
    back = not isinstance(step, Conversion) and step.inverse
    return ocio.TRANSFORM_DIR_INVERSE if back else ocio.TRANSFORM_DIR_FORWARD


def _grade(step: Grade) -> ocio.Processor:
    cdl, transform = step.cdl, ocio.CDLTransform()
    transform.setStyle(ocio.CDL_NO_CLAMP)
    transform.setSlope(cdl.slope)
    transform.setOffset(cdl.offset)
    transform.setPower(cdl.power)
    transform.setSat(cdl.saturation)
    if step.inverse and not (all(cdl.slope) and cdl.saturation):
        raise InvalidRequest(
            f"{f'CDL {cdl.id}'.strip()} cannot be undone: a slope or its saturation is 0", do="go without"
        )
    return ocio.Config.CreateRaw().getProcessor(transform, _direction(step))


def _lut(step: Lut) -> ocio.Processor:
    if digest_of(step.url) != step.digest:
        raise MediaChanged(
            "has changed since the work was planned", where=step.url, do="submit the work again"
        )
    with local_file(step.url) as path:
        _forget_files()
        transform = ocio.FileTransform(path, interpolation=ocio.INTERP_BEST)
        try:
            return ocio.Config.CreateRaw().getProcessor(transform, _direction(step))
        except (ocio.Exception, UnicodeDecodeError) as error:
            what = "is no LUT that can be inverted" if step.inverse else "is no LUT OpenColorIO reads"
            raise UnreadableMedia(f"{what} ({_said(error)})", where=step.url) from error


def _said(error: Exception) -> str:
    """OpenColorIO's reason, which cites the file, and so need not be text."""
    whole = error.object.decode(errors="replace") if isinstance(error, UnicodeDecodeError) else str(error)
    return " ".join(whole.split())[:300]
