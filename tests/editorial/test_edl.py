"""EDLs as Avid, Premiere, Resolve, Final Cut and Nucoda write them; texts of ours after real lists' forms."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import opentimelineio as otio
import pytest

from mediadask.documents.cdl import Cdl
from mediadask.editorial import Span, Transition
from mediadask.editorial.readers.edl import parse_edl
from mediadask.editorial.retime import source_use

if TYPE_CHECKING:
    from mediadask.editorial import Event


def one(text: str) -> Event:
    (event,) = parse_edl(text).events
    return event


LINE = "001  A001C001_140102_R2EC V     C        01:00:00:10 01:00:00:20 10:00:00:00 10:00:00:10\n"


def test_an_event_of_a_long_reel() -> None:
    found = parse_edl(f"TITLE:   SHOW_104_TURNOVER 02 \nFCM: NON-DROP FRAME\n\n{LINE}")
    assert found.title == "SHOW_104_TURNOVER 02"
    (event,) = found.events
    assert (event.number, event.reel, event.track) == ("001", "A001C001_140102_R2EC", "V")
    assert event.source == Span("01:00:00:10", "01:00:00:20")
    assert event.record == Span("10:00:00:00", "10:00:00:10")
    assert (event.where, event.drop, event.problems) == ("line 4", False, ())


@pytest.mark.parametrize(
    ("line", "reel", "track"),
    [
        ("1 A001 V2 C 01:00:00:00 01:00:01:00 10:00:00:00 10:00:01:00", "A001", "V2"),
        ("000123\tZ677_4C.\tB\tC\t01:00:00:00\t01:00:01:00\t10:00:00:00\t10:00:01:00", "Z677_4C.", "V"),
        ("001  MY REEL V     C        01:00:00:00 01:00:01:00 10:00:00:00 10:00:01:00", "MY REEL", "V"),
        ("001  TAPE1 AA/V  C        01:00:00:00 01:00:01:00 10:00:00:00 10:00:01:00 ", "TAPE1", "V"),
        ("001  AX V  C        01:00:00:00 01:00:01:00 10:00:00:00 10:00:01:00 ", None, "V"),
    ],
)
def test_lines_of_many_systems(line: str, reel: str | None, track: str) -> None:
    event = one(line)
    assert (event.reel, event.track, event.problems) == (reel, track, ())


@pytest.mark.parametrize(
    ("channels", "track"),
    [
        *((said, "V") for said in ("V", "v", "VA1", "VA1A2", "V/A", "A/V", "AA/V", "A12V", "A1A2V")),
        *((said, "V") for said in ("B", "B/A2")),
        *((said, said) for said in ("V1", "V2", "V10")),
        ("V1A1A2", "V1"),
        ("V2A1", "V2"),
        ("A1/V2", "V2"),
    ],
)  # fmt: skip
def test_channels_with_a_picture(channels: str, track: str) -> None:
    (event,) = parse_edl(LINE.replace(" V  ", f" {channels}  ")).events
    assert (event.track, event.reel, event.problems) == (track, "A001C001_140102_R2EC", ())


@pytest.mark.parametrize(
    "channels", ["A", "A2", "AA", "AA2", "A12", "A3A4", "A1A2A3A4", "A/A2", "A1,A2", "AUD", "NONE", "none"]
)
def test_channels_of_sound_alone(channels: str) -> None:
    found = parse_edl(LINE.replace(" V  ", f" {channels}  "))
    assert (found.events, found.skipped) == ((), ("line 1: event 001 is sound",))


def test_numbers_of_frames_where_others_have_timecode() -> None:
    event = one("001  AX       V     C        1005        1017        00:00:00:00 00:00:00:12\n")
    assert (event.source, event.record) == (Span(1005, 1017), Span("00:00:00:00", "00:00:00:12"))
    assert event.counts_files
    assert not one(LINE).counts_files


def test_an_event_that_asks_for_the_same_again_is_skipped_and_another_shot_of_it_is_not() -> None:
    again = LINE.replace("001  ", "002  ", 1)
    found = parse_edl(LINE + again)
    assert len(found.events) == 1
    assert found.skipped == ("line 2: event 002 repeats event 001 (line 1)",)
    assert len(parse_edl(LINE + again + "* LOC: 10:00:00:05 RED ABC_0020\n").events) == 2
    assert len(parse_edl(LINE + again.replace(" V ", " V2")).events) == 2


@pytest.mark.parametrize(
    "comment",
    [
        "* TIMEWARP EFFECT AT SEQUENCE TC 01;00;26;10.",
        "* TIME WARP EFFECT",
        "EFFECTS NAME IS TIMEWARP",
        "* TIME REMAP",
        "* SPEED RAMP",
    ],
)
def test_a_speed_that_may_change_is_noted(comment: str) -> None:
    event = one(f"{LINE}{comment}\n")
    assert event.notes[0].startswith("line 2: a TIMEWARP EFFECT, and no speed is given")
    event = one(f"{LINE}M2 A001C001_140102_R2EC 047.6 01:00:00:10\n{comment}\n")
    assert event.notes[0].startswith("line 3: a TIMEWARP EFFECT, and its speed an average")


def test_comments_name_clip_file_tape_and_shot() -> None:
    event = one(
        LINE + "* FROM CLIP NAME:  12A-3 (day)\n"
        "* SOURCE FILE: A001C001_140102_R2EC.mxf\n"
        "* LOC: 10:00:00:05 GREEN   ABC_104_065_010 rig removal\n"
        "* LOC: 10:00:00;06 RED     second\n"
        "* LOC: 10:00:00:07 RED\n"
        "* VFX: wants a clean plate\n"
    )
    assert event.clip_name == "12A-3 (day)"
    assert event.file == "A001C001_140102_R2EC.mxf"
    assert event.markers == ("ABC_104_065_010 rig removal", "second")
    assert event.comments == ("VFX: wants a clean plate",)


def test_a_tape_comment_is_the_reel() -> None:
    assert one(LINE.replace("A001C001_140102_R2EC", "AX") + "* TAPE: B002C007\n").reel == "B002C007"


def test_comments_without_their_star_count() -> None:
    assert one(LINE + "FROM CLIP NAME: shot1\n").clip_name == "shot1"


def test_final_cut_writes_long_reels_apart() -> None:
    event = one(
        "FINAL CUT PRO REEL: A001_C001_0101AB REPLACED BY: A001C001\n\n" + LINE.replace("_140102_R2EC", "")
    )
    assert event.reel == "A001_C001_0101AB"


@pytest.mark.parametrize(
    "comment",
    [
        "*ASC_SOP (1.1 0.9 1.0) (0.01 -0.0122 0.0305) (1.0 0.9 1.0)\n*ASC_SAT 0.9\n",
        "* ASC_SOP: (1.1 0.9 1.0) (0.01 -0.0122 0.0305) (1.0 0.9 1.0)\n* ASC_SAT: 0.9\n",
        "*ASC_SOP(1.1,0.9,1)(1e-2 -1.22e-2 3.05e-2)(1 .9 1)\n*ASC_SAT 9e-1\n",
        "*ASC_SOP (1.1 0.9 1.0)(0.01 -0.0122 0.0305)(1.0 0.9 1.0) ASC_SAT 0.9\n",
        "* ASC_SOP: (1.1 0.9 1.0)(0.01 -0.0122 0.0305)(1.0 0.9 1.0), SAT (0.9)\n",
        "* ASC_SAT 0.9 ASC_SOP (1.1 0.9 1.0)(0.01 -0.0122 0.0305)(1.0 0.9 1.0)\n",
        "* ASC_SOP 1.1 0.9 1.0 0.01 -0.0122 0.0305 1.0 0.9 1.0\n* ASC_SAT = 0.9\n",
    ],
)
def test_a_grade_in_its_many_spellings(comment: str) -> None:
    assert one(LINE + comment).cdl == Cdl((1.1, 0.9, 1.0), (0.01, -0.0122, 0.0305), (1.0, 0.9, 1.0), 0.9)


@pytest.mark.parametrize(
    "comment",
    [
        "*ASC_SOP (1 1 1) (0 0)",
        "*ASC_SOP (1 1 x) (0 0 0) (1 1 1)",
        "*ASC_SOP (1 1 1) (0 0 0) (1 1 1) 0.9",
        "*ASC_SOP (1 1 1) (0 0 0) (0 1 1)",
        "*ASC_SAT much",
        "*ASC_SAT -1",
    ],
)
def test_a_broken_grade_costs_the_grade_and_not_the_plate(comment: str) -> None:
    event = one(LINE + comment)
    assert not event.problems
    assert len(event.notes) == 1
    assert "line 1: its grade is left out" in event.notes[0]
    assert event.cdl is None


def test_a_retime_counts_source_frames_a_second() -> None:
    event = one(LINE + "M2   A001C001_140102_R2EC       047.6                01:00:00:10 \n")
    assert event.speed_at(Fraction(24)) == Fraction("47.6") / 24
    assert event.entry == "01:00:00:10"


@pytest.mark.parametrize(
    ("fps", "rate", "speed"),
    [
        ("024.0", Fraction(24000, 1001), 1),
        ("-023.9", Fraction(24000, 1001), -1),
        ("059.9", Fraction(30000, 1001), 2),
        ("000.0", Fraction(24), 0),
        ("-024.0", Fraction(24), -1),
    ],
)
def test_speeds_are_printed_with_one_decimal(fps: str, rate: Fraction, speed: int) -> None:
    assert one(f"{LINE}M2   A001 {fps} 01:00:00;10\n").speed_at(rate) == speed


@pytest.mark.parametrize(
    ("text", "fps"),
    [
        ("M2   A001C001_140102_R2EC 048.0", "48"),
        ("M2   048.0", "48"),
        ("M2 A001C001_140102_R2EC -24", "-24"),
        ("m2   A001C001_140102_R2EC +012.5  01:00:00:10", "12.5"),
    ],
)
def test_a_retime_may_leave_out_its_reel_and_its_timecode(text: str, fps: str) -> None:
    event = one(f"{LINE}{text}\n")
    entry = "01:00:00:10" if text.endswith("10") else None
    assert (event.source_fps, event.entry, event.problems) == (Fraction(fps), entry, ())


def test_a_frozen_frame() -> None:
    assert one(LINE + "* FROM CLIP NAME: x FF\n* * FREEZE FRAME\n").speed_at(Fraction(24)) == 0


def test_a_frozen_frame_of_no_length_in_the_source_is_an_event() -> None:
    found = parse_edl(
        "001  A001 V     C        01:00:00:04 01:00:00:04 01:00:00:00 01:00:02:00\n"
        "M2   A001       000.0    01:00:00:04\n"
    )
    (event,) = found.events
    assert event.speed_at(Fraction(24)) == 0
    use = source_use(event, Fraction(24), Fraction(24), drop=False)
    assert (str(use.first), use.frames) == ("01:00:00:04", 1)


def test_a_broken_retime_is_the_events_problem() -> None:
    assert "line 2" in one(LINE + "M2   A001C001 fast 01:00:00:10\n").problems[0]


DISSOLVE = """\
001  A001C001 V     C        01:00:04:05 01:00:04:14 01:00:00:00 01:00:00:09
* FROM CLIP NAME:  one
002  A001C001 V     C        01:00:04:14 01:00:04:14 01:00:00:09 01:00:00:09
002  A002C001 V     {edit}    010 01:00:08:08 01:00:08:18 01:00:00:09 01:00:00:19
* FROM CLIP NAME:  one
* TO CLIP NAME:  two
003  A003C001 V     C        01:00:08:18 01:00:08:19 01:00:00:19 01:00:00:20
"""


@pytest.mark.parametrize(("edit", "kind"), [("D", "dissolve"), ("W001", "wipe 001")])
def test_a_transition_needs_frames_of_what_it_leaves(edit: str, kind: str) -> None:
    leaving, entered, after = parse_edl(DISSOLVE.format(edit=edit)).events
    assert leaving.tail == Transition(kind, 10, beyond=10)
    assert entered.head == Transition(kind, 10, beyond=0)
    assert (leaving.clip_name, entered.clip_name) == ("one", "two")
    assert (after.head, after.tail) == (None, None)


def test_a_fade_from_black_and_to_black() -> None:
    found = parse_edl(
        "001  BL       V     C        00:00:00:00 00:00:00:00 01:00:00:00 01:00:00:00\n"
        "001  A001C001 V     D    024 01:00:04:05 01:00:08:05 01:00:00:00 01:00:04:00\n"
        "002  A001C001 V     C        01:00:08:05 01:00:08:05 01:00:04:00 01:00:04:00\n"
        "002  BL       V     D    012 00:00:00:00 00:00:00:12 01:00:04:00 01:00:04:12\n"
    )
    (event,) = found.events
    assert event.head == Transition("dissolve", 24, beyond=0)
    assert event.tail == Transition("dissolve", 12, beyond=12)
    assert len(found.skipped) == 2


def test_what_a_transition_leaves_is_an_event_where_the_list_has_no_other_of_it() -> None:
    events = parse_edl(
        "007  A001C001 V     C        01:00:04:14 01:00:04:14 01:00:00:09 01:00:00:09\n"
        "007  A002C001 V     D    010 01:00:08:08 01:00:08:18 01:00:00:09 01:00:00:19\n"
    ).events
    assert [(event.reel, event.tail and event.tail.beyond) for event in events] == [
        ("A001C001", 10),
        ("A002C001", None),
    ]


def test_sound_black_and_bars_ask_for_no_picture() -> None:
    found = parse_edl(
        "001  BARS V C 00:00:00:00 00:00:10:00 00:59:00:00 00:59:10:00\n"
        "002  BL   V C 00:00:00:00 00:00:10:00 00:59:10:00 00:59:20:00\n"
        "003  A001C001 AA  C 01:00:00:00 01:00:01:00 01:00:00:00 01:00:01:00\n"
        "AUD  3  4\n"
        "004  A001C001 A2  C 01:00:00:00 01:00:01:00 01:00:00:00 01:00:01:00\n" + LINE
    )
    assert [event.number for event in found.events] == ["001"]
    assert len(found.skipped) == 4


@pytest.mark.parametrize(
    "line",
    [
        "002  A001C001 V     C        01:00:00:10 01:00",
        "002  A001C001 V     C        01:00:00:10 01:00:00:20 10:00:00:00",
        "002  A001C001 V     X        01:00:00:10 01:00:00:20 10:00:00:00 10:00:00:10",
        "002",
    ],
)
def test_a_line_cut_short_is_a_bad_event_that_names_its_line(line: str) -> None:
    good, bad, other = parse_edl(f"{LINE}{line}\n{LINE.replace('A001', 'A003', 1)}").events
    assert not good.problems
    assert not other.problems
    assert bad.number == "002"
    assert "line 2 is no event" in bad.problems[0]


def test_drop_frame_is_said_in_the_labels_or_before_them() -> None:
    drop, later = parse_edl(f"FCM: DROP FRAME\n{LINE}FCM: NON-DROP FRAME\n{LINE}").events
    assert (drop.drop, later.drop) == (True, False)
    assert one(f"FCM: Non-Drop Frame\n{LINE}").drop is False
    assert one(LINE.replace("01:00:00:10", "01:00:00;10")).source.drop


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_system(end: str) -> None:
    text = (LINE + "* FROM CLIP NAME: x\n").replace("\n", end)
    assert one(text).clip_name == "x"


def test_the_same_as_opentimelineio_where_that_reads_a_list() -> None:
    text = (
        f"TITLE: T\n{LINE}* FROM CLIP NAME: one\n"
        "*ASC_SOP (1.1 1 1) (0 0 0) (1 1 1)\n* LOC: 10:00:00:05 RED NOTE\n"
    )
    theirs = next(iter(otio.adapters.read_from_string(text, "cmx_3600").find_clips()))
    ours = one(text)
    first, frames = ours.source.at(Fraction(24))
    assert (first.frames, frames) == (
        theirs.source_range.start_time.value,
        theirs.source_range.duration.value,
    )
    assert ours.reel == theirs.metadata["cmx_3600"]["reel"]
    assert ours.clip_name == theirs.name
    assert ours.markers == tuple(marker.name for marker in theirs.markers)
    assert ours.cdl is not None
    assert list(ours.cdl.slope) == list(theirs.metadata["cdl"]["asc_sop"]["slope"])


def test_an_event_that_only_happens_to_end_there_is_not_what_a_transition_leaves() -> None:
    events = parse_edl(
        "001  B009C009 V     C        05:00:00:00 05:00:00:09 01:00:00:00 01:00:00:09\n"
        "007  A001C001 V     C        01:00:04:14 01:00:04:14 01:00:00:09 01:00:00:09\n"
        "007  A002C001 V     D    010 01:00:08:08 01:00:08:18 01:00:00:09 01:00:00:19\n"
    ).events
    assert [(event.reel, event.tail and event.tail.beyond) for event in events] == [
        ("B009C009", None),
        ("A001C001", 10),
        ("A002C001", None),
    ]


@pytest.mark.parametrize(
    ("line", "markers"),
    [
        ("* LOC: 10:00:00:05 ABC_104_0010", ("ABC_104_0010",)),
        ("* LOC: 10:00:00:05 RED ABC_104_0020: paint out", ("ABC_104_0020: paint out",)),
        ("* LOC: 10:00:00:05 MAGENTA     ABC_104_0020", ("ABC_104_0020",)),
        ("*LOC: 10:00:00:05 paint out", ("paint out",)),
        ("* LOC: 10:00:00:05 Forest  fix sky", ("fix sky",)),
        ("* LOC: 10:00:00:05 REDUCE NOISE", ("REDUCE NOISE",)),
        ("* LOC: 10:00:00:05 RED", ()),
        ("|C:ResolveColorBlue |M:ABC_104_0030 |D:1", ("ABC_104_0030",)),
        (" paint out |C:ResolveColorBlue |M:ABC_104_0030 |D:12", ("ABC_104_0030", "paint out")),
        ("* |C:ResolveColorBlue |M: |D:1", ()),
    ],
)
def test_markers_as_systems_write_them(line: str, markers: tuple[str, ...]) -> None:
    cut = "001  A001C001 V     C        01:00:01:00 01:00:02:00 10:00:00:00 10:00:01:00"
    (event,) = parse_edl(f"{cut}\n{line}\n").events
    assert (event.markers, event.comments, event.problems) == (markers, (), ())
