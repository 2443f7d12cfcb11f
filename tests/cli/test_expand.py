"""A command takes a dataclass of options, and people its fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pytest
import typer
from annotated_types import Ge, Gt

from mediadask.cli.expand import expanded
from mediadask.errors import InvalidRequest
from mediadask.options import Option, checked


@dataclass(frozen=True)
class Look:
    """Everything that a field may be."""

    lamp: Annotated[str | None, Option("Its name.", names=("--light",), panel="Light", env="LAMP")] = None
    stops: Annotated[int, Ge(0), Option("How many.")] = 2
    gain: Annotated[float, Gt(0), Option("How bright.")] = 1.0
    filters: Annotated[tuple[str, ...], Option("Glass. Repeatable.")] = ()
    tags: Annotated[Mapping[str, Any], Option("Notes. Repeatable.")] = field(default_factory=dict)
    take: Annotated[int | Literal["last"] | None, Option("Which.", metavar="NUMBER|last")] = None
    kind: Annotated[Literal["day", "night"], Option("When.")] = "day"
    is_wide: Annotated[bool, Option("Whether all is seen.")] = True
    inner: str = "no option of a command"


def told(words: list[str], command: Any) -> Any:
    """What the command gets when it is called with these words."""
    app = typer.Typer()
    app.command()(expanded(command))
    return app(words, standalone_mode=False)


def whole(clip: Annotated[str, typer.Argument()], look: Look) -> tuple[str, Look]:
    return clip, look


def test_a_dataclass_is_given_by_its_fields() -> None:
    words = "a.mov --light key --stops 3 --filters nd --filters pola --tags by=ann --take last --no-is-wide"
    look = Look("key", 3, filters=("nd", "pola"), tags={"by": "ann"}, take="last", is_wide=False)
    assert told(words.split(), whole) == ("a.mov", look)
    assert told(["a.mov"], whole) == ("a.mov", Look())
    assert told(["a.mov", "--take", "7"], whole)[1].take == 7


def test_an_option_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMP", "rim")
    assert told(["a.mov"], whole)[1].lamp == "rim"


def test_a_command_takes_some_fields_with_defaults_of_its_own() -> None:
    night = Look("moon", kind="night")

    def command(look: Annotated[Look, ("kind", "stops")] = night) -> Look:
        return look

    assert told([], command) == night
    assert told(["--stops", "5"], command) == Look("moon", 5, kind="night")
    with pytest.raises(typer.BadParameter.__bases__[0], match="No such option: --gain"):
        told(["--gain", "2"], command)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--gain", "0"], "--gain: cannot be 0.0; it should be greater than 0"),
        (["--take", "first"], "--take: cannot be 'first'; it should be a valid integer or 'last'"),
        (["--tags", "by"], "--tags by: is not NAME=VALUE; put a = between the two"),
    ],
)
def test_a_value_that_cannot_be_is_told_by_the_option(words: list[str], said: str) -> None:
    with pytest.raises(InvalidRequest) as told_so:
        told(["a.mov", *words], whole)
    assert str(told_so.value) == said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"stop": 3}, "no option 'stop'; did you mean stops?"),
        ({"qqq": 3}, "no option 'qqq'; use filters, gain, inner, is_wide, kind, lamp, stops, tags, take"),
        ({"stops": -1}, "stops: cannot be -1; it should be greater than or equal to 0"),
        ({"kind": "nite"}, "kind: cannot be 'nite'; did you mean night?"),
        ({"kind": 4}, "kind: cannot be 4; use day, night"),
        ({"filters": 4}, "filters: cannot be 4; it should be a valid tuple"),
    ],
)
def test_python_gets_the_same_checks(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRequest) as told_so:
        checked(Look, given)
    assert str(told_so.value) == said


def test_one_value_may_stand_for_several() -> None:
    assert checked(Look, {"filters": "nd"}) == checked(Look, {"filters": ["nd"]}) == Look(filters=("nd",))
