"""Color by OpenColorIO: spaces, grades, looks and views as plain data, and the AMFs that tell them."""

from typing import TYPE_CHECKING

from mediadask.lazy import lazily

if TYPE_CHECKING:
    from mediadask.pixels.color.amf import Amf
    from mediadask.pixels.color.cdl import Cdl
    from mediadask.pixels.color.chain import Color
    from mediadask.pixels.color.spaces import input_space

__all__ = ["Amf", "Cdl", "Color", "input_space"]

if not TYPE_CHECKING:
    __getattr__ = lazily(__name__, {"Amf": "amf", "Cdl": "cdl", "Color": "chain", "input_space": "spaces"})
