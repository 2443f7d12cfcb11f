"""Linear timecode: the label of every frame as a sound, on a track of its own (SMPTE ST 12-1, 8 and 9).

A frame is 80 bits. Each begins with a change of the level, and a one has another change in its middle. The
last 16 bits are a word that no others make, which also tells which way the tape runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from mediadask.errors import InvalidRequest, UnreadableMedia
from mediadask.timecode import Timecode

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from mediadask.clips.clip import Clip

__all__ = ["Ltc", "decode_ltc", "read_ltc"]

_SYNC = np.array([0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1], np.int8)
_FRAME_BITS = 80
_FIELDS = ((48, 4, 56, 2), (32, 4, 40, 3), (16, 4, 24, 3), (0, 4, 8, 2))
"""Hours, minutes, seconds, frames: first bit and length of the units, then of the tens; lowest bit first."""

_DROP_BIT = 10
_BROKEN = -1
_NEAR = 2 * _FRAME_BITS  # edges, over which the speed is the same
_QUIET = 1e-3  # of full scale: below it there is no timecode
_RATES = (Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(30))
_SECONDS = 30


@dataclass(frozen=True, eq=False)
class Ltc:
    """The labels found on a track."""

    samples: npt.NDArray[np.float64]
    """(labels,) where the first bit of each begins, which is where its frame begins."""

    labels: npt.NDArray[np.int64]
    """(labels,) of each the frames since midnight, at `base` frames a second."""

    base: int
    """Frames that a second of timecode has: 24, 25 or 30."""

    drop: bool
    rate: int
    """The sound's samples a second."""

    @property
    def frames_per_second(self) -> float:
        """How fast the labels go by, in frames of `base` a second; below 0 where they run backwards."""
        slope: float = np.polyfit(self.samples - self.samples[0], self.labels - self.labels[0], 1)[0]
        return slope * self.rate

    @property
    def frame_rate(self) -> Fraction:
        """The rate at which labels were recorded: of the usual ones of `base` the nearest."""
        usual = [rate for rate in _RATES if round(rate) == self.base]
        if self.drop:
            return Fraction(30000, 1001)
        return min(usual, key=lambda rate: abs(abs(self.frames_per_second) - float(rate)))

    def frames_at(self, sample: float) -> float:
        """The label of a moment, in frames since midnight, from the line through all labels."""
        frames = self.frames_per_second / self.rate
        offset = np.median(self.labels - (self.samples - sample) * frames)
        return float(offset)

    def timecode_at(self, sample: float) -> Timecode:
        """The label of the frame that a sample is in."""
        # A frame begins at its label, within what noise does to an edge.
        frames = int(np.floor(self.frames_at(sample) + 0.01))
        return Timecode(0, self.base, self.drop) + frames


def read_ltc(clip: Clip, track: int, *, seconds: float | None = None) -> Ltc:
    """Read the timecode on a track of a clip's sound.

    Parameters
    ----------
    clip
        A sound recording, or a camera clip with sound.
    track
        0-based, counted through all sound streams, as `audio (sample, track)` of a dataset has them.
    seconds
        Only the first so many; None for all.

    Returns
    -------
    Ltc
        Every label with the sample that it begins at; ``timecode_at(sample)`` gives the label of any moment.
        Labels may run at any speed, and backwards.

    Raises
    ------
    InvalidRequest
        If there is no such track.
    UnreadableMedia
        If there is no timecode on it.

    Examples
    --------
    >>> ltc = md.read_ltc(md.Clip.open("12A_3.wav"), track=1)
    >>> str(ltc.timecode_at(0)), str(ltc.frame_rate)
    ('10:01:12:00', '24')
    """
    streams = clip.header.audio
    places = [
        (number, channel) for number, stream in enumerate(streams) for channel in range(stream.channels)
    ]
    if not 0 <= track < len(places):
        what = f"track {track} was asked for, the clip has {len(places)}"
        raise InvalidRequest(what, where=clip.url, do="count tracks from 0")
    number, channel = places[track]
    stream = streams[number]
    end = stream.samples - stream.start
    if seconds is not None:
        end = min(end, round(seconds * stream.rate))
    found: list[_Labels] = []
    step, overlap = _SECONDS * stream.rate, stream.rate
    for begin in range(0, end, step):
        wave = clip.audio(begin, min(begin + step + overlap, end), stream=number)[:, channel]
        part = _labels(wave, stream.rate)
        found.append(_Labels(part.samples + begin, part.frames, part.drop))
    try:
        return _joined(found, stream.rate)
    except UnreadableMedia as error:
        raise UnreadableMedia(f"{error.what} on track {track}", where=clip.url, do=error.do) from None


def decode_ltc(wave: npt.NDArray[np.float32], rate: int) -> Ltc:
    """Decode (samples,) of sound at `rate` samples a second.

    Raises
    ------
    UnreadableMedia
        If there is no timecode in it.
    """
    return _joined([_labels(wave, rate)], rate)


@dataclass(frozen=True, eq=False)
class _Labels:
    """Labels as they were read: fields, not yet frames, since the rate is known from all of them."""

    samples: npt.NDArray[np.float64]
    frames: npt.NDArray[np.int64]
    """(labels, 4): hours, minutes, seconds, frames."""

    drop: npt.NDArray[np.bool_]


def _labels(wave: npt.NDArray[np.float32], rate: int) -> _Labels:
    edges = _edges(np.asarray(wave, np.float64))
    if len(edges) < _FRAME_BITS:
        return _Labels(np.zeros(0), np.zeros((0, 4), np.int64), np.zeros(0, np.bool_))
    bits, times = _bits(edges)
    forward = list(_frames(bits, times))
    # Backwards the same edges make the same bits, in the other order.
    backward = list(_frames(bits[::-1], times[::-1]))
    best = max(forward, backward, key=len)
    if not best:
        return _Labels(np.zeros(0), np.zeros((0, 4), np.int64), np.zeros(0, np.bool_))
    samples, fields, drop = zip(*sorted(best), strict=True)
    return _Labels(np.array(samples), np.array(fields, np.int64), np.array(drop, np.bool_))


def _edges(wave: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Where the level changes, between samples: of a smoothed signal, so that noise makes no edges of its
    own."""
    if not len(wave):
        return wave
    wave = wave - np.percentile(wave, [5, 95]).mean()
    lengths = np.diff(_crossings(wave))
    if len(lengths) < _NEAR:
        return np.zeros(0)
    # A quarter of a bit where they are shortest: a longer mean would round off the middle of a one.
    ways = range(0, len(lengths) - _NEAR + 1, _NEAR)
    width = int(min(_bit_length(lengths[way : way + _NEAR]) for way in ways) / 4)
    if width < 2:
        return _crossings(wave)
    smooth = np.convolve(wave, np.ones(width) / width, "same")
    return _crossings(smooth) - (0 if width % 2 else 0.5)


def _crossings(wave: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Zero crossings between a clear high and a clear low, in samples."""
    level = np.percentile(np.abs(wave), 75) if len(wave) else 0.0
    if level < _QUIET:
        return np.zeros(0)
    state = np.where(wave > level * 0.4, 1, np.where(wave < -level * 0.4, -1, 0))
    known = np.flatnonzero(state)
    turns = known[1:][np.diff(state[known]) != 0]
    signs = np.flatnonzero(np.diff(np.signbit(wave)))
    last = signs[np.searchsorted(signs, turns, side="left") - 1]
    before, after = wave[last], wave[last + 1]
    crossings: npt.NDArray[np.float64] = last + before / (before - after)
    return crossings


def _bit_length(lengths: npt.NDArray[np.float64]) -> float:
    """Samples of a bit: most of what is longest between edges, since every label has zeros."""
    return float(np.percentile(lengths, 85))


def _bits(edges: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float64]]:
    """Bits, -1 where the signal makes none; and (bits + 1,) where each begins and the last one ends.

    The length of a bit is followed as it changes: tapes are shuttled.
    """
    lengths = np.diff(edges).tolist()
    bit = _bit_length(np.asarray(lengths[:_NEAR]))
    bits: list[int] = []
    begins: list[float] = []
    at, misses = 0, 0
    while at < len(lengths):
        begins.append(float(edges[at]))
        length = lengths[at]
        pair = length + lengths[at + 1] if at + 1 < len(lengths) else 0.0
        if 0.75 * bit < length < 1.4 * bit:
            bits.append(0)
            bit += 0.2 * (length - bit)
            at += 1
        elif length < 0.75 * bit and 0.75 * bit < pair < 1.4 * bit:
            bits.append(1)
            bit += 0.2 * (pair - bit)
            at += 2
        else:
            bits.append(_BROKEN)
            at += 1
            misses += 1
            if misses % 16 == 0 and at + 8 < len(lengths):  # the speed has jumped
                bit = _bit_length(np.asarray(lengths[at : at + _NEAR]))
    begins.append(float(edges[min(at, len(edges) - 1)]))
    return np.array(bits, np.int8), np.array(begins)


def _frames(
    bits: npt.NDArray[np.int8], times: npt.NDArray[np.float64]
) -> Iterator[tuple[float, tuple[int, ...], bool]]:
    """Where each label's first bit begins, its fields, and whether it is drop-frame."""
    if len(bits) < _FRAME_BITS:
        return
    windows = np.lib.stride_tricks.sliding_window_view(bits, len(_SYNC))
    for end in np.flatnonzero((windows == _SYNC).all(axis=1)):
        begin = end + len(_SYNC) - _FRAME_BITS
        frame = bits[max(begin, 0) : begin + _FRAME_BITS]
        if begin < 0 or (frame == _BROKEN).any():
            continue
        fields = tuple(
            _number(frame, units, count) + 10 * _number(frame, tens, more)
            for units, count, tens, more in _FIELDS
        )
        digits = (_number(frame, units, count) for units, count, _, _ in _FIELDS)
        hours, minutes, seconds, number = fields
        if hours < 24 and minutes < 60 and seconds < 60 and number < 30 and max(digits) < 10:
            yield float(times[begin]), fields, bool(frame[_DROP_BIT])


def _number(bits: npt.NDArray[np.int8], first: int, count: int) -> int:
    return sum(int(bits[first + place]) << place for place in range(count))


def _joined(parts: list[_Labels], rate: int) -> Ltc:
    """All labels of a track, those alone that follow one another."""
    samples = np.concatenate([part.samples for part in parts])
    fields = np.concatenate([part.frames for part in parts])
    drop = np.concatenate([part.drop for part in parts])
    samples, first = np.unique(np.round(samples, 1), return_index=True)
    fields, drop = fields[first], drop[first]
    nothing = UnreadableMedia("has no timecode", do="check which track has it")
    if len(samples) < 2:
        raise nothing
    is_drop = bool(np.median(drop))
    base = 30 if is_drop else _base(samples, fields, rate)
    seconds = (fields[:, 0] * 60 + fields[:, 1]) * 60 + fields[:, 2]
    labels = seconds * base + fields[:, 3]
    if is_drop:
        minutes = fields[:, 0] * 60 + fields[:, 1]
        labels -= 2 * (minutes - minutes // 10)
    day = Timecode(0, base, is_drop).frames_per_day
    # Past midnight they go on counting, or below it.
    labels = labels[0] + np.cumsum(np.append(0, (np.diff(labels) + day // 2) % day - day // 2))
    step = np.abs(np.diff(labels)) == 1
    follows = np.append(step, False) | np.append(False, step)
    if not follows.any():
        raise nothing
    return Ltc(samples[follows], labels[follows], base, is_drop, rate)


def _base(samples: npt.NDArray[np.float64], fields: npt.NDArray[np.int64], rate: int) -> int:
    """Frames a second: the highest number and one more where labels reach the end of a second, else what
    their speed comes nearest to."""
    highest = int(fields[:, 3].max())
    turns = np.flatnonzero(np.diff(fields[:, 2]) % 60 != 0)
    ends = [max(fields[row, 3], fields[row + 1, 3]) for row in turns if 0 in fields[row : row + 2, 3]]
    whole = [int(end) + 1 for end in ends if int(end) + 1 in (24, 25, 30)]
    if whole:
        return max(set(whole), key=whole.count)
    speed = rate / float(np.median(np.diff(samples)))
    return min((base for base in (24, 25, 30) if base > highest), key=lambda base: abs(base - speed))
