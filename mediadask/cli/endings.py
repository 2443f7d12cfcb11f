"""How commands and scripts run and end: whatever goes wrong in them is one line and an exit code."""

from __future__ import annotations

import logging
import os
import re
import sys
import warnings
from collections.abc import Callable
from difflib import get_close_matches
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn

import typer

from mediadask.cli.expand import expanded
from mediadask.errors import MediaError, MediaWarning
from mediadask.text import printable

__all__ = ["run", "run_and_exit", "script"]

# Typer's own click, whichever it brings: BadParameter is the one name of it that Typer makes public.
_UsageError: type[Exception] = typer.BadParameter.__bases__[0]

_TYPERS_HINT = re.compile(r" \(Possible options: .*\)$|\. Did you mean .*$", re.DOTALL)


def script(command: Callable[..., int]) -> NoReturn:
    """Run a program of one command, whose parameters are as those of `expanded`, and exit."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(expanded(command))
    run_and_exit(app, Path(sys.argv[0]).name)


def run_and_exit(app: typer.Typer, name: str) -> NoReturn:
    """Run the command line of this process and exit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # names of files may hold bytes that are no text
            stream.reconfigure(errors="backslashreplace")
    # Dask's client tells with tracebacks of a pool that has died; the command has a line for it.
    for noisy in ("distributed.client", "distributed.batched"):
        logging.getLogger(noisy).addFilter(lambda record: False)
    sys.exit(run(app, name, sys.argv[1:]))


def run(app: typer.Typer, name: str, arguments: list[str]) -> int:
    """Run one command; the exit code.

    0 done, 1 some work failed, 2 bad usage or input, 130 interrupted, 141 nobody reads the output any more.
    """
    try:
        with warnings.catch_warnings(action="always", category=MediaWarning):
            warnings.showwarning = partial(_warn, warnings.showwarning)
            code = app(arguments, prog_name=name, standalone_mode=False)
        sys.stdout.flush()
    except _UsageError as error:
        _complain(_usage(error))
        return 2
    except BrokenPipeError:
        # Python flushes again on its way out, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except MediaError as error:
        _complain(f"{name}: {error}")
        return 2
    except ValueError as error:
        if "dask config file" not in str(error):  # which Dask reads when it is imported
            raise
        _complain(f"{name}: {error}")
        return 2
    except (KeyboardInterrupt, typer.Abort):
        _complain(f"{name}: interrupted")
        return 130
    return int(code or 0)


def _usage(error: Any) -> str:
    command = error.ctx.command_path if error.ctx else "mediadask"
    said = _TYPERS_HINT.sub("", error.format_message()).rstrip(".")
    near = _nearest(error, said)
    return f"{command}: {said}; {f'did you mean {near}? ' if near else ''}see {command} --help"


def _nearest(error: Any, said: str) -> str:
    """What is most like the option, command or choice that there is not; empty where nothing is."""
    known = error.ctx.command if error.ctx else None
    if option := getattr(error, "option_name", ""):
        given, names = option, [name for each in known.params for name in each.opts] if known else []
    elif found := re.search(r"No such command '(.*)'", said):
        given, names = found[1], list(getattr(known, "commands", ()))
    elif found := re.search(r"'([^']*)' is not one of (.*)", said):
        given, names = found[1], re.findall(r"'([^']*)'", found[2])
    else:
        return ""
    return next(iter(get_close_matches(given, names, n=1)), "")


def _warn(others: Callable[..., None], message: Warning | str, kind: type[Warning], *where: Any) -> None:
    if issubclass(kind, MediaWarning):
        _complain(f"mediadask: {message}")
    else:
        others(message, kind, *where)


def _complain(line: str) -> None:
    print(printable(" ".join(line.split())), file=sys.stderr)
