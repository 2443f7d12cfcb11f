"""The sound of a range of a clip as packets to copy: PCM cut to the sample, other sound to the packet."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from mediadask.clips.packet import packet_of
from mediadask.clips.packets import damage, only, opened
from mediadask.clips.spans import parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mediadask.clips import AudioStream, Clip

__all__ = ["sound_packets"]

_SEEK_SECONDS = Fraction(1, 4)  # containers' tables of sound are coarse


def sound_packets(
    clip: Clip, number: int, begin: Fraction, end: Fraction, stream: Any, *, early: Fraction
) -> Iterator[tuple[Fraction, Any]]:
    """Packets of one sound stream with their times in the copy, and the moment (seconds) they begin at.

    Parameters
    ----------
    number
        Which of the clip's sound streams.
    begin, end
        Seconds from the clip's first frame; `begin` is the copy's 0.
    stream
        The copy's.
    early
        Seconds of encoded sound to copy before `begin`, from which the decoder's first good sample comes.
    """
    index, said = clip.index, clip.header.audio[number]
    pieces = parts(clip)
    joints = [sum(map(len, pieces[:count])) for count in range(len(pieces))]
    starts = [int(index.frame_pts[joint] - index.frame_pts[0]) * index.time_base for joint in joints]
    edges = [min(begin, starts[0]), *starts[1:], max(end, starts[-1])]
    for piece, start, (low, high) in zip(pieces, starts, pairwise(edges), strict=True):
        low, high = max(low, begin), min(high, end)
        if low >= high:
            continue
        with opened(piece.url) as container:
            track = container.streams[piece.header.audio[number].index]
            zero = int(piece.index.frame_pts[0]) * piece.index.time_base
            with damage(piece.url):
                _seek(container, track, zero + low - start - early - _SEEK_SECONDS)
            packets = (packet for packet in only(piece.url, container, track) if packet.pts is not None)
            size = _sample_bytes(said, track)
            if size:
                cut = _samples(packets, said.rate, size, zero, start, (low, high), begin)
            else:
                opening = low - early if low == begin else low
                cut = _whole(packets, zero - start, (opening, high), begin)
            for packet in cut:
                packet.stream = stream
                yield packet.pts * packet.time_base, packet


def _seek(container: Any, track: Any, seconds: Fraction) -> None:
    # Not to the beginning: the packet that its first sample leans on lies before it.
    if (ticks := int(seconds / track.time_base)) > (track.start_time or 0):
        container.seek(ticks, stream=track)


def _sample_bytes(said: AudioStream, track: Any) -> int:
    """How many bytes one sample of all channels has, where sound can be cut between any two; else 0."""
    bits = re.fullmatch(r"pcm_[suf](\d+)(?:le|be)?", said.codec)
    exact = (Fraction(1, said.rate) / track.time_base).denominator == 1  # MKV's milliseconds are not
    return int(bits[1]) * said.channels // 8 if bits and exact else 0


def _samples(
    packets: Iterator[Any],
    rate: int,
    size: int,
    zero: Fraction,
    start: Fraction,
    span: tuple[Fraction, Fraction],
    begin: Fraction,
) -> Iterator[Any]:
    """PCM. A part's samples are counted from its own first frame, as `Clip.audio` counts them."""
    moved = round(start * rate)
    first, last = (round(edge * rate) - moved for edge in span)
    for packet in packets:
        at = round((packet.pts * packet.time_base - zero) * rate)
        if at >= last:
            return
        low, high = max(at, first), min(at + packet.size // size, last)
        if low < high:
            body = bytes(packet)[(low - at) * size : (high - at) * size]
            piece = packet_of(body)
            piece.pts = piece.dts = low + moved - round(begin * rate)
            piece.duration, piece.time_base, piece.is_keyframe = high - low, Fraction(1, rate), True
            yield piece


def _whole(
    packets: Iterator[Any], zero: Fraction, span: tuple[Fraction, Fraction], begin: Fraction
) -> Iterator[Any]:
    """Packets that begin inside the span."""
    for packet in packets:
        at = packet.pts * packet.time_base - zero
        if at >= span[1]:
            return
        if at >= span[0]:
            packet.pts = packet.dts = round((at - begin) / packet.time_base)
            yield packet
