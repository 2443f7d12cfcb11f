"""JPEG files that carry a gain map (Ultra HDR, ISO 21496-1): the picture that every reader shows."""

from __future__ import annotations

__all__ = ["without_gain_map"]

_SIGNS = (b"http://ns.adobe.com/hdr-gain-map/", b"urn:iso:std:iso:ts:21496:", b"hdrgm:")
_START_OF_SCAN, _STANDALONE = 0xDA, {0x01, *range(0xD0, 0xD9)}


def without_gain_map(data: bytes) -> bytes | None:
    """A JPEG file without the segments that announce a gain map; None where none does.

    OpenImageIO would make an HDR picture of the two, in ten times the time: 12 s for 12 million pixels.
    """
    kept, at, found = [data[:2]], 2, False
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == _START_OF_SCAN:
            break
        if marker == 0xFF or marker in _STANDALONE:
            length = 1 if marker == 0xFF else 2
        else:
            length = 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        segment = data[at : at + length]
        announces = marker in (0xE1, 0xE2) and any(sign in segment for sign in _SIGNS)
        found = found or announces
        if not announces:
            kept.append(segment)
        at += length
    return b"".join([*kept, data[at:]]) if found else None
