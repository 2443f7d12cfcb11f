"""What becomes of events: the clip, the frames, the handles, or the line that says why not."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import opentimelineio as otio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediadask.editorial import Event, PlateName, Span, Timeline, match_events
from mediadask.errors import InvalidRequest
from mediadask.timecode import Timecode
from tests.editorial.conftest import ReadList, clip

if TYPE_CHECKING:
    from mediadask.editorial import PlannedEvent, TurnoverPlan
    from mediadask.metadata import ClipMetadata

NTSC = Fraction(30000, 1001)


def event(source: tuple[str | int, str | int], reel: str | None = "A001C001", **how: object) -> Event:
    return Event("001", Span(*source), reel=reel, where="line 3", **how)  # type: ignore[arg-type]


def planned(one: Event, *media: ClipMetadata, handles: int = 0, rate: Fraction | None = None) -> PlannedEvent:
    (found,) = match_events(Timeline("/x.edl", "x", (one,), rate), media, handles=handles)
    return found


def test_a_plate_holds_the_event_and_its_handles() -> None:
    found = planned(event(("01:00:01:00", "01:00:02:00")), clip("A001C001"), handles=8)
    assert found.ok
    assert (found.url, found.start, found.stop) == ("/card/A001C001.mov", 16, 56)
    assert (found.head, found.tail, len(found), found.clip_frames) == (8, 8, 40, 240)
    assert (found.timecode, found.rate, found.speed) == ("01:00:00:16", 24, 1)
    assert (found.first_number, found.cut_number) == (1001, 1009)
    assert not found.notes


def test_handles_end_where_the_clip_does_and_say_so() -> None:
    found = planned(event(("01:00:00:03", "01:00:09:23")), clip("A001C001"), handles=8)
    assert (found.start, found.stop, found.head, found.tail) == (0, 240, 3, 1)
    assert found.notes == (
        "head handle of 3 frames for 8: the clip begins there",
        "tail handle of 1 frames for 8: the clip ends there",
    )


@given(
    start=st.integers(0, 24 * 3600 * 30 - 1),
    length=st.integers(1, 5000),
    at=st.integers(0, 4999),
    frames=st.integers(1, 5000),
    handles=st.integers(0, 300),
    drop=st.booleans(),
)
def test_frames_and_handles_add_up_wherever_the_clip_is_in_the_day(
    start: int, length: int, at: int, frames: int, handles: int, drop: bool
) -> None:
    first = Timecode(0, 30, drop) + start
    one = event((str(first + at), str(first + at + frames)))
    found = planned(one, clip("A001C001", str(first), length, rate=NTSC), handles=handles)
    assert found.ok == (at + frames <= length)
    if found.ok:
        assert found.start + found.head == at
        assert found.stop - found.tail == at + frames
        assert (found.head, found.tail) == (min(handles, at), min(handles, length - at - frames))
        assert found.timecode == str(first + found.start)


def test_labels_name_frames_as_the_source_counts() -> None:
    """A list may write drop-frame with colons; the clip knows what it counts."""
    found = planned(event(("01:01:00:02", "01:01:00:12")), clip("A001C001", "01:00:59;28", 60, rate=NTSC))
    assert (found.start, found.stop) == (2, 12)
    same = planned(event(("01:01:00;02", "01:01:00;12")), clip("A001C001", "01:00:59;28", 60, rate=NTSC))
    assert (same.start, same.stop) == (2, 12)
    counted = planned(event((107_902, 107_912)), clip("A001C001", "01:00:00;00", 60, rate=NTSC))
    assert (counted.start, counted.stop) == (10, 20)  # an hour of drop-frame has 107,892 frames


def test_labels_of_three_digits_count_drop_frame_too() -> None:
    rate = Fraction(120000, 1001)
    for labels in (("01:00:00:100", "01:00:01:000"), ("01:00:00;100", "01:00:01;000")):
        span = Span(*labels)
        assert span.drop == (";" in labels[0])
        first, frames = span.at(rate, drop=True)
        assert (str(first), frames) == ("01:00:00;100", 20)


def test_a_label_that_drop_frame_skips_is_refused() -> None:
    found = planned(event(("01:01:00:00", "01:01:00:12")), clip("A001C001", "01:00:59;28", 60, rate=NTSC))
    assert "drop-frame skips it" in found.problems[0]


def test_drop_frame_labels_of_a_clip_that_counts_all_are_refused() -> None:
    found = planned(event(("01:00:01;00", "01:00:02;00")), clip("A001C001", rate=NTSC))
    assert "counts drop-frame" in found.problems[0]


def test_a_reel_nobody_shot() -> None:
    found = planned(event(("01:00:01:00", "01:00:02:00"), "A001C009"), clip("A001C001"), clip("B007C001"))
    (problem,) = found.problems
    assert "no clip has reel 'A001C009'" in problem
    assert "nearest: A001C001" in problem
    assert not found.ok
    assert found.url is None


def test_an_event_outside_its_clip() -> None:
    found = planned(event(("01:00:09:00", "01:00:10:01")), clip("A001C001"))
    (problem,) = found.problems
    assert "01:00:09:00 to 01:00:10:01" in problem
    assert "/card/A001C001.mov (01:00:00:00 to 01:00:10:00)" in problem


def test_two_clips_of_one_reel_and_timecode_are_listed() -> None:
    found = planned(
        event(("01:00:01:00", "01:00:02:00")),
        clip("A001C001", path="/a/A001C001.mov"),
        clip("A001C001", path="/b/A001C001.mov"),
    )
    (problem,) = found.problems
    assert "2 clips match" in problem
    assert "/a/A001C001.mov" in problem
    assert "/b/A001C001.mov" in problem


def test_of_several_matches_the_file_that_the_list_names() -> None:
    media = [clip("A001", path="/a/A001_one.mov"), clip("A001", path="/a/A001_two.mov")]
    found = planned(event(("01:00:01:00", "01:00:02:00"), "A001", file="S:\\x\\A001_two.mxf"), *media)
    assert found.url == "/a/A001_two.mov"


def test_clips_of_one_reel_are_told_apart_by_timecode() -> None:
    media = [clip("A001", f"0{hour}:00:00:00", path=f"/a/{hour}.mov") for hour in range(1, 9)]
    assert planned(event(("05:00:01:00", "05:00:02:00"), "A001"), *media).url == "/a/5.mov"


def test_the_file_name_stands_in_where_no_reel_is_recorded() -> None:
    media = clip(None, path="/card/A001_C001_0101AB.mov")
    assert planned(event(("01:00:01:00", "01:00:02:00"), "A001C001"), media).ok
    unnamed = event(("01:00:01:00", "01:00:02:00"), None, clip_name="A001_C001_0101AB.mov")
    assert planned(unnamed, media).ok


def test_a_file_that_the_list_names_is_found_where_its_reel_is_not_and_that_is_noted() -> None:
    one = event(("01:00:01:00", "01:00:02:00"), "TAPE7", file="/edit/A001C001.mxf")
    found = planned(one, clip("A001C001"))
    assert found.ok
    assert "no clip has reel TAPE7" in found.notes[0]


def test_a_clip_is_found_by_its_name_where_neither_reel_nor_file_are_and_that_is_noted() -> None:
    cut, media = ("01:00:01:00", "01:00:02:00"), [clip("A001C001"), clip("B001C001", "05:00:00:00")]
    for name in ("A001C001", "A001C001.mov", "/edit/A001C001.mxf", "A001C001.NEW.01", "A001C001*"):
        found = planned(event(cut, "TAPE7", clip_name=name, file="x.mxf"), *media)
        assert found.url == "/card/A001C001.mov"
        assert found.notes == (f"no clip has reel TAPE7: found as {name}",)
    elsewhere = planned(event(cut, "B001C001", clip_name="A001C001"), *media)
    assert elsewhere.url == "/card/A001C001.mov"
    assert elsewhere.notes[0].startswith("found as A001C001: by B001C001 it uses 01:00:01:00 to 01:00:02:00")
    unnamed = planned(event(cut, None, clip_name="12A-3", file="none.mov"), *media)
    assert "no clip is called 'none' or '12A-3'" in unnamed.problems[0]
    assert "no clip has reel 'TAPE7'" in planned(event(cut, "TAPE7", clip_name="12A-3"), *media).problems[0]


def test_names_that_are_cut_short_are_refused_where_they_may_mean_several() -> None:
    long = "LONG_PRODUCTION_LOGO_239_SDR_PRORES"
    one = event(("01:00:01:00", "01:00:02:00"), long[:32])
    media = [clip(None, path=f"/card/{long}_{which}.mov") for which in ("MASTER", "SAFETY")]
    assert planned(one, media[0]).ok
    assert "2 clips match" in planned(one, *media).problems[0]


def test_the_first_part_s_name_stands_for_all_parts_of_a_recording() -> None:
    parts = [
        clip(None, f"01:00:0{at}:00", 48, path=f"/card/A009_C012_0615QX_00{number}.mov")
        for number, at in ((1, 0), (2, 2))
    ]
    for name in ("A009_C012_0615QX_001", "A009_C012_0615QX"):
        second = planned(event(("01:00:02:12", "01:00:03:12"), name), *parts)
        assert (second.url, second.start, second.notes) == (parts[1].path, 12, ())
        both = planned(event(("01:00:01:12", "01:00:03:12"), name), *parts)
        assert (both.url, both.notes) == (
            f"concat:{parts[0].path}|{parts[1].path}",
            ("joined of 2 consecutive clips",),
        )


def test_a_clip_of_a_longer_name_is_noted_where_the_one_of_that_very_name_does_not_hold_the_event() -> None:
    media = [clip(None, frames=24, path="/card/SHOT_010.mov"), clip(None, path="/card/SHOT_0100_comp.mov")]
    found = planned(event(("01:00:01:00", "01:00:02:00"), "SHOT_010"), *media)
    assert found.url == "/card/SHOT_0100_comp.mov"
    assert found.notes == ("called like SHOT_010 less than /card/SHOT_010.mov, which does not hold it",)
    assert not planned(event(("01:00:01:00", "01:00:02:00"), "SHOT_010"), media[1]).notes


SEQUENCE = "/card/sh010.%04d.exr"


def sequence(first: int, frames: int, start: str | None = None) -> ClipMetadata:
    return replace(clip(None, start, frames, path=SEQUENCE), frame_rate=None, first_number=first)


@pytest.mark.parametrize(
    ("labels", "name", "start"),
    [
        (("00:00:41:21", "00:00:42:09"), "sh010", 4),  # the number of file 1005
        (("00:00:00:04", "00:00:00:16"), "sh010", 4),  # counted from the first file
        (("00:00:00:04", "00:00:00:16"), "sh010.[1003-1024].exr", 6),  # counted from file 1003
        (("00:00:00:04", "00:00:00:16"), "sh010.1003.exr", 6),
        ((1005, 1017), "sh010", 4),
    ],
)
def test_labels_of_an_image_sequence_without_timecode(
    labels: tuple[str | int, str | int], name: str, start: int
) -> None:
    one = event(labels, None, clip_name=name, counts_files=isinstance(labels[0], int))
    found = planned(one, sequence(1001, 24), rate=Fraction(24))
    assert (found.start, found.stop, found.timecode) == (start, start + 12, None)
    assert "the clip has no timecode" in found.notes[0]


def test_where_a_label_may_be_a_file_s_number_or_a_count_both_are_said() -> None:
    found = planned(event(("00:00:00:04", "00:00:00:16"), None, clip_name="sh010"), sequence(1, 24))
    assert (found.start, found.stop) == (3, 15)
    assert found.notes == (
        "the clip has no timecode: counted by the numbers of its files; "
        "counted from the first it would begin +1 frames off",
    )


def test_the_timecode_of_an_image_sequence_goes_first() -> None:
    media = sequence(1001, 24, "01:00:00:00")
    found = planned(event(("01:00:00:04", "01:00:00:16"), None, clip_name="sh010"), media)
    assert (found.start, found.timecode, found.notes) == (4, "01:00:00:04", ())
    found = planned(event(("00:00:41:21", "00:00:42:09"), None, clip_name="sh010"), media)
    assert (found.start, found.timecode) == (4, "01:00:00:04")
    assert found.notes == ("the timecode is not the clip's: counted by the numbers of its files",)


def test_frame_numbers_of_a_clip_with_timecode_are_refused() -> None:
    found = planned(event((1005, 1017), counts_files=True), clip("A001C001"))
    assert "gives frame numbers (1005 to 1017) where /card/A001C001.mov" in found.problems[0]
    assert "export the list with timecode" in found.problems[0]


def test_a_clip_of_23_976_in_a_list_of_24_is_taken_frame_for_frame_and_that_is_noted() -> None:
    one = event(("01:00:01:00", "01:01:21:00"), record=Span("10:00:00:00", "10:01:20:00"))
    found = planned(one, clip("A001C001", frames=2400, rate=Fraction(24000, 1001)), rate=Fraction(24))
    assert (found.start, found.stop) == (24, 24 + 1920)
    assert found.notes == ("the clip has 23.976 frames a second, the list 24: taken frame for frame",)


def test_reverse_play_that_may_mean_two_things_is_what_the_clip_holds() -> None:
    """Down from its entry as Avid and Final Cut Pro 7 list it, or as listed, as Premiere does."""
    how: dict[str, object] = {"source_fps": Fraction(-24), "record": Span("10:00:00:00", "10:00:01:00")}
    middle = planned(event(("01:00:02:00", "01:00:03:00"), entry="01:00:02:00", **how), clip("A001C001"))
    assert (middle.start, middle.stop) == (25, 49)
    assert "taken down from 01:00:02:00, though 01:00:02:00 to 01:00:03:00 are listed" in middle.notes[0]
    first = planned(event(("01:00:00:00", "01:00:01:00"), entry="01:00:00:00", **how), clip("A001C001"))
    assert (first.start, first.stop) == (0, 24)
    assert "taken as listed, though play may go down from 01:00:00:00" in first.notes[0]


def test_an_event_without_any_name() -> None:
    assert "names neither reel nor clip" in planned(event((0, 10), None), clip("A001C001")).problems[0]


def test_a_clip_without_timecode_is_counted_from_its_first_frame() -> None:
    media = clip(None, None, path="/card/A001C001.mov")
    found = planned(event((5, 10)), media)
    assert (found.start, found.stop, found.timecode) == (5, 10, None)
    assert "no timecode" in found.notes[0]
    assert "without timecode" in planned(event(("01:00:00:00", "01:00:01:00")), media).problems[0]


def test_a_clip_that_says_what_cannot_be_stops_no_other() -> None:
    odd = [clip("A001C001", "01:00:00:99"), clip("A001C002", "01:00:00;00"), clip("A001C003", rate=5000)]
    one = event(("01:00:01:00", "01:00:02:00"), "A001C004")
    assert planned(one, *odd, clip("A001C004")).ok
    for reel in ("A001C001", "A001C002"):
        assert "without timecode" in planned(replace(one, reel=reel), *odd).problems[0]


def test_a_rate_that_does_not_match_is_refused_with_both() -> None:
    found = planned(event(("01:00:01:00", "01:00:02:00")), clip("A001C001", rate=25), rate=Fraction(24))
    assert "counts 24 frames a second" in found.problems[0]
    assert "has 25" in found.problems[0]


def test_an_edl_counts_at_the_rate_of_most_of_its_clips() -> None:
    media = [clip("A001C001", rate=25), clip("A001C002", rate=25), clip("A001C003", rate=24)]
    events = tuple(event(("01:00:01:00", "01:00:02:00"), one.reel) for one in media)
    plan = match_events(Timeline("/x.edl", "x", events), media)
    assert plan.rate == 25
    assert [one.ok for one in plan] == [True, True, False]


def test_consecutive_clips_are_joined_and_that_is_noted() -> None:
    media = [
        clip("A001", "01:00:00:00", 48, path="/a/A001_1.mov"),
        clip("A001", "01:00:02:00", 48, path="/a/A001_2.mov"),
        clip("A001", "01:00:04:00", 48, path="/a/A001_3.mov"),
        clip("A001", "01:00:07:00", 48, path="/a/A001_9.mov"),
    ]
    found = planned(event(("01:00:01:12", "01:00:04:12"), "A001"), *media, handles=100)
    assert found.url == "concat:/a/A001_1.mov|/a/A001_2.mov|/a/A001_3.mov"
    assert (found.start, found.stop, found.clip_frames) == (0, 144, 144)
    assert "joined of 3 consecutive clips" in found.notes
    assert not planned(event(("01:00:05:12", "01:00:07:12"), "A001"), *media).ok


def test_handles_reach_into_the_parts_beside_and_into_no_other_take() -> None:
    parts = [
        clip("A001", "01:00:00:00", 48, path="/a/A001_1.mov"),
        clip("A001", "01:00:02:00", 48, path="/a/A001_2.mov"),
        clip("A001", "01:00:04:00", 48, path="/a/A001_3.mov"),
    ]
    ends = planned(event(("01:00:00:12", "01:00:01:22"), "A001"), *parts, handles=8)
    assert ends.url == "concat:/a/A001_1.mov|/a/A001_2.mov"
    assert (ends.start, ends.stop, ends.head, ends.tail) == (4, 54, 8, 8)
    assert ends.notes == ("joined of 2 consecutive clips",)
    begins = planned(event(("01:00:02:02", "01:00:03:00"), "A001"), *parts, handles=8)
    assert begins.url == "concat:/a/A001_1.mov|/a/A001_2.mov"
    assert (begins.start, begins.stop, begins.timecode) == (42, 80, "01:00:01:18")
    both = planned(event(("01:00:02:02", "01:00:03:00"), "A001"), *parts, handles=60)
    assert (both.clip_frames, both.head, both.tail) == (144, 50, 60)
    alone = planned(event(("01:00:02:08", "01:00:03:16"), "A001"), *parts, handles=8)
    assert alone.url == "/a/A001_2.mov"
    last = planned(event(("01:00:02:08", "01:00:03:22"), "A001"), *parts[:2], handles=8)
    assert (last.url, last.tail) == ("/a/A001_2.mov", 2)
    # A tape's next take begins where this one ends; so does another picture of the next part.
    takes = [replace(part, path=f"/a/A001C00{number}.mov") for number, part in enumerate(parts, 1)]
    small = replace(parts[1], width=960)
    twice = (parts[1], replace(parts[1], path="/b/A001_2.mov"))
    for media in (takes, (parts[0], small), (parts[0], *twice)):
        found = planned(event(("01:00:00:12", "01:00:01:22"), "A001"), *media, handles=8)
        assert (found.url, found.tail) == (media[0].path, 2)


def test_a_transition_needs_its_frames_of_the_clip(read_list: ReadList) -> None:
    text = """\
001  A001C001 V     C        01:00:08:00 01:00:09:12 10:00:00:00 10:00:01:12
002  A001C001 V     C        01:00:09:12 01:00:09:12 10:00:01:12 10:00:01:12
002  A001C002 V     D    {frames:03} 01:00:00:00 01:00:02:00 10:00:01:12 10:00:03:12
"""
    media = [clip("A001C001"), clip("A001C002")]
    leaving, entered = match_events(read_list(text.format(frames=12)), media)
    assert (leaving.start, leaving.stop) == (8 * 24, 240)
    assert (entered.start, entered.stop) == (0, 48)
    assert "ends in a dissolve of 12 frames" in leaving.notes
    assert "begins in a dissolve of 12 frames" in entered.notes
    leaving, _ = match_events(read_list(text.format(frames=13)), media)
    assert "outside of" in leaving.problems[0]


LIST = """\
TITLE: DAY 12
001  A001C001 V     C        01:00:01:00 01:00:02:00 10:00:00:00 10:00:01:00
* LOC: 10:00:00:05 GREEN ABC_104_065_010
*ASC_SOP (1.1 1 1) (0 0 0) (1 1 1)
002  A001C001 V     C        01:00:01:00 01:00:02:00 10:00:01:00 10:00:02:00
* LOC: 10:00:00:05 GREEN abc_104_065_010
003  A001C002 V     C        01:00:01:00 01:00:02:00 10:00:01:20 10:00:02:20
004  A001C002 V     C        01:00:01:00 01:00:03:00 10:00:05:00 10:00:06:00
M2   A001C002 048.0 01:00:01:00
005  A009C009 V     C        01:00:01:00 01:00:02:00 10:00:06:00 10:00:07:00
006  A001C002 V     C        01:00:01
007  A001C002 V2    C        01:00:01:00 01:00:02:00 10:00:00:00 10:00:01:00
"""


@pytest.fixture
def plan(read_list: ReadList) -> TurnoverPlan:
    return match_events(read_list(LIST), [clip("A001C001"), clip("A001C002", frames=96)], handles=8)


def test_bad_events_stop_no_other(plan: TurnoverPlan) -> None:
    assert [one.event.number for one in plan.good] == ["001", "002", "003", "004", "007"]
    assert [one.problems[0] for one in plan.bad] == [
        "no clip has reel 'A009C009'; nearest: A001C002, A001C001",
        "line 11 is no event: '006  A001C002 V     C        01:00:01'",
    ]


def test_what_lies_over_an_earlier_event_of_its_track_is_delivered_and_noted(plan: TurnoverPlan) -> None:
    assert plan.events[2].notes == ("lies over event 002 (line 5) on track V by 4 frames",)
    above = plan.to_otio().video_tracks()[1]
    (over,) = above.find_clips()
    assert over.metadata["mediadask"]["event"] == "003"
    assert above.range_of_child(over).start_time.value == 44


def test_the_same_source_used_twice_makes_two_plates_of_distinct_names(plan: TurnoverPlan) -> None:
    assert [one.name for one in plan][:3] == [
        "ABC_104_065_010_PL01_v001.%04d.exr",
        "abc_104_065_010_PL02_v001.%04d.exr",
        "unnamed0030_PL01_v001.%04d.exr",
    ]


def test_an_event_without_a_marker_is_no_plate_of_a_marked_one_s_shot() -> None:
    cut = ("01:00:01:00", "01:00:02:00")
    events = event(cut), replace(event(cut), number="002", markers=("ABC_0010 paint",))
    name = PlateName(fields={"show": "ABC"})
    plan = match_events(Timeline("/x.edl", "x", events, None), [clip("A001C001")], name=name)
    assert [one.name for one in plan] == [
        "ABC_unnamed0010_PL01_v001.%04d.exr",
        "ABC_0010_PL01_v001.%04d.exr",
    ]


@pytest.mark.parametrize("template", ["{shot}.{frame:04}.exr", "{shot}.{frame:04}.{plate}.exr"])
def test_names_that_clash_are_refused_whatever_their_case(read_list: ReadList, template: str) -> None:
    name = PlateName(template)
    plan = match_events(read_list(LIST), [clip("A001C001")], name=name)
    assert plan.events[0].ok
    assert "is that of event 001 too" in plan.events[1].problems[0]


def test_frames_may_be_numbered_from_the_cut(read_list: ReadList) -> None:
    for handles in (0, 8):
        name = PlateName(cut_frame=1001)
        one = match_events(read_list(LIST), [clip("A001C001")], handles=handles, name=name).events[0]
        assert (one.first_number, one.cut_number) == (1001 - handles, 1001)
    bad = match_events(read_list(LIST), [clip("A001C001")], handles=8, name=PlateName(cut_frame=4))
    assert "number -4" in bad.events[0].problems[0]


def test_a_plan_is_plain_data(plan: TurnoverPlan) -> None:
    assert pickle.loads(pickle.dumps(plan)) == plan
    assert json.loads(json.dumps(plan.rows())) == plan.rows()


def test_a_plan_is_a_table(plan: TurnoverPlan) -> None:
    table = plan.table().set_index("event")
    assert table.loc["001", "clip"] == "/card/A001C001.mov"
    assert table.loc["001", ["start", "stop", "handles", "head", "tail"]].tolist() == [16, 56, 8, 8, 8]
    assert table.loc["004", "speed"] == 2
    assert table.loc["005", "problems"] == ["no clip has reel 'A009C009'; nearest: A001C002, A001C001"]
    assert table["start"].dtype == "Int64"


def test_a_plan_is_a_timeline_relinked_to_what_was_found(plan: TurnoverPlan) -> None:
    timeline = otio.adapters.read_from_string(plan.to_otio().to_json_string())
    assert timeline.name == "DAY 12"
    assert timeline.global_start_time.to_timecode() == "10:00:00:00"
    track, _, other = timeline.video_tracks()
    assert (track.name, other.name) == ("V", "V2")
    first = next(iter(track))
    assert first.media_reference.target_url == "/card/A001C001.mov"
    assert first.media_reference.available_range.start_time.to_timecode() == "01:00:00:00"
    assert first.media_reference.available_range.duration.value == 240
    assert first.source_range.start_time.to_timecode() == "01:00:01:00"
    assert first.source_range.duration.value == 24
    assert list(first.metadata["cdl"]["asc_sop"]["slope"]) == [1.1, 1.0, 1.0]
    fast = next(one for one in track if one.name.startswith("unnamed0040"))
    assert fast.effects[0].time_scalar == 2
    assert fast.range_in_parent().start_time.value >= 24 * 5
    missing = next(one for one in track if one.metadata.get("mediadask", {}).get("event") == "005")
    assert isinstance(missing.media_reference, otio.schema.MissingReference)


def test_handles_below_zero_are_refused(read_list: ReadList) -> None:
    with pytest.raises(InvalidRequest):
        match_events(read_list(LIST), [], handles=-1)


def test_a_name_that_no_clip_has_is_said_once() -> None:
    one = replace(event(("01:00:01:00", "01:00:02:00")), reel=None, clip_name="Z999", file="/old/Z999.mov")
    (planned,) = match_events(Timeline("/x.edl", "x", (one,), None), [clip("A001C001")])
    assert planned.problems == ("no clip is called 'Z999'; check the media folder",)
