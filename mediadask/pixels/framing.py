"""Framing: which part of a clip's picture lies where on a canvas, as plain data and in one resampling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mediadask.pixels.resample import Filter, Rectangle, place

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Framing"]


@dataclass(frozen=True)
class Framing:
    """Crop, desqueeze, scale and padding as one step. Plain data: hashable, picklable, JSON.

    Make it with `Framing.full`, or with `Framing.of_fdl` from an ASC FDL.
    """

    source: Rectangle
    """The part of the clip's picture that is kept, in its pixels as stored."""

    placed: Rectangle
    """Where that part lies on the canvas; its shape differs from `source` where pixels are desqueezed."""

    size: tuple[int, int]
    """(width, height) of the canvas in pixels; what lies outside `placed` is black, alpha too."""

    filter: Filter = "lanczos3"

    linear: bool = True
    """Whether scene light is resampled, which is what a lens would have mixed: the step then comes after the
    conversion to a linear color space. Otherwise it comes before any color step, on values as recorded."""

    @classmethod
    def full(cls, width: int, height: int) -> Framing:
        """The whole picture of a clip of that size, pixel by pixel."""
        whole = Rectangle(0, 0, width, height)
        return cls(whole, whole, (width, height))

    def apply(self, picture: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """The framed picture: (height, width, channels) float32, a view of planar memory.

        Parameters
        ----------
        picture
            (rows, columns, channels) of any real type, the clip's whole picture.
        """
        return place(picture, self.source, self.placed, self.size, self.filter)
