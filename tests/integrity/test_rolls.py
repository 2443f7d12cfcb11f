"""Names and rolls: what is mixed up, what no disk keeps, and where a manifest belongs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import mediadask as md
from mediadask.integrity.rolls import clip_roll, roll_of_name, unusable
from tests.integrity.conftest import write_roll

if TYPE_CHECKING:
    from mediadask.integrity.verification import Verification
    from tests.conftest import Command


def sealed(folder: Path) -> Verification:
    found: Verification = md.verify(folder, seal=True).compute(scheduler="sync")
    return found


def wrong(report: Verification, status: str) -> dict[str, str]:
    return {
        check.path: check.line or ""
        for folder in report.folders
        for check in folder.checks
        if check.status == status
    }


@pytest.mark.parametrize(
    ("name", "roll"),
    [
        ("A001", "A001"),
        ("B014R2EC", "B014"),
        ("A001_0101AB.RDM", "A001"),
        ("S003", "S003"),
        ("A001C001_240101_R1AB", None),
        ("A001_C001_0101AB.RDC", None),
        ("A2023-archive", None),
        ("CLIPS001", None),
        ("PRIVATE", None),
        ("a001", None),
    ],
)
def test_what_is_named_as_a_roll(name: str, roll: str | None) -> None:
    assert roll_of_name(name) == roll


@pytest.mark.parametrize(
    ("name", "roll"),
    [
        ("A001C001.mov", "A001"),
        ("A001_C001_0101AB.RDC", "A001"),
        ("A001C001_240101_R1AB.mxf", "A001"),
        ("A001.ale", None),
        ("C0001.MP4", None),
        ("A001C0011.mov", None),
    ],
)
def test_what_is_named_as_a_clip(name: str, roll: str | None) -> None:
    assert clip_roll(name) == roll


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("A001_C001-2.mov", None),
        ("Jörg 2.mov", None),
        ("two\nlines.mov", "line break"),
        ("6'2.mov", "quote"),
        ('say "cut".mov', "quote"),
        ("a:b.mov", "other systems refuse"),
        ("back\\slash.mov", "other systems refuse"),
        ("blank ", "blank"),
        ("dot.", "dot"),
        (os.fsdecode(b"A\xff.mov"), "UTF-8"),
    ],
)
def test_names_that_do_not_survive(name: str, why: str | None) -> None:
    found = unusable(name)
    assert found is None if why is None else why in (found or "")


def test_a_name_with_a_quote_is_told_and_sealed(roll: Path) -> None:
    (roll / "CLIPS/5' take.mov").write_bytes(b"x")
    report = sealed(roll)
    assert "has a quote" in wrong(report, "name")["CLIPS/5' take.mov"]
    assert report.folders[0].sealed
    assert len(report.failures) == 1, "the clip itself is verified"
    assert len(md.verify(roll).compute(scheduler="sync").failures) == 1


def test_names_that_differ_in_case_alone(roll: Path) -> None:
    (roll / "a001.ALE").write_bytes(b"other")
    assert "is one file with A001.ale" in wrong(sealed(roll), "name")["a001.ALE"]


def test_clips_in_the_wrong_roll(roll: Path) -> None:
    write_roll(roll, {"CLIPS/A002C001.RDC/A002C001_001.R3D": b"x", "B001/B001C001.mov": b"y"})
    found = wrong(sealed(roll), "roll")
    assert found.keys() == {"CLIPS/A002C001.RDC", "B001"}, "a line for the clip's folder, none for its files"
    assert "clip of roll A002, and lies in A001" in found["CLIPS/A002C001.RDC"]


def test_two_rolls_with_one_name(tmp_path: Path) -> None:
    day = tmp_path / "20260501"
    write_roll(day / "camera/A001")
    write_roll(day / "backup/A001")
    assert not wrong(sealed(day), "roll"), "a copy has the same name"
    (day / "backup/A001/A001.ale").write_bytes(b"of another card")
    found = wrong(sealed(day), "roll")
    assert "has the name of the roll backup/A001 and other content" in found["camera/A001"]


def test_where_a_roll_has_its_manifest(tmp_path: Path) -> None:
    day = tmp_path / "20260501"
    for name in ("A001", "B001", "C001"):
        write_roll(day / name)
    assert not sealed(day / "A001").folders[0].notes
    sealed(day / "B001" / "CLIPS")
    notes = md.verify(day).compute(scheduler="sync").folders[0].notes
    assert notes == (
        "B001 has no manifest at its root, where one is expected, but in B001/CLIPS",
        "C001 has no manifest at its root, where one is expected: seal the roll itself",
    )


def test_notes_are_told_and_no_failure(roll: Path, mediadask: Command) -> None:
    (roll / "Tag 1.txt").write_bytes(b"x")
    done = mediadask("verify", roll, "--seal")
    assert done.returncode == 0
    assert "Tag 1.txt has characters besides" in done.stderr
