"""A small picture of an output, for people who look over many."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image

from mediadask.clips import Clip
from mediadask.errors import UnreadableMedia
from mediadask.render.picture import display_picture
from mediadask.render.recipe import fitted_size
from mediadask.results import THUMBNAIL_SIZE

if TYPE_CHECKING:
    import os

__all__ = ["thumbnail"]


def thumbnail(url: str | os.PathLike[str]) -> bytes:
    """Return a JPEG of the middle frame of what stands at `url`, no larger than `THUMBNAIL_SIZE`.

    Raises
    ------
    MediaError
        If it is no clip or image that opens, or the frame does not decode.
    """
    clip = Clip.open(url)
    if not len(clip):
        raise UnreadableMedia("has no frames", where=clip.url)
    middle, size = len(clip) // 2, fitted_size(clip, THUMBNAIL_SIZE)
    frame = next(clip.frames(middle, middle + 1, threads=1))
    buffer = BytesIO()
    Image.fromarray(display_picture(clip, size, None)(frame)).save(buffer, "jpeg", quality=80)
    return buffer.getvalue()
