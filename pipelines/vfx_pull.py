#!/usr/bin/env python
"""A VFX turnover: plates of every event of an edit, urgent, on the shared pool.

    python pipelines/vfx_pull.py turnover.edl --media /cards --out /to/vendor --show ABC --episode 104 \\
        --input-space "ARRI LogC4" --fdl show.fdl --pool tcp://farm:8786

Run it again after a failure, once more clips have arrived, or with longer handles: only what is missing is
made.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import mediadask as md
from mediadask.cli.endings import script
from mediadask.cli.options import MediaOption, OutFolderOption, TimelineArgument
from mediadask.cli.work import Work
from mediadask.editorial import PlateName
from mediadask.editorial.options import PullOptions
from mediadask.editorial.plates import PlateOptions

URGENT = Work(priority="urgent")


def main(
    timeline: TimelineArgument,
    media: MediaOption,
    out: OutFolderOption,
    *,
    episode: Annotated[str, typer.Option(help="For names.")] = "",
    sequence: Annotated[str, typer.Option(help="For names.")] = "",
    asked: PullOptions,
    plates: PlateOptions,
    work: Work = URGENT,
) -> int:
    """Plan, list what cannot be delivered, pull the rest, list what failed."""
    name = PlateName(fields={"show": work.show, "episode": episode, "sequence": sequence})
    delivery = md.pull(timeline, media, out, name=name, **vars(asked), **vars(plates))
    with md.Pool.open(work.pool, workers=work.workers) as pool:
        report = pool.submit(delivery, name=f"pull {timeline}", **work.booking).result()
    print(report)
    for outcome in report.failures:
        print(f"  {outcome.failure.error}", file=sys.stderr)
    return int(bool(report.failures))


if __name__ == "__main__":
    script(main)
