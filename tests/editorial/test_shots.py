"""Turnovers as they come: some shots of a list, shot lists, and what is asked for by shot."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from mediadask.editorial import PlateName, read_timeline
from mediadask.editorial.count_sheet import COLUMNS, count_csv
from mediadask.editorial.options import PullOptions
from mediadask.editorial.plan import TurnoverPlan
from mediadask.editorial.plates import PlateOptions, PlateRules
from mediadask.editorial.pull import plan_pull
from mediadask.errors import InvalidRequest, MissingMedia, UnreadableMedia
from mediadask.options import checked
from tests.editorial.conftest import ReadList, clip

REELS = ("A001C001_240101_R1AB", "B002C003_240101_R2CD", "C003C004_240101_R3EF")
MEDIA = [clip(reel, f"0{at}:00:00:00", 96) for at, reel in enumerate(REELS, 1)]
# A cut of which one event is a VFX shot, named in a bare comment, as Avid's lists have it.
CUT = f"""TITLE: REEL WITH ONE VFX SHOT
FCM: NON-DROP FRAME
001  {REELS[0]} V     C        01:00:01:00 01:00:01:12 10:00:00:00 10:00:00:12
*FROM CLIP NAME:  12A-3
002  {REELS[1]} V     C        02:00:01:00 02:00:01:12 10:00:00:12 10:00:01:00
*090_AB_0040
*FROM CLIP NAME:  13B-1
003  {REELS[2]} V2    C        03:00:01:00 03:00:01:12 10:00:01:00 10:00:01:12
*FROM CLIP NAME:  14C-2
"""
MARKED = CUT.replace("*090_AB_0040", "* LOC: 10:00:00:12 RED {}").replace(
    "*FROM CLIP NAME:  14C-2", "* LOC: 10:00:01:00 RED ABC_0030"
)


def planned(read: ReadList, text: str, suffix: str = ".edl", **how: Any) -> TurnoverPlan:
    options = PlateRules.read(PlateOptions.of({"input_space": "ACEScg"}))
    name = how.pop("name", None)
    return plan_pull(read(text, suffix), MEDIA, "/nowhere/out", options, checked(PullOptions, how), name)


def names(plan: TurnoverPlan) -> list[str]:
    return [str(one.name).partition(".")[0] for one in plan]


@pytest.mark.parametrize(
    ("only", "pattern", "kept"),
    [
        ("named", r"\d{3}_[A-Z]{2}_\d{4}", ["090_AB_0040_PL01_v001"]),
        (r"\d{3}_[A-Z]{2}_\d{4}", None, ["090_AB_0040_PL01_v001"]),
        ("090_*", None, ["090_AB_0040_PL01_v001"]),
        (r"(?P<sequence>\d{3}_[A-Z]{2})_(?P<shot>\d{4})", None, ["090_AB_0040_PL01_v001"]),
        (["named", "track:V2"], None, ["0030_PL01_v001"]),
        ("ab_0010, 090_ab_0040", r"\d{3}_[A-Z]{2}_\d{4}", ["090_AB_0040_PL01_v001"]),
        ("090_AB_004", None, []),
        ("named", None, []),
        ("track:V2", None, ["0030_PL01_v001"]),
        (["track:V2", "090_*"], None, ["090_AB_0040_PL01_v001", "unnamed0030_PL01_v001"]),
    ],
)
def test_some_shots_of_a_list(
    read_list: ReadList, only: str | list[str], pattern: str | None, kept: list[str]
) -> None:
    plan = planned(read_list, CUT, only_shots=only, name=PlateName(shot_pattern=pattern))
    assert names(plan) == kept
    assert not plan.bad
    line = plan.advice[0]
    assert f"{3 - len(kept)} of 3 events are not of" in line or line.startswith("none of 3 events")


def test_the_shots_may_be_in_a_file(read_list: ReadList, tmp_path: Path) -> None:
    files = {"shots.txt": "# reel 1\nABC_0030 sky\n", "shots.csv": "VFX ID,note\nABC_0030,sky\n"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        plan = planned(read_list, MARKED.format("ABC_0020"), only_shots=str(tmp_path / name))
        assert names(plan) == ["ABC_0030_PL01_v001"]
    with pytest.raises(MissingMedia):
        planned(read_list, CUT, only_shots=str(tmp_path / "none.txt"))
    with pytest.raises(InvalidRequest, match="is no pattern"):
        planned(read_list, CUT, only_shots="ABC_(")


@pytest.mark.parametrize(
    ("marker", "name", "handles"),
    [
        ("ABC_0020 BG01 v003 h4 rig removal", "ABC_0020_BG01_v003", (4, 4)),
        ("ABC_0020 CLN handles=2+6", "ABC_0020_CLN_v001", (2, 6)),
        ("ABC_0020_EL02 fire", "ABC_0020_EL02_v001", (8, 8)),
        ("ABC_0020_PC01_V0003 997 // match to edit", "ABC_0020_PC01_v003", (8, 8)),
        ("ABC_0020_v002", "ABC_0020_PL01_v002", (8, 8)),
        ("ABC_0020 rig removal v002", "ABC_0020_PL01_v001", (8, 8)),
        ("ABC_0020", "ABC_0020_PL01_v001", (8, 8)),
    ],
)
def test_a_marker_asks_behind_the_shot(
    read_list: ReadList, marker: str, name: str, handles: tuple[int, int]
) -> None:
    plan = planned(read_list, MARKED.format(marker))
    assert names(plan)[1] == name
    assert (plan.events[1].head, plan.events[1].tail) == handles
    assert plan.events[2].head == 8


def test_a_list_asks_by_shot_and_goes_before_markers(read_list: ReadList, tmp_path: Path) -> None:
    path = tmp_path / "asks.csv"
    path.write_text("Shot Name;Handles;Version;Element\nabc_0020;6;v12;EL01\nABC_0030;1+3;;\n")
    plan = planned(read_list, MARKED.format("ABC_0020 BG01 v003 h4"), shot_list=path)
    assert names(plan) == ["unnamed0010_PL01_v001", "ABC_0020_EL01_v012", "ABC_0030_PL01_v001"]
    assert [(one.head, one.tail) for one in plan] == [(8, 8), (6, 6), (1, 3)]


def test_what_is_asked_for_in_vain_is_told(read_list: ReadList, tmp_path: Path) -> None:
    path = tmp_path / "asks.csv"
    path.write_text("shot,handles\nABC_0020,4\nABC_0021,4\n")
    only = ["ABC_0020,ABC_0035", "XY*", "track:V9"]
    plan = planned(read_list, MARKED.format("ABC_0020"), shot_list=path, only_shots=only)
    assert plan.advice == (
        "no event of the list is ABC_0021",
        "2 of 3 events are not of --only-shots, and are left out",
        "no event of the list is ABC_0035, XY*, v9",
    )


def test_rows_of_one_shot_go_to_its_plates(read_list: ReadList, tmp_path: Path) -> None:
    text = MARKED.format("ABC_0030")
    path = tmp_path / "asks.csv"
    path.write_text("shot,plate,handles\nABC_0030,BG01,1\nABC_0030,EL01,2\n")
    plan = planned(read_list, text, shot_list=path)
    assert names(plan)[1:] == ["ABC_0030_BG01_v001", "ABC_0030_EL01_v001"]
    path.write_text(f"shot,plate,reel\nABC_0030,BG01,{REELS[2]}\nABC_0030,EL01,{REELS[1]}\n")
    plan = planned(read_list, text, shot_list=path)
    assert names(plan)[1:] == ["ABC_0030_EL01_v001", "ABC_0030_BG01_v001"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("shot,handles\nABC_0020,many\n", "asks.csv, line 2: handles 'many' is no number"),
        ("shot,version\nABC_0020,final\n", "version 'final' is no number"),
        ("name,age\nx,1\n", "has no column that is known"),
        ("reel,in\nA001,1\n", "names no shots"),
    ],
)
def test_a_list_that_asks_for_nonsense_is_one_line(
    read_list: ReadList, tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "asks.csv"
    path.write_text(text)
    with pytest.raises((InvalidRequest, UnreadableMedia)) as raised:
        planned(read_list, MARKED.format("ABC_0020"), shot_list=path)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


LIST = f"""Shot Code;Source Reel;TC In;TC Out;Dur;Handles;Plate;Ver;Notes
ABC_0010;{REELS[0]};01:00:01:00;01:00:01:12;;4;BG01;2;hero
ABC_0010;B002C003;02:00:01:00;02:00:01:11;12;0/6;CLN;;the last frame is meant
ABC_0020;{REELS[2]};03:00:01:00;;;;;;
"""


def test_a_shot_list_is_pulled_by_itself(read_list: ReadList) -> None:
    plan = planned(read_list, LIST, ".csv")
    assert names(plan) == ["ABC_0010_BG01_v002", "ABC_0010_CLN_v001", "ABC_0020_PL01_v001"]
    one, two, bad = plan.events
    assert (one.start, one.stop, one.head, one.tail) == (20, 40, 4, 4)
    assert (two.start, two.stop, two.head, two.tail) == (24, 42, 0, 6)
    assert bad.problems == ("has no in and out; fill them in, or one of them and the duration",)
    assert bad.event.where == "line 4"


def test_in_or_out_and_a_duration_will_do_where_the_rate_is_known(read_list: ReadList) -> None:
    rows = (f"A_1,{REELS[0]},01:00:01:00,,12,24", f"A_2,{REELS[0]},,01:00:01:12,12,24")
    text = "\n".join(("shot,reel,in,out,frames,fps", *rows))
    assert [(one.start, one.stop) for one in planned(read_list, text, ".csv", handles=0)] == [(24, 36)] * 2


def test_a_shot_list_that_says_nothing_to_pull_is_refused(read_list: ReadList) -> None:
    with pytest.raises(UnreadableMedia, match="name columns shot, reel or clip, in and out"):
        read_list("shot,handles\nABC_0010,8\n", ".csv")


def test_a_count_sheet_has_the_columns_of_trackers(read_list: ReadList) -> None:
    text = MARKED.format("ABC_0020 rig removal").replace(
        "*FROM CLIP NAME:  13B-1",
        f"*FROM CLIP NAME:  13B-1\n* ASC_SOP (1.1 1 0.9)(-0.01 0 0.01)(1 1.05 1)\n* ASC_SAT 0.95\n"
        f"M2   {REELS[1]}       048.0    02:00:01:00",
    )
    plan = planned(read_list, text, name=PlateName(fields={"sequence": "AB"}))
    sheet = list(csv.DictReader(io.StringIO(count_csv(plan.rows()))))
    row = sheet[1]
    # Autodesk's standard fields of shots; the required columns of AYON's CSV ingest.
    assert {"Cut In", "Cut Out", "Cut Duration", "Cut Order", "Head In", "Tail Out"} <= {*row}
    assert {"File Path", "Folder Path", "Task Name", "Frame Start", "Frame End", "FPS"} <= {*row}
    assert {"Working Duration", "Handle Start", "Handle End"} <= {*row}
    assert (row["Shot Code"], row["Folder Path"], row["Plate"]) == ("AB_ABC_0020", "/AB/AB_ABC_0020", "PL01")
    numbers = [row[key] for key in ("Head In", "Cut In", "Cut Out", "Tail Out", "Working Duration")]
    assert numbers == ["1001", "1009", "1031", "1039", "39"]
    assert (row["Cut Duration"], row["Retime"], row["FPS"]) == ("12", "200 %", "24.0")
    labels = (row["Source In"], row["Head TC"], row["Record In"])
    assert labels == ("02:00:01:00", "02:00:00:16", "10:00:00:12")
    assert row["CDL"] == "(1.1 1 0.9)(-0.01 0 0.01)(1 1.05 1) 0.95"
    assert (row["Clip Name"], row["Description"]) == ("13B-1", "ABC_0020 rig removal")
    assert row["File Path"] == "AB_ABC_0020_PL01_v001.####.exr"
    assert set(COLUMNS.values()) <= {*plan.rows()[1]}


def test_a_count_sheet_names_no_shot_that_nobody_named(read_list: ReadList) -> None:
    plan = planned(read_list, MARKED.format("ABC_0020"))
    sheet = list(csv.DictReader(io.StringIO(count_csv(plan.rows()))))
    assert [row["Shot Code"] for row in sheet] == ["", "ABC_0020", "ABC_0030"]
    assert [row["Folder Path"] for row in sheet] == ["", "/ABC_0020", "/ABC_0030"]


def test_a_count_sheet_is_a_shot_list(read_list: ReadList, tmp_path: Path) -> None:
    plan = planned(read_list, MARKED.format("ABC_0020"), only_shots="named")
    (tmp_path / "sheet.csv").write_text(count_csv(plan.rows()))
    again = plan_pull(
        read_timeline(tmp_path / "sheet.csv"),
        MEDIA,
        "/nowhere/out",
        PlateRules.read(PlateOptions.of({"input_space": "ACEScg"})),
        PullOptions(handles=0),
    )
    facts = [[(one.name, one.start, one.stop, one.head) for one in some] for some in (plan, again)]
    assert facts[0] == facts[1]


def test_what_a_spreadsheet_would_calculate_is_text(read_list: ReadList) -> None:
    plan = planned(read_list, CUT.replace("12A-3", "=cmd|' /C calc'!A0"))
    (row, *_) = csv.DictReader(io.StringIO(count_csv(plan.rows())))
    assert row["Clip Name"].startswith("'=")
