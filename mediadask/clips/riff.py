"""The chunks of a WAV file: RIFF, and RF64 (EBU Tech 3306, ITU-R BS.2088) above 4 GB."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from mediadask.errors import UnreadableMedia, UnsupportedMedia

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["WavChunks", "WavFormat", "read_chunks", "read_format"]

_MOST_CHUNKS = 4096
_MOST_BYTES = 16 << 20  # of a chunk that is read whole
_UNKNOWN_SIZE = 0xFFFFFFFF
_KEPT = (b"fmt ", b"bext", b"iXML")
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_CODECS = {
    (_PCM, 1): "pcm_u8", (_PCM, 2): "pcm_s16le", (_PCM, 3): "pcm_s24le", (_PCM, 4): "pcm_s32le",
    (_FLOAT, 4): "pcm_f32le", (_FLOAT, 8): "pcm_f64le",
}  # fmt: skip
"""FFmpeg's names of samples, by format tag and bytes."""


@dataclass(frozen=True)
class WavChunks:
    """The parts of a WAV file that say what its sound is, and where the sound lies."""

    kept: dict[bytes, bytes]
    """The contents of ``fmt``, ``bext`` and ``iXML``, by name; the first of each."""

    offset: int
    """The first byte of the sound."""

    size: int
    """Bytes of the sound as the file says; more than there are in a copy cut short."""

    unfinished: bool
    """Whether the recorder never wrote the size: then all that follows is sound."""


@dataclass(frozen=True)
class WavFormat:
    """How samples lie in a file: interleaved, all channels of a moment together."""

    codec: str
    """FFmpeg's name: ``pcm_s24le``."""

    rate: int
    channels: int
    sample_bytes: int

    @property
    def block_bytes(self) -> int:
        """Bytes of one sample of every channel."""
        return self.channels * self.sample_bytes


def read_chunks(file: IO[bytes], size_bytes: int, url: str) -> WavChunks:
    """Find the chunks of an open file of `size_bytes`; the sound is not read.

    Raises
    ------
    UnreadableMedia
        If it is no WAV file, or has no format or no sound.
    """
    head = file.read(12)
    if head[:4] not in (b"RIFF", b"RF64", b"BW64") or head[8:12] != b"WAVE":
        raise UnreadableMedia("is no WAV file", where=url, do="copy it again from the source")
    kept: dict[bytes, bytes] = {}
    data: tuple[int, int] | None = None
    unfinished = False
    for name, offset, size in _walk(file, size_bytes):
        if name == b"data" and data is None:
            # A recorder that lost power leaves the size it began with.
            unfinished = size in (0, _UNKNOWN_SIZE) and size_bytes - offset > 8
            data = offset, size_bytes - offset if unfinished else size
            if unfinished:
                break
        elif name in _KEPT and name not in kept and size <= _MOST_BYTES:
            file.seek(offset)
            kept[name] = file.read(size)
    if b"fmt " not in kept or data is None:
        what = "format" if b"fmt " not in kept else "sound"
        raise UnreadableMedia(f"is a WAV file without {what}", where=url, do="copy it again from the source")
    return WavChunks(kept, *data, unfinished)


def _walk(file: IO[bytes], size_bytes: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, first byte and size of each chunk. Sizes that do not fit 32 bits come from ``ds64``."""
    at, large = 12, {}
    for _ in range(_MOST_CHUNKS):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            return
        name, size = head[:4], int.from_bytes(head[4:], "little")
        if name == b"ds64":
            large = _large_sizes(file.read(min(size, 1 << 16)))
        elif size == _UNKNOWN_SIZE:
            size = large.get(name, size)
        yield name, at + 8, size
        at += 8 + size + size % 2
        if at >= size_bytes:
            return


def _large_sizes(ds64: bytes) -> dict[bytes, int]:
    """Sizes by chunk name: three of 64 bits (file, data, samples), then a table of others."""
    if len(ds64) < 24:
        return {}
    sizes = {b"data": struct.unpack_from("<Q", ds64, 8)[0]}
    for at in range(28, len(ds64) - 11, 12):
        sizes.setdefault(ds64[at : at + 4], struct.unpack_from("<Q", ds64, at + 4)[0])
    return sizes


def read_format(chunk: bytes, url: str) -> WavFormat:
    """Read a ``fmt`` chunk.

    Raises
    ------
    UnreadableMedia
        If its numbers cannot be.
    UnsupportedMedia
        If the samples are compressed, or of a kind that nothing here reads.
    """
    if len(chunk) < 16:
        raise UnreadableMedia("has a damaged format", where=url, do="copy it again from the source")
    kind, channels, rate, _, block, bits = struct.unpack_from("<HHIIHH", chunk)
    if kind == _EXTENSIBLE and len(chunk) >= 26:
        kind = struct.unpack_from("<H", chunk, 24)[0]
    if not (channels and 0 < rate <= 1 << 22):
        raise UnreadableMedia(
            f"says {channels} channels at {rate} Hz", where=url, do="copy it again from the source"
        )
    sample_bytes = block // channels
    codec = _CODECS.get((kind, sample_bytes))
    if codec is None:
        raise UnsupportedMedia(
            f"holds samples of format {kind:#x} with {bits} bits",
            where=url,
            do="make PCM of it: 16, 24 or 32 bits, or float",
        )
    if block != channels * sample_bytes:
        raise UnreadableMedia("has a damaged format", where=url, do="copy it again from the source")
    return WavFormat(codec, rate, channels, sample_bytes)
