"""A clip's sound made ready for comparing: one track, of the frequencies of speech, evened out."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from mediadask.clips.clip import reopen
from mediadask.clips.ltc import read_ltc
from mediadask.errors import UnreadableMedia

if TYPE_CHECKING:
    import numpy.typing as npt

    from mediadask.clips import Clip
    from mediadask.clips.ltc import Ltc

__all__ = ["RATE", "listen", "timecode_tracks"]

RATE = 8000
"""Samples a second of what is compared."""

_BAND_HZ = (150, 3600)
_BLOCK_SECONDS, _MARGIN_SECONDS = 30, 1
_SPECTRUM_SMOOTH_HZ = 80
_LEVEL_SECONDS = 0.05
_QUIET = 3e-4  # -70 dB of full scale: a camera's own noise, and nothing else
_LTC_SECONDS = 4.0


def listen(clip: Clip) -> npt.NDArray[np.float32] | None:
    """(samples,) at `RATE` from the clip's first frame, or a recording's first sample, on; None for silence.

    Every frequency and every moment counts alike, so that neither a room nor one loud bang decides. Tracks
    with timecode are left out: they are alike in all takes.
    """
    return _listen(clip.url, clip.identity)


@lru_cache(maxsize=24)
def timecode_tracks(url: str, identity: str) -> dict[int, Ltc]:
    """Tracks of a clip's sound that have timecode, by their number."""
    clip = reopen(url, identity)
    found = {}
    for track in range(sum(stream.channels for stream in clip.header.audio)):
        try:
            found[track] = read_ltc(clip, track, seconds=_LTC_SECONDS)
        except UnreadableMedia:
            continue
    return found


@lru_cache(maxsize=24)
def _listen(url: str, identity: str) -> npt.NDArray[np.float32] | None:
    clip = reopen(url, identity)
    if not clip.header.audio:
        return None
    skip = timecode_tracks(url, identity)
    streams = list(enumerate(clip.header.audio))
    seconds = max((stream.samples - stream.start) / stream.rate for _, stream in streams)
    mix = np.zeros(max(int(seconds * RATE), 0), np.float32)
    first = 0
    for number, stream in streams:
        channels = [n for n in range(stream.channels) if first + n not in skip]
        first += stream.channels
        for begin in range(0, len(mix), _BLOCK_SECONDS * RATE) if channels else ():
            part = _resampled(clip, number, channels, begin // RATE)
            mix[begin : begin + len(part)] += part[: len(mix) - begin]
    if not len(mix) or np.sqrt(np.mean(np.square(mix))) < _QUIET:
        return None
    return _evened(mix)


def _resampled(clip: Clip, stream: int, channels: list[int], begin: int) -> npt.NDArray[np.float32]:
    """A block of some channels' sum from the whole second `begin` on, at `RATE`, by its spectrum."""
    rate = clip.header.audio[stream].rate
    start, seconds = begin - _MARGIN_SECONDS, _BLOCK_SECONDS + 2 * _MARGIN_SECONDS
    wave = clip.audio(start * rate, (start + seconds) * rate, stream=stream)[:, channels].sum(axis=1)
    spectrum = np.fft.rfft(wave)
    wanted = np.zeros(seconds * RATE // 2 + 1, complex)
    common = min(len(wanted), len(spectrum))
    wanted[:common] = spectrum[:common]
    block = np.fft.irfft(wanted, seconds * RATE) * (RATE / rate)
    inner: npt.NDArray[np.float32] = block[_MARGIN_SECONDS * RATE : -_MARGIN_SECONDS * RATE].astype(
        np.float32
    )
    return inner


def _evened(mix: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    out = np.empty_like(mix)
    block = 1 << 19
    # The last block takes what would be too short to have a spectrum.
    edges = [*range(0, max(len(mix) - block // 2, 1), block), len(mix)]
    for start, stop in pairwise(edges):
        spectrum = np.fft.rfft(mix[start:stop])
        hz = np.arange(len(spectrum)) * RATE / (stop - start)
        level = _mean(np.abs(spectrum), max(int(_SPECTRUM_SMOOTH_HZ * (stop - start) / RATE), 1))
        inside = (hz > _BAND_HZ[0]) & (hz < _BAND_HZ[1])
        spectrum = np.where(inside, spectrum / (level + 1e-9), 0)
        out[start:stop] = np.fft.irfft(spectrum, stop - start)
    level = np.sqrt(_mean(np.square(out, dtype=np.float64), int(_LEVEL_SECONDS * RATE)))
    evened: npt.NDArray[np.float32] = (out / (level + 0.05 * level.mean() + 1e-12)).astype(np.float32)
    return evened


def _mean(values: npt.NDArray[np.float64], width: int) -> npt.NDArray[np.float64]:
    """The running mean over about `width` values, as many as there are at the ends."""
    half = width // 2
    total = np.concatenate([[0.0], np.cumsum(values)])
    low = np.maximum(np.arange(len(values)) - half, 0)
    high = np.minimum(np.arange(len(values)) + half + 1, len(values))
    mean: npt.NDArray[np.float64] = (total[high] - total[low]) / (high - low)
    return np.maximum(mean, 0)
