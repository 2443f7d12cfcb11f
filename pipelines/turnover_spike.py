#!/usr/bin/env python
"""A quiet pool, a turnover, and who ran when: background proxies fill every slot, then an urgent job arrives.

    python pipelines/turnover_spike.py --plot spike.html
    python pipelines/turnover_spike.py /cards/A001 --out /dailies/A001 --plot spike.png --workers 8

Without clips it shoots its own. The plot is drawn from the ledger: every stretch that a unit ran or stood
aside, by worker slot, and when the urgent job was submitted and done. A .png needs a browser.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import mediadask as md
from mediadask import footage
from mediadask.clips.discover import find_clips
from mediadask.pool.config import load_config
from mediadask.pool.plots import save, schedule_plot
from mediadask.pool.reports import history
from mediadask.pool.schedule import schedule
from mediadask.pool.tables import open_database

CLIPS, FRAMES = 6, 150


def main() -> int:
    """Fill the pool, send the urgent job, draw what happened."""
    arguments = _arguments()
    if arguments.plot.suffix not in (".html", ".png"):
        print(f"{arguments.plot}: a plot is a page or a picture; name it .html or .png", file=sys.stderr)
        return 2
    with ExitStack() as stack:
        folder = arguments.out or stack.enter_context(tempfile.TemporaryDirectory())
        try:
            jobs = _spike(arguments, folder)
            _draw([job.id for job in jobs], arguments.plot)
        except md.MediaError as error:
            print(error, file=sys.stderr)
            return 2
    return int(any(job.status == "failed" for job in jobs))


def _spike(arguments: argparse.Namespace, folder: str) -> list[md.Job]:
    with md.Pool.local(arguments.workers) as pool:
        clips = list(find_clips(arguments.clips)) if arguments.clips else _shoot(pool, Path(folder))
        background = pool.submit(
            md.proxy(clips, f"{folder}/proxies", size="540p"),
            name="proxies", show="DAILIES", priority="background",
        )  # fmt: skip
        frames = sum(len(md.Clip.open(clip)) for clip in clips)
        while background.status == "running" and background.progress.frames < frames / 4:
            time.sleep(0.05)
        urgent = pool.submit(
            md.sheet(clips[:3], f"{folder}/turnover", frames=20),
            name="turnover",
            show="VFX",
            priority="urgent",
        )
        for job in (urgent, background):
            print(job.result(), f"in {job.turnaround:.1f} s")
        return [urgent, background]


def _shoot(pool: md.Pool, folder: Path) -> list[str]:
    def take(number: int) -> str:
        path = footage.write_clip(
            folder / f"A001C{number:03}.mov", codec="libx264", frames=FRAMES, size=(1920, 1080),
            options={"preset": "ultrafast", "g": "24"}, timecode="10:00:00:00", scene=number,
        )  # fmt: skip
        return str(path)

    shoot = md.delivery(take, range(1, CLIPS + 1), name="shoot", seconds=10)
    return list(pool.submit(shoot).result().results)


def _draw(jobs: list[str], path: Path) -> None:
    engine = open_database()
    known = history(engine)
    known = known[known["job"].isin(jobs)]
    table = schedule(engine, load_config(), jobs)
    engine.dispose()
    save(schedule_plot(table, known[known["priority"] == "urgent"]), path)
    aside = table[table["state"] == "aside"]
    seconds = (aside["ended"] - aside["started"]).dt.total_seconds().sum()
    print(f"{len(aside)} units stood aside, {seconds:.1f} s in all; {path}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", nargs="*", help="folders, files or patterns; by default it shoots some")
    parser.add_argument("--out", help="where proxies and stills go; by default nowhere")
    parser.add_argument("--plot", type=Path, default=Path("spike.html"), help="a .html or a .png file")
    parser.add_argument("--workers", type=int)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
