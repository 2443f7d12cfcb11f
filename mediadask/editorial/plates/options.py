"""The options of plates, the same for every event of a turnover."""

from __future__ import annotations

import os
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from mediadask.clips import OnCorrupt
from mediadask.clips.storage import normalize
from mediadask.errors import InvalidRequest
from mediadask.pixels import Filter
from mediadask.pixels.color.config import CONFIG
from mediadask.render.exr import Compression, ExrSample
from mediadask.render.plate import PlateFormat
from mediadask.render.recipe import fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PlateOptions"]


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
            For an option or a value there is none of. `PlateRules.read` reads the files they name.
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
            return TypeAdapter(cls).validate_python(values)
        except ValidationError as error:
            first = error.errors()[0]
            where = str(first["loc"][-1]) if first["loc"] else "options"
            raise InvalidRequest(
                f"{first['input']!r} cannot be", where=where, do=first["msg"].lower()
            ) from None

    @property
    def pictures(self) -> str:
        """A hash of what makes frames look as they do."""
        colors = (self.input_space, self.color_space, self.config, self.amf, self.format)
        return fingerprint(*colors, self.fdl, self.fdl_template, self.fdl_intent, self.squeeze, self.filter)
