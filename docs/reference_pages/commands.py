"""The command line's reference, from the commands themselves."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING, Any

import typer

from mediadask.cli.main import app
from reference_pages.markdown import code, prose, table

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["all_commands", "page"]

_OF_THE_COMMAND = "Options"


def all_commands() -> Iterator[tuple[str, Any, Any]]:
    """Path, command and context of all commands, each after the group it belongs to."""
    yield from _inside(typer.main.get_command(app), "mediadask", None)


def _inside(command: Any, name: str, parent: Any) -> Iterator[tuple[str, Any, Any]]:
    context = command.context_class(command, info_name=name, parent=parent)
    if command.hidden:
        return
    yield context.command_path, command, context
    for each in command.list_commands(context) if hasattr(command, "list_commands") else ():
        yield from _inside(command.get_command(context, each), each, context)


def page() -> str:
    """One section for each command: what it does, how it is called, and all it takes."""
    return "\n\n".join(_section(*each) for each in all_commands())


def _section(path: str, command: Any, context: Any) -> str:
    parts = [f"## {path}", *(prose(text) for text in re.split(r"\n\s*\n", command.help or ""))]
    usage = " ".join(command.get_usage(context).removeprefix("Usage: ").split())
    parts.append(f"```text\n{usage}\n```")
    parameters = [each for each in command.get_params(context) if not each.hidden and each.name != "help"]
    arguments = [each for each in parameters if each.param_type_name == "argument"]
    options = [each for each in parameters if each.param_type_name == "option"]
    if arguments:
        parts.append(table(("Argument", "Meaning"), (_row(each, context) for each in arguments)))
    panels = list(dict.fromkeys(_panel(each) for each in options))
    options.sort(key=lambda each: panels.index(_panel(each)))
    for panel, of_panel in groupby(options, _panel):
        parts.append(table((panel, "Meaning"), (_row(each, context) for each in of_panel)))
    return "\n\n".join(parts)


def _panel(parameter: Any) -> str:
    return getattr(parameter, "rich_help_panel", None) or _OF_THE_COMMAND


def _row(parameter: Any, context: Any) -> tuple[str, str]:
    names, meaning = parameter.get_help_record(context)
    return code(names), prose(meaning)
