"""Dissolves, wipes and keys in EDLs: two lines of one event, and whose what is that stands below both."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from mediadask.editorial import Span, Transition
from mediadask.editorial.readers.edl import parse_edl

if TYPE_CHECKING:
    from mediadask.editorial import Event

CUT = "001  A001C001 V     C        01:00:00:00 01:00:01:00 10:00:00:00 10:00:01:00\n"
PAIR = (
    "002  {left} V     C        {at} {at} 10:00:01:00 10:00:01:00\n"
    "002  {entered} V     D    012 02:00:00:00 02:00:01:00 10:00:01:00 10:00:02:00\n"
)


def events(text: str) -> tuple[Event, ...]:
    return parse_edl(text).events


def pair(left: str, entered: str, below: str = "", at: str = "01:00:01:00") -> str:
    return PAIR.format(left=left, entered=entered, at=at) + below


def tails(text: str) -> list[tuple[str | None, str | None, str | int, int]]:
    """(reel, clip name, where its source ends, frames beyond that) of the events that are left."""
    return [
        (one.reel, one.clip_name, one.source.stop, one.tail.beyond)
        for one in events(text)
        if one.tail is not None
    ]


def test_what_is_left_is_the_event_before_where_reel_and_timecode_go_on() -> None:
    assert tails(CUT + pair("A001C001", "B001")) == [("A001C001", None, "01:00:01:00", 12)]


def test_what_is_left_is_another_use_of_that_reel_where_its_timecode_does_not_go_on() -> None:
    assert tails(CUT + pair("A001C001", "B001", at="01:00:30:00")) == [("A001C001", None, "01:00:30:00", 12)]
    assert len(events(CUT + pair("A001C001", "B001", at="01:00:30:00"))) == 3


@pytest.mark.parametrize(
    ("below_cut", "below", "at", "goes_on"),
    [
        ("M2   A001C001 048.0 01:00:00:00\n", "M2   A001C001 048.0 01:00:01:01\n", "01:00:01:01", True),
        ("M2   A001C001 -24.0 01:00:00:00\n", "M2   A001C001 -24.0 00:59:59:00\n", "00:59:59:00", True),
        ("* FREEZE FRAME\n", "", "01:00:00:00", True),
        ("M2   A001C001 048.0 01:00:00:00\n", "M2   A001C001 048.0 01:00:09:00\n", "01:00:09:00", False),
        ("M2   A001C001 -24.0 01:00:00:00\n", "M2   A001C001 012.0 01:00:01:00\n", "01:00:01:00", False),
    ],
)
def test_what_is_left_may_be_retimed(below_cut: str, below: str, at: str, goes_on: bool) -> None:
    found = events(CUT + below_cut + pair("A001C001", "B001", below, at=at))
    assert (found[0].tail is not None) == goes_on
    assert len(found) == (2 if goes_on else 3)


def test_another_reel_at_the_same_timecode_is_another_source() -> None:
    assert tails(CUT + pair("C009", "B001")) == [("C009", None, "01:00:01:00", 12)]


def test_a_line_that_gives_what_comes_for_the_reel_of_both_is_told_by_its_timecode() -> None:
    assert tails(CUT + pair("B001", "B001")) == [("A001C001", None, "01:00:01:00", 12)]


@pytest.mark.parametrize("left_first", [True, False])
def test_ax_and_ax_are_told_apart_by_their_clip_names(left_first: bool) -> None:
    cut = CUT.replace("A001C001", "AX") + "* FROM CLIP NAME: one.mov\n"
    names = ["* FROM CLIP NAME: {}\n", "* TO CLIP NAME: two.mov\n"]
    below = "".join(names if left_first else reversed(names))
    assert tails(cut + pair("AX", "AX", below.format("one.mov"))) == [(None, "one.mov", "01:00:01:00", 12)]
    assert tails(cut + pair("AX", "AX", below.format("three.mov"))) == [
        (None, "three.mov", "01:00:01:00", 12)
    ]
    assert [one.clip_name for one in events(cut + pair("AX", "AX", below.format("three.mov")))] == [
        "one.mov",
        "three.mov",
        "two.mov",
    ]


def test_each_line_may_have_its_own_names_below_it() -> None:
    left, entered = PAIR.format(left="AX", entered="AX", at="01:00:05:00").splitlines(keepends=True)
    text = f"{left}* FROM CLIP NAME: one\n{entered}* FROM CLIP NAME: two\n"
    assert [one.clip_name for one in events(text)] == ["one", "two"]


def test_files_without_a_side_are_what_is_left_and_of_two_the_second_comes() -> None:
    one = "* FROM CLIP NAME: a\n* TO CLIP NAME: b\n* SOURCE FILE: a.mxf\n"
    left, entered = events(pair("A001", "B001", one))
    assert (left.file, entered.file) == ("a.mxf", None)
    left, entered = events(pair("A001", "B001", one + "* SOURCE FILE: b.mxf\n"))
    assert (left.file, entered.file) == ("a.mxf", "b.mxf")


def test_what_comes_from_black_has_what_is_said_below() -> None:
    text = pair("BL", "AX", "* FROM CLIP NAME: two.mov\n* SOURCE FILE: two.mxf\n", at="00:00:00:00")
    (entered,) = events(text)
    assert (entered.clip_name, entered.file) == ("two.mov", "two.mxf")


@pytest.mark.parametrize(
    "below",
    ["* FROM CLIP NAME: one\n", "* FROM CLIP NAME: one\n* TO CLIP NAME: BL\n* SOURCE FILE: one.mxf\n"],
)
def test_a_dissolve_to_nothing_is_black(below: str) -> None:
    found = parse_edl(CUT + pair("A001C001", "AX", below))
    assert found.skipped == ("line 3: event 002 is black: it names no source",)
    (left,) = found.events
    assert left.tail == Transition("dissolve", 12, beyond=12)


def test_what_leaves_such_black_leaves_nothing() -> None:
    text = pair("A001", "AX", "* FROM CLIP NAME: one\n") + (
        "003  AX V     C        02:00:00:00 02:00:00:00 10:00:02:00 10:00:02:00\n"
        "003  B001 V     D    012 03:00:00:00 03:00:01:00 10:00:02:00 10:00:03:00\n"
        "* FROM CLIP NAME: two\n* TO CLIP NAME: two\n* SOURCE FILE: (NULL)\n"
    )
    assert [(one.reel, one.clip_name) for one in events(text)] == [("A001", "one"), ("B001", "two")]


def test_a_dissolve_whose_first_line_is_missing_says_what_it_does_not_know() -> None:
    line = PAIR.format(left="x", entered="B001", at="01:00:01:00").splitlines()[1]
    first, entered = events(f"{CUT}* FROM CLIP NAME: one\n{line}\n* FROM CLIP NAME: three\n")
    assert first.tail is None
    assert "the dissolve begins in three, whose timecode the list does not say" in entered.notes[0]
    first, entered = events(f"{CUT}* FROM CLIP NAME: one\n{line}\n* FROM CLIP NAME: one\n")
    assert (first.tail, entered.notes) == (Transition("dissolve", 12, beyond=12), ())


def test_the_length_of_a_dissolve_may_stand_behind_its_labels_and_where_it_is_missing_it_is_said() -> None:
    text = CUT + pair("A001C001", "B001")
    behind = text.replace("D    012 ", "D        ").replace("10:00:02:00\n", "10:00:02:00 012\n")
    assert tails(behind) == tails(text) == [("A001C001", None, "01:00:01:00", 12)]
    missing = events(text.replace("D    012 ", "D        "))
    assert missing[-1].notes == ("line 3: its dissolve has no length: what it leaves gets no frames for it",)


def test_the_first_line_of_a_dissolve_may_have_the_number_of_the_event_before() -> None:
    text = CUT + pair("A001C001", "B001").replace("002  A001C001", "001  A001C001")
    assert tails(text) == [("A001C001", None, "01:00:01:00", 12)]


def test_the_first_line_of_a_dissolve_may_be_an_event_of_its_own() -> None:
    """Final Cut Pro 7 lists a cut and the dissolve out of it under one number."""
    text = (
        "003  006I     V     C        06:42:56:14 06:42:57:13 01:00:02:00 01:00:02:24\n"
        "003  007C     V     D    005 00:00:55:08 00:00:56:12 01:00:02:24 01:00:04:03\n"
        "* FROM CLIP NAME:  six.mov\n* TO CLIP NAME:  seven.mov\n"
        "FINAL CUT PRO REEL: 006-I REPLACED BY: 006I\nFINAL CUT PRO REEL: 007-C REPLACED BY: 007C\n"
        "M2   006I           025.0                06:42:56:14\n"
    )
    left, entered = events(text)
    assert (left.reel, left.clip_name, left.source_fps) == ("006-I", "six.mov", 25)
    assert left.tail == Transition("dissolve", 5, beyond=5)
    assert (entered.reel, entered.clip_name, entered.source_fps) == ("007-C", "seven.mov", None)


def test_what_a_generator_makes_asks_for_no_picture() -> None:
    line = "001  GEN      V     C        00:00:55:08 00:00:56:12 01:00:02:24 01:00:04:03\n"
    found = parse_edl(f"{line}* FROM CLIP NAME:  TEXT\n* FROM CLIP IS A GENERATOR\n")
    assert (found.events, found.skipped) == ((), ("line 1: event 001 is made by a generator",))
    found = parse_edl(pair("GEN", "B001", "* FROM CLIP NAME:  TEXT\n* FROM CLIP IS A GENERATOR\n"))
    assert [one.reel for one in found.events] == ["B001"]
    found = parse_edl(CUT + pair("A001C001", "GEN", "* TO CLIP NAME:  TEXT\n* TO CLIP IS A GENERATOR\n"))
    assert [(one.reel, one.tail and one.tail.beyond) for one in found.events] == [("A001C001", 12)]
    slug = line.replace("GEN", "AX ") + "* FROM CLIP NAME:  SLUG\n"
    assert parse_edl(slug).skipped == ("line 1: event 001 is black: it names no source",)


def test_a_short_reel_stands_for_the_long_one_of_its_own_event() -> None:
    replaced = "FINAL CUT PRO REEL: {} REPLACED BY: A001C00\n"
    line = CUT.replace("A001C001", "A001C00 ")
    text = (
        line
        + replaced.format("A001C001_AB")
        + line.replace("10:00", "11:00")
        + replaced.format("A001C002_CD")
    )
    assert [one.reel for one in events(text)] == ["A001C001_AB", "A001C002_CD"]
    assert [one.reel for one in events(text + line.replace("10:00", "12:00"))][2] == "A001C00"
    ahead = replaced.format("A001C001_AB") + line + line.replace("10:00", "12:00")
    assert [one.reel for one in events(ahead)] == ["A001C001_AB"] * 2


def test_the_table_of_sources_at_the_end_of_an_avid_list_has_the_long_reels() -> None:
    mob = "060a2b340101010101010f00-13-00-00-00-{55772c79-7a32-0077-060e2b347f7f2a80}"
    table = f">>> SOURCE A001C001 A001C001_150330_R0T6 {mob}\n>>> SOURCE B001     B001 {mob}\n"
    found = events(CUT + CUT.replace("A001C001", "B001    ") + table)
    assert [one.reel for one in found] == ["A001C001_150330_R0T6", "B001"]
    assert found[1].comments == (table.splitlines()[1],)


def test_a_motion_effect_is_for_the_reel_that_it_names_whatever_its_order() -> None:
    lines = ["M2   A001 -024.0 01:00:00:23\n", "M2   B001 048.0 02:00:00:00\n"]
    for below in ("".join(lines), "".join(reversed(lines))):
        left, entered = events(pair("A001", "B001", below))
        assert (left.source_fps, left.entry) == (-24, "01:00:00:23")
        assert (entered.source_fps, entered.entry) == (48, "02:00:00:00")
    left, entered = events(pair("A001", "B001", lines[0]))
    assert (left.source_fps, entered.source_fps) == (-24, None)


def test_a_motion_effect_of_a_reel_that_both_lines_have_is_for_the_one_that_begins_there() -> None:
    left, entered = events(pair("A001", "A001", "M2   A001 048.0 02:00:00:00\n"))
    assert (left.source_fps, entered.source_fps) == (None, 48)
    left, entered = events(pair("A001", "A001", "M2   A001 012.0\nM2   A001 048.0\n"))
    assert (left.source_fps, entered.source_fps) == (12, 48)
    _, entered = events(pair("A001", "A001", "M2   A001 048.0 05:00:00:00\n"))
    assert "line 3: the motion effect is for reel A001, the event is of A001" in entered.problems[0]


def test_a_motion_effect_of_another_reel_is_not_taken() -> None:
    (one,) = events(CUT + "M2   131 048.0 07:00:00:00\n")
    assert "line 2: the motion effect is for reel 131, the event is of A001C001" in one.problems[0]
    (one,) = events(CUT + "M2   131 048.0 01:00:00:00\n")
    assert (one.source_fps, one.problems) == (48, ())
    assert "the motion effect is for reel 131, but begins here" in one.notes[0]
    (one,) = events(CUT.replace("A001C001", "A001C001_140102_R2EC") + "M2   A001C001 048.0 07:00:00:00\n")
    assert (one.source_fps, one.notes) == (48, ())


def test_the_grade_below_a_dissolve_may_be_that_of_what_is_left() -> None:
    grade = "*ASC_SOP (1.1 1 1)(0 0 0)(1 1 1)\n"
    left, entered = events(CUT + grade + pair("A001C001", "B001", grade))
    assert (left.cdl is not None, entered.cdl) == (True, None)
    assert "the grade is that of the clip before the dissolve" in entered.notes[0]
    other = grade.replace("1.1", "1.2")
    left, entered = events(CUT + grade + pair("A001C001", "B001", other))
    assert entered.cdl is not None
    assert entered.cdl.slope[0] == 1.2
    left, entered = events(pair("A001", "B001", grade + other))
    assert [one.cdl and one.cdl.slope[0] for one in (left, entered)] == [1.1, 1.2]


KEY = (
    "006  001      V     C        00:01:08:22 00:01:09:18 00:00:03:23 00:00:04:19\n"
    "006  001      V     {background}      00:01:09:18 00:01:10:07 00:00:04:19 00:00:05:08\n"
    "006  002      V     {key} 00:01:08:22 00:01:09:11 00:00:04:19 00:00:05:08\n"
    "* FROM CLIP NAME: ground.mov\n"
    "* KEY CLIP NAME: figure.mov\n"
    "M2   001      012.0 00:01:09:18\n"
)


@pytest.mark.parametrize("background", ["K B", "KB"])
@pytest.mark.parametrize("key", ["K    000", "K O  000", "KO   012", "K O", "k o 000"])
def test_keys_are_two_pictures(background: str, key: str) -> None:
    cut, ground, figure = events(KEY.format(background=background, key=key))
    assert (cut.reel, cut.source_fps) == ("001", None)
    assert (ground.reel, ground.clip_name, ground.source_fps) == ("001", "ground.mov", 12)
    assert (figure.reel, figure.clip_name, figure.source_fps) == ("002", "figure.mov", None)
    assert figure.source == Span("00:01:08:22", "00:01:09:11")
    assert (ground.tail, figure.head) == (None, None)
    assert ground.speed_at(Fraction(24)) == Fraction(1, 2)


def test_a_cut_to_the_background_of_a_key_is_of_the_same_clip() -> None:
    cut, ground, figure = events(KEY.format(background="K B", key="K    000").replace("  001 ", "  AX  "))
    assert [one.clip_name for one in (cut, ground, figure)] == ["ground.mov", "ground.mov", "figure.mov"]


def test_what_stands_below_the_sound_of_an_event_is_the_pictures_too() -> None:
    picture = "053  021      V     C        01:21:05:19 01:21:06:26 01:00:51:11 01:00:52:18\n"
    sound = "053  021      A     C        01:21:05:25 01:21:06:26 01:00:51:17 01:00:52:18\n"
    (one,) = events(f"{picture}{sound}* FROM CLIP NAME: split\nM2   021 048.0 01:21:05:19\n")
    assert (one.clip_name, one.source_fps) == ("split", 48)
    (one,) = events(f"{picture}* FROM CLIP NAME: own\n{sound}* FROM CLIP NAME: x.wav\n")
    assert one.clip_name == "own"
