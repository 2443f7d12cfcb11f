"""The `mediadask` command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mediadask.cli import (
    changes,
    deliveries,
    endings,
    info,
    jobs,
    ledger,
    offload,
    pool,
    pull,
    reports,
    sync,
    trim,
    verify,
)
from mediadask.cli.expand import expanded
from mediadask.cli.work import Work

__all__ = ["app", "main", "run"]

app = typer.Typer(
    help="Camera-file processing for film and TV on an elastic Dask pool.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(expanded(info.info))
app.command()(expanded(verify.verify))
app.command()(expanded(offload.offload))
app.command()(expanded(deliveries.proxy))
app.command()(expanded(deliveries.sheet))
app.command()(expanded(deliveries.archive))
app.command()(expanded(sync.sync))
app.command()(expanded(pull.pull))
app.command()(expanded(trim.trim))
app.command()(expanded(changes.changes))
app.command()(jobs.jobs)
app.command()(expanded(reports.turnaround))
app.command()(expanded(reports.costs))
app.add_typer(pool.app, name="pool")
app.add_typer(ledger.app, name="ledger")


@app.command()
@expanded
def demo(
    folder: Annotated[Path, typer.Argument(help="Where the show is made.")] = Path("mediadask-demo"),
    *,
    where: Annotated[Work, ("workers",)],
) -> None:
    """Make a small show and run it through: inspection, proxies, contact sheets, an archive."""
    from mediadask.cli import demo

    demo.run(folder, where.workers)


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
    endings.run_and_exit(app, "mediadask")


def run(arguments: list[str]) -> int:
    """Run one command; the exit code, as `endings.run` gives it."""
    return endings.run(app, "mediadask", arguments)
