"""Which fields a DPX file's header has, and where the pixels begin (SMPTE ST 268-1)."""

from __future__ import annotations

import struct

__all__ = ["HEAD_BYTES", "absent_entries", "corrected_head", "orientation"]

HEAD_BYTES = 2048

_NO_OFFSETS = (0, 0xFFFFFFFF)
_LEAST_OFFSET = 1408  # the file's and the picture's headers end here: no pixels can be before
_ORIENTATION = 768
_ELEMENT_OFFSET, _ELEMENT_BYTES = 808, 72  # where the first picture element says its data begin, and the next

# Where the fields end that a file need not have, by OpenImageIO's names.
_FIELD_ENDS = {
    "dpx:SourceImageFileName": 1532,
    "dpx:SourceDateTime": 1556,
    "dpx:InputDevice": 1588,
    "dpx:InputDeviceSerialNumber": 1620,
    "PixelAspectRatio": 1636,
    "dpx:XScannedSize": 1640,
    "dpx:YScannedSize": 1644,
    "smpte:KeyCode": 1680,
    "dpx:Format": 1712,
    "dpx:FramePosition": 1716,
    "dpx:SequenceLength": 1720,
    "dpx:HeldCount": 1724,
    "dpx:FrameRate": 1728,
    "dpx:ShutterAngle": 1732,
    "dpx:FrameId": 1764,
    "dpx:SlateInfo": 1864,
    "smpte:TimeCode": 1924,
    "dpx:TimeCode": 1924,
    "dpx:UserBits": 1928,
    "dpx:Interlace": 1929,
    "dpx:FieldNumber": 1930,
    "dpx:VideoSignal": 1931,
    "dpx:Signal": 1931,
    "dpx:HorizontalSampleRate": 1936,
    "dpx:VerticalSampleRate": 1940,
    "dpx:TemporalFrameRate": 1944,
    "dpx:TimeOffset": 1948,
    "dpx:Gamma": 1952,
    "dpx:BlackLevel": 1956,
    "dpx:BlackGain": 1960,
    "dpx:BreakPoint": 1964,
    "dpx:WhiteLevel": 1968,
    "dpx:IntegrationTimes": 1972,
    "dpx:UserData": 2049,
}


def absent_entries(head: bytes) -> frozenset[str]:
    """The entries that OpenImageIO reads out of pixels, since the picture begins before their place ends.

    FFmpeg, and much that is built on it, writes neither a film nor a television header: its pixels begin at
    byte 1664.
    """
    begins = _begins(head)
    if begins is None:
        return frozenset()
    return frozenset(name for name, end in _FIELD_ENDS.items() if end > begins)


def corrected_head(head: bytes, size_bytes: int) -> bytes | None:
    """The head with the offset of the first picture element that the file's own header gives; None where the
    two agree already, or the file's is no better.

    OpenImageIO reads from the element's offset. Scanners leave it 0, undefined or wrong, while the file's own
    is right (RAWcooked issues 219 and 233), which is what FFmpeg and others go by.
    """
    begins = _begins(head)
    if begins is None:
        return None
    turned, elements = struct.unpack_from(_order(head) + "HH", head, _ORIENTATION)
    if 4 <= turned <= 7:
        # Of these OpenImageIO takes the length of lines for their number, and the pixels fall apart.
        flat = head[:_ORIENTATION] + bytes(2) + head[_ORIENTATION + 2 :]
        return corrected_head(flat, size_bytes) or flat
    told = struct.unpack_from(_order(head) + "I", head, _ELEMENT_OFFSET)[0]
    if begins >= size_bytes or told == begins or (elements > 1 and begins < told < size_bytes):
        return None
    return head[:_ELEMENT_OFFSET] + struct.pack(_order(head) + "I", begins) + head[_ELEMENT_OFFSET + 4 :]


def orientation(head: bytes) -> int:
    """Exif's number of a picture's orientation: DPX has the same eight in another order (ST 268-1, 5.2)."""
    if len(head) < _ORIENTATION + 2:
        return 1
    told = struct.unpack_from(_order(head) + "H", head, _ORIENTATION)[0]
    return (1, 2, 4, 3, 5, 6, 8, 7)[told] if told < 8 else 1


def _begins(head: bytes) -> int | None:
    """Where pixels begin by the file's header, or else by the first element's; None where neither can be."""
    if len(head) < _ELEMENT_OFFSET + _ELEMENT_BYTES:
        return None
    told = (
        struct.unpack_from(_order(head) + "I", head, 4)[0],
        struct.unpack_from(_order(head) + "I", head, _ELEMENT_OFFSET)[0],
    )
    return next((offset for offset in told if offset not in _NO_OFFSETS and offset >= _LEAST_OFFSET), None)


def _order(head: bytes) -> str:
    return ">" if head[:4] == b"SDPX" else "<"
