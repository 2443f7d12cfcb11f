"""What several commands take that Python has no need of: arguments, and how results are told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "ClipsArgument",
    "CsvOption",
    "HashOption",
    "JsonOption",
    "LaidSoundOption",
    "LedgerOption",
    "MediaOption",
    "OtioOption",
    "OutFolderOption",
    "PlanOption",
    "PlotOption",
    "SinceOption",
    "SoundOption",
    "TimelineArgument",
]

# What is worked on, and where the outputs go.

ClipsArgument = Annotated[
    list[str], typer.Argument(metavar="CLIP", help="Files, folders, patterns, sequences or URLs.")
]
TimelineArgument = Annotated[
    str,
    typer.Argument(metavar="TIMELINE", help="An EDL, OTIO, Final Cut XML, AAF or ALE, or a shot list (CSV)."),
]
MediaOption = Annotated[
    list[str],
    typer.Option(
        "--media",
        "-m",
        metavar="DIR",
        help="Where the camera originals are, or a .json of them from info --json. Repeatable.",
    ),
]
_SOUND = typer.Option(
    "--sound", metavar="DIR", help="Recordings of the clips' sound, or folders of them. Repeatable."
)
SoundOption = Annotated[list[str], _SOUND]
LaidSoundOption = Annotated[list[str] | None, _SOUND]
OutFolderOption = Annotated[str, typer.Option("--out", "-o", metavar="DIR", help="Where they go.")]

# What is planned.

PlanOption = Annotated[
    bool, typer.Option("--plan", help="Say what would be delivered and what not, and make nothing.")
]
OtioOption = Annotated[
    str | None, typer.Option("--otio", metavar="FILE", help="With --plan: write it as an OTIO timeline, too.")
]

# How files are hashed.

HashOption = Annotated[
    list[str] | None,
    typer.Option(
        "--hash",
        metavar="FORMAT",
        help="Seal with this hash: xxh128, xxh3, xxh64, md5, sha1 or c4. Repeatable. Default: that of the "
        "last seal, or xxh128.",
    ),
]

# What is told, and how.

CsvOption = Annotated[
    bool, typer.Option("--csv", help="Print CSV instead; pull --plan prints its count sheet.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print a JSON list instead.")]
PlotOption = Annotated[
    Path | None,
    typer.Option("--plot", metavar="FILE", help="Plot it, too: .html, or .png where a browser is."),
]
SinceOption = Annotated[
    str | None,
    typer.Option("--since", metavar="WHEN", help="Not what was before: 7d, 12h or 2026-05-01T09:00."),
]
LedgerOption = Annotated[
    str | None,
    typer.Option(
        "--ledger",
        metavar="URL",
        envvar="MEDIADASK_LEDGER",
        help="A SQLite file or postgresql://… Default: the one in your data folder.",
    ),
]
