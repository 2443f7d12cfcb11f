"""From a clip's frame to a picture to look at: scaled, R'G'B' through a color step, upright."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mediadask.pixels import Color, display_rgb, to_video_frame

if TYPE_CHECKING:
    from collections.abc import Callable

    import av
    import numpy.typing as npt

    from mediadask.clips import Clip, ColorTags, Frame

__all__ = ["display_picture", "proxy_picture"]


def display_picture(
    clip: Clip, size: tuple[int, int], color: Color | None
) -> Callable[[Frame], npt.NDArray[np.uint8]]:
    """A function from the clip's frames to (height, width, 3) uint8 R'G'B'."""
    rgb = _display(clip, size, color)

    def picture(frame: Frame) -> npt.NDArray[np.uint8]:
        codes: npt.NDArray[np.float32] = np.clip(rgb(frame), 0, 1) * np.float32(255) + np.float32(0.5)
        return codes.astype(np.uint8)

    return picture


def proxy_picture(
    clip: Clip, size: tuple[int, int], color: Color | None, pixel_format: str, tags: ColorTags
) -> Callable[[Frame], av.VideoFrame]:
    """A function from the clip's frames to pictures an encoder takes."""
    rgb = _display(clip, size, color)
    matrix, range = tags.matrix or "bt709", tags.range or "limited"

    def picture(frame: Frame) -> av.VideoFrame:
        return to_video_frame(rgb(frame), pixel_format, matrix, range)

    return picture


def _display(clip: Clip, size: tuple[int, int], color: Color | None) -> Callable[[Frame], npt.NDArray[Any]]:
    """A function from frames to (height, width, 3) float32 R'G'B', planar in memory."""
    turns = clip.header.rotation // 90
    width, height = size if turns % 2 == 0 else size[::-1]
    if color is None and clip.header.color.transfer == "linear":
        # Scene light is not to be looked at: the plainest view of it.
        color = Color.convert("Linear Rec.709 (sRGB)", "sRGB Encoded Rec.709 (sRGB)")

    def picture(frame: Frame) -> npt.NDArray[Any]:
        # Float: OpenColorIO's fastest planar path (13 ms a 1080p frame against 26 ms for uint16).
        rgb = display_rgb(frame, width, height, "float32")[..., :3]
        if rgb.shape[2] == 1 or frame.format.model == "gray":
            rgb = np.repeat(rgb[..., :1], 3, axis=2)
        if color is not None:
            rgb = color.apply(rgb)
        return np.rot90(rgb, -turns) if turns else rgb

    return picture
