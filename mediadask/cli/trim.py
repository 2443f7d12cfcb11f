"""`mediadask trim`: what a timeline uses of its camera originals, cut out as it is."""

from __future__ import annotations

import sys

import typer

from mediadask.cli import options, plans, work
from mediadask.editorial.options import Handles, TimelineOptions
from mediadask.text import json_text, printable

__all__ = ["trim"]


def trim(
    timeline: options.TimelineArgument,
    media: options.MediaOption,
    out: options.OutFolderOption,
    *,
    handles: Handles = 0,
    how: TimelineOptions,
    plan: options.PlanOption = False,
    otio: options.OtioOption = None,
    json: options.JsonOption = False,
    where: work.Work,
) -> None:
    """Cut what a timeline uses out of the camera originals, without encoding anything again.

    Timecode, reel, tags and sound are kept; image sequences are copied. Long-GOP material is cut at its keys,
    and what that adds is said. The timeline comes along as OTIO, relinked to the trims.
    """
    from mediadask.editorial import match_events
    from mediadask.editorial.trim import noted, trim_names, trim_plan

    plans.check_otio(plan, otio, timeline)
    edit, clips = plans.turnover_media(timeline, how, media, where)
    turnover = match_events(edit, clips, handles=handles)
    if plan:
        turnover = noted(turnover)
        names = iter(trim_names(turnover.good))
        plans.show_plan(turnover, [next(names) if one.ok else None for one in turnover], json, otio)
    report = work.run(trim_plan(turnover, out), where)
    if json:
        rows = [
            {
                "name": outcome.name,
                "output": outcome.value.url if outcome.value else None,
                "frames": outcome.value.frames if outcome.value else None,
                "start": outcome.value.start if outcome.value else None,
                "notes": list(outcome.value.notes) if outcome.value else [],
                "error": outcome.failure.error if outcome.failure else None,
            }
            for outcome in report.outcomes
        ]
        print(json_text(rows))
    else:
        for made in report.results:
            print(printable(made.url))
        for made in report.results:
            for note in made.notes:
                print(printable(f"{made.url}: {note}"), file=sys.stderr)
    raise typer.Exit(min(work.ended(report), 1))  # timeline and media were good: what failed are events
