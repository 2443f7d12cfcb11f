"""What a frame costs on top of its decoder: to NumPy planes, to exact float RGB, and over several cores."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import mediadask as md
from benchmarks import footage
from benchmarks.measure import CORES, Meter, Sample, in_turn, isolated, median_of, ratio
from benchmarks.report import Row, at_least, at_most

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES = {"ProRes": None, "DNxHR": None, "H.264": "50M", "HEVC": "50M"}


def pyav_decodes(url: str) -> Sample:
    """PyAV's own decoding on one thread; the pictures are not touched."""
    import av

    with av.open(url) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        with Meter() as meter:
            count = sum(1 for _ in container.decode(stream))
        return meter.sample(count)


def to_planes(url: str) -> Sample:
    clip = md.Clip.open(url)
    with Meter() as meter:
        count = sum(len(frame.planes) > 0 for frame in clip.frames(threads=1))
    return meter.sample(count)


def to_float_rgb(url: str) -> Sample:
    from mediadask.pixels import to_rgb

    clip = md.Clip.open(url)
    to_rgb(next(clip.frames(0, 1)))  # compiled once on a machine, and kept
    with Meter() as meter:
        count = sum(len(to_rgb(frame)) > 0 for frame in clip.frames(threads=1))
    return meter.sample(count)


def mean_of_frames(url: str, cores: int) -> Sample:
    """A reduction over the whole clip as a user writes it: the mean picture."""
    import dask

    frames = md.open_clip(url).frames
    with dask.config.set(scheduler="threads", num_workers=cores):
        frames[:1].mean("frame").compute()
        with Meter() as meter:
            frames.mean("frame").compute()
    return meter.sample(len(frames))


def rows(quick: bool, rounds: int) -> Iterator[Row]:
    frames = 24 if quick else 96
    size = (640, 360) if quick else (1920, 1080)
    for codec, bitrate in CASES.items():
        clip = str(footage.rendition(codec, frames=frames, size=size, bitrate=bitrate))
        sides = {"PyAV": pyav_decodes, "planes": to_planes, "float RGB": to_float_rgb}
        samples = in_turn({name: partial(isolated, side, clip) for name, side in sides.items()}, rounds)
        assert {sample.value for taken in samples.values() for sample in taken} == {frames}
        cost = {name: median_of(taken, "cpu_seconds") / frames * 1e3 for name, taken in samples.items()}
        case = f"{codec} {size[1]}p"
        yield Row(
            "planes",
            case,
            "decode CPU over PyAV's",
            ratio(samples["planes"], samples["PyAV"], "cpu_seconds"),
            at_most(1.05),
            ours=f"{cost['planes']:.1f} ms",
            theirs=f"{cost['PyAV']:.1f} ms",
            samples=dict(samples),
        )
        yield Row(
            "planes",
            case,
            "float RGB adds, CPU ms a frame",
            cost["float RGB"] - cost["planes"],
            at_most(5),
            ours=f"{cost['float RGB']:.1f} ms",
            samples=dict(samples),
        )
    for codec, bitrate in CASES.items():
        clip = str(footage.looped(footage.rendition(codec, frames=frames, size=size, bitrate=bitrate), 3))
        sides = {"one core": partial(mean_of_frames, clip, 1), "all": partial(mean_of_frames, clip, CORES)}
        samples = in_turn({name: partial(isolated, side) for name, side in sides.items()}, rounds)
        yield Row(
            "planes",
            f"{codec} {size[1]}p",
            f"mean picture, speed on {CORES} cores over one",
            1 / ratio(samples["all"], samples["one core"], "wall_seconds"),
            at_least(0.85 * CORES),
            ours=f"{frames * 3 / median_of(samples['all'], 'wall_seconds'):.1f} fps",
            theirs=f"{frames * 3 / median_of(samples['one core'], 'wall_seconds'):.1f} fps",
            samples=dict(samples),
        )
