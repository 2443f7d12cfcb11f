"""Frames coded as two fields, each with a packet of its own (PAFF), are counted and decoded as frames; and
decoding begins only where it can."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediadask.clips import Clip
from mediadask.clips.h264 import frame_packets
from mediadask.render.remux import kept, remux
from tests.clips import field_pictures
from tests.clips.test_exactness import assert_planes_equal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FRAMES = 19
CODINGS: dict[str, Callable[[int], bool]] = {
    "fields": lambda number: True,
    "frames": lambda number: False,
    "both": lambda number: number % 4 < 2,
}


@pytest.fixture(params=CODINGS)
def as_fields(request: pytest.FixtureRequest) -> Callable[[int], bool]:
    return CODINGS[request.param]


@pytest.mark.parametrize(
    ("name", "packets"),
    [
        *(("a.ts", 1), ("a.ts", 2), ("a.mkv", 1), ("a.mkv", 2)),
        *(("a.mp4", 1), ("a.mp4", 2), ("a.mov", 2), ("a.mxf", 1)),
    ],
)
def test_frames_are_counted_and_exact(
    name: str, packets: int, as_fields: Callable[[int], bool], tmp_path: Path
) -> None:
    path = field_pictures.write(tmp_path / name, FRAMES, as_fields=as_fields, packets=packets)
    truth = field_pictures.expected(FRAMES, as_fields)
    clip = Clip.open(path)
    assert len(clip) == FRAMES
    assert clip.header.frame_rate == 25
    assert np.flatnonzero(clip.index.frame_keys).tolist() == [0, 6, 12, 18]
    for at in np.random.default_rng(1).permutation(FRAMES).tolist():
        (frame,) = clip.frames(at, at + 1, threads=1)
        assert_planes_equal(frame.planes, truth[at])
    for threads in (1, 3):
        for frame in clip.frames(threads=threads):
            assert_planes_equal(frame.planes, truth[frame.number])


def test_fields_are_flagged(tmp_path: Path) -> None:
    for name in ("a.ts", "a.mp4", "a.mkv"):
        path = field_pictures.write(tmp_path / name, 3, as_fields=CODINGS["fields"], packets=1)
        assert Clip.open(path).header.field_order == "top"


@pytest.mark.parametrize("packets", [1, 2])
def test_intra_pictures_that_promise_nothing_are_no_keys(packets: int, tmp_path: Path) -> None:
    coding = CODINGS["both"]
    path = field_pictures.write(tmp_path / "a.mkv", FRAMES, as_fields=coding, packets=packets, marked=False)
    truth = field_pictures.expected(FRAMES, coding)
    clip = Clip.open(path)
    assert np.flatnonzero(clip.index.frame_keys).tolist() == [0]
    for at in (FRAMES - 1, 8, 6, 0):
        (frame,) = clip.frames(at, at + 1)
        assert_planes_equal(frame.planes, truth[at])


def test_a_range_is_copied_with_both_fields_in_a_packet(tmp_path: Path) -> None:
    path = field_pictures.write(tmp_path / "a.ts", FRAMES, as_fields=CODINGS["both"], packets=2)
    truth = field_pictures.expected(FRAMES, CODINGS["both"])
    clip = Clip.open(path)
    keep = kept(clip.index, 7, 10)
    with open(tmp_path / "cut.mov", "w+b", buffering=0) as file:
        remux(file, clip, keep, "test")
    copy = Clip.open(tmp_path / "cut.mov")
    assert copy.index.by_ranges
    for frame in copy.frames():
        assert_planes_equal(frame.planes, truth[keep.start + frame.number])


@given(st.binary(max_size=40), st.lists(st.binary(max_size=80), max_size=5))
def test_nonsense_is_no_field(extradata: bytes, packets: list[bytes]) -> None:
    """Damaged headers make no pairs out of nothing, lose no packet, and stop nobody."""
    codec = SimpleNamespace(canonical_name="h264")
    stream = SimpleNamespace(index=0, codec_context=SimpleNamespace(codec=codec, extradata=extradata))
    given_packets = [_Packet(b"\0\0\1\x65" + data) for data in packets]
    pairs = list(frame_packets(given_packets, stream))
    assert [packet for pair in pairs for packet in pair if packet is not None] == given_packets


class _Packet:
    stream_index = 0

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __bytes__(self) -> Any:
        return self._data
