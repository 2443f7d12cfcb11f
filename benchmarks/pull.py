"""Plates of 4K ProRes 4444 in ACES, against ffmpeg and an OpenImageIO loop; where the time goes.

All three crop the picture, take LogC4 to ACES2065-1, scale it and write half-float EXRs with ZIP compression.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from fractions import Fraction
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

import mediadask as md
from benchmarks import footage
from benchmarks.measure import CORES, Failed, Meter, Sample, in_turn, isolated, median_of, ratio, run
from benchmarks.report import Row, at_least
from mediadask.clips import Clip
from mediadask.editorial.pull import units_of
from mediadask.pixels import Color, Framing, to_rgb
from mediadask.pixels.resample import Rectangle
from mediadask.pool import Pool
from mediadask.render.exr import exr_bytes
from mediadask.render.plate import STRIP_ROWS, Plate, PlateRecipe, plate_picture
from mediadask.render.plate_folder import PlateOrder
from mediadask.render.plate_units import render_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

LOG, ACES = "ARRI LogC4", "ACES2065-1"
PRORES_4444 = "-c:v prores_ks -profile:v 4444 -vendor apl0 -pix_fmt yuv444p10le -timecode 01:00:00:00"


def case_of(size: tuple[int, int]) -> str:
    return f"ProRes 4444 {size[1]}p → ACES half EXR ZIP, crop, scale"


def framing(width: int, height: int) -> tuple[Framing, tuple[int, int], tuple[int, int]]:
    """A 2.14:1 part of the picture at nine tenths of its size; the part's and the plate's (width, height)."""
    part = width, height * 5 // 6 // 2 * 2
    size = width * 9 // 10 // 2 * 2, part[1] * 9 // 10 // 2 * 2
    source = Rectangle(0, (height - part[1]) / 2, *part)
    return Framing(source, Rectangle(0, 0, *size), size), part, size


def order(clip: Clip, out: str) -> PlateOrder:
    recipe = PlateRecipe(
        framing(clip.header.width, clip.header.height)[0],
        Color.convert(LOG, ACES),
        ACES,
        Fraction(24),
        clip.header.timecode,
    )
    plate = Plate(clip, recipe, f"{out}/plate.%04d.exr", 0, len(clip), 1001)
    return PlateOrder(plate, f"{out}/plate", None, (), ())


def delivery(clip: str, out: str) -> md.Delivery:
    """As `mediadask.pull` plans it, for one event."""
    return md.Delivery("pull", [units_of(order(Clip.open(clip), out))])


def by_mediadask(clip: str, out: str, workers: int = CORES) -> Sample:
    shutil.rmtree(out, ignore_errors=True)
    small = footage.clip("mov", PRORES_4444, frames=8, size=(320, 180))
    with Pool.local(workers=workers) as pool:
        for number in range(2 * workers):
            pool.submit(delivery(str(small), f"{out}-warm{number}"), name="warm", show="bench").wait()
        with Meter() as meter:
            report = pool.submit(delivery(clip, out), name="pull", show="bench").result()
    if report.failures:
        raise Failed(str(report.failures[0].failure))
    return meter.sample(_bytes(out))


def by_ffmpeg(clip: str, out: str, cube: str, size: tuple[int, int]) -> Sample:
    """Scaled by its `zscale`: its `scale` clips light to 0..1."""
    shutil.rmtree(out, ignore_errors=True)
    Path(out).mkdir(parents=True)
    _, part, plate = framing(*size)
    filters = (
        f"crop={part[0]}:{part[1]},format=gbrpf32le,lut3d={cube}:interp=tetrahedral,"
        f"zscale=w={plate[0]}:h={plate[1]}:filter=lanczos"
    )
    command = (
        f"{footage.ffmpeg()} -v error -y -i {clip} -vf {filters} -c:v exr -compression zip16 -format half"
    )
    taken = run([*command.split(), f"{out}/plate.%04d.exr"])
    return Sample(taken.wall_seconds, taken.cpu_seconds, taken.peak_bytes, _bytes(out))


def by_openimageio(clip: str, out: str) -> Sample:
    """Decoded by PyAV, since OpenImageIO's wheel reads no movies; every step on all cores."""
    import av
    import OpenImageIO as oiio

    shutil.rmtree(out, ignore_errors=True)
    Path(out).mkdir(parents=True)
    config = (
        "ocio://studio-config-v2.1.0_aces-v1.3_ocio-v2.3"  # its own OpenColorIO is older; LogC4 is the same
    )
    with Meter() as meter, av.open(clip) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for number, frame in enumerate(container.decode(stream)):
            _, part, plate = framing(frame.width, frame.height)
            rgb = frame.reformat(format="gbrpf32le").to_ndarray().astype(np.float32)
            picture = oiio.ImageBuf(np.ascontiguousarray(rgb))
            top = (frame.height - part[1]) // 2
            picture = oiio.ImageBufAlgo.cut(picture, oiio.ROI(0, part[0], top, top + part[1]))
            picture = oiio.ImageBufAlgo.colorconvert(picture, LOG, ACES, colorconfig=config)
            picture = oiio.ImageBufAlgo.resize(picture, "lanczos3", roi=oiio.ROI(0, plate[0], 0, plate[1]))
            picture.set_write_format("half")
            picture.specmod().attribute("compression", "zip")
            if picture.has_error or not picture.write(f"{out}/plate.{1001 + number}.exr"):
                raise Failed(picture.geterror())
    return meter.sample(_bytes(out))


def _bytes(folder: str) -> int:
    return sum(path.stat().st_size for path in Path(folder).glob("*.exr"))


def cube(folder: str) -> str:
    """LogC4 to ACES2065-1 as a table, for ffmpeg: 65 points, the most its readers share."""
    axis = np.linspace(0, 1, 65, dtype=np.float32)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")
    light = Color.convert(LOG, ACES).apply(np.stack([red, green, blue], -1).reshape(65 * 65, 65, 3))
    path = Path(folder) / "aces.cube"
    lines = "\n".join(" ".join(f"{value:.6g}" for value in row) for row in light.reshape(-1, 3))
    path.write_text(f"LUT_3D_SIZE 65\n{lines}\n")
    return str(path)


def stages(clip: str, out: str, rounds: int) -> dict[str, list[float]]:
    """CPU seconds a frame of each stage alone, and of the unit that does them all, on one thread, by round.

    Each is done as the unit does it: color and conversion strip by strip, of the rows that the framing reads;
    the scaler gets its rows from nowhere.
    """
    opened = Clip.open(clip)
    frame = next(opened.frames(threads=1))
    order_ = order(opened, out)
    recipe = order_.plate.recipe
    read: list[slice] = []
    shape = (frame.height, frame.width, 3)

    def gray(first: int, stop: int, rows: npt.NDArray[np.float32]) -> None:
        rows.fill(0.18)

    def noted(first: int, stop: int, rows: npt.NDArray[np.float32]) -> None:
        read.extend(slice(top, min(top + STRIP_ROWS, stop)) for top in range(first, stop, STRIP_ROWS))

    recipe.framing.apply_rows(noted, shape, "float16", STRIP_ROWS)
    strips = [to_rgb(frame, "float32", rows) for rows in read]
    light = np.empty((3, STRIP_ROWS, frame.width), np.float32)
    framed = plate_picture(recipe)(frame)
    path = Path(out) / "stage.exr"

    def decode(start: int, stop: int) -> None:
        for _ in opened.frames(start, stop, threads=1):
            pass

    def convert() -> None:
        for rows in read:
            to_rgb(frame, "float32", rows)

    def color() -> None:
        for strip in strips:
            recipe.color.apply(strip, out=light[:, : len(strip)])

    def scale() -> None:
        recipe.framing.apply_rows(gray, shape, "float16", STRIP_ROWS)

    def write() -> None:
        data = exr_bytes(framed, {})
        path.write_bytes(data)
        with path.open("rb") as file:
            os.fsync(file)
        hashlib.sha256(data).hexdigest()

    def clear() -> None:
        for old in Path(out).glob("plate.*.exr"):
            old.unlink()
        shutil.rmtree(Path(out) / ".mediadask", ignore_errors=True)

    def by_unit(count: int) -> dict[str, float]:
        """All stages and the whole, unit by unit: a machine that slows down slows both."""
        clear()
        taken = dict.fromkeys(["decode", *alone, "whole"], 0.0)
        for segment in [unit.args[1] for unit in units_of(order_).units][:count]:
            taken["decode"] += _cpu(decode, *segment)
            for name, call in alone.items():
                taken[name] += _cpu(call) * segment.frames
            taken["whole"] += _cpu(render_frames, order_, segment)
        return {name: seconds / len(opened) for name, seconds in taken.items()}

    alone = {"convert": convert, "color": color, "scale": scale, "write": write}
    by_unit(1)
    by_round = [by_unit(len(opened)) for _ in range(rounds)]
    return {name: [one[name] for one in by_round] for name in by_round[0]}


def _cpu(call: Callable[..., object], *args: Any) -> float:
    begun = time.process_time()
    call(*args)
    return time.process_time() - begun


def rows(quick: bool, rounds: int) -> Iterator[Row]:
    count, size = (4, (1280, 720)) if quick else (12, (3840, 2160))
    clip = footage.clip("mov", PRORES_4444, frames=count, size=size)
    case = case_of(size)
    with tempfile.TemporaryDirectory() as folder:
        sides = {
            "mediadask": partial(isolated, by_mediadask, str(clip), f"{folder}/ours"),
            "ffmpeg": partial(by_ffmpeg, str(clip), f"{folder}/ffmpeg", cube(folder), size),
            "OpenImageIO": partial(isolated, by_openimageio, str(clip), f"{folder}/oiio"),
        }
        samples = in_turn(sides, rounds)
        fps = {name: f"{count / median_of(side, 'wall_seconds'):.2f} fps" for name, side in samples.items()}
        for peer, bound in (("ffmpeg", 3), ("OpenImageIO", 2)):
            cpu = ratio(samples[peer], samples["mediadask"], "cpu_seconds")
            larger = samples["mediadask"][-1].value / samples[peer][-1].value
            yield Row(
                "pull",
                case,
                f"speed over {peer}'s",
                ratio(samples[peer], samples["mediadask"], "wall_seconds"),
                at_least(bound),
                fps["mediadask"],
                fps[peer],
                f"CPU {cpu:.2f}× less, files {larger:.2f}× the size",
                dict(samples),
            )
        Path(folder, "stages").mkdir()
        taken = isolated(stages, str(clip), f"{folder}/stages", rounds)
        whole = taken.pop("whole")
        sums = [sum(shares) for shares in zip(*taken.values(), strict=True)]
        listed = ", ".join(f"{name} {median(seconds) * 1000:.0f}" for name, seconds in taken.items())
        yield Row(
            "pull",
            case,
            "sum of the stages over the whole",
            median(part / all_ for part, all_ in zip(sums, whole, strict=True)),
            at_least(0.9),
            f"{median(whole) * 1000:.0f} ms a frame",
            note=f"ms: {listed}",
            samples={**taken, "whole": whole},
        )
