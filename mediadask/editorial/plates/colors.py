"""The colors of a plate and of its review: from the clip's values to theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mediadask.choices import CONFIG
from mediadask.editorial.amfs import amf_review
from mediadask.errors import InvalidRequest
from mediadask.pixels import Color
from mediadask.pixels.color.config import named_space, open_config
from mediadask.pixels.color.transform_ids import ACES

if TYPE_CHECKING:
    from mediadask.documents.amf import Amf
    from mediadask.documents.cdl import Cdl
    from mediadask.editorial.plates.options import PlateOptions

__all__ = ["EXR_SPACE", "WORKING", "plate_color", "plate_space", "review_colors", "standard_view"]

EXR_SPACE = "ACES2065-1"
WORKING = "ACEScct"
"""The color space CDLs of ACES shows are made in."""

DISPLAY, VIEW = "Rec.1886 Rec.709 - Display", "ACES 2.0 - SDR 100 nits (Rec.709)"


def standard_view(config: str) -> tuple[str, str] | None:
    """Display and view of our own config; None for another, whose views it names itself."""
    return (DISPLAY, VIEW) if config == CONFIG else None


def plate_space(source: str | None, amf: Amf | None, options: PlateOptions, config: str) -> str:
    """The color space of a plate, by the config's own name.

    Raises
    ------
    InvalidRequest
        If nobody names one, or the config has none of that name.
    """
    wanted = options.color_space or (EXR_SPACE if options.format == "exr" else source)
    if wanted is None:
        what = "goes to ACES by a LUT or an output transform undone, which names no color space for plates"
        where = amf.url if amf else None
        raise InvalidRequest(what, where=where, do="name theirs with --color-space: ACEScct, say")
    return named_space(open_config(config), wanted, config)


def plate_color(source: str | None, amf: Amf | None, space: str, config: str) -> Color:
    """From the clip's values to the plate's."""
    if source == space:
        return Color()
    if source is None and amf is not None:
        to_space = Color() if space == ACES else Color.convert(ACES, space, config)
        return Color.chain(amf.color("input", config), to_space)
    return Color.convert(str(source), space, config)


def review_colors(
    source: str | None, amf: Amf | None, cdl: Cdl | None, lut: str | None, config: str
) -> tuple[Color, Color]:
    """From the clip's values to where the view begins, graded; and the view."""
    if lut:
        grade = Color.cdl(cdl, source, WORKING, config) if cdl and source else Color()
        return Color.chain(grade, Color.lut(lut)), Color()
    if amf:
        return amf_review(amf, WORKING, _own_view(WORKING, config), config)
    assert source is not None
    if config == CONFIG:
        grade = Color.cdl(cdl) if cdl else Color()
        log = Color.chain(Color.convert(source, WORKING, config), grade)
        return log, _own_view(WORKING, config)
    return _own_view(source, config), Color()


def _own_view(space: str, config: str) -> Color:
    """What a config shows pictures in a color space with, where nobody says."""
    if config == CONFIG:
        return Color.view(space, DISPLAY, VIEW, config)
    opened = open_config(config)
    display = opened.getDefaultDisplay()
    return Color.view(space, display, opened.getDefaultView(display), config)
