"""H.264 whose frames are coded as one picture or as two fields (PAFF), which no free encoder writes.

Main profile, CAVLC: the top of each picture is I_PCM, so that it comes out as it went in; the rest is
skipped, which repeats the pictures it refers to. Clause numbers are those of ITU-T H.264.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from mediadask import footage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy.typing as npt

__all__ = ["GOP", "HEIGHT", "WIDTH", "expected", "write"]

WIDTH, HEIGHT = 160, 96
GOP = 6
_CODED = 32  # rows at the top that every picture has of its own: one row of macroblocks in each field
_RATE = 25
_TYPES = {"P": 5, "B": 6, "I": 7}  # slice_type, table 7-6
_PCM = {"I": 25, "P": 30, "B": 48}  # mb_type of I_PCM in slices of each type, 7.4.5

Planes = tuple["npt.NDArray[np.uint8]", ...]


@dataclass(frozen=True)
class _Coded:
    number: int
    """In presentation order."""

    kind: str
    frame_num: int
    idr: bool


def _order(frames: int) -> Iterator[_Coded]:
    """Decode order of open GOPs: I0 P2 B1 P4 B3 I6 B5 P8 B7 …"""
    for references, number in enumerate(range(0, frames, 2)):
        yield _Coded(number, "P" if number % GOP else "I", references % 16, number == 0)
        if number:
            yield _Coded(number - 1, "B", (references + 1) % 16, False)


def _source(number: int) -> Planes:
    picture = av.VideoFrame.from_ndarray(footage.picture(number, WIDTH, HEIGHT))
    planes = picture.reformat(format="yuv420p").to_ndarray()
    chroma = planes[HEIGHT:].reshape(2, HEIGHT // 2, WIDTH // 2)
    return planes[:HEIGHT].copy(), chroma[0].copy(), chroma[1].copy()


def expected(frames: int, as_fields: Callable[[int], bool]) -> list[Planes]:
    """What a decoder must make of `write`, frame by frame."""
    pictures: dict[int, Planes] = {}
    for coded in _order(frames):
        own = _source(coded.number)
        if coded.kind == "I" and as_fields(coded.number):
            for number, plane in enumerate(own):  # the second field is P, and repeats the first
                rows = len(plane) * _CODED // HEIGHT
                top = plane[rows::2].astype(np.uint16)
                below = np.concatenate([top[1:], top[-1:]])
                # A quarter of a chroma sample further down: the fields lie apart by as much (8.4.1.4).
                plane[rows + 1 :: 2] = (6 * top + 2 * below + 4) // 8 if number else top
        elif coded.kind != "I":
            near = pictures[coded.number - 1 if coded.kind == "B" else coded.number - 2]
            far = pictures[coded.number + 1] if coded.kind == "B" else near
            for mine, before, after in zip(own, near, far, strict=True):
                rows = len(mine) * _CODED // HEIGHT
                mean = (before[rows:].astype(np.uint16) + after[rows:] + 1) // 2
                mine[rows:] = mean.astype(np.uint8)
        pictures[coded.number] = own
    return [pictures[number] for number in sorted(pictures)]


def write(
    path: Path, frames: int, *, as_fields: Callable[[int], bool], packets: int, marked: bool = True
) -> Path:
    """A clip in the container that the name asks for.

    Parameters
    ----------
    frames
        An odd number.
    as_fields
        Whether the picture of this number is coded as two fields, the top one first.
    packets
        How many a frame of two fields has: 1 or 2.
    marked
        Whether intra pictures say that decoding may begin with them.
    """
    raw = path.with_suffix(".h264")
    coded = [(which, _pictures(which, as_fields(which.number), marked)) for which in _order(frames)]
    raw.write_bytes(_parameter_sets() + b"".join(field for _, fields in coded for field in fields))
    with av.open(str(raw), format="h264") as source, av.open(str(path), "w") as out:
        stream: Any = out.add_stream_from_template(source.streams.video[0])
        stream.time_base = Fraction(1, 2 * _RATE)
        for at, (which, fields) in enumerate(coded):
            begin = _parameter_sets() if which.kind == "I" else b""
            bodies = fields if packets == 2 else (b"".join(fields),)
            for half, body in enumerate(bodies):
                packet: Any = av.Packet(begin + body if half == 0 else body)
                packet.stream, packet.time_base = stream, Fraction(1, 2 * _RATE)
                packet.pts, packet.dts = 2 * (which.number + 1) + half, 2 * at + half
                packet.duration = 2 // len(bodies)
                packet.is_keyframe = which.kind == "I" and half == 0
                out.mux(packet)
    raw.unlink()
    return path


def _pictures(coded: _Coded, as_fields: bool, marked: bool) -> tuple[bytes, ...]:
    """Access units of a frame: one, or one for each field."""
    planes = _source(coded.number)
    recovery = b""
    if coded.kind == "I" and marked:
        recovery = _unit(6, _Bits().bits(6, 8).bits(1, 8).bits(0b11000100, 8).stop())
    if not as_fields:
        return (_delimiter() + recovery + _slice(coded, coded.kind, planes, None),)
    second = "P" if coded.kind == "I" else coded.kind
    top = _slice(coded, coded.kind, tuple(plane[0::2] for plane in planes), False)
    bottom = _slice(coded, second, tuple(plane[1::2] for plane in planes), True)
    return _delimiter() + recovery + top, _delimiter() + bottom


def _slice(coded: _Coded, kind: str, planes: Planes, bottom: bool | None) -> bytes:
    """7.3.3 and 7.3.4; `bottom` None for a frame."""
    idr = coded.idr and not bottom
    reference = kind != "B"
    out = _Bits().golomb(0).golomb(_TYPES[kind]).golomb(0).bits(coded.frame_num, 4)
    out.bits(0, 1) if bottom is None else out.bits(0b10 | bottom, 2)
    if idr:
        out.golomb(0)
    # With each I that is no IDR the count of pictures goes on: 16 bits are more than enough.
    out.bits(2 * coded.number + bool(bottom), 16)
    if kind == "B":
        out.bits(1, 1)  # spatial direct prediction
    if kind != "I":
        out.bits(0, 1)  # as many references as usual
        if coded.kind == "I":
            out.bits(1, 1).golomb(0).golomb(0).golomb(3)  # the first field before others (8.2.4.3.1)
        else:
            out.bits(0, 1)
    if kind == "B":
        out.bits(0, 1)
    if reference:
        out.bits(0, 2 if idr else 1)
    out.golomb(0).golomb(1)  # no change of quantization, no deblocking
    rows = len(planes[0]) // 16
    own = rows if kind == "I" else rows * _CODED // HEIGHT
    for row in range(own):
        for column in range(WIDTH // 16):
            if kind != "I":
                out.golomb(0)
            out.golomb(_PCM[kind]).align()
            for plane, side in zip(planes, (16, 8, 8), strict=True):
                block = plane[row * side : (row + 1) * side, column * side : (column + 1) * side]
                out.raw(block.tobytes())
    if own < rows:
        out.golomb((rows - own) * (WIDTH // 16))
    return _unit((5 if idr else 1) | (0x60 if reference else 0), out.stop())


def _delimiter() -> bytes:
    return _unit(9, b"\xf0")


def _parameter_sets() -> bytes:
    """7.3.2.1 and 7.3.2.2: fields allowed, macroblocks of frames never paired, one picture late."""
    sps = _Bits().bits(77, 8).bits(0, 8).bits(30, 8).golomb(0).golomb(0)
    sps.golomb(0).golomb(12).golomb(2).bits(0, 1)
    sps.golomb(WIDTH // 16 - 1).golomb(HEIGHT // 32 - 1).bits(0b0010, 4)
    sps.bits(1, 1).bits(0b0000, 4).bits(1, 1).bits(1, 32).bits(2 * _RATE, 32).bits(1, 1).bits(0b000, 3)
    sps.bits(0b11, 2).golomb(0).golomb(0).golomb(10).golomb(10).golomb(1).golomb(2)
    pps = _Bits().golomb(0).golomb(0).bits(0b00, 2).golomb(0).golomb(0).golomb(0)
    pps.bits(0b000, 3).golomb(0).golomb(0).golomb(0).bits(0b100, 3)
    return _unit(0x67, sps.stop()) + _unit(0x68, pps.stop())


def _unit(head: int, payload: bytes) -> bytes:
    body = bytearray()
    zeros = 0
    for byte in payload:
        if zeros >= 2 and byte <= 3:
            body.append(3)  # emulation prevention, 7.4.1
            zeros = 0
        zeros = zeros + 1 if byte == 0 else 0
        body.append(byte)
    return b"\0\0\0\1" + bytes([head]) + bytes(body)


class _Bits:
    """Writes an RBSP bit by bit."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._rest, self._count = 0, 0

    def bits(self, value: int, count: int) -> _Bits:
        for at in range(count - 1, -1, -1):
            self._rest, self._count = self._rest << 1 | value >> at & 1, self._count + 1
            if self._count == 8:
                self._bytes.append(self._rest)
                self._rest = self._count = 0
        return self

    def golomb(self, value: int) -> _Bits:
        """ue(v), 9.1."""
        length = (value + 1).bit_length()
        return self.bits(value + 1, 2 * length - 1)

    def align(self) -> _Bits:
        return self.bits(0, -self._count % 8)

    def raw(self, data: bytes) -> _Bits:
        self._bytes += data
        return self

    def stop(self) -> bytes:
        self.bits(1, 1).align()
        return bytes(self._bytes)
