#!/usr/bin/env python
"""Conform pull: the camera originals that a timeline uses, cut to what it uses.

    python pipelines/conform_pull.py reel2.edl --media /cards --out /conform/reel2 --handles 24 --show AGM

For a grade, or an archive of the cut. Nothing is encoded again: every frame is the camera's, with its
timecode, reel and sound. Beside the trims stands the timeline as OTIO, relinked to them. Every trim is then
opened and held against its original: its first and its last frame must be equal. Run it again after a failure
or a new cut: only what is missing is made.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

import mediadask as md


def main() -> int:
    """Cut, check, list what failed."""
    arguments = _arguments()
    try:
        with md.Pool.open(arguments.pool) as pool:
            pull = md.trim(
                arguments.timeline,
                arguments.media,
                arguments.out,
                handles=arguments.handles,
                rate=arguments.rate,
            )
            how = {"show": arguments.show, "priority": arguments.priority}
            report = pool.submit(pull, name=f"conform {arguments.timeline}", **how).result()
            check = md.delivery(differences, report.results, name="check trims", seconds=0.5)
            differing = [line for line in pool.submit(check, **how).result().results if line]
    except md.MediaError as error:
        print(error, file=sys.stderr)
        return 2
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


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("timeline", help="an EDL, OTIO, Final Cut XML, AAF or ALE")
    parser.add_argument("--media", nargs="+", required=True, help="folders with the camera originals")
    parser.add_argument("--out", required=True)
    parser.add_argument("--handles", type=int, default=0)
    parser.add_argument("--rate", help="frames a second the timecode counts; default: the clips'")
    parser.add_argument("--show", default="")
    parser.add_argument("--priority", default="normal")
    parser.add_argument("--pool", help="local, kubernetes:NAME or an address; default: MEDIADASK_POOL")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
