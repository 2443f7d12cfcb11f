"""A small show, made on the spot and taken through everything: what `mediadask demo` runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from mediadask import footage
from mediadask.cli.info import print_table
from mediadask.cli.progress import progress
from mediadask.cli.terminal import console
from mediadask.delivery import Delivery, Report, delivery
from mediadask.errors import MediaError
from mediadask.metadata import inspect_each
from mediadask.pool import Pool
from mediadask.render.archive import archive
from mediadask.render.proxy import proxy
from mediadask.render.sheet import sheet

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["run"]


@dataclass(frozen=True)
class Take:
    """One clip of the show, and how its footage is written."""

    name: str
    write: Callable[..., object]
    how: dict[str, Any] = field(default_factory=dict)


_HD = (1920, 1080)
_TAKES = (
    Take(
        "A001C001_261122_R1AB.mov",
        footage.write_clip,
        {
            "codec": "prores_aw", "pixel_format": "yuv422p10le", "options": {"profile": "3"}, "frames": 36,
            "size": _HD, "timecode": "10:01:12:00", "reel": "A001C001_261122_R1AB", "sound": "pcm_s24le",
        },
    ),
    Take(
        "B002C014_261122.mp4",
        footage.write_clip,
        {
            "codec": "libx264", "options": {"preset": "veryfast", "crf": "18", "g": "24"}, "frames": 48,
            "size": _HD, "timecode": "10:01:12:00", "sound": "aac", "scene": 1,
        },
    ),
    Take(
        "C003C002_261122.mp4",
        footage.write_clip,
        {
            "codec": "libx265", "pixel_format": "yuv420p10le", "frames": 50, "size": (1280, 720), "rate": 25,
            "options": {"preset": "ultrafast", "x265-params": "log-level=error:keyint=25"}, "scene": 3,
        },
    ),
    Take(
        "D004C009_261122.mxf",
        footage.write_clip,
        {
            "codec": "dnxhd", "pixel_format": "yuv422p", "options": {"profile": "dnxhr_hq"}, "frames": 36,
            "size": _HD, "timecode": "14:20:00:00", "reel": "D004", "sound": "pcm_s24le", "scene": 2,
        },
    ),
    Take(
        "plate_010/plate_010.%04d.exr",
        footage.write_sequence,
        {"frames": 24, "size": (1280, 720), "timecode": "10:05:00:00", "reel": "A001", "scene": 4},
    ),
)  # fmt: skip


def run(folder: Path, workers: int | None = None) -> None:
    """Make a show of several clips in `folder` and inspect it, make proxies, contact sheets and an archive.

    What is there from an earlier run is not made again.

    Raises
    ------
    MediaError
        If a step fails.
    """
    folder = folder.resolve()
    rushes = folder / "footage"
    steps: list[tuple[str, int, Path | str, float]] = []
    screen = console()
    with Pool.local(workers) as pool:

        def step(what: str, work: Delivery, where: Path | str) -> list[Any]:
            begun = monotonic()
            results = _follow(pool, work)
            steps.append((what, len(results), where, monotonic() - begun))
            return results

        shoot = delivery(partial(_shoot, rushes), _TAKES, name="shoot", seconds=8)
        clips = step("camera clips", shoot, rushes)
        facts = step("clips inspected", inspect_each(clips), "below")
        step("review proxies", proxy(clips, folder / "proxies", size="540p"), folder / "proxies")
        step("contact sheets", sheet(clips, folder / "sheets"), folder / "sheets")
        stores = step("Zarr archive", archive(clips[:1], folder / "archive"), folder / "archive")
    print_table(facts)
    screen.print()
    screen.print(_summary(steps))
    screen.print(f"\nOpen one:  md.open_clip({str(clips[0])!r})\n      or:  xr.open_zarr({str(stores[0])!r})")


def _shoot(folder: Path, take: Take) -> str:
    path = folder / take.name
    # The folder of a sequence appears when it is whole, a file likewise.
    place = path if take.write is footage.write_clip else path.parent
    if not place.exists():
        unfinished = place.with_name(f".unfinished-{place.name}")
        target = unfinished if place is path else unfinished / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        take.write(target, **take.how)
        unfinished.rename(place)
    return str(path)


def _follow(pool: Pool, work: Delivery) -> list[Any]:
    job = pool.submit(work, show="demo")
    with progress(work.name) as show:
        while not job.wait(timeout=0.2):
            now = job.progress
            show(now.fraction, now.notice)
    report: Report = job.result()
    for outcome in report.failures:
        assert outcome.failure is not None
        raise MediaError(outcome.failure.error, where=outcome.name)
    return report.results


def _summary(steps: list[tuple[str, int, Path | str, float]]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("made", justify="right")
    table.add_column("")
    table.add_column("where", overflow="fold")
    table.add_column("seconds", justify="right")
    for what, count, where, seconds in steps:
        table.add_row(str(count), what, str(where), f"{seconds:.1f}")
    table.add_row("", "all of it", "", f"{sum(seconds for *_, seconds in steps):.1f}", style="bold")
    return table
