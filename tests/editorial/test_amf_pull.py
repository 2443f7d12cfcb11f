"""Pulls by a turnover's own AMFs: which is for which clip, what plates have had of it, what remains."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask
import numpy as np
import OpenEXR
import pytest

from mediadask.documents import Amf, Cdl
from mediadask.documents.amf import AmfClip
from mediadask.documents.amf_pipeline import (
    Info,
    InputTransform,
    LookTransform,
    OutputTransform,
    Pipeline,
    Transform,
)
from mediadask.editorial import match_events, read_timeline
from mediadask.editorial.amfs import TurnoverAmfs
from mediadask.editorial.plates import PlateOptions, PlateRules
from mediadask.editorial.plates.preflight import preflight
from mediadask.editorial.pull import pull
from mediadask.errors import InvalidRequest, MissingMedia, UnreadableMedia
from mediadask.metadata import inspect
from mediadask.pixels import Color
from tests.editorial.conftest import clip

if TYPE_CHECKING:
    import mediadask as md
    from mediadask.editorial import TurnoverPlan
    from tests.conftest import MakeClip

EDL = """TITLE: T
FCM: NON-DROP FRAME

001  A001R1AB V     C        01:00:00:04 01:00:00:06 00:00:00:00 00:00:00:02
* ASC_SOP (1.1 1.0 0.9) (0.01 0 -0.01) (1 1.1 1)
* LOC: 00:00:00:00 RED     ABC_101_010_010
002  B001R1AB V     C        02:00:00:04 02:00:00:06 00:00:00:02 00:00:00:04
* LOC: 00:00:00:02 RED     ABC_101_010_020
"""
ONE, TWO = "ABC_101_010_010_PL01_v001", "ABC_101_010_020_PL01_v001"
V20 = "urn:ampas:aces:transformId:v2.0:"
LOGC4 = InputTransform(False, (Transform(f"{V20}CSC.Arri.LogC4_to_ACES.a2.v1"),))
SRGB = Transform(f"{V20}Output.Academy.Rec709-D65_100nit_in_Rec709-D65_sRGB-Piecewise.a2.v1")
SHOW_LUT = LookTransform(False, Transform(file="luts/show.cube"))
NO_LOOK = LookTransform(False, Transform(f"{V20}Look.Nobody.a2.v1"))
DONE = LookTransform(True, cdl=Cdl((1.1, 1, 1)))
WHEN = "2026-01-01T00:00:00+00:00"


@pytest.fixture
def turnover(make_clip: MakeClip, tmp_path: Path) -> Path:
    """A list and the clips it means, that say no color space."""
    for name, start in (("A001", "01:00:00:00"), ("B001", "02:00:00:00")):
        made = make_clip(
            f"{name}.mov",
            codec="prores_ks",
            pixel_format="yuv444p10le",
            frames=10,
            size=(96, 54),
            timecode=start,
            reel=f"{name}R1AB",
        )
        (tmp_path / "rushes").mkdir(exist_ok=True)
        shutil.copy(made, tmp_path / "rushes")
    (tmp_path / "turnover.edl").write_text(EDL)
    return tmp_path


def write(
    path: Path,
    input: InputTransform | None = LOGC4,
    *looks: LookTransform,
    clip: AmfClip | None = None,
    output: OutputTransform | None = None,
) -> Path:
    path.parent.mkdir(exist_ok=True)
    amf = Amf(Info(WHEN, WHEN), Pipeline(Info(WHEN, WHEN), input, looks, output=output), clip)
    path.write_bytes(amf.document().replace(b">show.cube<", b">luts/show.cube<"))
    return path


def write_lut(folder: Path) -> Path:
    (folder / "luts").mkdir(parents=True, exist_ok=True)
    path = folder / "luts" / "show.cube"
    path.write_text("LUT_1D_SIZE 2\n0 0 0\n0.5 0.5 0.5\n")
    return path


def pulled(turnover: Path, out: str = "out", **options: Any) -> md.Report:
    how = {"handles": 0, "review": False, **options}
    (report,) = dask.compute(pull(turnover / "turnover.edl", turnover / "rushes", turnover / out, **how))
    return report


def planned(turnover: Path, **options: Any) -> TurnoverPlan:
    clips = [inspect(path) for path in sorted((turnover / "rushes").iterdir())]
    plan = match_events(read_timeline(turnover / "turnover.edl"), clips, handles=0)
    return preflight(plan, PlateRules.read(PlateOptions.of(options)))


def frames(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.glob("*.exr"))]


def reasons(report: md.Report) -> list[str]:
    return [outcome.failure.error for outcome in report.failures if outcome.failure]


def test_an_amf_names_the_color_space_and_ships_with_the_plate(turnover: Path) -> None:
    amfs = turnover / "amfs"
    write(amfs / "one.amf", clip=AmfClip("take 3", "file:///cards/A001.mov"))
    write(amfs / "two.amf", clip=AmfClip("b001r1ab", uuid="urn:uuid:1"))
    assert not pulled(turnover, amf=amfs).failures
    assert not pulled(turnover, "named", input_space="ARRI LogC4").failures
    assert frames(turnover / "out") == frames(turnover / "named")
    amf = Amf.read(turnover / "out" / f"{ONE}.amf")
    assert amf.clip == AmfClip(ONE, f"{ONE}.####.exr", (1001, 1002))
    assert amf.pipeline.input is not None
    assert amf.pipeline.input.applied
    (look,) = amf.pipeline.looks
    assert (look.applied, look.cdl) == (False, Cdl((1.1, 1, 0.9), (0.01, 0, -0.01), (1, 1.1, 1))), (
        "the list's"
    )
    assert len(amf.archived) == 1
    assert not Amf.read(turnover / "out" / f"{TWO}.amf").pipeline.looks
    manifest = json.loads((turnover / "out" / f"{ONE}.json").read_text())
    assert manifest["input_space"] == "ARRI LogC4"


def test_an_amf_that_no_event_uses_is_said(turnover: Path) -> None:
    amfs = turnover / "amfs"
    used = write(amfs / "one.amf", clip=AmfClip("A001R1AB"))
    other = write(turnover / "other.amf", clip=AmfClip("Z999C001"))
    show = write(turnover / "show.amf")
    (amfs / "nobody").mkdir()
    write(amfs / "nobody" / "Z001.amf")
    plan = planned(turnover, amf=(amfs, other, amfs / "nobody", show))
    assert all(one.ok for one in plan)
    assert plan.advice == (
        f"{other}: no event uses this AMF; it is for Z999C001",
        f"{amfs / 'nobody'}: no event uses an AMF of this folder",
    )
    assert planned(turnover, amf=(used, show)).advice == ()


def test_grades_that_no_event_uses_are_said(turnover: Path) -> None:
    (turnover / "show.cc").write_bytes(Cdl((1.2, 1, 1)).document(".cc"))
    options = {"input_space": "ARRI LogC4", "cdl": str(turnover / "show.cc")}
    assert planned(turnover, **options).advice == (), "the second event takes it"
    one, two = EDL.split("002  ")
    grade = next(line for line in one.splitlines() if "ASC_SOP" in line)
    (turnover / "turnover.edl").write_text(f"{one}002  {two}{grade}\n")
    (line,) = planned(turnover, **options).advice
    assert line.endswith("show.cc: no event uses these grades: each that matches a clip has its own")


def test_the_more_particular_amf_counts(turnover: Path) -> None:
    amfs = turnover / "amfs"
    slog3 = InputTransform(False, (Transform(f"{V20}CSC.Sony.SLog3_SGamut3_to_ACES.a2.v1"),))
    show = write(turnover / "show.amf", slog3)
    write(amfs / "A001.amf")
    assert not pulled(turnover, amf=[str(show), str(amfs)]).failures
    said = [
        json.loads((turnover / "out" / f"{plate}.json").read_text())["input_space"] for plate in (ONE, TWO)
    ]
    assert said == ["ARRI LogC4", "S-Log3 S-Gamut3"]
    write(amfs / "other.amf", clip=AmfClip("A001"))
    write(amfs / "another.amf", clip=AmfClip("A001R1AB"))
    (reason,) = reasons(pulled(turnover, "twice", amf=[amfs, show]))
    assert "A001.mov: 2 AMFs are for it; leave one: " in reason


def test_what_is_not_applied_comes_with_the_plate(turnover: Path) -> None:
    write_lut(turnover / "amfs")
    write(turnover / "amfs" / "A001.amf", LOGC4, SHOW_LUT, output=OutputTransform(False, (SRGB,)))
    assert not pulled(turnover, amf=turnover / "amfs", input_space="ARRI LogC4", review=True).failures
    out = turnover / "out"
    assert not pulled(turnover, "named", input_space="ARRI LogC4").failures
    assert frames(out) == frames(turnover / "named"), "looks are not for plates"
    shipped = Amf.read(out / f"{ONE}.amf")
    assert shipped.files == (str(out / f"{ONE}.show.cube"),)
    picture = np.full((4, 4, 3), 0.4, np.float32)
    np.testing.assert_allclose(shipped.color("look").apply(picture), 0.2, atol=1e-6)
    assert not list(out.glob("*.cc")), "its looks stand in the place of the list's grade"
    listed = {entry["name"] for entry in json.loads((out / f"{ONE}.json").read_text())["files"]}
    assert f"{ONE}.show.cube" in listed
    assert "no AMF is for it" in json.loads((out / f"{TWO}.json").read_text())["notes"]


def test_an_input_transform_may_be_a_lut(turnover: Path) -> None:
    write_lut(turnover / "amfs")
    amf = write(turnover / "amfs" / "show.amf", InputTransform(False, (Transform(file="luts/show.cube"),)))
    assert not pulled(turnover, amf=amf, sample="float").failures
    path = min((turnover / "out").glob("*.exr"))
    pixels = OpenEXR.File(str(path)).channels()["RGB"].pixels
    assert not pulled(turnover, "raw", input_space="ACES2065-1", sample="float").failures
    raw = OpenEXR.File(str(turnover / "raw" / path.name)).channels()["RGB"].pixels
    table = Color.lut(turnover / "amfs" / "luts" / "show.cube")
    np.testing.assert_allclose(pixels, table.apply(raw), atol=1e-6)
    assert all(
        "--color-space" in reason for reason in reasons(pulled(turnover, "dpx", amf=amf, format="dpx10"))
    )
    assert not pulled(turnover, "cct", amf=amf, format="dpx10", color_space="ACEScct").failures


@pytest.mark.parametrize(
    ("input", "looks", "said"),
    [
        (
            InputTransform(False, (Transform(f"{V20}CSC.Nobody.LogX_to_ACES.a2.v1"),)),
            (),
            "CSC.Nobody.LogX_to_ACES.a2.v1 is in no config at hand; give an OpenColorIO config that has it",
        ),
        (LOGC4, (SHOW_LUT,), "the file luts/show.cube it names is not there; put it at"),
        (LOGC4, (NO_LOOK,), "Look.Nobody.a2.v1 is in no config at hand"),
        (LOGC4, (DONE,), "says that a transform is applied, and one before it is not"),
    ],
)
def test_what_cannot_be_followed_fails_alone(
    turnover: Path, input: InputTransform, looks: tuple[LookTransform, ...], said: str
) -> None:
    amf = write(turnover / "amfs" / "A001.amf", input, *looks)
    report = pulled(turnover, amf=turnover / "amfs", input_space="ARRI LogC4", review=True)
    (reason,) = reasons(report)
    assert str(amf) in reason
    assert said in reason
    assert len(report.results) == 1
    # A plan says the same, and opens no clip.
    bad, _ = planned(turnover, input_space="ARRI LogC4", amf=turnover / "amfs")
    assert reason.endswith(bad.problems[0])
    assert len(bad.problems) == 1


def test_a_plan_refuses_no_more_than_the_pull(turnover: Path) -> None:
    """Without a review, looks and output need nothing but their files."""
    nobody = OutputTransform(False, (Transform(f"{V20}Output.Nobody.a2.v1"),))
    amf = write(turnover / "show.amf", LOGC4, NO_LOOK, output=nobody)
    assert [one.ok for one in planned(turnover, amf=amf, review=False)] == [True, True]
    assert not pulled(turnover, amf=amf, review=False).failures
    assert [one.ok for one in planned(turnover, amf=amf)] == [False, False]
    write(turnover / "show.amf", LOGC4, SHOW_LUT)
    assert [one.ok for one in planned(turnover, amf=amf, review=False)] == [False, False]
    assert len(pulled(turnover, "lut", amf=amf, review=False).failures) == 2
    write(turnover / "show.amf", InputTransform(False, (Transform(file="luts/show.cube"),)))
    write_lut(turnover)
    assert [one.ok for one in planned(turnover, amf=amf, format="dpx10")] == [False, False]
    assert [one.ok for one in planned(turnover, amf=amf)] == [True, True]


def test_a_plan_asks_amfs_too(turnover: Path) -> None:
    write(turnover / "amfs" / "A001.amf")
    assert [one.ok for one in planned(turnover, amf=turnover / "amfs")] == [True, False]


def test_a_part_that_only_a_handle_reaches_hides_no_amf(tmp_path: Path) -> None:
    parts = [clip(None, f"01:00:0{2 * number}:00", 48, path=f"/card/P001_{number}.mov") for number in (1, 2)]
    line = "001  P001_2   V     C        01:00:04:02 01:00:05:00 10:00:00:00 10:00:00:22\n"
    (tmp_path / "t.edl").write_text(line)
    (one,) = match_events(read_timeline(tmp_path / "t.edl"), parts, handles=8)
    assert one.url == "concat:/card/P001_1.mov|/card/P001_2.mov"
    amf = write(tmp_path / "amfs" / "P001_2.amf")
    found = TurnoverAmfs.read([str(tmp_path / "amfs")]).of(one)
    assert found
    assert found.url == str(amf)


def test_what_is_no_amf_is_said_at_once(turnover: Path) -> None:
    (turnover / "amfs").mkdir()
    with pytest.raises(MissingMedia, match=r"amfs: holds no AMF"):
        pulled(turnover, amf=turnover / "amfs")
    (turnover / "amfs" / "bad.amf").write_text("<a/>")
    with pytest.raises(UnreadableMedia, match=r"bad\.amf: is not an AMF"):
        pulled(turnover, amf=turnover / "amfs")


def test_a_list_that_was_only_copied_gives_the_same_amfs(turnover: Path) -> None:
    pulled(turnover, input_space="ARRI LogC4")
    made = (turnover / "turnover.edl").stat().st_mtime
    before = {path.name: path.stat().st_mtime_ns for path in (turnover / "out").iterdir()}
    os.utime(turnover / "turnover.edl", (made + 5000, made + 5000))
    pulled(turnover, input_space="ARRI LogC4")
    assert {path.name: path.stat().st_mtime_ns for path in (turnover / "out").iterdir()} == before
    said = Amf.read(turnover / "out" / f"{ONE}.amf").info.modified
    assert np.datetime64(said[:19]) == np.datetime64(int(made), "s")


def test_options_are_plain(turnover: Path) -> None:
    amf = write(turnover / "show.amf")
    assert PlateOptions.of({"amf": str(amf)}) == PlateOptions.of({"amf": [amf]})
    with pytest.raises(InvalidRequest, match="no option 'amfs'"):
        PlateOptions.of({"amfs": str(amf)})
