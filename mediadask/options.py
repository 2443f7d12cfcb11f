"""Options, each defined once: a field of a frozen dataclass with its default, its check and its help.

::

    @dataclass(frozen=True)
    class PullOptions:
        handles: Annotated[int, Ge(0), Option("Frames on either side of each cut.", metavar="FRAMES")] = 8

A Python function takes the fields as keywords, which `checked` makes the dataclass of. A command takes the
dataclass as a parameter, and people get its fields as options (`mediadask.cli.expand`). The reference shows
the same help.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar, get_origin, get_type_hints

from mediadask.errors import InvalidRequest, MediaError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Option", "checked"]

Options = TypeVar("Options")


@dataclass(frozen=True)
class Option:
    """What people are told of a field, in its type's metadata. A field without it is for Python alone."""

    help: str

    names: tuple[str, ...] = ()
    """On the command line; by default the field's, such as ``--first-frame``."""

    metavar: str | None = None
    """What stands for its value, where the type says too little."""

    panel: str | None = None
    """The heading that it stands under."""

    env: str | None = None
    """The environment variable that gives it, too."""

    def flag(self, field: str) -> str:
        """Its name on the command line, of the field of that name."""
        return self.names[0] if self.names else f"--{field.replace('_', '-')}"


def checked(
    kind: type[Options], given: Mapping[str, Any], named: Callable[[str], str] | None = None
) -> Options:
    """Options as a dataclass, from what people write; one value may stand for a tuple of them.

    Parameters
    ----------
    named
        What people call a field. Default: the field's name.

    Raises
    ------
    InvalidRequest
        For an option or a value that there is none of, with the nearest that there is.
    """
    from pydantic import TypeAdapter, ValidationError

    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for name in given:
        if name not in known:
            raise InvalidRequest(f"no option {name!r}", do=_instead(name, known))
    types = get_type_hints(kind)
    values = {name: _plain(value, get_origin(types[name]) is tuple) for name, value in given.items()}
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        raise _refusal(error.errors(), named or str) from None


def _refusal(found: list[Any], named: Callable[[str], str]) -> MediaError:
    """One line on the first of pydantic's errors, and on the others of the same field."""
    first = found[0]
    ours = first.get("ctx", {}).get("error")
    if isinstance(ours, MediaError):
        return ours
    field = first["loc"][0] if first["loc"] else ""
    same = [each for each in found if each["loc"][:1] == first["loc"][:1]]
    if first["type"] == "literal_error":
        do = _instead(first["input"], re.findall(r"'([^']*)'", first["ctx"]["expected"]))
    else:
        wanted = [each["msg"].removeprefix("Input should be ").partition(",")[0] for each in same]
        do = f"it should be {' or '.join(wanted)}"
    return InvalidRequest(f"cannot be {first['input']!r}", where=named(field) or "options", do=do)


def _plain(value: Any, several: bool) -> Any:
    """Paths as text, and what may be several as a tuple."""
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not several:
        return value
    if value is None or isinstance(value, str):
        return (value,) if value else ()
    if not isinstance(value, Iterable):
        return value
    return tuple(os.fspath(each) if isinstance(each, os.PathLike) else each for each in value)


def _instead(word: object, known: list[str]) -> str:
    near = get_close_matches(str(word), known, n=1)
    return f"did you mean {near[0]}?" if near else f"use {', '.join(sorted(known))}"
