"""The configuration's reference, from the models that read the settings and the file of defaults."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from sphinx.pycode import ModuleAnalyzer

from mediadask.pool import config
from mediadask.pool.kubernetes import spec
from mediadask.pool.settings import seconds
from reference_pages.markdown import code, prose, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic.fields import FieldInfo

__all__ = ["Setting", "all_settings", "page", "spec_page"]

DEFAULTS = Path(config.__file__).with_name("mediadask.yaml")
_TEXT_FORMS = {"_label": "name", "_quantity": "quantity"}
_FORMS = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    config.Warm: "`N for DURATION`",
}
_BY = {"classes": "CLASS", "tiers": "TIER", "budgets": "SHOW", "seconds-per-frame": "WORD", "volumes": "NAME"}


@dataclass(frozen=True)
class Setting:
    """One setting, as people write it."""

    section: str
    key: str
    form: str
    default: str
    meaning: str


def all_settings(model: type[BaseModel], section: str, defaults: dict[str, Any]) -> Iterator[Setting]:
    """All settings of a section, with those of the sections inside it."""
    for name, field in model.model_fields.items():
        key = name.replace("_", "-")
        path = f"{section}.{key}"
        inner = _section_inside(field.annotation)
        is_mapping = get_origin(field.annotation) is dict
        if inner is None:
            yield Setting(
                section, key, _form(field), _default(field, defaults.get(key)), _meaning(model, name)
            )
            continue
        if meaning := _meaning(model, name):
            yield Setting(section, key, "section", "", meaning)
        given = {} if is_mapping else defaults.get(key) or {}
        yield from all_settings(inner, f"{path}.{_BY[key]}" if is_mapping else path, given)


def page() -> str:
    """The settings of a pool, section by section, and the file of defaults."""
    defaults = DEFAULTS.read_text()
    settings = all_settings(config.PoolConfig, "mediadask", yaml.safe_load(defaults)["mediadask"])
    return f"{_sections(settings)}\n\n### All defaults\n\n```yaml\n{defaults}```"


def spec_page() -> str:
    """What a spec says besides, of a pool on Kubernetes."""
    pods = all_settings(spec.Pods, "mediadask.tiers.TIER.pods", {})
    return _sections(chain(all_settings(spec.Kubernetes, "kubernetes", {}), pods))


def _sections(settings: Iterable[Setting]) -> str:
    """A table for each section."""
    by_section: dict[str, list[Setting]] = {}
    for each in settings:
        by_section.setdefault(each.section, []).append(each)
    parts = []
    for section, inside in by_section.items():
        rows = ((code(each.key), each.form, each.default, prose(each.meaning)) for each in inside)
        parts += [f"### {section}", table(("Setting", "Form", "Default", "Meaning"), rows)]
    return "\n\n".join(parts)


def _meaning(model: type[BaseModel], name: str) -> str:
    """What the docstring below the field says, in the class or in the one that it is made of."""
    for kind in model.__mro__:
        if name in inspect.get_annotations(kind):
            told = ModuleAnalyzer.for_module(kind.__module__)
            told.find_attr_docs()
            if lines := told.attr_docs.get((kind.__name__, name)):
                return " ".join(lines)
    return ""


def _parts(annotation: Any) -> list[Any]:
    """What an annotation may be, None left out."""
    if get_origin(annotation) in (Union, UnionType):
        return [each for each in get_args(annotation) if each is not NoneType]
    return [annotation]


def _section_inside(annotation: Any) -> type[BaseModel] | None:
    part = _parts(annotation)[0]
    if get_origin(part) is dict:
        part = get_args(part)[-1]
    return part if isinstance(part, type) and issubclass(part, BaseModel) else None


def _form(field: FieldInfo) -> str:
    (part,) = _parts(field.annotation)
    metadata = list(field.metadata)
    if get_origin(part) is Annotated:
        part, *more = get_args(part)
        metadata += more
    readers = [getattr(each, "func", None) for each in metadata]
    if seconds in readers:
        return "duration"
    for reader in readers:
        if getattr(reader, "__name__", "") in _TEXT_FORMS:
            return _TEXT_FORMS[reader.__name__]
    if get_origin(part) is Literal:
        return ", ".join(code(choice) for choice in get_args(part))
    if get_origin(part) is dict:
        return "mapping"
    if get_origin(part) is tuple:
        return "list"
    return _FORMS[part]


def _default(field: FieldInfo, given: Any) -> str:
    """As people would write it; what has none must be said."""
    value = field.get_default(call_default_factory=True) if given is None else given
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, dict | tuple):
        return "see below" if value else "empty"
    if isinstance(value, bool):
        return code(str(value).lower())
    if value is None:
        return code("null")
    return code(f"{value:g}s" if _form(field) == "duration" and not isinstance(value, str) else str(value))
