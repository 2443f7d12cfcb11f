"""How settings are read: frozen models with dashes in their keys, and one line for what is wrong."""

from __future__ import annotations

import difflib
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from mediadask.durations import seconds_of
from mediadask.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import ValidationError

__all__ = ["Seconds", "Settings", "hint", "refusal", "seconds"]


def seconds(value: object) -> object:
    """The seconds of a duration as `mediadask.durations` reads them; what is no text, as it is."""
    return seconds_of(value) if isinstance(value, str) else value


Seconds = Annotated[float, BeforeValidator(seconds), Field(ge=0, allow_inf_nan=False)]


class Settings(BaseModel):
    """A section of settings: no key is unknown, and none is changed after it was read."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=lambda name: name.replace("_", "-"),
        populate_by_name=True,
    )


_SAID = {
    "dict_type": "should be a section of settings",
    "model_type": "should be a section of settings",
    "too_short": "should have at least one entry",
    "missing": "is missing",
}
"""Where pydantic speaks of Python's types, to people who write YAML."""


def refusal(error: ValidationError, model: type[Settings], section: str) -> InvalidRequest:
    """The first thing that is wrong in `section`, which should have been a `model`."""
    first = error.errors()[0]
    path = [str(step).replace("_", "-") for step in first["loc"]]
    where = ".".join([section, *path])
    if first["type"] == "extra_forbidden":
        names = [name.replace("_", "-") for name in _model_at(model, path[:-1]).model_fields]
        return InvalidRequest("no such setting", where=where, do=hint(path[-1], names, "known are"))
    message = _SAID.get(first["type"], first["msg"].removeprefix("Value error, "))
    do = None if first["type"] in {"missing", "value_error"} else f"it is {first['input']!r}"
    return InvalidRequest(message[:1].lower() + message[1:], where=where, do=do)


def hint(given: str, known: Sequence[str], otherwise: str) -> str:
    """What to write instead of `given`: the nearest of what is known, else all of it."""
    near = difflib.get_close_matches(given, known, n=1)
    return f"did you mean {near[0]}?" if near else f"{otherwise} {', '.join(known)}"


def _model_at(model: type[Settings], path: Sequence[str]) -> type[Settings]:
    """The model of the section at `path` inside a section that is a `model`."""
    here: Any = model
    for step in path:
        if isinstance(here, type) and issubclass(here, BaseModel):
            here = here.model_fields[step.replace("-", "_")].annotation
        else:  # of a mapping or a list, whose last argument is what it holds
            here = get_args(here)[-1]
        while get_origin(here) in (Union, UnionType, Annotated):
            here = next(each for each in get_args(here) if each is not type(None))
    found: type[Settings] = here
    return found
