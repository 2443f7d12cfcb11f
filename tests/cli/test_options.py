"""An option means the same, and says so in the same words, in every command that takes it."""

from __future__ import annotations

from typing import Any

import pytest
import typer

from mediadask.cli.main import app

COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
DIFFERENT = {"--out", "-o", "--lut", "--by", "--pool"}
"""A folder, a file or a store; for all that is seen or for reviews; of what a report has; the pool that works
or that is asked."""


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
