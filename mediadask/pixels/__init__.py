"""Picture math on one frame, NumPy in and NumPy out: Y'CbCr and R'G'B', color, scaling."""

from mediadask.pixels.color import Color
from mediadask.pixels.rgb import SampleType, to_rgb
from mediadask.pixels.scale import Filter, display_rgb, resize
from mediadask.pixels.ycbcr import to_video_frame

__all__ = ["Color", "Filter", "SampleType", "display_rgb", "resize", "to_rgb", "to_video_frame"]
