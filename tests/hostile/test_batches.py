"""A batch with hostile clips in it: the good ones are delivered, and each bad one gets its line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.hostile.conftest import INPUTS

if TYPE_CHECKING:
    from tests.conftest import Command, MakeClip

REFUSED = ("others.mov", "display_window.exr", "short_table.mp4", "type_not_utf8.exr")


@pytest.fixture
def batch(tmp_path: Path, make_clip: MakeClip) -> list[Path]:
    """Two good clips with all the bad ones before, between and behind them."""
    good = [make_clip(f"good{n}.mov", codec="mpeg4", frames=3) for n in (1, 2)]
    bad = []
    for name in REFUSED:
        bad.append(tmp_path / name)
        bad[-1].write_bytes((INPUTS / name).read_bytes())
    return [bad[0], bad[1], good[0], bad[2], good[1], bad[3]]


def test_info_tells_of_the_good_clips_and_of_each_bad_one(mediadask: Command, batch: list[Path]) -> None:
    done = mediadask("info", *batch)
    assert done.returncode == 1
    assert done.stdout.count("good") == 2
    lines = done.stderr.splitlines()
    assert len(lines) == len(REFUSED)
    assert all(any(line.split(":")[0].endswith(name) for line in lines) for name in REFUSED)


def test_sheets_are_made_of_the_good_clips(mediadask: Command, batch: list[Path], tmp_path: Path) -> None:
    done = mediadask("sheet", *batch, "--out", tmp_path / "out")
    assert done.returncode == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["good1.jpg", "good2.jpg"]
    assert len(done.stderr.splitlines()) == len(REFUSED)


def test_only_bad_input_is_bad_input(mediadask: Command, batch: list[Path]) -> None:
    assert mediadask("info", batch[0], batch[1]).returncode == 2
