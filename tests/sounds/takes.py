"""Made takes: a recorder's sound, and a camera that has heard it through a room, with its own clock."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np

from mediadask.timecode import Timecode
from tests.clips.wav_files import bext, ixml, write_wav

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

RATE, FPS = 48000, 24


@dataclass(frozen=True)
class Take:
    """One take of a shoot, and what is true of it."""

    clip: Path
    sound: Path | None
    offset: float
    """The sample of the recording at the clip's first frame."""

    drift_ppm: float


def speech(seconds: float, seed: int) -> npt.NDArray[np.float32]:
    """(samples,) of syllables and pauses: noise of a voice's frequencies, which rises and falls."""
    random = np.random.default_rng(seed)
    count = int(seconds * RATE)
    spectrum = np.fft.rfft(random.normal(size=count))
    hz = np.arange(len(spectrum)) * RATE / count
    spectrum *= (hz > 100) * np.exp(-hz / 1200)
    wave = np.fft.irfft(spectrum, count)
    steps = np.repeat(random.uniform(0, 1, int(seconds * 5) + 2) ** 2, RATE // 5)[:count]
    level = np.convolve(steps, np.ones(2400) / 2400, "same")
    wave = wave * (0.02 + level)
    return (wave / np.abs(wave).max() * 0.5).astype(np.float32)


def heard(
    sound: npt.NDArray[np.float32],
    begin: float,
    seconds: float,
    *,
    drift_ppm: float,
    snr_db: float,
    seed: int,
) -> npt.NDArray[np.float32]:
    """What a camera records of it from a sample on: a room's echoes, less treble, noise of its own."""
    random = np.random.default_rng([seed, 1])  # its own noise, which no recording has
    at = begin + np.arange(int(seconds * RATE)) * (1 + drift_ppm * 1e-6)
    wave = np.interp(at, np.arange(len(sound)), sound, left=0, right=0)
    echoes = sum(np.roll(wave, int(random.uniform(200, 2500))) * random.uniform(0.1, 0.4) for _ in range(4))
    wave = wave + echoes
    noise = random.normal(size=len(wave))
    noise *= np.sqrt(np.mean(wave**2) / np.mean(noise**2)) * 10 ** (-snr_db / 20)
    return ((wave + noise) * 0.2).astype(np.float32)


def write_camera(path: Path, wave: npt.NDArray[np.float32] | None, timecode: str | None, frames: int) -> Path:
    """A MOV of one picture shown again and again, with a mono track."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("mjpeg", rate=FPS)
        video.width, video.height, video.pix_fmt = 64, 36, "yuvj420p"
        if timecode:
            video.metadata["timecode"] = timecode
        audio = container.add_stream("pcm_s16le", rate=RATE, layout="mono") if wave is not None else None
        picture = av.VideoFrame.from_ndarray(np.full((36, 64, 3), 90, np.uint8)).reformat(format="yuvj420p")
        picture.pts, picture.time_base = 0, Fraction(1, FPS)
        data = bytes([*video.encode(picture), *video.encode(None)][0])
        for number in range(frames):
            packet = av.Packet(data)
            packet.stream, packet.time_base = video, Fraction(1, FPS)
            packet.pts = packet.dts = number
            packet.duration, packet.is_keyframe = 1, True
            container.mux(packet)
        if audio is not None and wave is not None:
            codes = (np.clip(wave, -1, 1) * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(codes[None], "s16", "mono")
            frame.sample_rate = RATE
            container.mux(audio.encode(frame))
            container.mux(audio.encode(None))
    return path


def label(seconds: float) -> str:
    return str(Timecode(round(seconds * FPS), FPS))


def write_sound(path: Path, wave: npt.NDArray[np.float32], start_seconds: float) -> Path:
    notes = ((b"bext", bext(round(start_seconds * RATE))), (b"iXML", ixml(f"{FPS}/1")))
    return write_wav(path, np.stack([wave, wave * np.float32(0.5)], 1), notes=notes)


def shoot(folder: Path, count: int, *, seconds: float = 16.0, seed: int = 0, alone: int = 10) -> list[Take]:
    """Takes of a day: noise from 10 dB below the sound to 6 dB above it, clocks up to 40 ppm apart; every
    third label wrong, and of every `alone` clips the last with no recording of its own."""
    takes = []
    for number in range(count):
        random = np.random.default_rng([seed, number])
        wave = speech(seconds + 8, 1000 * seed + number)
        start = 36_000 + number * 60.0  # a minute apart
        into = round(random.uniform(1, 4) * FPS) / FPS
        drift, snr = random.uniform(-40, 40), random.uniform(-6, 10)
        camera = heard(wave, into * RATE, seconds, drift_ppm=drift, snr_db=snr, seed=number)
        wrong = random.choice([-3600.0, -60.0, 3.5, 60.0, 1800.0]) if number % 3 == 1 else 0.0
        clip = write_camera(
            folder / f"A001C{number:03}.mov", camera, label(start + into + wrong), round(seconds * FPS)
        )
        sound = (
            None if number % alone == alone - 1 else write_sound(folder / f"T{number:03}.wav", wave, start)
        )
        takes.append(Take(clip, sound, into * RATE, drift))
    return takes
