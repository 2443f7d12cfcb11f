"""The ASC FDL that goes with a plate: where its framing decision is now, and what canvas it comes from.

Specification v2.0.1, 1 and 7.3.4.3: whoever renders media hands on a canvas for it, with the source's.
"""

from __future__ import annotations

import json
import math
import re
import uuid
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from mediadask.pixels.framing.canvas import Area

if TYPE_CHECKING:
    from mediadask.documents.fdl import Choice

__all__ = ["plate_fdl"]

_DIGITS = 6
"""Behind the point: finer than any filter, coarser than a double's noise."""


def plate_fdl(choice: Choice, name: str) -> bytes:
    """A document for the plate called `name`, the same each time.

    The decision, and its protection where the plate has it, are what is left of them inside the new canvas;
    ``effective_dimensions`` are the whole pixels that hold picture.
    """
    sources = _with_ancestors(choice)
    made = _canvas(choice, {one["id"] for one in sources})
    intents = {one["framing_intent_id"] for each in sources for one in each.get("framing_decisions", [])}
    document: dict[str, Any] = {
        "version": {"major": 2, "minor": 0},
        "fdl_creator": "mediadask",
        "framing_intents": [
            one for one in choice.document.get("framing_intents", []) if one["id"] in intents
        ],
        "contexts": [
            {
                "label": name,
                "context_creator": "mediadask",
                "clip_id": {"clip_name": name},
                "canvases": [*sources, made],
            }
        ],
    }
    if choice.decision:
        document["default_framing_intent"] = choice.decision["framing_intent_id"]
    content = json.dumps(document, default=float)
    return json.dumps(
        {"uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, content)), **document}, default=float, indent=2
    ).encode()


def _with_ancestors(choice: Choice) -> list[dict[str, Any]]:
    """The clip's canvas after those it was made from."""
    known = {
        canvas["id"]: canvas
        for context in choice.document.get("contexts", [])
        for canvas in context.get("canvases", [])
    }
    line = [choice.canvas]
    while (parent := known[line[0]["source_canvas_id"]]) not in line:
        line.insert(0, parent)
    return line


def _canvas(choice: Choice, taken: set[str]) -> dict[str, Any]:
    placement = choice.placement
    name = re.sub(r"\W", "_", f"{choice.canvas['id'][:25]}_plate", flags=re.ASCII)
    while name in taken:
        name += "_"
    picture = _visible(placement.placed, placement.size)
    made = {
        "label": "plate",
        "id": name,
        "source_canvas_id": choice.canvas["id"],
        "dimensions": {"width": placement.size[0], "height": placement.size[1]},
        "anamorphic_squeeze": float(placement.squeeze),
        **_effective(picture, placement.size),
        "framing_decisions": [],
    }
    decision = choice.decision
    if decision is None:
        return made
    intent = decision["framing_intent_id"]
    framed = {"label": decision.get("label", ""), "id": f"{name}-{intent}", "framing_intent_id": intent}
    for prefix in ("", "protection_"):
        if prefix + "dimensions" in decision:
            area = _area(decision[prefix + "dimensions"], decision[prefix + "anchor_point"])
            if prefix and not _inside(area, placement.source):
                continue
            left = _visible(_moved(area, choice), placement.size)
            framed[prefix + "dimensions"] = {"width": _number(left.width), "height": _number(left.height)}
            framed[prefix + "anchor_point"] = {"x": _number(left.x), "y": _number(left.y)}
    made["framing_decisions"] = [framed]
    return made


def _area(dimensions: dict[str, Any], anchor: dict[str, Any]) -> Area:
    values = (anchor["x"], anchor["y"], dimensions["width"], dimensions["height"])
    return Area(*map(Fraction, values))


def _inside(inner: Area, outer: Area) -> bool:
    return (
        outer.x <= inner.x
        and outer.y <= inner.y
        and inner.x + inner.width <= outer.x + outer.width
        and inner.y + inner.height <= outer.y + outer.height
    )


def _moved(area: Area, choice: Choice) -> Area:
    source, placed = choice.placement.source, choice.placement.placed
    across, down = placed.width / source.width, placed.height / source.height
    x, y = placed.x + (area.x - source.x) * across, placed.y + (area.y - source.y) * down
    return Area(x, y, area.width * across, area.height * down)


def _visible(area: Area, size: tuple[int, int]) -> Area:
    left, top = max(area.x, Fraction(0)), max(area.y, Fraction(0))
    right = min(area.x + area.width, Fraction(size[0]))
    bottom = min(area.y + area.height, Fraction(size[1]))
    return Area(left, top, right - left, bottom - top)


def _effective(picture: Area, size: tuple[int, int]) -> dict[str, Any]:
    """Whole pixels around the picture, their middle its middle where the canvas has room."""
    width, height = min(math.ceil(picture.width), size[0]), min(math.ceil(picture.height), size[1])
    x = min(max(picture.x - (width - picture.width) / 2, Fraction(0)), Fraction(size[0] - width))
    y = min(max(picture.y - (height - picture.height) / 2, Fraction(0)), Fraction(size[1] - height))
    return {
        "effective_dimensions": {"width": width, "height": height},
        "effective_anchor_point": {"x": _number(x), "y": _number(y)},
    }


def _number(value: Fraction) -> float:
    return round(float(value), _DIGITS)
