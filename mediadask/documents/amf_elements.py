"""The elements of an AMF, read and written: what the schemas of versions 1 and 2 have in common and apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lxml import etree

from mediadask.documents.amf_pipeline import (
    Info,
    InputTransform,
    LookTransform,
    OutputTransform,
    Pipeline,
    Transform,
)
from mediadask.documents.cdl import Cdl
from mediadask.documents.xml import child, children, local_name
from mediadask.errors import InvalidRequest, UnreadableMedia

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["AmfClip", "Writer", "read_clip", "read_info", "read_pipeline"]

_CDL = "urn:ASC:CDL:v1.01"
_STAGES = ("inputTransform", "lookTransform", "outputTransform")
"""Elements that are a stage and its one transform: the description is the stage's."""

_FROM_ACESCCT = Transform("urn:ampas:aces:transformId:v1.5:ACEScsc.Academy.ACEScct_to_ACES.a1.0.3")
"""What CDLs are made in where an AMF does not say, though the schemas require that it does."""

_HALVES = ("referenceRenderingTransform", "outputDeviceTransform")
_INVERSE_HALVES = ("inverseOutputDeviceTransform", "inverseReferenceRenderingTransform")
"""What ACES 1 makes an output transform of."""


@dataclass(frozen=True)
class AmfClip:
    """The pictures an AMF is about: a name, and a file, an image sequence or a UUID."""

    name: str
    file: str = ""
    """A file's URI, or the pattern of an image sequence: ``sh010.####.exr``."""

    frames: tuple[int, int] | None = None
    """First and last number of a sequence."""

    uuid: str = ""


def read_clip(element: etree._Element) -> AmfClip:
    """Read ``clipId``."""
    sequence = child(element, "sequence")
    frames = None
    if sequence is not None:
        frames = int(sequence.get("min", "0")), int(sequence.get("max", "0"))
    return AmfClip(
        _text(element, "clipName"), _text(element, "sequence", "file"), frames, _text(element, "uuid")
    )


def read_info(element: etree._Element) -> Info:
    """Read ``amfInfo`` or ``pipelineInfo``."""
    when = child(element, "dateTime")
    people = children(element, "author")
    return Info(
        created="" if when is None else _text(when, "creationDateTime"),
        modified="" if when is None else _text(when, "modificationDateTime"),
        description=_text(element, "description"),
        authors=tuple((_text(one, "name"), _text(one, "emailAddress")) for one in people),
        uuid=_text(element, "uuid"),
    )


def read_pipeline(element: etree._Element, where: object) -> Pipeline:
    """Read ``pipeline`` or ``archivedPipeline``."""
    info, source = child(element, "pipelineInfo"), child(element, "inputTransform")
    output = child(element, "outputTransform")
    if info is None:
        raise UnreadableMedia("has a pipeline without pipelineInfo", where=where, do="export the AMF again")
    looks: list[LookTransform] = []
    working: list[int] = []
    for part in children(element, "lookTransform", "workingLocation"):
        if local_name(part) == "workingLocation":
            working.append(len(looks))
        else:
            looks.append(_read_look(part, where))
    version = child(info, "systemVersion")
    numbers = ("majorVersion", "minorVersion", "patchVersion")
    major, minor, patch = (0 if version is None else int(_text(version, name) or 0) for name in numbers)
    return Pipeline(
        info=read_info(info),
        input=None if source is None else _read_input(source, where),
        looks=tuple(looks),
        working=tuple(working),
        output=None if output is None else _read_output(output, where),
        version=(major, minor, patch),
    )


def _read_input(element: etree._Element, where: object) -> InputTransform:
    halves = children(
        element,
        "inverseOutputTransform",
        "inverseOutputDeviceTransform",
        "inverseReferenceRenderingTransform",
    )
    parts = halves or [element]
    transforms = tuple(_read_transform(part, where) for part in parts)
    return InputTransform(_applied(element), transforms, bool(halves), _text(element, "description"))


def _read_output(element: etree._Element, where: object) -> OutputTransform:
    parts = children(element, *_HALVES) or [element]
    transforms = tuple(_read_transform(part, where) for part in parts)
    return OutputTransform(_applied(element), transforms, _text(element, "description"))


def _read_look(element: etree._Element, where: object) -> LookTransform:
    applied, description = _applied(element), _text(element, "description")
    space = child(element, "cdlWorkingSpace")
    reference = child(element, "ColorCorrectionRef")
    graded = child(element, "SOPNode", "ASC_SOP", "SatNode", "ASC_SAT", "SATNode") is not None
    if space is None and reference is None and not graded:
        return LookTransform(applied, _read_transform(element, where), description=description)
    there, back = (
        None if space is None else child(space, name) for name in ("toCdlWorkingSpace", "fromCdlWorkingSpace")
    )
    return LookTransform(
        applied,
        cdl=Cdl.of_xml(element, where, id="") if graded else None,
        cdl_id="" if reference is None else reference.get("ref", ""),
        cdl_file=_text(element, "file"),
        to_working=None if there is None else _read_transform(there, where),
        from_working=_FROM_ACESCCT if back is None else _read_transform(back, where),
        description=description,
    )


def _read_transform(element: etree._Element, where: object) -> Transform:
    hash = child(element, "hash")
    found = Transform(
        _text(element, "transformId"),
        _text(element, "file"),
        _text(element, "uuid"),
        "" if local_name(element) in _STAGES else _text(element, "description"),
        None if hash is None else (hash.get("algorithm", ""), (hash.text or "").strip()),
    )
    if not (found.id or found.file or found.uuid):
        what = f"has a {local_name(element)} that names no transform"
        raise UnreadableMedia(what, where=where, do="correct the AMF")
    return found


def _applied(element: etree._Element) -> bool:
    return str(element.get("applied", "false")).strip() in ("true", "1")


def _text(element: etree._Element, *names: str) -> str:
    found = child(element, *names)
    return "" if found is None else str(found.text or "").strip()


class Writer:
    """Makes elements in the namespace of one version of the schema."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.namespace = f"urn:ampas:aces:amf:v{version}.0"
        self.prefixes = {"aces": self.namespace, "cdl": _CDL}

    def element(self, name: str, *inside: etree._Element | str, **attributes: str) -> etree._Element:
        """An element with children, or with text."""
        made = etree.Element(f"{{{self.namespace}}}{name}", attributes, nsmap=self.prefixes)
        for one in inside:
            if isinstance(one, str):
                made.text = one
            else:
                made.append(one)
        return made

    def some(self, name: str, text: str) -> list[etree._Element]:
        """An element with text; none where there is no text."""
        return [self.element(name, text)] if text else []

    def clip(self, clip: AmfClip) -> etree._Element:
        """``clipId``."""
        if clip.frames:
            hashes = "#" if "#" in clip.file else clip.file
            which = self.element(
                "sequence", clip.file, idx=hashes, min=str(clip.frames[0]), max=str(clip.frames[1])
            )
        elif clip.file:
            which = self.element("file", clip.file)
        else:
            which = self.element("uuid", clip.uuid)
        return self.element("clipId", self.element("clipName", clip.name), which)

    def info(self, info: Info) -> list[etree._Element]:
        """What ``amfInfo`` and ``pipelineInfo`` begin with."""
        when = self.element(
            "dateTime",
            self.element("creationDateTime", info.created),
            self.element("modificationDateTime", info.modified),
        )
        authors = [
            self.element("author", self.element("name", name), self.element("emailAddress", mail))
            for name, mail in info.authors
        ]
        return [*self.some("description", info.description), *authors, when, *self.some("uuid", info.uuid)]

    def pipeline(self, pipeline: Pipeline, name: str = "pipeline") -> etree._Element:
        """``pipeline`` or ``archivedPipeline``."""
        names = ("majorVersion", "minorVersion", "patchVersion")
        version = [self.element(one, str(n)) for one, n in zip(names, pipeline.version, strict=True)]
        info = self.element(
            "pipelineInfo", *self.info(pipeline.info), self.element("systemVersion", *version)
        )
        made = self.element(name, info)
        if pipeline.input:
            made.append(self._input(pipeline.input))
        for number in range(len(pipeline.looks) + 1):
            # AMF 1 has no place to say where work is done.
            if self.version > 1:
                made.extend(self.element("workingLocation") for at in pipeline.working if at == number)
            made.extend(self._look(look) for look in pipeline.looks[number : number + 1])
        if pipeline.output:
            made.append(self._output(pipeline.output))
        return made

    def _input(self, part: InputTransform) -> etree._Element:
        inside = self._transform(part.transforms[0])
        if part.inverse_output and len(part.transforms) == 1:
            inside = [self.element("inverseOutputTransform", *inside)]
        elif part.inverse_output:
            inside = self._parts(_INVERSE_HALVES, part.transforms)
        return self._stage("inputTransform", part.applied, part.description, inside)

    def _output(self, part: OutputTransform) -> etree._Element:
        inside = self._transform(part.transforms[0])
        if len(part.transforms) == 2:
            inside = self._parts(_HALVES, part.transforms)
        made = self._stage("outputTransform", part.applied, part.description, inside)
        if self.version == 1:
            del made.attrib["applied"]
        return made

    def _look(self, look: LookTransform) -> etree._Element:
        if look.transform:
            inside = self._transform(look.transform)
        else:
            named = (("toCdlWorkingSpace", look.to_working), ("fromCdlWorkingSpace", look.from_working))
            spaces = [self.element(name, *self._transform(one)) for name, one in named if one]
            inside = [self.element("cdlWorkingSpace", *spaces)]
            if look.cdl:
                inside += look.cdl.nodes()
            else:
                inside.append(etree.Element(f"{{{_CDL}}}ColorCorrectionRef", {"ref": look.cdl_id}))
                inside += self.some("file", look.cdl_file)
        return self._stage("lookTransform", look.applied, look.description, inside)

    def _stage(
        self, name: str, applied: bool, description: str, inside: Iterable[etree._Element]
    ) -> etree._Element:
        said = self.some("description", description)
        return self.element(name, *said, *inside, applied=str(applied).lower())

    def _parts(self, names: tuple[str, str], transforms: tuple[Transform, ...]) -> list[etree._Element]:
        return [
            self.element(name, *self._transform(one)) for name, one in zip(names, transforms, strict=True)
        ]

    def _transform(self, transform: Transform) -> list[etree._Element]:
        if self.version == 1 and transform.id and ":v1.5:" not in transform.id:
            raise InvalidRequest(
                f"{transform.id} cannot be written to an AMF of version 1",
                do="write version 2, or use ACES 1.3",
            )
        hash = (
            [self.element("hash", transform.hash[1], algorithm=transform.hash[0])] if transform.hash else []
        )
        return [
            *self.some("description", transform.description),
            *hash,
            *self.some("uuid", transform.uuid),
            *self.some("file", transform.file),
            *self.some("transformId", transform.id),
        ]
