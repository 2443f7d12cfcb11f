#!/usr/bin/env python
"""A VFX turnover: plates of every event of an edit, urgent, on the shared pool.

    python pipelines/vfx_pull.py turnover.edl --media /cards --out /to/vendor --show ABC --episode 104 \\
        --input-space "ARRI LogC4" --fdl show.fdl --pool tcp://farm:8786

Run it again after a failure, once more clips have arrived, or with longer handles: only what is missing is
made.
"""

from __future__ import annotations

import argparse
import sys

import mediadask as md
from mediadask.editorial import PlateName


def main() -> int:
    """Plan, list what cannot be delivered, pull the rest, list what failed."""
    arguments = _arguments()
    fields = {"show": arguments.show, "episode": arguments.episode, "sequence": arguments.sequence}
    try:
        delivery = md.pull(
            arguments.timeline,
            arguments.media,
            arguments.out,
            handles=arguments.handles,
            name=PlateName(fields=fields, version=arguments.version),
            input_space=arguments.input_space,
            fdl=arguments.fdl,
            amf=arguments.amf,
        )
        with md.Pool.open(arguments.pool) as pool:
            name = f"pull {arguments.timeline}"
            report = pool.submit(delivery, name=name, show=arguments.show, priority="urgent").result()
    except md.MediaError as error:
        print(error, file=sys.stderr)
        return 2
    print(report)
    for outcome in report.failures:
        print(f"  {outcome.failure.error}", file=sys.stderr)
    return int(bool(report.failures))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("timeline", help="EDL, OTIO, Final Cut XML, AAF or ALE")
    parser.add_argument("--media", nargs="+", required=True, help="folders, files or patterns")
    parser.add_argument("--out", required=True)
    parser.add_argument("--handles", type=int, default=8)
    parser.add_argument("--show", default="")
    parser.add_argument("--episode", default="")
    parser.add_argument("--sequence", default="")
    parser.add_argument("--version", type=int, default=1)
    parser.add_argument("--input-space", help="what the clips are in, where they do not say")
    parser.add_argument("--fdl", nargs="*", default=(), help="the show's framing")
    parser.add_argument("--amf", nargs="*", default=(), help="AMFs of clips, files or folders")
    parser.add_argument("--pool", help="local, kubernetes:NAME or an address; default: MEDIADASK_POOL")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
