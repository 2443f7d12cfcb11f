"""The rate of a clip is that of its frames, whatever its clock rounds and its packets leave out."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import pytest

from mediadask import footage
from mediadask.clips import Clip
from mediadask.metadata import inspect
from tests.clips.test_exactness import assert_exact

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.conftest import MakeClip

NTSC = Fraction(30000, 1001)
RATES = [
    24,
    25,
    30,
    50,
    60,
    Fraction(24000, 1001),
    NTSC,
    Fraction(60000, 1001),
    120,
    Fraction(15),
    Fraction(25, 2),
]


def write(path: Path, ticks: Sequence[int], base: Fraction, **options: str) -> Path:
    """A clip whose frames have these times."""
    with av.open(str(path), "w", options=options) as container:
        stream: Any = container.add_stream("mjpeg", rate=1000)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        stream.time_base = stream.codec_context.time_base = base
        for number, tick in enumerate(ticks):
            picture = av.VideoFrame.from_ndarray(footage.picture(number, 64, 48)).reformat(format="yuvj420p")
            picture.pts, picture.time_base = tick, base
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def ticks(rate: Fraction | int, count: int, base: Fraction) -> list[int]:
    return [round(number / Fraction(rate) / base) for number in range(count)]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("base", [Fraction(1, 1000), Fraction(1, 600), Fraction(1, 90000)])
def test_times_that_a_clock_rounds(tmp_path: Path, rate: Fraction, base: Fraction) -> None:
    path = write(
        tmp_path / "a.mp4", ticks(rate, 150, base), base, video_track_timescale=str(base.denominator)
    )
    header = Clip.open(path).header
    assert (header.frame_rate, header.variable) == (rate, False)


@pytest.mark.parametrize("rate", RATES)
def test_matroska_counts_milliseconds(tmp_path: Path, rate: Fraction) -> None:
    milli = Fraction(1, 1000)
    clip = Clip.open(write(tmp_path / "a.mkv", ticks(rate, 150, milli), milli))
    assert (clip.header.frame_rate, clip.header.variable) == (rate, False)


@pytest.mark.parametrize("rate", [24, Fraction(24000, 1001), NTSC, 60, 120])
def test_milliseconds_in_a_finer_clock(tmp_path: Path, rate: Fraction) -> None:
    """As FFmpeg copies MKV to MP4: ticks of 1/16000 that are all whole milliseconds."""
    base = Fraction(1, 16000)
    times = [16 * tick for tick in ticks(rate, 150, Fraction(1, 1000))]
    header = Clip.open(write(tmp_path / "a.mp4", times, base, video_track_timescale="16000")).header
    assert (header.frame_rate, header.variable) == (rate, False)


def test_frames_that_a_recorder_dropped_leave_the_rate(tmp_path: Path) -> None:
    base = Fraction(1, 90000)
    all_of_them = ticks(30, 120, base)
    path = write(tmp_path / "a.mp4", all_of_them[:40] + all_of_them[43:], base, video_track_timescale="90000")
    found = inspect(path)
    assert (found.frame_rate, found.variable, found.frames) == ("30/1", True, 117)


def test_a_phone_s_times_that_keep_to_no_rate_are_variable(tmp_path: Path) -> None:
    base = Fraction(1, 90000)
    uneven = [round(number * 3000 + (number * 7919 % 1400)) for number in range(90)]
    found = inspect(write(tmp_path / "a.mp4", uneven, base, video_track_timescale="90000"))
    assert found.variable is True
    assert found.rate is not None
    assert abs(float(found.rate) - 30) < 0.5


def test_a_phone_s_pause_leaves_the_rate_it_keeps_to(tmp_path: Path) -> None:
    """Sensor times near 30 a second, a late first frame and a pause."""
    base = Fraction(1, 90000)
    steps = [4649, *[2997, 2997, 2998] * 12, 8992, *[2997, 2996, 2998] * 12]
    times = [sum(steps[:at]) for at in range(len(steps) + 1)]
    found = inspect(write(tmp_path / "a.mp4", times, base, video_track_timescale="90000"))
    assert found.variable is True
    assert found.rate is not None
    assert abs(float(found.rate) - 30.03) < 0.05


def test_a_change_of_rate_is_variable(tmp_path: Path) -> None:
    base = Fraction(1, 90000)
    times = [number * 3600 for number in range(50)] + [50 * 3600 + number * 1800 for number in range(50)]
    assert inspect(write(tmp_path / "a.mp4", times, base, video_track_timescale="90000")).variable is True


@pytest.mark.parametrize(
    ("codec", "rate", "options"),
    [
        ("libx264", 60, {"g": "12"}),
        ("libx264", NTSC, {"g": "12", "bf": "3"}),
        ("libx264", 24, {"g": "250"}),
        ("mpeg2video", 25, {"g": "12", "bf": "2"}),
        ("mpeg1video", 25, {"g": "12", "bf": "2"}),
    ],
)
def test_program_streams_time_some_packets_only(
    make_clip: MakeClip, codec: str, rate: Fraction, options: dict[str, str]
) -> None:
    path = make_clip(
        "a.mpg", codec=codec, rate=rate, options=options, frames=90, size=(320, 176), muxer="vob"
    )
    clip = assert_exact(path, range(90))
    assert (clip.header.frame_rate, clip.header.variable) == (rate, False)


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.h264", "libx264", {"g": "12", "bf": "3"}),
        ("a.264", "libx264", {"g": "12", "x264-params": "open-gop=1"}),
        ("a.hevc", "libx265", {"x265-params": "keyint=12:log-level=none"}),
        ("a.265", "libx265", {"x265-params": "keyint=12:open-gop=1:bframes=3:log-level=none"}),
        ("a.m2v", "mpeg2video", {"g": "12", "bf": "2"}),
        ("a.mjpeg", "mjpeg", {}),
        ("a.obu", "libsvtav1", {"preset": "12"}),
    ],
)
def test_elementary_streams(make_clip: MakeClip, name: str, codec: str, options: dict[str, str]) -> None:
    pixel_format = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = make_clip(
        name, codec=codec, rate=25, options=options, frames=30, size=(320, 176), pixel_format=pixel_format
    )
    clip = assert_exact(path, range(30))
    assert (clip.header.frame_rate, clip.header.variable) == (25, False)


def test_leading_pictures_of_the_first_key_that_need_no_other(make_clip: MakeClip) -> None:
    """RADL pictures (H.265, 3.113) come after the key and before it on the screen: none is lost."""
    params = "keyint=8:open-gop=0:radl=3:bframes=3:b-adapt=0:log-level=none"
    for name in ("a.ts", "a.mkv", "a.mp4", "a.hevc"):
        path = make_clip(name, codec="libx265", options={"x265-params": params}, frames=30, size=(320, 176))
        assert_exact(path, range(30))
