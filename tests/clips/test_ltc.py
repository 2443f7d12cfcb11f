"""Timecode on a sound track is read at any speed, both ways, and through noise."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

import mediadask as md
from mediadask.clips.ltc import decode_ltc
from mediadask.errors import InvalidRequest, UnreadableMedia
from mediadask.timecode import Timecode
from tests.clips.ltc_signal import signal
from tests.clips.wav_files import noise, write_wav

if TYPE_CHECKING:
    from pathlib import Path

RATES = [
    (Fraction(24000, 1001), "09:59:59:20"),
    (Fraction(24), "23:59:59:20"),
    (Fraction(25), "01:02:03:04"),
    (Fraction(30000, 1001), "10:00:59:25"),
    (Fraction(30000, 1001), "10:00:59;25"),
    (Fraction(30), "00:00:00:00"),
]


@pytest.mark.parametrize(("rate", "start"), RATES)
def test_every_label_is_read_where_it_begins(rate: Fraction, start: str) -> None:
    wave = signal(start, 50, frame_rate=float(rate), offset=1234.5)
    ltc = decode_ltc(wave, 48000)
    first = Timecode.parse(start, rate)
    assert (ltc.frame_rate, ltc.drop, len(ltc.labels)) == (rate, first.drop, 50)
    frame = 48000 / float(rate)
    np.testing.assert_allclose(ltc.samples, 1234.5 + np.arange(50) * frame, atol=0.6)
    assert [str(ltc.timecode_at(1240 + n * frame)) for n in range(50)] == [str(first + n) for n in range(50)]
    assert str(ltc.timecode_at(0)) == str(first + -1)


@pytest.mark.parametrize("speed", [0.1, 0.4, 1.3, 3.0, -0.1, -1.0, -2.5])
def test_at_any_speed_both_ways(speed: float) -> None:
    wave = signal("10:00:00:20", 30, frame_rate=25, speed=speed)
    ltc = decode_ltc(wave, 48000)
    assert ltc.base == 25
    assert len(ltc.labels) == 30
    assert ltc.frames_per_second == pytest.approx(25 * speed, rel=2e-3)
    labels = [str(Timecode(int(count), 25)) for count in ltc.labels]
    there = [str(Timecode.parse("10:00:00:20", 25) + n) for n in range(30)]
    assert labels == (there if speed > 0 else there[::-1])


def test_while_the_speed_changes() -> None:
    wave = signal("10:00:00:00", 100, frame_rate=25, speed=np.geomspace(0.3, 3, 100))
    ltc = decode_ltc(wave, 48000)
    assert len(ltc.labels) >= 95


@pytest.mark.parametrize("user", [0, 0xFFFFFFFF, 0x3FFD3FFD, 0xBFFCBFFC])
@pytest.mark.parametrize("speed", [1, -1])
def test_whatever_the_user_bits_are(user: int, speed: int) -> None:
    """Also those that look like the end of a label."""
    ltc = decode_ltc(signal("10:00:00:00", 30, frame_rate=24, speed=speed, user=user), 48000)
    assert len(ltc.labels) == 30
    assert (np.diff(ltc.labels) == speed).all()


@pytest.mark.parametrize("quality", ["noise", "quiet", "leak", "offset", "upside down", "44100", "filtered"])
def test_through_what_a_location_does_to_it(quality: str) -> None:
    rate = 44100 if quality == "44100" else 48000
    wave = signal("10:00:00:00", 75, frame_rate=25, rate=rate)
    random = np.random.default_rng(1)
    if quality == "noise":  # 14 dB below
        wave = wave + random.normal(0, 0.1, len(wave)).astype(np.float32)
    elif quality == "quiet":  # -50 dBFS, in 16 bits
        wave = np.round(wave * 2**-8 * 2**15) / np.float32(2**15)
    elif quality == "leak":  # speech and hum beside it
        at = np.arange(len(wave)) / rate
        wave = wave + 0.15 * np.sin(at * 2 * np.pi * 50) + 0.1 * np.sin(at * 2 * np.pi * 330)
    elif quality == "offset":
        wave = wave + np.float32(0.2)
    elif quality == "upside down":
        wave = -wave
    elif quality == "filtered":  # a cheap input: 7 kHz at most
        spectrum = np.fft.rfft(wave)
        spectrum[int(7000 * len(wave) / rate) :] = 0
        wave = np.fft.irfft(spectrum, len(wave))
    ltc = decode_ltc(wave.astype(np.float32), rate)
    frame = rate / 25
    assert len(ltc.labels) >= 70
    assert (np.diff(ltc.labels) > 0).all()
    first = Timecode.parse("10:00:00:00", 25)
    assert ltc.frames_at(400) == pytest.approx(first.frames, abs=0.001)
    assert str(ltc.timecode_at(400 + frame * 50)) == "10:00:02:00"


@pytest.mark.parametrize("kind", ["silence", "noise", "tone", "nothing"])
def test_where_there_is_none_it_is_said(kind: str) -> None:
    at = np.arange(0 if kind == "nothing" else 96000) / 48000
    waves = {"noise": noise(96000)[:, 0], "tone": np.sin(at * 2 * np.pi * 1000)}
    with pytest.raises(UnreadableMedia, match="has no timecode"):
        decode_ltc(waves.get(kind, np.zeros(len(at))).astype(np.float32), 48000)


def test_on_a_track_of_a_long_recording(tmp_path: Path) -> None:
    """Longer than what is decoded at a time: labels over the seam are there once."""
    code = signal("10:00:00:00", 25 * 32, frame_rate=25)
    path = write_wav(tmp_path / "a.wav", np.stack([noise(len(code))[:, 0], code], 1))
    clip = md.Clip.open(path)
    ltc = md.read_ltc(clip, track=1)
    assert (np.diff(ltc.labels) == 1).all()
    assert len(ltc.labels) == 800
    assert len(md.read_ltc(clip, track=1, seconds=2.02).labels) == 50
    with pytest.raises(UnreadableMedia, match="no timecode on track 0"):
        md.read_ltc(clip, track=0, seconds=2)
    with pytest.raises(InvalidRequest, match="the clip has 2"):
        md.read_ltc(clip, track=2)
