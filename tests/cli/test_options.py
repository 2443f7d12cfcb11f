"""An option means the same, and says so in the same words, in every command that takes it and in Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields
from inspect import Parameter, signature
from typing import Any

import pytest
import typer

import mediadask as md
from mediadask.cli.main import app
from mediadask.editorial import PlateName, read_timeline
from mediadask.editorial.plates import PlateOptions
from mediadask.pool import standing
from mediadask.pool.ledger.costs import costs
from mediadask.pool.ledger.reports import turnaround

COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
COMMANDS["up"] = COMMANDS["pool"].commands["up"]
DIFFERENT = {"--out", "-o", "--lut", "--by", "--pool", "--workers", "--json"}
"""A folder, a file or a store; for all that is seen or for reviews; of what a report has; the pool that works
or that is asked; the workers of a command or of a pool; a list or an object."""

WORK = [md.Pool.open, md.Pool.submit]
PYTHON: dict[str, list[Callable[..., Any]]] = {
    "archive": [md.archive, *WORK],
    "costs": [md.Pool.costs, costs],
    "changes": [md.changes, PlateName, *WORK],
    "info": WORK,
    "offload": [md.offload, *WORK],
    "proxy": [md.proxy, *WORK],
    "pull": [md.pull, read_timeline, PlateName, PlateOptions, *WORK],
    "sheet": [md.sheet, *WORK],
    "trim": [md.trim, read_timeline, *WORK],
    "turnaround": [md.Pool.turnaround, turnaround],
    "up": [standing.up],
    "verify": [md.verify, *WORK],
}
"""What does in Python what a command does. The first that has an option of a name counts."""

OTHERWISE = {"pool": "where"}
COMMAND_ONLY = {
    "json",
    "csv",
    "plan",
    "otio",
    "media",
    "out",
    "still",
    "float32",
    "ledger",
    "plot",
    "print_",
    "rotate",
    "report",
    "cards",
    "to",
}
"""How results are told, and what Python takes without a name or does by another function."""


@pytest.mark.parametrize(
    "option",
    sorted({name for command in COMMANDS.values() for each in command.params for name in each.opts}),
)
def test_an_option_says_the_same_in_every_command(option: str) -> None:
    said = {
        (getattr(each, "help", None), each.metavar, tuple(each.opts), getattr(each, "rich_help_panel", None))
        for command in COMMANDS.values()
        for each in command.params
        if option in each.opts
    }
    assert len(said) == 1 or option in DIFFERENT


def defaults(function: Callable[..., Any]) -> dict[str, Any]:
    """The defaults of a function's parameters, or of a dataclass's fields."""
    if isinstance(function, type):
        return {each.name: None if each.default is MISSING else each.default for each in fields(function)}
    parameters = signature(function).parameters.values()
    return {each.name: each.default for each in parameters if each.default is not Parameter.empty}


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (name, each)
        for name in PYTHON
        for each in COMMANDS[name].params
        if each.param_type_name == "option" and each.name not in COMMAND_ONLY
    ],
    ids=lambda one: one if isinstance(one, str) else one.name,
)
def test_an_option_has_the_default_that_python_has(command: str, option: Any) -> None:
    name = OTHERWISE.get(option.name, option.name)
    known = [defaults(function) for function in PYTHON[command]]
    ours = next((each[name] for each in known if name in each), "no such option in Python")
    assert (option.default or None) == (ours or None)
