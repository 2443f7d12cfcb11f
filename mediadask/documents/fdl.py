"""ASC Framing Decision Lists: which decision and template are meant for a clip, and what they make of it.

asc-fdl reads and validates; `mediadask.pixels.framing.canvas` does the arithmetic.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel, ValidationError, create_model

from mediadask.clips.storage import normalize, read_document
from mediadask.errors import InvalidRequest, UnreadableMedia
from mediadask.pixels.framing.canvas import Area, Layer, Placement, Template, apply_template, crop

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

__all__ = ["NO_TEMPLATE", "Choice", "choose_by_fdl", "place_by_fdl", "read_fdl"]

NO_TEMPLATE = "none"
"""In a template's place: the framing decision is cropped, nothing is scaled."""

_MOST_BYTES = 64 << 20
"""The most bytes of a document. One with every canvas and template of a year's shows is far smaller."""

_LARGEST = 1e15

_MOST_PIXELS = 1_000_000
"""The longest side of a canvas. A larger one is a slip of the pen, or meant to fill a memory."""

_ALIGN = {
    None: Fraction(1, 2),
    "left": Fraction(0),
    "top": Fraction(0),
    "center": Fraction(1, 2),
    "right": Fraction(1),
    "bottom": Fraction(1),
}


def read_fdl(url: str | os.PathLike[str]) -> dict[str, Any]:
    """A valid document as JSON has it, numbers exact: integers, and fractions for what has a point.

    It is parsed and checked once for all clips, and not to be changed.

    Raises
    ------
    MissingMedia
        If there is no such file.
    UnreadableMedia
        If it is no JSON, or breaks the specification: it says where.
    """
    where = normalize(url)
    return _parsed(where, read_document(where, _MOST_BYTES))


@lru_cache(maxsize=64)
def _parsed(where: str, content: bytes) -> dict[str, Any]:
    import fdl  # a compiled library: only who frames waits for it

    try:
        document = json.loads(content, parse_float=_exact, parse_int=_whole)
        # Types first: the compiled part takes some on trust, and ends the process where they are others.
        text = json.dumps(_as_schema_has_it(document), default=float).encode()
        _document().model_validate_json(text)
        with fdl.FDL.parse(text) as checked:
            checked.validate()
    except ValidationError as error:  # of types; what they mean is checked behind them
        first, others = error.errors()[0], error.error_count() - 1
        place = "".join(f"/{part}" for part in first["loc"])
        given = f", not {first['input']!r:.40}" if isinstance(first["input"], str | int | float) else ""
        what = f"{place}: {first['msg']}{given}" + (f", and {others} more" if others else "")
        raise UnreadableMedia(f"is no valid ASC FDL ({what})", where=where, do="see fdl-validate") from error
    except fdl.FDLError as error:
        problems = str(error).splitlines()[1:] or [str(error)]
        more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
        raise UnreadableMedia(
            f"is no valid ASC FDL ({problems[0]}{more})", where=where, do="see fdl-validate"
        ) from error
    except (ValueError, RecursionError) as error:
        raise UnreadableMedia(f"is no ASC FDL ({error})", where=where) from error
    return cast("dict[str, Any]", document)


@cache
def _document() -> type[BaseModel]:
    """The types of a document's parts, as asc-fdl generates them from the committee's schema."""
    from fdl import models

    parts: dict[str, Any] = {
        "version": (models.VersionModel, ...),
        "framing_intents": (list[models.FramingIntentModel] | None, None),
        "contexts": (list[models.ContextModel] | None, None),
        "canvas_templates": (list[models.CanvasTemplateModel] | None, None),
    }
    return create_model("Document", **parts)


def _exact(text: str) -> Fraction:
    size = abs(float(text))
    if size > _LARGEST:
        raise ValueError(f"the number {text[:40]} is too large")
    # Below that nothing is meant, and an exponent of a million would be worked out digit by digit.
    return Fraction(text) if size > 1 / _LARGEST else Fraction(0)


def _whole(text: str) -> int:
    if len(text) > 16:
        raise ValueError(f"the number {text[:40]} is too large")
    return int(text)


def _as_schema_has_it(document: Any) -> Any:
    """The document without the zeros that the specification allows and asc-fdl 1.0.2 does not.

    They are a template's squeeze that keeps the source's (7.4.5), and a target length that is found (7.4.4).
    """
    templates = document.get("canvas_templates") if isinstance(document, dict) else None
    if not isinstance(templates, list):
        return document
    fields = ("target_anamorphic_squeeze", "target_dimensions")
    return document | {
        "canvas_templates": [
            one | {name: _not_zero(one[name]) for name in fields if name in one}
            if isinstance(one, dict)
            else one
            for one in templates
        ]
    }


def _not_zero(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _not_zero(inner) for name, inner in value.items()}
    return 1 if value == 0 else value


@dataclass(frozen=True)
class Choice:
    """The parts of a document that are meant for a clip, and what they make of it."""

    document: dict[str, Any]
    canvas: dict[str, Any]
    decision: dict[str, Any] | None
    """None where the canvas has none."""

    placement: Placement


def choose_by_fdl(
    url: str | os.PathLike[str],
    width: int,
    height: int,
    *,
    clip_name: str | None = None,
    context: str | None = None,
    canvas: str | None = None,
    intent: str | None = None,
    template: str | None = None,
    templates: str | os.PathLike[str] | None = None,
    desqueeze: bool = True,
) -> Choice:
    """Return how a document frames a clip of `width` x `height`, and by which of its parts.

    Parameters
    ----------
    clip_name
        Where several canvases fit, those of contexts that name this clip go first.
    context
        A context's label.
    canvas
        A canvas's id or label; otherwise the one that has the clip's size.
    intent
        The id or label of a framing intent or of a framing decision; otherwise the default intent's decision,
        or the only one.
    template
        A canvas template's id or label; otherwise the only one. `NO_TEMPLATE` crops to the decision.
    templates
        Another document, which holds the templates.
    desqueeze
        Where no template says it: whether the canvas has square pixels.

    Raises
    ------
    MissingMedia, UnreadableMedia
        As `read_fdl`.
    InvalidRequest
        If there is no such context, canvas, intent or template, there are several to choose from, or the
        canvas is not the clip's.
    """
    where = normalize(url)
    document = read_fdl(url)
    found = _canvas(document, where, (width, height), clip_name, context, canvas)
    decision = _decision(found, document.get("default_framing_intent"), intent, where)
    layers = _layers(found, decision)
    squeeze = Fraction(found.get("anamorphic_squeeze", 1))
    source = document if templates is None else read_fdl(templates)
    chosen = _template(source, where if templates is None else normalize(templates), template)
    if chosen is None:
        innermost = layers.get("framing_decision.dimensions", layers["canvas.dimensions"])
        return Choice(document, found, decision, crop(innermost, squeeze, desqueeze=desqueeze))
    for layer in (chosen.fit_source, chosen.preserve):
        if layer is not None and layer not in layers:
            raise InvalidRequest(
                f"canvas {found['id']!r} has no {layer}, which the canvas template asks for",
                where=where,
                do="choose another canvas or template",
            )
    placement = apply_template(layers, squeeze, chosen)
    lengths = [*map(Fraction, placement.size), *placement.placed]
    if max(map(abs, lengths)) > _MOST_PIXELS:
        raise InvalidRequest(
            f"canvas template {chosen.name!r} asks for more than {_MOST_PIXELS:,} pixels a side",
            where=where,
            do="correct its sizes",
        )
    return Choice(document, found, decision, placement)


def place_by_fdl(url: str | os.PathLike[str], width: int, height: int, **choice: Any) -> Placement:
    """Return how a document frames a clip; arguments and errors are those of `choose_by_fdl`."""
    return choose_by_fdl(url, width, height, **choice).placement


def _canvas(
    document: dict[str, Any],
    where: str,
    size: tuple[int, int],
    clip_name: str | None,
    context: str | None,
    canvas: str | None,
) -> dict[str, Any]:
    contexts = document.get("contexts", [])
    if context is not None:
        contexts = [_named(contexts, context, ("label",), "context", where)]
    pairs = [(outer, found) for outer in contexts for found in outer.get("canvases", [])]
    if not pairs:
        raise InvalidRequest("has no canvas", where=where, do="give the FDL of the clip's camera canvas")
    if canvas is not None:
        found = _named([found for _, found in pairs], canvas, ("id", "label"), "canvas", where)
        pairs = [(outer, other) for outer, other in pairs if other is found]
    fitting = [(outer, found) for outer, found in pairs if _size(found["dimensions"]) == size]
    if not fitting:
        raise InvalidRequest(
            f"is for {_listed(_canvas_text(found) for _, found in pairs)}, the clip is {size[0]}x{size[1]}",
            where=where,
            do="give the FDL of this clip's recording mode",
        )
    named = [(outer, found) for outer, found in fitting if clip_name and _is_about(outer, clip_name)]
    fitting = named or fitting
    if len(fitting) > 1:
        raise InvalidRequest(
            "has several canvases of the clip's size: "
            + _listed(f"{_canvas_text(found)} in context {outer.get('label')!r}" for outer, found in fitting),
            where=where,
            do="name one, or its context",
        )
    return cast("dict[str, Any]", fitting[0][1])


def _is_about(context: dict[str, Any], clip_name: str) -> bool:
    clip = context.get("clip_id", {})
    stem = clip_name.rpartition(".")[0] or clip_name
    return clip.get("file") == clip_name or clip.get("clip_name") in (clip_name, stem)


def _decision(
    canvas: dict[str, Any], default: str | None, intent: str | None, where: str
) -> dict[str, Any] | None:
    decisions = canvas.get("framing_decisions", [])
    if intent is not None:
        keys = ("framing_intent_id", "id", "label")
        return _named(decisions, intent, keys, f"framing decision of canvas {canvas['id']!r}", where)
    if len(decisions) > 1:
        decisions = [one for one in decisions if one["framing_intent_id"] == default] or decisions
    if len(decisions) > 1:
        raise InvalidRequest(
            f"canvas {canvas['id']!r} has several framing decisions: {_listed(map(_text, decisions))}",
            where=where,
            do="name the intent",
        )
    return decisions[0] if decisions else None


def _template(document: dict[str, Any], where: str, name: str | None) -> Template | None:
    templates = document.get("canvas_templates", [])
    if name == NO_TEMPLATE or (name is None and not templates):
        return None
    if name is None and len(templates) > 1:
        raise InvalidRequest(
            f"has several canvas templates: {_listed(map(_text, templates))}",
            where=where,
            do=f"name one, or {NO_TEMPLATE!r}",
        )
    if name is not None:
        templates = [_named(templates, name, ("id", "label"), "canvas template", where)]
    (found,) = templates
    target, method = _size(found["target_dimensions"]), found["fit_method"]
    needed = {"width": target[:1], "height": target[1:]}.get(method, target)
    if not all(needed):
        raise InvalidRequest(
            f"canvas template {found['id']!r} fits by {method} into {target[0]}x{target[1]}",
            where=where,
            do="give it a target size",
        )
    rounding = found.get("round", {})
    return Template(
        name=found["id"],
        target=target,
        squeeze=Fraction(found["target_anamorphic_squeeze"]),
        fit_source=found["fit_source"],
        fit_method=method,
        align=(
            _ALIGN[found.get("alignment_method_horizontal")],
            _ALIGN[found.get("alignment_method_vertical")],
        ),
        preserve=found.get("preserve_from_source_canvas"),
        maximum=_size(found["maximum_dimensions"]) if found.get("maximum_dimensions") else None,
        pad=found.get("pad_to_maximum", False),
        even=rounding.get("even", "even") == "even",
        mode=rounding.get("mode", "up"),
    )


def _layers(canvas: dict[str, Any], decision: dict[str, Any] | None) -> dict[Layer, Area]:
    layers: dict[Layer, Area] = {"canvas.dimensions": _area(canvas["dimensions"], None)}
    if canvas.get("effective_dimensions"):
        layers["canvas.effective_dimensions"] = _area(
            canvas["effective_dimensions"], canvas.get("effective_anchor_point")
        )
    if decision and decision.get("protection_dimensions"):
        layers["framing_decision.protection_dimensions"] = _area(
            decision["protection_dimensions"], decision.get("protection_anchor_point")
        )
    if decision:
        layers["framing_decision.dimensions"] = _area(decision["dimensions"], decision["anchor_point"])
    return layers


def _area(dimensions: dict[str, Any], anchor: dict[str, Any] | None) -> Area:
    x, y = (anchor["x"], anchor["y"]) if anchor else (0, 0)
    return Area(Fraction(x), Fraction(y), Fraction(dimensions["width"]), Fraction(dimensions["height"]))


def _size(dimensions: dict[str, Any]) -> tuple[int, int]:
    return int(dimensions["width"]), int(dimensions["height"])


def _named(items: list[Any], name: str, keys: Iterable[str], what: str, where: str) -> dict[str, Any]:
    """The one item called `name` by the first key that knows it."""
    for key in keys:
        found = [item for item in items if item.get(key) == name]
        if len(found) == 1:
            return cast("dict[str, Any]", found[0])
        if found:
            raise InvalidRequest(
                f"has {len(found)} times {what} {name!r}", where=where, do="name it by its id"
            )
    listed = _listed(map(_text, items)) or "none"
    raise InvalidRequest(f"has no {what} {name!r}, it has {listed}", where=where, do="name one of them")


def _text(item: dict[str, Any]) -> str:
    label = f" ({item['label']})" if item.get("label") and item.get("id") else ""
    return f"{item.get('id') or item.get('label')!r}{label}"


def _canvas_text(canvas: dict[str, Any]) -> str:
    width, height = _size(canvas["dimensions"])
    return f"canvas {_text(canvas)} of {width}x{height}"


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(texts)
