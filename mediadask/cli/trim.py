"""`mediadask trim`: what a timeline uses of its camera originals, cut out as it is."""

from __future__ import annotations

import sys

import typer

from mediadask.cli import options, plans, work
from mediadask.text import json_text, printable

__all__ = ["trim"]


def trim(
    timeline: options.TimelineArgument,
    media: options.MediaOption,
    out: options.OutFolderOption,
    handles: options.HandlesOption = 0,
    rate: options.RateOption = None,
    timeline_name: options.TimelineNameOption = None,
    conform: options.ConformOption = None,
    plan: options.PlanOption = False,
    otio: options.OtioOption = None,
    json: options.JsonOption = False,
    pool: options.PoolOption = None,
    workers: options.WorkersOption = None,
    show: options.ShowOption = "",
    priority: options.PriorityOption = None,
    deadline: options.DeadlineOption = None,
) -> None:
    """Cut what a timeline uses out of the camera originals, without encoding anything again.

    Timecode, reel, tags and sound are kept; image sequences are copied. Long-GOP material is cut at its keys,
    and what that adds is said. The timeline comes along as OTIO, relinked to the trims.
    """
    from mediadask.editorial import match_events
    from mediadask.editorial.trim import noted, trim_names, trim_plan

    where = work.Work(pool, workers, show, priority, deadline)
    plans.check_otio(plan, otio, timeline)
    edit, clips = plans.turnover_media(timeline, media, where, rate=rate, name=timeline_name, conform=conform)
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
