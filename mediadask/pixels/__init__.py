"""Picture math on one frame, NumPy in and NumPy out: Y'CbCr and R'G'B', framing, color, scaling."""

from typing import TYPE_CHECKING

from mediadask.lazy import lazily

if TYPE_CHECKING:
    from mediadask.choices import Filter
    from mediadask.pixels.color import Color, input_space
    from mediadask.pixels.framing import Framing
    from mediadask.pixels.resample import resize
    from mediadask.pixels.rgb import SampleType, pack_rgb, to_rgb
    from mediadask.pixels.scale import display_frame, display_rgb, display_strips
    from mediadask.pixels.ycbcr import strips_to_video_frame, to_video_frame

__all__ = [
    "Color",
    "Filter",
    "Framing",
    "SampleType",
    "display_frame",
    "display_rgb",
    "display_strips",
    "input_space",
    "pack_rgb",
    "resize",
    "strips_to_video_frame",
    "to_rgb",
    "to_video_frame",
]

_homes = {
    "Color": "color",
    "Filter": "resample",
    "Framing": "framing",
    "SampleType": "rgb",
    "display_frame": "scale",
    "display_rgb": "scale",
    "display_strips": "scale",
    "input_space": "color",
    "pack_rgb": "rgb",
    "resize": "resample",
    "strips_to_video_frame": "ycbcr",
    "to_rgb": "rgb",
    "to_video_frame": "ycbcr",
}

if not TYPE_CHECKING:
    __getattr__ = lazily(__name__, _homes)
