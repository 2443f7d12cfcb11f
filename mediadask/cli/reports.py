"""`mediadask turnaround`, `costs`: what the ledger tells, also of pools that are gone."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mediadask.choices import CostsBy, TurnaroundBy, listed
from mediadask.cli import options
from mediadask.cli.tables import json_of, print_table
from mediadask.durations import time_ago
from mediadask.errors import OutputFailed
from mediadask.options import Option

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    import pandas as pd
    from sqlalchemy import Engine

__all__ = ["ago", "costs", "opened", "turnaround"]


def turnaround(
    by: Annotated[TurnaroundBy, Option(f"Group by {listed(TurnaroundBy)}.")] = "priority",
    since: options.SinceOption = None,
    plot: options.PlotOption = None,
    ledger: options.LedgerOption = None,
    json: options.JsonOption = False,
) -> None:
    """Say how long jobs took from submission to result: median, 90 %, longest; targets and deadlines met."""
    from mediadask.pool.config import load_config
    from mediadask.pool.ledger import reports
    from mediadask.pool.ledger.plots import turnaround_plot

    config = load_config()
    _report(
        ledger,
        lambda engine: reports.turnaround(engine, config, by=by, since=ago(since)),
        turnaround_plot,
        plot,
        json,
    )


def costs(
    by: Annotated[CostsBy, Option(f"Group by {listed(CostsBy)}.")] = "show",
    since: options.SinceOption = None,
    until: Annotated[str | None, typer.Option("--until", metavar="WHEN", help="Not what was after.")] = None,
    plot: options.PlotOption = None,
    ledger: options.LedgerOption = None,
    json: options.JsonOption = False,
) -> None:
    """Say what was spent: compute, retries, displaced work, idle workers; adds up to what the workers cost.

    Shows that have nearly spent their budget, or all of it, are named on stderr.
    """
    from mediadask.pool.config import load_config
    from mediadask.pool.ledger import costs as money
    from mediadask.pool.ledger.plots import costs_plot

    config = load_config()

    def report(engine: Engine) -> pd.DataFrame:
        for warning in money.budgets(engine, config)["warning"]:
            if warning:
                typer.echo(f"mediadask: {warning}", err=True)
        return money.costs(engine, config, by=by, since=ago(since), until=ago(until, "--until"))

    _report(ledger, report, costs_plot, plot, json)


def _report(
    ledger: str | None,
    report: Callable[[Engine], pd.DataFrame],
    draw: Callable[[pd.DataFrame], Any],
    plot: Path | None,
    as_json: bool,
) -> None:
    from mediadask.pool.ledger.plots import save

    with opened(ledger) as engine:
        where = engine.url.render_as_string(hide_password=True)
        table = report(engine)
    if plot is not None:
        save(draw(table), plot)
    if as_json:
        print(json_of(table))
    elif table.empty:
        typer.echo(f"mediadask: {where}: the ledger has nothing of that yet", err=True)
    else:
        print_table(table)
        if currency := table.attrs.get("currency"):
            print(f"{currency}; the workers cost {table.attrs['leased']:.2f}")


@contextmanager
def opened(ledger: str | None) -> Iterator[Engine]:
    """The ledger's database.

    Raises
    ------
    OutputFailed
        It does not open, does not answer, or is damaged.
    """
    from sqlalchemy.exc import DBAPIError

    from mediadask.pool.ledger.sqlite_file import is_damage
    from mediadask.pool.ledger.tables import open_database

    engine = open_database(ledger)
    try:
        yield engine
    except DBAPIError as error:
        where = engine.url.render_as_string(hide_password=True)
        do = "see `mediadask ledger check`" if is_damage(error) else "try again"
        raise OutputFailed(f"the ledger does not answer: {error.orig}", where=where, do=do) from None
    finally:
        engine.dispose()


def ago(when: str | None, option: str = "--since") -> datetime | None:
    """Return the moment that an option names; None where it is not given."""
    return None if when is None else time_ago(when, option)
