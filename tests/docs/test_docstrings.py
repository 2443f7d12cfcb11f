"""Public docstrings tell what a call takes, gives and raises, and their examples give what they show."""

from __future__ import annotations

import doctest
import inspect
import re
from typing import TYPE_CHECKING, Any

import dask
import pytest
import xarray as xr

import mediadask
from mediadask.array.accessor import MediaAccessor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PUBLIC = {name: getattr(mediadask, name) for name in mediadask.__all__} | {"Dataset.media": MediaAccessor}
_UNWRITTEN = {"self", "cls", "args", "kwargs"}


def calls() -> Iterator[tuple[str, Callable[..., Any]]]:
    """All public functions, and the methods of public classes."""
    for name, value in PUBLIC.items():
        if inspect.isfunction(value):
            yield name, value
        elif inspect.isclass(value):
            for attribute, member in vars(value).items():
                plain = inspect.unwrap(getattr(member, "__func__", member))
                if inspect.isfunction(plain) and not attribute.startswith("_"):
                    yield f"{name}.{attribute}", plain


CALLS = dict(calls())


def sections(call: Callable[..., Any]) -> dict[str, str]:
    """The sections of a docstring by their titles."""
    text = inspect.getdoc(call) or ""
    parts = re.split(r"^(\w+)\n-{3,}\n", text, flags=re.MULTILINE)
    return {"": parts[0]} | dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("name", CALLS)
def test_every_parameter_is_told(name: str) -> None:
    told = sections(CALLS[name]).get("Parameters", "")
    names = set(re.findall(r"\w+", " ".join(re.findall(r"^\S.*$", told, re.MULTILINE))))
    assert set(inspect.signature(CALLS[name]).parameters) - _UNWRITTEN == names


@pytest.mark.parametrize("name", CALLS)
def test_what_a_call_gives_is_told(name: str) -> None:
    """In a section, or, where there is nothing to say but a sentence, in the first one."""
    gives = inspect.get_annotations(CALLS[name]).get("return") not in ("None", None)
    takes = set(inspect.signature(CALLS[name]).parameters) - _UNWRITTEN
    assert ("Returns" in sections(CALLS[name])) >= (gives and bool(takes))


def examples() -> Iterator[doctest.DocTest]:
    finder = doctest.DocTestFinder(exclude_empty=True)
    names = {"md": mediadask, "dask": dask, "xr": xr}
    for name, value in PUBLIC.items():
        module = inspect.getmodule(value)
        yield from (each for each in finder.find(value, name, module, globs=dict(names)) if each.examples)


EXAMPLES = {each.name: each for each in examples()}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_gives_what_it_shows(name: str, place: Path) -> None:
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    result = runner.run(EXAMPLES[name], out=said.append)
    assert not result.failed, "".join(said)


def test_the_first_calls_that_people_make_have_examples() -> None:
    first = {"open_clip", "inspect", "inspect_many", "Clip.open", "delivery", "checkpoint", "changes"}
    assert first <= set(EXAMPLES)
