"""Spanned recordings: several files as one clip, with pictures, sound and timecode running through."""

from __future__ import annotations

import pickle
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from mediadask.clips import Clip, FrameIndex
from mediadask.clips.spans import _joined
from mediadask.errors import MediaChanged, MediaError, MissingMedia, UnreadableMedia
from mediadask.footage import read_number, write_sequence

if TYPE_CHECKING:
    from pathlib import Path

RATE = 24
COUNTS = (30, 26, 17)
LONG_GOP = {"codec": "libx264", "options": {"preset": "veryfast", "x264-params": "keyint=12:bframes=2"}}
PRORES = {"codec": "prores_ks", "pixel_format": "yuv422p10le"}


@pytest.fixture
def parts(make_clip: Any) -> Any:
    """`parts(**how)`: three files that were one recording."""

    def make(**how: Any) -> list[Path]:
        files, first = [], 0
        for number, frames in enumerate(COUNTS, 1):
            seconds, rest = divmod(first, RATE)
            label = f"01:00:{seconds:02}:{rest:02}"
            kind = {
                **PRORES,
                "size": (320, 180),
                "frames": frames,
                "first_number": first,
                "timecode": label,
                "reel": "A001",
            }
            files.append(make_clip(f"A001C001_{number:03}.mov", **{**kind, **how}))
            first += frames
        return files

    return make


def numbers(clip: Clip, start: int = 0, stop: int | None = None) -> list[int]:
    return [read_number(frame.planes[0]) for frame in clip.frames(start, stop)]


@pytest.mark.parametrize("how", [PRORES, LONG_GOP], ids=["prores", "h264"])
def test_frames_run_through(parts: Any, how: dict[str, Any]) -> None:
    clip = Clip.open(parts(**how))
    assert len(clip) == sum(COUNTS)
    assert numbers(clip) == list(range(sum(COUNTS)))
    assert [frame.number for frame in clip.frames(28, 34)] == list(range(28, 34))
    for start, stop in ((29, 31), (55, 58), (72, 73), (30, 30)):
        assert numbers(clip, start, stop) == list(range(start, stop))


def test_the_index_is_one(parts: Any) -> None:
    clip = Clip.open(parts(**LONG_GOP))
    index = clip.index
    assert (np.diff(index.frame_pts) * index.time_base == Fraction(1, RATE)).all()
    assert (np.diff(index.dts) >= 0).all()
    assert not index.by_ranges
    assert {30, 56} <= set(index.gops.tolist())
    first_rows = np.cumsum([0, *COUNTS])[:-1]
    part = np.searchsorted(first_rows, np.arange(len(clip)), side="right")
    assert (np.searchsorted(first_rows, index.decode_start, side="right") == part).all()


def test_the_header_is_the_first_parts(parts: Any) -> None:
    header = Clip.open(parts()).header
    assert (header.timecode, header.reel) == ("01:00:00:00", "A001")
    assert [tag.value.split(",")[1] for tag in header.tags if tag.source == "span"] == [
        f" {n} frames" for n in COUNTS
    ]


def test_sound_runs_through(parts: Any) -> None:
    files = parts(sound="pcm_s16le")
    clip = Clip.open(files)
    (stream,) = clip.header.audio
    assert stream.samples == sum(COUNTS) * 48000 // RATE
    whole = clip.audio(0, stream.samples)
    alone = [Clip.open(file).audio(0, count * 2000) for file, count in zip(files, COUNTS, strict=True)]
    np.testing.assert_array_equal(whole, np.concatenate(alone))
    np.testing.assert_array_equal(clip.audio(59_000, 113_000), whole[59_000:113_000])
    outside = clip.audio(-100, stream.samples + 100)
    assert outside.shape == (stream.samples + 200, 2)
    assert not outside[:100].any()
    assert not outside[-100:].any()


def test_it_travels_as_its_url(parts: Any) -> None:
    clip = Clip.open(parts())
    again = pickle.loads(pickle.dumps(clip))
    assert (again.url, again.identity) == (clip.url, clip.identity)
    assert Clip.open(clip.url).identity == clip.identity
    assert numbers(again, 29, 31) == [29, 30]


def test_image_sequences_span_too(tmp_path: Path) -> None:
    for reel, first in (("a", 1001), ("b", 1004)):
        write_sequence(tmp_path / f"{reel}.%04d.exr", first=first, frames=3, size=(160, 90))
    (tmp_path / "b.1005.exr").unlink()
    clip = Clip.open([tmp_path / "a.%04d.exr", tmp_path / "b.%04d.exr"])
    held = [read_number(np.stack(frame.planes, -1)) for frame in clip.frames(on_corrupt="hold")]
    assert held == [1001, 1002, 1003, 1004, 1004, 1006]


def test_a_missing_part_is_named(parts: Any, tmp_path: Path) -> None:
    gone = tmp_path / "A001C001_002.mov"
    with pytest.raises(MissingMedia, match=r"A001C001_002\.mov: no such file"):
        Clip.open([parts()[0], gone])


@pytest.mark.parametrize(
    ("odd", "says"),
    [
        ({"size": (160, 90)}, "its width is 160, that of A001C001_001.mov is 320"),
        ({"rate": 25, "timecode": None}, "its frame rate is 25"),
        (LONG_GOP, "its codec is h264"),
        ({"pixel_format": "yuv444p10le"}, "its pixel format is yuv444p12le"),
        ({"sound": "pcm_s16le"}, "its sound streams are not like"),
    ],
)
def test_an_odd_part_is_named(parts: Any, make_clip: Any, odd: dict[str, Any], says: str) -> None:
    how = {**PRORES, "size": (320, 180), "frames": 4, "timecode": "01:00:01:06", **odd}
    other = make_clip("odd.mov", **how)
    with pytest.raises(UnreadableMedia, match=rf"odd\.mov: {says}"):
        Clip.open([parts()[0], other])


def test_timecode_must_run_on(parts: Any) -> None:
    first, second, third = parts()
    with pytest.raises(
        UnreadableMedia, match=r"_003\.mov: starts at 01:00:02:08 where A001C001_001\.mov ends at 01:00:01:06"
    ):
        Clip.open([first, third])
    with pytest.raises(UnreadableMedia, match="starts at"):
        Clip.open([second, first, third])


def test_a_part_that_changes_is_noticed(parts: Any, tmp_path: Path) -> None:
    files = []
    for file in parts():
        files.append(tmp_path / file.name)
        files[-1].write_bytes(file.read_bytes())
    clip = Clip.open(files)
    assert numbers(clip, 30, 31) == [30]
    files[1].write_bytes(files[1].read_bytes()[:-100])
    with pytest.raises(MediaChanged):
        numbers(clip, 30, 31)
    with pytest.raises(MediaError):
        pickle.loads(pickle.dumps(clip))


def test_what_a_parts_reader_learns_makes_the_span_anew(parts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    files = parts()
    before = Clip.open(files)
    monkeypatch.setattr(type(Clip.open(files[0]).reader), "version", 10**6)
    assert Clip.open(files).identity != before.identity


def test_a_key_before_a_parts_first_frame_stays_that_parts_own() -> None:
    """As where an edit list cuts a part inside a GOP: decoding starts at a key that is not shown."""

    def index(pts: list[int], keys: list[int], shown: list[int]) -> FrameIndex:
        times, unknown = np.array(pts, np.int64), np.full(len(pts), -1, np.int64)
        keyframe = np.isin(np.arange(len(pts)), keys)
        return FrameIndex(
            Fraction(1, RATE), times, times, unknown, unknown, keyframe, np.array(shown, np.int64)
        )

    whole, cut = index([0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3]), index([-3, -2, -1, 0, 1], [0], [3, 4])
    joined = _joined([whole, cut], Fraction(RATE))
    assert (joined.frame_pts * joined.time_base * RATE).tolist() == [0, 1, 2, 3, 4, 5]
    assert joined.decode_start.tolist() == [0, 1, 2, 3, 4, 4]
