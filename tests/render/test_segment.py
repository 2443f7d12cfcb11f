"""Where clips are cut."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mediadask.clips import FrameIndex
from mediadask.render.segment import UNIT_SECONDS, segments


def index_of(gops: list[int]) -> FrameIndex:
    frames = sum(gops)
    pts = np.arange(frames, dtype=np.int64)
    keys = np.isin(pts, np.cumsum([0, *gops]))
    unknown = np.full(frames, -1, np.int64)
    return FrameIndex(Fraction(1, 24), pts, pts, unknown, unknown, keys, pts)


@given(st.lists(st.integers(1, 100), min_size=1, max_size=40), st.floats(0.001, 20), st.integers(1, 60))
def test_segments_cover_every_frame_once(gops: list[int], seconds: float, group: int) -> None:
    ranges = segments(index_of(gops), seconds, group=group)
    assert [frame for start, stop in ranges for frame in range(start, stop)] == list(range(sum(gops)))


@given(st.lists(st.integers(1, 100), min_size=1, max_size=40), st.floats(0.001, 20))
def test_segments_begin_at_keys_of_the_source(gops: list[int], seconds: float) -> None:
    starts = {start for start, _ in segments(index_of(gops), seconds, group=12)}
    assert starts <= set(np.cumsum([0, *gops]).tolist())


@given(st.lists(st.integers(1, 100), min_size=1, max_size=40), st.floats(0.001, 20), st.integers(1, 60))
def test_segments_begin_on_the_grid(gops: list[int], seconds: float, grid: int) -> None:
    ranges = segments(index_of(gops), seconds, grid=grid)
    assert all(start % grid == 0 and start < stop for start, stop in ranges)
    assert [frame for start, stop in ranges for frame in range(start, stop)] == list(range(sum(gops)))


def test_a_segment_takes_about_the_seconds_a_unit_should() -> None:
    ranges = segments(index_of([1] * 10_000), 0.1, group=24)
    lengths = {stop - start for start, stop in ranges[:-1]}
    assert lengths == {round(UNIT_SECONDS / 0.1 / 24) * 24}


def test_no_segment_is_much_shorter_than_the_others() -> None:
    ranges = segments(index_of([1] * 1000), UNIT_SECONDS / 100)
    assert min(stop - start for start, stop in ranges) >= 50
