"""Clips on a web server of byte ranges: how much of a file is fetched for frames of it, and how fast a whole
clip decodes when each answer takes 30 ms and all of them share 100 MB a second."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import mediadask as md
from benchmarks import footage
from benchmarks.measure import Meter, Sample, in_turn, isolated, median_of, ratio
from benchmarks.range_server import serving
from benchmarks.report import Row, at_least, at_most

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

SIZE = (1920, 1080)
DELAY_SECONDS = 0.03
BYTES_A_SECOND = 100e6
_SOUND = "-f lavfi -t {} -i sine=r=48000 "


@dataclass(frozen=True)
class Fetched:
    """What came from the server, and in how many answers."""

    what: str
    bytes: int
    answers: int
    needed: int
    """The packets of these frames, each from its key on; of a transport stream with what lies between their
    pieces."""


def cases(quick: bool) -> dict[str, Path]:
    size, frames = ((640, 360), 48) if quick else (SIZE, 144)
    make = partial(footage.rendition, frames=frames, size=size)
    sound = _SOUND.format(frames / footage.RATE)
    h264 = make("H.264", bitrate="50M")
    return {
        "ProRes MOV": footage.copied(make("ProRes"), "mov", before=sound),
        "DNxHR MXF": make("DNxHR"),
        "H.264 MP4": footage.copied(h264, "mp4", before=sound, after="-c:a aac"),
        "H.264 MKV": footage.copied(h264, "mkv", before=sound),
        "H.264 TS": footage.copied(h264, "ts", before=sound, after="-c:a mp2"),
        "HEVC MP4": make("HEVC", bitrate="50M"),
    }


def _needed(clip: md.Clip, frames: Sequence[int]) -> int:
    index = clip.index
    rows = {row for n in frames for row in range(int(index.decode_start[n]), int(index.shown[n]) + 1)}
    return int(_bytes(clip)[list(rows)].sum())


def _bytes(clip: md.Clip) -> npt.NDArray[np.int64]:
    """(packets,) what each takes in the file."""
    return clip.index.ends - clip.index.offset


def fetched(path: Path) -> list[Fetched]:
    """Opening a clip, a frame of it, ten, and all of it GOP by GOP."""
    os.environ["MEDIADASK_CACHE"] = tempfile.mkdtemp()
    taken = []
    with serving(path.parent) as served:
        clip = md.Clip.open(f"{served.root}/{path.name}")
        taken.append(Fetched("opening", *served.given(), 0))
        middle = len(clip) // 2 + 1
        for _ in clip.frames(middle, middle + 1):
            pass
        taken.append(Fetched("one frame", *served.given(), _needed(clip, [middle])))
        some = range(3, len(clip), len(clip) // 10 + 1)
        for number in some:
            for _ in clip.frames(number, number + 1):
                pass
        taken.append(Fetched("ten frames", *served.given(), sum(_needed(clip, [n]) for n in some)))
        for start, stop in pairwise(clip.index.gops.tolist()):
            for _ in clip.frames(start, stop):
                pass
        taken.append(Fetched("all, by GOPs", *served.given(), int(_bytes(clip).sum())))
    return taken


def decodes(url: str) -> Sample:
    """The sample's value: how many frames."""
    clip = md.Clip.open(url)
    with Meter() as meter:
        count = sum(1 for _ in clip.frames())
    return meter.sample(count)


def rows(quick: bool, rounds: int) -> Iterator[Row]:
    for name, path in cases(quick).items():
        pieces = "packets count with what lies between their pieces" if path.suffix == ".ts" else ""
        for each in isolated(fetched, path):
            yield Row(
                "wire",
                f"{name}, {each.what}",
                "bytes fetched over the packets'" if each.needed else "MB fetched",
                each.bytes / each.needed if each.needed else each.bytes / 1e6,
                at_most(1.05) if each.needed else None,
                ours=f"{each.bytes / 1e6:.2f} MB in {each.answers}",
                theirs="" if each.needed else f"file of {path.stat().st_size / 1e6:.1f} MB",
                note=pieces if each.needed else "",
            )
        with serving(path.parent, delay=DELAY_SECONDS, bytes_a_second=BYTES_A_SECOND) as served:
            far = f"{served.root}/{path.name}"
            sides = {"far": partial(isolated, decodes, far), "here": partial(isolated, decodes, str(path))}
            samples = in_turn(sides, rounds)
        yield Row(
            "wire",
            f"{name}, all at 30 ms and 100 MB/s",
            "frame rate over a local file's",
            1 / ratio(samples["far"], samples["here"], "wall_seconds"),
            at_least(0.9),
            ours=f"{samples['far'][0].value / median_of(samples['far'], 'wall_seconds'):.1f} fps",
            theirs=f"{samples['here'][0].value / median_of(samples['here'], 'wall_seconds'):.1f} fps",
            note=f"{path.stat().st_size / samples['far'][0].value / 1e6:.2f} MB a frame",
            samples=dict(samples),
        )
