"""ACES transform IDs: what an AMF calls a transform, and what an OpenColorIO config has for it.

OpenColorIO's ACES 2 configs carry them as an attribute, ``amf_transform_ids``; those of ACES 1.3 in the
descriptions of color spaces, view transforms and looks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from mediadask.choices import CONFIG
from mediadask.errors import InvalidRequest
from mediadask.pixels.color.chain import Color
from mediadask.pixels.color.config import config_url, digest_of, open_config

if TYPE_CHECKING:
    import os

    import PyOpenColorIO as ocio

__all__ = ["ACES", "ACES_1", "color_of", "id_of_space", "id_of_view", "is_transform_id", "space_named_by"]

ACES = "ACES2065-1"

ACES_1 = "ocio://studio-config-v2.2.0_aces-v1.3_ocio-v2.4"
"""Holds the transforms of ACES 1, whose IDs begin with ``urn:ampas:aces:transformId:v1.5:``."""

_ID = re.compile(r"urn:ampas:aces:transformId:v\d\.\d:\S+")


@dataclass(frozen=True)
class _Known:
    """What a config has under one ID."""

    id: str
    space: str | None = None
    view_transform: str | None = None
    look: str | None = None

    @property
    def inverse(self) -> bool:
        """Whether it leads from ACES to a color space, or undoes an output transform or a look."""
        return ".ACES_to_" in self.id or ":Inv" in self.id


def is_transform_id(name: str) -> bool:
    """Whether a name is an ID, known or not."""
    return name.lower().startswith("urn:ampas:aces:transformid:")


def color_of(id: str, config: str | os.PathLike[str] = CONFIG) -> Color:
    """The transform of an ID: to, from or within ACES2065-1, as its name says.

    Parameters
    ----------
    config
        Asked first; then OpenColorIO's of ACES 2 and of ACES 1.3.

    Raises
    ------
    InvalidRequest
        If none of them knows it.
    """
    url, known = _find(id, config)
    if known.look:
        return Color.look(known.look, ACES, url, inverse=known.inverse)
    if known.view_transform:
        shown = _display_view(open_config(url), known)
        if shown is None:
            raise InvalidRequest(f"{id} has no display in the config", where=url, do="give one that has it")
        return Color.view(ACES, *shown, url, inverse=known.inverse)
    space = known.space or ACES
    return Color.convert(ACES, space, url) if known.inverse else Color.convert(space, ACES, url)


def space_named_by(id: str, config: str | os.PathLike[str] = CONFIG) -> str:
    """The name of the color space that an ID's transform leads from, or to where it leads from ACES.

    Raises
    ------
    InvalidRequest
        If no config knows the ID, or it is not a color space's.
    """
    url, known = _find(id, config)
    if known.space is None or known.view_transform:
        raise InvalidRequest(f"{id} is not a color space's transform", where=url, do="name a color space")
    return known.space


def id_of_space(space: str, config: str | os.PathLike[str] = CONFIG, *, input: bool = True) -> str | None:
    """The ID of the transform from a color space of a config to ACES2065-1; None where it has none.

    Of a camera's space ACES 1 has two: one for `input` transforms, one for conversions between spaces.
    """
    ids = [
        known.id
        for known in _table(config_url(config)).values()
        if known.space == space and known.view_transform is None and not known.inverse
    ]
    return min(ids, key=lambda id: (("IDT." in id) != input, ids.index(id)), default=None)


def id_of_view(display: str, view: str, config: str | os.PathLike[str] = CONFIG) -> str | None:
    """The ID of the output transform that a view on a display is; None where it has none."""
    url = config_url(config)
    opened = open_config(url)
    for known in _table(url).values():
        if not known.inverse and known.view_transform and _display_view(opened, known) == (display, view):
            return known.id
    return None


def _find(id: str, config: str | os.PathLike[str]) -> tuple[str, _Known]:
    for url in dict.fromkeys((config_url(config), CONFIG, ACES_1)):
        known = _table(url).get(id.casefold())
        if known:
            return url, known
    raise InvalidRequest(
        f"transform ID {id} is in no config at hand",
        do="give an OpenColorIO config that has it, or name a LUT file in its place",
    )


def _table(url: str) -> dict[str, _Known]:
    """Every ID a config carries, folded, to what it is there."""
    return _read_table(url, digest_of(url))


@lru_cache(maxsize=8)
def _read_table(url: str, digest: str) -> dict[str, _Known]:
    config = open_config(url, digest)
    found: dict[str, dict[str, str]] = {}
    for field, items in (
        ("space", config.getColorSpaces()),
        ("view_transform", config.getViewTransforms()),
        ("look", config.getLooks()),
    ):
        for item in items:
            for id in _ids(item):
                found.setdefault(id, {}).setdefault(field, item.getName())
    return {id.casefold(): _Known(id, **what) for id, what in found.items()}


def _ids(item: ocio.ColorSpace | ocio.ViewTransform | ocio.Look) -> list[str]:
    attributes = item.getInterchangeAttributes() if hasattr(item, "getInterchangeAttributes") else {}
    return _ID.findall(f"{item.getDescription()}\n{attributes.get('amf_transform_ids', '')}")


def _display_view(config: ocio.Config, known: _Known) -> tuple[str, str] | None:
    """The display and view that make an output transform of a view transform and a display color space."""
    for display in config.getDisplays():
        for view in config.getViews(display):
            through = config.getDisplayViewTransformName(display, view)
            if (through, display) == (known.view_transform, known.space):
                return display, view
    return None
