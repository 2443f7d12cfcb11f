"""Framing: which part of a clip's picture lies where on a canvas, stated outright or by an ASC FDL."""

from typing import TYPE_CHECKING

from mediadask.lazy import lazily

if TYPE_CHECKING:
    from mediadask.pixels.framing.layout import Framing

__all__ = ["Framing"]

if not TYPE_CHECKING:
    __getattr__ = lazily(__name__, {"Framing": "layout"})
