"""Outputs never replace a source, whatever links, marks, receipts and options say."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import mediadask as md
from mediadask.errors import InvalidRequest
from mediadask.render.output import Output
from mediadask.render.sources import Sources
from mediadask.render.video import MOVIE

if TYPE_CHECKING:
    from tests.conftest import MakeClip


@pytest.fixture
def folder(make_clip: MakeClip, tmp_path: Path) -> Path:
    folder = tmp_path / "card"
    folder.mkdir()
    shutil.copy(make_clip("a.mov", codec="mpeg4", frames=3), folder / "a.mov")
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_link_to_a_source_is_not_written_through(link: object, folder: Path, tmp_path: Path) -> None:
    before = content(folder)
    out = tmp_path / "out"
    out.mkdir()
    link(folder / "a.mov", out / "a.mp4")  # type: ignore[operator]
    report = md.proxy(folder / "a.mov", out).compute()
    assert len(report.failures) == 1
    assert content(folder) == before
    assert (out / "a.mp4").samefile(folder / "a.mov")


def test_a_source_that_says_it_was_made_here_is_none_the_less_a_source(folder: Path) -> None:
    """Its mark is a copy of the one that the proxy of the other clip carries, but of older making."""
    made = md.proxy(folder / "a.mov", folder).compute().results
    assert [one.url for one in made] == [str(folder / "a.mp4")]
    mark = MOVIE.read_mark(str(folder / "a.mp4"))
    assert mark is not None
    before = content(folder)
    report = md.proxy([folder / "a.mov", folder / "a.mp4"], folder / ".." / "card", codec="hevc").compute()
    assert any("is a source, which no output replaces" in one.failure.error for one in report.failures)
    after = content(folder)
    assert {name: after[name] for name in before} == before


def test_sources_are_known_by_whatever_name(folder: Path, tmp_path: Path) -> None:
    (folder / "f.0001.png").write_bytes(b"frame")
    os.link(folder / "a.mov", tmp_path / "hard.mp4")
    (tmp_path / "soft.mp4").symlink_to(folder / "a.mov")
    (tmp_path / "linked").symlink_to(folder)
    (tmp_path / "b.mp4").write_bytes(b"b")
    sources = Sources([str(folder / "a.mov"), str(folder / "f.%04d.png?layer=x")])
    for name in ("hard.mp4", "soft.mp4", "card/../card/a.mov", "linked/a.mov", "linked/f.0001.png"):
        with pytest.raises(InvalidRequest, match="is a source"):
            sources.refuse([str(tmp_path / name)])
    sources.refuse([str(tmp_path / "b.mp4"), str(tmp_path / "new.mp4"), "s3://bucket/a.mov"])


def test_a_hidden_folder_that_is_a_link_is_not_used(folder: Path, tmp_path: Path) -> None:
    """Folders in it that are older than a week were removed, whosever they were."""
    private = tmp_path / "private"
    (private / "diary").mkdir(parents=True)
    (private / "diary" / "page").write_text("dear")
    old = time.time() - 30 * 24 * 3600
    os.utime(private / "diary", (old, old))
    out = tmp_path / "out"
    out.mkdir()
    (out / ".mediadask").symlink_to(private)
    (failure,) = md.proxy(folder / "a.mov", out).compute().failures
    assert "is a link; remove it" in failure.failure.error
    Output.of(str(out / "a.mp4"), MOVIE, "a").clear()
    assert (private / "diary" / "page").read_text() == "dear"


def test_only_what_was_made_here_is_tidied(tmp_path: Path) -> None:
    old = time.time() - 30 * 24 * 3600
    for name in ("somebody", f"a.mp4-{'0' * 20}"):
        (tmp_path / ".mediadask" / name).mkdir(parents=True)
        os.utime(tmp_path / ".mediadask" / name, (old, old))
    Output.of(str(tmp_path / "b.mp4"), MOVIE, "b").clear()
    assert [path.name for path in (tmp_path / ".mediadask").iterdir()] == ["somebody"]
