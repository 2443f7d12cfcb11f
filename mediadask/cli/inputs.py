"""What people write on a command line: clips in all their forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from mediadask.cli.work import ended
from mediadask.errors import MediaError, MissingMedia

if TYPE_CHECKING:
    from mediadask.delivery import Outcome

__all__ = ["Found", "find"]


@dataclass(frozen=True)
class Found:
    """What the words of a command line mean."""

    clips: list[str]
    failures: tuple[Outcome, ...]
    """What could not be listed."""


def find(words: list[str]) -> Found:
    """The clips that words name: folders with all that is in them, globs, sequences as one clip each.

    Raises
    ------
    MissingMedia
        If folders hold none.
    typer.Exit
        If there are none for reasons that have been listed.
    """
    from mediadask.clips.discover import find_clips
    from mediadask.delivery import Failure, Outcome, Report

    errors: list[MediaError] = []
    clips = list(find_clips(words, on_error=errors.append))
    failures = tuple(Outcome(error.where or "", failure=Failure.of(error)) for error in errors)
    if not clips and not failures:
        raise MissingMedia("holds no clips", where=", ".join(words), do="name a folder or files with clips")
    if not clips:
        raise typer.Exit(ended(Report("", ()), failures))
    return Found(clips, failures)
