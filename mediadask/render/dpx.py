"""DPX files (SMPTE ST 268-1), written by OpenImageIO, and what their headers say."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from fractions import Fraction
    from pathlib import Path

    import numpy.typing as npt

    from mediadask.timecode import Timecode

__all__ = ["read_text", "write_dpx"]

_FILE_NAME = slice(36, 136)
"""Where the header has the name of the file."""

_PROJECT = slice(260, 460)
"""Where the header has the name of the project."""


def write_dpx(
    path: Path,
    picture: npt.NDArray[Any],
    bits: int,
    *,
    text: str,
    source: str,
    rate: Fraction,
    timecode: Timecode | None,
    reel: str | None,
    frame: int,
    pixel_aspect: float = 1.0,
) -> None:
    """Write an R'G'B' picture.

    Parameters
    ----------
    picture
        (height, width, 3) float, 1.0 is the highest code; clipped to what codes there are, and rounded.
    bits
        10 or 16.
    text
        Goes where the header has the name of the project: at most 200 bytes.
    source, frame
        The clip it is from, and which frame of it.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    import OpenImageIO as oiio  # only who writes DPX waits for it

    height, width, _ = picture.shape
    peak = (1 << bits) - 1
    codes = (np.clip(picture, 0, 1) * np.float32(peak) + np.float32(0.5)).astype(np.uint16)
    if bits < 16:
        codes = codes << (16 - bits) | codes >> (2 * bits - 16)  # as OpenImageIO takes fewer bits
    spec = oiio.ImageSpec(width, height, 3, "uint16")
    spec.attribute("oiio:BitsPerSample", bits)
    spec.attribute("oiio:Endian", "big")
    entries = {
        "DocumentName": text,
        "Software": "mediadask",
        "DateTime": "1970:01:01 00:00:00",  # otherwise the time of writing: equal pictures are equal files
        "PixelAspectRatio": float(pixel_aspect),
        "dpx:SourceImageFileName": source,
        "dpx:FrameRate": float(rate),
        "dpx:TemporalFrameRate": float(rate),
        "dpx:FramePosition": frame,
        "dpx:InputDevice": reel or "",  # where conform systems look for the reel
    }
    for name, value in entries.items():
        spec.attribute(name, value)
    if timecode is not None:
        spec.attribute("smpte:TimeCode", "timecode", (timecode.packed, 0))
    out: Any = oiio.ImageOutput.create(str(path))
    written = out.open(str(path), spec) and out.write_image(np.ascontiguousarray(codes)) and out.close()
    if not written:
        raise OSError(out.geterror().strip() or "write failed")
    with path.open("r+b") as file:  # OpenImageIO notes the path: equal pictures would be other files
        file.seek(_FILE_NAME.start)
        file.write(bytes(_FILE_NAME.stop - _FILE_NAME.start))


def read_text(file: IO[bytes]) -> str | None:
    """What `write_dpx` had as `text`; None where it is no DPX file."""
    header = file.read(_PROJECT.stop)
    if header[:4] not in (b"SDPX", b"XPDS"):
        return None
    return header[_PROJECT].partition(b"\0")[0].decode(errors="replace")
