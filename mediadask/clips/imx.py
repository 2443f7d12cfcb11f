"""IMX (D-10): the lines of the vertical blanking interval that are recorded above the picture."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mediadask.clips.header import ClipHeader

__all__ = ["active_picture"]

_BLANKING = {608: 32, 512: 26}
"""Lines above the picture by all that are coded: it has 576 in 625-line systems and 486 in 525-line systems
(SMPTE ST 356, clause 5; ST 386 gives them as display offsets of 16 and 13 a field)."""

_SHAPES = (Fraction(4, 3), Fraction(16, 9))


def active_picture(header: ClipHeader, *, all_lines: bool = False) -> ClipHeader:
    """The header of a recording in IMX without its blanking lines, or with them; any other unchanged."""
    lines = _BLANKING.get(header.height)
    if header.codec != "mpeg2video" or header.width != 720 or lines is None:
        return header
    height = header.height - lines
    color = header.color
    if color.matrix is None:  # the height would not tell: 608 is more than standard definition has
        color = replace(color, matrix="bt470bg" if height == 576 else "smpte170m")
    shape = header.pixel_aspect * 720 / header.height
    # FFmpeg makes pixels of the picture's shape and all the lines.
    aspect = next(
        (told * height / 720 for told in _SHAPES if abs(shape - told) < Fraction(1, 200)), header.pixel_aspect
    )
    known = replace(header, pixel_aspect=aspect, color=color)
    return known if all_lines else replace(known, height=height, skipped_rows=lines)
