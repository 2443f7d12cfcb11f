"""Retimes as data: the source frame for each frame of the timeline, as a table and as a curve for Nuke."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import dask
import pytest

import mediadask as md
from mediadask.editorial import Event, PlannedEvent, Span, Timeline, Transition, match_events
from mediadask.editorial.retime_data import retime_documents, shown_frames
from mediadask.footage import write_clip
from tests.editorial.conftest import clip

if TYPE_CHECKING:
    from pathlib import Path

RECORD = Span("10:00:00:00", "10:00:00:06")


def planned(source: tuple[str, str], clip_rate: int = 24, **how: Any) -> PlannedEvent:
    event = Event("001", Span(*source), RECORD, reel="A001C001", **how)
    edit = Timeline("/x.edl", "x", (event,), Fraction(24))
    (found,) = match_events(edit, [clip("A001C001", rate=clip_rate)], handles=4)
    assert found.ok
    return found


def sources(one: PlannedEvent) -> list[int]:
    return [frame.source_frame for frame in shown_frames(one, Fraction(24))]


@pytest.mark.parametrize(
    ("source", "how", "expected"),
    [
        (("01:00:01:00", "01:00:01:06"), {}, [24, 25, 26, 27, 28, 29]),
        (("01:00:01:00", "01:00:01:11"), {"speed": Fraction(2)}, [24, 26, 28, 30, 32, 34]),
        (("01:00:01:00", "01:00:01:03"), {"speed": Fraction(1, 2)}, [24, 24, 25, 25, 26, 26]),
        (("01:00:01:00", "01:00:01:08"), {"speed": Fraction(3, 2)}, [24, 25, 27, 28, 30, 31]),
        (("01:00:01:00", "01:00:01:06"), {"speed": Fraction(-1)}, [29, 28, 27, 26, 25, 24]),
        (("01:00:01:00", "01:00:01:11"), {"speed": Fraction(-2)}, [34, 32, 30, 28, 26, 24]),
        (("01:00:01:00", "01:00:01:01"), {"speed": Fraction(0)}, [24] * 6),
        # Avid lists one frame of reverse play, and with M2 the frame that it begins with.
        (
            ("01:00:01:00", "01:00:01:01"),
            {"source_fps": Fraction(-24), "entry": "01:00:01:00"},
            [24, 23, 22, 21, 20, 19],
        ),
        (
            ("01:00:01:00", "01:00:01:11"),
            {"speed": Fraction(2), "head": Transition("dissolve", 2, 2)},
            [20, 22, 24, 26, 28, 30, 32, 34],
        ),
    ],
)
def test_the_source_frame_of_each_record_frame(
    source: tuple[str, str], how: dict[str, Any], expected: list[int]
) -> None:
    one = planned(source, **how)
    assert sources(one) == expected
    shown = shown_frames(one, Fraction(24))
    assert all(frame.plate_frame - one.first_number == frame.source_frame - one.start for frame in shown)
    at_cut = next(frame for frame in shown if frame.record == "10:00:00:00")
    assert at_cut.frame == one.cut_number


def test_a_clip_of_another_rate_plays_in_real_time() -> None:
    one = planned(("01:00:01:00", "01:00:01:12"), clip_rate=48, rate=Fraction(48))
    assert sources(one) == [48, 50, 52, 54, 56, 58]


def test_what_plays_as_it_is_has_no_retime() -> None:
    assert not retime_documents(planned(("01:00:01:00", "01:00:01:06")), "x", Fraction(24))
    one = planned(("01:00:01:00", "01:00:01:06"))
    assert not shown_frames(PlannedEvent(one.event), Fraction(24))


def test_they_stand_beside_the_plate(tmp_path: Path) -> None:
    rushes, out, edl = tmp_path / "rushes", tmp_path / "out", tmp_path / "t.edl"
    rushes.mkdir()
    how = {"codec": "mjpeg", "pixel_format": "yuvj422p", "size": (64, 36), "frames": 48, "rate": 24}
    write_clip(rushes / "A001.mov", timecode="01:00:00:00", reel="A001", **how)
    edl.write_text(
        "TITLE: T\n001  A001 V C 01:00:01:00 01:00:01:11 10:00:00:00 10:00:00:06\n"
        "M2   A001       048.0                01:00:01:00\n* LOC: 10:00:00:00 RED AB_0010\n"
        "002  A001 V C 01:00:01:00 01:00:01:06 10:00:00:06 10:00:00:12\n* LOC: 10:00:00:06 RED AB_0020\n"
    )
    (report,) = dask.compute(md.pull(edl, rushes, out, handles=2, input_space="ACEScg", review=False))
    assert not report.failures
    table = json.loads((out / "AB_0010_PL01_v001.retime.json").read_text())
    assert (table["retime"], table["speed"], table["timeline_rate"]) == ("200 %", "2", "24")
    assert table["frames"][1] == {
        "record": "10:00:00:01",
        "frame": 1004,
        "plate_frame": 1005,
        "source_frame": 26,
        "source_timecode": "01:00:01:02",
    }
    node = (out / "AB_0010_PL01_v001.retime.nk").read_text()
    keys = re.search(r"TimeWarp \{\n lookup \{\{curve L (.*)\}\}\n", node)
    assert keys is not None
    assert keys[1] == "x1003 1003 x1004 1005 x1005 1007 x1006 1009 x1007 1011 x1008 1013"
    manifest = json.loads((out / "AB_0010_PL01_v001.json").read_text())
    assert {"AB_0010_PL01_v001.retime.json", "AB_0010_PL01_v001.retime.nk"} <= {
        entry["name"] for entry in manifest["files"]
    }
    assert not list(out.glob("AB_0020*.retime.*"))
