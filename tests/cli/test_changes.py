"""`mediadask changes`: a table, JSON, CSV; and what it refuses."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

OLD = """TITLE: T
001  A001 V  C  10:00:00:01 10:00:00:04 01:00:00:00 01:00:00:03
* LOC: 01:00:00:00 RED ABC_0010
002  A001 V  C  10:00:00:04 10:00:00:06 01:00:00:03 01:00:00:05
* LOC: 01:00:00:03 RED ABC_0020
"""
NEW = """TITLE: T
001  A001 V  C  10:00:00:00 10:00:00:04 01:00:00:00 01:00:00:04
* LOC: 01:00:00:00 RED ABC_0010
"""


@pytest.fixture
def edits(tmp_path: Path) -> tuple[Path, Path]:
    old, new = tmp_path / "old.edl", tmp_path / "new.edl"
    old.write_text(OLD)
    new.write_text(NEW)
    return old, new


def test_a_table_json_and_csv(run: Run, edits: tuple[Path, Path]) -> None:
    shown = run("changes", *edits, "--rate", "24")
    assert (shown.returncode, shown.stderr) == (0, "")
    heading, one, two = shown.stdout.splitlines()
    assert heading.split()[:2] == ["shot", "change"]
    assert one.startswith("ABC_0010  extended head (+1 frames at the head)")
    assert two.split()[:2] == ["ABC_0020", "omitted"]
    rows = json.loads(run("changes", *edits, "--rate", "24", "--json").stdout)
    assert [(row["shot"], row["status"], row["head"]) for row in rows] == [
        ("ABC_0010", "extended head", 1),
        ("ABC_0020", "omitted", 0),
    ]
    listed = list(csv.DictReader(run("changes", *edits, "--csv").stdout.splitlines()))
    assert [row["status"] for row in listed] == ["extended head", "omitted"]


def test_a_rate_that_nobody_says_is_told(run: Run, edits: tuple[Path, Path]) -> None:
    assert "24 are taken, and --rate names another" in run("changes", *edits).stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--json", "--csv"], "leave one out"),
        (["--rate", "fast"], "fast"),
        (["--shot", "("], "is no regular expression"),
    ],
)
def test_what_makes_no_sense_is_bad_input(
    run: Run, edits: tuple[Path, Path], words: list[str], said: str
) -> None:
    done = run("changes", *edits, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_edit_is_compared_with_plates(
    run: Run, edits: tuple[Path, Path], good: Path, tmp_path: Path
) -> None:
    old, new = edits
    how = ["--media", good.parent, "--out", "out", "--input-space", "ARRI LogC4", "--no-review"]
    assert run("pull", old, *how, "--workers", "1").returncode == 0
    rows = json.loads(run("changes", "out", new, "--json").stdout)
    assert [(row["shot"], row["status"]) for row in rows] == [
        ("ABC_0010", "extended head"),
        ("ABC_0020", "omitted"),
    ]
    done = run("pull", new, *how, "--handles", "0", "--version", "auto", "--only-changed", "--workers", "1")
    assert done.stdout == f"{tmp_path}/out/ABC_0010_PL01_v002.%04d.exr\n"
    assert "ABC_0020_PL01: delivered before, and is no longer in new.edl" in done.stderr
    before = run("pull", new, *how, "--handles", "0", "--color-space", "ACEScg", "--plan")
    assert (before.returncode, "in other colors" in before.stderr) == (1, True), "a plan says so, too"
    before = run(
        "pull", new, *how, "--handles", "0", "--color-space", "ACEScg", "--plan", "--version", "auto"
    )
    assert (before.returncode, "ABC_0010_PL01_v003" in before.stdout) == (0, True)
    done = run("pull", new, *how, "--version", "latest")
    assert (done.returncode, done.stderr) == (
        2,
        "mediadask: --version: cannot be 'latest'; it should be a valid integer or 'auto'\n",
    )
