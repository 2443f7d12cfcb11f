"""`--plan`: what a turnover would deliver, as a table, as JSON and as OTIO."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import opentimelineio as otio
import pytest

from mediadask.cli.main import run
from mediadask.metadata import inspect

if TYPE_CHECKING:
    from pathlib import Path

EDL = """TITLE: CUT
001  A001     V     C        10:00:00:02 10:00:00:04 01:00:00:00 01:00:00:02
* LOC: 01:00:00:00 GREEN ABC_104_065_010
002  A777     V     C        10:00:00:04 10:00:00:06 01:00:00:02 01:00:00:04
"""


@pytest.fixture
def words(good: Path, tmp_path: Path) -> list[str]:
    """A dry run over a list that ``info --json`` would print."""
    (tmp_path / "cut.edl").write_text(EDL)
    (tmp_path / "rushes.json").write_text(json.dumps([inspect(good).as_dict()]))
    return [
        *("pull", str(tmp_path / "cut.edl"), "--media", str(tmp_path / "rushes.json")),
        *("--out", str(tmp_path / "out"), "--handles", "1", "--plan"),
    ]


def test_a_table_of_every_event(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 1
    said = capsys.readouterr()
    good, bad = said.out.splitlines()[1:]
    for cell in ("A001C001.mov", "1-4", "10:00:00:01", "1+1", "ABC_104_065_010_PL01_v001"):
        assert cell in good
    assert "no clip has reel 'A777'" in bad
    assert said.err.startswith("event 002, line 4 (A777): no clip has reel 'A777'")
    assert not (tmp_path / "out").exists()


def test_json_has_a_row_an_event(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*words, "--json"]) == 1
    good, bad = json.loads(capsys.readouterr().out)
    assert (good["event"], good["start"], good["stop"], good["head"], good["tail"]) == ("001", 1, 5, 1, 1)
    assert good["name"] == "ABC_104_065_010_PL01_v001.%04d.exr"
    assert bad["problems"]


def test_otio_is_the_edit_relinked_to_the_clips(words: list[str], good: Path, tmp_path: Path) -> None:
    assert run([*words, "--otio", str(tmp_path / "plan.otio")]) == 1
    found, missing = otio.adapters.read_from_file(str(tmp_path / "plan.otio")).find_clips()
    assert found.media_reference.target_url == str(good)
    assert isinstance(missing.media_reference, otio.schema.MissingReference)


def test_an_otio_that_cannot_be_written_is_one_line(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*words, "--otio", str(tmp_path / "nowhere" / "plan.otio")]) == 2
    assert "plan.otio: cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--name", "../{shot}.{frame:04}.exr"], "climbs out"),
        (["--name", "{shop}.exr"], "has no field {shop}"),
        (["--rate", "fast"], "is no frame rate"),
        (["--rate", "25"], "counts 25 frames a second"),
    ],
)
def test_what_cannot_be_is_one_line_each(
    more: list[str], message: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*words, *more]) in (1, 2)
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
