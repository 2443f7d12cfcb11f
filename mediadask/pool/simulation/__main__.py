"""``python -m mediadask.pool.simulation``: run seeds, and tell the story of one that breaks an invariant."""

from __future__ import annotations

import gc
import os
import time
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Annotated

import typer

from mediadask.pool.simulation.run import run_seed, shrink
from mediadask.pool.simulation.story import told

if TYPE_CHECKING:
    from collections.abc import Iterable

_SEEDS_AT_ONCE = 50
_MOST_FAILURES = 20


def main(
    seeds: Annotated[str, typer.Option(help="Run these: one, or a range such as 0-1999.")] = "0-1999",
    jobs: Annotated[int, typer.Option(help="Processes. Default: one a core.", min=1)] = os.cpu_count() or 1,
    seed: Annotated[int | None, typer.Option(help="Run this seed alone.")] = None,
    story: Annotated[bool, typer.Option(help="Tell what happened, cut down to what breaks.")] = False,
    lines: Annotated[int, typer.Option(help="Tell the last so many lines.", min=1)] = 60,
) -> None:
    """Run the pool's state in simulated worlds, each made from a seed, and check its invariants.

    Exits with 1 if one breaks.
    """
    if seed is not None:
        _one(seed, story, lines)
        return
    first, _, last = seeds.partition("-")
    numbers = range(int(first), int(last or first) + 1)
    begun = time.perf_counter()
    failures, events = _many(numbers, jobs)
    seconds = time.perf_counter() - begun
    for number, invariant, how in failures[:_MOST_FAILURES]:
        typer.echo(f"seed {number}: {invariant}: {how}")
    if len(failures) > _MOST_FAILURES:
        typer.echo(f"… and {len(failures) - _MOST_FAILURES} more")
    typer.echo(f"{len(numbers)} seeds, {events} events, {len(failures)} failed, {seconds:.0f} s")
    if failures:
        number = failures[0][0]
        typer.echo(f"its story: python -m mediadask.pool.simulation --seed {number} --story")
        raise typer.Exit(1)


def _one(seed: int, story: bool, lines: int) -> None:
    ran = run_seed(seed)
    if story:
        ran = shrink(ran) if ran.invariant else ran
        typer.echo(told(ran, lines))
    else:
        typer.echo(f"seed {seed}: {ran.invariant or 'all is well'}, {ran.events} events")
    if ran.invariant:
        raise typer.Exit(1)


def _many(seeds: range, jobs: int) -> tuple[list[tuple[int, str, str]], int]:
    """The failures, and how many events there were."""
    parts = [seeds[start : start + _SEEDS_AT_ONCE] for start in range(0, len(seeds), _SEEDS_AT_ONCE)]
    if jobs == 1:
        results = [_some(part) for part in parts]
    else:
        with ProcessPoolExecutor(jobs) as processes:
            results = list(processes.map(_some, parts))
    return [failure for found, _ in results for failure in found], sum(events for _, events in results)


def _some(seeds: Iterable[int]) -> tuple[list[tuple[int, str, str]], int]:
    failures, events = [], 0
    # Looking for garbage again and again among all that is kept would take a quarter of the time.
    gc.freeze()
    gc.disable()
    for seed in seeds:
        ran = run_seed(seed)
        gc.collect()
        events += ran.events
        if ran.invariant:
            failures.append((seed, ran.invariant, ran.how))
    return failures, events


if __name__ == "__main__":
    typer.run(main)
