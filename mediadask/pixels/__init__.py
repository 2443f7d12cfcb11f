"""Picture math on one frame, NumPy in and NumPy out: Y'CbCr and R'G'B', color, scaling."""

from mediadask.pixels.rgb import SampleType, to_rgb

__all__ = ["SampleType", "to_rgb"]
