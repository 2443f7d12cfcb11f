"""What the first packet of a clip says for all that follow: a decoder that begins elsewhere is told it, too.

Encoders write some things once, where a player begins. A decoder that has not seen them may refuse what
follows, or make other pictures of it without a word.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mediadask.clips.h264 import whole_units

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["CODECS", "lead_in", "led"]

_PARAMETER_SETS = {"h264": (7, 8, 13), "hevc": (32, 33, 34)}
_SEI, _USER_DATA = 6, 5
_TABLES = (0xDB, 0xC4)  # JPEG's quantization and Huffman tables


def lead_in(codec: str, packet: bytes, extradata: bytes) -> bytes:
    """What to put before a packet that a decoder begins with, from the clip's first packet; empty where that
    has nothing of the kind."""
    of = CODECS.get(codec)
    return of(packet, extradata) if of else b""


def led(codec: str, lead: bytes, packet: bytes) -> bytes:
    """A packet with its lead-in; without, where it has its own."""
    if codec == "mjpeg" and all(marker in _markers(packet) for marker in _TABLES):
        return packet
    return lead + packet


def _h264(packet: bytes, extradata: bytes) -> bytes:
    """x264's note of its own version, and parameter sets that only the first packet has.

    FFmpeg decodes around faults of x264 (4:4:4 before core 151, direct prediction before core 34), and knows
    the version from that note alone (libavcodec/h264_sei.c).
    """
    return b"".join(
        head + unit
        for head, unit in whole_units("h264", packet, extradata)
        if (unit[0] & 31 == _SEI and unit[1:2] == bytes([_USER_DATA]) and b"x264" in unit[:64])
        or (unit[0] & 31 in _PARAMETER_SETS["h264"] and unit not in extradata)
    )


def _hevc(packet: bytes, extradata: bytes) -> bytes:
    return b"".join(
        head + unit
        for head, unit in whole_units("hevc", packet, extradata)
        if unit[0] >> 1 & 63 in _PARAMETER_SETS["hevc"] and unit not in extradata
    )


def _mpeg12(packet: bytes, extradata: bytes) -> bytes:
    """The sequence header with its extensions and user data, which FFmpeg knows TMPGEnc by (H.262, 6.2.2)."""
    return _until(re.compile(rb"\x00\x00\x01[\x00\xb8]"), rb"\x00\x00\x01\xb3", packet)


def _mpeg4(packet: bytes, extradata: bytes) -> bytes:
    """Layer headers with user data, by which FFmpeg knows the faults of Xvid and DivX (ISO/IEC 14496-2)."""
    return _until(re.compile(rb"\x00\x00\x01[\xb6\xb3]"), rb"\x00\x00\x01[\x20-\x2f\xb0\xb2]", packet)


def _until(end: re.Pattern[bytes], begin: bytes, packet: bytes) -> bytes:
    first, picture = re.search(begin, packet), end.search(packet)
    if first is None or picture is None or first.start() > picture.start():
        return b""
    return packet[first.start() : picture.start()]


def _mjpeg(packet: bytes, extradata: bytes) -> bytes:
    """A JPEG of tables alone (ITU-T T.81, B.5), for pictures that have none of their own."""
    tables = b"".join(segment for marker, segment in _segments(packet) if marker in _TABLES)
    return b"\xff\xd8" + tables + b"\xff\xd9" if tables else b""


def _markers(packet: bytes) -> set[int]:
    return {marker for marker, _ in _segments(packet)}


def _segments(packet: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and bytes of each segment before the scan."""
    at = 2
    while at + 4 <= len(packet) and packet[at] == 0xFF and packet[at + 1] != 0xDA:
        length = 2 + int.from_bytes(packet[at + 2 : at + 4], "big")
        yield packet[at + 1], packet[at : at + length]
        at += length


CODECS: dict[str, Callable[[bytes, bytes], bytes]] = {
    "h264": _h264,
    "hevc": _hevc,
    "mpeg1video": _mpeg12,
    "mpeg2video": _mpeg12,
    "mpeg4": _mpeg4,
    "mjpeg": _mjpeg,
}
