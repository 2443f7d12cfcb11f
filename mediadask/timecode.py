"""Timecode: frame counts as ``HH:MM:SS:FF``, non-drop and drop-frame (SMPTE ST 12-1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from mediadask.errors import InvalidRequest

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["HIGHEST_RATE", "Timecode"]

HIGHEST_RATE = 1000
"""Frames a second. A file that says more is damaged: faster cameras write files that play at 24 to 120."""

_FORM = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})([:;.,])(\d{2,3})")
_PACKED = ((24, 0x3F), (16, 0x7F), (8, 0x7F), (0, 0x3F))
"""Where hours, minutes, seconds and frames are in packed timecode: shift and mask."""


@dataclass(frozen=True)
class Timecode:
    """A frame of a day: `frames` counted since midnight, in a count of `base` frames a second."""

    frames: int
    """Frames since 00:00:00:00; counts go round at 24 hours."""

    base: int
    """Frames a timecode second has: the frame rate rounded up (24 for 24000/1001)."""

    drop: bool = False
    """Drop-frame: two labels a minute (four at base 60) are skipped, but for every tenth minute."""

    def __post_init__(self) -> None:
        if not 0 < self.base <= HIGHEST_RATE:
            raise InvalidRequest(
                f"timecode at {self.base} frames a second", do=f"give a frame rate of 1 to {HIGHEST_RATE}"
            )
        if self.drop and self.base % 30:
            raise InvalidRequest(
                f"drop-frame timecode at {self.base} frames a second",
                do="drop-frame exists at 29.97, 59.94 and 119.88 only",
            )

    @classmethod
    def parse(cls, text: str, rate: Fraction | float) -> Timecode:
        """Read ``HH:MM:SS:FF``, or ``HH:MM:SS;FF`` for drop-frame, at a frame `rate`.

        Raises
        ------
        InvalidRequest
            If the text is not a timecode, or names a label that does not exist at that rate.
        """
        match = _FORM.fullmatch(text.strip())
        if not match:
            raise InvalidRequest(
                f"{text!r} is not a timecode", do="write HH:MM:SS:FF, or HH:MM:SS;FF for drop-frame"
            )
        hours, minutes, seconds, units = (int(match[i]) for i in (1, 2, 3, 5))
        base, drop = round(rate), match[4] in ";,"
        code = cls(0, base, drop)
        if minutes > 59 or seconds > 59 or units >= base:
            raise InvalidRequest(f"{text!r} does not exist at {base} frames a second")
        skipped = base // 15
        if drop and seconds == 0 and units < skipped and minutes % 10:
            raise InvalidRequest(
                f"{text!r} does not exist: drop-frame skips it", do=f"the next one is {text[:-2]}{skipped:02}"
            )
        count = ((hours * 60 + minutes) * 60 + seconds) * base + units
        if drop:
            count -= skipped * (hours * 60 + minutes - (hours * 60 + minutes) // 10)
        return cls(count % code.frames_per_day, base, drop)

    @classmethod
    def unpacked(cls, bits: int, rate: Fraction | float) -> Timecode:
        """What `packed` has made. Above 39 frames a second, frame fields that are no pairs are frames.

        Raises
        ------
        InvalidRequest
            If the bits are no timecode, or a label that does not exist at that rate.
        """
        base = round(rate)
        if base < 1:
            raise InvalidRequest(f"timecode at {rate} frames a second", do="give a rate of 1 or more")
        hours, minutes, seconds, frame = (f"{bits >> at & mask:02x}" for at, mask in _PACKED)
        if hours.isdecimal() and int(hours) > 23:
            raise InvalidRequest(f"{hours} hours in a timecode", do="write hours of 00 to 23")
        group = _group(base)
        if group > 1 and frame.isdecimal() and int(frame) < base // group:
            frame = f"{int(frame) * group + (bits >> 15 & 1) * (group // 2):02}"
        mark = ";" if bits & 0x40 and base % 30 == 0 else ":"
        return cls.parse(f"{hours}:{minutes}:{seconds}{mark}{frame}", rate)

    @property
    def packed(self) -> int:
        """Binary coded decimal of 32 bits (SMPTE ST 12-1), as EXR and DPX headers hold it.

        Bit 6 is the drop-frame flag, bit 15 the second frame of a pair.
        """
        *fields, second = self.fields
        bits = sum(int(str(field), 16) << at for field, (at, _) in zip(fields, _PACKED, strict=True))
        return bits | self.drop << 6 | second << 15

    @property
    def fields(self) -> tuple[int, int, int, int, int]:
        """Hours, minutes, seconds, frame, and whether it is of the second half of a pair or group.

        There is no room for more than 39 frames a second: above that they count in pairs (ST 12-1, 12), and
        above 60 in the larger groups of ST 12-3, of which there are 30 a second at most.
        """
        hours, minutes, seconds, frame = map(int, str(self).replace(";", ":").split(":"))
        group = _group(self.base)
        return hours, minutes, seconds, frame // group, int(frame % group * 2 >= group > 1)

    @property
    def frames_per_day(self) -> int:
        """How many labels 24 hours have."""
        return 24 * 3600 * self.base - (self.base // 15 * 24 * 54 if self.drop else 0)

    def __add__(self, frames: int) -> Timecode:
        return Timecode((self.frames + frames) % self.frames_per_day, self.base, self.drop)

    def __str__(self) -> str:
        return str(self.labels(np.zeros(1, np.int64))[0])

    def labels(self, offsets: npt.ArrayLike) -> npt.NDArray[Any]:
        """Labels of the frames `offsets` after this one: same shape, ``<U11`` (``<U12`` above base 100)."""
        count = (self.frames + np.asarray(offsets, np.int64)) % self.frames_per_day
        if self.drop:
            # Put the skipped labels back: 9 of every 10 minutes are `skipped` labels short.
            skipped = self.base // 15
            ten_minutes, rest = np.divmod(count, 600 * self.base - 9 * skipped)
            minutes = np.maximum(rest - skipped, 0) // (60 * self.base - skipped)
            count = count + skipped * (9 * ten_minutes + minutes)
        seconds, units = np.divmod(count, self.base)
        minutes, seconds = np.divmod(seconds, 60)
        hours, minutes = np.divmod(minutes, 60)
        width = max(len(str(self.base - 1)), 2)
        # Written as code points, not by formatting: a long clip has a hundred thousand labels.
        text = np.full((*count.shape, 9 + width), ord(":"), np.uint32)
        for column, value in ((0, hours), (3, minutes), (6, seconds)):
            text[..., column] = value // 10 + ord("0")
            text[..., column + 1] = value % 10 + ord("0")
        for digit in range(width):
            text[..., 9 + digit] = units // 10 ** (width - 1 - digit) % 10 + ord("0")
        if self.drop:
            text[..., 8] = ord(";")
        return text.view(f"<U{9 + width}")[..., 0]


def _group(base: int) -> int:
    """How many frames one number of packed timecode stands for: the fewest that leave whole numbers, of which
    there are 30 a second at most."""
    return 1 if base <= 39 else base // max(count for count in range(1, 31) if base % count == 0)
