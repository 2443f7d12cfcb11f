"""Names and tags from outside are shown written out: nothing in them reaches a terminal."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mediadask.clips import Clip
from mediadask.errors import MissingMedia
from mediadask.text import escaped_json, json_text, printable

if TYPE_CHECKING:
    from tests.conftest import Command, MakeClip

NASTY = "esc\x1b[31m osc\x1b]0;title\x07 rtl\u202egnp bell\x07 c1\x9b31m nul"
WRITTEN = r"esc\x1b[31m osc\x1b]0;title\x07 rtl\u202egnp bell\x07 c1\x9b31m nul"


@pytest.fixture
def nasty(make_clip: MakeClip, tmp_path: Path) -> Path:
    clip = make_clip("plain.mov", codec="mpeg4", frames=2, timecode="01:00:00:00", reel="r\x1b[1m\u2067x")
    path = tmp_path / f"{NASTY}.mov"
    shutil.copy(clip, path)
    return path


@pytest.mark.parametrize("how", [[], ["--csv"], ["--json"]])
def test_info_shows_nothing_that_a_terminal_obeys(mediadask: Command, how: list[str], nasty: Path) -> None:
    for clips in ([nasty], [nasty, nasty.parent / "missing\x1b[0m.mov"]):
        done = mediadask("info", *how, *clips)
        assert all(char.isprintable() or char == "\n" for char in done.stdout + done.stderr)
        assert (WRITTEN if "--json" not in how else r"\u001b[31m") in done.stdout
    if "--json" in how:
        assert json.loads(done.stdout)[0]["path"] == str(nasty)


def test_errors_and_notebooks_show_it_too(nasty: Path) -> None:
    assert WRITTEN in Clip.open(nasty)._repr_html_()
    error = MissingMedia("no such file", where=str(nasty))
    assert WRITTEN in str(error)
    assert error.where == str(nasty)


def test_outputs_are_listed_written_out(mediadask: Command, nasty: Path, tmp_path: Path) -> None:
    done = mediadask("sheet", nasty, "--out", tmp_path / "out")
    assert done.returncode == 0
    assert WRITTEN in done.stdout
    assert done.stdout.strip().isprintable()


def test_text_that_is_printable_stays_as_it_is() -> None:
    for text in ("A001_C002 Straße 映画.mov", "a\\x1b.mov"):
        assert printable(text) == text
        assert json.loads(json_text([text])) == [text]
    assert printable("a\nb\u2069\udcff") == r"a\nb\u2069\udcff"
    assert escaped_json('["\u202e"]') == r'["\u202e"]'
