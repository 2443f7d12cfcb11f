"""`mediadask changes`: what a new edit asks for that the one before did not."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from mediadask.cli import options
from mediadask.cli.terminal import aligned
from mediadask.cli.work import Work
from mediadask.editorial.names import PlateName
from mediadask.editorial.options import TimelineOptions
from mediadask.errors import InvalidRequest
from mediadask.text import json_text, printable

if TYPE_CHECKING:
    from mediadask.editorial.edits.changes import Change

__all__ = ["changes"]


def changes(
    old: Annotated[str, typer.Argument(metavar="OLD", help="The edit before, or a folder of pulled plates.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The new edit.")],
    *,
    how: Annotated[TimelineOptions, ("rate", "name")],
    names: Annotated[PlateName, ("template", "fields", "shot_pattern")],
    where: Annotated[Work, ("show",)],
    json: options.JsonOption = False,
    csv: options.CsvOption = False,
) -> None:
    """List what changed from one edit to the next: new, omitted, extended, trimmed, moved, retimed, same.

    Media are not needed. Shots are told apart by their names, or by the source frames they show where nobody
    named them. For a folder of plates, their newest versions count: give the naming options of the pull.
    """
    from mediadask.editorial.edits.changes import changes as compared

    if json and csv:
        raise InvalidRequest("asks for two forms at once", where="--json --csv", do="leave one out")
    found = compared(old, new, name=names.of_show(where.show), rate=how.rate, timeline=how.name)
    if json:
        print(json_text(found.rows()))
    elif csv:
        found.table().to_csv(sys.stdout, index=False)
    else:
        rows = [("shot", "change", "source", "frames", "moved", "event"), *map(_cells, found)]
        heading, *lines = aligned(rows, right={3, 4})
        typer.secho(heading, bold=True)
        for line in lines:
            print(line)
    for note in found.notes:
        print(printable(note), file=sys.stderr)


def _cells(change: Change) -> tuple[str, ...]:
    cut = change.new or change.old
    assert cut is not None
    frames = [str(one.frames) for one in (change.old, change.new) if one]
    moved = f"{change.moved:+}" if change.moved else ""
    return (
        change.shot,
        change.text,
        cut.source,
        " to ".join(dict.fromkeys(frames)),
        moved,
        cut.where,
    )
