"""Which packets of VP8 and VP9 no picture comes of: frames that others refer to and that are never shown.

Encoders put them in packets of their own, or for VP9 together with the next picture in a superframe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["VPX", "is_hidden"]

VPX = ("vp8", "vp9")


def is_hidden(codec: str, packet: bytes) -> bool:
    """Whether nothing is shown of a packet."""
    if codec == "vp8":  # RFC 6386, 9.1
        return bool(packet) and not packet[0] >> 4 & 1
    return codec == "vp9" and bool(packet) and not any(map(_is_shown, _frames(packet)))


def _is_shown(frame: bytes) -> bool:
    """VP9 Bitstream & Decoding Process Specification, 6.2: the first bits of the uncompressed header."""
    if not frame:
        return False
    bits = [frame[0] >> at & 1 for at in range(7, -1, -1)] + [frame[1] >> 7 if len(frame) > 1 else 0]
    at = 5 if bits[2] and bits[3] else 4  # profile 3 has a reserved bit
    show_existing, _, show = bits[at], bits[at + 1], bits[at + 2]
    return bool(show_existing or show)


def _frames(packet: bytes) -> Iterator[bytes]:
    """The frames of a superframe (annex B); a packet that is none is one frame."""
    marker = packet[-1]
    if marker & 0xE0 == 0xC0:
        count, width = (marker & 7) + 1, (marker >> 3 & 3) + 1
        length = 2 + count * width
        if len(packet) >= length and packet[-length] == marker:
            begin = 0
            for at in range(len(packet) - length + 1, len(packet) - 1, width):
                size = int.from_bytes(packet[at : at + width], "little")
                yield packet[begin : begin + size]
                begin += size
            return
    yield packet
