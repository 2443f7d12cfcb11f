"""Color by OpenColorIO: spaces, grades, looks and views as plain data, and the AMFs that tell them."""

from mediadask.pixels.color.amf import Amf
from mediadask.pixels.color.cdl import Cdl
from mediadask.pixels.color.chain import Color
from mediadask.pixels.color.spaces import input_space

__all__ = ["Amf", "Cdl", "Color", "input_space"]
