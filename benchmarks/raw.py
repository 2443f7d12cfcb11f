"""Raw pictures: CinemaDNG beside rawpy, and how fast ARRIRAW is unpacked."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import mediadask as md
from benchmarks.measure import Meter, Sample, in_turn, isolated, median_of, ratio
from benchmarks.report import Row, at_least, at_most
from tests.clips.dng_files import scene, write_dng

if TYPE_CHECKING:
    from collections.abc import Iterator


def rawpys(folder: str, method: str) -> Sample:
    """The same pictures by rawpy alone, as planes are read: file by file."""
    import rawpy

    files = sorted(Path(folder).glob("*.dng"))
    with Meter() as meter:
        for file in files:
            with rawpy.imread(str(file)) as raw:
                raw.postprocess(
                    demosaic_algorithm=rawpy.DemosaicAlgorithm[method.upper()],
                    use_camera_wb=True,
                    output_color=rawpy.ColorSpace.ACES,
                    output_bps=16,
                    gamma=(1, 1),
                    no_auto_bright=True,
                    adjust_maximum_thr=0.0,
                    user_flip=0,
                )
    return meter.sample(len(files))


def ours(folder: str, method: str) -> Sample:
    import rawpy  # noqa: F401 - both sides have it loaded before the clock runs
    import tifffile  # noqa: F401

    clip = md.Clip.open(f"{folder}/a.%04d.dng?debayer={method}")
    with Meter() as meter:
        count = sum(len(frame.planes) == 3 for frame in clip.frames())
    return meter.sample(count)


def unpacked(codes: int) -> Sample:
    from mediadask.clips.arriraw import unpack

    data = np.random.default_rng(0).integers(0, 256, codes * 3 // 2, np.uint8).tobytes()
    with Meter() as meter:
        for _ in range(8):
            unpack(data)
    return meter.sample(8 * len(data))


def rows(quick: bool, rounds: int) -> Iterator[Row]:
    size = (320, 180) if quick else (1920, 1080)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(2 if quick else 8):
            write_dng(Path(folder) / f"a.{number:04}.dng", scene(*size, number), bits=12)
        for method in ("linear", "ahd"):
            sides = {"rawpy": rawpys, "mediadask": ours}
            samples = in_turn(
                {name: partial(isolated, side, folder, method) for name, side in sides.items()}, rounds
            )
            each = {name: median_of(taken, "cpu_seconds") / taken[0].value for name, taken in samples.items()}
            yield Row(
                "raw",
                f"CinemaDNG {size[1]}p, {method}",
                "decode CPU over rawpy's",
                ratio(samples["mediadask"], samples["rawpy"], "cpu_seconds"),
                at_most(1.05),
                ours=f"{each['mediadask'] * 1e3:.1f} ms",
                theirs=f"{each['rawpy'] * 1e3:.1f} ms",
                samples=dict(samples),
            )
    taken = [isolated(unpacked, 64 * 36 if quick else 2880 * 2160) for _ in range(rounds)]
    yield Row(
        "raw",
        "ARRIRAW 2880x2160",
        "unpacked on one core, GB of file a second",
        taken[0].value / median_of(taken, "cpu_seconds") / 1e9,
        at_least(1),
        samples={"mediadask": taken},
    )
