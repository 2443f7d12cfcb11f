"""4K ProRes to a 1080p H.264 proxy with a LUT, against the ffmpeg command line with the same settings."""

from __future__ import annotations

import re
import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import mediadask as md
from benchmarks import footage
from benchmarks.measure import CORES, Failed, Meter, Sample, in_turn, isolated, median_of, ratio, run
from benchmarks.report import Row, at_least, at_most
from mediadask.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator


SENSOR = "gblur=sigma=0.7"
"""A lens and a debayer in front of the codec: no camera's pixels are independent of their neighbors, as the
grain of our footage is. 3 codes of noise become 1.2."""

PLAIN = "scale=-2:{height}:flags=bicubic,lut3d={lut}:interp=tetrahedral,format=yuv420p"
"""What a production would run; FFmpeg then grades 10-bit R'G'B'."""

CAREFUL = (
    "scale=-2:{height}:flags=bicubic+accurate_rnd+full_chroma_inp,format=gbrpf32le,"
    "lut3d={lut}:interp=tetrahedral,scale=flags=bicubic+accurate_rnd+full_chroma_inp,format=yuv420p"
)
"""The same in floats: what both sides are compared with."""


def by_mediadask(clip: str, out: str, lut: str, height: int) -> Sample:
    shutil.rmtree(out, ignore_errors=True)
    with Pool.local(workers=CORES) as pool:
        short = str(footage.rendition("ProRes", frames=4, size=(320, 180)))
        warm = md.proxy([short] * CORES * 2, f"{out}-warm", lut=lut, size=90)
        pool.submit(warm, name="warm", show="bench").wait()
        with Meter() as meter:
            job = pool.submit(md.proxy([clip], out, lut=lut, size=height), name="proxy", show="bench")
            report = job.result()
    if report.failures:
        raise Failed(str(report.failures[0].failure))
    (made,) = Path(out).rglob("*.mp4")
    return meter.sample((str(made), made.stat().st_size))


def by_ffmpeg(clip: str, out: str, lut: str, height: int) -> Sample:
    """The command a production would run, with the encoder settings our proxies use."""
    path = Path(out) / "ffmpeg.mp4"
    path.parent.mkdir(exist_ok=True)
    encoder = "-c:v libx264 -preset veryfast -crf 20 -g 48 -movflags +faststart"
    taken = run(_ffmpeg(clip, PLAIN.format(height=height, lut=lut), encoder, path))
    return Sample(taken.wall_seconds, taken.cpu_seconds, taken.peak_bytes, (str(path), path.stat().st_size))


def _ffmpeg(clip: str, filters: str, encoder: str, path: Path) -> list[str]:
    return f"{footage.ffmpeg()} -v error -y -i {clip} -vf {filters} {encoder} {path}".split()


def ssim(one: str, other: str) -> float:
    """FFmpeg's, over all planes of all frames, paired by number: containers round their times differently.

    Both are called BT.709: the filter converts between two that are tagged unlike each other.
    """
    alike = "setparams=range=tv:colorspace=bt709,settb=1/24,setpts=N"
    numbered = f"[0:v]{alike}[a];[1:v]{alike}[b];[a][b]ssim"
    command = [footage.ffmpeg(), "-i", one, "-i", other, "-lavfi", numbered, "-f", "null", "-"]
    found = re.search(r"All:([0-9.]+)", run(command).value)
    if not found:
        raise Failed("ffmpeg's ssim filter gave no figure")
    return float(found[1])


def rows(quick: bool, rounds: int) -> Iterator[Row]:
    frames, times = (12, 1) if quick else (48, 10)  # GOPs: enough that the last one alone decides nothing
    size = (1280, 720) if quick else (3840, 2160)
    clip = footage.looped(footage.rendition("ProRes", frames=frames, size=size, filters=SENSOR), times)
    lut, height, count = str(footage.lut()), size[1] // 2, frames * times
    with tempfile.TemporaryDirectory() as folder:
        sides = {
            "mediadask": partial(isolated, by_mediadask, str(clip), f"{folder}/ours", lut, height),
            "ffmpeg": partial(by_ffmpeg, str(clip), f"{folder}/theirs", lut, height),
        }
        samples = in_turn(sides, rounds)
        (ours, our_bytes), (theirs, their_bytes) = (samples[name][-1].value for name in sides)
        likeness = ssim(ours, theirs)
        whole = Path(folder) / "whole.mkv"
        run(_ffmpeg(str(clip), CAREFUL.format(height=height, lut=lut), "-c:v ffv1", whole))
        fidelity = [ssim(made, str(whole)) for made in (ours, theirs)]
    case = f"ProRes {size[1]}p → H.264 {height}p, LUT"
    taken = dict(samples)
    fps = {name: f"{count / median_of(side, 'wall_seconds'):.1f} fps" for name, side in samples.items()}
    speed = 1 / ratio(samples["mediadask"], samples["ffmpeg"], "wall_seconds")
    cpu = f"CPU {ratio(samples['mediadask'], samples['ffmpeg'], 'cpu_seconds'):.2f}×"
    yield Row(
        "proxy",
        case,
        "speed over ffmpeg's",
        speed,
        at_least(1.3),
        fps["mediadask"],
        fps["ffmpeg"],
        cpu,
        taken,
    )
    yield Row("proxy", case, "SSIM between the two", likeness, at_least(0.99))
    yield Row(
        "proxy",
        case,
        "SSIM to the picture in floats before encoding",
        fidelity[0],
        ours=f"{fidelity[0]:.4f}",
        theirs=f"{fidelity[1]:.4f}",
    )
    yield Row(
        "proxy",
        case,
        "size apart, %",
        100 * abs(our_bytes / their_bytes - 1),
        at_most(5),
        f"{our_bytes / 1e6:.2f} MB",
        f"{their_bytes / 1e6:.2f} MB",
    )
