"""Re-pulls: a new edit goes to the folder of the one before; what was delivered keeps its pictures."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import dask
import OpenEXR
import pytest

import mediadask as md
from mediadask.clips.storage import normalize
from mediadask.editorial import PlateName
from mediadask.editorial.edits.delivered import DeliveredPlates
from mediadask.footage import write_clip

REELS = ("A001C001_240101_R1AB", "B002C003_240101_R2CD", "C003C004_240101_R3EF")
FIRST = f"""TITLE: ABC_104_VFX_TURNOVER_01
FCM: NON-DROP FRAME
000001  {REELS[0]} V  C  01:00:01:00 01:00:01:12 10:00:00:00 10:00:00:12
*LOC: 10:00:00:05 GREEN   ABC_104_0010 rig removal
000002  {REELS[1]} V  C  02:00:01:00 02:00:01:12 10:00:00:12 10:00:01:00
000003  {REELS[2]} V  C  03:00:01:00 03:00:01:12 10:00:01:00 10:00:01:12
*LOC: 10:00:01:05 GREEN   ABC_104_0030 sky
"""
LONGER_HEAD = f"""TITLE: ABC_104_VFX_TURNOVER_03
FCM: NON-DROP FRAME
000001  {REELS[0]} V  C  01:00:00:22 01:00:01:12 10:00:00:00 10:00:00:14
*LOC: 10:00:00:05 GREEN   ABC_104_0010 rig removal
000003  {REELS[2]} V  C  03:00:01:00 03:00:01:12 10:00:01:00 10:00:01:12
*LOC: 10:00:01:05 GREEN   ABC_104_0030 sky
"""
NAME = PlateName(fields={"show": "ABC", "episode": "104"})
HOW: dict[str, Any] = {"handles": 2, "input_space": "ACEScg", "review": False, "name": NAME}
ONE, TWO, THREE = (f"ABC_104_0{number}0_PL01" for number in ("01", "02", "03"))


@pytest.fixture(scope="module")
def rushes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rushes")
    for at, reel in enumerate(REELS, 1):
        write_clip(
            folder / f"{reel}.mov",
            codec="mjpeg",
            pixel_format="yuvj422p",
            size=(64, 36),
            frames=96,
            rate=24,
            timecode=f"0{at}:00:00:00",
            reel=reel,
        )
    return folder


def made(edl: str, rushes: Path, out: Path, **how: Any) -> tuple[md.Report, list[str]]:
    """What became of a pull, and the lines that were told about it."""
    path = out.with_name(f"{abs(hash(edl))}.edl")
    path.write_text(edl)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", md.MediaWarning)
        (report,) = dask.compute(md.pull(path, rushes, out, **{**HOW, **how}), num_workers=2)
    return report, [line for one in caught for line in str(one.message).split("; ABC")]


def pictures(out: Path, plate: str) -> dict[int, tuple[str, int]]:
    """The clip and the frame of it in every file of a plate, by the number in its name."""
    headers = {path: OpenEXR.File(str(path)).header() for path in out.glob(f"{plate}.*.exr")}
    return {
        int(path.name.split(".")[1]): (header["sourceClip"], header["sourceFrame"])
        for path, header in headers.items()
    }


def delivered(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.glob("*.exr")}


def test_a_longer_head_keeps_every_picture_its_number_and_is_told(rushes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made(FIRST, rushes, out)
    before, files = pictures(out, f"{ONE}_v001"), delivered(out)
    assert before == {1001 + row: (f"{REELS[0]}.mov", 22 + row) for row in range(16)}
    report, told = made(LONGER_HEAD, rushes, out)
    assert [plate.written for plate in report.results] == [2, 0]
    assert pictures(out, f"{ONE}_v001") == {999 + row: (f"{REELS[0]}.mov", 20 + row) for row in range(18)}
    assert delivered(out).items() >= files.items()
    assert any("0010_PL01_v001: extended head (+2 frames at the head)" in line for line in told)
    assert any("now 0999-1016" in line for line in told)
    assert any("0020_PL01: delivered before, and is no longer in" in line for line in told)
    assert not any("0030" in line for line in told)
    report, told = made(LONGER_HEAD, rushes, out)
    assert [plate.written for plate in report.results] == [0, 0]
    assert len(told) == 1, "the shot that is gone"


def test_auto_makes_the_next_version_of_what_changed_only(rushes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made(FIRST, rushes, out, version="auto")
    files = delivered(out)
    report, _ = made(LONGER_HEAD, rushes, out, version="auto")
    assert [Path(plate.stem).name for plate in report.results] == [f"{ONE}_v002", f"{THREE}_v001"]
    assert [plate.written for plate in report.results] == [2, 0], "equal frames are copied"
    assert pictures(out, f"{ONE}_v002") == {999 + row: (f"{REELS[0]}.mov", 20 + row) for row in range(18)}
    assert delivered(out).items() >= files.items()
    report, _ = made(LONGER_HEAD, rushes, out, version="auto")
    assert [Path(plate.stem).name for plate in report.results] == [f"{ONE}_v002", f"{THREE}_v001"]
    report, _ = made(LONGER_HEAD, rushes, out, version="auto", color_space="ACEScg", only_changed=False)
    assert [Path(plate.stem).name for plate in report.results] == [f"{ONE}_v003", f"{THREE}_v002"]
    assert delivered(out).items() >= files.items()


@pytest.mark.parametrize(
    ("edit", "how", "said"),
    [
        (FIRST.replace("01:00:01:00 01:00:01:12", "01:00:03:00 01:00:03:12"), {}, "other frames of its clip"),
        (
            FIRST.replace(REELS[0], "X").replace(REELS[2], REELS[0]).replace("03:00:01", "01:00:01"),
            {},
            "is a plate of",
        ),
        (FIRST, {"color_space": "ACEScg"}, "in other colors"),
        (FIRST, {"squeeze": 2.0}, "another framing"),
    ],
)
def test_other_pictures_never_take_a_delivered_version_s_place(
    rushes: Path, tmp_path: Path, edit: str, how: dict[str, Any], said: str
) -> None:
    out = tmp_path / "out"
    made(FIRST, rushes, out)
    files = delivered(out)
    report, _ = made(edit, rushes, out, **how)
    errors = [outcome.failure.error for outcome in report.failures if outcome.failure]
    assert any(said in error and "--version auto" in error for error in errors)
    assert delivered(out) == files
    report, _ = made(edit, rushes, out, version="auto", **how)
    assert any(Path(plate.stem).name.endswith("_v002") for plate in report.results)
    assert delivered(out).items() > files.items()


def test_only_changed_leaves_out_what_is_there(rushes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made(FIRST, rushes, out)
    report, _ = made(LONGER_HEAD, rushes, out, version="auto", only_changed=True)
    assert [Path(plate.stem).name for plate in report.results] == [f"{ONE}_v002"]
    report, told = made(LONGER_HEAD, rushes, out, version="auto", only_changed=True)
    assert not report.outcomes
    assert any("nothing has changed" in line for line in told)


def test_a_shot_that_nobody_named_keeps_its_plate_where_others_come_before_it(
    rushes: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    bare = "\n".join(line for line in FIRST.splitlines() if not line.startswith("*")) + "\n"
    made(bare, rushes, out)
    files = delivered(out)
    title, fcm, one, two, three = bare.splitlines()
    added = two.replace("02:00:01", "02:00:03").replace("10:00:0", "09:59:0").replace("000002", "000000")
    report, _ = made("\n".join((title, fcm, added, one, two, three)) + "\n", rushes, out, version="auto")
    names = [Path(plate.stem).name for plate in report.results]
    assert names[1:] == [f"ABC_104_unnamed00{at}0_PL01_v001" for at in (1, 2, 3)]
    assert names[0] not in names[1:]
    assert delivered(out).items() >= files.items()


def test_media_that_moved_keep_their_numbers_too(rushes: Path, tmp_path: Path) -> None:
    out, moved = tmp_path / "out", tmp_path / "raid2"
    made(FIRST, rushes, out)
    shutil.copytree(rushes, moved)
    report, _ = made(LONGER_HEAD, moved, out)
    assert all("is a plate of" in outcome.failure.error for outcome in report.failures if outcome.failure)
    report, _ = made(LONGER_HEAD, moved, out, version="auto")
    assert pictures(out, f"{ONE}_v002") == {999 + row: (f"{REELS[0]}.mov", 20 + row) for row in range(18)}


def test_versions_are_found_whatever_the_template(rushes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    name = PlateName("{shot}/v{version}/{shot}_{plate}_v{version:03}.{frame:04}.exr")
    for number in (9, 10):
        made(LONGER_HEAD, rushes, out, name=name, version=number)
    one, other = ({"shot": f"ABC_104_00{shot}0", "plate": "PL01"} for shot in (1, 2))
    plates = DeliveredPlates.read(normalize(out))
    assert list(plates.versions(name, one)) == [9, 10]
    assert not plates.versions(name, other)
    report, _ = made(FIRST, rushes, out, name=name, version="auto")
    assert [Path(plate.stem).name for plate in report.results] == [
        "ABC_104_0010_PL01_v011",
        "unnamed0020_PL01_v001",
        "ABC_104_0030_PL01_v010",
    ]
    (out / "ABC_104_0010/v11/ABC_104_0010_PL01_v011.json").write_text('{\n "mediadask": 1,\n "files": [')
    (out / "other.json").write_text("[]")
    assert len(DeliveredPlates.read(normalize(out)).plates) == 5
    assert not DeliveredPlates.read(normalize(tmp_path / "nothing")).plates


def test_an_object_store_keeps_its_versions_too(rushes: Path, tmp_path: Path) -> None:
    out, name = "memory://repull/day1", PlateName("{shot}/{shot}_{plate}_v{version:03}.{frame:04}.exr")
    for edl in (FIRST, LONGER_HEAD):
        (tmp_path / "cut.edl").write_text(edl)
        how = {**HOW, "name": name, "version": "auto"}
        with warnings.catch_warnings(record=True):
            (report,) = dask.compute(md.pull(tmp_path / "cut.edl", rushes, out, **how))
    names = [plate.stem.removeprefix(f"{out}/") for plate in report.results]
    assert names == ["ABC_104_0010/ABC_104_0010_PL01_v002", "ABC_104_0030/ABC_104_0030_PL01_v001"]


def test_a_name_without_a_version_cannot_have_the_next(rushes: Path, tmp_path: Path) -> None:
    out, name = tmp_path / "out", PlateName("{shot}_{plate}.{frame:04}.exr")
    made(FIRST, rushes, out, name=name, version="auto")
    report, _ = made(LONGER_HEAD, rushes, out, name=name, version="auto")
    (failed,) = report.failures
    assert failed.failure is not None
    assert "put {version} into the template" in failed.failure.error


def statuses(old: Path | str, new: Path, **how: Any) -> dict[str, str]:
    return {change.shot: change.status for change in md.changes(old, new, **{"name": NAME, **how})}


CHANGED = {
    "same": ("", ""),
    "extended head": ("01:00:01:00 01:00:01:12", "01:00:00:20 01:00:01:12"),
    "extended tail": ("01:00:01:00 01:00:01:12", "01:00:01:00 01:00:01:20"),
    "extended head and tail": ("01:00:01:00 01:00:01:12", "01:00:00:20 01:00:01:20"),
    "trimmed tail": ("01:00:01:00 01:00:01:12", "01:00:01:00 01:00:01:10"),
    "extended head, trimmed tail": ("01:00:01:00 01:00:01:12", "01:00:00:20 01:00:01:10"),
    "slipped": ("01:00:01:00 01:00:01:12", "01:00:01:04 01:00:01:16"),
    "moved": ("10:00:00:00 10:00:00:12", "10:00:10:00 10:00:10:12"),
    "replaced": (REELS[0], "D004C001_240101_R1AB"),
}


@pytest.mark.parametrize("status", CHANGED)
def test_what_became_of_a_shot(tmp_path: Path, rushes: Path, status: str) -> None:
    old, new = tmp_path / "old.edl", tmp_path / "new.edl"
    old.write_text(FIRST)
    new.write_text(FIRST.replace(*CHANGED[status]))
    assert statuses(old, new) == {
        "ABC_104_0010": status,
        "ABC_104_unnamed0020": "same",
        "ABC_104_0030": "same",
    }
    out = tmp_path / "out"
    made(FIRST, rushes, out)
    assert statuses(out, new)["ABC_104_0010"] == status, "the same against plates"


def test_sources_without_names_are_known_by_their_frames(tmp_path: Path) -> None:
    old, new = tmp_path / "old.edl", tmp_path / "new.edl"
    line = "001  AX V  C  01:00:01:00 01:00:01:12 10:00:00:00 10:00:00:12\n"
    old.write_text(f"TITLE: T\n{line}")
    new.write_text(f"TITLE: T\n{line.replace('01:00:01:12', '01:00:01:14')}")
    assert [change.status for change in md.changes(old, new)] == ["extended tail"]


def test_a_retime_is_told(tmp_path: Path, rushes: Path) -> None:
    old, new = tmp_path / "old.edl", tmp_path / "new.edl"
    old.write_text(FIRST)
    new.write_text(
        FIRST.replace("*LOC: 10:00:00:05", f"M2   {REELS[0]}       048.0    01:00:01:00\n*LOC: 10:00:00:05")
    )
    (change,) = (one for one in md.changes(old, new, name=NAME) if one.shot == "ABC_104_0010")
    assert (change.status, change.new and change.new.speed) == ("retimed", 2)
    assert "from 100 % to 200 %" in change.text
    made(FIRST, rushes, tmp_path / "out")
    assert statuses(tmp_path / "out", new)["ABC_104_0010"] == "retimed"


def test_an_event_that_cannot_be_read_is_the_same_as_before(tmp_path: Path) -> None:
    old = tmp_path / "old.edl"
    old.write_text(FIRST.replace("01:00:01:00 01:00:01:12", "01:00:01:00 01:00:01:00"))
    assert set(statuses(old, old).values()) == {"same"}


def test_new_and_omitted_shots(tmp_path: Path) -> None:
    old, new = tmp_path / "old.edl", tmp_path / "new.edl"
    old.write_text(FIRST)
    new.write_text(LONGER_HEAD)
    assert statuses(old, new) == {
        "ABC_104_0010": "extended head",
        "ABC_104_0030": "same",
        "ABC_104_unnamed0020": "omitted",
    }
    assert [change.status for change in md.changes(new, old, name=NAME)] == ["trimmed head", "new", "same"]
    table = md.changes(old, new).table()
    assert table.loc[0, "head"] == 2
    with pytest.raises(md.InvalidRequest, match="holds no plates"):
        md.changes(tmp_path, new)


def test_shots_without_names_are_told_apart_by_their_pictures(tmp_path: Path) -> None:
    old, new = tmp_path / "old.edl", tmp_path / "new.edl"
    bare = [line for line in FIRST.splitlines() if not line.startswith("*")]
    old.write_text("\n".join(bare))
    new.write_text("\n".join([*bare[:2], bare[4], bare[2].replace("01:00:01:12 ", "01:00:01:16 ")]))
    found = {change.old.source: change.status for change in md.changes(old, new) if change.old}
    assert found == {REELS[0]: "extended tail", REELS[1]: "omitted", REELS[2]: "same"}


def test_labels_say_the_lowest_rate_that_has_them(tmp_path: Path) -> None:
    old, new = tmp_path / "old.edl", tmp_path / "new.edl"
    old.write_text(FIRST)
    new.write_text(FIRST.replace("01:00:01:00 01:00:01:12", "01:00:00:24 01:00:01:12"))
    found = md.changes(old, new, name=NAME)
    assert any("25 are taken" in note for note in found.notes)
    assert next(iter(found)).head == 1
    assert md.changes(old, old, rate=24).notes == ()


def test_a_delivery_may_be_copied_elsewhere(rushes: Path, tmp_path: Path) -> None:
    out, new = tmp_path / "out", tmp_path / "new.edl"
    made(FIRST, rushes, out)
    shutil.copytree(out, tmp_path / "vendor")
    new.write_text(LONGER_HEAD)
    assert statuses(tmp_path / "vendor", new)["ABC_104_0010"] == "extended head"
    manifest = tmp_path / "vendor" / f"{THREE}_v001.json"
    found = statuses(manifest, new)
    assert found == {"ABC_104_0010": "new", "ABC_104_0030": "same"}, "one plate's manifest"
    facts = json.loads((out / f"{ONE}_v001.json").read_text())
    assert facts["record_frames"] == [10 * 3600 * 24, 12]


def test_a_retime_that_is_no_more_leaves_no_curve_in_a_copied_folder(rushes: Path, tmp_path: Path) -> None:
    fast = FIRST.replace("000002", f"M2   {REELS[0]}  048.0  01:00:01:00\n000002", 1)
    made(fast, rushes, tmp_path / "out", only_shots="*_0010")
    curve = f"{ONE}_v001.retime.nk"
    assert (tmp_path / "out" / curve).exists()
    shutil.copytree(tmp_path / "out", tmp_path / "copy", copy_function=shutil.copyfile)
    report, _ = made(FIRST, rushes, tmp_path / "copy", only_shots="*_0010")
    assert not report.failures
    assert not (tmp_path / "copy" / curve).exists()


def test_the_old_name_of_a_shot_that_is_renamed_is_told(rushes: Path, tmp_path: Path) -> None:
    made(FIRST, rushes, tmp_path / "out", only_shots="*_0010")
    report, told = made(FIRST.replace("_0010", "_0015"), rushes, tmp_path / "out", only_shots="*_0015")
    assert [Path(plate.stem).name for plate in report.results] == ["ABC_104_0015_PL01_v001"]
    assert any("0010_PL01: delivered before, and is no longer in" in line for line in told)
