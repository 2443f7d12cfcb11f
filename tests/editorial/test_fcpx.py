"""Final Cut Pro X XML: the frames of every clip exactly, or a line that says why not."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from mediadask.editorial import Timeline, match_events
from mediadask.errors import UnreadableMedia
from tests.editorial.conftest import ReadList, clip

if TYPE_CHECKING:
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


TWICE = '<timeMap><timept time="0s" value="0s"/><timept time="50/24s" value="100/24s"/></timeMap>'
VIDEO = f'<video ref="A001C001" offset="{at(0)}">{TWICE}</video>'


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        (shot("A001C001", inside=TWICE), "is retimed"),
        (f'<clip start="{at(0)}" duration="{long(24)}">{VIDEO}</clip>', "is retimed"),
        (f'<ref-clip ref="compound" duration="{long(24)}">{TWICE}</ref-clip>', "is retimed"),
        (f'<ref-clip ref="compound" start="-1s" duration="{long(24)}"/>', "begins before its sequence"),
        (f'<mc-clip ref="cameras" duration="{long(24)}"/>', "not read here (<mc-clip>)"),
        (f'<sync-clip duration="{long(24)}"><spine>{shot("A001C001")}</spine></sync-clip>', "(<sync-clip>)"),
        (f'<clip duration="{long(24)}"><spine>{shot("A001C001")}</spine></clip>', "(<spine>)"),
        (f'<video ref="photo" duration="{long(24)}"/>', "has no frame rate"),
        (f'<asset-clip ref="elsewhere" duration="{long(24)}"/>', "media that the file does not hold"),
        (f'<asset-clip ref="A001C001" duration="{long(24)}" start="soon"/>', "a start of no sense ('soon')"),
        (f'<asset-clip ref="A001C001" duration="{long(24)}" start="1/0s"/>', "a start of no sense ('1/0s')"),
        (f'<asset-clip ref="A001C001" duration="{long(24)}" start="1e999999999s"/>', "a start of no sense"),
        ('<asset-clip ref="A001C001"/>', "has no duration"),
    ],
)
def test_a_clip_whose_frames_cannot_be_told_is_one_bad_event(odd: str, why: str, read_list: ReadList) -> None:
    found = read_list(project(shot("A001C001"), odd, shot("A001C002")), ".fcpxml")
    good, bad, other = frames_of(found)
    assert (good, other) == (("A001C001", 24, 48), ("A001C002", 24, 48))
    assert why in bad
    assert places_of(found)[-1] == (24 if "no duration" in why else 48)


def test_media_of_another_rate_counts_where_it_plays_in_real_time(read_list: ReadList) -> None:
    def spine(conform: str) -> str:
        return f'<asset-clip ref="A001C001" start="{HOUR + 1}s" duration="1s">{conform}</asset-clip>'

    conforms = ('<conform-rate scaleEnabled="0"/>', '<conform-rate srcFrameRate="25"/>', "")
    found = read_list(project(*map(spine, conforms), media_rate=RATES[25]), ".fcpxml")
    real, *others = frames_of(found, RATES[25])
    assert found.rate == 24
    assert real == ("A001C001", 25, 50)
    assert all("is conformed from 25 to 24 frames a second" in str(other) for other in others)


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
    inside = shot("A001C001", inside=above) + shot("A001C001", 100, inside=TWICE) + shot("A001C002", 100)
    used = f'<ref-clip ref="compound" start="{long(4)}" duration="{long(54)}"/>'
    first, second, third, bad, last = frames_of(read_list(project(used, compound=inside), ".fcpxml"))
    assert (first, second, third) == (("A001C001", 28, 30), ("A001C002", 0, 6), ("A001C001", 36, 48))
    assert "is retimed" in bad
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
