"""Clips to measure on: moving, textured, grainy pictures at the bitrates of cameras, made once and kept.

Every picture carries its number as `mediadask.footage` burns it in.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np

from benchmarks.measure import Failed
from mediadask.footage import picture, read_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

__all__ = [
    "RATE",
    "clip",
    "copied",
    "ffmpeg",
    "looped",
    "lut",
    "number_in",
    "numbers_shown",
    "rendition",
    "there_and_back",
]

RATE = 24
FOLDER = Path(os.environ.get("MEDIADASK_BENCHMARKS", Path(tempfile.gettempdir()) / "mediadask-benchmarks"))
_TAGS = "-color_primaries bt709 -color_trc bt709 -colorspace bt709 -color_range tv"

_ENCODERS = {  # camera-like: intra codecs at their own rates, long-GOP ones at a stated bitrate
    "ProRes": ("mov", "-c:v prores_ks -profile:v hq -vendor apl0 -pix_fmt yuv422p10le"),
    "DNxHR": ("mxf", "-c:v dnxhd -profile:v dnxhr_hq -pix_fmt yuv422p"),
    "H.264": ("mp4", "-c:v libx264 -preset veryfast -g 48 -bf 2 -pix_fmt yuv420p"),
    "HEVC": (
        "mp4",
        "-c:v libx265 -preset superfast -x265-params log-level=1:keyint=48:bframes=3"
        " -tag:v hvc1 -pix_fmt yuv420p10le",
    ),
}


def ffmpeg() -> str:
    """The ffmpeg program that comes with imageio-ffmpeg.

    Raises
    ------
    Failed
        If it is not installed.
    """
    try:
        from imageio_ffmpeg import get_ffmpeg_exe
    except ImportError as error:
        raise Failed("imageio-ffmpeg is not installed: pip install 'mediadask[bench]'") from error
    return str(get_ffmpeg_exe())


def rendition(
    codec: str,
    *,
    frames: int,
    size: tuple[int, int],
    bitrate: str | None = None,
    suffix: str | None = None,
    filters: str = "null",
) -> Path:
    """A clip as a camera of this codec writes it: ``ProRes``, ``DNxHR``, ``H.264``, ``HEVC``."""
    own, options = _ENCODERS[codec]
    if bitrate:
        options += f" -b:v {bitrate} -maxrate {bitrate} -bufsize {bitrate}"
    return clip(suffix or own, options, frames=frames, size=size, filters=filters)


def clip(suffix: str, options: str, *, frames: int, size: tuple[int, int], filters: str = "null") -> Path:
    """A clip by FFmpeg's options for its output; equal arguments give the same file."""
    path = _path(suffix, "clip", options, frames, size, filters)
    if path.exists():
        return path
    width, height = size
    convert = "scale=in_range=pc:out_range=tv:out_color_matrix=bt709:flags=accurate_rnd"
    with _committed(path) as part:
        command = f"{ffmpeg()} -v error -y -f rawvideo -pix_fmt rgb24 -s {width}x{height} -r {RATE} -i -"
        encoder = subprocess.Popen(
            [*command.split(), "-vf", f"{filters},{convert}", *options.split(), *_TAGS.split(), str(part)],
            stdin=subprocess.PIPE,
        )
        assert encoder.stdin is not None
        random = np.random.default_rng(1)
        grain = random.normal(0, 3, (height + 64, width + 64, 1)).astype(np.int16)
        for number in range(frames):
            y, x = random.integers(0, 64, 2)
            image = picture(number, width, height) + grain[y : y + height, x : x + width]
            encoder.stdin.write(np.clip(image, 0, 255).astype(np.uint8).tobytes())
        encoder.stdin.close()
        if encoder.wait():
            raise Failed(f"ffmpeg could not make {path.name}: {options}")
    return path


def copied(source: Path, suffix: str, before: str = "", after: str = "") -> Path:
    """The packets of a clip in another container or cut, by FFmpeg's options before and after its input."""
    path = _path(suffix, "copied", source.name, before, after)
    if not path.exists():
        with _committed(path) as part:
            command = f"{ffmpeg()} -v error -y {before} -i {source} -c copy {after} {part}"
            if subprocess.run(command.split(), check=False).returncode:
                raise Failed(f"ffmpeg could not copy to {path.name}: {before} {after}")
    return path


def looped(source: Path, times: int) -> Path:
    """A clip that shows a clip so many times, without encoding it again."""
    return copied(source, source.suffix[1:], before=f"-stream_loop {times - 1}")


def there_and_back(source: Path, times: int) -> Path:
    """A clip of frames that each decode alone, forwards, then backwards and so on, so many times in all.

    It goes on where `looped` jumps: encoders put a keyframe at every jump.
    """
    path = _path(source.suffix[1:], "there and back", source.name, times)
    if path.exists():
        return path
    with _committed(path) as part, av.open(str(source)) as container, av.open(str(part), "w") as output:
        template = container.streams.video[0]
        packets = [packet for packet in container.demux(template) if packet.dts is not None]
        contents = [bytes(packet) for packet in packets]
        stream = output.add_stream_from_template(template, opaque=True)
        stream.time_base = time_base = Fraction(1, RATE)
        for turn in range(times):
            for row, content in enumerate(contents[:: 1 if turn % 2 == 0 else -1]):
                packet = av.Packet(content)
                packet.stream, packet.time_base, packet.is_keyframe = stream, time_base, True
                packet.pts = packet.dts = turn * len(contents) + row
                packet.duration = 1
                output.mux(packet)
    return path


def numbers_shown(path: Path, size: tuple[int, int]) -> list[int | None]:
    """The number burnt into every picture that a full decode by the ffmpeg program shows, in order.

    None where a picture is too damaged to tell.
    """
    width, height = size
    kept = path.with_suffix(".numbers.json")
    if not kept.exists():
        command = f"{ffmpeg()} -v quiet -i {path} -fps_mode passthrough -f rawvideo -pix_fmt gray -"
        done = subprocess.run(command.split(), capture_output=True, check=False)
        pictures = np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width)
        kept.write_text(json.dumps([number_in(image) for image in pictures]))
    shown: list[int | None] = json.loads(kept.read_text())
    return shown


def number_in(image: npt.NDArray[np.uint8]) -> int | None:
    """The number burnt into a picture, None where it is too damaged to tell."""
    try:
        return read_number(image)
    except ValueError:
        return None


def lut() -> Path:
    """A film-like 33-cube: contrast, a little less saturation, warm highlights."""
    path = _path("cube", "lut", 1)
    if not path.exists():
        axis = np.linspace(0, 1, 33)
        blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")  # red runs fastest in a .cube
        rgb = np.stack([red, green, blue], -1).reshape(-1, 3)
        gray = rgb @ [0.2126, 0.7152, 0.0722]
        curved = 0.5 - 0.5 * np.cos(np.pi * (gray[:, None] + 0.85 * (rgb - gray[:, None])).clip(0, 1))
        graded = (0.6 * rgb + 0.4 * curved) * [1.0, 0.985, 0.95]
        lines = "\n".join(" ".join(f"{value:.6f}" for value in row) for row in graded)
        with _committed(path) as part:
            part.write_text(f"LUT_3D_SIZE 33\n{lines}\n")
    return path


def _path(suffix: str, *how: object) -> Path:
    digest = hashlib.sha1(repr(how).encode()).hexdigest()[:12]
    return FOLDER / f"{digest}.{suffix}"


@contextmanager
def _committed(path: Path) -> Iterator[Path]:
    """What is written to the yielded path becomes `path` if all goes well."""
    part = path.with_name(f"part-{os.getpid()}-{path.name}")
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
