"""What crop, desqueeze, scale and padding of a plate cost, on one core, beside OpenImageIO's resize."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Meter, Sample, in_turn, isolated, median_of, ratio
from benchmarks.report import Row, at_least, at_most

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mediadask.pixels import Framing

    Size = tuple[int, int]


def _pictures(size: Size, dtype: str) -> list[Any]:
    """Two of scene light, planar as decoders and color steps leave them; two do not fit into a cache."""
    import numpy as np

    make = np.random.default_rng(0)
    width, height = size
    planes = [make.standard_normal((3, height, width), np.float32).astype(dtype) for _ in range(2)]
    return [each.transpose(1, 2, 0) for each in planes]


def frames_it(framing: Framing, size: Size, dtype: str, count: int) -> Sample:
    pictures = _pictures(size, dtype)
    framing.apply(pictures[0], dtype)  # compiled once on a machine, and kept
    with Meter() as meter:
        for number in range(count):
            framing.apply(pictures[number % 2], dtype)
    return meter.sample(count)


def openimageio_resizes(size: Size, target: Size, count: int) -> Sample:
    """The same filter on packed floats, which is the form it likes; one thread."""
    import numpy as np
    import OpenImageIO as oiio

    buffers = [oiio.ImageBuf(np.ascontiguousarray(each)) for each in _pictures(size, "float32")]
    roi = oiio.ROI(0, target[0], 0, target[1], 0, 1, 0, 3)
    with Meter() as meter:
        for number in range(count):
            result = oiio.ImageBufAlgo.resize(buffers[number % 2], filtername="lanczos3", roi=roi, nthreads=1)
            assert not result.has_error
    return meter.sample(count)


def rows(quick: bool, rounds: int) -> Iterator[Row]:
    from mediadask.pixels import Framing
    from mediadask.pixels.resample import Rectangle

    width, height = size = (640, 360) if quick else (3840, 2160)
    count = 2 if quick else 20
    whole = Rectangle(0, 0, width, height)
    halved = Framing(whole, Rectangle(0, 0, width // 2, height // 2), (width // 2, height // 2))
    peer_count = 2 if quick else 4
    sides = {
        "mediadask": partial(isolated, frames_it, halved, size, "float32", count),
        "OpenImageIO": partial(isolated, openimageio_resizes, size, halved.size, peer_count),
    }
    samples = in_turn(sides, rounds)
    ours = median_of(samples["mediadask"], "cpu_seconds") / count * 1e3
    theirs = median_of(samples["OpenImageIO"], "cpu_seconds") / peer_count * 1e3
    yield Row(
        "framing",
        f"lanczos3, {width}x{height} to half, float32",
        "speed over OpenImageIO's resize, one core",
        count / peer_count / ratio(samples["mediadask"], samples["OpenImageIO"], "cpu_seconds"),
        at_least(10),
        ours=f"{ours:.1f} ms",
        theirs=f"{theirs:.0f} ms",
        samples=dict(samples),
    )
    squeezed = Framing(
        Rectangle(width / 8 + 0.5, 0, width * 0.75, height), Rectangle(0, 1.3, width, height / 1.5), size
    )
    moved = Framing(whole, Rectangle(-20, 12, width, height), size)
    cases = [
        ("lanczos3, to half the size, half floats in and out", halved, "float16"),
        ("lanczos3, sub-pixel crop of a 2x squeeze to full width, float32", squeezed, "float32"),
        ("crop and offset by whole pixels, float32", moved, "float32"),
        ("crop and offset by whole pixels, half floats", moved, "float16"),
    ]
    for case, framing, dtype in cases:
        taken = [isolated(frames_it, framing, size, dtype, count) for _ in range(rounds)]
        cost = median_of(taken, "cpu_seconds") / count * 1e3
        target = at_most(100) if framing is not moved else at_most(40)
        yield Row(
            "framing", case, "CPU ms a frame", cost, None if quick else target, samples={"mediadask": taken}
        )
