"""The proxy pipeline, run as a production runs it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import MakeClip

SCRIPT = Path(__file__).parents[2] / "pipelines" / "make_proxies.py"


def test_a_card_gets_proxies_and_sheets_and_bad_clips_are_named(
    make_clip: MakeClip, tmp_path: Path, scheduler: str
) -> None:
    card = tmp_path / "card"
    card.mkdir()
    shutil.copy(make_clip("A.mp4", codec="libx264", frames=12, size=(320, 180)), card)
    (card / "broken.mov").write_bytes(b"not media" * 100)
    command = [sys.executable, SCRIPT, card, "--out", tmp_path / "out", "--size", "90"]
    command += ["--pool", scheduler]
    run = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    assert run.returncode == 1
    assert "broken.mov" in run.stderr
    assert "Traceback" not in run.stderr
    made = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*"))
    assert [name for name in made if ".mediadask" not in name] == ["proxies/A.mp4", "sheets/A.jpg"]


def test_a_lut_that_is_not_there_is_a_line(make_clip: MakeClip, tmp_path: Path, scheduler: str) -> None:
    clip = make_clip("A.mp4", codec="libx264", frames=12, size=(320, 180))
    command = [sys.executable, SCRIPT, clip, "--out", tmp_path / "out", "--pool", scheduler]
    command += ["--lut", tmp_path / "nope.cube"]
    run = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    assert (run.returncode, run.stdout) == (2, "")
    (line,) = run.stderr.splitlines()
    assert line.startswith(f"make_proxies.py: {tmp_path / 'nope.cube'}: ")
