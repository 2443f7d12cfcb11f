"""WAV files by the book, with what recorders note in them."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

RATE = 48000

IXML = """<?xml version="1.0" encoding="UTF-8"?>
<BWFXML><IXML_VERSION>1.5</IXML_VERSION><PROJECT>Show</PROJECT><SCENE>12A</SCENE><TAKE>3</TAKE>
<TAPE>S014</TAPE><CIRCLED>TRUE</CIRCLED><NOTE>good &amp; quiet</NOTE>
<SPEED><TIMECODE_RATE>{rate}</TIMECODE_RATE><TIMECODE_FLAG>{flag}</TIMECODE_FLAG>{more}</SPEED>
<TRACK_LIST>
<TRACK><CHANNEL_INDEX>9</CHANNEL_INDEX><INTERLEAVE_INDEX>2</INTERLEAVE_INDEX><NAME>Anna</NAME></TRACK>
<TRACK><CHANNEL_INDEX>1</CHANNEL_INDEX><INTERLEAVE_INDEX>1</INTERLEAVE_INDEX><NAME>Boom</NAME></TRACK>
</TRACK_LIST></BWFXML>"""


def ixml(rate: str = "24000/1001", flag: str = "NDF", more: str = "") -> bytes:
    return IXML.format(rate=rate, flag=flag, more=more).encode()


def bext(time_reference: int, description: str = "") -> bytes:
    texts = struct.pack(
        "<256s32s32s10s8s", description.encode(), b"Recorder", b"", b"2026-05-04", b"10:11:12"
    )
    return texts + struct.pack("<QH", time_reference, 1) + bytes(254)


def samples_24(wave: npt.NDArray[np.float32]) -> bytes:
    """(samples, channels) ±1 as interleaved 24-bit integers."""
    words = np.round(wave * 2**23).clip(-(2**23), 2**23 - 1).astype("<i4")
    return words.view(np.uint8).reshape(*wave.shape, 4)[..., :3].tobytes()


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def format_chunk(channels: int, rate: int, bits: int, kind: int = 1) -> bytes:
    block = channels * bits // 8
    return struct.pack("<HHIIHH", kind, channels, rate, rate * block, block, bits)


def write_wav(
    path: Path,
    wave: npt.NDArray[np.float32],
    *,
    rate: int = RATE,
    notes: tuple[tuple[bytes, bytes], ...] = (),
) -> Path:
    """A 24-bit WAV of (samples, channels) with more chunks before the sound, by name and content."""
    parts = [chunk(b"fmt ", format_chunk(wave.shape[1], rate, 24))]
    parts += [chunk(name, content) for name, content in notes]
    parts.append(chunk(b"data", samples_24(wave)))
    body = b"WAVE" + b"".join(parts)
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


def noise(samples: int, channels: int = 1, seed: int = 0) -> npt.NDArray[np.float32]:
    random = np.random.default_rng(seed)
    return random.uniform(-0.5, 0.5, (samples, channels)).astype(np.float32)
