"""Color by OpenColorIO: spaces, grades, looks and views as plain data."""

from typing import TYPE_CHECKING

from mediadask.lazy import lazily

if TYPE_CHECKING:
    from mediadask.pixels.color.chain import Color
    from mediadask.pixels.color.spaces import input_space

__all__ = ["Color", "input_space"]

if not TYPE_CHECKING:
    __getattr__ = lazily(__name__, {"Color": "chain", "input_space": "spaces"})
