"""What the codes of a frame mean: matrix, range, chroma siting; what is assumed where files do not say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mediadask.errors import UnsupportedMedia

if TYPE_CHECKING:
    from mediadask.clips.frame import ColorTags, PixelFormat

__all__ = ["LUMA", "ChromaSiting", "chroma_siting", "code_range", "luma_weights", "matrix_name"]

LUMA = {
    "bt709": (0.2126, 0.0722),
    "fcc": (0.30, 0.11),
    "bt470bg": (0.299, 0.114),
    "smpte170m": (0.299, 0.114),
    "smpte240m": (0.212, 0.087),
    "bt2020nc": (0.2627, 0.0593),
}
"""Weights of red and blue in luma by FFmpeg's name of the matrix (ITU-T H.273 table 4)."""

_SAYS_NOTHING = (None, "unknown", "unspecified", "reserved")


def matrix_name(color: ColorTags, height: int) -> str:
    """The matrix as tagged, else BT.709 above 576 rows and BT.601 (``smpte170m``) up to there.

    Raises
    ------
    UnsupportedMedia
        If it is tagged with one that is not a fixed matrix on Y'CbCr: ICtCp, constant luminance.
    """
    if color.matrix in _SAYS_NOTHING:
        return "bt709" if height > 576 else "smpte170m"
    if color.matrix not in LUMA:
        raise UnsupportedMedia(
            f"color matrix {color.matrix!r} is not supported", do=f"convert it to one of {', '.join(LUMA)}"
        )
    return str(color.matrix)


def luma_weights(color: ColorTags, height: int) -> tuple[float, float]:
    """Kr and Kb of `matrix_name`."""
    return LUMA[matrix_name(color, height)]


def code_range(format: PixelFormat, color: ColorTags) -> Literal["limited", "full"]:
    """The range as tagged, else limited for Y'CbCr and full for everything else."""
    if color.range is not None:
        return color.range
    return "limited" if format.model == "yuv" else "full"


@dataclass(frozen=True)
class ChromaSiting:
    """Where chroma sample 0 sits, counted in luma samples from luma sample 0."""

    x: float
    y: float


def chroma_siting(format: PixelFormat, color: ColorTags) -> ChromaSiting:
    """The siting as tagged, else ``left``: what MPEG-2, H.264, HEVC and camera codecs mean by silence."""
    across, down = format.chroma
    location = color.chroma_location or "left"
    x = (across - 1) / 2 if location in ("center", "top", "bottom") else 0.0
    y = (
        0.0
        if location.startswith("top")
        else float(down - 1)
        if location.startswith("bottom")
        else (down - 1) / 2
    )
    return ChromaSiting(x, y)
