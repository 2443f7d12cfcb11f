"""`mediadask offload`: a card to several disks, verified and sealed at each."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, cast

import typer

import mediadask as md
from mediadask.cli import options, work
from mediadask.cli.verify import few_bytes, size_text
from mediadask.text import json_text, printable

if TYPE_CHECKING:
    from mediadask.integrity.offload import Offload

__all__ = ["offload"]


def offload(
    card: Annotated[str, typer.Argument(metavar="CARD", help="The folder that the card is mounted at.")],
    to: Annotated[
        list[str],
        typer.Option(
            "--to", metavar="DIR", help="A folder on a disk, which gets the card as a folder. Repeatable."
        ),
    ],
    roll: Annotated[
        str | None, typer.Option("--roll", metavar="NAME", help="What that is called. Default: as the card.")
    ] = None,
    hashes: options.HashOption = None,
    json: options.JsonOption = False,
    *,
    where: work.Work,
) -> None:
    """Copy a card to several places at once, read every copy back, and seal each place with ASC MHL.

    The card is read once. A second run copies only what is not there, and nothing is ever overwritten. The
    exit code is 0 when every file is verified and sealed at every place; only then may the card be formatted.
    """
    delivery = md.offload(card, to, roll=roll, hashes=hashes or ())
    report = cast("Offload", work.run(delivery, where, light=few_bytes(delivery)))
    if json:
        print(json_text(report.rows()))
    else:
        _print_table(report)
    for note in report.notes:
        print(printable(f"{report.card}: {note}"), file=sys.stderr)
    code = min(work.ended(report), 1)  # card and places were good: what failed are files
    if not report.is_safe:
        print(
            printable(f"{report.card}: is not safe at every place; do not format the card"), file=sys.stderr
        )
        code = 1
    raise typer.Exit(code)


def _print_table(report: Offload) -> None:
    from mediadask.cli.terminal import aligned

    size = sum(copied.file.size_bytes for copied in report.files)
    rows: list[tuple[str, ...]] = [("place", "files", "size", "copied", "there", "failed", "sealed")]
    rows += [
        (
            place.root,
            str(place.copied + place.there),
            size_text(size),
            *(str(count or "") for count in (place.copied, place.there, place.failed)),
            place.manifest.rpartition("/")[2] if place.manifest else "no",
        )
        for place in report.places
    ]
    heading, *lines = aligned(rows, right=range(1, 6))
    typer.secho(heading, bold=True)
    print("\n".join(lines))
