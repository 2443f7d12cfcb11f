"""Names of plates: a template, the fields that fill it, and what no file may be called."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from string import Formatter
from typing import TYPE_CHECKING

from mediadask.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DEFAULT_TEMPLATE", "PlateName"]

DEFAULT_TEMPLATE = "{show}_{episode}_{sequence}_{shot}_{plate}_v{version:03}.{frame:04}.exr"


@dataclass(frozen=True)
class PlateName:
    """How plates are named: paths inside the output folder, of one file for each frame."""

    template: str = DEFAULT_TEMPLATE
    """A path with fields in braces as in Python's `str.format`. Fields that are empty for an event go, with the
    separator that follows them."""

    fields: Mapping[str, str] = field(default_factory=dict)
    """What is the same for every event: ``{"show": "ABC", "episode": "104"}``."""

    version: int = 1
    first_frame: int = 1001
    """The number of a plate's first frame, its handles included."""

    def __call__(self, fields: Mapping[str, str], frame: int) -> str:
        """The path of one frame, relative to the output folder, with ``/``.

        Raises
        ------
        InvalidRequest
            If the fields do not make a name that is safe on every file system.
        """
        values = {**fields, **self.fields}
        parts = []
        for literal, name, spec, _ in Formatter().parse(self.template):
            text = ""
            if name == "version":
                text = format(self.version, spec or "")
            elif name == "frame":
                text = format(frame, spec or "")
            elif name:
                text = format(values.get(name, ""), spec or "")
            if parts and not parts[-1][1] and parts[-1][2]:
                literal = re.sub(r"^[_.\-]", "", literal)
            parts.append((literal, text, name))
        path = "".join(literal + text for literal, text, _ in parts)
        if path.startswith("/") or ".." in path.split("/"):
            raise InvalidRequest("climbs out of the output folder", where=path, do="change the template")
        return path
