"""The checksums of FFV1: FFmpeg fills a slice that they do not fit from the picture before, silently."""

from __future__ import annotations

import zlib

__all__ = ["is_damaged"]

# RFC 9043 4.5 (slice footer): slice_size of 3 bytes, and with error correction also a status and a CRC.
_SIZE_BYTES, _FOOTER_BYTES = 3, 8
_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def is_damaged(packet: bytes) -> bool:
    """Whether a packet of FFV1 version 3 has a slice that its checksum does not fit, or slices out of place.

    False where its slices have no checksums.
    """
    slices = _slices(packet, _FOOTER_BYTES)
    if slices is not None:
        return any(_remainder(packet[start:stop]) for start, stop in slices)
    return _slices(packet, _SIZE_BYTES) is None


def _slices(packet: bytes, footer_bytes: int) -> list[tuple[int, int]] | None:
    """Where slices begin and end, last one first, found by their footers; None if these do not add up."""
    found, stop = [], len(packet)
    while stop >= footer_bytes:
        footer = stop - footer_bytes
        start = footer - int.from_bytes(packet[footer : footer + _SIZE_BYTES], "big")
        found.append((start, stop))
        stop = start
    return found if stop == 0 else None


def _remainder(piece: bytes) -> int:
    """0 for a whole slice: CRC-32 with the highest bit first, begun with 0 (RFC 9043 4.5.3).

    zlib's has the lowest bit first, and inverts what it begins and ends with.
    """
    return zlib.crc32(piece.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
