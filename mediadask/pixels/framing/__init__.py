"""Framing: which part of a clip's picture lies where on a canvas, stated outright or by an ASC FDL."""

from mediadask.pixels.framing.layout import Framing

__all__ = ["Framing"]
