"""How frames become a proxy, as plain data: hashable, JSON, the same in every process."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from mediadask.choices import OnCorrupt, ProxyCodec
from mediadask.clips import Clip
from mediadask.errors import InvalidRequest
from mediadask.pixels import Color

if TYPE_CHECKING:
    from mediadask.render.options import ProxyOptions, Size

__all__ = ["Box", "ProxyRecipe", "fingerprint", "fitted_size", "picture_box"]

Box = tuple[int | None, int | None]
"""(columns, rows) a picture is fitted inside, None where it does not matter."""

_BOXES: dict[str, Box] = {
    "480p": (854, 480),
    "540p": (960, 540),
    "720p": (1280, 720),
    "1080p": (1920, 1080),
    "2160p": (3840, 2160),
}

RENDER_VERSION = 5
"""Raise it when the same recipe gives other pictures: outputs of older versions are then made anew."""


@dataclass(frozen=True)
class ProxyRecipe:
    """What a proxy is: upright, square pixels, R'G'B' through the LUT if there is one, encoded to be seen."""

    codec: ProxyCodec = "h264"

    box: Box | None = None
    """What the picture is fitted inside, never enlarged; None keeps the clip's size."""

    lut: Color | None = None

    options: tuple[tuple[str, str], ...] = ()
    """FFmpeg encoder options over the codec's defaults, by name."""

    on_corrupt: OnCorrupt = "fail"

    @classmethod
    def of(cls, options: ProxyOptions) -> ProxyRecipe:
        """From what people ask for.

        Raises
        ------
        InvalidRequest
            For a size that there is none of.
        MissingMedia
            If the LUT cannot be read.
        """
        pairs = tuple(sorted((name, str(value)) for name, value in options.options.items()))
        lut = options.lut
        table = lut if lut is None or isinstance(lut, Color) else Color.lut(lut)
        return cls(options.codec, picture_box(options.size), table, pairs, options.on_corrupt)

    def json(self) -> str:
        """The same recipe as text."""
        return _RECIPE.dump_json(self).decode()


_RECIPE: TypeAdapter[ProxyRecipe] = TypeAdapter(ProxyRecipe)


def fitted_size(clip: Clip, box: Box | None, *, enlarge: bool = False) -> tuple[int, int]:
    """(width, height) of a clip's picture upright, with square pixels, inside the box, both even.

    Pixels become square by changing the width: rows are never made up or lost to it.
    """
    header = clip.header
    width, height = header.width * header.pixel_aspect, Fraction(header.height)
    if header.rotation % 180:
        width, height = height, width
    columns, rows = box or (None, None)
    limits = ((columns, width), (rows, height))
    scale = min((length / side for length, side in limits if length is not None), default=Fraction(1))
    if not enlarge:
        scale = min(scale, Fraction(1))
    return _even(width * scale), _even(height * scale)


def _even(length: Fraction) -> int:
    # 4:2:0 needs even sizes, and every player takes them.
    return max(2 * round(length / 2), 2)


def picture_box(size: Size) -> Box | None:
    """The box that people mean by `size`.

    Raises
    ------
    InvalidRequest
        If they cannot mean any.
    """
    if size is None:
        return None
    try:
        if isinstance(size, str):
            text = size.lower()
            if text in _BOXES:
                return _BOXES[text]
            columns, by, rows = text.partition("x")
            box: Box = (int(columns), int(rows)) if by else (None, int(text.removesuffix("p")))
        elif isinstance(size, int):
            box = (None, size)
        else:
            box = (int(size[0]), int(size[1]))
    except (ValueError, TypeError, IndexError):
        box = (None, 0)
    if min(length for length in box if length is not None) < 16:
        raise InvalidRequest(
            f"{size!r} is not a picture size", do="write 1080p, 1280x720, or a height of 16 or more"
        )
    return box


def fingerprint(*made_of: Any) -> str:
    """A short hash of plain data: equal in every process for equal data."""
    text = json.dumps([RENDER_VERSION, *made_of], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:20]
