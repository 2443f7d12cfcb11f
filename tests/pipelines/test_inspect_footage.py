"""The batch script, as a production runs it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import MakeClip

SCRIPT = Path(__file__).parents[2] / "pipelines" / "inspect_footage.py"


def inspect(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)


def test_a_folder_becomes_a_table_and_the_unreadable_are_listed(
    make_clip: MakeClip, tmp_path: Path, scheduler: str
) -> None:
    shutil.copy(make_clip("a.mov", codec="mpeg4", size=(128, 72), frames=4), tmp_path / "good.mov")
    (tmp_path / "bad.mov").write_text("not a clip")
    done = inspect(tmp_path, tmp_path / "table.json", "--pool", scheduler)
    assert (done.returncode, done.stdout) == (1, f"2 clips, 1 of them unreadable: {tmp_path}/table.json\n")
    assert done.stderr.startswith(f"{tmp_path}/bad.mov: ")
    bad, good = json.loads((tmp_path / "table.json").read_text())
    assert (good["frames"], good["error"], good["frame_rate"]) == (4, None, "24/1")
    assert (bad["frames"], bad["path"]) == (None, f"{tmp_path}/bad.mov")
    assert done.stderr == bad["error"] + "\n"


def test_no_table_is_made_of_nothing(tmp_path: Path, scheduler: str) -> None:
    done = inspect(tmp_path / "nowhere", tmp_path / "table.csv", "--pool", scheduler)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{tmp_path}/nowhere: no such file" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "table.csv").exists()
