"""`mediadask pool up`, `status`, `dashboard`, `down`: a pool that stays, on this machine or on Kubernetes."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mediadask.errors import InvalidRequest, MediaError, OutputFailed

if TYPE_CHECKING:
    from mediadask.pool import Pool

__all__ = ["app"]

_LOOK_SECONDS = 0.5
_MOST_JOBS = 20
"""So many are listed for people."""

app = typer.Typer(
    help="Keep a pool on this machine, or on Kubernetes, for other commands and notebooks.",
    no_args_is_help=True,
)

WhichOption = Annotated[
    str,
    typer.Option(
        "--pool",
        metavar="NAME|ADDRESS",
        envvar="MEDIADASK_POOL",
        help="Which of several: its name, tcp://host:8786, or kubernetes:NAME.",
    ),
]

JsonOption = Annotated[bool, typer.Option("--json", help="Print a JSON object instead of text.")]


@app.command()
def up(
    spec: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Its settings, as in clusters/local.yaml or kubernetes.yaml there. Default: dask.config's.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="At most so many, all at once. Default: one a core, as work comes."),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Let other machines join here, with TLS certificates as Dask's settings name them."
            " Default: only you, on this machine.",
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of its scheduler. Default: any.")] = 0,
    dashboard_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of its dashboard; any where that is taken.")
    ] = 8787,
    print_: Annotated[
        bool, typer.Option("--print", help="On Kubernetes: print the manifests, and change nothing.")
    ] = False,
    rotate: Annotated[
        bool, typer.Option("--rotate", help="On Kubernetes: make new certificates; the pool starts anew.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Start a pool that stays until `pool down`; commands and notebooks use it with `--pool local`.

    It goes on with the jobs that a pool of the same name left unfinished when it died. A spec with a section
    `kubernetes` is of a pool there; one that is up already is changed to be as the spec says.
    """
    from dataclasses import asdict

    from mediadask.pool import standing

    if spec is not None and standing.is_for_kubernetes(spec):
        if workers or host or port or dashboard_port != standing.DASHBOARD_PORT:
            reason = "--workers, --host and ports are for a pool of this machine"
            raise InvalidRequest(reason, where=spec, do="say it in the spec")
        _up_on_kubernetes(spec, print_=print_, rotate=rotate, json=json)
        return
    if print_ or rotate:
        raise InvalidRequest("--print and --rotate are for a spec with a section `kubernetes`", where=spec)
    pool = standing.up(spec, workers=workers, host=host, port=port, dashboard_port=dashboard_port)
    if json:
        _print_json(asdict(pool))
        return
    print(f"pool {pool.name} is up at {pool.address}")
    print(f"use it with --pool {pool.name} or MEDIADASK_POOL={pool.name}; watch it at {pool.dashboard}")


def _up_on_kubernetes(spec: Path, *, print_: bool, rotate: bool, json: bool) -> None:
    from dataclasses import asdict

    from mediadask.pool import Pool
    from mediadask.pool.kubernetes.manifests import manifests
    from mediadask.pool.kubernetes.plain import plain_yaml
    from mediadask.pool.kubernetes.spec import read_spec
    from mediadask.pool.kubernetes.up import up

    wanted = read_spec(spec)
    if print_:
        print(plain_yaml(*manifests(wanted)), end="")
        return
    if not (wanted.kubernetes.ledger.address or wanted.kubernetes.ledger.claim):
        line = "kubernetes.ledger names none: jobs and costs are forgotten when the scheduler's pod ends"
        typer.echo(f"mediadask: {line}", err=True)
    made = up(wanted, rotate=rotate)
    where = f"kubernetes:{made.name}"
    with Pool.connect(f"kubernetes:{made.namespace}/{made.name}") as pool:
        pool.status()
    if json:
        _print_json(asdict(made))
        return
    was = {"new": "is up", "changed": "is up, changed", "unchanged": "is up as it was"}[made.was]
    print(f"pool {made.name} {was} in namespace {made.namespace}")
    print(f"use it with --pool {where} or MEDIADASK_POOL={where}; `mediadask pool dashboard` shows it")


@app.command()
def dashboard(
    pool: WhichOption = "local",
    browser: Annotated[bool, typer.Option(help="Open it in a browser.")] = True,
) -> None:
    """Show a pool's dashboard. On Kubernetes it is reached through this command, for as long as that runs."""
    import webbrowser
    from threading import Event

    with _connected(pool) as there:
        url = there.dashboard
        print(url, flush=True)
        if browser:
            webbrowser.open(url)
        if pool.startswith("kubernetes:"):
            typer.echo("Ctrl-C ends it", err=True)
            with suppress(KeyboardInterrupt):
                Event().wait()


@app.command()
def status(pool: WhichOption = "local", json: JsonOption = False) -> None:
    """Show a pool's workers against the target, its jobs, turnaround and spend."""
    from json import loads

    from mediadask.cli.tables import json_of

    with _connected(pool) as there:
        told = {**there.status(), "turnaround": [], "costs": []}
        try:
            told["turnaround"] = loads(json_of(there.turnaround()))
            told["costs"] = loads(json_of(there.costs()))
        except OutputFailed as error:
            typer.echo(f"mediadask: {error}", err=True)
    if json:
        _print_json(told)
    else:
        _print_status(told)


@app.command()
def down(
    pool: WhichOption = "local",
    now: Annotated[
        bool, typer.Option("--now", help="Stop what runs; the next `pool up` goes on with it.")
    ] = False,
) -> None:
    """End a pool when the jobs that can have ended; it takes no new ones meanwhile.

    A job that its show's budget holds is not waited for: the next pool of the same name goes on with it.
    """
    from mediadask.pool.standing import wait_until_gone

    if pool.startswith("kubernetes:"):
        _down_on_kubernetes(pool, now=now)
        return
    with _connected(pool) as there:
        told = there.status()
        there.down(now=now)
    if not now:
        _print_last_jobs(told)
    if ":" not in pool:
        wait_until_gone(pool)
        print(f"pool {pool} is down")


def _down_on_kubernetes(pool: str, *, now: bool) -> None:
    from time import sleep

    from mediadask.pool.kubernetes.reach import find
    from mediadask.pool.kubernetes.up import down, has_scheduler

    place = find(pool)
    if not now and has_scheduler(place.name, place.namespace):
        with _connected(str(place)) as there:
            told = there.status()
            there.down()
            _print_last_jobs(told)
            with suppress(MediaError):  # it is gone
                while there.status()["waits_for"]:
                    sleep(_LOOK_SECONDS)
    for left in down(place.name, place.namespace):
        print(f"{left} stays: with it the next pool {place.name} goes on with unfinished jobs")
    print(f"pool {place.name} is down")


def _print_last_jobs(told: dict[str, Any]) -> None:
    """What a pool that goes down waits for, and what it leaves."""
    waits_for = [job["name"] for job in told["jobs"] if job["id"] in told["waits_for"]]
    if waits_for:
        first = f"jobs to end first: {len(waits_for)} ({', '.join(waits_for)})"
        print(f"{first}; the pool goes down after them whether you wait here or not")
        if told["trouble"]:
            print(told["trouble"])
    then = "it is cancelled" if ":" in told["name"] else "the next pool of this name goes on with it"
    for job in told["jobs"]:
        if job["held"]:
            print(f"{job['name']} does not go on: {job['held']}; {then}")


def _connected(pool: str) -> Pool:
    from mediadask.pool import Pool

    return Pool.connect(pool)


def _print_json(what: Any) -> None:
    import json

    print(json.dumps(what, indent=2, ensure_ascii=False, default=str))


def _print_status(told: dict[str, Any]) -> None:
    import pandas as pd

    from mediadask.cli.tables import print_table

    state = "goes down when its jobs have ended" if told["going_down"] else "is up"
    print(f"pool {told['name']} {state}")
    for trouble in dict.fromkeys([told["trouble"], *(job["notice"] for job in told["jobs"])]):
        if trouble:
            print(trouble)
    if told["ledger_trouble"]:
        print(told["ledger_trouble"])
    jobs = told["jobs"]
    for columns, rows in (
        (["tier", "workers", "requested", "target", "price_per_hour"], told["tiers"]),
        (
            ["name", "show", "priority", "status", "groups_done", "groups", "units_running", "units_paused"],
            jobs[:_MOST_JOBS],
        ),
        (
            ["priority", "jobs", "p50_seconds", "p90_seconds", "max_seconds", "target_seconds"],
            told["turnaround"],
        ),
        (["show", "compute", "retries", "displaced", "idle", "total"], told["costs"]),
    ):
        if rows:
            print()
            print_table(pd.DataFrame(rows, columns=columns))
        if columns[0] == "name" and len(jobs) > _MOST_JOBS:
            print(f"and {len(jobs) - _MOST_JOBS} more that are open, less urgent; --json has them all")
