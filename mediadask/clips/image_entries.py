"""What the entries of an image's header mean: rate, timecode, color, whichever library has read them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from mediadask.clips.frame import ColorTags
from mediadask.clips.gamuts import gamut_named, is_gamut
from mediadask.errors import InvalidRequest
from mediadask.timecode import HIGHEST_RATE, Timecode

__all__ = [
    "Entry",
    "clean",
    "color_said",
    "entries_of",
    "pixel_aspect",
    "rate_said",
    "shown",
    "timecode_said",
    "word",
]

_INTEROP = {  # color interop IDs (ASWF Color Interop Forum) are transfer_primaries_state
    "rec709": "bt709", "rec2020": "bt2020", "p3d65": "smpte432", "ap0": "ap0", "ap1": "ap1",
    "lin": "linear", "srgb": "iec61966-2-1", "g22": "gamma22", "g24": "gamma24", "pq": "smpte2084",
    "hlg": "arib-std-b67",
}  # fmt: skip
_DPX_WORDS = {
    "Linear": "linear",
    "Printing density": "printing density",
    "Logarithmic": "log",
    "ITU-R 709-4": "bt709",
    "SMPTE 274M": "bt709",
}

Entry = str | int | float | tuple[float, ...]


def entries_of(spec: Any) -> dict[str, Entry]:
    """A header's entries of the kinds that are read here: text, numbers, and rows of numbers.

    OpenImageIO gives arrays and bytes for types that it does not know, whatever the entry's name.
    """
    every = ((clean(entry.name), clean(entry.value)) for entry in spec.extra_attribs)
    return {name: value for name, value in every if isinstance(value, str | int | float | tuple) and name}


def word(entries: dict[str, Entry], *names: str) -> str | None:
    """The first of the named entries that is text, and not empty."""
    return next((value for name in names if isinstance(value := entries.get(name), str) and value), None)


def pixel_aspect(entries: dict[str, Entry]) -> Fraction:
    """Width over height of a pixel; 1 where that is not said, or makes no sense."""
    value = entries.get("PixelAspectRatio")
    if not isinstance(value, float | int) or not 0.01 <= value <= 100:
        return Fraction(1)
    return Fraction(value).limit_denominator(1000)


_RATES = (
    "framesPerSecond", "FramesPerSecond", "dpx:FrameRate", "dpx:TemporalFrameRate", "cineon:FrameRate",
)  # fmt: skip
_LOWEST_RATE = 0.01
"""Frames a second. Fields that nobody has filled hold numbers like 9e-41."""


def rate_said(entries: dict[str, Entry]) -> Fraction | None:
    """Frames a second, of the first entry that makes sense."""
    said = (_as_rate(entries.get(name)) for name in _RATES)
    return next(filter(None, said), None)


def _as_rate(value: Entry | None) -> Fraction | None:
    """Decimals such as 23.976 become the rational they stand for."""
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(part, int) for part in value):
        exact = Fraction(*map(int, value)) if value[1] else Fraction(0)
        return exact if _LOWEST_RATE <= exact <= HIGHEST_RATE else None
    if not isinstance(value, float | int) or not _LOWEST_RATE <= value <= HIGHEST_RATE:
        return None
    whole = round(value)
    candidates = (Fraction(whole), Fraction(whole * 1000, 1001))
    near = min(candidates, key=lambda rate: abs(float(rate) - value))
    return near if abs(float(near) - value) < 0.002 else Fraction(value).limit_denominator(1001)


def timecode_said(entries: dict[str, Entry], rate: Fraction) -> str | None:
    """The label that packed timecode stands for; None where it is none."""
    packed = entries.get("smpte:TimeCode")
    try:
        return str(Timecode.unpacked(int(packed[0]), rate)) if isinstance(packed, tuple) else None
    except (
        InvalidRequest,
        ValueError,
        OverflowError,
    ):  # left blank, or of another rate: it stays among the tags
        return None


def color_said(file_type: str, entries: dict[str, Entry]) -> ColorTags:
    """What the header says outright; what a program would assume of the file type is not said."""
    primaries = transfer = chromaticities = None
    if file_type == "exr":
        transfer = "linear"  # by the definition of OpenEXR
        stated = entries.get("chromaticities")
        if isinstance(stated, tuple) and len(stated) == 8 and is_gamut(stated):
            primaries = gamut_named(stated)
            chromaticities = tuple(map(float, stated))
        elif entries.get("acesImageContainerFlag"):
            primaries = "ap0"  # SMPTE ST 2065-4
    elif file_type == "cineon":
        transfer = "log"  # printing density
    elif file_type == "dpx":
        transfer = _DPX_WORDS.get(word(entries, "dpx:Transfer") or "")
        primaries = _DPX_WORDS.get(word(entries, "dpx:Colorimetric") or "") and "bt709"
    words = [_INTEROP.get(word) for word in str(entries.get("colorInteropID", "")).split("_")[:2]]
    if len(words) == 2:
        transfer, primaries = words[0] or transfer, words[1] or primaries
    return ColorTags(
        range="full",
        primaries=primaries,
        transfer=transfer,
        chromaticities=None if primaries else chromaticities,
    )


def clean(value: Any) -> Any:
    """Header text need not be text: blank DPX fields are bytes of 255."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "ignore").strip("\0 ")


def shown(value: Any) -> str:
    """An entry as the text of a tag."""
    if not isinstance(value, tuple):
        return str(value)
    return " ".join(f"{item:g}" if isinstance(item, int | float) else str(clean(item)) for item in value)
