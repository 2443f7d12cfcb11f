"""One decision a plate: what a plan says of an event is what rendering makes of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import dask
import pytest

from mediadask.documents.amf import AmfClip
from mediadask.documents.amf_pipeline import InputTransform, Transform
from mediadask.editorial import find_media, match_events, read_timeline
from mediadask.editorial.options import PullOptions
from mediadask.editorial.plates import PlateOptions, PlateRules
from mediadask.editorial.pull import plan_pull, pull, pull_plan
from tests.editorial.test_amf_pull import DONE, LOGC4, NO_LOOK, SHOW_LUT, V20, write, write_lut
from tests.editorial.test_amf_pull import turnover as turnover  # a fixture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mediadask.editorial import TurnoverPlan

NOBODY = InputTransform(False, (Transform(f"{V20}CSC.Nobody.LogX_to_ACES.a2.v1"),))
LUT = InputTransform(False, (Transform(file="luts/show.cube"),))
NAMED = {"input_space": "ARRI LogC4"}


def nothing(folder: Path) -> dict[str, Any]:
    return {}


def named(folder: Path) -> dict[str, Any]:
    return NAMED


def one_amf(folder: Path) -> dict[str, Any]:
    write(folder / "amfs" / "A001.amf")
    return {"amf": folder / "amfs"}


def two_amfs(folder: Path) -> dict[str, Any]:
    write(folder / "amfs" / "other.amf", clip=AmfClip("A001"))
    write(folder / "amfs" / "another.amf", clip=AmfClip("A001R1AB"))
    return {"amf": folder / "amfs", **NAMED}


def unknown_input(folder: Path) -> dict[str, Any]:
    return {"amf": write(folder / "show.amf", NOBODY)}


def look_without_file(folder: Path) -> dict[str, Any]:
    return {"amf": write(folder / "show.amf", LOGC4, SHOW_LUT)}


def look_of_nobody(folder: Path) -> dict[str, Any]:
    return {"amf": write(folder / "show.amf", LOGC4, NO_LOOK)}


def look_of_nobody_to_be_seen(folder: Path) -> dict[str, Any]:
    return {"amf": write(folder / "show.amf", LOGC4, NO_LOOK), "review": True}


def look_done_before_its_input(folder: Path) -> dict[str, Any]:
    return {"amf": write(folder / "show.amf", LOGC4, DONE)}


def lut_to_log_plates(folder: Path) -> dict[str, Any]:
    write_lut(folder)
    return {"amf": write(folder / "show.amf", LUT), "format": "dpx10"}


def framed_for_other_clips(folder: Path) -> dict[str, Any]:
    decision = {
        "id": "A-1",
        "framing_intent_id": "1",
        "dimensions": {"width": 100, "height": 90},
        "anchor_point": {"x": 0, "y": 0},
    }
    canvas = {
        "id": "A",
        "source_canvas_id": "A",
        "dimensions": {"width": 192, "height": 108},
        "anamorphic_squeeze": 1.0,
        "framing_decisions": [decision],
    }
    document = {
        "uuid": "BCD142EB-3BAA-4EA8-ADD8-A46AE8DC4D97",
        "version": {"major": 2, "minor": 0},
        "framing_intents": [{"id": "1", "aspect_ratio": {"width": 20, "height": 9}}],
        "contexts": [{"canvases": [canvas]}],
        "canvas_templates": [],
    }
    (folder / "show.fdl").write_text(json.dumps(document))
    return {"fdl": folder / "show.fdl", **NAMED}


def graded_for_other_plates(folder: Path) -> dict[str, Any]:
    return {"cdl": write_grades(folder, "X001", "Z001"), **NAMED}


def write_grades(folder: Path, *names: str) -> Path:
    sop = "<SOPNode><Slope>1.1 1 1</Slope></SOPNode>"
    grades = "".join(f'<ColorCorrection id="{name}">{sop}</ColorCorrection>' for name in names)
    (folder / "show.ccc").write_text(f"<ColorCorrectionCollection>{grades}</ColorCorrectionCollection>")
    return folder / "show.ccc"


CASES = [
    nothing,
    named,
    one_amf,
    two_amfs,
    unknown_input,
    look_without_file,
    look_of_nobody,
    look_of_nobody_to_be_seen,
    look_done_before_its_input,
    lut_to_log_plates,
    framed_for_other_clips,
    graded_for_other_plates,
]


def matched(folder: Path) -> TurnoverPlan:
    """The plan of which nothing is decided."""
    clips = find_media([folder / "rushes"]).compute().results
    return match_events(read_timeline(folder / "turnover.edl"), clips, handles=0)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_a_plan_and_rendering_agree(case: Callable[[Path], dict[str, Any]], turnover: Path) -> None:
    """Rendering gets events that no plan has refused, and gives the very lines of the plan, no other."""
    out, rules = turnover / "out", PlateRules.read(PlateOptions.of({"review": False, **case(turnover)}))
    undecided = matched(turnover)
    assert all(one.ok for one in undecided)
    clips = [one.clip for one in undecided if one.clip]
    plan = plan_pull(undecided.timeline, clips, out, rules, PullOptions(handles=0))
    (report,) = dask.compute(pull_plan(undecided, out, rules))
    rendered = [outcome.failure and outcome.failure.error for outcome in report.outcomes]
    assert rendered == ["; ".join(one.problems) or None for one in plan]


def test_a_new_version_is_decided_by_its_new_name(turnover: Path) -> None:
    """A grade that is called like the first version is not for the second, and the plan says so."""
    cdl, out = write_grades(turnover, "ABC_101_010_020_PL01_v001", "Z001"), turnover / "out"
    how: dict[str, Any] = {"cdl": cdl, "review": False, **NAMED}
    (report,) = dask.compute(pull(turnover / "turnover.edl", turnover / "rushes", out, handles=0, **how))
    assert not report.failures
    undecided = matched(turnover)
    clips = [one.clip for one in undecided if one.clip]
    rules = PlateRules.read(PlateOptions.of(how))
    plan = plan_pull(undecided.timeline, clips, out, rules, PullOptions(handles=1, version="auto"))
    assert [one.ok for one in plan] == [True, False]
    assert "holds 2 corrections, and none for it" in plan.bad[0].problems[0]


def test_a_clip_that_is_another_by_now_is_not_framed_as_it_was(turnover: Path) -> None:
    plan = matched(turnover)
    first, second = plan
    assert first.clip is not None
    was = replace(first, clip=replace(first.clip, width=64))
    rules = PlateRules.read(PlateOptions.of({"review": False, **NAMED}))
    (report,) = dask.compute(pull_plan(replace(plan, events=(was, second)), turnover / "out", rules))
    (failed,) = report.failures
    assert failed.failure is not None
    assert "A001.mov: is 96x54, and was 64x54 when it was inspected; inspect it again" in failed.failure.error
