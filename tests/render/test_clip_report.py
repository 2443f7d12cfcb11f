"""The report of clips that a person reads, and the tables that programs do."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

import mediadask as md
from mediadask.errors import InvalidRequest

if TYPE_CHECKING:
    from tests.conftest import Command, MakeClip


@pytest.fixture
def folder(make_clip: MakeClip, tmp_path: Path) -> Path:
    made = make_clip(
        "plain.mov", codec="libx264", size=(128, 72), frames=4, timecode="01:00:00:00", reel="A1"
    )
    rushes = tmp_path / "rushes"
    rushes.mkdir()
    for name in ("A001C001_240101_R1AB", "A001C002_240101_R1AB<b>"):
        shutil.copy(made, rushes / f"{name}.mov")
    (rushes / "A001C001_240101_R1ABM01.XML").write_text("<!DOCTYPE a><a/>")
    (rushes / "broken.mov").write_bytes(b"no clip")
    return rushes


def test_the_report_has_pictures_cards_and_what_is_wrong(
    mediadask: Command, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "report.html"
    done = mediadask("info", folder, "--report", out)
    assert done.returncode == 1
    assert f"{folder / 'broken.mov'}: " in done.stderr
    assert "document type declaration" in done.stderr
    page = out.read_text()
    assert len(re.findall(r"<img [^>]*src='data:image/jpeg;base64,", page)) == 2
    assert "broken.mov" in page
    assert "A001C002_240101_R1AB&lt;b&gt;" in page
    assert "<b>" not in page
    assert "Camera formats" in page
    assert "document type declaration" in page
    assert not list(tmp_path.glob(".mediadask/**/*.part*"))


def test_the_report_is_a_delivery(folder: Path, tmp_path: Path) -> None:
    work = md.clip_report([folder / "A001C001_240101_R1AB.mov"], tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()
    (found,) = work.compute().results
    assert (found.frames, (tmp_path / "r.html").exists()) == (4, True)
    with pytest.raises(InvalidRequest, match=r"name it \.html"):
        md.clip_report([], tmp_path / "r.txt")


def test_tables(mediadask: Command, folder: Path, tmp_path: Path) -> None:
    (folder / "broken.mov").unlink()
    mediadask("info", folder, "--report", tmp_path / "t.csv")
    rows = pd.read_csv(tmp_path / "t.csv")
    assert rows.frames.tolist() == [4, 4]
    assert json.loads(rows.sources[0])["frames"] == "frame index"
    mediadask("info", folder, "--report", tmp_path / "t.json")
    assert [clip["frames"] for clip in json.loads((tmp_path / "t.json").read_text())] == [4, 4]
    done = mediadask("info", folder, "--report", tmp_path / "t.doc")
    assert done.returncode == 2
    assert done.stderr.endswith("name it .html, .parquet, .csv, .json\n")


def test_a_table_for_xarray(folder: Path) -> None:
    table = md.inspect_many(folder).compute()
    dataset = table.set_index("path").to_xarray()
    assert dataset.frames.sizes == {"path": 3}


def test_a_parquet_table(mediadask: Command, folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    mediadask("info", folder, "--report", tmp_path / "t.parquet")
    assert pd.read_parquet(tmp_path / "t.parquet").start_timecode.tolist() == ["01:00:00:00"] * 2
