"""No encoder makes a process real-time."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from mediadask import footage
from mediadask.clips import ColorTags
from mediadask.render.video import ENCODERS, video_writer

TASKS = Path("/proc/self/task")

pytestmark = pytest.mark.skipif(
    not TASKS.is_dir() or os.geteuid() != 0, reason="SVT-AV1 makes threads real-time for root on Linux only"
)


def policies() -> set[int]:
    """Those of all threads of this process."""
    return {os.sched_getscheduler(int(thread)) for thread in os.listdir(TASKS)}


def test_av1_leaves_threads_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    shape: dict[str, Any] = {"width": 64, "height": 64, "rate": Fraction(24), "gop": 24, "color": ColorTags()}
    with path.open("w+b", buffering=0) as file, video_writer(file, ENCODERS["av1"], **shape) as write:
        assert policies() == {os.SCHED_OTHER}
        write(av.VideoFrame(64, 64, "yuv420p10le"))
    footage.write_clip(tmp_path / "b.mp4", codec="libsvtav1", frames=2, size=(64, 64))
    assert policies() == {os.SCHED_OTHER}
