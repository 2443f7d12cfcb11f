"""The index: where decoding begins, in which runs, for any order of packets."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediadask.clips import Clip, FrameIndex, cache, facts_of, recall
from mediadask.clips.frame import PixelFormat
from mediadask.clips.header import AudioStream, ClipHeader, Tag
from mediadask.errors import InvalidRequest

if TYPE_CHECKING:
    from tests.conftest import MakeClip


@st.composite
def indexes(draw: st.DrawFn) -> FrameIndex:
    """GOPs of any length; each key may be followed by leading pictures, which are shown before it."""
    pts: list[int] = []
    keys: list[int] = []
    clock = draw(st.integers(0, 5))
    for gop in range(draw(st.integers(1, 6))):
        leading = draw(st.integers(0, 3)) if gop else 0
        trailing = draw(st.integers(0, 6))
        times = clock + np.cumsum([draw(st.integers(1, 4)) for _ in range(leading + 1 + trailing)])
        keys.append(len(pts))
        pts += [times[leading], *times[:leading], *draw(st.permutations(times[leading + 1 :].tolist()))]
        clock = int(times[-1])
    order = np.argsort(pts)
    hidden = draw(st.sets(st.integers(0, len(pts) - 1)))
    shown = order[[at not in hidden for at in range(len(pts))]]
    rows = np.arange(len(pts))
    return FrameIndex(
        Fraction(1, 24), np.array(pts), rows, rows * 100, np.full(len(pts), 100), np.isin(rows, keys), shown
    )


@given(indexes())
def test_decoding_begins_at_the_last_key_shown_no_later(index: FrameIndex) -> None:
    keys = np.flatnonzero(index.keyframe)
    for number, start in enumerate(index.decode_start):
        shown_at = index.frame_pts[number]
        candidates = [key for key in keys if index.pts[key] <= shown_at]
        assert start == max(candidates, key=lambda key: index.pts[key])
        assert start <= index.shown[number]


@given(indexes())
def test_gops_cut_the_clip_into_runs_of_one_key(index: FrameIndex) -> None:
    assert index.gops[0] == 0
    assert index.gops[-1] == len(index)
    for start, stop in index.runs(0, len(index)) if len(index) else ():
        assert len(set(index.decode_start[start:stop].tolist())) == 1
    assert len(set(index.decode_start.tolist())) == len(index.gops) - 1
    assert not len(index) or (np.diff(index.gops) > 0).all()


@given(indexes(), st.data())
def test_runs_tile_any_range(index: FrameIndex, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(index)))
    stop = data.draw(st.integers(start, len(index)))
    if start == stop:
        return
    covered = [number for low, high in index.runs(start, stop) for number in range(low, high)]
    assert covered == list(range(start, stop))


@given(indexes())
def test_the_cache_gives_back_what_it_was_given(index: FrameIndex) -> None:
    header = ClipHeader(
        "mov", "h264", 64, 48, PixelFormat("yuv420p", "yuv", 8, "uint8", (2, 2)), Fraction(24000, 1001),
        audio=(AudioStream("aac", 48000, 2, 96000, -3, 1),), tags=(Tag("mov", "é", "ü\n"),),
        extradata=bytes(range(256)), pixel_aspect=Fraction(4, 3),
    )  # fmt: skip
    cache.store("0" * 40, header, index, 3)
    found = cache.load("0" * 40)
    assert found
    assert found[0] == header
    assert found[1].time_base == index.time_base
    for name, array in index.arrays().items():
        np.testing.assert_array_equal(found[1].arrays()[name], array)
    assert cache.load_facts("0" * 40) == (header, len(index), 3)


def test_a_spoilt_cache_is_made_anew(make_clip: MakeClip) -> None:
    url = make_clip("a.mov", codec="mjpeg", pixel_format="yuvj420p", frames=3, size=(64, 36))
    clip = Clip.open(url)
    path = Path(cache.cache_folder(), clip.identity[:2], f"{clip.identity}.index")
    whole = path.read_bytes()
    torn = (b"", whole[:20], whole[:200], whole[:-8], bytes(len(whole)))
    foreign = (b"PK\x03\x04 of an archive", b"\x93NUMPY" + whole[6:], whole.replace(b'"mjpeg"', b"0123456"))
    for spoilt in (*torn, *foreign):
        path.write_bytes(spoilt)
        assert recall(url) is None
        assert Clip.open(url).header == clip.header
        assert path.read_bytes() == whole
    assert recall(url) == facts_of(url) == clip.facts


def test_ranges_are_checked() -> None:
    one = np.arange(3)
    index = FrameIndex(Fraction(1, 24), one, one, one, one, one == 0, one)
    assert index.check(1, None, "a.mov") == (1, 3)
    with pytest.raises(InvalidRequest, match=r"a\.mov: frames 1 to 4 were asked for, the clip has 3"):
        index.check(1, 4, "a.mov")


@given(st.lists(st.tuples(st.integers(-20, 20), st.booleans()), min_size=1, max_size=12))
def test_damaged_times_never_make_decoding_begin_after_the_frame(packets: list[tuple[int, bool]]) -> None:
    pts = np.array([time for time, _ in packets])
    rows = np.arange(len(pts))
    keyframe = np.array([key for _, key in packets])
    index = FrameIndex(Fraction(1, 24), pts, rows, rows, rows, keyframe, np.argsort(pts, kind="stable"))
    assert (index.decode_start <= index.shown).all()
