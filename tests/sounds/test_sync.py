"""Each clip gets its own sound, at the right sample, or none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

import mediadask as md
from mediadask.clips import Clip
from mediadask.errors import InvalidRequest, MissingMedia
from tests.clips.ltc_signal import signal
from tests.clips.wav_files import write_wav
from tests.sounds.takes import FPS, RATE, Take, heard, label, shoot, speech, write_camera, write_sound

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Command


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> list[Take]:
    return shoot(tmp_path_factory.mktemp("day"), 4, seconds=12.0, alone=4)


def test_a_days_takes(day: list[Take]) -> None:
    report = md.sync([take.clip for take in day], day[0].clip.parent).compute()
    for take, outcome in zip(day, report.outcomes, strict=True):
        if take.sound is None:
            assert outcome.failure, outcome.value
            continue
        assert outcome.failure is None, outcome.failure
        assert outcome.value.sound == str(take.sound)
        assert abs(outcome.value.offset - take.offset) <= RATE / 1000
        if outcome.value.drift_ppm is not None:  # of some the pieces reach too short a way
            assert outcome.value.drift_ppm == pytest.approx(take.drift_ppm, abs=20)
    wrong = report.outcomes[1].value
    assert wrong.by == "waveform"
    assert "timecode is" in wrong.note
    assert report.outcomes[0].value.by == "timecode and waveform"


@pytest.mark.parametrize("into", [-1.0, 0.0, 2.5])
def test_a_silent_camera_goes_by_timecode_to_the_sample(into: float, tmp_path: Path) -> None:
    clip = write_camera(tmp_path / "a.mov", None, label(36_000 + into), 72)
    sound = write_sound(tmp_path / "a.wav", speech(6, 1), 36_000)
    (found,) = md.sync(clip, sound).compute().results
    assert (found.by, found.offset, found.timecode_offset) == ("timecode", into * RATE, into * RATE)
    assert ("covers" in found.note) == (into < 0)


def test_timecode_on_a_track_counts_like_a_recorders(tmp_path: Path) -> None:
    clip = write_camera(tmp_path / "a.mov", None, "10:00:01:00", 48)
    code = signal("10:00:00:00", 24 * 5, frame_rate=24, offset=400)
    sound = write_wav(tmp_path / "a.wav", np.stack([speech(len(code) / RATE, 3)[: len(code)], code], 1))
    (found,) = md.sync(clip, sound).compute().results
    assert abs(found.offset - (400 + RATE)) <= 1


def test_a_clock_that_was_pulled_down_is_told(tmp_path: Path) -> None:
    wave = speech(30, 5)
    camera = heard(wave, 2 * RATE, 24, drift_ppm=1000, snr_db=10, seed=1)
    clip = write_camera(tmp_path / "a.mov", camera, label(36_002), 24 * FPS)
    (found,) = md.sync(clip, write_sound(tmp_path / "a.wav", wave, 36_000)).compute().results
    assert abs(found.offset - 2 * RATE) <= RATE / 1000
    assert found.drift_ppm == pytest.approx(1000, abs=10)
    assert "clock runs 1000 ppm fast" in found.note


def test_what_the_camera_did_not_hear_is_not_laid_under_it(tmp_path: Path) -> None:
    clip = write_camera(tmp_path / "a.mov", speech(10, 7), label(36_002), 10 * FPS)
    sound = write_sound(tmp_path / "a.wav", speech(20, 8), 36_000)
    report = md.sync(clip, sound).compute()
    line = report.failures[0].failure.error
    assert "timecode points at a.wav, but the camera has heard something else" in line
    assert "\n" not in line
    (found,) = md.sync(clip, sound, by="timecode").compute().results
    assert found.offset == 2 * RATE


def test_a_recording_that_cannot_be_read_stops_no_other(tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_bytes(b"RIFF no")
    clip = write_camera(tmp_path / "a.mov", None, label(36_001), 24)
    write_sound(tmp_path / "good.wav", speech(4, 1), 36_000)
    (found,) = md.sync(clip, tmp_path).compute().results
    assert found.sound.endswith("good.wav")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingMedia, match="holds no sound"):
        md.sync(clip, tmp_path / "empty")
    with pytest.raises(InvalidRequest, match="by is"):
        md.sync(clip, tmp_path, by="ear")  # type: ignore[arg-type]


def test_a_proxy_has_the_recording_under_it(day: list[Take], tmp_path: Path) -> None:
    take = day[0]
    assert take.sound is not None
    matched = md.sync(take.clip, take.sound).compute()
    options = {"codec": "prores", "sound": matched.results}
    (made,) = md.proxy(take.clip, tmp_path, **options).compute().results
    proxy, sound = Clip.open(made.url), Clip.open(take.sound)
    offset = matched.results[0].offset
    length = 5 * RATE
    np.testing.assert_allclose(proxy.audio(0, length), sound.audio(offset, offset + length), atol=1e-6)


def test_the_commands(day: list[Take], tmp_path: Path, mediadask: Command) -> None:
    take, lonely = day[0], day[3]
    shown = mediadask("sync", take.clip, lonely.clip, "--sound", take.sound, "--json")
    assert shown.returncode == 1
    (found,) = json.loads(shown.stdout)
    assert found["clip"] == str(take.clip)
    assert "has no certain sound" in shown.stderr
    table = mediadask("sync", take.clip, "--sound", take.sound)
    assert table.returncode == 0
    assert "timecode and waveform" in table.stdout
    made = mediadask("proxy", take.clip, "--sound", take.sound, "--out", tmp_path, "--codec", "prores")
    assert made.returncode == 0, made.stderr
    assert Clip.open(tmp_path / f"{take.clip.stem}.mov").header.audio[0].channels == 2
