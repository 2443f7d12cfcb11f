"""Review pictures: what a plate shows, as it is to be seen, with its name and numbers burnt in."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mediadask.pixels import Color, to_rgb
from mediadask.pixels.framing.layout import Framing
from mediadask.pixels.orient import upright
from mediadask.pixels.resample import Rectangle

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from mediadask.clips import Frame

__all__ = ["Corner", "burn_in", "review_framing", "review_picture"]

Corner = Literal["top left", "top right", "bottom left", "bottom right"]

_BOX, _INK = np.float32(0.2), np.float32(0.9)
"""How much of the picture shows through the box behind a text, and how light the text is."""


def review_framing(framing: Framing, columns: int, rows: int) -> Framing:
    """The same framing on a canvas with square pixels inside `columns` x `rows`, both sides even; nothing is
    enlarged, and values as recorded are resampled, not light.
    """
    width, height = framing.size[0] * framing.pixel_aspect, framing.size[1]
    scale = min(columns / width, rows / height, 1)
    size = (max(2 * round(width * scale / 2), 2), max(2 * round(height * scale / 2), 2))
    across, down = size[0] / framing.size[0], size[1] / framing.size[1]
    placed = framing.placed
    return replace(
        framing,
        placed=Rectangle(placed.x * across, placed.y * down, placed.width * across, placed.height * down),
        size=size,
        filter="cubic",
        linear=False,
        pixel_aspect=1.0,
    )


def review_picture(
    framing: Framing, color: Color, view: Color, rotation: int = 0, mirrored: bool = False
) -> Callable[[Frame, dict[Corner, str]], npt.NDArray[np.float32]]:
    """A function from a frame, and texts for its corners, to a (height, width, 3) float32 R'G'B' picture.

    Parameters
    ----------
    framing
        From `review_framing`.
    color, view
        From the clip's values to those of a display, in two steps.
    rotation, mirrored
        To the upright picture: whether left and right change places, then clockwise degrees: 0, 90, 180 or
        270. Texts are upright.
    """
    shown = Color.chain(color, view).for_display()

    def picture(frame: Frame, texts: dict[Corner, str]) -> npt.NDArray[np.float32]:
        rgb = to_rgb(frame, "float32")[..., :3]
        if rgb.shape[2] < 3:
            rgb = np.repeat(rgb[..., :1], 3, axis=2)
        seen = upright(shown.apply(framing.apply(rgb), rgb.dtype), rotation, mirrored)
        return burn_in(np.ascontiguousarray(seen), texts)

    return picture


def burn_in(picture: npt.NDArray[np.float32], texts: dict[Corner, str]) -> npt.NDArray[np.float32]:
    """The (height, width, 3) picture itself, with a text in each corner named, white on a dark box."""
    height, width, _ = picture.shape
    gap = max(height // 24, 6)
    for corner, text in texts.items():
        if not text:
            continue
        ink = _ink(text, max(height // 22, 10))[:, : width - 2 * gap]
        rows, columns = ink.shape
        top = gap if corner.startswith("top") else height - gap - rows
        left = gap if corner.endswith("left") else width - gap - columns
        part = picture[max(top, 0) : top + rows, left : left + columns]
        np.clip(part, 0, 1, out=part)
        part *= _BOX
        part += ink[..., None] * (_INK - part)
    return picture


@lru_cache(maxsize=64)
def _ink(text: str, size: int) -> npt.NDArray[np.float32]:
    """(rows, columns) how much of a text covers each pixel, with the margin of its box."""
    from PIL import Image, ImageDraw  # only who makes reviews waits for it

    font, margin = _font(size), max(size // 4, 2)
    left, _, right, _ = font.getbbox(text)
    _, lowest, _, highest = font.getbbox("Aj0")
    shape = (round(right - left) + 2 * margin, round(highest - lowest) + 2 * margin)
    image = Image.new("L", shape)
    ImageDraw.Draw(image).text((margin - left, margin - lowest), text, fill=255, font=font)
    return np.asarray(image, np.float32) / np.float32(255)


@cache
def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)
