from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediadask.editorial import Event, Span, Transition
from mediadask.editorial.retime import fits_speed, frames_shown, source_use
from mediadask.errors import InvalidRequest
from mediadask.timecode import Timecode

RATES = st.sampled_from(
    [Fraction(24), Fraction(25), Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60)]
)


def event(source: tuple[str | int, str | int], record: int, **how: object) -> Event:
    return Event("001", Span(*source), Span(0, record), **how)  # type: ignore[arg-type]


def used(one: Event, rate: int = 24) -> tuple[str, int]:
    use = source_use(one, Fraction(rate), Fraction(rate), drop=False)
    return str(use.first), use.frames


@given(frames=st.integers(1, 5000), speed=st.fractions(Fraction(1, 50), 8))
def test_frames_shown_are_those_that_the_first_and_the_last_frame_show(frames: int, speed: Fraction) -> None:
    shown = {int(at * speed) for at in range(frames)}
    assert frames_shown(frames, speed) == max(shown) - min(shown) + 1


@given(start=st.integers(0, 2_000_000), frames=st.integers(0, 5000), rate=RATES, drop=st.booleans())
def test_a_span_of_labels_is_the_span_of_their_counts(
    start: int, frames: int, rate: Fraction, drop: bool
) -> None:
    drop = drop and round(rate) % 30 == 0
    first = Timecode(0, round(rate), drop) + start
    labels = Span(str(first), str(first + frames))
    assert labels.at(rate, drop=drop) == (first, frames)
    # Lists that write drop-frame labels with colons mean the same frames, told so.
    plain = Span(str(first).replace(";", ":"), str(first + frames).replace(";", ":"))
    assert plain.at(rate, drop=drop) == (first, frames)
    assert Span(start, start + frames).at(rate, drop=drop) == (first, frames)


def test_at_native_speed_what_is_listed_is_used() -> None:
    assert used(event(("01:00:00:10", "01:00:00:20"), 10)) == ("01:00:00:10", 10)


def test_a_source_across_midnight() -> None:
    assert used(event(("23:59:59:20", "00:00:00:04"), 8)) == ("23:59:59:20", 8)


@pytest.mark.parametrize(
    ("listed", "record", "fps", "frames"),
    [
        (70, 36, "47.6", 70),  # as Avid lists it: floor(35 * 1.983) + 1
        (15, 6, "68.0", 15),
        (37, 19, "47.8", 37),
        (36, 36, "48.0", 71),  # lists that give the record's length: the touched frames are more
        (36, 36, "12.0", 18),
    ],
)
def test_fast_and_slow_motion_use_the_frames_they_touch(
    listed: int, record: int, fps: str, frames: int
) -> None:
    one = event((1000, 1000 + listed), record, source_fps=Fraction(fps))
    assert used(one) == (str(Timecode(1000, 24)), frames)


def test_reverse_play_uses_the_same_frames_in_the_cameras_order() -> None:
    one = event(("01:00:00:00", "01:00:01:00"), 24, source_fps=Fraction(-24), entry="01:00:00:23")
    assert used(one) == ("01:00:00:00", 24)


def test_reverse_play_listed_from_its_last_frame_on_to_its_first() -> None:
    one = event(("01:00:00:23", "00:59:59:23"), 24, source_fps=Fraction(-24))
    assert used(one) == ("01:00:00:00", 24)


def test_reverse_play_at_double_speed_listed_with_the_records_length_goes_down_from_its_entry() -> None:
    one = event(("01:00:02:00", "01:00:03:00"), 24, source_fps=Fraction(-48), entry="01:00:02:00")
    assert used(one) == ("01:00:00:02", 47)


@pytest.mark.parametrize(
    ("listed", "fps", "first", "frames"),
    [
        (1, -24, "01:00:01:13", 24),  # Avid: the frame that play begins with
        (0, -24, "01:00:01:13", 24),
        (1, -48, "01:00:00:14", 47),
        (1, -12, "01:00:02:01", 12),
        (24, -48, "01:00:00:14", 47),  # as many as the record has
    ],
)
def test_reverse_play_goes_down_from_its_entry(listed: int, fps: int, first: str, frames: int) -> None:
    begin = Timecode.parse("01:00:02:12", 24)
    one = event((str(begin), str(begin + listed)), 24, source_fps=Fraction(fps), entry="01:00:02:12")
    use = source_use(one, Fraction(24), Fraction(24), drop=False)
    assert (str(use.first), use.frames) == (first, frames)
    assert use.notes == (f"plays backwards at {abs(fps) * 100 // 24} %: frames are at native speed",)


@pytest.mark.parametrize("entry", ["01:00:01:00", None])
def test_reverse_play_that_is_listed_whole_may_go_down_from_its_first_label(entry: str | None) -> None:
    """Final Cut Pro 7 and Avid list the record's length from the first frame shown, Premiere what shows."""
    one = event(("01:00:01:00", "01:00:02:00"), 24, source_fps=Fraction(-24), entry=entry)
    use = source_use(one, Fraction(24), Fraction(24), drop=False)
    assert use.other is not None
    uses = {str(one.first): one for one in (use, use.other)}
    down, listed = uses["01:00:00:01"], uses["01:00:01:00"]
    assert (down.frames, listed.frames) == (24, 24)
    assert use is (down if entry else listed)
    assert "taken down from 01:00:01:00, though 01:00:01:00 to 01:00:02:00 are listed" in down.notes[0]
    assert "taken as listed, though play may go down from 01:00:01:00" in listed.notes[0]


def test_reverse_play_of_which_too_little_is_listed_has_all_that_may_be_meant() -> None:
    one = event(("01:00:02:00", "01:00:02:10"), 24, source_fps=Fraction(-24), entry="01:00:02:00")
    use = source_use(one, Fraction(24), Fraction(24), drop=False)
    assert (str(use.first), use.frames) == ("01:00:01:01", 33)
    assert "24 frames down from 01:00:02:00 would show, the list has 10" in use.notes[0]


@pytest.mark.parametrize(
    ("labels", "entry", "first", "frames", "sure"),
    [
        (("01:00:02:12", "01:00:01:12"), "01:00:02:12", "01:00:01:13", 24, True),
        (("01:00:02:12", "01:00:01:12"), None, "01:00:01:13", 24, False),
        (("01:00:02:12", "01:00:01:13"), "01:00:02:12", "01:00:01:13", 24, True),  # both are shown
    ],
)
def test_reverse_play_that_is_listed_downwards(
    labels: tuple[str, str], entry: str | None, first: str, frames: int, sure: bool
) -> None:
    one = event(labels, 24, source_fps=Fraction(-24), entry=entry)
    use = source_use(one, Fraction(24), Fraction(24), drop=False)
    assert (str(use.first), use.frames) == (first, frames)
    assert ("listed downwards" in use.notes[0]) == (not sure)


def test_a_freeze_that_begins_within_the_source_keeps_all_of_it() -> None:
    """The sample of the CMX 3600: play up to the frozen frame, or that frame alone."""
    one = event(("01:00:00:10", "01:00:01:10"), 24, source_fps=Fraction(0), entry="01:00:00:18")
    use = source_use(one, Fraction(24), Fraction(24), drop=False)
    assert (str(use.first), use.frames) == ("01:00:00:10", 24)
    assert "01:00:00:18 is a frozen frame" in use.notes[0]
    with pytest.raises(InvalidRequest, match="freezes 02:00:00:00, which is outside"):
        source_use(replace(one, entry="02:00:00:00"), Fraction(24), Fraction(24), drop=False)


def test_forward_play_that_begins_elsewhere_than_listed_is_noted() -> None:
    one = event(("01:00:00:00", "01:00:02:00"), 24, source_fps=Fraction(48), entry="01:00:00:05")
    use = source_use(one, Fraction(24), Fraction(24), drop=False)
    assert (str(use.first), use.frames) == ("01:00:00:00", 52)
    assert "begins at 01:00:00:05, its source at 01:00:00:00: both are there" in use.notes[0]
    with pytest.raises(InvalidRequest, match="begins its motion effect at 02:00:00:00, far from its source"):
        source_use(replace(one, entry="02:00:00:00"), Fraction(24), Fraction(24), drop=False)


@pytest.mark.parametrize(
    ("fps", "frames", "speed"), [("24.0", 16, 1), ("48.0", 31, 2), ("12.0", 8, Fraction(1, 2))]
)
def test_a_motion_effect_counts_real_time(fps: str, frames: int, speed: Fraction) -> None:
    """In a timeline of 29.97, 20 frames of the record last as long as 16 of a clip at 23.976."""
    film, rate = Fraction(24000, 1001), Fraction(30000, 1001)
    one = event((1000, 1000 + frames), 20, source_fps=Fraction(fps))
    assert fits_speed(one, film, rate, drop=False)
    use = source_use(one, film, rate, drop=False)
    assert use.frames == frames
    assert float(use.speed) == pytest.approx(float(speed), abs=1e-3)
    assert not fits_speed(event((1000, 1025), 20, source_fps=Fraction(fps)), film, rate, drop=False)
    assert fits_speed(event((1000, 1016), 20), film, rate, drop=False)
    assert not fits_speed(event((1000, 1020), 20), film, rate, drop=False)


@pytest.mark.parametrize("mark", [":", ";"])
def test_an_entry_counts_drop_frame_as_its_source_does(mark: str) -> None:
    labels = ("01:00:59:20", "01:00:59:28")
    one = event(labels, 8, source_fps=Fraction("-59.9"), entry=f"01:01:00{mark}12")
    rate = Fraction(30000, 1001)
    use = source_use(one, rate, rate, drop=True)
    assert (str(use.first), use.frames) == ("01:00:59;26", 15)  # to 01:01:00;12, which is 14 frames on


def test_a_frozen_frame_uses_one() -> None:
    assert used(event(("01:00:10:21", "01:00:10:22"), 17, speed=Fraction(0))) == ("01:00:10:21", 1)


def test_a_speed_that_fits_neither_length_is_noted_and_the_longer_is_used() -> None:
    use = source_use(event((0, 100), 24, speed=Fraction(2)), Fraction(24), Fraction(24), drop=False)
    assert use.frames == 100
    assert any("47 frames would show, the list has 100" in note for note in use.notes)


def test_lengths_that_differ_without_a_speed_are_noted() -> None:
    use = source_use(event((0, 25), 24), Fraction(24), Fraction(24), drop=False)
    assert use.frames == 25
    assert any("no speed is given" in note for note in use.notes)


@given(
    frames=st.integers(1, 500),
    head=st.integers(0, 100),
    tail=st.integers(0, 100),
    speed=st.sampled_from([Fraction(1), Fraction(2), Fraction(-1), Fraction(-1, 2)]),
)
def test_transitions_need_frames_beside_the_span(frames: int, head: int, tail: int, speed: Fraction) -> None:
    plain = event((10_000, 10_000 + frames_shown(frames, speed)), frames, speed=speed)
    both = replace(plain, head=Transition("dissolve", 100, head), tail=Transition("dissolve", 100, tail))
    without, within = (source_use(one, Fraction(24), Fraction(24), drop=False) for one in (plain, both))
    ahead = within.first.frames - without.first.frames
    needed = [-(-count * abs(speed) // 1) for count in (head, tail)]
    assert -ahead == needed[0 if speed > 0 else 1]
    assert within.frames == without.frames + sum(needed)
