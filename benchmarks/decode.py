"""A whole clip to NumPy planes over the pool on all cores, against ``ffmpeg -i X -f null -``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import mediadask as md
from benchmarks import footage
from benchmarks.measure import CORES, Meter, Sample, in_turn, isolated, median_of, ratio, run
from benchmarks.report import Row, at_least
from mediadask.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES = {"ProRes": None, "DNxHR": None, "H.264": "50M", "HEVC": "50M"}
Part = tuple[str, int, int]


def decode(part: Part) -> int:
    """One unit: the frames of a part as planes, one in memory at a time; how many."""
    url, start, stop = part
    count = 0
    for frame in md.Clip.open(url).frames(start, stop, threads=1):
        count += len(frame.planes) > 0
        md.checkpoint()
    return count


def parts(url: str, count: int) -> list[Part]:
    """The clip in about so many parts that each begin where decoding can."""
    gops = [int(start) for start in md.Clip.open(url).index.gops]
    wanted = [gops[-1] * number // count for number in range(count)]
    starts = sorted({max(start for start in gops if start <= edge) for edge in wanted})
    return [(url, start, stop) for start, stop in zip(starts, [*starts[1:], gops[-1]], strict=True)]


def on_the_pool(url: str) -> Sample:
    with Pool.local(workers=CORES) as pool:
        warm = md.delivery(decode, [(url, 0, 1)] * CORES * 2, name="warm")
        pool.submit(warm, name="warm", show="bench").result()
        work = md.delivery(decode, parts(url, 12 * CORES), name="decode")
        with Meter() as meter:
            report = pool.submit(work, name="decode", show="bench").result()
        return meter.sample(sum(report.results))


def rows(quick: bool, rounds: int) -> Iterator[Row]:
    frames, times = (24, 2) if quick else (96, 6)
    size = (640, 360) if quick else (1920, 1080)
    for codec, bitrate in CASES.items():
        clip = footage.looped(footage.rendition(codec, frames=frames, size=size, bitrate=bitrate), times)
        count = frames * times
        samples = in_turn(
            {
                "mediadask": partial(isolated, on_the_pool, str(clip)),
                "ffmpeg": partial(run, [footage.ffmpeg(), "-v", "error", "-i", str(clip), "-f", "null", "-"]),
            },
            rounds,
        )
        decoded = {sample.value for sample in samples["mediadask"]}
        ours, theirs = samples["mediadask"], samples["ffmpeg"]
        yield Row(
            "decode",
            f"{codec} {size[1]}p {clip.stat().st_size * 8 / 1e6 / (count / footage.RATE):.0f} Mb/s",
            "frame rate over ffmpeg's",
            1 / ratio(ours, theirs, "wall_seconds"),
            at_least(0.95),
            ours=f"{count / median_of(ours, 'wall_seconds'):.1f} fps",
            theirs=f"{count / median_of(theirs, 'wall_seconds'):.1f} fps",
            note=f"CPU {ratio(ours, theirs, 'cpu_seconds'):.2f}×"
            + ("" if decoded == {count} else f"; decoded {decoded} of {count} frames"),
            samples=dict(samples),
        )
