"""Where clips are cut."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import accumulate, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediadask.clips import FrameIndex
from mediadask.render.segment import (
    PLATE_UNIT_SECONDS,
    UNIT_SECONDS,
    Segment,
    busy_share,
    key_interval,
    plate_segments,
    segments,
)

GOPS = st.lists(st.integers(1, 100), min_size=1, max_size=40)
SECONDS = st.floats(0.001, 20)
GOP = st.integers(1, 60)


def points_of(gops: list[int]) -> list[int]:
    return list(accumulate(gops, initial=0))


def index_of(gops: list[int]) -> FrameIndex:
    frames = sum(gops)
    pts = np.arange(frames, dtype=np.int64)
    keys = np.isin(pts, points_of(gops))
    unknown = np.full(frames, -1, np.int64)
    return FrameIndex(Fraction(1, 24), pts, pts, unknown, unknown, keys, pts)


def lengths_of(frames: int, seconds: float, **how: int) -> list[int]:
    """How long the segments of a clip are in which every frame decodes alone."""
    return [segment.frames for segment in segments(range(frames + 1), seconds, **how)]


def test_a_segments_unit_says_what_it_renders_and_how_long_it_takes() -> None:
    segment = Segment(24, 60)
    unit = segment.unit(
        print, (segment,), output="A001.mp4", kind="proxy", seconds_per_frame=0.5, first_number=1001
    )
    assert (unit.name, unit.kind) == ("A001.mp4 frames 1025-1060", "proxy")
    assert (unit.frames, unit.seconds, unit.args) == (36, 18.0, (segment,))


def keys_of(lengths: list[int], gop: int) -> int:
    return sum(math.ceil(length / key_interval(length, gop)) for length in lengths)


@given(GOPS, SECONDS, GOP)
def test_segments_cover_every_frame_once_from_point_to_point(
    gops: list[int], seconds: float, gop: int
) -> None:
    points = points_of(gops)
    ranges = segments(points, seconds, gop=gop)
    assert (ranges[0][0], ranges[-1][1]) == (points[0], points[-1])
    assert all(one[1] == other[0] for one, other in pairwise(ranges))
    assert all(start < stop and {start, stop} <= set(points) for start, stop in ranges)


@given(GOPS, SECONDS, st.data())
def test_those_of_a_plate_cover_its_frames_and_begin_at_keys_or_in_the_middle(
    gops: list[int], seconds: float, data: st.DataObject
) -> None:
    index = index_of(gops)
    start = data.draw(st.integers(0, len(index) - 1))
    stop = data.draw(st.integers(start + 1, len(index)))
    ranges = plate_segments(index, start, stop, seconds)
    assert [number for range_ in ranges for number in range(*range_)] == list(range(start, stop))
    runs = list(index.runs(start, stop))
    allowed = {first for first, _ in runs} | {(first + last) // 2 for first, last in runs}
    assert {first for first, _ in ranges} <= allowed


@given(st.integers(1, 20_000), st.sampled_from([0.02, 0.16, 0.6]), GOP)
def test_there_are_no_more_keyframes_than_gops_of_the_usual_length(
    frames: int, seconds: float, gop: int
) -> None:
    lengths = lengths_of(frames, seconds, gop=gop)
    assert keys_of(lengths, gop) <= math.ceil(frames / gop)
    assert all(key_interval(length, gop) <= math.ceil(1.5 * gop) for length in lengths)


@pytest.mark.parametrize(
    ("seconds", "gop"),
    [(0.16, 48), (0.16, 50), (0.06, 120), (0.04, 48), (0.2, 1), (0.04, 1)],
    ids=["4K", "4K at 25", "at 60", "HD", "4K intra", "HD intra"],
)
@given(data=st.data())
def test_one_clip_keeps_a_pool_busy(seconds: float, gop: int, data: st.DataObject) -> None:
    """By prediction, from 40 GOPs or two and a half seconds of work a slot on."""
    frames = data.draw(st.integers(max(math.ceil(40 / seconds), 40 * gop if gop > 1 else 0), 20_000))
    lengths = lengths_of(frames, seconds, gop=gop)
    assert min(busy_share(lengths, slots) for slots in (2, 4, 8)) >= 0.9
    assert busy_share(lengths, 16) >= 0.86


@given(st.integers(24 * 48, 40 * 48))
def test_one_of_48_seconds_does_nearly(frames: int) -> None:
    lengths = lengths_of(frames, 0.16, gop=48)
    assert min(busy_share(lengths, slots) for slots in (2, 4, 8)) >= 0.9
    assert busy_share(lengths, 16) >= 0.84


@given(st.integers(150, 2000), st.sampled_from([0.46, 0.6, 0.8]))
def test_one_plate_keeps_a_pool_busy(frames: int, seconds: float) -> None:
    lengths = [segment.frames for segment in plate_segments(index_of([1] * frames), 0, frames, seconds)]
    assert min(busy_share(lengths, slots) for slots in (2, 4, 8)) >= 0.9
    assert busy_share(lengths, 16) >= 0.86


def test_24_gops_that_were_two_waves_on_16_slots() -> None:
    assert busy_share([48] * 24, 16) == 0.75
    lengths = lengths_of(24 * 48, 0.16, gop=48)
    assert {slots: round(busy_share(lengths, slots), 2) for slots in (2, 4, 8, 12, 16)} == {
        2: 0.99,
        4: 0.98,
        8: 0.96,
        12: 0.93,
        16: 0.92,
    }


@pytest.mark.parametrize("gops", [1, 5, 10, 15])
def test_clips_of_fewer_gops_than_slots_are_cut_into_their_gops(gops: int) -> None:
    assert lengths_of(gops * 48, 0.16, gop=48) == [48] * gops


def test_a_long_clip_is_cut_into_units_that_are_as_long_as_they_should_be() -> None:
    assert set(lengths_of(86_400, 0.1, gop=24)) == {round(UNIT_SECONDS / 0.1 / 24) * 24}
    assert max(lengths_of(10_000, 0.1)) == UNIT_SECONDS / 0.1


def test_no_unit_is_hardly_begun_when_it_ends() -> None:
    assert min(lengths_of(1000, 0.04)) >= 6
    assert min(lengths_of(1152, 0.01, gop=48)) >= 25


@pytest.mark.parametrize(("frames", "interval"), [(1, 1), (47, 47), (48, 48), (72, 72), (73, 37), (192, 48)])
def test_keyframes_are_evenly_spaced_and_no_gop_is_longer_than_one_and_a_half(
    frames: int, interval: int
) -> None:
    assert key_interval(frames, 48) == interval
    assert key_interval(frames, 1) == 1


def test_units_of_a_plate_take_seconds() -> None:
    ranges = plate_segments(index_of([1] * 1000), 0, 1000, 0.5)
    assert max(stop - start for start, stop in ranges) == PLATE_UNIT_SECONDS / 0.5


def test_slots_are_busy_until_nothing_is_left_to_start() -> None:
    assert busy_share([1, 1, 1], 2) == 0.75
    assert busy_share([2, 1, 1], 2) == 1
    assert busy_share([1, 1, 2], 2) == pytest.approx(2 / 3)
