"""`mediadask proxy`, `sheet` and `archive`: the commands that make something of each clip."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

import mediadask as md
from mediadask.cli import options, work
from mediadask.cli.inputs import Found, find
from mediadask.delivery import Report
from mediadask.errors import InvalidRequest
from mediadask.render.options import Lut, OnCorruptChoice, ProxyOptions

if TYPE_CHECKING:
    from mediadask.delivery import Delivery, Outcome

__all__ = ["archive", "proxy", "sheet"]


def proxy(
    clips: options.ClipsArgument,
    out: options.OutFolderOption,
    *,
    how: ProxyOptions,
    sound: Annotated[
        list[str] | None,
        typer.Option(metavar="DIR", help="Recordings whose tracks are laid under their clips. Repeatable."),
    ] = None,
    json: options.JsonOption = False,
    where: work.Work,
) -> None:
    """Make review proxies, one file for each clip, with its timecode, reel and sound.

    What is there already and made the same way is not made again.
    """
    found = find(clips)
    matched = work.run(md.sync(found.clips, sound), where) if sound else Report("sync", ())
    # A clip without certain sound has a proxy with its own, and a line that says so.
    unsure = tuple(outcome for outcome in matched.outcomes if outcome.failure)
    found = replace(found, failures=(*found.failures, *unsure))
    _deliver(found, md.proxy(found.clips, out, **vars(how), sound=matched.results), where, json)


def sheet(
    clips: options.ClipsArgument,
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="FILE", help=".jpg or .png; a folder for several clips.")
    ],
    *,
    frames: Annotated[int, typer.Option(help="How many pictures, evenly over the clip.")] = 20,
    columns: Annotated[int, typer.Option(help="Pictures in a row.")] = 5,
    width: Annotated[int, typer.Option(help="Width of the sheet, in pixels.")] = 1920,
    still: Annotated[
        int | None, typer.Option(metavar="FRAME", help="This one frame instead, of one clip, at full size.")
    ] = None,
    lut: Lut = None,
    json: options.JsonOption = False,
    where: work.Work,
) -> None:
    """Make a contact sheet of each clip: pictures with frame numbers and timecodes; or a single still."""
    found = find(clips)
    if still is None:
        delivery = md.sheet(found.clips, out, frames=frames, columns=columns, width=width, lut=lut)
    elif len(found.clips) == 1:
        delivery = md.still(found.clips[0], still, out, lut=lut)
    else:
        raise InvalidRequest(f"one still of {len(found.clips)} clips", where=out, do="name one clip")
    _deliver(found, delivery, where, json)


def archive(
    clips: options.ClipsArgument,
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="STORE", help="NAME.zarr; a folder for several clips.")
    ],
    *,
    on_corrupt: OnCorruptChoice = "fail",
    json: options.JsonOption = False,
    where: work.Work,
) -> None:
    """Store clips as Zarr arrays that open as the same datasets, lossless."""
    found = find(clips)
    delivery = md.archive(found.clips, out, on_corrupt=on_corrupt)
    _deliver(found, delivery, where, json)


def _deliver(found: Found, delivery: Delivery, where: work.Work, json: bool) -> None:
    """Run it, print what was made, list what was not, and end with the code that says which."""
    report = work.run(delivery, where)
    work.show_made(report, _row if json else None)
    raise typer.Exit(work.ended(report, found.failures))


def _row(outcome: Outcome) -> dict[str, object]:
    made = outcome.value
    return {
        "name": outcome.name,
        "output": made.url if made else None,
        "frames": made.frames if made else None,
        "stand_ins": list(made.stand_ins) if made else [],
        "error": outcome.failure.error if outcome.failure else None,
    }
