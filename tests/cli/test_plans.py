"""`--plan`: what a turnover would deliver, as a table, as JSON and as OTIO."""

from __future__ import annotations

import io
import json
import os
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import opentimelineio as otio
import pytest

from mediadask.cli.main import run
from mediadask.metadata import inspect

if TYPE_CHECKING:
    from tests.conftest import MakeClip

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
        *("--out", str(tmp_path / "out"), "--handles", "1", "--input-space", "ARRI LogC4", "--plan"),
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


def test_of_a_joined_clip_the_part_is_named_that_frames_count_from(
    words: list[str], make_clip: MakeClip, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    how = {
        "codec": "prores_ks",
        "pixel_format": "yuv422p10le",
        "size": (128, 72),
        "frames": 6,
        "reel": "A001",
    }
    first = make_clip("A001_1.mov", **how, timecode="10:00:00:00")
    second = make_clip("A001_2.mov", **how, timecode="10:00:00:06")
    (tmp_path / "rushes.json").write_text(json.dumps([inspect(one).as_dict() for one in (first, second)]))
    assert run([*words, "--handles", "3"]) == 1
    good = capsys.readouterr().out.splitlines()[1]
    for cell in ("  A001_1.mov +1  ", "0-6", "2+3", "head handle of 2 frames for 3: the clip begins there"):
        assert cell in good


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
    (tmp_path / "file").touch()
    assert run([*words, "--otio", str(tmp_path / "file" / "plan.otio")]) == 2
    assert "plan.otio: cannot be written" in capsys.readouterr().err


def test_an_otio_is_there_whole_or_as_it_was(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = tmp_path / "plan.otio"
    plan.write_text("as it was")
    sizes = resource.getrlimit(resource.RLIMIT_FSIZE)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, sizes[1]))  # a full disk, after a thousand bytes
    try:
        assert run([*words, "--otio", str(plan)]) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, sizes)
    assert plan.read_text() == "as it was"
    assert not list(tmp_path.glob("*.part*"))
    assert run([*words, "--otio", str(plan)]) == 1
    assert len(otio.adapters.read_from_file(str(plan)).find_clips()) == 2


def test_an_otio_without_a_plan_or_over_the_timeline_is_refused(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*words[:-1], "--otio", str(tmp_path / "plan.otio")]) == 2
    assert "is written with --plan only; add --plan" in capsys.readouterr().err
    assert run([*words, "--otio", str(tmp_path / "cut.edl")]) == 2
    assert "is the timeline itself" in capsys.readouterr().err
    assert (tmp_path / "cut.edl").read_text() == EDL


def test_a_color_space_that_nobody_names_is_a_problem_of_each_event_and_told_how_to_name_once(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = "003  A001     V     C        10:00:00:02 10:00:00:04 01:00:00:04 01:00:00:06\n"
    (tmp_path / "cut.edl").write_text(EDL + again)
    asked = [word for word in words if word not in ("--input-space", "ARRI LogC4")]
    assert run([*asked, "--json"]) == 1
    said = capsys.readouterr()
    first, _, third = json.loads(said.out)
    for row in (first, third):
        (problem,) = row["problems"]
        assert problem.endswith("name it with --input-space")
        assert len(problem) < 200
    assert said.err.count("--input-space list shows them") == 1
    assert "ARRI LogC4" not in said.err
    # The table has what matched nevertheless.
    assert run(asked) == 1
    _, line, *_ = capsys.readouterr().out.splitlines()
    assert "10:00:00:" in line
    # The same without a plan: nothing is made, for no event.
    assert run([word for word in asked if word != "--plan"]) == 1
    assert capsys.readouterr().err.count("--input-space list shows them") == 1
    assert not list((tmp_path / "out").rglob("*.exr"))
    assert run([*asked, "--input-space", "list"]) == 0
    assert "Input/ARRI: ARRI LogC3 (EI800), " in capsys.readouterr().out


def test_a_clip_that_no_fdl_is_for_is_a_problem_before_anything_is_made(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    show = Path(__file__).parents[2] / "docs" / "framing" / "show.fdl"
    assert run([*words, "--fdl", str(show), "--json"]) == 1
    good, _ = json.loads(capsys.readouterr().out)
    assert "128x72" in good["problems"][0]


def test_an_event_that_a_show_s_grades_have_none_for_is_a_problem_before_anything_is_made(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show = tmp_path / "show.ccc"
    correction = '<ColorCorrection id="{}"><SatNode><Saturation>0.9</Saturation></SatNode></ColorCorrection>'
    for id, names in (("A001C002", ["ABC_104_065_010_PL01_v001", "ABC_104_065_010", "A001"]), ("a001", [])):
        corrections = correction.format("B001") + correction.format(id)
        show.write_text(f"<ColorCorrectionCollection>{corrections}</ColorCorrectionCollection>")
        assert run([*words, "--cdl", str(show), "--json"]) == 1
        good, _ = json.loads(capsys.readouterr().out)
        assert len(good["problems"]) == bool(names)
        for problem in good["problems"]:
            assert problem.startswith(f"{show}: holds 2 corrections, and none for it; call its one of ")
            assert problem.partition("one of ")[2].split(", ")[:3] == names


def test_what_has_changed_since_the_media_were_listed_is_told(
    words: list[str], good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.utime(tmp_path / "rushes.json", ns=(0, good.stat().st_mtime_ns - 1))
    assert run(words) == 1
    assert capsys.readouterr().err.startswith(
        f"mediadask: {tmp_path}/rushes.json: 1 of its 1 clips have changed"
    )


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--name", "../{shot}.{frame:04}.exr"], "climbs out"),
        (["--name", "{shop}.exr"], "has no field {shop}"),
        (["--rate", "fast"], "is no frame rate"),
        (["--rate", "25"], "counts 25 frames a second"),
        (["--name", "{shot}.{frame:04}.dpx"], "does not end in .exr"),
    ],
)
def test_what_cannot_be_is_one_line_each(
    more: list[str], message: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*words, *more]) in (1, 2)
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said


SHOW_CONFIG = """ocio_profile_version: 1
roles: {default: raw, scene_linear: lin}
displays: {sRGB: [!<View> {name: Film, colorspace: raw}]}
colorspaces:
  - !<ColorSpace> {name: lin}
  - !<ColorSpace> {name: lg10, to_reference: !<LogTransform> {base: 10, direction: inverse}}
  - !<ColorSpace> {name: raw, isdata: true}
"""


def test_a_plan_refuses_a_config_as_the_pull_does(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "show.ocio").write_text(SHOW_CONFIG)
    asked = [word for word in words if word not in ("--input-space", "ARRI LogC4")]
    asked += ["--config", str(tmp_path / "show.ocio"), "--input-space", "lg10"]
    for command in (asked, [word for word in asked if word != "--plan"]):
        assert run(command) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "has no color space 'ACES2065-1'" in line
        assert line.endswith("name another with --color-space; use one of lin, lg10, raw")
    assert run([*asked, "--color-space", "lin"]) == 1  # of two events one matches
    assert not (tmp_path / "out").exists()


def test_a_line_s_place_is_said_once(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cut.edl").write_text(EDL + "003  A001 V  C  soon\n")
    assert run(words) == 1
    line = next(one for one in capsys.readouterr().err.splitlines() if one.startswith("event 003"))
    assert (line.count("line"), "is no event: '003  A001 V  C  soon'" in line) == (1, True)
