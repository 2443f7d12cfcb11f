"""The conform pull, run as a production runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import mediadask as md
from mediadask import footage

if TYPE_CHECKING:
    from tests.conftest import MakeClip

SCRIPT = Path(__file__).parents[2] / "pipelines" / "conform_pull.py"
EDL = """TITLE: REEL 2
001  A001C001     V     C        10:00:00:10 10:00:00:20 01:00:00:00 01:00:00:10
002  A001C001     V     C        10:00:01:00 10:00:01:12 01:00:00:10 01:00:00:22
003  Z999C001     V     C        10:00:01:00 10:00:01:12 01:00:00:22 01:00:01:10
"""


def test_events_are_cut_checked_and_the_missing_named(
    make_clip: MakeClip, tmp_path: Path, scheduler: str
) -> None:
    clip = make_clip(
        "A001C001.mxf", codec="dnxhd", pixel_format="yuv422p", options={"profile": "dnxhr_lb"}, frames=48,
        size=(320, 180), timecode="10:00:00:00", reel="A001C001", sound="pcm_s24le",
    )  # fmt: skip
    (tmp_path / "card").mkdir()
    (tmp_path / "card" / clip.name).symlink_to(clip)
    (tmp_path / "reel2.edl").write_text(EDL)
    out = tmp_path / "conform"
    command = [sys.executable, SCRIPT, tmp_path / "reel2.edl", "--media", tmp_path / "card", "--out", out]
    command += ["--handles", "4", "--pool", scheduler]
    run = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    assert run.returncode == 1
    assert run.stdout.splitlines() == [
        f"{out}/A001C001_001.mxf",
        f"{out}/A001C001_002.mxf",
        "trim: 2 done, 1 failed",
    ]
    assert "no clip has reel 'Z999C001'" in run.stderr
    assert "Traceback" not in run.stderr
    trimmed = md.Clip.open(out / "A001C001_002.mxf")
    assert trimmed.header.timecode == "10:00:00:20"
    numbers = [footage.read_number(frame.planes[0]) for frame in trimmed.frames()]
    assert numbers == list(range(20, 40))
    assert (out / "REEL_2.otio").exists()
