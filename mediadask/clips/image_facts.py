"""What an image's header says that matters for a clip, whichever library has read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mediadask.clips.orientation import AS_STORED, Orientation

if TYPE_CHECKING:
    from fractions import Fraction
    from typing import Literal

    from mediadask.clips.frame import ColorTags, PixelFormat
    from mediadask.clips.header import Tag

__all__ = ["ImageFacts"]


@dataclass(frozen=True)
class ImageFacts:
    """The facts of one image file."""

    width: int
    """In pixels. An EXR's picture is its display window, whatever part of it has pixels."""

    height: int
    pixel_format: PixelFormat
    file_type: str
    color: ColorTags
    frame_rate: Fraction | None
    timecode: str | None
    reel: str | None
    pixel_aspect: Fraction
    tags: tuple[Tag, ...]
    orientation: Orientation = AS_STORED
    alpha: Literal["straight", "premultiplied"] | None = None
    """What colors under alpha are, by the file or its format; None without alpha, or where nobody says."""
