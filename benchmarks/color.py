"""What camera log to ACES costs on one core, beside OpenColorIO on its own, and how near it stays."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Meter, Sample, in_turn, isolated, median_of, ratio
from benchmarks.report import Row, at_least

if TYPE_CHECKING:
    from collections.abc import Iterator

    Size = tuple[int, int]

_SOURCE, _TARGET = "ARRI LogC4", "ACES2065-1"


def _pictures(size: Size, dtype: str) -> list[Any]:
    """Two of log codes, planar as decoders leave them; two do not fit into a cache."""
    import numpy as np

    make = np.random.default_rng(0)
    width, height = size
    planes = [make.normal(0.42, 0.13, (3, height, width)).clip(0, 1) for _ in range(2)]
    peak = 65535 if dtype == "uint16" else 1
    return [(each * peak).astype(dtype).transpose(1, 2, 0) for each in planes]


def colors_it(size: Size, source: str, target: str, count: int) -> Sample:
    from mediadask.pixels import Color

    pictures, color = _pictures(size, source), Color.convert(_SOURCE, _TARGET)
    color.apply(pictures[0][:32], target)  # compiled once on a machine, and kept
    with Meter() as meter:
        for number in range(count):
            color.apply(pictures[number % 2], target)
    return meter.sample(count)


def opencolorio_colors_it(size: Size, source: str, target: str, count: int) -> Sample:
    """Packed RGB, from the sample type to the other, by the default processor; one thread."""
    import numpy as np
    import PyOpenColorIO as ocio

    from mediadask.choices import CONFIG

    depths = {"uint16": ocio.BIT_DEPTH_UINT16, "float16": ocio.BIT_DEPTH_F16, "float32": ocio.BIT_DEPTH_F32}
    pictures = [np.ascontiguousarray(each) for each in _pictures(size, source)]
    processor = ocio.Config.CreateFromFile(CONFIG).getProcessor(_SOURCE, _TARGET)
    cpu = processor.getOptimizedCPUProcessor(depths[source], depths[target], ocio.OPTIMIZATION_DEFAULT)

    def described(picture: Any) -> ocio.PackedImageDesc:
        height, width, _ = picture.shape
        item = picture.itemsize
        form = depths[picture.dtype.name], item, 3 * item, 3 * item * width
        return ocio.PackedImageDesc(picture, width, height, 3, *form)

    with Meter() as meter:
        for number in range(count):
            given, made = pictures[number % 2], np.empty(pictures[0].shape, target)
            cpu.apply(described(given), described(made))
    return meter.sample(count)


def nearness(source: str, count: int) -> Sample:
    """The share of values of random colors that are within one half float of the exact ones."""
    import numpy as np
    import PyOpenColorIO as ocio

    from mediadask.choices import CONFIG
    from mediadask.pixels import Color

    codes = np.random.default_rng(1).integers(0, 65536, (count // 1000, 1000, 3), np.uint16)
    exact = np.float32(codes / 65535)
    given = codes if source == "uint16" else exact.copy()
    processor = ocio.Config.CreateFromFile(CONFIG).getProcessor(_SOURCE, _TARGET)
    with Meter() as meter:
        processor.getOptimizedCPUProcessor(ocio.OPTIMIZATION_LOSSLESS).applyRGB(exact)
        made = Color.convert(_SOURCE, _TARGET).apply(given, "float16")
        steps = [values.astype(np.float16).view(np.int16).astype(int) for values in (exact, made)]
        ordered = [np.where(bits < 0, -32768 - bits, bits) for bits in steps]
        near = float((np.abs(ordered[0] - ordered[1]) <= 1).mean())
    return meter.sample(near)


def rows(quick: bool, rounds: int) -> Iterator[Row]:
    width, height = size = (640, 360) if quick else (3840, 2160)
    count = 2 if quick else 10
    for source, target, bound in (
        ("uint16", "float16", 1.5),
        ("float32", "float16", 1.5),
        ("float16", "float16", 1.0),
        ("float32", "float32", None),  # OpenColorIO's default is faster here, by approximate logarithms
    ):
        sides = {
            "mediadask": partial(isolated, colors_it, size, source, target, count),
            "OpenColorIO": partial(isolated, opencolorio_colors_it, size, source, target, count),
        }
        samples = in_turn(sides, rounds)
        ours, theirs = (median_of(samples[side], "cpu_seconds") / count * 1e3 for side in sides)
        yield Row(
            "color",
            f"{_SOURCE} to {_TARGET}, {width}x{height}, {source} to {target}",
            "speed over OpenColorIO's default processor, one core",
            1 / ratio(samples["mediadask"], samples["OpenColorIO"], "cpu_seconds"),
            None if quick or bound is None else at_least(bound),
            ours=f"{ours:.0f} ms",
            theirs=f"{theirs:.0f} ms",
            samples=dict(samples),
        )
    for source in ("uint16", "float32"):
        sample = isolated(nearness, source, 100_000 if quick else 3_000_000)
        yield Row(
            "color",
            f"{_SOURCE} to {_TARGET}, random colors, {source} to float16",
            "share within one half float of OpenColorIO without shortcuts",
            sample.value,
            at_least(0.9999),
            samples={"mediadask": [sample]},
        )
