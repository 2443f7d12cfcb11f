"""Packets of bytes for decoders."""

from __future__ import annotations

from typing import Any

import av

__all__ = ["packet_of"]


def packet_of(data: bytes) -> Any:
    """A PyAV packet with a copy of the bytes, and with the padding that decoders read into.

    ``av.Packet(data)`` has no padding, and lends FFmpeg the bytes themselves: the decoder's threads
    wait for Python's lock to give them back, while who frees the decoder holds it and waits for the threads.
    """
    packet: Any = av.Packet(len(data))
    if data:
        memoryview(packet)[:] = data
    return packet
