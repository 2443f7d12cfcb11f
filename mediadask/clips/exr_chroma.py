"""EXRs of luminance and chroma: Y with RY and BY of half the size, through OpenEXR; OpenImageIO reads none.

What the channels mean, and the filter between chroma samples, are those of OpenEXR's own reader
(ImfRgbaYca.h): RY is (R - Y) / Y, BY is (B - Y) / Y, and Y weighs R, G and B as the chromaticities say.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from mediadask.clips.frame import PixelFormat
from mediadask.clips.gamuts import GAMUTS, is_gamut
from mediadask.clips.image_file import check_area, on_disk
from mediadask.errors import UnreadableMedia, UnsupportedMedia

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

__all__ = ["entries", "pixel_format", "planes", "window_size"]

_TAPS = (0.002128, -0.007540, 0.019597, -0.043159, 0.087929, -0.186077, 0.627123)
"""From the seventh sample away to the next, on either side of what lies between two chroma samples."""


def window_size(url: str) -> tuple[int, int]:
    """(width, height) of the display window."""
    with _opened(url) as file:
        (left, top), (right, bottom) = file.header()["displayWindow"]
        return int(right - left + 1), int(bottom - top + 1)


def pixel_format(url: str) -> PixelFormat:
    """The pixel format of the R'G'B' that it becomes.

    Raises
    ------
    UnsupportedMedia
        If its subsampled channels are others.
    """
    with _opened(url) as file:
        return _format(_channels(file, url))


def entries(url: str) -> dict[str, Any]:
    """Its header's entries by OpenImageIO's names: text, numbers, and rows of numbers."""
    with _opened(url) as file:
        found: dict[str, Any] = {}
        for name, value in file.header().items():
            if name == "framesPerSecond" and hasattr(value, "numerator"):
                value = (int(value.numerator), int(value.denominator))
            elif name == "timeCode":
                name, value = "smpte:TimeCode", _packed(value)
            elif isinstance(value, np.ndarray) and value.ndim == 1:
                value = tuple(value.tolist())
            if isinstance(value, str | int | float | tuple):
                found["PixelAspectRatio" if name == "pixelAspectRatio" else name] = value
        return found


def planes(url: str) -> tuple[npt.NDArray[Any], ...]:
    """(height, width) R, G, B, and A if there is alpha, of the display window."""
    with _opened(url) as file:
        channels = _channels(file, url)
        header = file.header()
        luma = channels["Y"].astype(np.float32)
        red, blue = (_full(channels[name].astype(np.float32), luma.shape) for name in ("RY", "BY"))
        weights = _weights(header.get("chromaticities"))
        r, b = (red + 1) * luma, (blue + 1) * luma
        g = (luma - r * weights[0] - b * weights[2]) / weights[1]
        found = [r, g, b, *([channels["A"]] if "A" in channels else [])]
        kind = _format(channels).dtype
        return tuple(_displayed(plane.astype(kind), header) for plane in found)


@contextmanager
def _opened(url: str) -> Iterator[Any]:
    import OpenEXR

    with on_disk(url) as path:
        try:
            with OpenEXR.File(path, separate_channels=True) as file:
                yield file
        except (RuntimeError, ValueError, OSError, KeyError) as error:
            if isinstance(error, UnreadableMedia | UnsupportedMedia):
                raise
            reason = " ".join(str(error).split())[:200]
            raise UnreadableMedia(f"does not decode ({reason})", where=url) from error


def _channels(file: Any, url: str) -> dict[str, npt.NDArray[Any]]:
    (left, top), (right, bottom) = file.header()["dataWindow"]
    check_area(int(right - left + 1), int(bottom - top + 1), url)
    found = file.channels()
    steps = {name: (channel.xSampling, channel.ySampling) for name, channel in found.items()}
    if (
        steps.get("Y") != (1, 1)
        or not {steps.get("RY"), steps.get("BY")} <= {(1, 1), (2, 2)}
        or steps.get("A", (1, 1)) != (1, 1)
    ):
        raise UnsupportedMedia(
            "has subsampled channels that are not Y, RY and BY", where=url, do="convert it to R, G, B"
        )
    return {name: found[name].pixels for name in ("Y", "RY", "BY", "A") if name in found}


def _format(channels: Mapping[str, npt.NDArray[Any]]) -> PixelFormat:
    alpha = "A" in channels
    family = "gbrap" if alpha else "gbrp"
    if all(samples.dtype == np.float16 for samples in channels.values()):
        return PixelFormat(f"{family}f16le", "rgb", 16, "float16", alpha=alpha)
    return PixelFormat(f"{family}f32le", "rgb", 32, "float32", alpha=alpha)


def _full(chroma: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Chroma for every pixel: first across, then down."""
    for axis in (1, 0):
        if chroma.shape[axis] < shape[axis]:
            chroma = _between(np.moveaxis(chroma, axis, 0), shape[axis])
            chroma = np.moveaxis(chroma, 0, axis)
    return chroma


def _between(samples: npt.NDArray[Any], length: int) -> npt.NDArray[Any]:
    """(samples, …) at every other place, to (length, …): they, and what the filter makes of them."""
    near = len(_TAPS)
    padded = np.pad(samples, ((near - 1, near), (0, 0)), mode="edge")
    count = len(samples)
    odd = np.zeros_like(samples)
    for at, tap in enumerate(_TAPS):
        odd += tap * (padded[at : at + count] + padded[2 * near - 1 - at :][:count])
    out = np.empty((2 * count, *samples.shape[1:]), samples.dtype)
    out[0::2], out[1::2] = samples, odd
    return out[:length]


def _weights(chromaticities: Any) -> npt.NDArray[Any]:
    """How much R, G and B weigh in Y."""
    points = GAMUTS["bt709"]
    if isinstance(chromaticities, tuple) and len(chromaticities) == 8 and is_gamut(chromaticities):
        points = tuple(map(float, chromaticities))
    x, y = np.reshape(points, (4, 2)).T
    columns = np.stack([x, y, 1 - x - y])
    weights: npt.NDArray[Any] = y[:3] * np.linalg.solve(columns[:, :3], columns[:, 3] / y[3])
    return weights


def _displayed(plane: npt.NDArray[Any], header: Mapping[str, Any]) -> npt.NDArray[Any]:
    (left, top), _ = header["dataWindow"]
    (x0, y0), (x1, y1) = header["displayWindow"]
    check_area(int(x1 - x0 + 1), int(y1 - y0 + 1), "")
    out = np.zeros((int(y1 - y0 + 1), int(x1 - x0 + 1)), plane.dtype)
    down, across = int(top - y0), int(left - x0)
    shown = plane[max(-down, 0) :, max(-across, 0) :]
    shown = shown[: max(out.shape[0] - max(down, 0), 0), : max(out.shape[1] - max(across, 0), 0)]
    out[max(down, 0) :, max(across, 0) :][: shown.shape[0], : shown.shape[1]] = shown
    out.flags.writeable = False
    return out


def _packed(code: Any) -> tuple[int, int]:
    """As OpenEXR's file has it: binary coded decimal of 32 bits."""
    fields = ((code.hours, 24), (code.minutes, 16), (code.seconds, 8), (code.frame, 0))
    bits = sum(int(str(int(value)), 16) << at for value, at in fields)
    return bits | bool(getattr(code, "dropFrame", False)) << 6, 0
