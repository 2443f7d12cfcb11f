"""From a clip's frame to the picture a proxy shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import av
import numpy as np
import PyOpenColorIO as ocio

if TYPE_CHECKING:
    from mediadask.clips import Clip, ColorTags, Frame
    from mediadask.render.recipe import ProxyRecipe

__all__ = ["proxy_picture"]


def proxy_picture(
    clip: Clip, recipe: ProxyRecipe, width: int, height: int, pixel_format: str, color: ColorTags
) -> Callable[[Frame], av.VideoFrame]:
    """A function from the clip's frames to pictures for the encoder. Not thread-safe: one for each unit."""
    native = clip.header.pixel_format.name
    processor = None
    if recipe.lut:
        recipe.lut.check()
        transform = ocio.FileTransform(recipe.lut.url, interpolation=ocio.INTERP_TETRAHEDRAL)
        processor = ocio.Config.CreateRaw().getProcessor(transform).getDefaultCPUProcessor()
    scaler, encoder = av.video.reformatter.VideoReformatter(), av.video.reformatter.VideoReformatter()

    def picture(frame: Frame) -> av.VideoFrame:
        source = av.VideoFrame(frame.width, frame.height, native)
        for plane, samples in zip(source.planes, frame.planes, strict=True):
            rows = np.frombuffer(plane, samples.dtype).reshape(plane.height, -1)
            rows[:, : plane.width] = samples
        rgb = scaler.reformat(source, width, height, "gbrpf32le", interpolation="BICUBIC")
        if processor is not None:
            g, b, r = (np.frombuffer(plane, np.float32) for plane in rgb.planes)
            processor.apply(
                ocio.PlanarImageDesc(r, g, b, width, height, ocio.BIT_DEPTH_F32, 4, rgb.planes[0].line_size)
            )
        return encoder.reformat(rgb, width, height, pixel_format, dst_colorspace=1, dst_color_range=1)

    return picture
