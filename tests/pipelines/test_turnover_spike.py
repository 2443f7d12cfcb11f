"""The spike, run as an operator runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mediadask.pool.reports import delays
from mediadask.pool.tables import open_database

if TYPE_CHECKING:
    import pytest

    from tests.conftest import MakeClip

SCRIPT = Path(__file__).parents[2] / "pipelines" / "turnover_spike.py"


def spike(ledger: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        env={**os.environ, "MEDIADASK_LEDGER": str(ledger)},
    )


def test_proxies_step_aside_for_the_turnover_and_both_are_delivered(
    make_clip: MakeClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = [
        make_clip(f"A00{number}.mov", codec="mpeg4", size=(1280, 720), frames=150, scene=number)
        for number in range(2)
    ]
    ledger, page, out = tmp_path / "ledger.sqlite", tmp_path / "spike.html", tmp_path / "out"
    done = spike(ledger, *clips, "--out", out, "--plot", page, "--workers", 2)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in out.rglob("*.*") if path.is_file()) == [
        "A000.jpg", "A000.mp4", "A001.jpg", "A001.mp4",
    ]  # fmt: skip
    assert "turnover submitted" in page.read_text()
    engine = open_database(str(ledger))
    made_way = delays(engine)
    engine.dispose()
    assert set(zip(made_way["name"], made_way["for_name"], strict=True)) == {("proxies", "turnover")}


def test_a_plot_of_an_unknown_kind_is_refused_before_anything_runs(tmp_path: Path) -> None:
    done = spike(tmp_path / "ledger.sqlite", "--plot", tmp_path / "spike.pdf")
    assert done.returncode == 2
    assert done.stderr.endswith("name it .html or .png\n")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "ledger.sqlite").exists()
