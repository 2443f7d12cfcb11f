"""Reference movies: the offline cut of a shot, in step with its plate frame by frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mediadask.clips import Clip
from mediadask.render.burnin import burn_in
from mediadask.render.picture import display_picture
from mediadask.render.recipe import fitted_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from mediadask.clips import Frame
    from mediadask.render.burnin import Corner

__all__ = ["Reference", "reference_picture"]

_BOX = (1920, 1080)
_AHEAD = 48
"""So many frames are decoded on rather than sought: about a GOP of an offline."""


@dataclass(frozen=True)
class Reference:
    """Which frames of an offline cut are shown beside a plate. Plain data."""

    clip: Clip
    frames: tuple[int | None, ...]
    """One for each frame of the plate; None where the cut does not show it, as in handles: black."""

    title: str

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its movie."""
        return fitted_size(self.clip, _BOX)


def reference_picture(reference: Reference) -> Callable[[int, str], npt.NDArray[np.float32]]:
    """A function from a row of `reference.frames`, and the number burnt in, to what is shown.

    Pictures are (height, width, 3) float32 R'G'B' as the offline has them, with the plate's name, the cut's
    timecode and the number in their corners. Rows are best asked for in order. Not thread-safe: one per
    thread.
    """
    clip, (width, height) = reference.clip, reference.size
    shown = display_picture(clip, (width, height), None)
    frames = _Cursor(clip)
    start = clip.header.timecode

    def picture(row: int, number: str) -> npt.NDArray[np.float32]:
        wanted = reference.frames[row]
        texts: dict[Corner, str] = {"top left": reference.title, "bottom right": number}
        if wanted is None:
            return burn_in(np.zeros((height, width, 3), np.float32), texts)
        if start is not None:
            from mediadask.timecode import Timecode

            texts["bottom left"] = str(Timecode.parse(start, clip.header.frame_rate) + wanted)
        return burn_in(shown(frames.get(wanted)).astype(np.float32) / np.float32(255), texts)

    return picture


class _Cursor:
    """Frames of a clip by number: those that follow each other are decoded once."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        self._frames: Iterator[Frame] | None = None
        self._last: Frame | None = None

    def get(self, number: int) -> Frame:
        """One frame; black where it does not decode."""
        if self._last is not None and self._last.number == number:
            return self._last
        at = -1 if self._last is None else self._last.number
        if self._frames is None or not at < number <= at + _AHEAD:
            self._frames = self._clip.frames(number, len(self._clip), on_corrupt="black", threads=1)
        for frame in self._frames:
            self._last = frame
            if frame.number == number:
                return frame
        raise AssertionError("frames are numbered without gaps")
