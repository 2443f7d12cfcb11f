#!/usr/bin/env python
"""Conform pull: the camera originals that a timeline uses, cut to what it uses.

    python pipelines/conform_pull.py reel2.edl --media /cards --out /conform/reel2 --handles 24 --show AGM

For a grade, or an archive of the cut. Nothing is encoded again: every frame is the camera's, with its
timecode, reel and sound. Beside the trims stands the timeline as OTIO, relinked to them. Every trim is then
opened and held against its original: its first and its last frame must be equal. Run it again after a failure
or a new cut: only what is missing is made.
"""

from __future__ import annotations

import sys
from typing import Annotated

import numpy as np

import mediadask as md
from mediadask.cli.endings import script
from mediadask.cli.options import MediaOption, OutFolderOption, TimelineArgument
from mediadask.cli.work import Work
from mediadask.editorial.options import Handles, TimelineOptions


def main(
    timeline: TimelineArgument,
    media: MediaOption,
    out: OutFolderOption,
    *,
    handles: Handles = 0,
    how: Annotated[TimelineOptions, ("rate",)],
    work: Work,
) -> int:
    """Cut, check, list what failed."""
    with md.Pool.open(work.pool, workers=work.workers) as pool:
        pull = md.trim(timeline, media, out, handles=handles, rate=how.rate)
        report = pool.submit(pull, name=f"conform {timeline}", **work.booking).result()
        check = md.delivery(differences, report.results, name="check trims", seconds=0.5)
        differing = [line for line in pool.submit(check, **work.booking).result().results if line]
    for made in report.results:
        print("; ".join((made.url, *made.notes)))
    print(report)
    for line in [*(outcome.failure.error for outcome in report.failures), *differing]:
        print(line, file=sys.stderr)
    return int(bool(report.failures or differing))


def differences(made: md.Trimmed) -> str | None:
    """How a trim's first and last frame differ from its original's; None where they are equal."""
    trim, original = md.Clip.open(made.url), md.Clip.open(made.source)
    if len(trim) != made.frames:
        return f"{made.url}: has {len(trim)} frames, {made.frames} were cut"
    for number in (0, len(trim) - 1):
        ours, theirs = (
            next(clip.frames(at, at + 1)) for clip, at in ((trim, number), (original, made.start + number))
        )
        if not all(map(np.array_equal, ours.planes, theirs.planes)):
            return f"{made.url}: frame {number} is not frame {made.start + number} of {made.source}"
    return None


if __name__ == "__main__":
    script(main)
