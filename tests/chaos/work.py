"""What a round computes: takes, which note each of their frames, and deliveries of small real clips."""

from __future__ import annotations

import time
import uuid
import zlib
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import mediadask as md
from mediadask import footage

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from mediadask.delivery import Delivery

FRAMES = 24
SIZE = (256, 144)
"""Whole macroblocks: libx264 encodes other small sizes in two or three ways without any fault."""

MEDIA = ("proxy", "archive")


def make_media(folder: Path) -> None:
    """A ProRes and an H.264 clip, and an EXR sequence."""
    folder.mkdir()
    how = {"frames": 24, "size": (512, 288), "timecode": "10:00:00:00"}
    footage.write_clip(
        folder / "A001C001.mov", codec="prores_ks", pixel_format="yuv422p10le", sound="pcm_s24le", **how
    )
    footage.write_clip(folder / "A001C002.mov", codec="libx264", scene=1, **how)
    (folder / "plate").mkdir()
    footage.write_sequence(folder / "plate" / "plate.%04d.exr", frames=8, size=SIZE)


def media_delivery(kind: str, media: Path, out: Path) -> Delivery:
    """Proxies of both clips, or an archive of the sequence."""
    if kind == "proxy":
        clips = [str(media / "A001C001.mov"), str(media / "A001C002.mov")]
        return md.proxy(clips, out / "proxies", size=SIZE)
    return md.archive([str(media / "plate" / "plate.####.exr")], out / "archives")


def takes(notes: Path, numbers: Iterable[int], name: str = "takes") -> Delivery:
    """Takes of `FRAMES` frames each, noted in the folder `notes`."""
    return md.delivery(partial(take, notes), numbers, name=name, seconds=1)


def key_of(notes: Path, number: int) -> str:
    """What the ledger calls a take."""
    (group,) = takes(notes, [number]).groups
    return group.units[0].key


def take(notes: Path, number: int) -> int:
    """The checksum of its frames. Each run of it notes itself, then each frame that it has computed."""
    run, checksum = uuid.uuid4().hex, 0
    for frame in range(FRAMES):
        md.checkpoint()  # before each: whoever has computed the last one is done
        with (notes / str(number)).open("a") as computed:
            computed.write(f"{run} {frame}\n")
        time.sleep(0.02)
        checksum = zlib.crc32(f"{number} {frame}".encode(), checksum)
    return checksum


def checksum_of(number: int) -> int:
    """What `take` gives."""
    return zlib.crc32("".join(f"{number} {frame}" for frame in range(FRAMES)).encode())


def noted(notes: Path) -> int:
    """How many frames have been computed."""
    return sum(path.read_text().count("\n") for path in notes.iterdir())


def runs(notes: Path) -> dict[int, list[list[int]]]:
    """The frames of each run of each take, in the order in which they were computed."""
    found: dict[int, list[list[int]]] = {}
    for path in notes.iterdir():
        lines = [line.split() for line in path.read_text().splitlines()]
        order = Counter(run for run, _ in lines)
        found[int(path.name)] = [[int(frame) for by, frame in lines if by == run] for run in order]
    return found
