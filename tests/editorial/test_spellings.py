"""One thing in the spellings of several systems, each of which means the same."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import opentimelineio as otio
import pytest

from mediadask.editorial import PlateName, Timeline, match_events
from mediadask.editorial.shots import with_asks
from mediadask.errors import UnreadableMedia
from tests.editorial.conftest import clip

if TYPE_CHECKING:
    from mediadask.metadata import ClipMetadata
    from tests.editorial.conftest import ReadList

REEL = "A001C001_240101_R1AB"
CLIP = clip(REEL)
LINE = f"001  {REEL} V C 01:00:01:00 01:00:02:00 10:00:00:00 10:00:01:00\n"
SEQUENCE: ClipMetadata = replace(
    clip(None, None, 24, path="/card/sq0010_sh0030_comp_v001.%04d.exr"), first_number=1001
)


@pytest.mark.parametrize("channels", ["V/A1-4", "A1,2/V", "V1A1,2", "A1+2+V"])
def test_channels_counted_by_numbers_alone(channels: str, read_list: ReadList) -> None:
    (event,) = read_list(LINE.replace(" V ", f" {channels} "))
    assert event.track.startswith("V")


@pytest.mark.parametrize("channels", ["A1-4", "A1,2", "A1,2,3"])
def test_sound_counted_by_numbers_alone(channels: str, read_list: ReadList) -> None:
    assert read_list(LINE + LINE.replace(" V ", f" {channels} ")).skipped == ("line 2: event 001 is sound",)


@pytest.mark.parametrize(
    ("key", "what"),
    [
        ("K   B", "background"),
        ("K  O 00 ", "overlay"),
        ("K (F) 024", "foreground"),
        ("K 024 F", "foreground"),
    ],
)
def test_keys_in_wider_columns_and_those_that_fade(key: str, what: str, read_list: ReadList) -> None:
    (event,) = read_list(LINE.replace(" C ", f" {key} "))
    assert event.notes == (f"key {what}",)


@pytest.mark.parametrize(
    "marker",
    [
        "* LOC 10:00:00:05 RED ABC_104_0010",
        "* LOC: RED ABC_104_0010",
        "* LOC: 10:00:00:05;RED;ABC_104_0010",
        "* MARKER: 10:00:00:05 RED ABC_104_0010",
        "* LOC: 10:00:00:05 RED ABC_104_0010/paint",
        "* LOC: 10:00:00:05 RED - ABC_104_0010 - wire",
        "* LOC: 10:00:00:05 RED [ABC_104_0010]",
        '* LOC: 10:00:00:05 RED "ABC_104_0010" wire',
        "* LOC: 10:00:00:05 RED #ABC_104_0010",
        "* LOC: 10:00:00:05 RED ABC_104_0010- paint",
        "* LOC: 10:00:00:05 RED VFX SHOT - ABC_104_0010",
    ],
)
def test_shots_between_signs(marker: str, read_list: ReadList) -> None:
    (event,) = read_list(LINE + marker)
    assert PlateName().marked_shot(event) == "ABC_104_0010"


@pytest.mark.parametrize("shot", ["0010", "sh0010", "ABC0010", "0010A"])
def test_a_marker_that_is_a_number_is_the_shot(shot: str, read_list: ReadList) -> None:
    (event,) = read_list(f"{LINE}* LOC: 10:00:00:05 RED {shot}")
    assert PlateName().marked_shot(event) == shot


@pytest.mark.parametrize("text", ["2-shot", "4K-res blowup", "0010 frames longer", "take 12", "120%"])
def test_a_marker_that_only_begins_with_a_number_names_none(text: str, read_list: ReadList) -> None:
    (event,) = read_list(f"{LINE}* LOC: 10:00:00:05 RED {text}")
    assert PlateName().marked_shot(event) is None


@pytest.mark.parametrize(
    "text", ["EFFECT NAME: Timewarp", "SPEED EFFECT: VARIABLE SPEED", "EFFECT IS TIME REMAP"]
)
def test_speeds_that_may_change(text: str, read_list: ReadList) -> None:
    (event,) = read_list(f"{LINE}* {text}")
    assert "may change as it plays" in event.notes[0]


@pytest.mark.parametrize(
    "name", [".1001-1024x1.exr", " 1001-1024", ".1001-1024", ".<frame>.exr", ".[1001-1024].exr"]
)
def test_image_sequences(name: str, read_list: ReadList) -> None:
    edl = LINE.replace(f"{REEL} V C 01:00:01:00 01:00:02:00", "AX V C 00:00:41:21 00:00:42:09")
    (found,) = match_events(read_list(f"{edl}* FROM CLIP NAME: sq0010_sh0030_comp_v001{name}"), [SEQUENCE])
    assert (found.start, found.stop) == (4, 16)


def test_an_out_that_is_the_number_of_the_last_frame(read_list: ReadList) -> None:
    edl = "001 AX V C 1005 1016 10:00:00:00 10:00:00:12\n* FROM CLIP NAME: sq0010_sh0030_comp_v001.exr"
    (found,) = match_events(read_list(edl), [SEQUENCE])
    assert (found.start, found.stop) == (4, 16)
    assert any("last frame" in note for note in found.notes)


@pytest.mark.parametrize("start", ["Source In", "TC In", "Start_TC", "In"])
@pytest.mark.parametrize("tape", ["Source Tape", "Camera_Reel", "Reel Number"])
def test_columns_of_logs(start: str, tape: str, read_list: ReadList) -> None:
    end = start.replace("In", "Out").replace("Start", "End")
    row = f"12A-3\t01:00:01:00\t01:00:02:00\t{REEL}\n"
    log = f"Heading\nFPS\t\nColumn\nName\t{start}\t{end}\t{tape}\nData\n{row}"
    (event,) = read_list(log, ".ale")
    assert (event.reel, event.source.start) == (REEL, "01:00:01:00")


def test_black_by_premieres_name(read_list: ReadList) -> None:
    timeline = read_list(LINE + LINE.replace(REEL, "AX") + "* FROM CLIP NAME: Black Video")
    assert len(timeline) == 1
    assert "black" in timeline.skipped[0]


def test_the_rate_of_a_list_has_all_its_labels(read_list: ReadList) -> None:
    late = "002  D001C001_240101_R1AB V C 01:00:01:00 01:00:01:20 10:00:01:09 10:00:01:29\n"
    media = [CLIP, clip("D001C001_240101_R1AB", rate=30)]
    plan = match_events(read_list(LINE + LINE.replace("01:00:02", "01:00:03") + late), media)
    assert plan.rate == 30


def _clip_of(reference: otio.core.MediaReference, **how: object) -> otio.schema.Clip:
    used = otio.opentime.TimeRange(otio.opentime.RationalTime(86424, 24), otio.opentime.RationalTime(24, 24))
    return otio.schema.Clip(name="12A-3", source_range=used, media_reference=reference, **how)


def _events(one: otio.schema.Clip, read_list: ReadList) -> Timeline:
    timeline = otio.schema.Timeline("T")
    timeline.tracks.append(otio.schema.Track("V1", children=[one], kind="Video"))
    return read_list(otio.adapters.write_to_string(timeline, "otio_json"), ".otio")


def test_missing_media_by_their_name(read_list: ReadList) -> None:
    (event,) = _events(_clip_of(otio.schema.MissingReference(name=REEL)), read_list)
    assert event.file == REEL


def test_effects_that_are_switched_off(read_list: ReadList) -> None:
    warp = otio.schema.LinearTimeWarp(time_scalar=2.0)
    warp.enabled = False
    (event,) = _events(_clip_of(otio.schema.MissingReference(name=REEL), effects=[warp]), read_list)
    assert event.speed == 1


def test_the_note_of_resolves_marker(read_list: ReadList) -> None:
    place = otio.opentime.TimeRange(otio.opentime.RationalTime(86430, 24))
    marker = otio.schema.Marker("Marker 1", place, metadata={"Resolve_OTIO": {"Note": "ABC_104_0010 wire"}})
    (event,) = _events(_clip_of(otio.schema.MissingReference(name=REEL), markers=[marker]), read_list)
    assert PlateName().marked_shot(event) == "ABC_104_0010"


@pytest.mark.parametrize(
    "rows",
    [
        f"Shot,Reel,In,Duration\nABC_010,{REEL},01:00:01:00,24",
        f"Shot,Reel,In,Duration\nABC_010,{REEL},01:00:01:00,00:00:01:00",
        f"Shot,Reel,In,Out,Duration\nABC_010,{REEL},01:00:01:00,01:00:01:23,24",
        f"Shot,Reel,In,Out,Duration\nABC_010,{REEL},01:00:01:00,01:00:02:00,24",
        f"Show: ABC, reel 1\n\nShot,Reel,In,Out\nABC_010,{REEL},01:00:01:00,01:00:02:00",
        f"# from the editor; v2\nShot;Reel;In;Out\nABC_010;{REEL};01:00:01:00;01:00:02:00",
        f"Shot,Reel,In,Out,Speed\nABC_010,{REEL},01:00:01:00,01:00:02:00,200",
        f"Shot,Reel,In,Out,Speed\nABC_010,{REEL},01:00:01:00,01:00:02:00,2x",
    ],
)
def test_shot_lists_of_the_same_frames(rows: str, read_list: ReadList) -> None:
    plan = match_events(read_list(rows, ".csv"), [CLIP])
    (found,) = plan
    assert (found.problems, found.start, found.stop) == ((), 24, 48)
    (row,) = plan.table().to_dict("records")
    assert (row["source_in"], row["source_out"]) == ("01:00:01:00", "01:00:02:00")
    assert found.speed == (2 if "Speed" in rows else 1)


def test_numbers_of_files_in_a_shot_list_say_how_the_last_is_counted(read_list: ReadList) -> None:
    rows = "Shot,Clip,In,Out\nABC_010,sq0010_sh0030_comp_v001,1005,1017"
    (found,) = match_events(read_list(rows, ".csv"), [SEQUENCE])
    assert (found.start, found.stop) == (4, 16)
    assert found.notes[0].startswith("its out is taken for the number after its last")


def test_markers_at_the_end_of_a_list(read_list: ReadList) -> None:
    """They belong to the events that they lie over, whatever they stand below."""
    later = (
        LINE.replace("001 ", "002 ")
        .replace("10:00:01:00", "10:00:02:00")
        .replace("10:00:00:00", "10:00:01:00")
    )
    edl = f"{LINE}{later}* LOC: 10:00:00:05 RED ABC_104_0010\n* LOC: 10:00:01:05 RED ABC_104_0020\n"
    assert [event.markers for event in read_list(edl)] == [("ABC_104_0010",), ("ABC_104_0020",)]


def test_a_marker_elsewhere_stays_where_it_is(read_list: ReadList) -> None:
    edl = f"{LINE}* LOC: 01:00:01:05 RED ABC_104_0010\n{LINE.replace('10:00:', '11:00:')}"
    assert [event.markers for event in read_list(edl)] == [("ABC_104_0010",), ()]


def test_a_list_of_sound_says_so(read_list: ReadList) -> None:
    with pytest.raises(UnreadableMedia, match=r"no picture events \(line 1: event 001 is sound\)"):
        read_list(LINE.replace(" V ", " A1 "))


@pytest.mark.parametrize("marker", ["ABC_010 bg01 fix", "ABC_010 - bg01", "ABC_010_bg01 - paint"])
def test_kinds_of_plates_in_small_letters(marker: str, read_list: ReadList) -> None:
    timeline, *_ = with_asks(read_list(f"{LINE}* LOC: 10:00:00:05 RED {marker}"), PlateName())
    (found,) = match_events(timeline, [CLIP])
    assert (found.fields["shot"], found.fields["plate"]) == ("ABC_010", "bg01")


def test_a_word_in_small_letters_is_no_kind_of_plate(read_list: ReadList) -> None:
    timeline, *_ = with_asks(read_list(f"{LINE}* LOC: 10:00:00:05 RED ABC_010 ref clean"), PlateName())
    (found,) = match_events(timeline, [CLIP])
    assert found.fields["plate"] == "PL01"


def test_a_wipe_with_a_blank_before_its_number(read_list: ReadList) -> None:
    wipe = LINE.replace(f"{REEL} V C", f"{REEL} V W 001 006")
    (event,) = read_list(wipe.replace("001  ", "002  "))
    assert event.head is not None
    assert (event.head.kind, event.head.frames) == ("wipe 001", 6)


def test_the_speed_of_film_on_video_is_real_time(read_list: ReadList) -> None:
    (event,) = read_list(f"{LINE}M2 {REEL} 023.9 01:00:01:00\n")
    assert event.speed_at(Fraction(24)) == event.speed_at(Fraction(24000, 1001)) == 1
