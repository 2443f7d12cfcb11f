"""The `mediadask` command, and how whatever goes wrong in it ends: one line and an exit code."""

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
from typing import Annotated, Any

import typer

from mediadask.cli import changes, deliveries, info, jobs, ledger, options, pool, pull, reports, sync, trim
from mediadask.errors import MediaError, MediaWarning
from mediadask.text import printable

__all__ = ["app", "main"]

# Typer's own click, whichever it brings: BadParameter is the one name of it that Typer makes public.
_UsageError: type[Exception] = typer.BadParameter.__bases__[0]

_TYPERS_HINT = re.compile(r" \(Possible options: .*\)$|\. Did you mean .*$", re.DOTALL)

app = typer.Typer(
    help="Camera-file processing for film and TV on an elastic Dask pool.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(info.info)
app.command()(deliveries.proxy)
app.command()(deliveries.sheet)
app.command()(deliveries.archive)
app.command()(sync.sync)
app.command()(pull.pull)
app.command()(trim.trim)
app.command()(changes.changes)
app.command()(jobs.jobs)
app.command()(reports.turnaround)
app.command()(reports.costs)
app.add_typer(pool.app, name="pool")
app.add_typer(ledger.app, name="ledger")


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Where the show is made.")] = Path("mediadask-demo"),
    workers: options.WorkersOption = None,
) -> None:
    """Make a small show and run it through: inspection, proxies, contact sheets, an archive."""
    from mediadask.cli import demo

    demo.run(folder, workers)


def _show_version(wanted: bool) -> None:
    if wanted:
        from mediadask.cli.version import version_line

        typer.echo(version_line())
        raise typer.Exit


@app.callback()
def _common(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version and exit.",
            callback=_show_version,
            is_eager=True,
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line and exit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # names of files may hold bytes that are no text
            stream.reconfigure(errors="backslashreplace")
    # Dask's client tells with tracebacks of a pool that has died; the command has a line for it.
    for name in ("distributed.client", "distributed.batched"):
        logging.getLogger(name).addFilter(lambda record: False)
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; the exit code.

    0 done, 1 some work failed, 2 bad usage or input, 130 interrupted, 141 nobody reads the output any more.
    """
    try:
        with warnings.catch_warnings(action="always", category=MediaWarning):
            warnings.showwarning = partial(_warn, warnings.showwarning)
            code = app(arguments, prog_name="mediadask", standalone_mode=False)
        sys.stdout.flush()
    except _UsageError as error:
        _complain(_usage(error))
        return 2
    except BrokenPipeError:
        # Python flushes again on its way out, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except MediaError as error:
        _complain(f"mediadask: {error}")
        return 2
    except ValueError as error:
        if "dask config file" not in str(error):  # which Dask reads when it is imported
            raise
        _complain(f"mediadask: {error}")
        return 2
    except (KeyboardInterrupt, typer.Abort):
        _complain("mediadask: interrupted")
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
