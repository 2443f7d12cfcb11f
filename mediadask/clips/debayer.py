"""Mosaics to pictures, through LibRaw: scene-linear ACES2065-1, balanced as shot."""

from __future__ import annotations

import io
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mediadask.clips.frame import ColorTags, PixelFormat
from mediadask.errors import InvalidRequest, UnreadableMedia, UnsupportedMedia

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    import numpy.typing as npt

__all__ = [
    "COLOR",
    "METHODS",
    "PICTURE",
    "camera_rgb",
    "debayer_method",
    "developed",
    "mosaic_of",
    "opened_raw",
]

METHODS = ("ahd", "aahd", "dcb", "dht", "linear", "ppg", "vng")
"""LibRaw's ways from a mosaic to a picture that are under its own license; the first is the default."""

PICTURE = PixelFormat("gbrp16le", "rgb", 16, "uint16")
COLOR = ColorTags(range="full", primaries="ap0", transfer="linear")
"""What `developed` gives. White, 65535, is where the first channel of a white object would clip."""


def debayer_method(choices: Mapping[str, str], url: str) -> str | None:
    """The method that ``?debayer=`` behind a name chooses; None for ``none``, which is the mosaic.

    Raises
    ------
    InvalidRequest
        If there is no such method.
    """
    method = choices.get("debayer", METHODS[0]).lower()
    if method == "none":
        return None
    if method not in METHODS:
        raise InvalidRequest(f"no debayer {method!r}", where=url, do=f"use {', '.join(METHODS)}, or none")
    return method


@contextmanager
def opened_raw(source: Any, url: str) -> Iterator[Any]:
    """A raw picture open in LibRaw, its header read; `source` is a path or an open file.

    Raises
    ------
    UnreadableMedia
        If it is damaged.
    UnsupportedMedia
        If LibRaw does not read its kind.
    """
    import rawpy  # only who opens raw pictures waits for it

    raw = rawpy.RawPy()
    try:
        if isinstance(source, str):
            raw.open_file(source)
        else:
            raw.open_buffer(source)
        yield raw
    except (rawpy.LibRawFileUnsupportedError, rawpy.NotSupportedError) as error:
        what = f"is a raw picture of a kind that LibRaw does not read ({_reason(error)})"
        raise UnsupportedMedia(what, where=url, do="make EXR or TIFF of it first") from error
    except rawpy.LibRawError as error:
        raise UnreadableMedia(f"does not decode ({_reason(error)})", where=url) from error
    finally:
        raw.close()


def developed(raw: Any, method: str) -> npt.NDArray[np.uint16]:
    """(height, width, 3) uint16, scene-linear ACES2065-1 R, G, B of an open raw picture.

    Black and white levels are the file's. Nothing depends on what else is in the picture, so that frames of a
    sequence match: no automatic brightness, and no white level from the brightest pixel.
    """
    import rawpy

    raw.unpack()
    picture: npt.NDArray[np.uint16] = raw.postprocess(
        demosaic_algorithm=rawpy.DemosaicAlgorithm[method.upper()],
        use_camera_wb=True,
        output_color=rawpy.ColorSpace.ACES,
        output_bps=16,
        gamma=(1, 1),
        no_auto_bright=True,
        adjust_maximum_thr=0.0,
        user_flip=0,  # frames are as stored
    )
    return picture


def camera_rgb(
    mosaic: npt.NDArray[np.uint16], pattern: bytes, bits: int, method: str, url: str
) -> npt.NDArray[np.uint16]:
    """(height, width, 3) uint16 R, G, B as the camera saw them: debayered, and nothing else.

    Parameters
    ----------
    mosaic
        (height, width) codes.
    pattern
        The colors of the first two rows' first two columns: 0 red, 1 green, 2 blue.
    bits
        Of a code; the highest becomes 65535.
    """
    import rawpy

    with opened_raw(io.BytesIO(_as_dng(mosaic, pattern, bits)), url) as raw:
        raw.unpack()
        picture: npt.NDArray[np.uint16] = raw.postprocess(
            demosaic_algorithm=rawpy.DemosaicAlgorithm[method.upper()],
            user_wb=[1, 1, 1, 1],
            output_color=rawpy.ColorSpace.raw,
            output_bps=16,
            gamma=(1, 1),
            no_auto_bright=True,
            adjust_maximum_thr=0.0,
            user_flip=0,
        )
    return picture


def _as_dng(mosaic: npt.NDArray[np.uint16], pattern: bytes, bits: int) -> bytes:
    """The smallest DNG that LibRaw takes: it debayers files alone."""
    height, width = mosaic.shape
    one = struct.pack("<ii", 1, 1)
    none = struct.pack("<ii", 0, 1)
    identity = b"".join(one if at % 4 == 0 else none for at in range(9))
    byte, short, long, signed = 1, 3, 4, 10
    tags: list[tuple[int, int, int, bytes | int]] = [
        (254, long, 1, 0), (256, long, 1, width), (257, long, 1, height), (258, short, 1, 16),
        (259, short, 1, 1), (262, short, 1, 32803), (273, long, 1, 0), (277, short, 1, 1),
        (278, long, 1, height), (279, long, 1, mosaic.nbytes), (33421, short, 2, b"\2\0\2\0"),
        (33422, byte, 4, pattern), (50706, byte, 4, b"\1\4\0\0"), (50714, long, 1, 0),
        (50717, long, 1, (1 << bits) - 1), (50721, signed, 9, identity),
    ]  # fmt: skip
    after = 8 + 2 + 12 * len(tags) + 4
    begin = after + len(identity)
    directory = struct.pack("<H", len(tags))
    for number, kind, count, value in tags:
        content = value if isinstance(value, bytes) else struct.pack("<I", begin if number == 273 else value)
        directory += struct.pack("<HHI", number, kind, count)
        directory += content if len(content) == 4 else struct.pack("<I", after)
    return b"II*\0" + struct.pack("<I", 8) + directory + bytes(4) + identity + mosaic.astype("<u2").tobytes()


def mosaic_of(raw: Any, url: str) -> npt.NDArray[np.uint16]:
    """(height, width) uint16: the sensor's codes, after the file's linearization.

    Raises
    ------
    UnsupportedMedia
        If the file holds no mosaic: its picture was debayered before.
    """
    raw.unpack()
    mosaic = raw.raw_image_visible
    if mosaic is None:
        raise UnsupportedMedia("holds no mosaic", where=url, do="leave out ?debayer=none")
    copy: npt.NDArray[np.uint16] = mosaic.copy()  # the memory is LibRaw's
    return copy


def _reason(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said) or type(error).__name__
