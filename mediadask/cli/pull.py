"""`mediadask pull`: plates of a timeline, as a VFX vendor is sent them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from mediadask.cli import options, plans, work
from mediadask.editorial.names import PlateName
from mediadask.editorial.options import PullOptions, TimelineOptions
from mediadask.editorial.plates.options import PlateOptions
from mediadask.errors import InvalidRequest

if TYPE_CHECKING:
    from mediadask.delivery import Outcome

__all__ = ["pull"]


def pull(
    timeline: options.TimelineArgument,
    media: options.MediaOption,
    out: options.OutFolderOption,
    *,
    names: PlateName,
    asked: PullOptions,
    how: TimelineOptions,
    plates: PlateOptions,
    float32: Annotated[
        bool, typer.Option("--float", help="EXR of floats instead of halves.", rich_help_panel="Picture")
    ] = False,
    plan: options.PlanOption = False,
    otio: options.OtioOption = None,
    json: options.JsonOption = False,
    csv: options.CsvOption = False,
    where: work.Work,
) -> None:
    """Make plates of every event of a timeline: OpenEXR, ACES2065-1, with handles.

    Beside each plate stand its AMF, CDL, a review with burn-ins and a manifest with hashes. What is there
    already is not made again.
    """
    from mediadask.editorial.plates import PlateRules
    from mediadask.editorial.pull import plan_pull, pull_plan

    if plates.input_space == "list":
        plans.show_spaces(plates.config)
    rules = PlateRules.read(replace(plates, sample="float") if float32 else plates)
    plans.check_otio(plan, otio, timeline)
    if csv and (json or not plan):
        raise InvalidRequest(
            "is printed with --plan only, and instead of JSON", where="--csv", do="add --plan"
        )
    edit, clips = plans.turnover_media(timeline, how, media, where)
    turnover = plan_pull(edit, clips, out, rules, asked, names.of_show(where.show))
    delivery = pull_plan(turnover, out, rules)
    if plan:
        plans.show_plan(turnover, [one.name for one in turnover], json, otio, csv)
    report = work.run(delivery, where)
    work.show_made(report, _row if json else None)
    code = work.ended(report)
    plans.show_advice(turnover)
    raise typer.Exit(min(code, 1))  # timeline, media and options were good: what failed are events


def _row(outcome: Outcome) -> dict[str, object]:
    made = outcome.value
    return {
        "name": outcome.name,
        "event": made.event if made else None,
        "output": made.url if made else None,
        "first_frame": made.first_number if made else None,
        "frames": made.frames if made else None,
        "written": made.written if made else None,
        "stand_ins": list(made.stand_ins) if made else [],
        "error": outcome.failure.error if outcome.failure else None,
    }
