"""`mediadask pull`: what it makes, plans, lists and returns."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

EDL = """TITLE: T
001  A001 V  C  10:00:00:01 10:00:00:04 01:00:00:00 01:00:00:03
"""
NOBODY = "002  B001 V  C  10:00:00:01 10:00:00:04 01:00:00:03 01:00:00:06\n"
PULL = ["--handles", "1", "--show", "ABC", "--field", "episode=104"]
LOGC4 = ["--input-space", "ARRI LogC4"]


@pytest.fixture
def edl(tmp_path: Path) -> Path:
    path = tmp_path / "t.edl"
    path.write_text(EDL)
    return path


def test_plates_are_made_and_a_rerun_finds_them(run: Run, good: Path, edl: Path, tmp_path: Path) -> None:
    command = ["pull", edl, "--media", good.parent, "--out", "out", *PULL, *LOGC4]
    done = run(*command, "--workers", "1")
    plate = tmp_path / "out" / "ABC_104_unnamed0010_PL01_v001.%04d.exr"
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{plate}\n", "")
    frames = sorted((tmp_path / "out").glob("*.exr"))
    assert [path.name.split(".")[1] for path in frames] == ["1001", "1002", "1003", "1004", "1005"]
    times = [path.stat().st_mtime_ns for path in frames]
    again = run(*command, "--json")
    (row,) = json.loads(again.stdout)
    assert (row["frames"], row["written"], row["first_frame"], row["error"]) == (5, 0, 1001, None)
    assert [path.stat().st_mtime_ns for path in frames] == times


def test_a_plan_makes_nothing(run: Run, good: Path, edl: Path, tmp_path: Path) -> None:
    edl.write_text(EDL + NOBODY)
    done = run("pull", edl, "--media", good.parent, "--out", "out", "--plan", "--json", *PULL)
    first, second = json.loads(done.stdout)
    assert done.returncode == 1
    assert first["name"] == "ABC_104_unnamed0010_PL01_v001.%04d.exr"
    assert second["problems"]
    assert not (tmp_path / "out").exists()


def test_the_event_nobody_shot_is_listed_and_the_rest_delivered(
    run: Run, good: Path, edl: Path, tmp_path: Path, scheduler: str
) -> None:
    edl.write_text(EDL + NOBODY)
    command = ["pull", edl, "--media", good.parent, "--out", "out", "--no-review", *PULL, *LOGC4]
    done = run(*command, "--pool", scheduler)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "B001" in done.stderr
    assert len(list((tmp_path / "out").glob("*.exr"))) == 5


def test_some_shots_of_a_list_and_its_count_sheet(run: Run, good: Path, edl: Path, tmp_path: Path) -> None:
    edl.write_text(EDL + "* LOC: 01:00:00:00 RED AB_0010 paint\n" + NOBODY)
    command = ["pull", edl, "--media", good.parent, "--out", "out", "--handles", "1", *LOGC4]
    done = run(*command, "--only-shots", "named", "--plan", "--csv")
    (row,) = csv.DictReader(done.stdout.splitlines())
    assert (done.returncode, row["Shot Code"], row["Cut In"]) == (0, "AB_0010", "1002")
    assert done.stderr == "1 of 2 events are not of --only-shots, and are left out\n"
    done = run(*command, "--only-shots", "XY_*", "--workers", "1")
    assert (done.returncode, done.stdout) == (0, ""), "what names no shot is no failure"
    assert "none of 2 events is of --only-shots" in done.stderr


def test_a_shot_list_is_pulled(run: Run, good: Path, tmp_path: Path) -> None:
    shots = tmp_path / "shots.csv"
    shots.write_text("shot,reel,in,out,handles,plate\nAB_0010,A001,10:00:00:01,10:00:00:03,1,BG01\n")
    how = ["--media", good.parent, "--out", "out", "--no-review", *LOGC4, "--workers", "1"]
    done = run("pull", shots, *how)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(list((tmp_path / "out").glob("AB_0010_BG01_v001.*.exr"))) == 4
    assert (tmp_path / "out" / "shots_count_sheet.csv").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--csv"], "add --plan"),
        (["--only-shots", "AB_("], "is no pattern"),
        (["--shot-list", "none.csv"], "none.csv"),
        (["--reference", "none.mov"], "none.mov"),
        (["--compression", "lzw"], "'lzw' is not one of 'none', 'zip'"),
        (["--name", "/etc/{shot}.{frame:04}.exr"], "absolute"),
        (["--field", "episode104"], "--field episode104: is not NAME=VALUE; put a = between the two"),
        (["--fdl", "none.fdl"], "none.fdl"),
        (["--config", "none.ocio"], "none.ocio"),
        (["--otio", "plan.otio"], "add --plan"),
    ],
)
def test_what_makes_no_sense_is_bad_input(
    run: Run, good: Path, edl: Path, tmp_path: Path, words: list[str], said: str, scheduler: str
) -> None:
    done = run("pull", edl, "--media", good.parent, "--out", "out", *PULL, *words, "--pool", scheduler)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("listed", [NOBODY, EDL + NOBODY])
def test_where_no_event_can_be_delivered_all_are_listed_and_it_is_no_bad_usage(
    run: Run, good: Path, edl: Path, tmp_path: Path, listed: str, scheduler: str
) -> None:
    """`NOBODY` matches nothing; of the other nobody knows the color space."""
    edl.write_text(listed)
    done = run("pull", edl, "--media", good.parent, "--out", "out", *PULL, "--pool", scheduler)
    assert (done.returncode, done.stdout) == (1, "")
    assert sum(line.startswith("event ") for line in done.stderr.splitlines()) == listed.count(" V ")
    assert not list(tmp_path.rglob("*.exr"))


def test_media_that_are_not_there_are_bad_input(run: Run, good: Path, edl: Path, tmp_path: Path) -> None:
    words = ("pull", edl, "--media", good.parent, "--media", "nowhere", "--out", "out", *PULL, *LOGC4)
    done = run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"mediadask: {tmp_path}/nowhere: no such file; check the path\n"
    (tmp_path / "nowhere").mkdir()
    done = run("pull", edl, "--media", "nowhere", *words[6:])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "mediadask: nowhere: holds no clips; name a folder or files with clips\n"
