"""``python -m benchmarks [figure …] [--quick] [--rounds N] [--json FILE]``: measure and compare."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.measure import Failed
from benchmarks.report import Row, as_json, machine, table

FIGURES = (
    "planes",
    "decode",
    "random_access",
    "opening",
    "inspection",
    "wire",
    "proxy",
    "pull",
    "pull_memory",
    "packing",
    "rerun",
    "framing",
    "color",
    "memory",
    "plan",
    "raw",
    "sync",
    "hashing",
    "offload",
    "displacement",
    "day",
    "overhead",
    "backlog",
    "open_jobs",
    "state",
    "ledger",
    "kubernetes",
    "kubernetes_faults",
)


def main(
    figures: Annotated[list[str] | None, typer.Argument(help=f"Which: {', '.join(FIGURES)}.")] = None,
    quick: Annotated[bool, typer.Option(help="Tiny clips and one round: does it run at all?")] = False,
    rounds: Annotated[int, typer.Option(help="How often each side of a comparison is measured.", min=1)] = 3,
    json: Annotated[Path | None, typer.Option(help="Where to write everything measured.")] = None,
) -> None:
    """Measure figures beside mediadask's peers, in one run, and print them against their targets."""
    unknown = set(figures or ()) - set(FIGURES)
    if unknown:
        raise typer.BadParameter(f"no figure {', '.join(sorted(unknown))}; there are {', '.join(FIGURES)}")
    facts, rows = machine(), []
    progress, console = Console(stderr=True), Console()
    if not console.is_terminal:
        console = Console(width=180)
    for name in figures or FIGURES:
        module = importlib.import_module(f"benchmarks.{name}")
        with progress.status(name):
            try:
                for row in module.rows(quick, 1 if quick else rounds):
                    rows.append(row)
                    value = "–" if row.value is None else f"{row.value:.3g}"
                    progress.print(
                        f"{row.figure} · {row.case} · {row.what}: {value} {row.note}", markup=False
                    )
            except Failed as error:
                rows.append(Row(name, "", "could not be measured", None, note=str(error)))
        if json:
            json.write_text(as_json(rows, facts))
    console.print(table(rows))
    console.print(", ".join(f"{key} {value}" for key, value in facts.items() if key != "versions"))
    missed = [row for row in rows if row.met is False]
    console.print(f"{sum(row.met is True for row in rows)} targets met, {len(missed)} not met")


if __name__ == "__main__":
    typer.run(main)
