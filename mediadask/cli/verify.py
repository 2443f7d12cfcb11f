"""`mediadask verify`: whether folders are complete and intact, by what their manifests say."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, cast

import typer

import mediadask as md
from mediadask.cli import options, work
from mediadask.text import json_text, printable

if TYPE_CHECKING:
    from mediadask.delivery import Delivery
    from mediadask.integrity.verification import FolderCheck, Verification

__all__ = ["few_bytes", "size_text", "verify"]


def verify(
    folders: Annotated[
        list[str], typer.Argument(metavar="FOLDER", help="Rolls, or other folders that have a manifest.")
    ],
    seal: Annotated[
        bool,
        typer.Option("--seal", help="Write a new ASC MHL generation where nothing is missing or changed."),
    ] = False,
    hashes: options.HashOption = None,
    json: options.JsonOption = False,
    *,
    where: work.Work,
) -> None:
    """Check that folders are complete and intact, by every generation of their ASC MHL histories.

    Files that are missing, new, changed or renamed are listed on stderr, with whatever else is wrong, and the
    exit code is then 1. Manifests of MHL 1.x count, too. With --seal new and renamed files are recorded.
    """
    delivery = md.verify(folders, seal=seal, hashes=hashes or ())
    report = cast("Verification", work.run(delivery, where, light=few_bytes(delivery)))
    if json:
        print(json_text(report.rows()))
    else:
        print_table(report)
    for folder in report.folders:
        for note in folder.notes:
            print(printable(f"{folder.root}: {note}"), file=sys.stderr)
    raise typer.Exit(work.ended(report))


_COUNTED = ("verified", "new", "renamed", "changed", "missing", "unreadable")


def print_table(report: Verification) -> None:
    """Print one row for each folder."""
    from mediadask.cli.terminal import aligned

    if not report.folders:
        return
    shown = [status for status in _COUNTED if any(folder.counts[status] for folder in report.folders)]
    names = [folder.root.rpartition("/")[2] or folder.root for folder in report.folders]
    if len(set(names)) < len(names):  # two copies of a roll
        names = [folder.root for folder in report.folders]
    rows: list[tuple[str, ...]] = [("folder", "files", "size", *shown, "hash", "generation")]
    rows += [(name, *_cells(folder, shown)) for name, folder in zip(names, report.folders, strict=True)]
    heading, *lines = aligned(rows, right=range(1, 3 + len(shown)))
    typer.secho(heading, bold=True)
    print("\n".join(lines))


def _cells(folder: FolderCheck, shown: list[str]) -> tuple[str, ...]:
    counts = folder.counts
    there = [check for check in folder.checks if check.size_bytes is not None]
    formats = dict.fromkeys(name for check in there for name in check.hashes)
    generation = folder.generations + (folder.sealed is not None)
    return (
        str(len(there)),
        size_text(folder.size_bytes),
        *(str(counts[status] or "") for status in shown),
        " ".join(formats),
        f"{generation}{', sealed now' if folder.sealed else ''}" if generation else "none",
    )


def few_bytes(delivery: Delivery) -> bool:
    """Whether a delivery reads so little that it is done before the processes of a pool are up."""
    from mediadask.integrity.hashes import CHUNK_BYTES

    chunks = sum(unit.frames for group in delivery.groups for unit in group.units)
    return chunks * CHUNK_BYTES <= _LIGHT_BYTES


_LIGHT_BYTES = 1 << 30


def size_text(size_bytes: int) -> str:
    """A size as disks are sold by: ``1.2 TB``."""
    size, units = float(size_bytes), ["B", "kB", "MB", "GB", "TB", "PB"]
    while size >= 999.5 and len(units) > 1:
        size /= 1000
        units.pop(0)
    return f"{size:.3g} {units[0]}"
