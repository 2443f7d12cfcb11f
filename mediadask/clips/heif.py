"""HEIC stills, as phones and cameras write them, through libheif: tiles joined, upright."""

from __future__ import annotations

import os
from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from mediadask.clips.frame import ColorTags, PixelFormat
from mediadask.clips.header import Tag
from mediadask.clips.image_facts import ImageFacts
from mediadask.clips.image_file import on_disk
from mediadask.clips.mov import ends_early
from mediadask.clips.probe import PRIMARIES, TRANSFERS
from mediadask.clips.storage import stat
from mediadask.errors import UnreadableMedia

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

__all__ = ["read_header", "read_planes"]


def read_header(url: str) -> ImageFacts:
    """The facts, without the pixels: of the primary picture, with its grid, crop, turn and mirror applied.

    Raises
    ------
    UnreadableMedia
        If it is no HEIC file, or damaged.
    """
    with _opened(url) as image:
        width, height = image.size
        tags = []
        if tiling := image.info.get("tiling"):
            tiles = f"{tiling['num_columns']}x{tiling['num_rows']}"
            tags.append(Tag("heic header", "tiles", tiles))
        exif = _exif(image)
        tags += [Tag("exif", name, str(value)) for name, value in exif.items()]
        profile = image.info.get("nclx_profile") or {}
        return ImageFacts(
            width=width,
            height=height,
            pixel_format=_pixel_format(image),
            file_type="heic",
            color=ColorTags(
                range="full",  # of the R'G'B' that libheif gives
                primaries=PRIMARIES.get(int(profile.get("color_primaries", 2))),
                transfer=TRANSFERS.get(int(profile.get("transfer_characteristics", 2))),
            ),
            frame_rate=None,
            timecode=None,
            reel=None,
            pixel_aspect=Fraction(1),
            alpha=_alpha(image),
            tags=tuple(tags),
        )


def read_planes(url: str, size: tuple[int, int], format: PixelFormat) -> tuple[npt.NDArray[Any], ...]:
    """The read-only (height, width) planes of a picture that must have this (width, height) and format.

    Raises
    ------
    UnreadableMedia
        If the file is damaged, or not like this.
    """
    with _opened(url) as image:
        if image.size != size:
            what = f"is {image.size[0]}x{image.size[1]} where the sequence is {size[0]}x{size[1]}"
            raise UnreadableMedia(what, where=url)
        found = _pixel_format(image)
        if found != format:
            raise UnreadableMedia(f"holds {found.name} where the sequence holds {format.name}", where=url)
        pixels = np.asarray(image)
        pixels = pixels.reshape(*pixels.shape[:2], -1)
        if format.bits < 16 and format.dtype == "uint16":
            pixels = pixels >> (16 - format.bits)  # libheif's codes stand at the high end
        pixels = pixels.view()
        pixels.flags.writeable = False
        return tuple(pixels[..., channel] for channel in range(pixels.shape[2]))


@contextmanager
def _opened(url: str) -> Iterator[Any]:
    import pillow_heif  # only who opens such pictures waits for it

    stat(url)  # missing, unreadable and empty have words of their own
    with on_disk(url) as path:
        with open(path, "rb") as file:
            if ends_early(file, os.path.getsize(path)):  # libheif fills what is missing with black
                raise UnreadableMedia("is cut off", where=url, do="copy it again from the source")
        try:
            yield pillow_heif.open_heif(path, convert_hdr_to_8bit=False)
        except UnreadableMedia:
            raise
        except (ValueError, RuntimeError, OSError, SyntaxError, EOFError) as error:
            reason = " ".join(str(error).split())[:200]
            raise UnreadableMedia(
                f"is no HEIC picture, or is damaged ({reason})", where=url, do="copy it again from the source"
            ) from error


def _pixel_format(image: Any) -> PixelFormat:
    """The format of its codes as stored: 8 bits, or 10 and 12 in 16."""
    mode, bits = image.mode.partition(";")[0], int(image.info.get("bit_depth", 8))
    color, alpha = mode.startswith("RGB"), mode.endswith(("A", "a"))
    family = ("gbrap" if alpha else "gbrp") if color else ("ya" if alpha else "gray")
    name = family + ("" if bits == 8 and family != "ya" else "8" if bits == 8 else f"{bits}le")
    return PixelFormat(
        name, "rgb" if color else "gray", bits, "uint8" if bits == 8 else "uint16", alpha=alpha
    )


def _alpha(image: Any) -> Any:
    if not image.mode.partition(";")[0].endswith(("A", "a")):
        return None
    return "premultiplied" if "a" in image.mode or image.info.get("premultiplied_alpha") else "straight"


def _exif(image: Any) -> dict[str, Any]:
    """What a phone says of itself, by OpenImageIO's names."""
    from PIL import ExifTags, Image

    exif = Image.Exif()
    try:
        exif.load(image.info.get("exif") or b"")
        inner = exif.get_ifd(ExifTags.IFD.Exif)
    except Exception:  # a damaged note is no reason to refuse a picture
        return {}
    named = {
        "Make": exif.get(ExifTags.Base.Make),
        "Model": exif.get(ExifTags.Base.Model),
        "Exif:BodySerialNumber": inner.get(ExifTags.Base.BodySerialNumber),
        "Exif:PhotographicSensitivity": inner.get(ExifTags.Base.ISOSpeedRatings),
        "Exif:LensModel": inner.get(ExifTags.Base.LensModel),
        "Exif:FocalLength": inner.get(ExifTags.Base.FocalLength),
        "DateTime": exif.get(ExifTags.Base.DateTime),
    }
    return {name: value for name, value in named.items() if value}
