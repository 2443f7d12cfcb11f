#!/usr/bin/env python
"""A turnover, and who ran when: background proxies fill every slot of the pool, then an urgent pull arrives.

    python pipelines/turnover_spike.py --plot spike.html
    python pipelines/turnover_spike.py /cards/A001 --turnover vfx.edl --out /dailies/A001 --plot spike.png

Without clips it shoots its own. The plot is drawn from the ledger: every stretch that a unit ran or stood
aside, by worker slot, and when the pull was submitted and done. A .png needs a browser.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

import mediadask as md
from mediadask import footage
from mediadask.cli.endings import script
from mediadask.cli.work import Work
from mediadask.clips.discover import find_clips
from mediadask.editorial.plates import PlateOptions
from mediadask.pool.config import load_config
from mediadask.pool.ledger.plots import save, schedule_plot, spike_plot
from mediadask.pool.ledger.reports import history
from mediadask.pool.ledger.schedule import schedule, workers_over_time
from mediadask.pool.ledger.tables import open_database

CLIPS, FRAMES, SHOTS = 6, 144, 4
REC709 = PlateOptions(input_space="Camera Rec.709", review=False)


def main(
    clips: Annotated[
        list[str] | None,
        typer.Argument(metavar="CLIP", help="Files, folders or patterns. Default: shoot some."),
    ] = None,
    *,
    turnover: Annotated[str | None, typer.Option(metavar="EDL", help="What is pulled of them.")] = None,
    out: Annotated[
        str | None, typer.Option(metavar="DIR", help="Where proxies and plates go. Default: nowhere.")
    ] = None,
    plot: Annotated[Path, typer.Option(metavar="FILE", help="A .html or a .png file.")] = Path("spike.html"),
    plates: Annotated[PlateOptions, ("input_space",)] = REC709,
    work: Annotated[Work, ("pool", "workers")],
) -> int:
    """Fill the pool, send the urgent pull, draw what happened."""
    if plot.suffix not in (".html", ".png"):
        raise md.InvalidRequest("a plot is a page or a picture", where=plot, do="name it .html or .png")
    if bool(clips) != bool(turnover):
        raise md.InvalidRequest("needs clips and a --turnover of them, or neither", do="give both")
    with tempfile.TemporaryDirectory() if out is None else nullcontext(out) as folder:
        jobs = _spike(clips or [], turnover, Path(folder), plates, work)
        _draw([job.id for job in jobs], plot, elsewhere=work.pool is not None)
    return int(any(job.status == "failed" for job in jobs))


def _spike(
    words: list[str], turnover: str | None, out: Path, plates: PlateOptions, work: Work
) -> list[md.Job]:
    with md.Pool.open(work.pool, workers=work.workers) as pool:
        clips = list(find_clips(words))
        if not clips:
            clips, turnover = _shoot(pool, out / "card"), str(_turnover(out / "vfx.edl"))
        pull = md.pull(turnover, clips, out / "plates", handles=0, **vars(plates))
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


if __name__ == "__main__":
    script(main)
