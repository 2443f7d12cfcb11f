"""Every kind of list reads to the same events; hostile ones to one line."""

from __future__ import annotations

import zipfile
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import opentimelineio as otio
import pytest

from mediadask.documents.cdl import Cdl
from mediadask.editorial import Timeline, match_events, read_timeline
from mediadask.errors import InvalidRequest, MediaError, MissingMedia, UnreadableMedia, UnsupportedMedia
from tests.editorial.conftest import ReadList, clip

if TYPE_CHECKING:
    from pathlib import Path

EDL = "001  A001C001 V     C        01:00:01:00 01:00:02:00 10:00:00:00 10:00:01:00\n* FROM CLIP NAME: é\n"
HOUR = 3600 * 24


def time(frames: float, rate: float = 24) -> otio.opentime.RationalTime:
    return otio.opentime.RationalTime(frames, rate)


def used(first: float, frames: float, rate: float = 24) -> otio.opentime.TimeRange:
    return otio.opentime.TimeRange(time(first, rate), time(frames, rate))


def edit(*items: Any, start: float = 10 * HOUR) -> otio.schema.Timeline:
    timeline = otio.schema.Timeline("DAY 12", global_start_time=time(start))
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    track.extend(items)
    timeline.tracks.append(track)
    return timeline


def shot(reel: str, first: float = HOUR + 24, frames: float = 24, **how: Any) -> otio.schema.Clip:
    reference = otio.schema.ExternalReference(f"file:///card/{reel}.mov", used(HOUR, 240))
    return otio.schema.Clip(reel, reference, used(first, frames), **how)


def frames_of(timeline: Timeline, *media: Any) -> list[tuple[str | None, int, int] | str]:
    plan = match_events(timeline, media or [clip("A001C001"), clip("A001C002")])
    return [(one.url, one.start, one.stop) if one.ok else one.problems[0] for one in plan]


@pytest.mark.parametrize(
    "data",
    [
        EDL.encode(),
        b"\xef\xbb\xbf" + EDL.encode(),
        EDL.encode("utf-16"),
        "\ufeff".encode("utf-16-be") + EDL.encode("utf-16-be"),
        EDL.encode("latin-1"),
        EDL.replace("\n", "\r\n").encode(),
    ],
    ids=["utf-8", "utf-8 mark", "utf-16", "utf-16-be", "latin-1", "crlf"],
)
def test_text_in_every_encoding_that_editing_systems_write(data: bytes, read_list: ReadList) -> None:
    (event,) = read_list(data)
    assert (event.reel, event.clip_name) == ("A001C001", "é")


def test_the_title_is_the_files_name_where_it_has_none(read_list: ReadList) -> None:
    assert read_list(EDL).name == "turnover"
    assert read_list("TITLE: DAY 12\n" + EDL).name == "DAY 12"


@pytest.mark.parametrize(
    "rate", ["23.976", "23.98", 23.976, 24000 / 1001, Fraction(24000, 1001), "24000/1001"]
)
def test_a_rate_in_its_many_spellings(rate: Any, read_list: ReadList) -> None:
    assert read_list(EDL, rate=rate).rate == Fraction(24000, 1001)


@pytest.mark.parametrize("rate", ["fast", 0, -24, "1/0", float("nan"), float("inf")])
def test_what_is_no_rate_is_refused(rate: Any, read_list: ReadList) -> None:
    with pytest.raises(InvalidRequest, match="is no frame rate"):
        read_list(EDL, rate=rate)


def test_otio(read_list: ReadList) -> None:
    metadata = {
        "cmx_3600": {"reel": "A001C002"},
        "cdl": {"asc_sop": {"slope": [1.1, 1, 1], "offset": [0, 0, 0], "power": [1, 1, 1]}, "asc_sat": 0.9},
    }
    second = shot("clip two", metadata=metadata, markers=[otio.schema.Marker("ABC_010")])
    dissolve = otio.schema.Transition("x", "SMPTE_Dissolve", time(4), time(6))
    timeline = edit(shot("A001C001"), dissolve, second, otio.schema.Gap(duration=time(12)), shot("A001C001"))
    found = read_list(timeline.to_json_string(), ".otio")
    assert (found.name, found.rate, len(found)) == ("DAY 12", 24, 3)
    one, two, _ = found
    assert (one.reel or one.clip_name, two.reel) == ("A001C001", "A001C002")
    assert (one.tail and one.tail.beyond, two.head and two.head.beyond) == (6, 4)
    assert two.cdl == Cdl((1.1, 1.0, 1.0), saturation=0.9)
    assert two.markers == ("ABC_010",)
    assert [event.record and event.record.start for event in found] == [
        10 * HOUR,
        10 * HOUR + 24,
        10 * HOUR + 60,
    ]
    assert frames_of(found) == [
        ("/card/A001C001.mov", 24, 54),
        ("/card/A001C002.mov", 20, 48),
        ("/card/A001C001.mov", 24, 48),
    ]


def test_retimes_of_otio(read_list: ReadList) -> None:
    fast = shot("A001C001", effects=[otio.schema.LinearTimeWarp(time_scalar=2)])
    frozen = shot("A001C001", effects=[otio.schema.FreezeFrame()])
    ramp = shot("A001C001", effects=[otio.schema.TimeEffect("ramp")])
    found = read_list(edit(fast, frozen, ramp).to_json_string(), ".otio")
    assert frames_of(found)[:2] == [("/card/A001C001.mov", 24, 24 + 47), ("/card/A001C001.mov", 24, 25)]
    assert "speed changes as it plays" in str(frames_of(found)[2])


@pytest.mark.parametrize(
    ("odd", "what"),
    [
        (otio.schema.Clip("A002", otio.schema.MissingReference()), "A002 has no length"),
        (otio.schema.Clip("A002", source_range=used(0, 24, 0)), "A002 has no length"),
        (shot("A002", metadata={"cdl": {"asc_sop": {"slope": "one"}}}), "is no CDL"),
        (shot("A002", metadata={"cdl": {"asc_sop": [1, 1, 1]}}), "is no CDL"),
        (shot("A002", metadata={"cdl": {"asc_sop": {"slope": [1, 1]}}}), "is no CDL"),
        (shot("A002", metadata={"cdl": {"asc_sat": "high"}}), "is no CDL"),
        (shot("A002", effects=[otio.schema.LinearTimeWarp(time_scalar=float("inf"))]), "makes no sense"),
    ],
)
@pytest.mark.parametrize("start", [10 * HOUR, None])
def test_a_clip_that_makes_no_sense_is_one_bad_event(
    odd: Any, what: str, start: int | None, read_list: ReadList
) -> None:
    timeline = edit(shot("A001C001"), odd.clone(), shot("A001C002"))
    timeline.global_start_time = None if start is None else time(start)
    found = read_list(timeline.to_json_string(), ".otio")
    assert what in str(found.events[1].problems or found.events[1].notes)
    assert bool(found.events[1].problems) == (what != "is no CDL")  # a plate needs no grade
    assert found.rate == 24
    good, _, other = frames_of(found)
    assert (good[1:], other[1:]) == ((24, 48), (24, 48))


def avid(
    speed: float,
    length: int,
    ratio: str,
    position: list[list[float]] | None,
    speeds: list[list[float]] | None,
) -> otio.schema.LinearTimeWarp:
    """A timewarp as the AAF adapter makes it of Avid's."""
    maps = {"PARAM_OFFSET_MAP_U": position, "PARAM_SPEED_MAP_U": speeds}
    parameters = {name: {"keyframe_values": keys} for name, keys in maps.items() if keys is not None}
    metadata = {"AAF": {"Length": length, "Parameters": {"SpeedRatio": ratio, **parameters}}}
    return otio.schema.LinearTimeWarp("Motion Control", time_scalar=speed, metadata=metadata)


@pytest.mark.parametrize(
    ("speed", "length", "ratio", "position", "speeds", "frames"),
    [  # of Avid's own AAFs
        (2.0, 8, "8/15", None, [[0, 2.0]], 15),
        (0.375, 8, "8/3", None, [[0, 0.375]], 3),
        (0.99, 10, "1", None, [[-31, 0.99]], 10),  # begins within a frame: it touches one more
        (0.99, 100, "100/99", [[0, 0], [1, 98]], None, 99),
        (2.75, 8, "4/11", [[-1.5714285714285714, -34], [3, 65]], None, 22),
        (7.666666666666667, 3, "3/23", [[-2, -44], [2.5, 55]], None, 23),
        (-0.5, 24, "-24/13", None, [[-36, -0.5]], 13),
    ],
)
def test_an_avid_timewarp_of_one_speed_has_the_frames_that_it_counts(
    speed: float,
    length: int,
    ratio: str,
    position: list[list[float]] | None,
    speeds: list[list[float]] | None,
    frames: int,
    read_list: ReadList,
) -> None:
    warped = shot("A001C001", frames=length, effects=[avid(speed, length, ratio, position, speeds)])
    assert frames_of(read_list(edit(warped).to_json_string(), ".otio")) == [
        ("/card/A001C001.mov", 24, 24 + frames)
    ]


def test_media_of_another_rate_counts_in_its_own_frames_as_avid_has_it(read_list: ReadList) -> None:
    """The AAF adapter converts the count, as if it were of the timeline."""
    metadata = {
        "AAF": {
            "Length": 100,
            "ComponentAttributeList": {"_MIXMATCH_MOTIONADAPTER": 2},
            "Parameters": {"SpeedRatio": "5/6"},
        }
    }
    adapter = otio.schema.LinearTimeWarp("Motion Control", time_scalar=1.2, metadata=metadata)
    media = otio.schema.ExternalReference("file:///card/A001C001.mov", used(3600 * 30, 19038, 30))
    first = time(3600 * 30 + 6514 * 30 / 25, 30)
    item = otio.schema.Clip("a", media, otio.opentime.TimeRange(first, time(100, 25)), effects=[adapter])
    timeline = edit(item, start=0)
    timeline.global_start_time = time(90000, 25)
    found = read_list(timeline.to_json_string(), ".otio")
    media_clip = clip("A001C001", frames=7000, rate=30)
    assert frames_of(found, media_clip) == [("/card/A001C001.mov", 6514, 6634)]
    assert "is counted as Avid counts it" in found.events[0].notes[0]


@pytest.mark.parametrize(
    ("position", "speeds"),
    [
        ([[0, 0], [0.26666666666666666, 5.625], [0.7333333333333333, 9.375], [1, 15]], None),
        ([[0, 3]], None),
        ([], None),
        (None, [[0, 0.0], [275, 1.0]]),
    ],
)
def test_an_avid_timewarp_whose_speed_changes_is_bad(
    position: list[list[float]] | None, speeds: list[list[float]] | None, read_list: ReadList
) -> None:
    warped = shot("A001C001", frames=16, effects=[avid(1.0, 16, "1", position, speeds)])
    found = read_list(edit(warped).to_json_string(), ".otio")
    assert "its speed changes as it plays (Motion Control, by keyframes)" in found.events[0].problems[0]


def test_picture_tracks_of_one_name_are_told_apart(read_list: ReadList) -> None:
    """Avid calls all picture tracks of an AAF alike, and they lie over one another."""
    timeline = edit(shot("A001C001"))
    timeline.tracks.append(otio.schema.Track("V1", [shot("A001C002")], kind=otio.schema.TrackKind.Video))
    timeline.tracks.append(otio.schema.Track("top", [shot("A001C001", first=HOUR)], kind="Video"))
    found = read_list(timeline.to_json_string(), ".otio")
    assert [event.track for event in found] == ["V1", "V2", "top"]
    plan = match_events(found, [clip("A001C001"), clip("A001C002")])
    assert [(one.ok, one.notes) for one in plan] == [(True, ())] * 3


def test_a_number_that_opentimelineio_writes_is_read(read_list: ReadList) -> None:
    text = edit(shot("A001C001", metadata={"big": float("inf"), "less": [float("-inf"), float("nan")]}))
    json_text = text.to_json_string()
    for word in ("Inf", "-Inf"):
        assert word in json_text
    assert frames_of(read_list(json_text, ".otio")) == [("/card/A001C001.mov", 24, 48)]


def test_an_effect_that_is_switched_off_changes_no_speed(read_list: ReadList) -> None:
    effect = otio.schema.LinearTimeWarp(time_scalar=2)
    effect.enabled = False
    found = read_list(edit(shot("A001C001", effects=[effect])).to_json_string(), ".otio")
    assert frames_of(found) == [("/card/A001C001.mov", 24, 48)]


def test_what_asks_for_no_camera_picture_is_skipped(read_list: ReadList) -> None:
    generated = otio.schema.Clip("bars", otio.schema.GeneratorReference("bars", "SMPTEBars"), used(0, 24))
    disabled = shot("A001C001")
    disabled.enabled = False
    title = otio.schema.Stack("title", [layer(otio.schema.Gap(duration=time(24)))])
    timeline = edit(generated, disabled, title, shot("A001C002"))
    timeline.tracks.append(otio.schema.Track("A1", kind=otio.schema.TrackKind.Audio))
    found = read_list(timeline.to_json_string(), ".otio")
    assert len(found.skipped) == 4
    assert frames_of(found) == [("/card/A001C002.mov", 24, 48)]


def layer(*items: Any, kind: str = otio.schema.TrackKind.Video) -> otio.schema.Track:
    track = otio.schema.Track(kind=kind)
    track.extend(items)
    return track


def test_a_sequence_in_the_sequence_is_what_is_on_top_in_it_as_long_as_it_is_shown(
    read_list: ReadList,
) -> None:
    below = layer(shot("A001C001", frames=24), shot("A001C001", first=HOUR + 100, frames=24))
    above = layer(otio.schema.Gap(duration=time(30)), shot("A001C002", frames=10))
    inner = otio.schema.Stack("angles", [below, above, layer(shot("A001C001"), kind="Audio")])
    nested = otio.schema.Stack("compound", [layer(inner)], source_range=used(12, 26))
    dissolve = otio.schema.Transition("x", "SMPTE_Dissolve", time(4), time(6))
    found = read_list(edit(nested, dissolve, shot("A001C001")).to_json_string(), ".otio")
    assert frames_of(found) == [
        ("/card/A001C001.mov", 36, 48),
        ("/card/A001C001.mov", 100, 106),
        ("/card/A001C002.mov", 24, 32 + 6),
        ("/card/A001C001.mov", 24 - 4, 48),
    ]
    starts = [event.record and int(event.record.start) - 10 * HOUR for event in found]
    assert starts == [0, 12, 18, 26]
    assert found.events[0].where == "track V1, item 1, item 1, item 1"


def test_a_sequence_whose_pictures_cannot_be_told_is_listed(read_list: ReadList) -> None:
    empty = otio.schema.Stack("elsewhere", source_range=used(0, 24))
    fast = otio.schema.Stack(
        "fast", [layer(shot("A001C001"))], effects=[otio.schema.LinearTimeWarp(time_scalar=2)]
    )
    deep = shot("A001C001")
    for _ in range(20):
        deep = otio.schema.Stack("deep", [layer(deep)])
    found = read_list(edit(empty, fast, deep, shot("A001C002")).to_json_string(), ".otio")
    for said, what in zip(found, ["does not hold", "retimed as a whole", "too many sequences"], strict=False):
        assert what in str(said.problems)
    assert frames_of(found)[3] == ("/card/A001C002.mov", 24, 48)


def test_record_places_count_the_timelines_frames_where_it_names_no_start(read_list: ReadList) -> None:
    timeline = edit(*(otio.schema.Clip("A001C001", source_range=used(0, 60, 30)) for _ in range(2)))
    timeline.global_start_time = None
    found = read_list(timeline.to_json_string(), ".otio")
    assert [event.record and event.record.start for event in found] == [0, 60]


def test_files_are_found_under_names_that_urls_write_otherwise(read_list: ReadList) -> None:
    reference = otio.schema.ExternalReference("file:///card/A001%20C001.mov", used(HOUR, 240))
    (event,) = read_list(edit(otio.schema.Clip("a", reference, used(HOUR, 24))).to_json_string(), ".otio")
    assert event.file == "file:///card/A001 C001.mov"


def test_final_cut_7_xml(read_list: ReadList) -> None:
    text = otio.adapters.write_to_string(edit(shot("A001C001"), shot("A001C002")), "fcp_xml")
    text = text.replace('<?xml version="1.0" ?>', '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE xmeml>')
    found = read_list(text, ".xml")
    assert found.rate == 24
    assert frames_of(found) == [("/card/A001C001.mov", 24, 48), ("/card/A001C002.mov", 24, 48)]


XMEML = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE xmeml>
<xmeml version="5"><sequence id="s"><name>DAY 12</name>
<rate><timebase>24</timebase><ntsc>TRUE</ntsc></rate>
<timecode><rate><timebase>24</timebase><ntsc>TRUE</ntsc></rate><string>10:00:00:00</string>
<frame>864000</frame></timecode>
<media><video><track><clipitem id="c1"><name>x</name><start>0</start><end>24</end>
<in>{first}</in><out>{last}</out>
<rate><timebase>24</timebase><ntsc>TRUE</ntsc></rate>
<file id="f1"><name>x.mov</name><duration>240</duration><rate><timebase>24</timebase><ntsc>TRUE</ntsc></rate>
<timecode><rate><timebase>24</timebase><ntsc>TRUE</ntsc></rate><string>01:00:00:00</string>
<frame>86400</frame>
<reel><name>A001_C001_0101AB</name></reel></timecode></file>{filters}</clipitem></track></video></media>
</sequence></xmeml>
"""
REMAP = """<filter><effect><name>Time Remap</name><effectid>timeremap</effectid>
<parameter><parameterid>speed</parameterid><value>{speed}</value></parameter>
<parameter><parameterid>reverse</parameterid><value>{reverse}</value></parameter></effect></filter>"""
OFF = "<filter><enabled>FALSE</enabled>"


@pytest.mark.parametrize(
    ("first", "filters", "frames"),
    [
        (24, "", (24, 48)),
        (24, REMAP.format(speed=200, reverse="FALSE"), (48, 48 + 47)),
        (24, REMAP.format(speed=50, reverse="FALSE"), (12, 12 + 12)),
        (24, REMAP.format(speed=100, reverse="TRUE"), (240 - 48, 240 - 24)),
        (24, REMAP.format(speed=-100, reverse="FALSE"), (240 - 48, 240 - 24)),
        (24, REMAP.format(speed=200, reverse="FALSE").replace("<filter>", OFF), (24, 48)),
    ],
)
def test_retimes_of_final_cut_count_in_the_retimed_clips_frames(
    first: int, filters: str, frames: tuple[int, int], read_list: ReadList
) -> None:
    found = read_list(XMEML.format(first=first, last=first + 24, filters=filters), ".xml")
    assert found.events[0].reel == "A001_C001_0101AB"
    assert found.rate == Fraction(24000, 1001)
    media = clip("A001_C001_0101AB", rate=Fraction(24000, 1001), path="/card/a.mov")
    assert frames_of(found, media) == [("/card/a.mov", *frames)]


def test_a_speed_that_may_be_a_factor_or_per_cent_is_not_guessed(read_list: ReadList) -> None:
    filters = REMAP.format(speed=0.25, reverse="FALSE")
    found = read_list(XMEML.format(first=0, last=24, filters=filters), ".xml")
    assert "0.25 %" in found.events[0].problems[0]


@pytest.mark.parametrize("said", ["1", "TRUE"])
@pytest.mark.parametrize("speed", [100, 150])
def test_a_ramp_of_final_cut_is_listed_whatever_speed_stands_beside_it(
    said: str, speed: int, read_list: ReadList
) -> None:
    ramp = f"<parameter><parameterid>variablespeed</parameterid><value>{said}</value></parameter></effect>"
    filters = REMAP.format(speed=speed, reverse="FALSE").replace("</effect>", ramp)
    found = read_list(XMEML.format(first=0, last=24, filters=filters), ".xml")
    assert "its speed changes as it plays" in found.events[0].problems[0]


def test_a_speed_of_final_cut_that_is_no_number_is_listed(read_list: ReadList) -> None:
    filters = REMAP.format(speed="fast", reverse="FALSE")
    found = read_list(XMEML.format(first=0, last=24, filters=filters), ".xml")
    assert "makes no sense" in found.events[0].problems[0]


def test_aaf(tmp_path: Path) -> None:
    pytest.importorskip("otio_aaf_adapter")
    item = shot("A001C001")
    mob = "urn:smpte:umid:060a2b34.01010105.01010f10.13000000.060e2b34.{:08}.080046a5.09bc4f1d"
    item.media_reference.metadata["AAF"] = {"MobID": mob.format(1)}
    item.metadata["AAF"] = {"SourceID": mob.format(1)}
    otio.adapters.write_to_file(edit(item, start=0), str(tmp_path / "day12.aaf"))
    assert frames_of(read_timeline(tmp_path / "day12.aaf")) == [("/card/A001C001.mov", 24, 48)]


def test_an_aaf_matches_by_the_tape_that_its_clip_was_digitized_from(tmp_path: Path) -> None:
    aaf2 = pytest.importorskip("aaf2")
    with aaf2.open(str(tmp_path / "avid.aaf"), "w") as file:
        tape, digitized = file.create.SourceMob("A001C001"), file.create.SourceMob("V01.4F3A.mxf")
        tape.descriptor, digitized.descriptor = file.create.TapeDescriptor(), file.create.ImportDescriptor()
        picture, timecode = tape.create_tape_slots("A001C001", 24, 24)
        timecode["PhysicalTrackNumber"].value = 1
        timecode.segment.start, timecode.segment.length = HOUR, 2400
        master, sequence = file.create.MasterMob("slate 12"), file.create.CompositionMob("edit")
        file.content.mobs.extend([tape, digitized, master, sequence])
        above, mobs = tape.create_source_clip(picture.slot_id, start=0, length=240), (digitized, master)
        for mob in mobs:
            slot = mob.create_timeline_slot(24)
            slot.segment, first = above, 24 if mob is master else 0
            above = mob.create_source_clip(slot.slot_id, start=first, length=24 if first else 240)
        track = sequence.create_timeline_slot(24)
        track.segment = file.create.Sequence(media_kind="picture")
        track.segment.components.append(above)
        markers = file.create.EventMobSlot()  # of the timeline, as Resolve has them: of no track
        markers.edit_rate, markers.slot_id = 24, 1000
        markers["PhysicalTrackNumber"].value = 1
        markers.segment = file.create.Sequence(media_kind="DescriptiveMetadata")
        marker = file.create.DescriptiveMarker()
        marker["Comment"].value, marker["Position"].value = "ABC_010", 4
        marker.media_kind = "DescriptiveMetadata"
        markers.segment.components.append(marker)
        sequence.slots.append(markers)
    found = read_timeline(tmp_path / "avid.aaf")
    assert (found.events[0].reel, found.events[0].clip_name) == ("A001C001", "slate 12")
    assert frames_of(found) == [("/card/A001C001.mov", 24, 48)]


def marker(name: str, at: float | None, comment: str = "") -> otio.schema.Marker:
    where = {} if at is None else {"marked_range": used(at, 1)}
    return otio.schema.Marker(name, **where, metadata={"comment": comment})


def test_markers_of_timeline_and_track_name_what_they_lie_over(read_list: ReadList) -> None:
    timeline = edit(shot("A001C001", frames=48), shot("A001C002"), shot("A001C001"))
    above = layer(otio.schema.Gap(duration=time(48)), shot("A001C001"))
    timeline.tracks.append(above)
    timeline.tracks.markers.append(marker("ABC_010", 12))
    timeline.tracks.markers.append(marker("Marker 2", 10 * HOUR + 71, "ABC_020 rig"))  # in its timecode
    timeline.tracks[0].markers.append(marker("ABC_030", 72))
    above.markers.append(marker("ABC_040", 50))
    found = read_list(timeline.to_json_string(), ".otio")
    assert [event.markers for event in found] == [
        ("ABC_010",),
        ("Marker 2", "ABC_020 rig"),
        ("ABC_030",),
        ("ABC_040", "Marker 2", "ABC_020 rig"),
    ]


def test_markers_of_clips_sequences_and_gaps(read_list: ReadList) -> None:
    """A clip's count in its own time; an editor's tool may count them from its beginning."""
    own = shot("A001C001", markers=[marker("ABC_010", HOUR + 30), marker("outside", HOUR + 60)])
    relative = shot("A001C001", markers=[marker("ABC_020", 3), marker("outside", 30)])
    anywhere = shot("A001C001", markers=[marker("ABC_030", None)])
    nested = otio.schema.Stack(
        "nested", [layer(shot("A001C001"), shot("A001C002"))], source_range=used(12, 24)
    )
    nested.markers.append(marker("ABC_040", 30))
    gap = otio.schema.Gap(duration=time(24))
    gap.markers.append(marker("ABC_050", 6))
    timeline = edit(own, relative, anywhere, nested, gap)
    timeline.tracks.append(layer(otio.schema.Gap(duration=time(96)), shot("A001C001")))
    found = read_list(timeline.to_json_string(), ".otio")
    assert [event.markers for event in found] == [
        ("ABC_010",), ("ABC_020",), ("ABC_030",), (), ("ABC_040",), ("ABC_050",)
    ]  # fmt: skip


FCP7_MARKER = "<marker><name>{}</name><comment>{}</comment><in>{}</in><out>-1</out></marker>"


def test_markers_of_final_cut_7_xml(read_list: ReadList) -> None:
    text = XMEML.format(first=24, last=48, filters=FCP7_MARKER.format("", "ABC_010 rig", 30))
    assert read_list(text, ".xml").events[0].markers == ("ABC_010 rig",)
    text = XMEML.format(first=24, last=48, filters=FCP7_MARKER.format("ABC_010", "", 50))
    assert read_list(text, ".xml").events[0].markers == ()
    of_sequence = FCP7_MARKER.format("ABC_010", "rig", 12) + FCP7_MARKER.format("after", "", 24)
    text = XMEML.format(first=24, last=48, filters="").replace("</sequence>", of_sequence + "</sequence>")
    assert read_list(text, ".xml").events[0].markers == ("ABC_010", "rig")


@pytest.mark.parametrize("ends", ["<in>30</in>", "<in>30</in><out/>", "<in>30</in><out>soon</out>"])
def test_a_marker_of_final_cut_7_xml_without_an_end(ends: str, read_list: ReadList) -> None:
    filters = f"<marker><name>ABC_010</name>{ends}</marker>"
    (event,) = read_list(XMEML.format(first=24, last=48, filters=filters), ".xml")
    assert event.markers == ("ABC_010",)


@pytest.mark.parametrize("place", ["NaN", "Infinity", "1e300"])
def test_a_marker_nowhere_is_left_out(place: str, read_list: ReadList) -> None:
    timeline = edit(shot("A001C001", markers=[marker("ABC_010", 12345)]))
    timeline.tracks.markers.append(marker("ABC_020", 12345))
    (event,) = read_list(timeline.to_json_string().replace("12345.0", place), ".otio")
    assert event.markers == ()


def test_markers_in_a_transition_are_of_the_clips_that_it_shows(read_list: ReadList) -> None:
    dissolve = otio.schema.Transition("x", "SMPTE_Dissolve", time(4), time(6))
    one = shot("A001C001", markers=[marker("ABC_010", HOUR + 53), marker("outside", HOUR + 54)])
    two = shot("A001C002", markers=[marker("outside", HOUR + 19), marker("ABC_020", HOUR + 20)])
    fast = shot("A001C001", markers=[marker("ABC_030", HOUR + 60)])
    fast.effects.append(otio.schema.LinearTimeWarp(time_scalar=2))
    found = read_list(edit(one, dissolve, two, fast).to_json_string(), ".otio")
    assert [event.markers for event in found] == [("ABC_010",), ("ABC_020",), ("ABC_030",)]


def test_drop_frame_of_final_cut_7_xml(read_list: ReadList) -> None:
    ntsc = XMEML.format(first=24, last=48, filters="").replace("<timebase>24<", "<timebase>30<")
    was = "<string>10:00:00:00</string>\n<frame>864000</frame>"
    drop = "<string>10:00:00;00</string><frame>1078920</frame><displayformat>DF</displayformat>"
    text = ntsc.replace(was, drop, 1)
    rate = Fraction(30000, 1001)
    for said, label in ((text, "10:00:00;00"), (ntsc, "08:00:00:00")):
        plan = match_events(read_list(said, ".xml"), [clip("A001_C001_0101AB", "00:48:00:00", rate=rate)])
        assert plan.rows()[0]["record_in"] == label


def test_tracks_that_are_switched_off_stay_out(read_list: ReadList) -> None:
    timeline = edit(shot("A001C001"))
    off = layer(shot("A001C002"))
    off.name, off.enabled = "V2", False
    hidden = shot("A001C002")
    hidden.enabled = False
    timeline.tracks.append(off)
    nested = otio.schema.Stack("nested", [layer(shot("A001C001")), layer(hidden), off.deepcopy()])
    timeline.tracks[0].append(nested)
    found = read_list(timeline.to_json_string(), ".otio")
    assert frames_of(found) == [("/card/A001C001.mov", 24, 48)] * 2
    assert found.skipped == ("track V2 is disabled",)


@pytest.mark.parametrize("off", ["<track><enabled>FALSE</enabled>", "<track><enabled>false</enabled>"])
def test_tracks_of_final_cut_7_that_are_switched_off_stay_out(off: str, read_list: ReadList) -> None:
    text = XMEML.format(first=24, last=48, filters="")
    track = text[text.index("<track>") : text.index("</video>")]
    second = track.replace('id="c1"', 'id="c2"').replace("<track>", off)
    found = read_list(text.replace("</video>", second + "</video>"), ".xml")
    assert (len(found), len(found.skipped)) == (1, 1)
    filters = "<filter><enabled>FALSE</enabled><effect><effectid>blur</effectid></effect></filter>"
    assert len(read_list(XMEML.format(first=24, last=48, filters=filters), ".xml")) == 1
    disabled = text.replace("<name>x</name>", "<name>x</name><enabled>FALSE</enabled>")
    with pytest.raises(UnreadableMedia, match="no picture events"):
        read_list(disabled, ".xml")


def test_bundles_of_opentimelineio(tmp_path: Path) -> None:
    text = edit(shot("A001C001")).to_json_string()
    with zipfile.ZipFile(tmp_path / "cut.otioz", "w") as archive:
        archive.writestr("content.otio", text)
        archive.writestr("media/A001C001.mov", "")
    (tmp_path / "cut.otiod").mkdir()
    (tmp_path / "cut.otiod" / "content.otio").write_text(text)
    for name in ("cut.otioz", "cut.otiod"):
        assert frames_of(read_timeline(tmp_path / name)) == [("/card/A001C001.mov", 24, 48)]


def test_one_of_several_timelines(read_list: ReadList) -> None:
    both = otio.schema.SerializableCollection(children=[edit(shot("A001C001")), edit(shot("A001C002"))])
    both[1].name = "DAY 13"
    text = both.to_json_string()
    with pytest.raises(UnreadableMedia, match=r"2 timelines: 1 'DAY 12', 2 'DAY 13'; .*--timeline"):
        read_list(text, ".otio")
    assert read_list(text, ".otio", name="DAY 13").events[0].clip_name == "A001C002"
    twice = XMEML.format(first=24, last=48, filters="")
    twice = twice.replace("<sequence", "<project><children><sequence").replace("</sequence>", "</sequence>{}")
    second = twice[twice.index("<sequence") : twice.index("{}")].replace("DAY 12", "DAY 13")
    text = twice.replace("{}", second.replace('id="', 'id="other-') + "</children></project>")
    assert read_list(text, ".xml", name="2").name == "DAY 13"
    with pytest.raises(InvalidRequest, match="no timeline 'DAY 13'"):
        read_list(EDL, name="DAY 13")


ALE = """Heading
FIELD_DELIM\tTABS
VIDEO_FORMAT\t1080
FPS\t29.97

Column
Name\tTape\tStart\tEnd\tASC_SOP\tASC_SAT\tShot

Data
12A-1\tA001C001\t01:01:00:02\t01:01:00:12\t(1.1 1 1)(0 0 0)(1 1 1)\t0.9\tABC_010
12A-2\tA001C001\t01:00:00:00
12A-3\tA001C009\t01:00:00:00\t01:00:01:00
"""


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_ale(end: str, read_list: ReadList) -> None:
    found = read_list(ALE.replace("\n", end), ".ale")
    assert found.rate == Fraction(30000, 1001)
    one, two, three = found
    assert (one.reel, one.clip_name, one.markers) == ("A001C001", "12A-1", ("ABC_010",))
    assert one.cdl == Cdl((1.1, 1.0, 1.0), saturation=0.9)
    assert two.problems == ("line 11 has no Start and End",)
    assert not three.problems
    # Written with colons, but the clip counts drop-frame.
    media = clip("A001C001", "01:00:59;28", 60, rate=Fraction(30000, 1001), path="/card/a.mov")
    assert frames_of(found, media)[0] == ("/card/a.mov", 2, 12)


def test_an_ale_may_have_its_heading_in_one_line(read_list: ReadList) -> None:
    heading = "FIELD_DELIM\tTABS\tVIDEO_FORMAT\t1080\tFPS\t23.98"
    text = ALE.replace("FIELD_DELIM\tTABS\nVIDEO_FORMAT\t1080\nFPS\t29.97", heading)
    assert heading in text
    assert read_list(text, ".ale").rate == Fraction(24000, 1001)


LAUGHS = "".join(f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in pairwise("abcdefgh"))
BOMB = (
    f'<!DOCTYPE x [<!ENTITY a "ha">{LAUGHS}]><xmeml version="5"><sequence><name>&h;</name></sequence></xmeml>'
)


NO_TIMELINE = bytes.fromhex("504b0506") + bytes(18)
"""An archive of nothing."""


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("x.xml", BOMB, "entit"),
        ("x.fcpxml", BOMB, "entit"),
        ("x.xml", '<!DOCTYPE xmeml SYSTEM "file:///etc/passwd"><xmeml/>', "entities"),
        ("x.xml", '<!DOCTYPE x [<!ENTITY e SYSTEM "/etc/passwd">]><xmeml>&e;</xmeml>', "entities"),
        ("x.xml", "<xmeml>" + "<a>" * 100_000, "XML"),
        ("x.xml", "<xmeml>", "not well-formed"),
        ("x.xml", "\0\1\2", "not well-formed"),
        ("x.xml", "<html/>", "another kind"),
        ("x.xml", "<xmeml/>", "no timeline"),
        ("x.fcpxml", "<fcpxml/>", "holds 0 timelines"),
        ("x.fcpxml", "<fcpxml><project><sequence/></project></fcpxml>", "without a frame rate"),
        ("x.fcpxml", "<fcpxml><project/><project/></fcpxml>", "holds 0 timelines"),
        ("x.otio", '{"a":' * 100_000 + "1" + "}" * 100_000, "nested deeper"),
        ("x.otio", '{"OTIO_SCHEMA": "Timeline.1"', "is no JSON"),
        ("x.otio", '{"OTIO_SCHEMA": "Clip.1"}', "holds 0 timelines"),
        ("x.otio", '{"OTIO_SCHEMA": "Nothing.1"}', "holds 0 timelines"),
        ("x.otio", "[]", "holds 0 timelines"),
        ("x.otio", '{"OTIO_SCHEMA": "Timeline.1", "tracks": {"OTIO_SCHEMA": "Stack.99"}}', "is of a newer"),
        ("x.otioz", "no archive", "is no archive"),
        ("x.otioz", NO_TIMELINE, "holds no content.otio"),
        ("x.aaf", "no compound file", "is no AAF"),
        ("x.edl", b"\x7fELF\0\0\0\0", "is binary"),
        ("x.edl", b"\xff\xfe\0\xd8", "is binary"),
        ("x.edl", "a shopping list\n", "no picture events"),
        ("x.edl", "", "empty"),
        ("x.ale", "Heading\nFPS\tmany\n", "line 2: 'many' is no frame rate"),
        ("x.ale", "Column\nName\tTape\n", "line 2 has no column Start"),
        ("x.ale", "Heading\n", "no picture events"),
        ("x.txt", EDL, "no kind of timeline"),
        ("timeline", EDL, "no kind of timeline"),
    ],
)  # fmt: skip
def test_what_is_no_timeline_is_one_line(name: str, data: str | bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    with pytest.raises(MediaError, match=message) as caught:
        read_timeline(path)
    line = str(caught.value)
    assert line.startswith(str(path))
    assert "\n" not in line
    assert len(line) < 600


def test_a_giant_file_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "x.edl", "wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(UnreadableMedia, match="256 are the most"):
        read_timeline(tmp_path / "x.edl")


def test_a_timeline_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingMedia):
        read_timeline(tmp_path / "x.edl")
    with pytest.raises(UnsupportedMedia):
        read_timeline(tmp_path / "x.doc")
