"""``python -m tests.same_bytes --runs 20 --load``: write everything that mediadask writes, over and over, and
tell where a run's bytes are not those of the first.

Each run is a process of its own, in which the C library fills new memory with another byte (glibc's tunable
``malloc.perturb``; elsewhere memory is what it is). What a library reads before anybody has set it then shows
at once, and not in one run of sixty on a busy machine.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import dask

import mediadask as md
from mediadask import footage
from mediadask.clips import ColorTags
from mediadask.pixels.ycbcr import to_video_frame
from mediadask.render import segment
from mediadask.render.video import ENCODERS, video_writer

__all__ = ["FILLINGS", "WRITERS", "make_sources", "run"]

FILLINGS = (85, 170, 1, 254)
"""What new memory is filled with, in turn; the first two have no bit in common."""

FRAMES = 30
EDL = """TITLE: EP104 TURNOVER 1
FCM: NON-DROP FRAME

001  A001     V     C        01:00:00:02 01:00:00:20 01:00:00:00 01:00:00:18
* LOC: 01:00:00:00 RED     ABC_104_065_010
"""

Writer = Callable[[Path, Path], None]
"""Writes into a folder (the second) what it makes of the sources in another."""


def make_sources(folder: Path) -> None:
    """A clip of 30 frames, a sequence of odd width and height, and a turnover that uses the clip."""
    footage.write_clip(
        folder / "A001.mov",
        codec="prores_ks",
        pixel_format="yuv422p10le",
        size=(402, 225),
        frames=FRAMES,
        sound="pcm_s24le",
        timecode="01:00:00:00",
        reel="A001",
    )
    footage.write_sequence(folder / "B001.%04d.exr", size=(191, 107), frames=12)
    (folder / "turnover.edl").write_text(EDL)


def _compute(delivery: md.Delivery) -> None:
    (report,) = dask.compute(delivery, num_workers=3)
    assert not report.failures, report.failures


def _proxy(codec: str, source: str = "A001.mov", **how: object) -> Writer:
    return lambda sources, out: _compute(md.proxy(sources / source, out, codec=codec, **how))  # type: ignore[arg-type]


def _plates(**how: object) -> Writer:
    def write(sources: Path, out: Path) -> None:
        options = {"handles": 2, "input_space": "ARRI LogC4", "review": False} | how
        _compute(md.pull(sources / "turnover.edl", sources / "A001.mov", out, **options))  # type: ignore[arg-type]

    return write


def _deep(codec: str) -> Writer:
    """An encoder as PQ and HLG have it, in 10 bits."""

    def write(sources: Path, out: Path) -> None:
        encoder = ENCODERS[codec]  # type: ignore[index]
        encoder = replace(encoder, pixel_format=encoder.hdr_pixel_format or encoder.pixel_format)
        color = ColorTags("bt2020nc", "limited", "bt2020", "smpte2084", "left")
        how = {"width": 190, "height": 106, "rate": Fraction(24), "gop": 12, "color": color}
        with (out / "deep.mp4").open("w+b", buffering=0) as file, video_writer(file, encoder, **how) as add:  # type: ignore[arg-type]
            for number in range(FRAMES):
                rgb = footage.picture(number, 190, 106)
                add(to_video_frame(rgb, encoder.pixel_format, "bt2020nc"))

    return write


WRITERS: dict[str, Writer] = {
    **{f"{codec} proxy": _proxy(codec) for codec in ENCODERS},
    **{f"{codec} proxy in 160x90": _proxy(codec, size=(160, 90)) for codec in ENCODERS if codec != "dnxhr"},
    **{f"{codec} in 10 bits": _deep(codec) for codec in ("hevc", "av1")},
    "h264 proxy in 192x108": _proxy("h264", size=(192, 108)),
    "h264 proxy of an odd size": _proxy("h264", "B001.####.exr"),
    "h264 proxy with own parameters": _proxy(
        "h264", size=(192, 108), options={"preset": "medium", "x264-params": "rc-lookahead=20"}
    ),
    "hevc proxy with own parameters": _proxy("hevc", options={"x265-params": "rc-lookahead=10"}),
    "h264 proxy of a bit rate": _proxy("h264", size=(192, 108), options={"b": "200k"}),
    "contact sheet": lambda sources, out: _compute(
        md.sheet(sources / "A001.mov", out / "sheet.jpg", frames=5)
    ),
    "still": lambda sources, out: _compute(md.still(sources / "B001.####.exr", 3, out / "still.png")),
    "archive": lambda sources, out: _compute(md.archive(sources / "A001.mov", out / "archive.zarr")),
    "trim": lambda sources, out: _compute(md.trim(sources / "turnover.edl", sources / "A001.mov", out)),
    "review": _plates(review=True),
    "reference": lambda sources, out: _plates(reference=sources / "A001.mov")(sources, out),
    **{f"{name} plates": _plates(compression=name) for name in ("none", "zips", "piz", "dwaa", "htj2k")},
    **{f"{name} plates": _plates(format=name) for name in ("dpx10", "dpx16", "prores4444")},
}
"""Every encoder and writer, at sizes that are no whole macroblocks, and in several parts."""


def run(folder: Path, filling: int, writers: Sequence[str] = (), *, timeout: float = 600) -> dict[str, str]:
    """The digest of what each writer makes of the sources in `folder`, in a new process.

    Outputs are made in ``folder/out``, the same place every time, and removed.
    """
    tunables = f"glibc.malloc.perturb={filling}:glibc.malloc.mmap_max=0"  # mapped memory would be zero
    command = [sys.executable, "-m", "tests.same_bytes", "--digests", str(folder), *writers]
    environment = {**os.environ, "GLIBC_TUNABLES": tunables}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=timeout
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    digests: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return digests


def _digests(folder: Path, writers: Sequence[str]) -> dict[str, str]:
    segment.UNIT_SECONDS = segment.PLATE_UNIT_SECONDS = 0.001  # outputs of several parts
    found = {}
    for name in writers or WRITERS:
        out = folder / "out"
        out.mkdir()
        WRITERS[name](folder, out)
        found[name] = _digest(out)
        shutil.rmtree(out)
    return found


def _digest(folder: Path) -> str:
    """A hash of the names and bytes of all files, without the times that manifests give."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            if path.suffix == ".json":
                content = re.sub(rb'"version": "\d{15,}"', b"", content)
            digest.update(f"{path.relative_to(folder)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


@contextmanager
def _load(processes: int) -> Iterator[None]:
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def main() -> int:
    """Run them; 1 where bytes differ."""
    parser = argparse.ArgumentParser(prog="python -m tests.same_bytes", description=__doc__)
    parser.add_argument("--runs", type=int, default=20, help="how many")
    parser.add_argument("--load", action="store_true", help="keep every core busy with something else, twice")
    parser.add_argument("--digests", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    parser.add_argument("writers", nargs="*", metavar="WRITER", help=f"of {', '.join(WRITERS)}")
    chosen = parser.parse_args()
    if chosen.digests:
        print(json.dumps(_digests(chosen.digests, chosen.writers)))
        return 0
    with tempfile.TemporaryDirectory() as place, _load(2 * (os.cpu_count() or 1) if chosen.load else 0):
        make_sources(Path(place))
        seen: dict[str, dict[str, list[int]]] = {}
        for number in range(chosen.runs):
            filling = FILLINGS[number % len(FILLINGS)]
            for name, digest in run(Path(place), filling, chosen.writers, timeout=3600).items():
                seen.setdefault(name, {}).setdefault(digest, []).append(number)
    for name, runs in seen.items():
        print(f"{name}: {' / '.join(str(len(numbers)) for numbers in runs.values())}")
    return 1 if any(len(runs) > 1 for runs in seen.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
