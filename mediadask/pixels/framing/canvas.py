"""From one canvas to another: ASC FDL canvas templates, in exact arithmetic (specification v2.0.1, 7.4).

asc-fdl 1.0.2 reads and validates documents but is not asked for this: it rounds the scaled picture to whole
pixels too, and so stretches it (4448x3096, of which 4004x2252 fits a width of 3840, comes out as 4266x2970
where 4265.8x2969.2 is right), while 7.4.12 has the canvas alone rounded. Sources of later versions do as is
done here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LAYERS", "Area", "Layer", "Placement", "Template", "apply_template", "crop"]

Layer = Literal[
    "canvas.dimensions",
    "canvas.effective_dimensions",
    "framing_decision.protection_dimensions",
    "framing_decision.dimensions",
]
LAYERS: tuple[Layer, ...] = (
    "canvas.dimensions",
    "canvas.effective_dimensions",
    "framing_decision.protection_dimensions",
    "framing_decision.dimensions",
)
"""From the outermost inwards."""

_NOISE = Fraction(1, 10**6)
"""Documents hold doubles: a length this near to a whole number is that number, and is not rounded up."""


class Area(NamedTuple):
    """A rectangle in pixels of some canvas, from its top left corner."""

    x: Fraction
    y: Fraction
    width: Fraction
    height: Fraction


@dataclass(frozen=True)
class Placement:
    """What becomes of a picture."""

    source: Area
    """The part that is kept, in pixels of the source canvas."""

    placed: Area
    """Where it lies on the new canvas; may reach beyond it, and is then cropped."""

    size: tuple[int, int]
    """(width, height) of the new canvas."""

    squeeze: Fraction
    """How far the new canvas is squeezed horizontally."""


@dataclass(frozen=True)
class Template:
    """A canvas template; sections of the specification name the fields."""

    name: str
    """Its id."""

    target: tuple[int, int]
    """7.4.4; 0 on an axis that `fit_method` leaves open."""

    squeeze: Fraction
    """7.4.5; 0 keeps the source's."""

    fit_source: Layer
    fit_method: Literal["width", "height", "fit_all", "fill"]
    align: tuple[Fraction, Fraction] = (Fraction(1, 2), Fraction(1, 2))
    """7.4.8: 0 is left or top, 1 right or bottom."""

    preserve: Layer | None = None
    maximum: tuple[int, int] | None = None
    pad: bool = False
    even: bool = True
    """7.4.12: canvases of an even number of pixels."""

    mode: Literal["up", "down", "round"] = "up"


def apply_template(layers: Mapping[Layer, Area], squeeze: Fraction, template: Template) -> Placement:
    """Where a template puts a picture with these layers; those it names must be among them."""
    fit = layers[template.fit_source]
    # 7.4.9: preserving what lies inside `fit_source` has no effect.
    outer = layers[min(template.fit_source, template.preserve or template.fit_source, key=LAYERS.index)]
    target_squeeze = template.squeeze or squeeze
    down = _scale(fit, squeeze, target_squeeze, template)
    across = down * squeeze / target_squeeze
    width, height = template.maximum or (None, None)
    x, columns = _along(
        outer.width * across,
        fit.width * across,
        (fit.x - outer.x) * across,
        template.target[0],
        width,
        template.align[0],
        template,
    )
    y, rows = _along(
        outer.height * down,
        fit.height * down,
        (fit.y - outer.y) * down,
        template.target[1],
        height,
        template.align[1],
        template,
    )
    placed = Area(x, y, outer.width * across, outer.height * down)
    return Placement(outer, placed, (columns, rows), target_squeeze)


def crop(area: Area, squeeze: Fraction, *, desqueeze: bool) -> Placement:
    """Part of a picture without a template: whole pixels, unscaled but for the squeeze if that is undone.

    A canvas that is wider than the desqueezed part by a fraction of a pixel has it in its middle.
    """
    # 7.3.4.10.4: where floats must become integers, the nearest.
    x, y = _nearest(area.x), _nearest(area.y)
    width, height = max(_nearest(area.width), 1), max(_nearest(area.height), 1)
    wide = width * (squeeze if desqueeze else Fraction(1))
    columns = max(_nearest(wide), 1)
    placed = Area((columns - wide) / 2, Fraction(0), wide, Fraction(height))
    source = Area(Fraction(x), Fraction(y), Fraction(width), Fraction(height))
    return Placement(source, placed, (columns, height), Fraction(1) if desqueeze else squeeze)


def _nearest(length: Fraction) -> int:
    return math.floor(length + Fraction(1, 2))


def _scale(fit: Area, squeeze: Fraction, target_squeeze: Fraction, template: Template) -> Fraction:
    """7.4.7, after desqueezing both."""
    across = template.target[0] * target_squeeze / (fit.width * squeeze)
    down = Fraction(template.target[1]) / fit.height
    match template.fit_method:
        case "width":
            return across
        case "height":
            return down
        case "fit_all":
            return min(across, down)
        case "fill":
            return max(across, down)


def _along(
    content: Fraction,
    fit: Fraction,
    fit_at: Fraction,
    target: int,
    maximum: int | None,
    align: Fraction,
    template: Template,
) -> tuple[Fraction, int]:
    """On one axis: where the scaled picture begins on the new canvas, and how long that is.

    Parameters
    ----------
    content, fit, fit_at
        How long the scaled picture is, how long the part of it that is fitted, and where that begins in it.
    """
    pad = template.pad and maximum is not None  # 7.4.11: without a maximum there is nothing to pad to
    cropped = maximum is not None and content > maximum + _NOISE
    if maximum is None or not (pad or cropped):
        length, begin = content, Fraction(0)
    else:
        length = Fraction(maximum)
        goal = Fraction(target) if target or cropped else content  # 0: the application finds it (7.4.4)
        begin = (goal - fit) * align - fit_at
        if pad or align == Fraction(1, 2):  # 7.4.11: the target is in the canvas's middle
            begin += (length - goal) / 2
        if not pad:  # what is cropped fills the canvas
            begin = max(min(begin, Fraction(0)), length - content)
    if pad:
        return begin, int(length)
    whole = _rounded(length, even=template.even, mode=template.mode)
    if maximum is not None and whole > maximum:  # 7.4.10: that goes before all else
        whole = _rounded(Fraction(maximum), even=template.even, mode="down")
    return begin + (whole - length) / 2, whole


def _rounded(length: Fraction, *, even: bool, mode: Literal["up", "down", "round"]) -> int:
    """7.4.12; a half goes to the even number of pixels, an odd number of them up."""
    if abs(length - round(length)) < _NOISE:
        length = Fraction(round(length))
    step = 2 if even else 1
    match mode:
        case "up":
            return step * math.ceil(length / step)
        case "down":
            return step * math.floor(length / step)
        case "round":
            return 2 * math.floor(length / 2 + Fraction(1, 2)) if even else round(length)
