"""Linear timecode as a sound, after SMPTE ST 12-1: what tests of its decoder listen to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mediadask.timecode import Timecode

if TYPE_CHECKING:
    import numpy.typing as npt

_SYNC = "0011111111111101"
_FINER = 8  # levels are made at so many times the rate, and averaged


def frame_bits(code: Timecode, user: int = 0) -> list[int]:
    """The 80 bits of a label; `user` is a word of 32 bits for the user's groups."""
    hours, minutes, seconds, frames, _ = code.fields
    bits = [0] * 64

    def put(first: int, count: int, value: int) -> None:
        for place in range(count):
            bits[first + place] = value >> place & 1

    for units, tens, width, value in (
        (0, 8, 2, frames),
        (16, 24, 3, seconds),
        (32, 40, 3, minutes),
        (48, 56, 2, hours),
    ):
        put(units, 4, value % 10)
        put(tens, width, value // 10)
    bits[10] = int(code.drop)
    for group in range(8):
        put(4 + 8 * group, 4, user >> 4 * group & 15)
    whole = [*bits, *map(int, _SYNC)]
    if whole.count(0) % 2:  # so that each frame begins with the same change (9.2.3)
        whole[59 if code.base == 25 else 27] ^= 1
    return whole


def signal(
    start: str,
    frames: int,
    *,
    frame_rate: float,
    rate: int = 48000,
    speed: float | npt.NDArray[np.float64] = 1.0,
    offset: float = 400.0,
    user: int = 0,
) -> npt.NDArray[np.float32]:
    """(samples,) ±0.5: the labels of `frames` frames from `start`, the first of which begins at `offset`.

    The tape runs before and after: the label before is there in part, and some of the one after.
    A `speed` below 0 plays labels backwards, from the last one; an array has one for each frame.
    """
    first = Timecode.parse(start, frame_rate)
    bits = np.array([frame_bits(first + number, user) for number in range(-1, frames + 1)]).ravel()
    speeds = np.repeat(np.pad(np.broadcast_to(np.abs(speed), frames), 1, "edge"), 160)
    halves = rate / frame_rate / 160 / speeds  # samples of half a bit
    # A change at the beginning of each bit, and in the middle of a one.
    changes = np.ones(2 * len(bits), np.int64)
    changes[1::2] = bits
    levels = np.where(np.cumsum(changes) % 2, 0.5, -0.5)
    if np.min(speed) < 0:
        levels, halves = levels[::-1], halves[::-1]
    ends = offset + np.cumsum(halves) - halves[:160].sum()
    samples = int(np.ceil(ends[-1])) + 8
    at = (np.arange(samples * _FINER) + 0.5) / _FINER - 0.5
    which = np.searchsorted(ends, at, side="right")
    fine = np.where(which < len(levels), levels[np.minimum(which, len(levels) - 1)], 0.0)
    return fine.reshape(samples, _FINER).mean(axis=1).astype(np.float32)
