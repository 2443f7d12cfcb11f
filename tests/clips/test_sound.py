"""Sound is sample-exact against pictures: sample 0 is at the clip's first frame."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from mediadask.clips import Clip
from mediadask.errors import InvalidRequest

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from tests.conftest import MakeClip

HOW: dict[str, Any] = {
    "codec": "libx264", "options": {"g": "6", "bf": "2", "preset": "veryfast"}, "size": (320, 180),
    "frames": 50, "rate": 25,
}  # fmt: skip


def beep_at(second: int) -> npt.NDArray[np.float32]:
    """(1920,) what `footage` records in the first frame of a second, as 16 bits."""
    wave = np.sin(2 * np.pi * (np.arange(1920) / 48000 + second) * 1000) * 0.5
    return ((wave * 32767).astype(np.int16) / 32768).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "sound"),
    [("a.mov", "pcm_s16le"), ("a.mov", "pcm_s24le"), ("a.mov", "pcm_f32le"), ("a.mkv", "pcm_s16le"),
     ("a.avi", "pcm_s16le"), ("a.mov", "alac")],
)  # fmt: skip
def test_lossless_sound_is_exact(name: str, sound: str, make_clip: MakeClip) -> None:
    clip = Clip.open(make_clip(name, **HOW, sound=sound))
    assert (clip.header.audio[0].samples, clip.header.audio[0].start) == (96000, 0)
    whole = clip.audio(0, 96000)
    assert whole.shape == (96000, 2)
    assert whole.dtype == np.float32
    for second in (0, 1):
        for channel in (0, 1):
            part = whole[second * 48000 : second * 48000 + 1920, channel]
            np.testing.assert_allclose(part, beep_at(second), atol=1e-4)
    for start, stop in ((47_990, 48_123), (95_000, 96_000), (1, 2), (10_000, 60_000)):
        np.testing.assert_array_equal(clip.audio(start, stop), whole[start:stop])


def test_outside_is_silence(make_clip: MakeClip) -> None:
    clip = Clip.open(make_clip("a.mov", **HOW, sound="pcm_s16le"))
    wave = clip.audio(-100, 96_100)
    assert not wave[:100].any()
    assert wave[100 : 100 + 1920].any()
    assert not wave[-100:].any()
    assert clip.audio(200_000, 200_010).shape == (10, 2)


@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_aac_is_in_sync_wherever_it_is_read(name: str, make_clip: MakeClip) -> None:
    clip = Clip.open(make_clip(name, **HOW, sound="aac"))
    whole = clip.audio(0, 96_000)
    loud = np.abs(whole[:, 0]) > 0.25
    for second in (0, 48_000):  # lossy, so the beep's edge is found to within an AAC window's ringing
        assert loud[second + 100 : second + 1800 : 7].mean() > 0.3
        assert not loud[second + 2400 : second + 47_000].any()
    lag = np.argmax(np.correlate(whole[47_000:51_000, 0], beep_at(1), "valid")) - 1000
    assert abs(lag) <= 2
    for start, stop in ((40_000, 50_000), (48_000, 48_500), (90_123, 95_000)):
        np.testing.assert_allclose(
            clip.audio(start, stop), whole[start:stop], atol=1e-4
        )  # AAC fills with noise


@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_the_first_samples_lean_on_the_packet_before_them(name: str, make_clip: MakeClip) -> None:
    path = make_clip(name, **HOW, sound="aac")
    with av.open(str(path)) as container:
        played = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1).T
    np.testing.assert_allclose(Clip.open(path).audio(0, 4096), played[:4096], atol=1e-6)


def test_sound_that_begins_after_picture(tmp_path: Path) -> None:
    path = tmp_path / "late.mov"
    with av.open(str(path), "w") as out:
        video: Any = out.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound: Any = out.add_stream("pcm_s16le", rate=48000, layout="mono")
        for number in range(25):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(video.encode(frame))
        wave = np.full((1, 4800), 16384, np.int16)
        heard = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
        heard.sample_rate, heard.pts, heard.time_base = 48000, 9600, Fraction(1, 48000)
        out.mux(sound.encode(heard))
        out.mux(video.encode(None))
        out.mux(sound.encode(None))
    clip = Clip.open(path)
    assert clip.header.audio[0].start == -9600
    heard_by_us = clip.audio(0, 48_000)[:, 0]
    assert np.flatnonzero(heard_by_us).tolist() == list(range(9600, 14_400))
    assert (heard_by_us[9600:14_400] == 0.5).all()


def test_a_stream_that_is_not_there(make_clip: MakeClip) -> None:
    with pytest.raises(InvalidRequest, match="sound stream 1 was asked for, the clip has 1"):
        Clip.open(make_clip("a.mov", **HOW, sound="pcm_s16le")).audio(0, 1, stream=1)
