"""`mediadask ledger`: look after the record of what pools did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mediadask.cli import options
from mediadask.cli.reports import opened
from mediadask.cli.tables import json_of, print_table
from mediadask.durations import time_ago

if TYPE_CHECKING:
    from typing import Any

__all__ = ["app"]

app = typer.Typer(help="Check, back up and prune the ledger.", no_args_is_help=True)


@app.command()
def check(ledger: options.LedgerOption = None, json: options.JsonOption = False) -> None:
    """Check that the ledger is sound; exit 1 if it is not."""
    from dataclasses import asdict

    from mediadask.pool.ledger.check import check

    with opened(ledger) as engine:
        findings = [asdict(finding) for finding in check(engine)]
    _show([{**finding, "is_sound": _sound(finding["is_sound"], json)} for finding in findings], json)
    raise typer.Exit(0 if all(finding["is_sound"] for finding in findings) else 1)


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")],
    ledger: options.LedgerOption = None,
) -> None:
    """Copy the ledger to a file, while pools go on writing to it.

    The copy is a SQLite ledger, also of one in PostgreSQL. Read it with --ledger FILE.
    """
    from mediadask.pool.ledger.check import back_up

    with opened(ledger) as engine:
        back_up(engine, file)
    print(f"{file}: {file.stat().st_size / 1e6:.1f} MB")


@app.command()
def prune(
    keep: Annotated[
        str,
        typer.Option("--keep", metavar="AGE", help="Keep units of jobs that ended since: 90d, 12h, a date."),
    ],
    ledger: options.LedgerOption = None,
    json: options.JsonOption = False,
) -> None:
    """Replace the units of old jobs by their sums.

    Turnaround and costs stay the same; who ran when is no longer known of these jobs. Set
    `mediadask.ledger.keep` to have pools do this by themselves.
    """
    from dataclasses import asdict

    from mediadask.pool.ledger.prune import give_back_space, prune

    before = time_ago(keep, "--keep")
    with opened(ledger) as engine:
        pruned = prune(engine, before)
        if pruned.jobs:
            give_back_space(engine)
    if json:
        _show([asdict(pruned)], as_json=True)
    else:
        print(f"{pruned.jobs} jobs pruned, {pruned.attempts} units summed up")


def _sound(is_sound: bool, as_json: bool) -> Any:
    return is_sound if as_json else ("ok" if is_sound else "WRONG")


def _show(rows: list[dict[str, Any]], as_json: bool) -> None:
    import pandas as pd

    table = pd.DataFrame(rows)
    if as_json:
        print(json_of(table))
    else:
        print_table(table.rename(columns={"is_sound": "state"}))
