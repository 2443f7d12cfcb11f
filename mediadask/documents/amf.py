"""ACES Metadata Files (S-2019-001), versions 1 and 2: the color a picture has had, and what remains of it."""

from __future__ import annotations

import os
import posixpath
import re
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lxml import etree

from mediadask.choices import CONFIG
from mediadask.clips.storage import normalize
from mediadask.documents.amf_elements import AmfClip, Writer, read_clip, read_info, read_pipeline
from mediadask.documents.amf_pipeline import (
    Info,
    InputTransform,
    LookTransform,
    OutputTransform,
    Pipeline,
    Transform,
)
from mediadask.documents.xml import child, children, local_name, read_xml
from mediadask.errors import InvalidRequest, UnreadableMedia
from mediadask.pixels.color.config import config_url, named_space, open_config
from mediadask.pixels.color.transform_ids import ACES, id_of_space, id_of_view

if TYPE_CHECKING:
    from datetime import datetime

    from mediadask.documents.amf_pipeline import Stage
    from mediadask.documents.cdl import Cdl
    from mediadask.pixels.color.chain import Color

__all__ = ["Amf", "AmfClip"]


@dataclass(frozen=True)
class Amf:
    """The content of an AMF, as plain data."""

    info: Info
    pipeline: Pipeline
    clip: AmfClip | None = None
    """The pictures it is about; None where it is about any that somebody puts beside it."""

    archived: tuple[Pipeline, ...] = ()
    """What was done before, for the record."""

    version: int = 2
    url: str = field(default="", compare=False, repr=False)
    """Where it was read from: the files it names are beside it."""

    @classmethod
    def read(cls, url: str | os.PathLike[str]) -> Amf:
        """An AMF of version 1 or 2.

        Raises
        ------
        MissingMedia
            If there is no such file.
        UnreadableMedia
            If it is not an AMF, or one that holds no pipeline.
        """
        where = normalize(url)
        root = read_xml(where)
        version = re.fullmatch(r"urn:ampas:aces:amf:v([12])\.0", etree.QName(root).namespace or "")
        if local_name(root) != "acesMetadataFile" or version is None:
            raise UnreadableMedia("is not an AMF of version 1 or 2", where=where, do="export it again")
        info, clip, pipeline = (child(root, name) for name in ("amfInfo", "clipId", "pipeline"))
        if info is None or pipeline is None:
            raise UnreadableMedia("is an AMF without a pipeline", where=where, do="export it again")
        try:
            return cls(
                read_info(info),
                read_pipeline(pipeline, where),
                None if clip is None else read_clip(clip),
                tuple(read_pipeline(one, where) for one in children(root, "archivedPipeline")),
                int(version[1]),
                where,
            )
        except ValueError as error:
            if isinstance(error, UnreadableMedia):
                raise
            raise UnreadableMedia(f"holds a number that is none ({error})", where=where) from error

    @classmethod
    def of_plate(
        cls,
        clip: AmfClip,
        *,
        made: datetime,
        source: str,
        space: str = ACES,
        cdl: Cdl | None = None,
        working: str = "ACEScct",
        view: tuple[str, str] | None = None,
        config: str | os.PathLike[str] = CONFIG,
    ) -> Amf:
        """What to ship with a plate that has had its input transform, and neither grade nor view.

        Parameters
        ----------
        clip
            The plate.
        made
            When; the same content made at the same time is the same AMF, UUIDs included.
        source, space
            The color spaces of the camera's picture and of the plate.
        cdl
            The grade to be applied on top, to see what the cut showed.
        working
            The color space the grade was made in.
        view
            Display and view to look at it with.

        Raises
        ------
        InvalidRequest
            If a color space or view has no ACES transform ID, so that an AMF cannot name it.
        """
        config = config_url(config)
        opened = open_config(config)
        source, space, working = (named_space(opened, name, config) for name in (source, space, working))
        info = Info(made.isoformat(timespec="seconds"), made.isoformat(timespec="seconds"))
        input = _input(source, space, config)
        looks = (_grade(cdl, working, config),) if cdl else ()
        output = None
        if view:
            through = Transform(id=_required(id_of_view(*view, config), " on ".join(reversed(view)), config))
            # In ACES 1 the rendering and the device are two transforms.
            output = OutputTransform(False, (_RRT, through) if ":ODT." in through.id else (through,))
        came = f"from {source}" if input is None or space != ACES else ""
        return cls(
            info,
            Pipeline(replace(info, description=came), input, looks, output=output, version=_aces(config)),
            clip,
        )

    def color(self, until: Stage = "output", config: str | os.PathLike[str] = CONFIG) -> Color:
        """What remains to be done to the picture: every transform that is not marked applied, in order.

        Parameters
        ----------
        until
            ``input`` ends in ACES2065-1, ``look`` there too, graded; ``output`` on the display.
        config
            Where transform IDs are looked up first; then in OpenColorIO's of ACES 2 and of ACES 1.3.

        Raises
        ------
        InvalidRequest
            If a transform ID is not known, or the applied flags contradict each other.
        MissingMedia
            If a LUT it names is not there.
        UnreadableMedia
            If that is none, or another one than was meant.
        """
        return self.pipeline.color(self.url, until, config)

    def with_applied(
        self,
        stage: Stage,
        clip: AmfClip,
        made: datetime,
        space: str = ACES,
        config: str | os.PathLike[str] = CONFIG,
    ) -> Amf:
        """What to ship with a picture that has had everything up to and including a stage.

        The pipeline as it was is kept among the archived.

        Parameters
        ----------
        space
            The color space of that picture, where it is not ACES2065-1.

        Raises
        ------
        InvalidRequest
            If the color space has no ACES transform ID.
        """
        done = self.pipeline.with_applied(stage)
        if space != ACES:
            config = config_url(config)
            back = Transform(id=_required(id_of_space(space, config), space, config))
            done = replace(done, input=InputTransform(False, (back,)))
            # The looks before it would be said to come after: they are only in the archive.
            done = replace(done, looks=tuple(look for look in done.looks if not look.applied))
        when = made.isoformat(timespec="seconds")
        info = Info(when, when, self.info.description, self.info.authors)
        done = replace(done, info=replace(self.pipeline.info, modified=when, uuid=""))
        archived = (self.pipeline, *self.archived)
        # Version 1 has no input transform that is a conversion from a working space.
        version = self.version if space == ACES else 2
        return replace(self, info=info, pipeline=done, clip=clip, archived=archived, version=version)

    def with_grade(self, cdl: Cdl, working: str = "ACEScct", config: str | os.PathLike[str] = CONFIG) -> Amf:
        """With a grade as its last look, made in the color space `working`.

        Raises
        ------
        InvalidRequest
            If that has no ACES transform ID.
        """
        config = config_url(config)
        working = named_space(open_config(config), working, config)
        looks = (*self.pipeline.looks, _grade(cdl, working, config))
        return replace(self, pipeline=replace(self.pipeline, looks=looks))

    @property
    def files(self) -> tuple[str, ...]:
        """The files that what remains of it needs, LUTs and CDLs: they are shipped beside it."""
        parts = [part for part in (self.pipeline.input, *self.pipeline.looks, self.pipeline.output) if part]
        named = [transform for part in parts if not part.applied for transform in _transforms(part)]
        return tuple(dict.fromkeys(one.location(self.url) for one in named if one.file))

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write it. The `files` it names are named as lying beside it.

        Raises
        ------
        InvalidRequest
            If it holds what its version has no words for.
        """
        data = self.document()
        with open(path, "wb") as file:
            file.write(data)

    def document(self, prefix: str = "") -> bytes:
        """Its XML: valid by the schema of its version. The `files` are named as beside it, after `prefix`."""
        if self.version == 1 and self.pipeline.output is None:
            raise InvalidRequest(
                "an AMF of version 1 needs an output transform", where=self.url or None, do="write version 2"
            )
        names = [posixpath.basename(file) for file in self.files]
        if len(set(names)) < len(names):
            raise InvalidRequest(
                "names two files alike, which cannot lie beside it",
                where=self.url,
                do=f"rename one of {', '.join(self.files)}",
            )
        writer = Writer(self.version)
        root = writer.element(
            "acesMetadataFile",
            writer.element("amfInfo", *writer.info(_identified(self.info, self))),
            *([writer.clip(self.clip)] if self.clip else []),
            writer.pipeline(_identified_pipeline(_beside(self.pipeline, prefix))),
            *(writer.pipeline(_identified_pipeline(one), "archivedPipeline") for one in self.archived),
            version=f"{self.version}.0",
        )
        etree.cleanup_namespaces(root, keep_ns_prefixes=["aces", "cdl"])
        return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True))


_RRT = Transform("urn:ampas:aces:transformId:v1.5:RRT.a1.0.3")


def _grade(cdl: Cdl, working: str, config: str) -> LookTransform:
    back = Transform(id=_required(id_of_space(working, config, input=False), working, config))
    return LookTransform(False, cdl=replace(cdl, id=""), from_working=back, description=cdl.id)


def _input(source: str, space: str, config: str) -> InputTransform | None:
    """How the plate's picture comes to ACES2065-1, or came; None where it came in no way that has an ID."""
    if space != ACES:
        return InputTransform(False, (Transform(id=_required(id_of_space(space, config), space, config)),))
    id = id_of_space(source, config)
    return InputTransform(True, (Transform(id=id),), description=source) if id else None


def _required(id: str | None, name: str, config: str) -> str:
    if id is None:
        raise InvalidRequest(
            f"{name} has no ACES transform ID, so that no AMF can name it", where=config, do="choose another"
        )
    return id


def _aces(config: str) -> tuple[int, int, int]:
    """The version of ACES a config is of, by its name."""
    found = re.search(r"aces-v(\d)\.(\d)", config)
    return (int(found[1]), int(found[2]), 0) if found else (2, 0, 0)


def _identified(info: Info, content: object) -> Info:
    """With a UUID: where there is none, one that the same content has again."""
    return info if info.uuid else replace(info, uuid=uuid.uuid5(uuid.NAMESPACE_OID, repr(content)).urn)


def _identified_pipeline(pipeline: Pipeline) -> Pipeline:
    return replace(pipeline, info=_identified(pipeline.info, pipeline))


def _transforms(part: InputTransform | LookTransform | OutputTransform) -> list[Transform]:
    if not isinstance(part, LookTransform):
        return list(part.transforms)
    graded = [Transform(file=part.cdl_file)] if part.cdl_file else []
    return [one for one in (part.transform, part.to_working, part.from_working) if one] + graded


def _beside(pipeline: Pipeline, prefix: str) -> Pipeline:
    """With its LUTs named as files in the same folder."""

    def near(one: Transform) -> Transform:
        return replace(one, file=prefix + posixpath.basename(one.file)) if one.file else one

    def near_look(look: LookTransform) -> LookTransform:
        there, back, whole = (
            one and near(one) for one in (look.to_working, look.from_working, look.transform)
        )
        return replace(
            look,
            transform=whole,
            to_working=there,
            from_working=back,
            cdl_file=prefix + posixpath.basename(look.cdl_file) if look.cdl_file else "",
        )

    source, output = pipeline.input, pipeline.output
    return replace(
        pipeline,
        input=source and replace(source, transforms=tuple(map(near, source.transforms))),
        looks=tuple(map(near_look, pipeline.looks)),
        output=output and replace(output, transforms=tuple(map(near, output.transforms))),
    )
