"""Chromaticities that have a name: of red, green, blue and white, as standards and makers publish them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["GAMUTS", "gamut_named", "is_gamut"]

_D65 = (0.3127, 0.3290)
_ACES_WHITE = (0.32168, 0.33767)

GAMUTS: dict[str, tuple[float, ...]] = {
    # In FFmpeg's words, with the figures of ITU-T H.273 table 2.
    "bt709": (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, *_D65),
    "bt2020": (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *_D65),
    "smpte432": (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, *_D65),
    "smpte431": (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.314, 0.351),
    "smpte170m": (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65),
    "bt470bg": (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, *_D65),
    "ap0": (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.0770, *_ACES_WHITE),  # SMPTE ST 2065-1
    "ap1": (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, *_ACES_WHITE),  # ACEScg, S-2014-004
    # The makers' white papers: ARRI "ALEXA Log C Curve" and "ARRI LogC4", RED "White Paper on
    # REDWideGamutRGB and Log3G10", Sony "Technical Summary for S-Gamut3.Cine/S-Log3", the ACES input
    # transforms of VENICE, Canon "Canon Log Gamma Curves", Panasonic "V-Log/V-Gamut Reference Manual",
    # Blackmagic "Generation 5 Color Science" and "DaVinci Resolve Wide Gamut Intermediate", Apple "Apple Log
    # 2", DJI "D-Log and D-Gamut".
    "arri wide gamut 3": (0.684, 0.313, 0.221, 0.848, 0.0861, -0.102, *_D65),
    "arri wide gamut 4": (0.7347, 0.2653, 0.1424, 0.8576, 0.0991, -0.0308, *_D65),
    "redwidegamutrgb": (0.780308, 0.304253, 0.121595, 1.493994, 0.095612, -0.084589, *_D65),
    "s-gamut3": (0.730, 0.280, 0.140, 0.855, 0.100, -0.050, *_D65),
    "s-gamut3.cine": (0.766, 0.275, 0.225, 0.800, 0.089, -0.087, *_D65),
    "venice s-gamut3": (0.740464, 0.279364, 0.089241, 0.893810, 0.110488, -0.052579, *_D65),
    "venice s-gamut3.cine": (0.775902, 0.274502, 0.188683, 0.828685, 0.101337, -0.089188, *_D65),
    "cinema gamut": (0.740, 0.270, 0.170, 1.140, 0.080, -0.100, *_D65),
    "v-gamut": (0.730, 0.280, 0.165, 0.840, 0.100, -0.030, *_D65),
    "bmd wide gamut": (
        0.7177215,
        0.3171181,
        0.2280410,
        0.8615690,
        0.1005841,
        -0.0820452,
        0.312717,
        0.3290312,
    ),
    "davinci wide gamut": (0.8000, 0.3130, 0.1682, 0.9877, 0.0790, -0.1155, *_D65),
    "apple wide gamut": (0.725, 0.301, 0.221, 0.814, 0.068, -0.076, *_D65),
    "d-gamut": (0.71, 0.31, 0.21, 0.88, 0.09, -0.08, *_D65),
    "adobe rgb": (0.64, 0.33, 0.21, 0.71, 0.15, 0.06, *_D65),
    "cie xyz": (1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1 / 3, 1 / 3),
}

_NEAR = 0.002
"""Files round, and some give a white of D65 with four digits and some with five."""


def is_gamut(chromaticities: Sequence[float]) -> bool:
    """Whether eight numbers can be chromaticities: three primaries that span a triangle, and a white."""
    if not np.isfinite(chromaticities).all():
        return False
    red, green, blue, white = np.reshape(chromaticities, (4, 2))
    area = float(np.linalg.det(np.stack([green - red, blue - red])))
    return abs(area) > 1e-4 and float(white[1]) > 0


def gamut_named(chromaticities: Sequence[float]) -> str | None:
    """The name of eight chromaticities; None where they are nobody's."""
    off = {name: float(np.abs(np.subtract(chromaticities, of)).max()) for name, of in GAMUTS.items()}
    best = min(off, key=lambda name: off[name])
    return best if off[best] < _NEAR else None
