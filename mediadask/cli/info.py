"""`mediadask info`: what clips say of themselves."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from mediadask.cli import options, work
from mediadask.cli.inputs import find
from mediadask.text import json_text, printable

if TYPE_CHECKING:
    from mediadask.metadata import ClipMetadata, FormatCard

__all__ = ["info", "print_table"]


def info(
    clips: options.ClipsArgument,
    json: options.JsonOption = False,
    csv: options.CsvOption = False,
    report: Annotated[
        str | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="Write a report with pictures (.html), or a table (.parquet, .csv, .json), too.",
        ),
    ] = None,
    cards: Annotated[
        str | None,
        typer.Option(
            "--cards",
            metavar="FILE",
            help="Show camera format cards instead, by a YAML file of yours, which gets the new ones.",
        ),
    ] = None,
    *,
    where: work.Work,
) -> None:
    """Say what clips are: format, frames, timecode, reel, camera, lens, color, sound, and how it is known.

    Reads headers and indexes, and for a report with pictures one frame of each clip. Clips and files beside
    them that cannot be read are listed on stderr. The exit code is then 1, or 2 if no clip could be read.
    """
    from mediadask.metadata import (
        ClipMetadata,
        format_cards,
        framings_in,
        inspect_each,
        read_cards,
        write_cards,
    )
    from mediadask.metadata.export import check_table_name, write_table

    found = find(clips)
    by_hand = read_cards(cards) if cards else []
    framings = [fdl for word in clips for fdl in framings_in(word)]
    if report is not None and report.lower().endswith((".html", ".htm")):
        from mediadask.render.clip_report import clip_report

        done = work.run(clip_report(found.clips, report, known=by_hand, framings=framings), where, light=True)
    else:
        if report is not None:
            check_table_name(report)
        done = work.inspect(inspect_each(found.clips), where)
    known: list[ClipMetadata] = [value for value in done.results if isinstance(value, ClipMetadata)]
    if report is not None and not report.lower().endswith((".html", ".htm")):
        write_table(known, report)
    if cards:
        shown = format_cards(known, by_hand, framings)
        write_cards(cards, shown)
        _print_cards(shown, json)
    elif json:
        _print_json(known)
    elif csv:
        _print_csv(known)
    elif known:
        print_table(known)
    code = work.ended(done, found.failures)
    problems = list(dict.fromkeys(problem for clip in known for problem in clip.problems))
    for problem in problems:
        print(printable(problem), file=sys.stderr)
    raise typer.Exit(code or (1 if problems else 0))


def _print_json(found: list[ClipMetadata]) -> None:
    print(json_text([clip.as_dict() for clip in found]))


def _print_csv(found: list[ClipMetadata]) -> None:
    import csv
    import json

    from mediadask.metadata.model import ABOUT, ClipMetadata

    writer = csv.DictWriter(sys.stdout, list(ClipMetadata.__dataclass_fields__), lineterminator="\n")
    writer.writeheader()
    for clip in found:
        every = clip.as_dict()
        cells = every | {name: json.dumps(every[name], ensure_ascii=False) for name in ABOUT}
        shown = {name: printable(cell) if isinstance(cell, str) else cell for name, cell in cells.items()}
        writer.writerow(shown)


def _print_cards(cards: list[FormatCard], json: bool) -> None:
    from mediadask.cli.terminal import aligned

    if json:
        print(json_text([card.as_dict() for card in cards]))
        return
    names = ("camera", "model", "sensor mode", "codec", "squeeze", "clips", "input transform", "framing")
    rows = [
        tuple(
            printable("missing" if cell is None else f"{cell:g}" if isinstance(cell, float) else str(cell))
            for cell in (*card.key, card.clips, card.input_transform, card.framing)
        )
        for card in cards
    ]
    heading, *lines = aligned([names, *rows], [4, 5])
    typer.secho(heading, bold=True)
    print("\n".join(lines))


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


_COLUMNS = ("clip", "size", "rate", "frames", "start", "reel", "codec", "camera", "iso", "sound", "differs")
_NUMBERS = {"size", "rate", "frames", "iso", "sound"}


def _cells(clip: ClipMetadata) -> tuple[str, ...]:
    from mediadask.clips.clip_url import ClipUrl

    rate = clip.rate
    camera = " ".join(word for word in (clip.camera_make, clip.camera_model) if word)
    holes = f" ({clip.missing_frames} missing)" if clip.missing_frames else ""
    return (
        ClipUrl.parse(clip.path).label,
        f"{clip.width}x{clip.height}" if clip.width else "",
        f"{float(rate):.6g}" if rate else "",
        f"{clip.frames}{holes}" if clip.width else "",
        clip.start_timecode or "",
        clip.reel or "",
        " ".join(word for word in (clip.codec, clip.profile) if word),
        camera,
        str(clip.iso or ""),
        str(clip.audio_tracks or ""),
        ", ".join(clip.disagreements),
    )
