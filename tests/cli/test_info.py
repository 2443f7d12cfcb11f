"""`mediadask info`: its three forms, and what it does with clips it cannot read."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
from typing import TYPE_CHECKING

import pytest

import mediadask as md
from mediadask import footage
from mediadask.cli.main import run as command_line

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run


def test_json_is_a_list_of_every_field(run: Run, good: Path) -> None:
    done = run("info", "--json", good)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == [md.inspect(good).as_dict()]


def test_csv_has_a_column_for_every_field(run: Run, good: Path, tmp_path: Path) -> None:
    other = shutil.copy(good, tmp_path / "B.mov")
    done = run("info", "--csv", good, other)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert done.returncode == 0
    assert list(rows[0]) == list(md.ClipMetadata.__dataclass_fields__)
    assert [(row["path"], row["frames"], row["iso"]) for row in rows] == [
        (str(good), "6", ""),
        (str(other), "6", ""),
    ]
    assert json.loads(rows[0]["sources"])["frames"] == "frame index"


def test_one_clip_is_shown_whole_with_the_source_of_each_fact(run: Run, good: Path) -> None:
    done = run("info", good)
    assert done.returncode == 0
    lines = [re.split(r"\s{2,}", line.strip()) for line in done.stdout.splitlines()]
    assert ["start_timecode", "10:00:00:00", "mov header"] in lines
    assert ["frames", "6", "frame index"] in lines


def test_several_clips_are_a_row_each(run: Run, good: Path, tmp_path: Path) -> None:
    other = shutil.copy(good, tmp_path / "B002C003.mov")
    done = run("info", good, other)
    head, *rows = done.stdout.splitlines()
    assert head.split() == ["clip", "size", "rate", "frames", "start", "reel", "codec", "sound"]
    assert [row.split()[:6] for row in rows] == [
        ["A001C001.mov", "128x72", "24", "6", "10:00:00:00", "A001"],
        ["B002C003.mov", "128x72", "24", "6", "10:00:00:00", "A001"],
    ]


@pytest.mark.parametrize("form", [[], ["--json"], ["--csv"]])
def test_what_is_piped_has_no_control_characters(
    run: Run, good: Path, tmp_path: Path, form: list[str]
) -> None:
    hostile = shutil.copy(good, tmp_path / "red\x1b[31m\x07.mov")
    done = run("info", *form, good, hostile, tmp_path / "no\x1b[2Jthing.mov")
    assert done.returncode == 1
    assert "no\\x1b[2Jthing.mov" in done.stderr
    text = done.stdout if form != ["--csv"] else ""  # CSV keeps names as they are: it is read by programs
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text + done.stderr)


@pytest.mark.parametrize("what", ["missing", "empty", "text", "cut", "camera"])
def test_one_bad_clip_is_bad_input(run: Run, bad: dict[str, Path], what: str) -> None:
    done = run("info", bad[what])
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(rf"{re.escape(str(bad[what]))}: .+; .+\n", done.stderr), done.stderr


def test_a_bad_clip_is_listed_and_the_others_are_shown(run: Run, good: Path, bad: dict[str, Path]) -> None:
    done = run("info", "--json", *bad.values(), good)
    assert done.returncode == 1
    assert [clip["path"] for clip in json.loads(done.stdout)] == [str(good)]
    assert len(done.stderr.splitlines()) == len(bad)
    assert all(str(path) in done.stderr for path in bad.values())


def test_two_hundred_clips(run: Run, good: Path, tmp_path: Path) -> None:
    clips = []
    for number in range(200):
        clips.append(tmp_path / f"A{number:03}.mov")
        clips[-1].hardlink_to(good)
    clips[77] = tmp_path / "missing.mov"
    done = run("info", "--json", *clips)
    assert done.returncode == 1
    assert [clip["path"] for clip in json.loads(done.stdout)] == [str(c) for c in clips if c.exists()]
    assert done.stderr == f"{clips[77]}: no such file; check the path\n"


def test_a_batch_goes_through_the_pool(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("mediadask.cli.work._LIGHT_CLIPS", 2)
    clips = [str(tmp_path / f"A{number:04}.mov") for number in range(9)]
    for clip in clips:
        os.link(good, clip)
    code = command_line(["info", "--json", "--workers", "1", *clips, str(tmp_path / "missing.mov")])
    shown = capsys.readouterr()
    assert code == 1
    assert [clip["path"] for clip in json.loads(shown.out)] == clips
    assert shown.err == f"{tmp_path / 'missing.mov'}: no such file; check the path\n"


def test_folders_globs_and_sequences_expand(run: Run, good: Path, tmp_path: Path) -> None:
    card = tmp_path / "card"
    card.mkdir()
    for name in ("A1.mov", "A2.mov", "A10.mov"):
        shutil.copy(good, card / name)
    footage.write_sequence(tmp_path / "plate.%04d.exr", frames=3, size=(64, 36))
    done = run("info", "--json", card, "plate.####.exr", f"{card}/A1*.mov")
    assert (done.returncode, done.stderr) == (0, "")
    found = [(clip["path"].rpartition("/")[2], clip["frames"]) for clip in json.loads(done.stdout)]
    assert found == [("A1.mov", 6), ("A2.mov", 6), ("A10.mov", 6), ("plate.####.exr", 3)]


def test_a_glob_that_matches_nothing_is_listed_beside_what_is_found(
    run: Run, good: Path, tmp_path: Path
) -> None:
    done = run("info", "--json", "*.mxf", good)
    assert (done.returncode, len(json.loads(done.stdout))) == (1, 1)
    assert done.stderr == f"{tmp_path}/*.mxf: nothing matches; check the pattern\n"


def test_a_folder_without_clips_is_bad_input(run: Run, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    done = run("info", "notes")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "mediadask: notes: holds no clips; name a folder or files with clips\n"


def test_several_words_that_mean_nothing_are_all_listed(run: Run) -> None:
    done = run("info", "*.mxf", "*.mov")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 2)
