"""`mediadask jobs`: the jobs of all pools with their progress, one of them whole, and both as they go on."""

from __future__ import annotations

import sys
import time
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mediadask.cli import options
from mediadask.cli.live import LivePools
from mediadask.cli.reports import ago, opened
from mediadask.errors import InvalidRequest
from mediadask.text import json_text

if TYPE_CHECKING:
    from sqlalchemy import Engine

__all__ = ["jobs"]

_LOOK_SECONDS = 2.0
_SHOWN_OUTPUTS = 96
"""A screen shows fewer; JSON has all."""

_OPEN = ("running", "waiting")

PoolOption = Annotated[
    str | None,
    typer.Option(
        "--pool",
        metavar="NAME|ADDRESS",
        help="Ask this pool how far jobs are. Default: the pools that are up on this machine.",
    ),
]


def jobs(
    job: Annotated[
        str | None, typer.Argument(metavar="JOB", help="Show this job alone, whole: its name or its id.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Show only the latest N jobs.")] = 50,
    since: options.SinceOption = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on showing it: until JOB has ended, else until Ctrl-C.")
    ] = False,
    pool: PoolOption = None,
    plot: options.PlotOption = None,
    ledger: options.LedgerOption = None,
    json: options.JsonOption = False,
) -> None:
    """List the jobs of all pools, newest first, with progress and expected end, or show one job whole.

    The ledger tells which jobs there are; pools that are up tell how far their open jobs have come. In a
    terminal times are relative to now and the table takes as many columns as fit; in a pipe it has all
    columns, and times are of the clock. With --watch a pipe gets a line for each change.
    """
    if watch and (json or plot is not None):
        raise InvalidRequest("--watch shows text only", do="leave out --json and --plot")
    if job is not None and plot is not None:
        raise InvalidRequest("--plot draws the list of jobs", do="leave out JOB or --plot")
    with opened(ledger) as engine, LivePools(pool) as pools:
        if watch:
            with suppress(KeyboardInterrupt):  # the way to end it
                _watch(engine, pools, job, limit, ago(since))
            return
        most = None if json else _SHOWN_OUTPUTS
        found = _known(engine, pools, job, limit, ago(since), most)
        if plot is not None:
            from mediadask.pool.ledger.plots import jobs_plot, save
            from mediadask.pool.ledger.reports import history

            save(jobs_plot(history(engine, limit=limit, since=ago(since))), plot)
        if json:
            print(json_text([_plain(each) for each in found] if job is None else _plain(found[0])))
        elif found:
            _print(found, job)
        else:
            where = engine.url.render_as_string(hide_password=True)
            typer.echo(f"mediadask: {where}: the ledger has nothing of that yet", err=True)


def _print(found: list[dict[str, Any]], job: str | None) -> None:
    from mediadask.cli.job_tables import job_list, one_job
    from mediadask.cli.terminal import console

    screen, now = console(), datetime.now().astimezone()
    shown = (
        job_list(found, now, screen.width if screen.is_terminal else None)
        if job is None
        else one_job(found[0], now)
    )
    screen.print(shown)


def _watch(engine: Engine, pools: LivePools, job: str | None, limit: int, since: datetime | None) -> None:
    from rich.live import Live

    from mediadask.cli.job_tables import changes, job_list, one_job
    from mediadask.cli.terminal import console

    screen, told = console(), dict[str, str]()
    live = Live(console=screen, auto_refresh=False, vertical_overflow="ellipsis")
    with live if screen.is_terminal else nullcontext():
        while True:
            found = _known(engine, pools, job, limit, since)
            now = datetime.now().astimezone()
            if screen.is_terminal:
                whole = job_list(found, now, screen.width) if job is None else one_job(found[0], now)
                live.update(whole, refresh=True)
            else:
                for line in changes(found, told, now):
                    print(line)
                sys.stdout.flush()
            if job is not None and found[0]["status"] not in _OPEN:
                return
            time.sleep(_LOOK_SECONDS)


def _known(
    engine: Engine,
    pools: LivePools,
    job: str | None,
    limit: int,
    since: datetime | None,
    most_outputs: int | None = _SHOWN_OUTPUTS,
) -> list[dict[str, Any]]:
    """What the ledger and the pools know of these jobs, newest first."""
    from mediadask.pool.ledger.one_job import find_job
    from mediadask.pool.ledger.reports import history

    id = None if job is None else find_job(engine, job)
    table = history(engine, limit=limit, since=since if id is None else None, job=id)
    found = [_row(row) for row in table.to_dict("records")]
    live = pools.open_jobs(each["pool"] for each in found if each["status"] == "running")
    for each in found:
        _join(each, live.get(each["job"]))
    if id is not None:
        found[0] |= _more(engine, pools, found[0], most_outputs)
    return found


def _row(row: dict[Any, Any]) -> dict[str, Any]:
    import pandas as pd

    known: dict[str, Any] = {str(name): None if pd.isna(value) else value for name, value in row.items()}
    for name in ("submitted", "deadline"):
        if isinstance(known[name], pd.Timestamp):
            known[name] = known[name].to_pydatetime()
    for name in ("groups", "groups_done", "groups_failed"):
        known[name] = None if known[name] is None else int(known[name])
    return known


_LIVE = ("units", "units_done", "units_queued", "units_running", "units_paused", "waits_for", "notice")


def _join(job: dict[str, Any], live: dict[str, Any] | None) -> None:
    """Add what the job's pool tells of it, None where there is none that tells."""
    is_over = job["status"] in ("done", "failed")
    job["progress"] = 1.0 if is_over else None
    job["expected_seconds"] = None
    job |= dict.fromkeys(_LIVE)
    if live is None:
        return
    job |= {name: live[name] for name in (*_LIVE, "status", "expected_seconds", "groups_done")}
    job |= {"groups_failed": live["groups_failed"], "progress": live["fraction"]}
    job["error"] = live["error"] or job["error"]


def _more(engine: Engine, pools: LivePools, job: dict[str, Any], most_outputs: int | None) -> dict[str, Any]:
    """What is told of one job only."""
    from mediadask.pool.config import load_config
    from mediadask.pool.ledger import one_job
    from mediadask.pool.ledger.costs import costs

    table = costs(engine, load_config(), by="job", since=job["submitted"])
    rows = table[table["job"] == job["job"]].to_dict("records")
    parts = ("compute", "retries", "displaced", "idle", "total")
    cost = {part: float(rows[0][part]) if rows else 0.0 for part in parts}
    return {
        "attempts": one_job.attempts_by_outcome(engine, job["job"]),
        "failures": one_job.failures(engine, job["job"]),
        "paused_seconds": one_job.paused_seconds(engine, job["job"]),
        "outputs": pools.outputs(job["job"], job["pool"], most_outputs),
        "cost": {**cost, "currency": table.attrs["currency"]},
    }


def _plain(value: Any) -> Any:
    """As JSON has it: times in UTC with their zone."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
