#!/usr/bin/env python
"""Review proxies and contact sheets of everything on a camera card or a shooting day.

    python pipelines/make_proxies.py /cards/A001 --out /dailies/A001 --lut show.cube --pool tcp://farm:8786

Runs as background work: it takes what more urgent work leaves. Run it again after a failure, or once more
clips have arrived: only what is missing is made.
"""

from __future__ import annotations

import sys

import mediadask as md
from mediadask.cli.endings import script
from mediadask.cli.options import ClipsArgument, OutFolderOption
from mediadask.cli.work import Work
from mediadask.clips.discover import find_clips
from mediadask.render.options import ProxyOptions

HD, BACKGROUND = ProxyOptions(size="1080p"), Work(priority="background")


def main(
    clips: ClipsArgument, out: OutFolderOption, *, how: ProxyOptions = HD, work: Work = BACKGROUND
) -> int:
    """Submit both deliveries, wait, list what failed."""
    found = list(find_clips(clips))
    deliveries = (
        md.proxy(found, f"{out}/proxies", **vars(how)),
        md.sheet(found, f"{out}/sheets", lut=how.lut),
    )
    with md.Pool.open(work.pool, workers=work.workers) as pool:
        jobs = [pool.submit(each, name=f"{each.name} {out}", **work.booking) for each in deliveries]
        reports = [job.result() for job in jobs]
    for report in reports:
        print(report)
        for outcome in report.failures:
            print(f"  {outcome.failure.error}", file=sys.stderr)
    return int(any(report.failures for report in reports))


if __name__ == "__main__":
    script(main)
