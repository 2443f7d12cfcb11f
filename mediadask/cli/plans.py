"""What commands that deliver a timeline share: reading it, matching its media, showing the plan."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

import typer

from mediadask.cli.terminal import aligned
from mediadask.errors import InvalidRequest, MissingMedia
from mediadask.text import json_text, printable

if TYPE_CHECKING:
    from mediadask.cli.work import Work
    from mediadask.editorial import Timeline, TurnoverPlan
    from mediadask.editorial.options import TimelineOptions
    from mediadask.metadata import ClipMetadata

__all__ = ["check_otio", "show_advice", "show_plan", "show_spaces", "turnover_media"]


def turnover_media(
    timeline: str, how: TimelineOptions, media: list[str], where: Work
) -> tuple[Timeline, list[ClipMetadata]]:
    """A timeline, and the clips in some folders; those that cannot be read are listed on stderr.

    Raises
    ------
    MediaError
        If the timeline cannot be read, or there are no clips.
    """
    from mediadask.cli import work
    from mediadask.editorial import find_media, read_timeline

    edit = read_timeline(timeline, **vars(how))
    found = find_media(media)
    report = work.inspect(found, where)
    work.ended(report)
    if not report.results:
        raise MissingMedia("holds no clips", where=", ".join(media), do="name a folder or files with clips")
    return edit, report.results


def show_plan(
    plan: TurnoverPlan,
    names: list[str | None],
    json: bool,
    otio: str | None = None,
    csv: bool = False,
) -> NoReturn:
    """Print every event with what it matches, and end: 1 where some cannot be delivered.

    Parameters
    ----------
    names
        Of what would be delivered, one for each event, None for those that cannot be.
    otio
        A file to write it to as an OpenTimelineIO timeline.
    csv
        Print the count sheet.
    """
    if otio is not None:
        _write_otio(plan, otio)
    if json:
        rows = [{**row, "name": name} for row, name in zip(plan.rows(), names, strict=True)]
        print(json_text(rows))
    elif csv:
        from mediadask.editorial.count_sheet import count_csv

        print(count_csv(plan.rows()), end="")
    else:
        _print_table(plan, names)
    for one in plan.bad:
        print(printable(f"{one.title}: {one.complaint}"), file=sys.stderr)
    show_advice(plan)
    raise typer.Exit(1 if plan.bad else 0)


def show_advice(plan: TurnoverPlan) -> None:
    """What helps several of a plan's bad events, once, on stderr."""
    for line in plan.advice:
        print(printable(line), file=sys.stderr)


def show_spaces(config: str) -> NoReturn:
    """Print the color spaces of a config by their families, and end."""
    from mediadask.pixels.color.config import config_url, open_config, spaces_by_family

    for family, names in spaces_by_family(open_config(config_url(config))).items():
        print(printable(f"{family}: {', '.join(names)}"))
    raise typer.Exit


def check_otio(plan: bool, otio: str | None, timeline: str) -> None:
    """Raise `InvalidRequest` where an OTIO file is asked for that would not be written, or in a bad place."""
    from mediadask.clips.storage import normalize

    if otio is None:
        return
    if not plan:
        raise InvalidRequest("is written with --plan only", where=f"--otio {otio}", do="add --plan")
    if normalize(otio) == normalize(timeline):
        raise InvalidRequest("is the timeline itself", where=f"--otio {otio}", do="name another file")


def _write_otio(plan: TurnoverPlan, file: str) -> None:
    from mediadask.clips.storage import normalize
    from mediadask.render.output import committed, output_errors

    url = normalize(file)
    with output_errors(url), committed(url, url.rpartition("/")[0]) as path:
        path.write_text(plan.to_otio().to_json_string(), encoding="utf-8")


def _print_table(plan: TurnoverPlan, names: list[str | None]) -> None:
    from mediadask.clips.clip_url import ClipUrl

    rows: list[tuple[str, ...]] = [
        ("event", "reel", "clip", "frames", "timecode", "handles", "name", "notes")
    ]
    for one, name in zip(plan.events, names, strict=True):
        found = (f"{one.start}-{one.stop - 1}", one.timecode or "", f"{one.head}+{one.tail}")
        cells = (
            one.event.number,
            one.reel or one.event.reel or "",
            ClipUrl.parse(one.url or "").label,
            *(found if one.url else ("", "", "")),
            name or "",
            "; ".join((*one.problems, *one.notes)),
        )
        rows.append(cells)
    heading, *lines = aligned(rows)
    typer.secho(heading, bold=True)
    for one, line in zip(plan.events, lines, strict=True):
        typer.secho(line, fg=None if one.ok else "red")
