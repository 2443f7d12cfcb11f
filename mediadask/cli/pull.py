"""`mediadask pull`: plates of a timeline, as a VFX vendor is sent them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mediadask.cli import options, plans, work
from mediadask.cli.inputs import option_pairs
from mediadask.errors import InvalidRequest

if TYPE_CHECKING:
    from mediadask.delivery import Outcome

__all__ = ["pull"]

_NAMES, _PICTURE = "Names", "Picture"


def pull(
    timeline: options.TimelineArgument,
    media: options.MediaOption,
    out: options.OutFolderOption,
    handles: options.HandlesOption = 8,
    rate: options.RateOption = None,
    timeline_name: options.TimelineNameOption = None,
    conform: options.ConformOption = None,
    plan: options.PlanOption = False,
    otio: options.OtioOption = None,
    only_shots: Annotated[
        list[str] | None,
        typer.Option(
            "--only-shots",
            metavar="SHOTS",
            help="Leave out events of other shots, and those that name none. SHOTS is named (all that name a "
            "shot), names and patterns (ABC_104_*, or a regular expression), a .csv or .txt file of names, "
            "or track:V2. Repeatable.",
        ),
    ] = None,
    shot_list: Annotated[
        str | None,
        typer.Option(
            "--shot-list",
            metavar="FILE",
            help="A CSV with a column shot, and what is asked for each: handles, plate (BG01), version.",
        ),
    ] = None,
    name: options.NameOption = None,
    field: options.FieldOption = None,
    shot: options.ShotOption = None,
    number: Annotated[
        str,
        typer.Option(
            "--version",
            "--plate-version",
            metavar="NUMBER|auto",
            help="Version of the plates. auto: the newest in the folder, and the next for plates that have "
            "changed. A delivered version is never overwritten with other pictures.",
            rich_help_panel=_NAMES,
        ),
    ] = "1",
    only_changed: Annotated[
        bool,
        typer.Option(
            "--only-changed", help="Leave out events whose plate in the folder holds the same frames."
        ),
    ] = False,
    first_frame: Annotated[
        int, typer.Option(min=0, help="Number of a plate's first frame.", rich_help_panel=_NAMES)
    ] = 1001,
    cut_frame: Annotated[
        int | None,
        typer.Option(
            min=0, help="Instead: number of the first frame after the handle.", rich_help_panel=_NAMES
        ),
    ] = None,
    input_space: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|list",
            help="Color space of the clips. Default: as they say.",
            rich_help_panel=_PICTURE,
        ),
    ] = None,
    color_space: Annotated[
        str | None,
        typer.Option(
            help="Color space of the plates. Default: ACES2065-1; for DPX and ProRes the clip's.",
            rich_help_panel=_PICTURE,
        ),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="An OpenColorIO config. Default: ACES.", rich_help_panel=_PICTURE),
    ] = None,
    fdl: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE", help="An ASC FDL with the framing. Repeatable.", rich_help_panel=_PICTURE
        ),
    ] = None,
    fdl_template: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Its canvas template; none only crops.", rich_help_panel=_PICTURE),
    ] = None,
    fdl_intent: Annotated[
        str | None, typer.Option(metavar="ID", help="Its framing intent.", rich_help_panel=_PICTURE)
    ] = None,
    squeeze: Annotated[
        float | None,
        typer.Option(help="Anamorphic squeeze where no FDL says it.", rich_help_panel=_PICTURE),
    ] = None,
    filter: Annotated[
        str,
        typer.Option(
            help="Filter for scaling: lanczos3, mitchell, cubic, triangle, box or blackman-harris.",
            rich_help_panel=_PICTURE,
        ),
    ] = "lanczos3",
    amf: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE|DIR",
            help="The AMF for all clips, or a folder with theirs. Repeatable.",
            rich_help_panel=_PICTURE,
        ),
    ] = None,
    cdl: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="The grade of events without one; of several the one called like plate, reel or clip.",
            rich_help_panel=_PICTURE,
        ),
    ] = None,
    lut: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="A LUT for the reviews.", rich_help_panel=_PICTURE),
    ] = None,
    format: Annotated[
        str, typer.Option(help="exr, dpx10, dpx16 or prores4444.", rich_help_panel=_PICTURE)
    ] = "exr",
    compression: Annotated[
        str,
        typer.Option(
            help="Compression of EXRs: none, zip, zips, piz, dwaa or htj2k.", rich_help_panel=_PICTURE
        ),
    ] = "zip",
    float32: Annotated[
        bool, typer.Option("--float", help="EXR of floats instead of halves.", rich_help_panel=_PICTURE)
    ] = False,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="MOVIE",
            help="A movie of the whole offline cut. What it shows of each shot comes beside the plate, in "
            "step with it frame by frame.",
            rich_help_panel=_PICTURE,
        ),
    ] = None,
    review: Annotated[
        bool, typer.Option(help="A review with burn-ins beside each plate.", rich_help_panel=_PICTURE)
    ] = True,
    on_corrupt: options.OnCorruptOption = "fail",
    json: options.JsonOption = False,
    csv: options.CsvOption = False,
    pool: options.PoolOption = None,
    workers: options.WorkersOption = None,
    show: options.ShowOption = "",
    priority: options.PriorityOption = None,
    deadline: options.DeadlineOption = None,
) -> None:
    """Make plates of every event of a timeline: OpenEXR, ACES2065-1, with handles.

    Beside each plate stand its AMF, CDL, a review with burn-ins and a manifest with hashes. What is there
    already is not made again.
    """
    from mediadask.editorial import PlateName
    from mediadask.editorial.names import DEFAULT_TEMPLATE
    from mediadask.editorial.plates import PlateOptions, PlateRules
    from mediadask.editorial.pull import plan_pull, pull_plan

    if input_space == "list":
        plans.show_spaces(config)
    given = {
        "input_space": input_space,
        "color_space": color_space,
        "config": config,
        "fdl": fdl,
        "fdl_template": fdl_template,
        "fdl_intent": fdl_intent,
        "squeeze": squeeze,
        "filter": filter,
        "amf": amf,
        "cdl": cdl,
        "lut": lut,
        "reference": reference,
        "format": format,
        "compression": compression,
        "sample": "float" if float32 else "half",
        "review": review,
        "on_corrupt": on_corrupt,
    }
    chosen = PlateOptions.of({key: value for key, value in given.items() if value is not None})
    rules = PlateRules.read(chosen)
    fields = ({"show": show} if show else {}) | option_pairs(field or [], "--field", "episode=104")
    version = _version(number)
    first = 1 if version == "auto" else version
    names = PlateName(name or DEFAULT_TEMPLATE, fields, shot, first, first_frame, cut_frame)
    where = work.Work(pool, workers, show, priority, deadline)
    plans.check_otio(plan, otio, timeline)
    if csv and (json or not plan):
        raise InvalidRequest(
            "is printed with --plan only, and instead of JSON", where="--csv", do="add --plan"
        )
    edit, clips = plans.turnover_media(timeline, media, where, rate=rate, name=timeline_name, conform=conform)
    turnover = plan_pull(
        edit,
        clips,
        out,
        rules,
        handles=handles,
        name=names,
        version="auto" if version == "auto" else None,
        only_changed=only_changed,
        only_shots=only_shots or (),
        shot_list=shot_list,
    )
    delivery = pull_plan(turnover, out, rules)
    if plan:
        plans.show_plan(turnover, [one.name for one in turnover], json, otio, csv)
    report = work.run(delivery, where)
    work.show_made(report, _row if json else None)
    code = work.ended(report)
    plans.show_advice(turnover)
    raise typer.Exit(min(code, 1))  # timeline, media and options were good: what failed are events


def _version(text: str) -> int | Literal["auto"]:
    if text == "auto":
        return "auto"
    if not text.isdecimal():
        raise InvalidRequest("is no version", where=f"--version {text}", do="give a number or auto")
    return int(text)


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
