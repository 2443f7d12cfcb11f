"""What H.264's packets say and containers do not: the fields of a frame, and where decoding can begin.

Interlaced recordings (AVCHD) code a frame as one picture or as two fields, as suits each. MPEG-TS has a
packet for each field, and so has what is copied from it into other containers: counted by packets, a clip has
up to twice its frames. Clause numbers are those of ITU-T H.264 (08/2021).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from mediadask.clips.packet import packet_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "completes",
    "first_field",
    "frame_packets",
    "joined",
    "leads_alone",
    "leans_on_none",
    "may_split",
    "recovers",
    "whole_units",
]

_INTRA = 2, 4  # slice_type modulo 5, table 7-6
_IRAP = 16, 23  # ITU-T H.265, table 7-1
_SLICE, _SLICE_A, _IDR, _SEI, _SPS, _PPS = 1, 2, 5, 6, 7, 8  # nal_unit_type, table 7-1
_HEAD_BYTES = 64  # of a slice: far more than its header's beginning takes
_HIGH_PROFILES = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135}  # 7.3.2.1.1
_START = re.compile(b"\0\0\1")


def frame_packets(packets: Iterable[Any], stream: Any) -> Iterator[tuple[Any, Any]]:
    """PyAV packets, each with the one that holds the second field of its frame, or None.

    Packets of streams other than `stream` come with None.
    """
    fields = _fields_of(stream)
    if fields is None:
        yield from ((packet, None) for packet in packets)
        return
    first = None
    for packet in packets:
        if packet.stream_index != stream.index:
            yield packet, None
        elif fields.complete(bytes(packet)) and first is not None:
            yield first, packet
            first = None
        else:
            if first is not None:
                yield first, None
            first = packet
    if first is not None:
        yield first, None


def may_split(stream: Any) -> bool:
    """Whether a PyAV stream may have a packet for each field."""
    return _fields_of(stream) is not None


def completes(first: Any, second: Any, stream: Any) -> bool:
    """Whether two packets in a row are the fields of one frame."""
    return any(second_field is second for _, second_field in frame_packets((first, second), stream))


def first_field(packet: Any, stream: Any) -> Literal["top", "bottom"] | None:
    """Which field of a PyAV packet's frame is coded first; None for a frame that is one picture."""
    fields = _fields_of(stream)
    if fields is None:
        return None
    _, bottom = next(fields.pictures(bytes(packet)), (0, None))
    return None if bottom is None else "bottom" if bottom else "top"


def recovers(packet: Any, stream: Any) -> bool:
    """Whether decoding can begin at a PyAV packet that is marked as a key.

    FFmpeg also marks intra pictures that promise nothing (libavcodec/h264_parser.c, "non marked keyframes"),
    and its decoder then holds back what follows them. It marks every picture of a MOV whose table of keys is
    lost; H.265's say themselves what they are. True for other codecs.
    """
    codec = stream.codec_context.codec.canonical_name
    if codec == "hevc":
        return leans_on_none(packet, stream)
    if codec != "h264":
        return True
    units = _units(bytes(packet), _length_bytes(stream.codec_context.extradata or b""))
    return any(unit[:1] and (unit[0] & 31 == _IDR or _is_recovery_point(unit)) for unit in units)


def leans_on_none(packet: Any, stream: Any) -> bool:
    """Whether a PyAV packet is an intra picture of H.264, or a random access point of H.265; True for other
    codecs.
    """
    codec = stream.codec_context.codec.canonical_name
    if codec not in ("h264", "hevc"):
        return True
    units = [unit for _, unit in whole_units(codec, bytes(packet), stream.codec_context.extradata or b"")]
    if codec == "hevc":
        return any(_IRAP[0] <= unit[0] >> 1 & 63 <= _IRAP[1] for unit in units)
    return all(_slice_type(unit) in _INTRA for unit in units if unit[0] & 31 in (_SLICE, _SLICE_A, _IDR))


def _slice_type(unit: bytes) -> int:
    bits = _Bits(unit[1:_HEAD_BYTES])
    bits.golomb()  # first_mb_in_slice
    return bits.golomb() % 5


def leads_alone(codec: str, packet: bytes, stream: Any) -> bool:
    """Whether a packet of H.265 or H.266 is shown before the key that it follows, and needs no other: RADL
    pictures (ITU-T H.265 and H.266, table 5 and 7.4.2.2)."""
    if codec not in ("hevc", "vvc"):
        return False
    units = whole_units(codec, packet, stream.codec_context.extradata or b"")
    if codec == "hevc":
        return any(unit[0] >> 1 & 63 in (6, 7) for _, unit in units)
    return any(unit[1] >> 3 == 2 for _, unit in units if len(unit) > 1)


def joined(first: Any, second: Any) -> Any:
    """One packet of a frame's both fields, as ISO/IEC 14496-15 has it."""
    if second is None:
        return first
    packet = packet_of(bytes(first) + bytes(second))
    packet.stream = first.stream
    packet.time_base = first.time_base
    packet.pts, packet.dts = first.pts, first.dts
    packet.duration = first.duration + second.duration
    packet.is_keyframe = first.is_keyframe
    return packet


def _fields_of(stream: Any) -> _Fields | None:
    """None where a stream cannot have field pictures."""
    context = stream.codec_context
    if context is None or context.codec.canonical_name != "h264":
        return None
    fields = _Fields(context.extradata or b"")
    return fields if fields.possible else None


@dataclass(frozen=True)
class _Sequence:
    """What slice headers need of a sequence parameter set."""

    frame_num_bits: int
    separate_planes: bool
    frames_only: bool


class _Fields:
    """Follows a stream in decode order, and knows when a frame lacks its second field."""

    def __init__(self, extradata: bytes) -> None:
        self._sequences: dict[int, _Sequence] = {}
        self._pictures: dict[int, int] = {}  # sequence parameter set of each picture parameter set
        self._length_bytes = _length_bytes(extradata)
        self._half: tuple[int, bool] | None = None
        """frame_num, and whether it was the bottom field, of a frame that lacks the other."""
        for unit in _configured(extradata) if self._length_bytes else _units(extradata, 0):
            self._learn(unit)

    @property
    def possible(self) -> bool:
        """Whether there may be field pictures."""
        known = self._sequences.values()
        return not known or not all(sequence.frames_only for sequence in known)

    def complete(self, packet: bytes) -> bool:
        """Whether the packet begins with the second field of the frame that those before it began."""
        result: bool | None = None
        for frame_num, bottom in self.pictures(packet):
            # 7.4.1.2.4 and 3.30: the other parity of the same frame_num.
            second = bottom is not None and self._half == (frame_num, not bottom)
            result = second if result is None else result
            self._half = None if second or bottom is None else (frame_num, bottom)
        return bool(result)

    def pictures(self, packet: bytes) -> Iterator[tuple[int, bool | None]]:
        """frame_num of each coded picture in a packet, and whether it is a bottom field; None for a frame."""
        for unit in _units(packet, self._length_bytes):
            self._learn(unit)
            head = self._slice_head(unit)
            if head is not None and head[0] == 0:
                yield head[1:]
                if head[2] is None:
                    return

    def _slice_head(self, unit: bytes) -> tuple[int, int, bool | None] | None:
        """first_mb_in_slice, frame_num and whether it is of a bottom field (7.3.3); None where the unit is no
        slice, or its parameter sets are not there."""
        if not unit or unit[0] & 31 not in (_SLICE, _SLICE_A, _IDR):
            return None
        bits = _Bits(unit[1:_HEAD_BYTES])
        first_block, _, picture = bits.golomb(), bits.golomb(), bits.golomb()
        sequence = self._sequences.get(self._pictures.get(picture, -1))
        if sequence is None:
            return None
        if sequence.separate_planes:
            bits.take(2)
        frame_num = bits.take(sequence.frame_num_bits)
        if sequence.frames_only or not bits.take(1):
            return first_block, frame_num, None
        return first_block, frame_num, bool(bits.take(1))

    def _learn(self, unit: bytes) -> None:
        kind = unit[0] & 31 if unit else 0
        if kind == _SPS:
            number, sequence = _sequence(_Bits(unit[1:]))
            self._sequences[number] = sequence
        elif kind == _PPS:
            bits = _Bits(unit[1:_HEAD_BYTES])
            number = bits.golomb()
            self._pictures[number] = bits.golomb()


def _sequence(bits: _Bits) -> tuple[int, _Sequence]:
    """A sequence parameter set's number, and what is needed of it (7.3.2.1.1)."""
    profile = bits.take(8)
    bits.take(16)
    number = bits.golomb()
    separate = False
    if profile in _HIGH_PROFILES:
        chroma = bits.golomb()
        separate = chroma == 3 and bool(bits.take(1))
        bits.golomb()
        bits.golomb()
        bits.take(1)
        if bits.take(1):
            for at in range(12 if chroma == 3 else 8):
                if bits.take(1):
                    _skip_scaling_list(bits, 16 if at < 6 else 64)
    frame_num_bits = bits.golomb() + 4
    order = bits.golomb()
    if order == 0:
        bits.golomb()
    elif order == 1:
        bits.take(1)
        bits.golomb()
        bits.golomb()
        for _ in range(min(bits.golomb(), 255)):
            bits.golomb()
    bits.golomb()
    bits.take(1)
    bits.golomb()
    bits.golomb()
    return number, _Sequence(frame_num_bits, separate, bool(bits.take(1)))


def _skip_scaling_list(bits: _Bits, length: int) -> None:
    """7.3.2.1.1.1: it ends early where a scale becomes 0."""
    scale = 8
    for _ in range(length):
        scale = (scale + bits.signed_golomb()) % 256
        if scale == 0:
            return


def _is_recovery_point(unit: bytes) -> bool:
    """Whether a NAL unit has the message that decoding may begin here, payloadType 6 (7.3.2.3.1, D.1.8)."""
    at = 1
    while unit[0] & 31 == _SEI and at + 2 < len(unit):
        fields = []
        for _ in range(2):
            value = 0
            while unit[at : at + 1] == b"\xff":
                value, at = value + 255, at + 1
            fields.append(value + (unit[at] if at < len(unit) else 0))
            at += 1
        if fields[0] == 6:
            return True
        at += fields[1]
    return False


def _length_bytes(extradata: bytes) -> int:
    """How many bytes the length before each NAL unit has; 0 for start codes (ISO/IEC 14496-15 5.3.3.1.2)."""
    return (extradata[4] & 3) + 1 if extradata[:1] == b"\1" and len(extradata) > 4 else 0


def _configured(record: bytes) -> Iterator[bytes]:
    """The parameter sets of an AVCDecoderConfigurationRecord (ISO/IEC 14496-15 5.3.3.1.2)."""
    at = 5
    for mask in (31, 255):
        count, at = record[at : at + 1], at + 1
        for _ in range(count[0] & mask if count else 0):
            length = int.from_bytes(record[at : at + 2], "big")
            yield record[at + 2 : at + 2 + length]
            at += 2 + length


def _units(data: bytes, length_bytes: int) -> Iterator[bytes]:
    """NAL units, the beginnings of those that are long, by length or by start code (annex B)."""
    if not length_bytes:
        for start in _START.finditer(data):
            end = data.find(b"\0\0\1", start.end(), start.end() + 4096)
            yield data[start.end() : end if end >= 0 else start.end() + 4096]
        return
    at = 0
    while at + length_bytes < len(data):
        length = int.from_bytes(data[at : at + length_bytes], "big")
        yield data[at + length_bytes : at + length_bytes + min(length, 4096)]
        at += length_bytes + length


def whole_units(codec: str, packet: bytes, extradata: bytes) -> Iterator[tuple[bytes, bytes]]:
    """NAL units of H.264 or H.265 with what precedes each in a packet: its length, or a start code."""
    width = _length_bytes(extradata)
    if codec == "hevc":  # ISO/IEC 14496-15, 8.3.3.1.2
        width = (extradata[21] & 3) + 1 if extradata[:1] == b"\1" and len(extradata) > 22 else 0
    elif codec == "vvc":  # 11.2.4.2.2
        width = (extradata[0] >> 1 & 3) + 1 if extradata[:3] not in (b"", b"\0\0\1", b"\0\0\0") else 0
    if not width:
        starts = [match.start() for match in _START.finditer(packet)]
        for start, end in pairwise([*starts, len(packet)]):
            unit = packet[start + 3 : end].rstrip(b"\0")
            if unit:
                yield b"\0\0\0\1", unit
        return
    at = 0
    while at + width < len(packet):
        length = int.from_bytes(packet[at : at + width], "big")
        unit = packet[at + width : at + width + length]
        if unit:
            yield packet[at : at + width], unit
        at += width + length


class _Bits:
    """Reads a NAL unit's payload bit by bit; zeros follow its end."""

    def __init__(self, payload: bytes) -> None:
        payload = payload.replace(b"\0\0\3", b"\0\0")  # emulation prevention, 7.4.1
        self._value, self._left = int.from_bytes(payload, "big"), 8 * len(payload)

    def take(self, count: int) -> int:
        """The next bits, as a number."""
        self._left -= count
        shifted = self._value >> self._left if self._left >= 0 else self._value << -self._left
        return shifted & ((1 << count) - 1)

    def golomb(self) -> int:
        """ue(v), 9.1."""
        zeros = 0
        while zeros < 32 and not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)

    def signed_golomb(self) -> int:
        """se(v), 9.1.1."""
        code = self.golomb()
        return (code + 1) // 2 if code % 2 else -(code // 2)
