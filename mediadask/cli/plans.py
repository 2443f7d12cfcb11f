"""What commands that deliver a timeline share: reading it, matching its media, showing the plan."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mediadask.cli.terminal import printable
from mediadask.errors import MissingMedia, OutputFailed

if TYPE_CHECKING:
    from mediadask.cli.work import Work
    from mediadask.editorial import PlateName, TurnoverPlan

__all__ = ["show_plan", "turnover_plan"]


def turnover_plan(
    timeline: str,
    media: list[str],
    handles: int,
    rate: str | None,
    where: Work,
    name: PlateName | None = None,
) -> TurnoverPlan:
    """The plan of a timeline over the clips in some folders; clips that cannot be read are listed on stderr.

    Raises
    ------
    MediaError
        If the timeline cannot be read, or there are no clips.
    """
    from mediadask.cli import work
    from mediadask.editorial import find_media, match_events, read_timeline

    edit = read_timeline(timeline, rate=rate)
    found = find_media(media)
    clips = sum(unit.frames for group in found.groups for unit in group.units)
    report = work.run(found, where, light=clips <= _LIGHT_CLIPS)
    work.ended(report)
    if not report.results:
        raise MissingMedia("holds no clips", where=", ".join(media), do="name a folder or files with clips")
    return match_events(edit, report.results, handles=handles, name=name)


# A clip takes 5 ms of one core where its index is not cached: this many are done while processes start.
_LIGHT_CLIPS = 1000


def show_plan(plan: TurnoverPlan, names: list[str | None], json: bool, otio: str | None = None) -> None:
    """Print every event with what it matches, and end: 1 where some cannot be delivered.

    Parameters
    ----------
    names
        Of what would be delivered, one for each event, None for those that cannot be.
    otio
        A file to write it to as an OpenTimelineIO timeline.
    """
    if otio is not None:
        try:
            Path(otio).write_text(plan.to_otio().to_json_string(), encoding="utf-8")
        except OSError as error:
            raise OutputFailed(f"cannot be written ({error.strerror})", where=otio) from error
    if json:
        import json as json_module

        rows = [{**row, "name": name} for row, name in zip(plan.rows(), names, strict=True)]
        print(json_module.dumps(rows, indent=2, ensure_ascii=False))
    else:
        _print_table(plan, names)
    for one in plan.bad:
        print(printable(f"{one.title}: {'; '.join(one.problems)}"), file=sys.stderr)
    raise typer.Exit(1 if plan.bad else 0)


def _print_table(plan: TurnoverPlan, names: list[str | None]) -> None:
    from rich.table import Table
    from rich.text import Text

    from mediadask.cli.terminal import console

    table = Table(box=None, pad_edge=False)
    for heading in ("event", "reel", "clip", "frames", "timecode", "handles", "name", "notes"):
        table.add_column(
            heading, overflow="fold", no_wrap=heading in ("event", "frames", "timecode", "handles")
        )
    for one, name in zip(plan.events, names, strict=True):
        found = (f"{one.start}-{one.stop - 1}", one.timecode or "", f"{one.head}+{one.tail}")
        cells = (
            one.event.number,
            one.reel or one.event.reel or "",
            (one.url or "").rpartition("/")[2],
            *(found if one.ok else ("", "", "")),
            name or "",
            "; ".join((*one.problems, *one.notes)),
        )
        table.add_row(*(Text(printable(cell)) for cell in cells), style=None if one.ok else "red")
    console().print(table)
