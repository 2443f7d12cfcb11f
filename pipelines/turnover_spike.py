#!/usr/bin/env python
"""A turnover, and who ran when: background proxies fill every slot of the pool, then an urgent pull arrives.

    python pipelines/turnover_spike.py --plot spike.html
    python pipelines/turnover_spike.py /cards/A001 --turnover vfx.edl --out /dailies/A001 --plot spike.png

Without clips it shoots its own. The plot is drawn from the ledger: every stretch that a unit ran or stood
aside, by worker slot, and when the pull was submitted and done. A .png needs a browser.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import mediadask as md
from mediadask import footage
from mediadask.clips.discover import find_clips
from mediadask.pool.config import load_config
from mediadask.pool.ledger.plots import save, schedule_plot, spike_plot
from mediadask.pool.ledger.reports import history
from mediadask.pool.ledger.schedule import schedule, workers_over_time
from mediadask.pool.ledger.tables import open_database

CLIPS, FRAMES, SHOTS = 6, 144, 4


def main() -> int:
    """Fill the pool, send the urgent pull, draw what happened."""
    arguments = _arguments()
    if arguments.plot.suffix not in (".html", ".png"):
        print(f"{arguments.plot}: a plot is a page or a picture; name it .html or .png", file=sys.stderr)
        return 2
    with ExitStack() as stack:
        out = arguments.out or stack.enter_context(tempfile.TemporaryDirectory())
        try:
            jobs = _spike(arguments, Path(out))
            _draw([job.id for job in jobs], arguments.plot, elsewhere=arguments.pool is not None)
        except md.MediaError as error:
            print(error, file=sys.stderr)
            return 2
    return int(any(job.status == "failed" for job in jobs))


def _spike(arguments: argparse.Namespace, out: Path) -> list[md.Job]:
    with md.Pool.open(arguments.pool, workers=arguments.workers) as pool:
        clips, turnover = list(find_clips(arguments.clips)), arguments.turnover
        if not clips:
            clips, turnover = _shoot(pool, out / "card"), _turnover(out / "vfx.edl")
        pull = md.pull(
            turnover, clips, out / "plates", handles=0, input_space=arguments.input_space, review=False
        )
        background = pool.submit(
            md.proxy(clips, out / "proxies", size="540p"),
            name="proxies",
            show="DAILIES",
            priority="background",
        )
        enough = sum(len(md.Clip.open(clip)) for clip in clips) / 4
        while background.progress.frames < enough and not background.wait(timeout=0.05):
            pass
        urgent = pool.submit(pull, name="turnover", show="VFX", priority="urgent")
        for job in (urgent, background):
            report = job.result()
            print(f"{report} in {job.turnaround:.1f} s")
            for failed in report.failures:
                print(failed.failure.error, file=sys.stderr)
        return [urgent, background]


def _shoot(pool: md.Pool, folder: Path) -> list[str]:
    def take(number: int) -> str:
        path = footage.write_clip(
            folder / f"A001C{number:03}.mov", codec="libx264", frames=FRAMES, size=(1920, 1080), scene=number,
            options={"preset": "ultrafast", "g": "24"}, timecode="10:00:00:00", reel=f"A001C{number:03}",
        )  # fmt: skip
        return str(path)

    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise md.OutputFailed(
            f"clips cannot be put there ({error.strerror})", where=folder, do="name another --out"
        ) from None
    shoot = md.delivery(take, range(1, CLIPS + 1), name="shoot", seconds=10)
    report = pool.submit(shoot).result()
    for failed in report.failures:
        do = "name an --out that workers may write to, too"
        raise md.OutputFailed(f"a worker cannot put clips there: {failed.failure.error}", where=folder, do=do)
    return list(report.results)


def _turnover(path: Path) -> Path:
    """An edit of half a second of some clips."""
    events = [
        f"{n:03}  A001C{n:03}  V  C  10:00:02:00 10:00:02:12 01:00:{n:02}:00 01:00:{n:02}:12"
        for n in range(1, SHOTS + 1)
    ]
    path.write_text("\n".join(["TITLE: VFX", *events]))
    return path


def _draw(jobs: list[str], path: Path, *, elsewhere: bool) -> None:
    engine = open_database()
    known = history(engine)
    table = schedule(engine, load_config(), jobs)
    if table.empty:
        do = "set MEDIADASK_LEDGER to the address of the pool's ledger, as this machine reaches it"
        raise md.InvalidRequest("the ledger here knows nothing of what ran", where=engine.url, do=do)
    marked = known[known["job"] == jobs[0]]
    if elsewhere:
        plot = spike_plot(workers_over_time(engine, table["started"].min()), table, marked)
    else:
        plot = schedule_plot(table, marked)
    engine.dispose()
    save(plot, path)
    aside = table[table["state"] == "paused"]
    seconds = (aside["ended"] - aside["started"]).dt.total_seconds().sum()
    print(f"{len(aside)} units stood aside, {seconds:.1f} s in all; {path}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", nargs="*", help="folders, files or patterns; by default it shoots some")
    parser.add_argument("--turnover", metavar="EDL", help="what is pulled of them")
    parser.add_argument("--input-space", default="Camera Rec.709", help="the clips' color space")
    parser.add_argument("--out", help="where proxies and plates go; by default nowhere")
    parser.add_argument("--plot", type=Path, default=Path("spike.html"), help="a .html or a .png file")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--workers", type=int)
    where.add_argument(
        "--pool",
        default=os.environ.get("MEDIADASK_POOL"),
        help="one that is up, such as kubernetes:studio; default: MEDIADASK_POOL, or its own",
    )
    arguments = parser.parse_args()
    if bool(arguments.clips) != bool(arguments.turnover):
        parser.error("give clips and a --turnover of them, or neither")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
