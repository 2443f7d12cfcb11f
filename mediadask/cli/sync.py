"""`mediadask sync`: which recording is the sound of a clip, and from which sample on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mediadask.cli import options, work
from mediadask.cli.inputs import find
from mediadask.text import json_text

if TYPE_CHECKING:
    from mediadask.sounds import Synced

__all__ = ["sync"]


def sync(
    clips: options.ClipsArgument,
    sound: Annotated[
        list[str], typer.Option("--sound", metavar="DIR", help="Recordings, or folders of them. Repeatable.")
    ],
    by: Annotated[
        str, typer.Option("--by", help="both, or timecode to believe timecode and not listen.")
    ] = "both",
    json: options.JsonOption = False,
    *,
    where: work.Work,
) -> None:
    """Find the sound of each clip by timecode and by what its camera has heard.

    Prints the recording, the sample of it at the clip's first frame, and how its clock drifts. Clips without
    certain sound are listed on stderr, and the exit code is then 1.
    """
    import mediadask as md

    found = find(clips)
    report = work.run(md.sync(found.clips, sound, by=by), where, light=len(found.clips) <= _LIGHT_CLIPS)  # type: ignore[arg-type]
    if json:
        print(json_text([synced.as_dict() for synced in report.results]))
    elif report.results:
        _print_table(report.results)
    raise typer.Exit(work.ended(report, found.failures))


_LIGHT_CLIPS = 8
_HEADINGS = ("clip", "sound", "sample", "rate", "by", "drift", "note")


def _print_table(every: list[Synced]) -> None:
    from mediadask.cli.terminal import aligned
    from mediadask.clips.clip_url import ClipUrl

    rows = [
        (
            ClipUrl.parse(synced.clip).label,
            ClipUrl.parse(synced.sound).label,
            str(synced.offset),
            str(synced.rate),
            synced.by,
            "" if synced.drift_samples is None else f"{synced.drift_samples} samples",
            synced.note,
        )
        for synced in every
    ]
    heading, *lines = aligned([_HEADINGS, *rows], [2, 3])
    typer.secho(heading, bold=True)
    print("\n".join(lines))
