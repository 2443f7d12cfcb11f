"""100 random frames, one at a time in random order: is each the right picture, and what does it cost?

Every reader gives pictures as it likes best (planes or RGB), on one decoder thread, with its own index made
anew. The truth is the number burnt into each picture of a full decode by the ffmpeg program.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import footage
from benchmarks.measure import Failed, Meter, Sample, in_turn, isolated, median_of, ratio
from benchmarks.report import Row, at_least, at_most

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

SIZE = (960, 540)
Pictures = list[Any]


def matrix(frames: int) -> dict[str, Path]:
    """The ten clips: codecs, containers and the kinds of index that readers get wrong."""
    make = partial(footage.clip, frames=frames, size=SIZE)
    h264 = "-c:v libx264 -preset veryfast -b:v 12M -bf 3 -pix_fmt yuv420p -x264-params keyint={}:open-gop={}"
    hevc = "-c:v libx265 -preset superfast -b:v 12M -tag:v hvc1 -pix_fmt yuv420p10le -x265-params"
    uneven = r"settb=1/24000,setpts=N*1000+mod(N*37\,11)*60+gt(N\,20)*5000"
    closed = make("mp4", h264.format(48, 0))
    opened = make("mp4", h264.format(48, 1))
    return {
        "closed GOP": closed,
        "ProRes": make("mov", "-c:v prores_ks -profile:v hq -vendor apl0 -pix_fmt yuv422p10le"),
        "MKV": footage.copied(closed, "mkv"),
        "DNxHR MXF": make("mxf", "-c:v dnxhd -profile:v dnxhr_hq -pix_fmt yuv422p"),
        "open GOP": opened,
        "HEVC open GOP": make("mp4", f"{hevc} log-level=1:keyint=48:open-gop=1:bframes=4"),
        "VFR": make(
            "mp4", f"-fps_mode passthrough -enc_time_base 1/24000 {h264.format(48, 0)}", filters=uneven
        ),
        "edit list": footage.copied(closed, "mov", before="-ss 0.9"),
        "open-GOP cut": footage.copied(opened, "mp4", before="-ss 2.2"),
        "MPEG-TS": footage.copied(opened, "ts"),
    }


def mediadask(path: str) -> Callable[[int], Any]:
    from mediadask import Clip

    clip = Clip.open(path)
    return lambda number: next(clip.frames(number, number + 1, threads=1)).planes[0]


def pyav(path: str) -> Callable[[int], Any]:
    """The usual code: seek to the frame's time by the average rate, decode until it is reached."""
    import av

    container = av.open(path)
    stream = container.streams.video[0]
    stream.codec_context.thread_count = 1

    def picture(number: int) -> Any:
        rate, base = stream.average_rate, stream.time_base
        assert rate
        assert base
        wanted = round(number / rate / base) + (stream.start_time or 0)
        container.seek(wanted, stream=stream)
        for frame in container.decode(stream):
            if frame.pts is not None and frame.pts >= wanted:
                return _luma(frame)
        raise IndexError(number)

    return picture


def _luma(frame: Any) -> Any:
    plane = frame.planes[0]
    rows = np.frombuffer(plane, np.dtype("<u2" if frame.format.components[0].bits > 8 else "u1"))
    return rows.reshape(plane.height, -1)[:, : plane.width]


def imageio(path: str) -> Callable[[int], Any]:
    from imageio.v3 import imopen

    file = imopen(path, "r", plugin="pyav")
    return lambda number: file.read(index=number, thread_type="SLICE", thread_count=1)


def opencv(path: str) -> Callable[[int], Any]:
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "threads;1"
    import cv2

    capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG)

    def picture(number: int) -> Any:
        capture.set(cv2.CAP_PROP_POS_FRAMES, number)
        return capture.read()[1]

    return picture


def decord(path: str) -> Callable[[int], Any]:
    from decord import VideoReader

    reader = VideoReader(path, num_threads=1)
    return lambda number: reader[number].asnumpy()


def torchcodec(path: str) -> Callable[[int], Any]:
    from torchcodec.decoders import VideoDecoder

    decoder = VideoDecoder(path, num_ffmpeg_threads=1, dimension_order="NHWC", seek_mode="exact")
    return lambda number: decoder[number].numpy()


PEERS = {
    "PyAV": (pyav, "av"),
    "imageio": (imageio, "imageio"),
    "OpenCV": (opencv, "cv2"),
    "decord": (decord, "decord"),
    "torchcodec": (torchcodec, "torchcodec"),
}


def read(open_clip: Callable[[str], Callable[[int], Any]], path: str, numbers: Sequence[int]) -> Sample:
    """The pictures of a clip by one reader; the sample's value is the numbers burnt into them."""
    os.environ["MEDIADASK_CACHE"] = tempfile.mkdtemp()
    open_clip(path)  # libraries loaded; the clip is opened anew below
    os.environ["MEDIADASK_CACHE"] = tempfile.mkdtemp()
    pictures: Pictures = []
    with Meter() as meter:
        picture = open_clip(path)
        for number in numbers:
            try:
                pictures.append(picture(number))
            except Exception:  # a reader that raises has not given the picture: not exact
                pictures.append(None)
    return meter.sample([None if one is None else footage.number_in(one) for one in pictures])


def rows(quick: bool, rounds: int) -> Iterator[Row]:
    frames, asked = (72, 6) if quick else (300, 100)
    installed = {"mediadask": mediadask}
    for name, (reader, module) in PEERS.items():
        if importlib.util.find_spec(module):
            installed[name] = reader
        else:
            yield Row("random_access", "all", f"{name}: not installed", None)
    exact_everywhere: list[float] = []
    for case, path in matrix(frames).items():
        shown = footage.numbers_shown(path, SIZE)
        numbers = [
            int(number) for number in np.random.default_rng(7).choice(len(shown), asked, replace=False)
        ]
        truth = [shown[number] for number in numbers]
        sides = {name: partial(_sample, reader, str(path), numbers) for name, reader in installed.items()}
        samples = in_turn(sides, rounds)
        exact = {
            name: min(sum(a == b for a, b in zip(one.value, truth, strict=True)) for one in taken) / asked
            for name, taken in samples.items()
        }
        exact_everywhere.append(exact["mediadask"])
        cost = {name: median_of(taken, "cpu_seconds") / asked for name, taken in samples.items()}
        peers = [name for name in samples if exact[name] == 1 and name != "mediadask"]
        cheapest = min(peers, key=cost.__getitem__, default=None)
        value = ratio(samples["mediadask"], samples[cheapest], "cpu_seconds") if cheapest else None
        yield Row(
            "random_access",
            case,
            f"CPU a frame over {cheapest}'s" if cheapest else "no peer is exact",
            value,
            at_most(1.0) if cheapest else None,
            ours=f"{cost['mediadask'] * 1e3:.3g} ms",
            theirs=f"{cost[cheapest] * 1e3:.3g} ms" if cheapest else "",
            note="exact: " + ", ".join(f"{name} {share:.0%}" for name, share in exact.items()),
            samples=dict(samples),
        )
    yield Row(
        "random_access",
        f"all {len(exact_everywhere)}",
        "% of frames exact, worst clip",
        100 * min(exact_everywhere),
        at_least(100),
    )


def _sample(reader: Callable[[str], Any], path: str, numbers: Sequence[int]) -> Sample:
    try:
        sample: Sample = isolated(read, reader, path, numbers, timeout=180)
    except Failed:  # hung, died or refused the clip: nothing of it is exact
        return Sample(float("inf"), float("inf"), 0, [None] * len(numbers))
    return sample
