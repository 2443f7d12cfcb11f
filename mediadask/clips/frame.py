"""One picture as its decoder left it: planes, and what their numbers mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

__all__ = ["BadFrame", "ColorTags", "Frame", "PixelFormat"]


@dataclass(frozen=True)
class PixelFormat:
    """How the samples of a frame are laid out in its planes."""

    name: str
    """FFmpeg's name of it where FFmpeg has one: ``yuv422p10le``."""

    model: Literal["yuv", "rgb", "gray", "bayer"]
    """What the planes are: Y, Cb, Cr; R, G, B; Y; or one mosaic."""

    bits: int
    """Significant bits of a sample, in the low end of `dtype`: 10 of ``uint16``; 16 or 32 for floats."""

    dtype: Literal["uint8", "uint16", "float16", "float32"]

    chroma: tuple[int, int] = (1, 1)
    """How many luma columns and rows share a chroma sample: (2, 2) is 4:2:0, (2, 1) is 4:2:2."""

    alpha: bool = False
    """Whether a plane of coverage follows the others, full size and full range."""

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels of the picture that it becomes: R, G, B and A, or only Y for gray and mosaics."""
        color = ("R", "G", "B") if self.model in ("yuv", "rgb") else ("Y",)
        return (*color, "A") if self.alpha else color

    @property
    def is_float(self) -> bool:
        """Whether samples are scene or display values (1.0 = reference white), not codes."""
        return self.dtype.startswith("float")

    def plane_shapes(self, height: int, width: int) -> tuple[tuple[int, int], ...]:
        """(rows, columns) of each plane, chroma rounded up at odd sizes."""
        full = (height, width)
        if self.model == "yuv":
            x, y = self.chroma
            half = (-(-height // y), -(-width // x))
            shapes: tuple[tuple[int, int], ...] = (full, half, half)
        else:
            shapes = (full,) * (3 if self.model == "rgb" else 1)
        return (*shapes, full) if self.alpha else shapes

    def frame_bytes(self, height: int, width: int) -> int:
        """Bytes of all planes of a frame."""
        shapes = self.plane_shapes(height, width)
        return sum(rows * columns for rows, columns in shapes) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class ColorTags:
    """What the container and codec say of color, in FFmpeg's words; None where they say nothing."""

    matrix: str | None = None
    """``bt709``, ``smpte170m``, ``bt2020nc``, …"""

    range: Literal["limited", "full"] | None = None

    primaries: str | None = None

    transfer: str | None = None

    chroma_location: str | None = None
    """``left``, ``center``, ``topleft``: where chroma samples sit between luma samples."""

    chromaticities: tuple[float, ...] | None = None
    """x and y of red, green, blue and white, where the file gives them and `primaries` has no name."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One decoded frame. Its arrays are read-only views of the decoder's memory: copy what you keep long."""

    number: int
    """0-based, in presentation order."""

    planes: tuple[npt.NDArray[Any], ...]
    """2-D each, in the order Y, Cb, Cr or R, G, B or Y, then alpha; shapes are `PixelFormat.plane_shapes`."""

    format: PixelFormat

    color: ColorTags

    valid: bool = True
    """False where the picture stands in for one that does not decode."""

    @property
    def height(self) -> int:
        """Rows of the full-size planes."""
        return int(self.planes[0].shape[0])

    @property
    def width(self) -> int:
        """Columns of the full-size planes."""
        return int(self.planes[0].shape[1])

    @property
    def nbytes(self) -> int:
        """Bytes of all planes."""
        return sum(plane.nbytes for plane in self.planes)

    @classmethod
    def black(cls, number: int, height: int, width: int, format: PixelFormat, color: ColorTags) -> Frame:
        """A black, opaque, invalid frame."""
        luma, chroma, opaque = 0, 0, (1 if format.is_float else (1 << format.bits) - 1)
        if format.model == "yuv":
            chroma = 1 << (format.bits - 1)
            luma = 0 if color.range == "full" else 16 << (format.bits - 8)
        values = [luma] + [chroma if format.model == "yuv" else luma] * 2 + [opaque]
        if format.model in ("gray", "bayer"):
            values = [luma, opaque]
        shapes = format.plane_shapes(height, width)
        planes = tuple(
            np.broadcast_to(np.asarray(value, format.dtype), shape)
            for value, shape in zip(values, shapes, strict=False)
        )
        return cls(number, planes, format, color, valid=False)


@dataclass(frozen=True)
class BadFrame:
    """What a reader yields in the place of a `Frame` that does not decode or is missing."""

    number: int
    reason: str
    """Lower case, without a full stop: ``file is missing``."""
