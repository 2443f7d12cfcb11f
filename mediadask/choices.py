"""What people choose by name, for the options and for the modules that do it. It imports nothing heavy."""

from __future__ import annotations

from typing import Any, Literal, get_args

__all__ = [
    "CONFIG",
    "Compression",
    "Conform",
    "CostsBy",
    "ExrSample",
    "Filter",
    "OnCorrupt",
    "PlateFormat",
    "ProxyCodec",
    "TurnaroundBy",
    "listed",
]

OnCorrupt = Literal["fail", "hold", "black"]
"""What stands in for a frame that does not decode: nothing (an error), the last good picture, or black."""

Filter = Literal["box", "triangle", "cubic", "mitchell", "lanczos3", "blackman-harris"]
"""``triangle`` is linear, ``cubic`` Catmull-Rom. All widen with the reduction, so that nothing aliases."""

CONFIG = "ocio://studio-config-v5.0.0_aces-v2.1_ocio-v2.6"
"""The config used where none is named: in full, so that a recipe means the same next year."""

ProxyCodec = Literal["h264", "hevc", "av1", "prores", "dnxhr"]

PlateFormat = Literal["exr", "dpx10", "dpx16", "prores4444"]
"""``exr`` holds scene light; the others hold what cameras record: log, or a display's values."""

Compression = Literal["none", "zip", "zips", "piz", "dwaa", "htj2k"]
"""``none``, ``zip``, ``zips``, ``piz`` and ``htj2k`` keep every bit; ``dwaa`` does not."""

ExrSample = Literal["half", "float"]

Conform = Literal["real-time", "frames"]
"""How media of another rate plays where FCPXML leaves it open: as fast as it was shot; or frame for frame, at
the rate that Final Cut Pro conforms it to, 25 as 24."""

TurnaroundBy = Literal["priority", "show", "kind"]

CostsBy = Literal["show", "job", "priority", "kind"]


def listed(choices: Any) -> str:
    """The names of a `Literal` for people: ``half or float``."""
    *others, last = get_args(choices)
    return f"{', '.join(others)} or {last}"
