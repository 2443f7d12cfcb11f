"""Sound to picture: how near it comes over made takes with noise, drift and wrong labels."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import mediadask as md
from benchmarks.report import Row, at_most
from tests.sounds.takes import RATE, label, shoot, speech, write_camera, write_sound

if TYPE_CHECKING:
    from collections.abc import Iterator


def rows(quick: bool, rounds: int) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        takes = shoot(folder, 4 if quick else 33, seconds=12.0 if quick else 16.0)
        outcomes = md.sync([take.clip for take in takes], folder).compute().outcomes
        pairs = [(take, outcome.value) for take, outcome in zip(takes, outcomes, strict=True)]
        right = [
            (take, found) for take, found in pairs if found and take.sound and found.sound == str(take.sound)
        ]
        away = [abs(found.offset - take.offset) / RATE * 1e3 for take, found in right]
        case = f"{sum(take.sound is not None for take in takes)} takes, {len(takes)} clips"
        yield Row("sync", case, "farthest from the truth by waveform, ms", max(away), at_most(1))
        matched = sum(found is not None for _, found in pairs)
        yield Row("sync", case, "matched wrongly", matched - len(right), at_most(0))
        without = sum(take.sound is not None and found is None for take, found in pairs)
        yield Row("sync", case, "not matched that have a recording", without, at_most(0))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_sound(folder / "a.wav", speech(30, 1), 36_000)
        worst = 0.0
        for frame in range(2 if quick else 24):
            clip = write_camera(folder / f"{frame}.mov", None, label(36_000 + frame / 24), 24)
            (found,) = md.sync(clip, folder).compute().results
            worst = max(worst, abs(found.offset - frame * RATE / 24))
        yield Row("sync", "silent cameras", "farthest from timecode, samples", worst, at_most(1))
