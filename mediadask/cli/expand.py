"""Commands that take a dataclass of options: people get each of its fields as an option."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import wraps
from inspect import Parameter, signature
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import typer
from annotated_types import Ge

from mediadask.errors import InvalidRequest
from mediadask.options import Option, checked

__all__ = ["expanded"]

Result = TypeVar("Result")


def expanded(command: Callable[..., Result]) -> Callable[..., Result]:
    """The command as Typer takes it: each parameter that is a dataclass stands for that one's options.

    ``Annotated[PlateName, ("template", "fields")]`` takes these fields alone. A parameter's default, such as
    ``work: Work = Work(priority="background")``, gives the options other defaults.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, tuple[Any, Any, list[Parameter]]] = {}
    parameters: list[Parameter] = []
    for each in signature(command).parameters.values():
        kind, notes = _parts(hints[each.name])
        if is_dataclass(kind):
            defaults = None if each.default is Parameter.empty else each.default
            only = next((note for note in notes if isinstance(note, tuple)), ())
            groups[each.name] = kind, defaults, list(_options(kind, only, defaults))
            parameters += groups[each.name][2]
        else:
            parameters.append(_option(each.name, hints[each.name], each.default))

    @wraps(command)
    def call(**given: Any) -> Result:
        for name, (kind, defaults, options) in groups.items():
            told = {each.name: given.pop(each.name) for each in options}
            given[name] = _built(kind, defaults, told)
        return command(**given)

    call.__signature__ = signature(command).replace(parameters=parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {each.name: each.annotation for each in parameters}
    return call


def _options(kind: Any, only: tuple[str, ...], defaults: Any) -> Iterator[Parameter]:
    """The fields of a dataclass that are options."""
    hints = get_type_hints(kind, include_extras=True)
    for field in fields(kind):
        if (not only or field.name in only) and _told(hints[field.name]):
            default = getattr(defaults, field.name) if defaults else field.default
            yield _option(field.name, hints[field.name], None if default is MISSING else default)


def _option(name: str, hint: Any, default: Any) -> Parameter:
    """One parameter as Typer takes it. One that is no `Option` is Typer's already."""
    if told := _told(hint):
        kind, notes = _parts(hint)
        flag = told.flag(name)
        shown = typer.Option(
            *(told.names or (f"{flag}/--no{flag[1:]}" if default is True else flag,)),
            help=told.help,
            metavar=told.metavar,
            rich_help_panel=told.panel,
            envvar=told.env,
            min=cast(Any, next((note.ge for note in notes if isinstance(note, Ge)), None)),
        )
        hint, default = Annotated[_typed(kind), shown], None if default in ((), {}) else default
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=hint)


def _typed(kind: Any) -> Any:
    """What people type for a value of this type: text for what may be text, several words for several."""
    if get_origin(kind) in (tuple, Mapping):
        return list[str] | None
    if get_origin(kind) not in (Union, UnionType):
        return str if kind is Any else kind
    members = [_parts(each)[0] for each in get_args(kind) if each is not NoneType]
    is_text = len(members) > 1 and any(each is str or get_origin(each) is Literal for each in members)
    return (str if is_text else members[0]) | None


def _built(kind: Any, defaults: Any, told: dict[str, Any]) -> Any:
    """The dataclass from what people told, checked."""
    hints = get_type_hints(kind, include_extras=True)
    values = dict(vars(defaults)) if defaults else {}
    for name, value in told.items():
        if value is not None:
            pairs = get_origin(_parts(hints[name])[0]) is Mapping
            values[name] = _pairs(value, _told(hints[name]).flag(name)) if pairs else value
    return checked(kind, values, lambda name: _told(hints[name]).flag(name))


def _pairs(words: list[str], flag: str) -> dict[str, str]:
    """``["crf=18"]`` as ``{"crf": "18"}``."""
    for word in words:
        if not all(word.partition("=")[:2]):
            raise InvalidRequest("is not NAME=VALUE", where=f"{flag} {word}", do="put a = between the two")
    return dict(word.split("=", 1) for word in words)


def _parts(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type and its metadata."""
    return (hint.__origin__, hint.__metadata__) if get_origin(hint) is Annotated else (hint, ())


def _told(hint: Any) -> Any:
    """The `Option` in a type's metadata, or None."""
    return next((note for note in _parts(hint)[1] if isinstance(note, Option)), None)
