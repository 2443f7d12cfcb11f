"""The VFX pull pipeline, run as a production runs it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import MakeClip

SCRIPT = Path(__file__).parents[2] / "pipelines" / "vfx_pull.py"
EDL = """TITLE: T
001  A001 V  C  10:00:00:04 10:00:00:08 01:00:00:00 01:00:00:04
002  B001 V  C  10:00:00:04 10:00:00:08 01:00:00:04 01:00:00:08
"""


def test_a_turnover_gets_its_plates_and_what_nobody_shot_is_named(
    make_clip: MakeClip, tmp_path: Path, scheduler: str
) -> None:
    card = tmp_path / "card"
    card.mkdir()
    how = {"codec": "prores_ks", "pixel_format": "yuv422p10le", "size": (128, 72), "frames": 12}
    shutil.copy(make_clip("A.mov", **how, timecode="10:00:00:00", reel="A001"), card)
    (tmp_path / "t.edl").write_text(EDL)
    command = [sys.executable, SCRIPT, "t.edl", "--media", card, "--out", "out", "--handles", "2"]
    command += ["--show", "ABC", "--episode", "104", "--input-space", "ARRI LogC4", "--pool", scheduler]
    run = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path, timeout=600)
    assert run.returncode == 1
    assert "B001" in run.stderr
    assert "Traceback" not in run.stderr
    frames = sorted(path.name for path in (tmp_path / "out").glob("*.exr"))
    assert frames == [f"ABC_104_unnamed0010_PL01_v001.{number}.exr" for number in range(1001, 1009)]


def test_a_timeline_that_is_not_there_is_a_line(tmp_path: Path, scheduler: str) -> None:
    command = [sys.executable, SCRIPT, "nope.edl", "--media", tmp_path, "--out", "out", "--pool", scheduler]
    run = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path, timeout=600)
    assert (run.returncode, run.stdout) == (2, "")
    (line,) = run.stderr.splitlines()
    assert line.startswith(f"vfx_pull.py: {tmp_path / 'nope.edl'}: ")
