"""A color step, by OpenColorIO: a look-up table file, or a conversion between color spaces of a config."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import PyOpenColorIO as ocio

from mediadask.clips.storage import normalize, open_file
from mediadask.errors import InvalidRequest, MediaChanged, UnreadableMedia
from mediadask.pixels.kernels import interleave

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Color"]

_DEPTHS = {
    "uint8": ocio.BIT_DEPTH_UINT8,
    "uint16": ocio.BIT_DEPTH_UINT16,
    "float16": ocio.BIT_DEPTH_F16,
    "float32": ocio.BIT_DEPTH_F32,
}


@dataclass(frozen=True)
class Color:
    """One color step as plain data: hashable, picklable, and it knows when its file is another one.

    Make it with `Color.lut` or `Color.convert`.
    """

    url: str
    """The LUT or config file; ``ocio://…`` for a config built into OpenColorIO."""

    digest: str
    """Of the file's content; empty for a built-in config, whose name pins it."""

    spaces: tuple[str, str] | None = None
    """From and to, by the config's names; None for a LUT."""

    @classmethod
    def lut(cls, url: str | os.PathLike[str]) -> Color:
        """The table in a .cube, .3dl, .clf, .spi1d or any other file OpenColorIO reads.

        Raises
        ------
        MissingMedia
            If there is no such file.
        UnreadableMedia
            If it is not a LUT.
        """
        color = cls(normalize(url), _digest(normalize(url)))
        _processor(color)
        return color

    @classmethod
    def convert(cls, source: str, target: str, config: str | os.PathLike[str] = "ocio://default") -> Color:
        """From one color space of a config to another; a config is a file, or ``ocio://`` and a name.

        Raises
        ------
        MissingMedia
            If there is no such config file.
        InvalidRequest
            If the config has no such color space.
        """
        url = os.fspath(config)
        builtin = url.startswith("ocio://")
        url = url if builtin else normalize(url)
        color = cls(url, "" if builtin else _digest(url), (source, target))
        _processor(color)
        return color

    def apply(self, rgb: npt.NDArray[Any], dtype: str | np.dtype[Any] | None = None) -> npt.NDArray[Any]:
        """The picture after this step: same shape, `dtype` or its own, a view of planar memory.

        Parameters
        ----------
        rgb
            (height, width, 3 or 4) uint8, uint16, float16 or float32. Integers in are several times faster:
            curves are folded into tables. Alpha passes through.
        """
        source, target = rgb.dtype, np.dtype(dtype or rgb.dtype)
        planes = rgb.transpose(2, 0, 1)
        out = np.empty(planes.shape, target)
        processor = _cpu(self, source.name, target.name)
        # OpenColorIO is fastest on packed RGBA (a 33-cube on 1080p, 16 bits: 13 ms, on planes 21), so strips
        # small enough for the processor's cache are packed, processed and unpacked.
        _, height, width = planes.shape
        strip = np.zeros((_STRIP_ROWS, width, 4), source)
        result = strip if source == target else np.empty(strip.shape, target)
        for top in range(0, height, _STRIP_ROWS):
            rows = slice(top, min(top + _STRIP_ROWS, height))
            _transpose(planes[:, rows], strip, back=False)
            processor.apply(_packed(strip), _packed(result))
            _transpose(out[:, rows], result, back=True)
        return out.transpose(1, 2, 0)


_STRIP_ROWS = 64


def _transpose(planes: npt.NDArray[Any], packed: npt.NDArray[Any], *, back: bool) -> None:
    if planes.dtype == np.float16:  # halves are only moved: as bits, since compiled code has no half floats
        planes, packed = planes.view(np.uint16), packed.view(np.uint16)
    interleave(planes, packed, back)


def _packed(strip: npt.NDArray[Any]) -> ocio.PackedImageDesc:
    height, width, _ = strip.shape
    item = strip.itemsize
    return ocio.PackedImageDesc(
        strip, width, height, 4, _DEPTHS[strip.dtype.name], item, 4 * item, 4 * item * width
    )


def _digest(url: str) -> str:
    with open_file(url) as file:
        return hashlib.sha256(file.read()).hexdigest()


@lru_cache(maxsize=32)
def _processor(color: Color) -> ocio.Processor:
    """Built once a process: a large LUT takes a second to read."""
    if color.digest and _digest(color.url) != color.digest:
        raise MediaChanged(
            "has changed since the work was planned", where=color.url, do="submit the work again"
        )
    try:
        if color.spaces is None:
            transform = ocio.FileTransform(color.url, interpolation=ocio.INTERP_BEST)
            return ocio.Config.CreateRaw().getProcessor(transform)
        config = ocio.Config.CreateFromFile(color.url)
    except ocio.Exception as error:
        what = "color config" if color.spaces else "LUT"
        raise UnreadableMedia(f"is no {what} OpenColorIO reads ({error})", where=color.url) from error
    for name in color.spaces:
        if config.getColorSpace(name) is None:
            raise InvalidRequest(
                f"has no color space {name!r}", where=color.url, do="name one of the config's own"
            )
    return config.getProcessor(*color.spaces)


@lru_cache(maxsize=64)
def _cpu(color: Color, source: str, target: str) -> ocio.CPUProcessor:
    """Thread-safe to apply."""
    return _processor(color).getOptimizedCPUProcessor(
        _DEPTHS[source], _DEPTHS[target], ocio.OPTIMIZATION_DEFAULT
    )
