"""The options of proxies, and one that all outputs have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from mediadask.choices import OnCorrupt, ProxyCodec, listed
from mediadask.options import Option

__all__ = ["Lut", "OnCorruptChoice", "ProxyOptions", "Size"]

Size = str | int | tuple[int, int] | None
"""``"1080p"`` or a (width, height) box to fit inside, a height in rows, or None for the clip's own size."""

OnCorruptChoice = Annotated[OnCorrupt, Option("What a frame that does not decode becomes.")]

# A file, or a `Color`: who only asks for help must not wait for it.
Lut = Annotated[Any, Option("A LUT that OpenColorIO reads, for viewing.", metavar="FILE")]


@dataclass(frozen=True)
class ProxyOptions:
    """How proxies are made."""

    codec: Annotated[
        ProxyCodec, Option(f"What proxies are encoded as: {listed(ProxyCodec)}.", metavar="NAME")
    ] = "h264"
    size: Annotated[Size, Option("1080p, 1280x720, 540. Default: the clip's own.")] = None
    lut: Lut = None
    options: Annotated[
        Mapping[str, Any],
        Option("An encoder's: crf=18. Repeatable.", names=("--option",), metavar="NAME=VALUE"),
    ] = field(default_factory=dict)
    on_corrupt: OnCorruptChoice = "fail"
