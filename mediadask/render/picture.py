"""From a clip's frame to a picture to look at: scaled, R'G'B' through a color step, upright."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from mediadask.pixels import Color, display_frame, display_strips, pack_rgb, strips_to_video_frame, to_rgb
from mediadask.pixels.color.spaces import light_color
from mediadask.pixels.orient import upright

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import av
    import numpy.typing as npt

    from mediadask.clips import Clip, ColorTags, Frame
    from mediadask.pixels.color.strips import Program

__all__ = ["display_picture", "proxy_picture"]


def display_picture(
    clip: Clip, size: tuple[int, int], color: Color | None
) -> Callable[[Frame], npt.NDArray[np.uint8]]:
    """A function from the clip's frames to (height, width, 3) uint8 R'G'B'."""
    strips = _display(clip, size, color)

    def picture(frame: Frame) -> npt.NDArray[np.uint8]:
        # What is not a number (a render's mistake) is black: no cast of it is defined.
        codes = [
            np.clip(np.nan_to_num(rgb), 0, 1) * np.float32(255) + np.float32(0.5) for rgb in strips(frame)
        ]
        return np.concatenate(codes, dtype=np.uint8, casting="unsafe")

    return picture


def proxy_picture(
    clip: Clip, size: tuple[int, int], color: Color | None, pixel_format: str, tags: ColorTags
) -> Callable[[Frame], av.VideoFrame]:
    """A function from the clip's frames to pictures an encoder takes, dithered if it is deeper than them."""
    header = clip.header
    as_stored = header.rotation == 0 and not header.mirrored
    scaled = size != (header.width, header.height) and as_stored
    packed = scaled and header.pixel_format.model == "yuv"
    shown = None if color is None else color.for_display()
    strips = partial(_packed, size=size, shown=shown) if packed else _display(clip, size, color)
    matrix, range = tags.matrix or "bt709", tags.range or "limited"
    deep = header.pixel_format.bits > 8

    def picture(frame: Frame) -> av.VideoFrame:
        return strips_to_video_frame(strips(frame), size, pixel_format, matrix, range, dither=deep)

    return picture


def _packed(frame: Frame, size: tuple[int, int], shown: Program | None) -> Iterator[npt.NDArray[np.float32]]:
    """What `_display` gives of scaled Y'CbCr, as OpenColorIO is fastest at: (rows, width, 4), the last zero.

    All strips are in one memory, in the processor's cache from the first sample scaled to the code encoded.
    """
    width, height = size
    memory = np.empty((_PACKED_ROWS, width, 4), np.float32)
    for part in display_strips(frame, width, height, _PACKED_ROWS):
        rgba = memory[: part.height]
        pack_rgb(part, rgba)
        if shown is not None:
            shown.apply_packed(rgba)
        yield rgba


def _display(
    clip: Clip, size: tuple[int, int], color: Color | None
) -> Callable[[Frame], Iterator[npt.NDArray[Any]]]:
    """A function from frames to their pictures, top to bottom: strips of (rows, width, 3) float32 R'G'B'.

    Strips stay in the processor's cache from codes to codes: whole pictures of floats would be written to
    memory and read again at every step.
    """
    rotation, mirrored = clip.header.rotation, clip.header.mirrored
    width, height = size if rotation % 180 == 0 else size[::-1]
    if color is None and clip.header.color.transfer == "linear":
        # Scene light is not to be looked at: the plainest view of it.
        color = light_color(clip.header.color)
    shown = None if color is None else color.for_display()

    def stored(frame: Frame) -> Iterator[npt.NDArray[Any]]:
        codes = display_frame(frame, width, height)
        for top in range(0, height, _STRIP_ROWS):
            # Float: OpenColorIO's fastest planar path (13 ms a 1080p frame against 26 ms for uint16).
            rgb = to_rgb(codes, "float32", slice(top, min(top + _STRIP_ROWS, height)))[..., :3]
            if frame.format.model in ("gray", "bayer"):
                rgb = np.repeat(rgb[..., :1], 3, axis=2)
            yield rgb if shown is None else shown.apply(rgb, rgb.dtype)

    def turned(frame: Frame) -> Iterator[npt.NDArray[Any]]:
        yield upright(np.concatenate(list(stored(frame))), rotation, mirrored)

    return turned if rotation or mirrored else stored


_STRIP_ROWS = 64
_PACKED_ROWS = 32
