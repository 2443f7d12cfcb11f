"""An ACES pipeline as an AMF describes it: input, looks, output, and which of them a picture has had."""

from __future__ import annotations

import base64
import hashlib
import posixpath
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, urlsplit

from mediadask.choices import CONFIG
from mediadask.clips.storage import is_local
from mediadask.documents.cdl import Cdl
from mediadask.errors import InvalidRequest, MissingMedia, UnreadableMedia
from mediadask.pixels.color.chain import Color
from mediadask.pixels.color.config import read_table
from mediadask.pixels.color.transform_ids import color_of

if TYPE_CHECKING:
    import os

__all__ = ["Info", "InputTransform", "LookTransform", "OutputTransform", "Pipeline", "Stage", "Transform"]

Stage = Literal["input", "look", "output"]
STAGES: tuple[Stage, ...] = ("input", "look", "output")


@dataclass(frozen=True)
class Info:
    """Who made a document or a pipeline, and when."""

    created: str
    """ISO 8601, as the modification date."""

    modified: str
    description: str = ""
    authors: tuple[tuple[str, str], ...] = ()
    """Name and mail address of each."""

    uuid: str = ""
    """``urn:uuid:…``; empty makes one of the content when it is written."""


@dataclass(frozen=True)
class Transform:
    """One transform, by exactly one of ID, file and UUID."""

    id: str = ""
    file: str = ""
    """As the AMF has it: a URI, relative to the AMF."""

    uuid: str = ""
    description: str = ""
    hash: tuple[str, str] | None = None
    """Algorithm's URI and value in base64."""

    def color(self, beside: str, config: str | os.PathLike[str] = CONFIG) -> Color:
        """What it does to a picture.

        Parameters
        ----------
        beside
            The AMF's own URL.

        Raises
        ------
        InvalidRequest
            If no config knows the ID, or it is a UUID.
        MissingMedia
            If its file is not there.
        UnreadableMedia
            If its file is no LUT, or not the one that was meant.
        """
        try:
            if self.id:
                return color_of(self.id, config)
            if self.file:
                return Color.lut(self._checked_file(beside))
        except MissingMedia as error:
            what = f"the file {self.file} it names is not there"
            raise MissingMedia(what, where=beside, do=f"put it at {error.where}") from error
        except InvalidRequest as error:
            raise InvalidRequest(error.what, where=beside, do=error.do) from error
        raise InvalidRequest(
            f"transform {self.uuid} is named by UUID only", where=beside, do="name it by transform ID or file"
        )

    def location(self, beside: str) -> str:
        """Where its file is: in the AMF's own folder, or one inside it.

        It comes along with every plate: were it anywhere, an AMF from outside could carry any file that its
        reader may open to whoever the plates are for.

        Raises
        ------
        UnreadableMedia
            If it is elsewhere, or a link that leads there.
        """
        parts, folder = urlsplit(self.file), posixpath.dirname(beside)
        place = posixpath.normpath(posixpath.join(folder, unquote(parts.path)))
        known = parts.scheme in ("", "file") and parts.netloc in ("", "localhost") and "\0" not in place
        if not known or not _is_inside(place, folder):
            what = f"names a file elsewhere, {self.file}"
            raise UnreadableMedia(what, where=beside, do="put it beside the AMF, and let the AMF say so")
        return place

    def _checked_file(self, beside: str) -> str:
        url = self.location(beside)
        algorithm = _HASHES.get(self.hash[0]) if self.hash else None
        if self.hash and algorithm:
            found = hashlib.new(algorithm, read_table(url), usedforsecurity=False)
            # The schema says base64; hexadecimal is found in the wild, in the schema's own examples too.
            said = "".join(self.hash[1].split())
            if said not in (
                base64.b64encode(found.digest()).decode(),
                found.hexdigest(),
                found.hexdigest().upper(),
            ):
                raise UnreadableMedia(
                    f"is not the LUT that {beside} was made with", where=url, do="find that one"
                )
        return url


def _is_inside(place: str, folder: str) -> bool:
    """Whether a file is in a folder or one inside it, wherever links lead."""
    if is_local(place):
        place, folder = posixpath.realpath(place), posixpath.realpath(folder or ".")
    return place.startswith(folder.rstrip("/") + "/")


_HASHES = {
    "http://www.w3.org/2001/04/xmlenc#sha256": "sha256",
    "http://www.w3.org/2000/09/xmldsig#sha1": "sha1",
    "http://www.w3.org/2001/04/xmldsig-more#md5": "md5",
}


@dataclass(frozen=True)
class InputTransform:
    """From the camera's color to ACES2065-1."""

    applied: bool
    transforms: tuple[Transform, ...]
    """One; or the inverses of an output device transform and of the RRT."""

    inverse_output: bool = False
    """Whether it undoes an output transform, for pictures that came from a display."""

    description: str = ""


@dataclass(frozen=True)
class LookTransform:
    """A look from ACES2065-1 to ACES2065-1, or a CDL in a working space."""

    applied: bool
    transform: Transform | None = None
    """None for a CDL."""

    cdl: Cdl | None = None
    cdl_id: str = ""
    """The ID of a correction in `cdl_file`, where it is not in the AMF itself."""

    cdl_file: str = ""
    from_working: Transform | None = None
    """From the space the CDL was made in; None for a look that is none."""

    to_working: Transform | None = None
    """None undoes `from_working`."""

    description: str = ""


@dataclass(frozen=True)
class OutputTransform:
    """The transform from ACES2065-1 to the values that a display is sent."""

    applied: bool
    transforms: tuple[Transform, ...]
    """One; or the RRT and an output device transform."""

    description: str = ""


@dataclass(frozen=True)
class Pipeline:
    """Input, looks and output, in the order a picture goes through them."""

    info: Info
    input: InputTransform | None = None
    """None: the picture is ACES2065-1."""

    looks: tuple[LookTransform, ...] = ()
    working: tuple[int, ...] = ()
    """Before which looks work is done on the picture, where the AMF says so."""

    output: OutputTransform | None = None
    version: tuple[int, int, int] = (2, 0, 0)
    """The version of ACES."""

    def color(self, beside: str, until: Stage = "output", config: str | os.PathLike[str] = CONFIG) -> Color:
        """What remains to be done to the picture, up to and including a stage; see `Amf.color`."""
        self._check_order(beside)
        chain = []
        if self.input and not self.input.applied:
            chain.append(_both(self.input.transforms, beside, config))
        if until != "input":
            chain += [_look(look, beside, config) for look in self.looks if not look.applied]
        if until == "output" and self.output and not self.output.applied:
            chain.append(_both(self.output.transforms, beside, config))
        return Color.chain(*chain)

    def with_applied(self, stage: Stage) -> Pipeline:
        """Return the pipeline for a picture to which everything up to and including a stage is applied."""
        done = STAGES[: STAGES.index(stage) + 1]
        return replace(
            self,
            input=replace(self.input, applied=True) if self.input else None,
            looks=tuple(replace(look, applied=True) for look in self.looks) if "look" in done else self.looks,
            output=replace(self.output, applied=True) if self.output and "output" in done else self.output,
        )

    def _check_order(self, beside: str) -> None:
        parts = [part for part in (self.input, *self.looks, self.output) if part]
        flags = [part.applied for part in parts]
        if flags != sorted(flags, reverse=True):
            raise InvalidRequest(
                "says that a transform is applied, and one before it is not",
                where=beside,
                do="correct its applied flags",
            )


def _both(transforms: tuple[Transform, ...], beside: str, config: str | os.PathLike[str]) -> Color:
    """The color of an ACES 1 output that comes in two halves: the device transform's ID says it all."""
    whole = [transform for transform in transforms if "RRT.a1" not in transform.id]
    return Color.chain(*(transform.color(beside, config) for transform in whole))


def _look(look: LookTransform, beside: str, config: str | os.PathLike[str]) -> Color:
    if look.transform:
        return look.transform.color(beside, config)
    cdl = look.cdl
    if cdl is None:
        if not look.cdl_file:
            what = f"names CDL {look.cdl_id!r} of no file"
            raise UnreadableMedia(what, where=beside, do="write the numbers into the AMF")
        cdl = Cdl.read(Transform(file=look.cdl_file).location(beside), look.cdl_id)
    back = look.from_working.color(beside, config) if look.from_working else Color()
    there = look.to_working.color(beside, config) if look.to_working else back.inverse()
    return Color.chain(there, Color.cdl(cdl), back)
