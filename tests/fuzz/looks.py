"""How an input of each format is gone through, as commands do."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mediadask.clips import Clip, Frame
from mediadask.documents import Amf, Cdl
from mediadask.documents.fdl import place_by_fdl
from mediadask.editorial import match_events, read_timeline
from mediadask.editorial.matching.media import find_media
from mediadask.errors import MediaWarning
from mediadask.metadata import ClipMetadata
from mediadask.pixels import Color
from tests.hostile import examine

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["look_at"]

_MEDIA = ClipMetadata(
    path="/card/prores.mov", container="mov", codec="prores", width=96, height=64, pixel_format="yuv422p10le",
    bit_depth=10, frame_rate="24/1", frames=8, missing_frames=0, start_timecode="01:00:00:00",
    drop_frame=False, reel="A001", audio_tracks=0, size_bytes=1,
)  # fmt: skip


def look_at(path: Path) -> str:
    """The line that an input gives; empty where it gives what it should. Anything else is raised."""
    return examine.line_of(path, _LOOKS.get(path.suffix, _clip))


def _clip(path: Path) -> None:
    examine.clip(path)
    clip = Clip.open(path)
    if len(clip) < 2:
        return
    # A frame does not depend on where a range begins. By one thread, as in a pool: with several,
    # FFmpeg may miss that it has concealed damage.
    _, first = clip.frames(0, 2, on_corrupt="black", threads=1)
    (again,) = clip.frames(1, 2, on_corrupt="black", threads=1)
    if not _same(first, again):
        raise AssertionError("frame 1 is another when decoding begins with it")


def _same(one: Frame, other: Frame) -> bool:
    pairs = zip(one.planes, other.planes, strict=True)
    return one.valid == other.valid and all(a.tobytes() == b.tobytes() for a, b in pairs)


def _timeline(path: Path) -> None:
    plan = match_events(read_timeline(path), [_MEDIA], handles=2)
    for event in plan.events:
        if event.ok and not 0 <= event.start < event.stop <= _MEDIA.frames:
            raise AssertionError(f"event {event.event.number} is frames {event.start} to {event.stop}")
    plan.to_otio()


def _framing(path: Path) -> None:
    placed = place_by_fdl(path, 96, 64)
    if not all(0 < side <= 1_000_000 for side in placed.size):
        raise AssertionError(f"is placed on {placed.size}")


def _amf(path: Path) -> None:
    amf = Amf.read(path)
    for name in amf.files:
        if not os.path.realpath(name).startswith(os.path.realpath(path.parent) + "/"):
            raise AssertionError(f"names {name}")
    amf.color("look")


def _grades(path: Path) -> None:
    Cdl.read_all(path)


def _lut(path: Path) -> None:
    made = Color.lut(path).apply(np.full((2, 2, 3), 0.5, np.float32))
    if made.shape != (2, 2, 3):
        raise AssertionError(f"made {made.shape}")


def _media(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MediaWarning)
        find_media(path).compute(scheduler="sync")


_LOOKS: dict[str, Callable[[Path], None]] = {
    **dict.fromkeys((".edl", ".ale", ".csv", ".otio", ".xml", ".fcpxml"), _timeline),
    **dict.fromkeys((".cc", ".ccc", ".cdl"), _grades),
    **dict.fromkeys((".cube", ".clf"), _lut),
    ".fdl": _framing,
    ".amf": _amf,
    ".json": _media,
}
