"""`mediadask trim`: the plan and the work, as people run them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import mediadask as md
from mediadask.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeClip

EDL = """TITLE: CUT
001  A001     V     C        10:00:00:04 10:00:00:08 01:00:00:00 01:00:00:04
002  A777     V     C        10:00:00:04 10:00:00:08 01:00:00:04 01:00:00:08
"""


@pytest.fixture
def show(make_clip: MakeClip, tmp_path: Path) -> Path:
    clip = make_clip(
        "A001.mov", codec="libx264", options={"g": "6"}, frames=24, size=(320, 180), timecode="10:00:00:00",
        reel="A001",
    )  # fmt: skip
    (tmp_path / "card").mkdir()
    (tmp_path / "card" / "A001.mov").symlink_to(clip)
    (tmp_path / "cut.edl").write_text(EDL)
    return tmp_path


def test_good_events_are_delivered_and_bad_ones_listed(
    show: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = show / "out"
    code = run(
        ["trim", str(show / "cut.edl"), "--media", str(show / "card"), "--out", str(out), "--workers", "1"]
    )
    said = capsys.readouterr()
    assert (code, said.out) == (1, f"{out}/A001_001.mov\n")
    assert "event 002" in said.err
    assert "A001_001.mov: begins 4 frames early, at its key" in said.err
    assert md.Clip.open(out / "A001_001.mov").header.timecode == "10:00:00:00"


def test_a_plan_makes_nothing(show: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "trim",
        str(show / "cut.edl"),
        "-m",
        str(show / "card"),
        "-o",
        str(show / "out"),
        "--handles",
        "2",
    ]
    assert run([*words, "--plan"]) == 1
    table = capsys.readouterr()
    assert "A001_001" in table.out
    assert "2+2" in table.out
    assert "event 002" in table.err
    assert run([*words, "--plan", "--json"]) == 1
    good, bad = json.loads(capsys.readouterr().out)
    assert (good["name"], good["start"], good["stop"], good["head"]) == ("A001_001", 2, 10, 2)
    assert good["notes"][0] == "begins 2 frames early, at its key"
    assert bad["name"] is None
    assert bad["problems"]
    assert not (show / "out").exists()


def test_where_no_event_can_be_delivered_it_is_no_bad_usage(
    show: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (show / "cut.edl").write_text(EDL.replace("A001 ", "A888 "))
    assert run(["trim", str(show / "cut.edl"), "-m", str(show / "card"), "-o", str(show / "out")]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_no_media_or_no_timeline_is_one_line(show: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (show / "empty").mkdir()
    words = ["-m", str(show / "empty"), "-o", str(show / "out")]
    assert run(["trim", str(show / "cut.edl"), *words]) == 2
    assert run(["trim", str(show / "gone.edl"), *words]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert "no clips" in first
    assert "gone.edl: no such file" in second
