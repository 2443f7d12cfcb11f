#!/usr/bin/env python
"""Review proxies and contact sheets of everything on a camera card or a shooting day.

    python pipelines/make_proxies.py /cards/A001 --out /dailies/A001 --lut show.cube --pool tcp://farm:8786

Runs as background work: it takes what more urgent work leaves. Run it again after a failure, or once more
clips have arrived: only what is missing is made.
"""

from __future__ import annotations

import argparse
import sys

import mediadask as md
from mediadask.clips.discover import find_clips


def main() -> int:
    """Submit both deliveries, wait, list what failed."""
    arguments = _arguments()
    how = {"show": arguments.show, "priority": "background"}
    try:
        clips, out = list(find_clips(arguments.clips)), arguments.out
        deliveries = (
            md.proxy(clips, f"{out}/proxies", size=arguments.size, lut=arguments.lut),
            md.sheet(clips, f"{out}/sheets", lut=arguments.lut),
        )
        with md.Pool.open(arguments.pool) as pool:
            jobs = [pool.submit(delivery, name=f"{delivery.name} {out}", **how) for delivery in deliveries]
            reports = [job.result() for job in jobs]
    except md.MediaError as error:
        print(error, file=sys.stderr)
        return 2
    for report in reports:
        print(report)
        for outcome in report.failures:
            print(f"  {outcome.failure.error}", file=sys.stderr)
    return int(any(report.failures for report in reports))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", nargs="+", help="folders, files or patterns")
    parser.add_argument("--out", required=True)
    parser.add_argument("--size", default="1080p")
    parser.add_argument("--lut")
    parser.add_argument("--show", default="")
    parser.add_argument("--pool", help="local, kubernetes:NAME or an address; default: MEDIADASK_POOL")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
