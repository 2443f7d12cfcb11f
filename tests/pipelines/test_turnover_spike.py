"""The spike, run as an operator runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mediadask.pool.ledger.reports import delays
from mediadask.pool.ledger.tables import open_database

if TYPE_CHECKING:
    from tests.conftest import MakeClip

SCRIPT = Path(__file__).parents[2] / "pipelines" / "turnover_spike.py"


def spike(ledger: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
        env={**os.environ, "MEDIADASK_LEDGER": str(ledger)},
    )


def test_proxies_step_aside_for_the_turnover_and_both_are_delivered(
    make_clip: MakeClip, tmp_path: Path
) -> None:
    clips = [
        make_clip(
            f"A00{number}.mov", codec="mpeg4", size=(960, 540), frames=200, scene=number,
            timecode="10:00:00:00", reel=f"A00{number}",
        )
        for number in range(2)
    ]  # fmt: skip
    ledger, page, out, edl = (tmp_path / name for name in ("ledger.sqlite", "spike.html", "out", "vfx.edl"))
    edl.write_text("TITLE: VFX\n001  A001  V  C  10:00:01:00 10:00:01:08 01:00:00:00 01:00:00:08\n")
    done = spike(ledger, *clips, "--turnover", edl, "--out", out, "--plot", page, "--workers", 1)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in (out / "proxies").glob("*.*")) == ["A000.mp4", "A001.mp4"]
    assert len(list((out / "plates").rglob("*.exr"))) == 8
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


def test_it_shoots_into_no_folder_that_is_there(tmp_path: Path) -> None:
    card = tmp_path / "out" / "card"
    card.mkdir(parents=True)
    done = spike(tmp_path / "ledger.sqlite", "--out", tmp_path / "out", "--plot", tmp_path / "spike.html")
    assert done.returncode == 2
    assert (
        done.stderr
        == f"turnover_spike.py: {card}: clips cannot be put there (File exists); name another --out\n"
    )
