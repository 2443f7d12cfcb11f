"""Final Cut Pro X XML: the frames of every clip exactly, or a line that says why not."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from mediadask.editorial import Timeline, match_events, read_timeline
from mediadask.errors import InvalidRequest, UnreadableMedia
from tests.editorial.conftest import ReadList, clip

if TYPE_CHECKING:
    from pathlib import Path

    from mediadask.editorial import TurnoverPlan

HOUR = 3600
RATES = {24: Fraction(24), 25: Fraction(25), 30: Fraction(30), 23.976: Fraction(24000, 1001)}


def at(frames: int, rate: Fraction = RATES[24]) -> str:
    """So many frames from 01:00:00:00 on, as FCPXML writes the time."""
    seconds = (HOUR * round(rate) + frames) / rate
    return f"{seconds.numerator}/{seconds.denominator}s"


def long(frames: int, rate: Fraction = RATES[24]) -> str:
    return f"{frames * rate.denominator}/{rate.numerator}s"


def shot(
    reel: str, first: int = 24, frames: int = 24, inside: str = "", more: str = "", rate: Fraction = RATES[24]
) -> str:
    """An <asset-clip>: what is `inside` it, and `more` attributes."""
    times = f'start="{at(first, rate)}" duration="{long(frames, rate)}"'
    return f'<asset-clip ref="{reel}" name="{reel}" {times} {more}>{inside}</asset-clip>'


def project(
    *spine: str, rate: Fraction = RATES[24], compound: str = "", media_rate: Fraction | None = None
) -> str:
    """A project from 10:00:00:00 on of two clips of ten seconds from 01:00:00:00 on, and sound."""
    media = media_rate or rate
    length = f'start="{at(0, media)}" duration="{long(240, media)}"'
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE fcpxml>
<fcpxml version="1.10"><resources>
<format id="f" frameDuration="{long(1, rate)}"/><format id="m" frameDuration="{long(1, media)}"/>
<format id="still"/>
<asset id="A001C001" {length} hasVideo="1" format="m"><media-rep src="file:///card/A001C001.mov"/></asset>
<asset id="A001C002" {length} hasVideo="1" format="m" src="file:///card/A001C002.mov"/>
<asset id="sound" {length} hasAudio="1"/><asset id="photo" duration="0s" hasVideo="1" format="still"/>
<effect id="bars"/><media id="cameras"><multicam/></media>
<media id="compound"><sequence format="f" tcStart="0s"><spine>{compound}</spine></sequence></media>
</resources><library><event><project name="DAY 12">
<sequence format="f" tcStart="{at(9 * HOUR * round(rate), rate)}"><spine>{"".join(spine)}</spine></sequence>
</project></event></library></fcpxml>"""


def planned(found: Timeline, rate: Fraction = RATES[24]) -> TurnoverPlan:
    return match_events(found, [clip("A001C001", rate=rate), clip("A001C002", rate=rate)])


def frames_of(found: Timeline, rate: Fraction = RATES[24]) -> list[tuple[str | None, int, int] | str]:
    return [(one.reel, one.start, one.stop) if one.ok else one.problems[0] for one in planned(found, rate)]


def places_of(found: Timeline, rate: Fraction = RATES[24]) -> list[int]:
    """Where the events begin, in frames from the beginning of the timeline."""
    return [int(event.record.start) - 10 * HOUR * round(rate) for event in found if event.record]


@pytest.mark.parametrize("rate", RATES.values(), ids=str)
def test_every_frame_of_every_rate(rate: Fraction, read_list: ReadList) -> None:
    found = read_list(
        project(*(shot("A001C001", at, 1, rate=rate) for at in range(240)), rate=rate), ".fcpxml"
    )
    assert (found.name, found.rate) == ("DAY 12", rate)
    assert frames_of(found, rate) == [("A001C001", at, at + 1) for at in range(240)]
    assert places_of(found, rate) == list(range(240))


def test_a_clip_that_holds_its_picture(read_list: ReadList) -> None:
    video = f'<video ref="A001C002" offset="{at(10)}" start="{at(34)}" duration="{long(100)}"/>'
    held = (
        f'<clip name="x" start="{at(12)}" duration="{long(24)}">{video}<audio ref="sound" lane="-1"/></clip>'
    )
    assert frames_of(read_list(project(held), ".fcpxml")) == [("A001C002", 36, 60)]


def test_a_clip_without_a_start_begins_with_its_media(read_list: ReadList) -> None:
    whole = f'<asset-clip ref="A001C001" duration="{long(24)}"/>'
    assert frames_of(read_list(project(whole), ".fcpxml")) == [("A001C001", 0, 24)]


def time_map(*points: tuple[int, int], **more: str) -> str:
    """A <timeMap>: points in frames from 01:00:00:00 on, of adjusted and of original time."""
    said = " ".join(f'{name}="{value}"' for name, value in more.items())
    points_said = (f'<timept time="{at(time)}" value="{at(value)}" {said}/>' for time, value in points)
    return f"<timeMap>{''.join(points_said)}</timeMap>"


TWICE = time_map((0, 0), (120, 240))
"""What a map says of a whole clip of ten seconds."""

RAMP = time_map((0, 0), (30, 30), (90, 240), interp="linear")


def sync(*inside: str, start: int = 24, frames: int = 24, more: str = "") -> str:
    """A synchronized clip of what is `inside` it, whose own time is from 0 on."""
    return f'<sync-clip start="{long(start)}" duration="{long(frames)}" {more}>{"".join(inside)}</sync-clip>'


def held(reel: str = "A001C001", offset: int = 0, inside: str = "") -> str:
    """A whole clip in another's time."""
    times = f'offset="{long(offset)}" duration="{long(240)}"'
    return f'<asset-clip ref="{reel}" name="{reel}" {times}>{inside}</asset-clip>'


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        (shot("A001C001", inside=RAMP), "speed that changes"),
        (shot("A001C001", inside=time_map((0, 0))), "time map of no sense"),
        (shot("A001C001", inside=time_map((24, 0), (0, 48))), "time map of no sense"),
        (shot("A001C001", inside=time_map((0, 0), (30, 60))), "plays beyond its time map"),
        (f'<ref-clip ref="compound" start="-1s" duration="{long(24)}"/>', "begins before its sequence"),
        (f'<mc-clip ref="cameras" duration="{long(24)}"/>', "names no active angle"),
        (f'<mc-clip ref="lost" duration="{long(24)}"/>', "media that the file does not hold"),
        (f'<live-drawing duration="{long(24)}"/>', "not read here (<live-drawing>)"),
        (f'<video ref="photo" duration="{long(24)}"/>', "has no frame rate"),
        (f'<asset-clip ref="elsewhere" duration="{long(24)}"/>', "media that the file does not hold"),
        (f'<asset-clip ref="A001C001" duration="{long(24)}" start="soon"/>', "a start of no sense ('soon')"),
        (f'<asset-clip ref="A001C001" duration="{long(24)}" start="1/0s"/>', "a start of no sense ('1/0s')"),
        (f'<asset-clip ref="A001C001" duration="{long(24)}" start="1e999999999s"/>', "a start of no sense"),
        ('<video ref="A001C001"/>', "has no duration"),
    ],
)
def test_a_clip_whose_frames_cannot_be_told_is_one_bad_event(odd: str, why: str, read_list: ReadList) -> None:
    found = read_list(project(shot("A001C001"), odd, shot("A001C002")), ".fcpxml")
    good, bad, other = frames_of(found)
    assert (good, other) == (("A001C001", 24, 48), ("A001C002", 24, 48))
    assert why in bad
    assert places_of(found)[-1] == (24 if "no duration" in why else 48)


def test_a_clip_without_a_duration_is_its_whole_media(read_list: ReadList) -> None:
    found = read_list(project('<asset-clip ref="A001C001"/>', shot("A001C002")), ".fcpxml")
    assert frames_of(found) == [("A001C001", 0, 240), ("A001C002", 24, 48)]
    assert places_of(found) == [0, 240]


@pytest.mark.parametrize(
    ("first", "frames", "points", "speed", "used"),
    [
        (12, 24, ((0, 0), (120, 240)), 2, (24, 24 + 47)),
        (24, 24, ((0, 0), (480, 240)), Fraction(1, 2), (12, 24)),
        (24, 24, ((0, 0), (240, 240)), 1, (24, 48)),
        (0, 24, ((0, 240), (240, 0)), -1, (216, 240)),  # what plays backwards begins at the end
        (12, 24, ((0, 240), (120, 0)), -2, (240 - 24 - 47, 240 - 24)),
        (0, 24, ((0, 100), (240, 100)), 0, (100, 101)),
        (100, 24, ((50, 0), (290, 240)), 1, (50, 74)),  # trimmed after it was retimed
        (40, 24, ((0, 0), (30, 30), (90, 240)), Fraction(7, 2), (65, 65 + 81)),  # within one speed of several
    ],
)
def test_a_constant_time_map_gives_the_frames_it_touches(
    first: int,
    frames: int,
    points: tuple[tuple[int, int], ...],
    speed: Fraction,
    used: tuple[int, int],
    read_list: ReadList,
) -> None:
    """Its time is the clip's, its value the media's: Apple's "timeMap"."""
    map_of_clip = time_map(*points, interp="linear")
    found = read_list(project(shot("A001C001", first, frames, map_of_clip), shot("A001C002")), ".fcpxml")
    assert frames_of(found) == [("A001C001", *used), ("A001C002", 24, 48)]
    assert planned(found).events[0].speed == speed
    assert places_of(found) == [0, frames]


@pytest.mark.parametrize(("out_time", "bad"), [("1/4s", False), ("2s", True), ("", True)])
def test_a_curve_between_two_speeds_reaches_as_far_as_it_says(
    out_time: str, bad: bool, read_list: ReadList
) -> None:
    smooth = RAMP.replace('interp="linear"', f'outTime="{out_time}"')
    (frames,) = frames_of(read_list(project(shot("A001C001", 40, 24, smooth)), ".fcpxml"))
    assert ("speed that changes" in frames) if bad else (frames == ("A001C001", 65, 65 + 81))


def test_times_that_final_cut_rounded(read_list: ReadList) -> None:
    """An export says 127.001 % for 127 %, on cuts of 1001/24000 s."""
    rate = RATES[23.976]
    start, end = (
        f'<timept time="{time}" value="{value}" interp="smooth2"/>'
        for time, value in (("83067304/360000s", at(0, rate)), ("85952146/360000s", at(240, rate)))
    )
    # 85952146 is 83067304 and ten seconds of media at 127 %, in 360000ths, rounded.
    length = Fraction(240 * 1001, 24000) / Fraction("1.27") * 360000
    end = end.replace("85952146", str(83067304 + round(length)))
    first = Fraction(83067304, 360000) + Fraction(10 * 1001, 24000)
    times = f'start="{first}s" duration="{long(24, rate)}"'
    clip_said = f'<asset-clip ref="A001C001" {times}><timeMap>{start}{end}</timeMap></asset-clip>'
    found = read_list(project(clip_said, rate=rate), ".fcpxml")
    assert frames_of(found, rate) == [("A001C001", 12, 12 + 30)]
    assert found.events[0].speed == Fraction("1.27")


def test_what_is_connected_to_a_retimed_clip_counts_in_its_adjusted_time(read_list: ReadList) -> None:
    above = shot("A001C002", 0, 6, more=f'lane="1" offset="{at(20)}"')
    found = read_list(project(shot("A001C001", 12, 24, TWICE + above)), ".fcpxml")
    assert places_of(found) == [0, 8]


def test_a_retimed_clip_that_holds_its_picture(read_list: ReadList) -> None:
    """What it holds counts in original time, what is connected to the picture in that of the picture."""
    above = f'<title ref="bars" lane="1" offset="{at(60)}" duration="{long(6)}">{SHOT_030}</title>'
    video = f'<video ref="A001C001" offset="{at(0)}" start="{at(0)}" duration="{long(240)}">{{}}</video>'
    times = f'start="{at(12)}" duration="{long(24)}"'
    outside = f"<clip {times}>{TWICE}{video.format(above)}</clip>"
    found = read_list(project(outside), ".fcpxml")
    assert frames_of(found) == [("A001C001", 24, 24 + 47)]
    assert found.events[0].markers == ("ABC_030",)
    inside = f'<clip start="{at(24)}" duration="{long(24)}">{video.format(TWICE)}</clip>'
    assert frames_of(read_list(project(inside), ".fcpxml")) == [("A001C001", 48, 48 + 47)]


SHOT_030 = '<marker start="0s" value="ABC_030"/>'

CHART = [
    # media, timeline, frames of media in 24 of the timeline: Apple's "conform-rate"
    (23.976, 24, 24), (23.976, 25, 24), (24, 23.976, 24), (24, 25, 24), (25, 23.976, 24), (25, 24, 24),
    (50, 23.976, 47), (50, 24, 47), (29.97, 30, 24), (30, 29.97, 24), (59.94, 30, 47), (60, 29.97, 47),
    (23.976, 50, 12), (24, 50, 12), (29.97, 60, 12), (30, 59.94, 12), (59.94, 60, 24), (60, 59.94, 24),
]  # fmt: skip
MORE = {
    **RATES,
    50: Fraction(50),
    29.97: Fraction(30000, 1001),
    59.94: Fraction(60000, 1001),
    60: Fraction(60),
}


@pytest.mark.parametrize(("media", "timeline", "frames"), CHART)
def test_media_that_is_conformed_plays_frame_for_frame(
    media: float, timeline: float, frames: int, read_list: ReadList
) -> None:
    rate, own = MORE[timeline], MORE[media]
    conform = f'<conform-rate srcFrameRate="{media if media != 23.976 else 23.98}"/>'
    times = f'start="{at(100, own)}" duration="{long(24, rate)}"'
    place = f'offset="{at(100 + frames // 2, own)}" start="{at(0, own)}" duration="{long(6, rate)}"'
    above = f'<asset-clip ref="A001C002" lane="1" {place}><conform-rate scaleEnabled="0"/></asset-clip>'
    clip_said = f'<asset-clip ref="A001C001" {times}>{conform}{above}</asset-clip>'
    found = read_list(project(clip_said, rate=rate, media_rate=own), ".fcpxml")
    assert frames_of(found, own)[0] == ("A001C001", 100, 100 + frames)
    assert places_of(found, rate) == [0, 12 if frames != 47 else pytest.approx(11.5, abs=0.5)]


@pytest.mark.parametrize(
    ("media", "timeline", "conform"),
    [
        (25, 24, '<conform-rate scaleEnabled="0" srcFrameRate="25"/>'),
        (29.97, 25, '<conform-rate scaleEnabled="0" srcFrameRate="29.97"/>'),
        (60, 24, ""),  # not in the chart
        (59.94, 23.976, '<conform-rate srcFrameRate="59.94"/>'),
        (50, 25, '<conform-rate srcFrameRate="50"/>'),
    ],
)
def test_media_of_another_rate_plays_in_real_time_where_it_is_not_conformed(
    media: float, timeline: float, conform: str, read_list: ReadList
) -> None:
    rate, own = MORE[timeline], MORE[media]
    times = f'start="{at(50, own)}" duration="{long(24, rate)}"'
    found = read_list(
        project(f'<asset-clip ref="A001C001" {times}>{conform}</asset-clip>', rate=rate, media_rate=own),
        ".fcpxml",
    )
    last = 50 + 24 * own / rate
    assert frames_of(found, own) == [("A001C001", 50, -(-last.numerator // last.denominator))]
    assert found.events[0].speed == 1


@pytest.mark.parametrize(
    ("media", "timeline", "conform", "one_for_one"),
    [
        (25, 24, "", (50, 74)),
        (23.976, 30, '<conform-rate srcFrameRate="23.98"/>', (50, 69)),
    ],
)
def test_what_the_file_leaves_open_is_asked_for(
    media: float, timeline: float, conform: str, one_for_one: tuple[int, int], read_list: ReadList
) -> None:
    rate, own = MORE[timeline], MORE[media]
    times = f'start="{at(50, own)}" duration="{long(24, rate)}"'
    text = project(f'<asset-clip ref="A001C001" {times}>{conform}</asset-clip>', rate=rate, media_rate=own)
    (asked,) = frames_of(read_list(text, ".fcpxml"), own)
    assert "--conform real-time" in asked
    (found,) = frames_of(read_list(text, ".fcpxml", conform="frames"), own)
    assert found == ("A001C001", *one_for_one)
    (found,) = frames_of(read_list(text, ".fcpxml", conform="real-time"), own)
    assert found == ("A001C001", 50, 75 if media == 25 else 70)
    with pytest.raises(InvalidRequest, match="no way to conform"):
        read_list(text, ".fcpxml", conform="somehow")


def test_a_rate_that_the_file_contradicts_is_refused(read_list: ReadList) -> None:
    conform = '<conform-rate srcFrameRate="30"/>'
    (bad,) = frames_of(read_list(project(shot("A001C001", inside=conform), media_rate=RATES[25]), ".fcpxml"))
    assert "media of 25 frames a second, and its conform-rate says 30" in bad


def test_a_time_map_needs_no_conform(read_list: ReadList) -> None:
    """Final Cut Pro writes none beside it: its value is the media's time, its time the timeline's."""
    own = RATES[25]
    points = "".join(
        f'<timept time="{HOUR + time}s" value="{HOUR + value}s"/>' for time, value in ((0, 0), (4.8, 9.6))
    )
    times = f'start="{HOUR + 1}s" duration="1s"'
    said = f'<asset-clip ref="A001C001" {times}><timeMap>{points}</timeMap></asset-clip>'
    assert frames_of(read_list(project(said, media_rate=own), ".fcpxml"), own) == [("A001C001", 50, 98)]


def test_a_synchronized_clip_is_the_picture_in_it(read_list: ReadList) -> None:
    sound = f'<asset-clip ref="sound" lane="-1" offset="{at(0)}" duration="{long(240)}"/>'
    late = sync(held(offset=10, inside=sound), f'<marker start="{long(30)}" value="ABC_010"/>')
    line = f'<spine offset="{long(4)}">{held()}{held("A001C002")}</spine>'
    of_line = sync(line, start=240, frames=8)
    above = held("A001C002", inside="").replace("<asset-clip", f'<asset-clip lane="1" offset="{at(60)}"', 1)
    above = above.replace(f'offset="{long(0)}" ', "")
    hidden = sync(held(inside=above), start=56, frames=8)
    of_sound = sync(held("sound"))
    found = read_list(project(late, of_line, hidden, of_sound, shot("A001C001")), ".fcpxml")
    assert frames_of(found) == [
        ("A001C001", 14, 38),
        ("A001C001", 236, 240),
        ("A001C002", 0, 4),
        ("A001C001", 56, 60),
        ("A001C002", 0, 4),
        ("A001C001", 24, 48),
    ]
    assert places_of(found) == [0, 24, 28, 32, 36, 64]
    assert found.events[0].markers == ("ABC_010",)


def test_sound_detached_from_its_clip_is_sound(read_list: ReadList) -> None:
    sound = f'<audio ref="A001C001" lane="-1" offset="0s" start="{at(0)}" duration="{long(240)}"/>'
    gap = f'<gap offset="{at(0)}" duration="{long(240)}">{sound}</gap>'
    detached = f'<clip lane="-1" offset="{at(24)}" start="{at(24)}" duration="{long(24)}">{gap}</clip>'
    video = f'<video ref="A001C001" offset="{at(0)}" start="{at(0)}" duration="{long(240)}"/>'
    picture = f'<clip start="{at(24)}" duration="{long(24)}">{video}{detached}</clip>'
    found = read_list(project(picture), ".fcpxml")
    assert [event.number for event in found] == ["001"]
    assert frames_of(found) == [("A001C001", 24, 48)]
    assert found.skipped == ("track -1 is sound",)


ANGLES = f"""<multicam format="f" tcStart="{at(0)}">
<mc-angle name="A" angleID="a">{held()}</mc-angle>
<mc-angle name="B" angleID="b"><gap offset="0s" duration="{long(10)}"/>{held("A001C002", 10)}</mc-angle>
</multicam>"""


def multicam(*sources: tuple[str, str], first: int = 24, frames: int = 24, inside: str = "") -> str:
    said = "".join(f'<mc-source angleID="{angle}" srcEnable="{what}"/>' for angle, what in sources)
    times = f'start="{at(first)}" duration="{long(frames)}"'
    return f'<mc-clip ref="cameras" {times}>{inside}{said}</mc-clip>'


def test_a_multicam_clip_is_its_active_angle(read_list: ReadList) -> None:
    """From the multicam's own timecode on; sound may come from another angle."""
    clips = (
        multicam(("a", "all")),
        multicam(("a", "audio"), ("b", "video")),
        multicam(("a", "video"), ("b", "audio"), inside=f'<marker start="{at(30)}" value="ABC_020"/>'),
        multicam(("a", "audio")),
        multicam(("a", "all"), inside=time_map((0, 0), (480, 240))),
    )
    text = project(*clips).replace("<multicam/>", ANGLES)
    found = read_list(text, ".fcpxml")
    assert frames_of(found) == [
        ("A001C001", 24, 48),
        ("A001C002", 14, 38),
        ("A001C001", 24, 48),
        ("A001C001", 12, 24),
    ]
    assert places_of(found) == [0, 24, 48, 96]
    assert found.events[2].markers == ("ABC_020",)
    (bad,) = frames_of(read_list(project(multicam()).replace("<multicam/>", ANGLES), ".fcpxml"))
    assert "names no active angle" in bad


def test_a_feature_of_multicam_clips_is_read(read_list: ReadList) -> None:
    text = project(multicam(("a", "all"), frames=1) * 1500).replace("<multicam/>", ANGLES)
    found = read_list(text, ".fcpxml")
    assert {*frames_of(found)} == {("A001C001", 24, 25)}


@pytest.mark.parametrize(
    ("points", "used", "frames"),
    [
        (((0, 0), (120, 240)), (12, 24), [("A001C001", 24, 24 + 23), ("A001C002", 100, 100 + 23)]),
        (((0, 0), (480, 240)), (48, 96), [("A001C001", 24, 48), ("A001C002", 100, 124)]),
        (((0, 96), (96, 0)), (24, 48), [("A001C002", 100, 124), ("A001C001", 24, 48)]),
        (((0, 60), (96, 60)), (24, 48), [("A001C002", 112, 113)]),
    ],
)
def test_a_retimed_compound_clip_is_the_clips_in_it_at_that_speed(
    points: tuple[tuple[int, int], ...],
    used: tuple[int, int],
    frames: list[tuple[str, int, int]],
    read_list: ReadList,
) -> None:
    """48 frames of each of two clips, from frame 0 and 76 on."""
    inside = shot("A001C001", 0, 48) + shot("A001C002", 100, 48)
    said = "".join(f'<timept time="{long(time)}" value="{long(value)}"/>' for time, value in points)
    first, length = used
    times = f'start="{long(first)}" duration="{long(length)}"'
    whole = f'<ref-clip ref="compound" {times}><timeMap>{said}</timeMap></ref-clip>'
    assert frames_of(read_list(project(whole, compound=inside), ".fcpxml")) == frames


def test_clips_retimed_in_a_retimed_compound_clip_play_at_both_speeds(read_list: ReadList) -> None:
    inside = shot("A001C001", 0, 48, TWICE)
    half = '<timeMap><timept time="0s" value="0s"/><timept time="4s" value="2s"/></timeMap>'
    used = f'<ref-clip ref="compound" start="1s" duration="1s">{half}</ref-clip>'
    found = read_list(project(used, compound=inside), ".fcpxml")
    assert frames_of(found) == [("A001C001", 24, 48)]
    assert found.events[0].speed == 1


@pytest.mark.parametrize("element", ["clip", "sync-clip"])
def test_a_clip_of_a_storyline_shows_its_clips(element: str, read_list: ReadList) -> None:
    inside = f'<spine offset="0s">{shot("A001C001")}{shot("A001C002")}</spine>'
    used = f'<{element} start="{long(12)}" duration="{long(24)}">{inside}</{element}>'
    found = read_list(project(used), ".fcpxml")
    assert frames_of(found) == [("A001C001", 36, 48), ("A001C002", 24, 36)]


def test_a_marker_outside_of_the_part_that_is_used_is_not_its(read_list: ReadList) -> None:
    """Both parts of a clip that was cut carry all markers of it."""
    markers = "".join(
        f'<{tag} start="{at(place)}" value="{said}" note="{note}"/>'
        for tag, place, said, note in (
            ("marker", 30, "ABC_010", "paint"),
            ("chapter-marker", 60, "Chapter", "ABC_020 rig"),
        )
    )
    title = f'<title ref="bars" duration="{long(12)}" offset="{at(40)}" lane="1">{SHOT_030}</title>'
    clips = (shot("A001C001", 24, 24, markers), shot("A001C001", 48, 24, markers), shot("A001C002", 0, 24))
    found = read_list(project(*clips), ".fcpxml")
    assert [event.markers for event in found] == [("ABC_010", "paint"), ("Chapter", "ABC_020 rig"), ()]
    found = read_list(project(shot("A001C001", 24, 24, title)), ".fcpxml")
    assert [event.markers for event in found] == [("ABC_030",)]


@pytest.mark.parametrize("speed", [1, 2])
def test_markers_of_a_compound_clip_count_in_its_time(speed: int, read_list: ReadList) -> None:
    inside = shot("A001C001", 0, 48, f'<marker start="{at(40)}" value="inner"/>') + shot("A001C002", 0, 48)
    points = f'<timept time="0s" value="0s"/><timept time="{long(96 // speed)}" value="{long(96)}"/>'
    outer = f'<marker start="{long(60 // speed)}" value="outer"/>'
    retimed = f"<timeMap>{points}</timeMap>{outer}"
    used = f'<ref-clip ref="compound" duration="{long(96 // speed)}">{retimed}</ref-clip>'
    found = read_list(project(used, compound=inside), ".fcpxml")
    assert [event.markers for event in found] == [("inner",), ("outer",)]


def test_one_of_several_projects(read_list: ReadList) -> None:
    text = project(shot("A001C001"))
    second = text[text.index("<project") : text.index("</project>")].replace("DAY 12", "DAY 13")
    text = text.replace("</project>", f"</project>{second.replace('A001C001', 'A001C002')}</project>")
    with pytest.raises(UnreadableMedia, match=r"2 timelines: 1 'DAY 12', 2 'DAY 13'; .*--timeline"):
        read_list(text, ".fcpxml")
    for name in ("DAY 13", "day 13", "2"):
        assert read_list(text, ".fcpxml", name=name).events[0].clip_name == "A001C002"
    with pytest.raises(InvalidRequest, match="no timeline 'DAY 14'"):
        read_list(text, ".fcpxml", name="DAY 14")
    with pytest.raises(InvalidRequest, match="2 timelines called 'DAY 12'"):
        read_list(text.replace("DAY 13", "DAY 12"), ".fcpxml", name="DAY 12")


def test_a_document_may_name_its_dtd(read_list: ReadList) -> None:
    text = project(shot("A001C001")).replace("<!DOCTYPE fcpxml>", '<!DOCTYPE fcpxml SYSTEM "FCPXMLv1.dtd">')
    assert frames_of(read_list(text, ".fcpxml")) == [("A001C001", 24, 48)]


@pytest.mark.parametrize("start", ["1/2s", f"{10 * HOUR + 1}/1s"])
def test_markers_that_other_writers_put_on_the_sequence(start: str, read_list: ReadList) -> None:
    marker = f'<chapter-marker start="{start}" value="ABC_010"/>'
    text = project(shot("A001C001"), shot("A001C002"))
    text = text.replace("</sequence>\n</project>", f"{marker}</sequence></project>")
    (named,) = (event for event in read_list(text, ".fcpxml") if event.markers == ("ABC_010",))
    assert named.clip_name == ("A001C001" if start == "1/2s" else "A001C002")


def test_drop_frame_timecode(read_list: ReadList) -> None:
    """The media's counts, by its start; the timeline's says so beside it."""
    rate = Fraction(30000, 1001)
    hour = 107892  # 01:00:00;00
    text = project(shot("A001C001", hour - HOUR * 30 + 30, 30, rate=rate), rate=rate)
    start = long(10 * hour, rate)
    text = text.replace(f'tcStart="{at(9 * HOUR * 30, rate)}"', f'tcStart="{start}" tcFormat="DF"')
    found = read_list(text.replace(f'start="{at(0, rate)}"', f'start="{long(hour, rate)}"'), ".fcpxml")
    plan = match_events(found, [clip("A001C001", "01:00:00;00", rate=rate)])
    (one,), (row,) = plan.events, plan.rows()
    assert (one.start, one.stop, one.timecode) == (30, 60, "01:00:01;00")
    assert (row["source_in"], row["source_out"]) == ("01:00:01;00", "01:00:02;00")
    assert (row["record_in"], row["record_out"]) == ("10:00:00;00", "10:00:01;00")


def test_a_bundle_of_final_cut_pro(tmp_path: Path) -> None:
    bundle = tmp_path / "cut.fcpxmld"
    bundle.mkdir()
    (bundle / "Info.fcpxml").write_text(project(shot("A001C001")))
    for place in (bundle, f"{bundle}/"):
        assert frames_of(read_timeline(place)) == [("A001C001", 24, 48)]


def test_a_transition_needs_the_frames_beyond_the_cut(read_list: ReadList) -> None:
    one, two = (
        shot(reel, more=f'offset="{at(begin)}"') for reel, begin in (("A001C001", 0), ("A001C002", 24))
    )
    over = f'<transition name="{{}}" offset="{at(20)}" duration="{long(10)}">{{}}</transition>'
    for name, effect in (("Cross Dissolve", ""), ("Slide", "<filter-video/><filter-audio/>")):
        found = read_list(project(one, over.format(name, effect), two), ".fcpxml")
        assert frames_of(found) == [("A001C001", 24, 54), ("A001C002", 20, 48)]
        assert places_of(found) == [0, 24]
        assert (
            f"ends in a {'dissolve' if name[0] == 'C' else name} of 10 frames"
            in planned(found).events[0].notes
        )
    of_sound = read_list(project(one, over.format("Crossfade", "<filter-audio/>"), two), ".fcpxml")
    assert frames_of(of_sound) == [("A001C001", 24, 48), ("A001C002", 24, 48)]
    out = read_list(project(one, over.format("Cross Dissolve", "")), ".fcpxml")
    assert frames_of(out) == [("A001C001", 24, 54)]
    centered = f'<transition name="Cross Dissolve" duration="{long(10)}"/>'
    found = read_list(project(shot("A001C001"), centered, shot("A001C002")), ".fcpxml")
    assert frames_of(found) == [("A001C001", 24, 53), ("A001C002", 19, 48)]


def test_a_transition_that_lies_over_no_cut_is_refused(read_list: ReadList) -> None:
    away = f'<transition offset="0s" duration="{long(10)}"/>'
    with pytest.raises(UnreadableMedia, match="transition that lies over no cut"):
        read_list(project(shot("A001C001", more=f'offset="{at(0)}"'), away), ".fcpxml")


def test_what_asks_for_no_camera_picture_is_skipped(read_list: ReadList) -> None:
    disabled = shot("A001C001", more='enabled="0"')
    retimed = shot("A001C001", more='enabled="0"', inside=TWICE)
    title = f'<title ref="bars" name="END" duration="{long(24)}"/>'
    bars = f'<video ref="bars" name="bars" duration="{long(24)}"/>'
    gap = f'<gap duration="{long(24)}"/>'
    sound = f'<asset-clip ref="sound" duration="{long(24)}"/>'
    only_sound = shot("A001C001", more='srcEnable="audio"')
    below = shot("sound", more=f'lane="-1" offset="{at(24)}"')
    last = shot("A001C002", inside=below)
    found = read_list(project(disabled, retimed, title, bars, gap, sound, only_sound, last), ".fcpxml")
    assert frames_of(found) == [("A001C002", 24, 48)]
    assert places_of(found) == [7 * 24]
    said = [
        "A001C001 is disabled",
        "A001C001 is disabled",
        "END is made",
        "bars is made",
        "track -1 is sound",
    ]
    assert all(what in line for what, line in zip(said, found.skipped, strict=True))


def test_connected_clips_and_storylines_are_tracks_of_their_own(read_list: ReadList) -> None:
    """Their places count in the time of the clip that they are connected to."""
    above = shot("A001C002", 0, 6, more=f'lane="1" offset="{at(30)}" ')
    beside = shot("A001C002", 6, 6, more=f'lane="1" offset="{at(34)}"')
    line = f'<spine lane="2" offset="{at(36)}">{shot("A001C002", 12, 3)}{shot("A001C002", 50, 3)}</spine>'
    marker = f'<!-- the shot --><marker start="{at(25)}" value="ABC_010"/>'
    first = shot("A001C001", inside=above + beside + line + marker)
    over_gap = shot("A001C002", 80, 4, more=f'lane="1" offset="{at(2)}"')
    gap = f'<gap start="{HOUR}s" duration="{long(12)}">{over_gap}</gap>'
    chosen = f"<audition>{shot('A001C001', 60, 12)}{shot('A001C002', 0, 12)}</audition>"
    found = read_list(project(first, gap, chosen), ".fcpxml")
    assert [event.track for event in found] == ["0", "0", "1", "1", "1.1", "2", "2"]
    assert frames_of(found) == [
        ("A001C001", 24, 48),
        ("A001C001", 60, 72),
        ("A001C002", 0, 6),
        ("A001C002", 80, 84),
        ("A001C002", 6, 12),
        ("A001C002", 12, 15),
        ("A001C002", 50, 53),
    ]
    assert places_of(found) == [0, 36, 6, 26, 10, 12, 15]
    assert found.events[0].markers == ("ABC_010",)


def test_a_compound_clip_is_what_is_on_top_in_it_as_long_as_it_is_shown(read_list: ReadList) -> None:
    above = shot("A001C002", 0, 6, more=f'lane="1" offset="{at(30)}"')
    inside = (
        shot("A001C001", inside=above)
        + shot("A001C001", 40, inside=RAMP.replace("linear", "x"))
        + shot("A001C002", 100)
    )
    used = f'<ref-clip ref="compound" start="{long(4)}" duration="{long(54)}"/>'
    first, second, third, bad, last = frames_of(read_list(project(used, compound=inside), ".fcpxml"))
    assert (first, second, third) == (("A001C001", 28, 30), ("A001C002", 0, 6), ("A001C001", 36, 48))
    assert "speed that changes" in bad
    assert last == ("A001C002", 100, 110)


def test_compound_clips_in_compound_clips_end(read_list: ReadList) -> None:
    """Ten in ten, seven deep: ten million in a file of a few kilobytes."""

    def ten(depth: int) -> str:
        return f'<ref-clip ref="deep{depth}" duration="{long(24)}"/>' * 10 if depth else shot("A001C001")

    sequence = '<media id="deep{}"><sequence format="f" tcStart="0s"><spine>{}</spine></sequence></media>'
    media = "".join(sequence.format(depth, ten(depth - 1)) for depth in range(1, 8))
    text = project(ten(7)).replace("</resources>", f"{media}</resources>")
    assert "1000th sequence" in str([event.problems for event in read_list(text, ".fcpxml").events])


def test_a_compound_clip_in_itself_ends(read_list: ReadList) -> None:
    itself = f'<ref-clip ref="compound" duration="{long(24)}"/>'
    for bad in frames_of(read_list(project(itself, compound=itself * 10), ".fcpxml")):
        assert "is a sequence in itself" in bad
