"""`mediadask info`: what clips say of themselves."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from mediadask.cli import options, work
from mediadask.cli.inputs import find
from mediadask.text import json_text, printable

if TYPE_CHECKING:
    from mediadask.metadata import ClipMetadata

__all__ = ["info", "print_table"]


def info(
    clips: options.ClipsArgument,
    json: options.JsonOption = False,
    csv: options.CsvOption = False,
    *,
    where: work.Work,
) -> None:
    """Say what clips are: format, frames, timecode, reel, camera, lens, color, sound, and how it is known.

    Reads headers and indexes, no pictures. Clips that cannot be read are listed on stderr, and the exit code
    is then 1, or 2 where no clip could be read.
    """
    from mediadask.metadata import inspect_each

    found = find(clips)
    report = work.inspect(inspect_each(found.clips), where)
    known: list[ClipMetadata] = report.results
    if json:
        _print_json(known)
    elif csv:
        _print_csv(known)
    elif known:
        print_table(known)
    raise typer.Exit(work.ended(report, found.failures))


def _print_json(found: list[ClipMetadata]) -> None:
    print(json_text([clip.as_dict() for clip in found]))


def _print_csv(found: list[ClipMetadata]) -> None:
    import csv
    import json

    from mediadask.metadata import ClipMetadata

    writer = csv.DictWriter(sys.stdout, list(ClipMetadata.__dataclass_fields__), lineterminator="\n")
    writer.writeheader()
    for clip in found:
        cells = {**clip.as_dict(), "sources": json.dumps(dict(clip.sources), ensure_ascii=False)}
        shown = {name: printable(cell) if isinstance(cell, str) else cell for name, cell in cells.items()}
        writer.writerow(shown)


def print_table(found: list[ClipMetadata]) -> None:
    """One row a clip; of a single clip every fact, with its source."""
    from mediadask.cli.terminal import aligned, console

    if len(found) == 1:
        console().print(found[0])
        return
    rows = [_cells(clip) for clip in found]
    filled = [column for column in range(len(_COLUMNS)) if any(row[column] for row in rows)]
    names = [_COLUMNS[column] for column in filled]
    cells = [names, *([row[column] for column in filled] for row in rows)]
    heading, *lines = aligned(cells, [at for at, name in enumerate(names) if name in _NUMBERS])
    typer.secho(heading, bold=True)
    print("\n".join(lines))


_COLUMNS = ("clip", "size", "rate", "frames", "start", "reel", "codec", "camera", "iso", "sound")
_NUMBERS = {"size", "rate", "frames", "iso", "sound"}


def _cells(clip: ClipMetadata) -> tuple[str, ...]:
    from mediadask.clips.clip_url import ClipUrl

    rate = clip.rate
    camera = " ".join(word for word in (clip.camera_make, clip.camera_model) if word)
    holes = f" ({clip.missing_frames} missing)" if clip.missing_frames else ""
    return (
        ClipUrl.parse(clip.path).label,
        f"{clip.width}x{clip.height}",
        f"{float(rate):.6g}" if rate else "",
        f"{clip.frames}{holes}",
        clip.start_timecode or "",
        clip.reel or "",
        " ".join(word for word in (clip.codec, clip.profile) if word),
        camera,
        str(clip.iso or ""),
        str(clip.audio_tracks or ""),
    )
