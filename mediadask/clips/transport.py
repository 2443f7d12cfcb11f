"""MPEG transport streams (ISO/IEC 13818-1): a picture's data lie in pieces between those of other streams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Place", "Places", "payload"]

_SYNC = 0x47
_PACKET_BYTES = 188
_PIECE_BYTES = _PACKET_BYTES - 4
_STEPS = (188, 192, 204)
"""Bytes from one transport packet to the next: alone; behind the 4 bytes of a time, as cameras and Blu-ray
have it; before 16 bytes that correct errors."""


@dataclass(frozen=True)
class Place:
    """Where a file has the data of one packet of a stream."""

    offset: int
    """The transport packet with the first of them."""

    stretch: int
    """Bytes from there to the end of the transport packet with the last of them."""

    before: int
    """Bytes that the first transport packet has of the stream before them."""


def payload(data: bytes, before: int, size: int) -> bytes:
    """`size` bytes of the stream that the first transport packet of `data` belongs to, without the `before`
    bytes ahead of them; fewer, or none, where `data` are no whole transport packets."""
    rest = len(data) - _PACKET_BYTES
    raw = np.frombuffer(data, np.uint8)
    for step in _STEPS:
        if rest >= 0 and rest % step == 0 and (raw[::step] == _SYNC).all():
            _, begin, end = _pieces(raw, step)
            pieces = [data[one:other] for one, other in zip(begin.tolist(), end.tolist(), strict=True)]
            return b"".join(pieces)[before : before + size]
    return b""


def _pieces(
    raw: npt.NDArray[np.uint8], step: int, pid: int | None = None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The transport packets that have some of a stream, and where its bytes in each begin and end (2.4.3).

    Parameters
    ----------
    pid
        The stream's number; None: the one of the first transport packet.
    """
    count = (len(raw) - _PACKET_BYTES) // step + 1
    flags, low, control, field = (raw[at::step][:count].astype(np.int64) for at in (1, 2, 3, 4))
    pids = (flags & 0x1F) << 8 | low
    mine = np.flatnonzero((pids == (pids[0] if pid is None else pid)) & (control & 0x10 > 0))
    end = mine * step + _PACKET_BYTES
    begin = mine * step + 4 + np.where(control[mine] & 0x20, 1 + field[mine], 0)
    starts = (flags[mine] & 0x40 > 0) & (begin + 9 <= end)
    begin[starts] += 9 + raw[begin[starts] + 8].astype(np.int64)  # the head of a PES packet
    full = begin < end
    return mine[full], begin[full], end[full]


class Places:
    """Finds packets of a stream in the file, one after the other as FFmpeg gives them."""

    def __init__(self, file: IO[bytes], pid: int) -> None:
        self._file, self._pid = file, pid
        self._step, self._at, self._before = 0, -1, 0
        self._lost = False

    def place(self, packet: Any, body: bytes) -> Place | None:
        """Where the file has the very bytes of `body`, which begin with the PyAV packet's; None where it has
        others, and for all that follow such a packet."""
        if self._lost:
            return None
        if self._at >= 0 and (place := self._found(body)) is not None:
            return place
        begins = packet.pos is not None and packet.pos >= 0  # else it is not the first of its PES packet
        steps = (self._step,) if self._step else _STEPS
        for step in steps if begins else ():  # FFmpeg tells of places as if times came last
            self._step, self._at, self._before = step, packet.pos + step - _PACKET_BYTES, 0
            if (place := self._found(body)) is not None:
                return place
        self._lost = True
        return None

    def _found(self, body: bytes) -> Place | None:
        """The place of `body`, if it comes next; no byte of the file is read that need not be."""
        step, needed = self._step, self._before + len(body)
        data, lacks = b"", needed
        while lacks > 0:
            self._file.seek(self._at + len(data))
            asked = -(-lacks // _PIECE_BYTES) * step
            more = self._file.read(asked)
            data += more
            if len(data) < _PACKET_BYTES or len(data) > _MOST_OVER * needed + _MOST_BETWEEN:
                return None
            at, begin, end = _pieces(np.frombuffer(data, np.uint8), step, self._pid)
            lengths = np.cumsum(end - begin)
            lacks = needed - int(lengths[-1]) if len(lengths) else needed
            if lacks > 0 and len(more) < asked:
                return None
        last = int(np.searchsorted(lengths, needed))
        first = int(at[0]) * step
        stretch = int(at[last]) * step + _PACKET_BYTES - first
        if payload(data[first : first + stretch], self._before, len(body)) != body:
            return None
        place = Place(self._at + first, stretch, self._before)
        left = int(lengths[last]) - needed
        self._before = int(end[last] - begin[last]) - left if left else 0
        self._at += int(at[last] if left else at[last] + 1) * step
        return place


_MOST_OVER, _MOST_BETWEEN = 16, 4 << 20
"""Where a stream has ended, or goes on elsewhere, it is not looked for in all the rest of the file."""
