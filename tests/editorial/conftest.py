"""Clips as inspection describes them, and lists as editing systems write them."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from mediadask.editorial import Timeline, read_timeline
from mediadask.metadata import ClipMetadata

if TYPE_CHECKING:
    from pathlib import Path


class ReadList(Protocol):
    def __call__(self, text: str | bytes, suffix: str = ..., **how: Any) -> Timeline: ...


def clip(
    reel: str | None,
    start: str | None = "01:00:00:00",
    frames: int = 240,
    *,
    rate: Fraction | int = 24,
    path: str | None = None,
) -> ClipMetadata:
    exact = Fraction(rate)
    return ClipMetadata(
        path=path or f"/card/{reel}.mov",
        container="mov",
        codec="prores",
        width=1920,
        height=1080,
        pixel_format="yuv422p10le",
        bit_depth=10,
        frame_rate=f"{exact.numerator}/{exact.denominator}",
        frames=frames,
        missing_frames=0,
        start_timecode=start,
        drop_frame=None if start is None else ";" in start,
        reel=reel,
        audio_tracks=0,
        size_bytes=1,
    )


@pytest.fixture
def read_list(tmp_path: Path) -> ReadList:
    """`read_list(text)` writes an EDL and reads it."""

    def read(text: str | bytes, suffix: str = ".edl", **how: Any) -> Timeline:
        path = tmp_path / f"turnover{suffix}"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_timeline(path, **how)

    return read
