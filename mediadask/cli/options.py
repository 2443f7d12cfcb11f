"""Options and arguments that several commands take, each written once, so that it means the same in all."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

__all__ = [
    "ClipsArgument",
    "ConformOption",
    "CsvOption",
    "DeadlineOption",
    "FieldOption",
    "HandlesOption",
    "HashOption",
    "JsonOption",
    "LedgerOption",
    "LutOption",
    "MediaOption",
    "NameOption",
    "OnCorruptOption",
    "OtioOption",
    "OutFolderOption",
    "PlanOption",
    "PlotOption",
    "PoolOption",
    "PriorityOption",
    "RateOption",
    "ShotOption",
    "ShowOption",
    "SinceOption",
    "TimelineArgument",
    "TimelineNameOption",
    "WorkersOption",
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
OutFolderOption = Annotated[str, typer.Option("--out", "-o", metavar="DIR", help="Where they go.")]

# How a timeline is read and planned.

HandlesOption = Annotated[
    int, typer.Option("--handles", min=0, metavar="FRAMES", help="On either side of each cut.")
]
RateOption = Annotated[
    str | None,
    typer.Option(
        "--rate", help="Frames a second the timecode counts: 23.976, 24000/1001. Default: the clips'."
    ),
]
PlanOption = Annotated[
    bool, typer.Option("--plan", help="Say what would be delivered and what not, and make nothing.")
]
TimelineNameOption = Annotated[
    str | None,
    typer.Option("--timeline", metavar="NAME", help="Which of several timelines in the file, or its number."),
]
ConformOption = Annotated[
    str | None,
    typer.Option(
        "--conform",
        metavar="real-time|frames",
        help="How clips of another rate play where FCPXML leaves it open: frames is one for one.",
    ),
]
OtioOption = Annotated[
    str | None, typer.Option("--otio", metavar="FILE", help="With --plan: write it as an OTIO timeline, too.")
]

# How plates are named.

_NAMES = "Names"

NameOption = Annotated[
    str | None,
    typer.Option(
        "--name",
        metavar="TEMPLATE",
        help="{show}_{episode}_{sequence}_{shot}_{plate}_v{version:03}.{frame:04}.exr and the like.",
        rich_help_panel=_NAMES,
    ),
]
FieldOption = Annotated[
    list[str] | None,
    typer.Option(
        "--field",
        metavar="FIELD=VALUE",
        help="For names: episode=104, sequence=065. Repeatable.",
        rich_help_panel=_NAMES,
    ),
]
ShotOption = Annotated[
    str | None,
    typer.Option(
        "--shot",
        metavar="PATTERN",
        help="A regular expression that finds the shot in markers, clip names and comments.",
        rich_help_panel=_NAMES,
    ),
]

# What pictures become.

LutOption = Annotated[
    str | None, typer.Option("--lut", metavar="FILE", help="A LUT that OpenColorIO reads, for viewing.")
]
OnCorruptOption = Annotated[
    Literal["fail", "hold", "black"],
    typer.Option("--on-corrupt", help="What a frame that does not decode becomes."),
]

# How files are hashed.

HashOption = Annotated[
    list[str] | None,
    typer.Option(
        "--hash",
        metavar="FORMAT",
        help="Of the seal: xxh128, xxh3, xxh64, md5, sha1 or c4. Repeatable. Default: as before, or xxh128.",
    ),
]

# Where the work runs, and how it is booked.

_PANEL = "Where and when"

PoolOption = Annotated[
    str | None,
    typer.Option(
        "--pool",
        metavar="NAME|ADDRESS",
        envvar="MEDIADASK_POOL",
        help="Where to run: local is what `pool up` keeps, kubernetes:NAME a pool there, tcp://host:8786 "
        "a Dask scheduler. Default: this machine, for this command.",
        rich_help_panel=_PANEL,
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        help="How many of this machine, all at once. Default: as work comes, one a core.",
        rich_help_panel=_PANEL,
    ),
]
ShowOption = Annotated[
    str, typer.Option("--show", help="Whose work it is, for turnaround and cost.", rich_help_panel=_PANEL)
]
PriorityOption = Annotated[
    str | None,
    typer.Option(
        "--priority", help="urgent, normal or background, or a class of yours.", rich_help_panel=_PANEL
    ),
]
DeadlineOption = Annotated[
    str | None,
    typer.Option(
        "--deadline",
        metavar="WHEN",
        help="When it must be there: 90m, 2h, 18:30 or 2026-05-01T09:00.",
        rich_help_panel=_PANEL,
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
